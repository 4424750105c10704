"""Votes and the panel together, as a round's rule-book says: its points share a part of the pot, or they break ties."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any
from uuid import UUID

from grants.allocation.rules.ballots import Ballots, Bid
from grants.allocation.rules.fundable import Fundable
from grants.allocation.rules.greedy import turn_of
from grants.allocation.rules.result import WANTING_MONEY, Outcome, Reason, Rule
from grants.allocation.rules.words import POUNDS, Words, words_for
from grants.rounds.rules.panel import PanelPart
from grants.rounds.rules.sharing import SHARING, MostVotesOptions, Options, SharingOptions, SharingRule

BY_POINTS = "panel"
"""``Outcome.part`` of a bid that the panel's points funded."""


@dataclass(frozen=True, slots=True)
class Panel:
    """What the panel has to say after the vote. ``share``: of the pot by its points, in whole percent (``SPLIT_POT``).

    ``scores``: (bid, points given, points that could be given) of every bid that a quorum judged, by the bid's id.
    """

    part: PanelPart
    share: int | None
    scores: tuple[tuple[UUID, int, int], ...]

    @property
    def splits(self) -> bool:
        """Whether a part of the pot goes by points; otherwise points break ties."""
        return self.part is PanelPart.SPLIT_POT

    def pot(self, pot_minor: int) -> int:
        """How much of a pot goes by points; parts of a penny stay with the votes.

        >>> Panel(PanelPart.SPLIT_POT, 20, ()).pot(1_000_04)
        20000
        """
        return pot_minor * (self.share or 0) // 100

    def parts(self) -> dict[UUID, Fraction]:
        """Of the bids that were judged: which part of the points each was given."""
        return {id: Fraction(points, most) for id, points, most in self.scores if most}

    def order(self, bids: Sequence[Bid], votes: Mapping[UUID, int]) -> list[Bid]:
        """The bids by points, the largest part first. Ties: more votes, the cheaper, the lot; not judged: last."""
        parts = self.parts()

        def place(bid: Bid) -> tuple[bool, Fraction, int, int, int]:
            part = parts.get(bid.id)
            return part is None, -(part or Fraction(0)), -votes.get(bid.id, 0), bid.cost_minor, bid.lot

        return sorted(bids, key=place)

    def tied(self, bids: Sequence[Bid]) -> list[Bid]:
        """The bids with their places by points (``Bid.tie``); equal parts have the same, and not judged is the last."""
        parts = self.parts()
        known = {bid.id for bid in bids} & parts.keys()
        place = {part: at for at, part in enumerate(sorted({parts[id] for id in known}, reverse=True))}
        return [replace(bid, tie=place[parts[bid.id]] if bid.id in parts else len(place)) for bid in bids]

    def words(self, bid_id: UUID) -> str | None:
        """A bid's points for a person: "30 of 45 points (66%)"; nothing of what was not judged."""
        found = next(((points, most) for id, points, most in self.scores if id == bid_id and most), None)
        return None if found is None else f"{found[0]:,} of {found[1]:,} points ({100 * found[0] // found[1]}%)"

    def facts(self) -> dict[str, Any]:
        """For canonical JSON."""
        return {
            "part": self.part,
            "share": self.share,
            "scores": [[id, points, most] for id, points, most in sorted(self.scores)],
        }

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> "Panel":
        """What ``facts`` told."""
        return cls(
            PanelPart(facts["part"]),
            facts["share"],
            tuple((UUID(id), int(points), int(most)) for id, points, most in facts["scores"]),
        )


@dataclass(frozen=True, slots=True)
class Turn:
    """A bid's turn in the part that goes by points. ``place``: from 1. ``left``: in the pot before it, in pence."""

    bid: Bid
    place: int
    code: Reason
    words: str
    left: int


def limits_of(read: SharingOptions) -> MostVotesOptions:
    """What every rule asks of a bid, whatever else it knows: the fewest votes, and the limits for one group."""
    return MostVotesOptions(read.minimum_votes, False, read.group_limit, read.group_cap_minor)


def by_points(
    order: Sequence[Bid],
    votes: Mapping[UUID, int],
    funded: Sequence[Bid],
    left: int,
    limits: MostVotesOptions,
    fundable: Fundable,
    words: Words = POUNDS,
) -> list[Turn]:
    """Give what is left to the bids in ``order`` that are not among ``funded``, passing over what does not fit.

    Beside all that was funded before, so that limits and the funders' conditions hold for both parts together.
    """
    taken, turns = list(funded), list[Turn]()
    done = {bid.id for bid in funded}
    for bid in order:
        if bid.id in done:
            continue
        code, said = turn_of(bid, votes.get(bid.id, 0), taken, left, limits, fundable, words)
        turns.append(Turn(bid, len(turns) + 1, code, said, left))
        if code is Reason.FUNDED:
            taken.append(bid)
            left -= bid.cost_minor
    return turns


def won_by_points(
    bids: Sequence[Bid],
    votes: Mapping[UUID, int],
    won: Sequence[UUID],
    pot_minor: int,
    panel: Panel,
    read: SharingOptions,
    fundable: Fundable,
) -> list[UUID]:
    """Who else wins, as bought, when ``won`` have won by votes. ``pot_minor``: the whole pot."""
    known = {bid.id: bid for bid in bids}
    funded = [known[id] for id in won]
    left = pot_minor - sum(bid.cost_minor for bid in funded)
    turns = by_points(panel.order(bids, votes), votes, funded, left, limits_of(read), fundable)
    return [turn.bid.id for turn in turns if turn.code is Reason.FUNDED]


class SplitPot:
    """A rule for one part of the pot, and the panel's points for the rest, with what the votes leave of theirs."""

    def __init__(self, rule: Rule, panel: Panel) -> None:
        self.rule, self.panel = rule, panel
        self.name, self.title = rule.name, rule.title

    def check_options(self, options: Options) -> None:
        """As the rule that shares by votes."""
        self.rule.check_options(options)

    def share(
        self, bids: Sequence[Bid], ballots: Ballots, pot_minor: int, options: Options, fundable: Fundable
    ) -> tuple[Outcome, ...]:
        """First the winners by votes as bought, then those by points as bought, then the others by votes.

        ``left_before_minor`` is of the whole pot. On the reserve list stands, by votes, whatever more money could help.
        """
        words, votes = words_for(ballots.points is not None), ballots.votes()
        panel_pot = self.panel.pot(pot_minor)
        vote_pot = pot_minor - panel_pot
        voted = self.rule.share(bids, ballots, vote_pot, options, fundable)
        limits = limits_of(SHARING[SharingRule(self.rule.name)].read(options))
        known = {bid.id: bid for bid in bids}
        winners = [one for one in voted if one.awarded_minor]
        funded = [known[one.bid_id] for one in winners]
        left = pot_minor - sum(one.awarded_minor for one in winners)
        turns = by_points(self.panel.order(bids, votes), votes, funded, left, limits, fundable, words)
        said = {one.bid_id: one for one in voted}
        told = [
            replace(
                one,
                left_before_minor=one.left_before_minor + panel_pot,
                reason=f"{one.reason} It is paid from the {words.money(vote_pot)} that goes by votes.",
                **_AS_SPLIT,
            )
            for one in winners
        ]
        told += [self._won(turn, said[turn.bid.id], words) for turn in turns if turn.code is Reason.FUNDED]
        end = pot_minor - sum(one.awarded_minor for one in told)
        others = sorted(
            (turn for turn in turns if turn.code is not Reason.FUNDED),
            key=lambda turn: (-votes.get(turn.bid.id, 0), turn.bid.cost_minor, turn.bid.lot),
        )
        reserve = 0
        for turn in others:
            mine = votes.get(turn.bid.id, 0)
            alone = turn_of(turn.bid, mine, (), pot_minor, limits, fundable, words)
            waits = turn.code in WANTING_MONEY and alone[0] is Reason.FUNDED
            reserve += waits
            one = self._lost(turn, said[turn.bid.id], vote_pot, words)
            told.append(replace(one, left_before_minor=end, reserve=reserve if waits else None))
        return tuple(replace(one, rank=rank) for rank, one in enumerate(told, start=1))

    def _won(self, turn: Turn, by_votes: Outcome, words: Words) -> Outcome:
        reason = (
            f"Funded by the panel's points: {self._points(turn)}. "
            f"{turn.words[0].upper()}{turn.words[1:]} By votes it was not funded: {_rest(by_votes)}"
        )
        return replace(
            by_votes,
            awarded_minor=turn.bid.cost_minor,
            reason_code=Reason.FUNDED,
            reason=reason,
            left_before_minor=turn.left,
            part=BY_POINTS,
            **_AS_SPLIT,
        )

    def _lost(self, turn: Turn, by_votes: Outcome, vote_pot: int, words: Words) -> Outcome:
        reason = f"Not funded. By votes, from {words.money(vote_pot)}: {_rest(by_votes)}"
        if turn.code is not by_votes.reason_code or turn.code in WANTING_MONEY:
            reason += f" By the panel's points: {self._points(turn)}. {turn.words[0].upper()}{turn.words[1:]}"
        return replace(by_votes, reason_code=turn.code, reason=reason, **_AS_SPLIT)

    def _points(self, turn: Turn) -> str:
        points = self.panel.words(turn.bid.id)
        if points is None:
            return f"place {turn.place}, by its votes, since the panel could not judge it"
        return f"place {turn.place} of those that were left, with {points}"


_AS_SPLIT: dict[str, Any] = {"enough": "", "votes_enough": None, "reserve": None}
"""What the votes alone would say; with two parts, ``facts`` tells what would have been enough."""


def _rest(one: Outcome) -> str:
    return one.reason.removeprefix("Not funded: ")


class TieBreak:
    """A rule whose ties the panel's points break, before anything else does."""

    def __init__(self, rule: Rule, panel: Panel) -> None:
        self.rule, self.panel = rule, panel
        self.name, self.title = rule.name, rule.title

    def check_options(self, options: Options) -> None:
        """As the rule itself."""
        self.rule.check_options(options)

    def share(
        self, bids: Sequence[Bid], ballots: Ballots, pot_minor: int, options: Options, fundable: Fundable
    ) -> tuple[Outcome, ...]:
        """As the rule itself; by most votes, each bid is told where points put it before or behind another."""
        tied = self.panel.tied(bids)
        outcomes = self.rule.share(tied, ballots, pot_minor, options, fundable)
        if self.rule.name != SharingRule.MOST_VOTES:
            return outcomes
        known, words = {bid.id: bid for bid in tied}, words_for(ballots.points is not None)
        return tuple(replace(one, reason=one.reason + self._level(one, outcomes, known, words)) for one in outcomes)

    def _level(self, one: Outcome, outcomes: Sequence[Outcome], known: Mapping[UUID, Bid], words: Words) -> str:
        mine = known[one.bid_id]
        level = [
            known[other.bid_id]
            for other in outcomes
            if other.votes == one.votes and known[other.bid_id].tie != mine.tie
        ]
        if not level:
            return ""
        other = min(level, key=lambda bid: (abs(bid.tie - mine.tie), bid.lot))
        first = mine.tie < other.tie
        return (
            f" Its {words.many} are equal with those of “{other.name}”: the panel gave this one {self._part(mine)} and "
            f"that one {self._part(other)}, so it went {'first' if first else 'second'}."
        )

    def _part(self, bid: Bid) -> str:
        return self.panel.words(bid.id) or "no points, since it could not judge it"


def combined(rule: Rule, panel: Panel | None) -> Rule:
    """The rule that shares the whole pot, with what the panel has to say."""
    if panel is None:
        return rule
    return SplitPot(rule, panel) if panel.splits else TieBreak(rule, panel)
