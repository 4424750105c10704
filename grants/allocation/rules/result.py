"""What comes out of sharing the pot: one outcome with its reason per bid, and a run that anyone can check."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from grants.allocation.rules.ballots import Ballots, Bid, excluded_by
from grants.allocation.rules.fundable import Fundable
from grants.kernel.canonical import canonical_json, fingerprint
from grants.rounds.rules.sharing import Options


class Reason(StrEnum):
    """Why a bid was or was not funded."""

    FUNDED = "funded"
    TOO_FEW_VOTES = "too_few_votes"
    DOES_NOT_FIT = "does_not_fit"
    AFTER_STOP = "after_stop"
    NOT_FUNDABLE = "not_fundable"
    GROUP_FULL = "group_full"
    GROUP_CAP = "group_cap"
    CONFLICT = "conflict"
    SUPPORTERS_SHORT = "supporters_short"


WANTING_MONEY = frozenset({Reason.DOES_NOT_FIT, Reason.AFTER_STOP, Reason.NOT_FUNDABLE, Reason.SUPPORTERS_SHORT})
"""Reasons that freed money could lift: such bids may wait on the reserve list."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened to one bid. Pence.

    ``rank``: its place in the rule's order, from 1 (most votes: by votes; the others: as bought, then by votes).
    ``left_before_minor``: what was left when its turn came.
    ``reason`` and ``enough`` are plain words; ``enough`` says what would have been enough (empty when it was funded).
    ``votes_enough``: the lowest number of votes with which it would have been funded, all else equal; nothing when it
    was funded or when no number would have done. ``reserve``: its place on the reserve list, from 1, where it wants for
    nothing but money and more votes could have won it. ``part``: "panel" where the panel's points funded it.
    """

    bid_id: UUID
    votes: int
    rank: int
    awarded_minor: int
    reason_code: Reason
    reason: str
    left_before_minor: int
    enough: str = ""
    votes_enough: int | None = None
    reserve: int | None = None
    part: str | None = None

    def facts(self) -> dict[str, Any]:
        """For canonical JSON; ``part`` only where there is one, so that other outcomes keep their checksum."""
        facts = asdict(self)
        part = facts.pop("part")
        return facts if part is None else facts | {"part": part}


class Rule(Protocol):
    """A way to share the pot. The same input gives the same outcomes on every machine, in whatever order it comes."""

    name: str
    title: str

    def check_options(self, options: Options) -> None:
        """Refuse (``RuleBroken``) options that this rule does not know or cannot follow."""

    def share(
        self, bids: Sequence[Bid], ballots: Ballots, pot_minor: int, options: Options, fundable: Fundable
    ) -> tuple[Outcome, ...]:
        """One outcome per bid, in order of rank; together they award no more than ``pot_minor``."""


@dataclass(frozen=True, slots=True)
class Run:
    """One sharing of the pot, with all that went in and came out."""

    rule: str
    options: Options
    pot_minor: int
    bids: tuple[Bid, ...]
    ballots_hash: str
    voters: int
    outcomes: tuple[Outcome, ...]

    def inputs_json(self) -> str:
        """All that went in, as text. The lot is in it: each bid carries its place."""
        return canonical_json(self._inputs())

    def outcome_json(self) -> str:
        """All that came out, as text."""
        return canonical_json(self._outcome())

    @property
    def checksum(self) -> str:
        """SHA-256 over inputs and outcome as one canonical JSON: the same facts, the same checksum on every machine."""
        return fingerprint({"inputs": self._inputs(), "outcome": self._outcome()})

    @property
    def awarded_minor(self) -> int:
        """What was given out in all."""
        return sum(outcome.awarded_minor for outcome in self.outcomes)

    @property
    def left_minor(self) -> int:
        """What nobody got."""
        return self.pot_minor - self.awarded_minor

    def _inputs(self) -> dict[str, Any]:
        return {
            "version": 1,
            "rule": self.rule,
            "options": dict(self.options),
            "pot_minor": self.pot_minor,
            "bids": [bid.facts() for bid in self.bids],
            "ballots_sha256": self.ballots_hash,
            "voters": self.voters,
        }

    def _outcome(self) -> list[dict[str, Any]]:
        return [outcome.facts() for outcome in self.outcomes]


def run_rule(
    rule: Rule, bids: Sequence[Bid], ballots: Ballots, pot_minor: int, options: Options, fundable: Fundable
) -> Run:
    """Share the pot and write down all of it.

    Refuses (``ValueError``) bids with the same id or lot, and votes for what is not on the ballot.
    """
    if pot_minor < 0:
        raise ValueError("a pot holds nothing or more")
    if len({bid.id for bid in bids}) < len(bids) or len({bid.lot for bid in bids}) < len(bids):
        raise ValueError("every bid needs an id and a lot of its own")
    if strange := set(ballots.votes()) - {bid.id for bid in bids}:
        raise ValueError(f"votes for what is not on the ballot: {sorted(strange)}")
    rule.check_options(options)
    outcomes = rule.share(bids, ballots, pot_minor, options, fundable)
    outcomes = _only_one_waits(bids, outcomes)
    assert sum(outcome.awarded_minor for outcome in outcomes) <= pot_minor
    return Run(
        rule=rule.name,
        options=dict(options),
        pot_minor=pot_minor,
        bids=tuple(sorted(bids, key=lambda bid: bid.lot)),
        ballots_hash=ballots.sha256,
        voters=ballots.voters,
        outcomes=outcomes,
    )


def _only_one_waits(bids: Sequence[Bid], outcomes: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
    """No bid waits on the reserve list that a winner excludes: money that comes free would not help it.

    Two that exclude each other may both wait: the first to move up shuts the other out then.
    """
    known = {bid.id: bid for bid in bids}
    won = [known[one.bid_id] for one in outcomes if one.awarded_minor]
    waits = sorted(
        (one.reserve, one.bid_id)
        for one in outcomes
        if one.reserve is not None and excluded_by(known[one.bid_id], won) is None
    )
    places = {id: place for place, (_, id) in enumerate(waits, start=1)}
    return tuple(replace(one, reserve=places.get(one.bid_id)) for one in outcomes)
