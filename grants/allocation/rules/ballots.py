"""What goes into sharing the pot: bids, and ballots merged so that equal ones are counted once."""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from operator import attrgetter
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Bid:
    """One proposal on the ballot. ``lot``: its place in the order drawn before the vote (lower wins a tie).

    ``group_id``: bids of one group may be limited together, by number or by pence. ``name``: as it is told of.
    ``sets``: the exclusive sets that it belongs to; of all bids of one set only one can win. ``tie``: its place by the
    panel's points where these break ties (lower wins, before the cost and the lot); worked out anew for each run.
    """

    id: UUID
    cost_minor: int
    lot: int
    group_id: UUID | None = None
    name: str = ""
    sets: tuple[UUID, ...] = ()
    tie: int = 0

    def __post_init__(self) -> None:
        if self.cost_minor <= 0:
            raise ValueError("a bid costs more than nothing")

    def excludes(self, other: "Bid") -> bool:
        """Whether only one of the two can win."""
        return bool(self.sets) and self.id != other.id and not set(self.sets).isdisjoint(other.sets)

    def facts(self) -> dict[str, Any]:
        """For canonical JSON. ``sets``, in an order of their own, only where there are any: a bid that nothing excludes
        is told as it was before there were sets, and so keeps its checksum."""
        facts = asdict(self)
        del facts["tie"]
        sets = facts.pop("sets")
        return facts | {"sets": sorted(set(sets))} if sets else facts


def excluded_by(bid: Bid, others: Iterable[Bid]) -> Bid | None:
    """Which of these takes the place of ``bid``: the first of which only one can win; nothing when it may stand."""
    return next((other for other in others if bid.excludes(other)), None) if bid.sets else None


@dataclass(frozen=True, slots=True)
class Ballots:
    """Ballots, merged: each different one once, with the number of people who cast it.

    ``points``: beside each ballot, what it gives to each bid it chose (1 or more); nothing: one for each tick. A blank
    ballot is the empty set of choices; it counts as a voter and for nobody.
    """

    approvals: tuple[tuple[tuple[UUID, ...], int], ...] = ()
    points: tuple[tuple[int, ...], ...] | None = None

    @classmethod
    def merged(cls, choices: Iterable[Iterable[UUID]]) -> "Ballots":
        """From one set of choices per person, in any order. Something chosen twice on a ballot counts once.

        >>> a, b = UUID(int=1), UUID(int=2)
        >>> Ballots.merged([[a, b], [b, a, a], []]).voters
        3
        """
        counted = Counter(tuple(sorted(set(chosen), key=_whole)) for chosen in choices)
        return cls(tuple(sorted(counted.items(), key=lambda kind: tuple(map(_whole, kind[0])))))

    @classmethod
    def of_kinds(cls, kinds: Iterable[tuple[Iterable[tuple[UUID, int]], int]], with_points: bool) -> "Ballots":
        """From ballots as (bid, points), each bid once, and how many people cast each; in any order.

        >>> a = UUID(int=1)
        >>> Ballots.of_kinds([([(a, 3)], 2), ([(a, 3)], 1)], with_points=True)
        Ballots(approvals=(((UUID('00000000-0000-0000-0000-000000000001'),), 3),), points=((3,),))
        """
        counted: Counter[tuple[tuple[int, int], ...]] = Counter()
        for kind, people in kinds:
            counted[tuple(sorted((id.int, points if with_points else 1) for id, points in kind))] += people
        merged = sorted(counted.items())
        ids = {number: UUID(int=number) for kind, _ in merged for number, _ in kind}
        return cls(
            tuple((tuple(ids[number] for number, _ in kind), people) for kind, people in merged),
            tuple(tuple(points for _, points in kind) for kind, _ in merged) if with_points else None,
        )

    @property
    def voters(self) -> int:
        """How many people cast a ballot, blank ones too."""
        return sum(people for _, people in self.approvals)

    def kinds(self) -> Iterator[tuple[tuple[UUID, ...], tuple[int, ...] | None, int]]:
        """Each different ballot: what it chose, with how many points each (nothing: one), and how many people."""
        for at, (chosen, people) in enumerate(self.approvals):
            yield chosen, None if self.points is None else self.points[at], people

    def votes(self) -> dict[UUID, int]:
        """The votes of each bid: how many people chose it, or its points; bids that nobody chose are absent."""
        votes: Counter[UUID] = Counter()
        for chosen, points, people in self.kinds():
            for at, bid_id in enumerate(chosen):
                votes[bid_id] += people * (1 if points is None else points[at])
        return dict(votes)

    def reached(self, bid_ids: Collection[UUID]) -> int:
        """How many people chose at least one of these."""
        return sum(people for chosen, people in self.approvals if any(id in bid_ids for id in chosen))

    @property
    def sha256(self) -> str:
        """A fingerprint of the ballots that does not depend on the order in which they came."""
        kinds = [[[str(id) for id in chosen], people] for chosen, people in self.approvals]
        # Text, lists and whole numbers only: the canonical form without its slow walk.
        facts: object = kinds if self.points is None else {"kinds": kinds, "points": self.points}
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


_whole = attrgetter("int")
"""Ids are put in order by their number: their own comparison is slow."""
