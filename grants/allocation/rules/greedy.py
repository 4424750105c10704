"""Most votes: fund in order of votes while the money lasts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from grants.allocation.rules.ballots import Ballots, Bid, excluded_by
from grants.allocation.rules.fundable import Fundable
from grants.allocation.rules.result import WANTING_MONEY, Outcome, Reason
from grants.allocation.rules.words import POUNDS, Words, only_one, words_for
from grants.rounds.rules.sharing import MostVotesOptions, Options


class MostVotes:
    """The rule as the registry holds it."""

    name = "most_votes"
    title = "Most votes"

    def check_options(self, options: Options) -> None:
        """Refuse (``RuleBroken``) options that this rule does not know or cannot follow."""
        MostVotesOptions.read(options)

    def share(
        self, bids: Sequence[Bid], ballots: Ballots, pot_minor: int, options: Options, fundable: Fundable
    ) -> tuple[Outcome, ...]:
        """One outcome per bid, in order of rank."""
        words = words_for(ballots.points is not None)
        return share_by_votes(bids, ballots.votes(), pot_minor, MostVotesOptions.read(options), fundable, words)


def share_by_votes(
    bids: Sequence[Bid],
    votes: Mapping[UUID, int],
    pot_minor: int,
    options: MostVotesOptions,
    fundable: Fundable,
    words: Words = POUNDS,
) -> tuple[Outcome, ...]:
    """Fund by votes until the pot is spent. Pence.

    Ties: the panel's points where they break ties (``Bid.tie``), the cheaper, then the lower lot. A bid is
    passed over, with its reason, when it has too few votes, when one beside which it cannot win is funded already, when
    its group has had its part, when it asks more than is left, or when the funders' restrictions cannot bear it beside
    those already funded. Only a bid that asks more than is left ends the sharing under ``stop_at_misfit``.
    Source: greedy utilitarian welfare with cost satisfaction (pabutools ``greedy_utilitarian_welfare``, ``Cost_Sat``).
    """
    sharing = _Sharing(bids, votes, pot_minor, options, fundable, words)
    told, reserve = [], 0
    for place in range(len(bids)):
        one = sharing.outcome(place)
        if one.reason_code in WANTING_MONEY and one.votes_enough is not None:
            reserve += 1
            one = replace(one, reserve=reserve)
        told.append(one)
    return tuple(told)


def winners_by_votes(
    bids: Sequence[Bid], votes: Mapping[UUID, int], pot_minor: int, options: MostVotesOptions, fundable: Fundable
) -> list[Bid]:
    """The bids that ``share_by_votes`` funds, in order, without a word about the others."""
    return _Sharing(bids, votes, pot_minor, options, fundable, POUNDS).funded


def turn_of(
    bid: Bid,
    votes: int,
    earlier: Sequence[Bid],
    left: int,
    options: MostVotesOptions,
    fundable: Fundable,
    words: Words,
) -> tuple[Reason, str]:
    """What happens to a bid at its turn, beside what was funded ``earlier`` and with so much ``left``; and why."""
    show = words.money
    if votes < options.minimum_votes:
        least = words.number(options.minimum_votes)
        return Reason.TOO_FEW_VOTES, f"{words.votes(votes)}; this round asks for at least {least}."
    if (rival := excluded_by(bid, earlier)) is not None:
        return Reason.CONFLICT, only_one(rival.name)
    kin = [other for other in earlier if bid.group_id is not None and other.group_id == bid.group_id]
    if options.group_limit is not None and len(kin) >= options.group_limit:
        if options.group_limit == 1:
            return Reason.GROUP_FULL, "only 1 bid of the same group can win, and one ahead of it did."
        return Reason.GROUP_FULL, f"only {len(kin)} bids of the same group can win, and {len(kin)} ahead of it did."
    together = sum(other.cost_minor for other in kin) + bid.cost_minor
    if options.group_cap_minor is not None and bid.group_id is not None and together > options.group_cap_minor:
        return Reason.GROUP_CAP, (
            f"its group would get {show(together)} in all; the most for one group is {show(options.group_cap_minor)}."
        )
    if bid.cost_minor > left:
        return Reason.DOES_NOT_FIT, (
            f"it asks for {show(bid.cost_minor)}, and {show(left)} was left when its turn came."
        )
    refusal = fundable([*(other.id for other in earlier), bid.id])
    if refusal is not None:
        return Reason.NOT_FUNDABLE, refusal
    return (
        Reason.FUNDED,
        f"{show(left)} was left when its turn came, and it asks for {show(bid.cost_minor)}.",
    )


class _Sharing:
    """One pass in order of votes, remembered so that each bid can be told what would have been enough."""

    def __init__(
        self,
        bids: Sequence[Bid],
        votes: Mapping[UUID, int],
        pot: int,
        options: MostVotesOptions,
        fundable: Fundable,
        words: Words,
    ) -> None:
        self.words, self.show = words, words.money
        self.votes = {bid.id: votes.get(bid.id, 0) for bid in bids}
        self.order = sorted(bids, key=lambda bid: (-self.votes[bid.id], bid.tie, bid.cost_minor, bid.lot))
        self.pot, self.options, self.fundable = pot, options, fundable
        self.left: list[int] = []  # before each place
        self.taken: list[int] = []  # how many were funded before each place
        self.verdicts: list[tuple[Reason, str]] = []
        self.funded: list[Bid] = []
        self.stopped_at: int | None = None
        left = pot
        for place, bid in enumerate(self.order):
            self.left.append(left)
            self.taken.append(len(self.funded))
            verdict = self._verdict(bid, self.votes[bid.id], place)
            self.verdicts.append(verdict)
            if verdict[0] is Reason.FUNDED:
                self.funded.append(bid)
                left -= bid.cost_minor
            elif verdict[0] is Reason.DOES_NOT_FIT and options.stop_at_misfit:
                self.stopped_at = place

    def _verdict(self, bid: Bid, votes: int, place: int) -> tuple[Reason, str]:
        """What happens to ``bid`` with ``votes`` when its turn comes at ``place``; for real, or to ask "what if"."""
        left, earlier = self.left[place], self.funded[: self.taken[place]]
        if self.stopped_at is not None and place > self.stopped_at and votes >= self.options.minimum_votes:
            return Reason.AFTER_STOP, (
                f"a bid with more {self.words.many} asked for more than was left, and that ends the sharing."
            )
        return turn_of(bid, votes, earlier, left, self.options, self.fundable, self.words)

    def outcome(self, place: int) -> Outcome:
        bid, (code, words) = self.order[place], self.verdicts[place]
        votes, funded = self.votes[bid.id], code is Reason.FUNDED
        opening = f"{'Funded' if funded else 'Not funded'}: place {place + 1} with {self.words.votes(votes)}. "
        if code is Reason.TOO_FEW_VOTES:
            opening = "Not funded: "
        needed = None if funded else self._votes_enough(place)
        return Outcome(
            bid_id=bid.id,
            votes=votes,
            rank=place + 1,
            awarded_minor=bid.cost_minor if funded else 0,
            reason_code=code,
            reason=opening + (words[0].upper() + words[1:] if opening.endswith(". ") else words),
            left_before_minor=self.left[place],
            enough="" if funded else self._enough(place, needed),
            votes_enough=needed,
        )

    def _votes_enough(self, place: int) -> int | None:
        """The fewest votes with which the bid at ``place``, not funded there, would have been; others unchanged.

        Further up, more is left and fewer are funded before it, so whatever holds at one place holds above it: search
        by halves for the last place that would do. Before its place the run is the same with and without it.
        """
        bid, plenty = self.order[place], max([self.options.minimum_votes, *self.votes.values()]) + 1

        def would_do(at: int) -> bool:
            return self._verdict(bid, plenty, at)[0] is Reason.FUNDED

        if not would_do(0):
            return None
        low, high = 0, place  # low would do; above high none is asked
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if would_do(middle) else (low, middle - 1)
        if low == place:  # only its votes were too few, wherever it stood
            return self.options.minimum_votes
        ahead = self.order[low]
        ties_ahead = (bid.tie, bid.cost_minor, bid.lot) < (ahead.tie, ahead.cost_minor, ahead.lot)
        return max(self.options.minimum_votes, self.votes[ahead.id] + (0 if ties_ahead else 1))

    def _enough(self, place: int, needed: int | None) -> str:
        bid, code, left = self.order[place], self.verdicts[place][0], self.left[place]
        ways = []
        if needed is not None:
            more = needed - self.votes[bid.id]
            in_all = self.words.number(needed)
            ways.append(f"With {self.words.votes(more, 'more')} ({in_all} in all) it would have been funded.")
        else:
            ways.append(f"No number of {self.words.many} would have been enough: {self._never(bid)}")
        if code is Reason.DOES_NOT_FIT and left:
            ways.append(f"With the same {self.words.many}, {self.show(left)} or less would have fitted.")
        return " ".join(ways)

    def _never(self, bid: Bid) -> str:
        if bid.cost_minor > self.pot:
            return f"the whole pot is {self.show(self.pot)}."
        cap = self.options.group_cap_minor
        if cap is not None and bid.group_id is not None and bid.cost_minor > cap:
            return f"the most for one group is {self.show(cap)}."
        return "even on its own, the funders' money may not be spent on it."
