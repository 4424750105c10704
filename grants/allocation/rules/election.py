"""An election packed into arrays: what the rules that look at single ballots count on."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID

from grants.allocation.rules.ballots import Ballots, Bid, excluded_by
from grants.allocation.rules.fundable import Fundable, always_fundable
from grants.allocation.rules.words import only_one
from grants.kernel.later import Later

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Whole = NDArray[np.int64]
    Real = NDArray[np.float64]
else:
    np = Later("numpy")
    Whole = Real = object


LARGEST = 2**53
"""Counts and points stay below this, so that sums of them are exact in floating point too."""


@dataclass(frozen=True)
class Election:
    """Bids by their index, and ballots merged: each different ballot (a kind) once, with how many cast it.

    ``costs``, ``pot``: whole numbers of one smallest unit. ``lots``: each bid's place in the lot. ``people``: how many
    cast each kind, blank ones too. Kind ``k`` chose ``chosen[starts[k]:starts[k + 1]]``, with so many ``points`` each
    (nothing: one for each tick). Every entry of ``points`` is 1 or more.
    """

    costs: tuple[int, ...]
    lots: tuple[int, ...]
    pot: int
    people: Whole
    starts: Whole
    chosen: Whole
    points: Whole | None = None
    groups: tuple[object | None, ...] = ()
    scores: tuple[int, ...] | None = field(default=None)
    """Votes of each bid where they are not the sum of ``points``: negative points, or points for what nobody named."""
    ties: tuple[int, ...] = ()
    """Each bid's place by the panel's points, where these break ties before anything else."""

    def __post_init__(self) -> None:
        if min(self.costs, default=1) <= 0:
            raise ValueError("a bid costs more than nothing")
        if self.pot < 0:
            raise ValueError("a pot holds nothing or more")
        if len(set(self.lots)) < len(self.costs):
            raise ValueError("every bid needs a lot of its own")
        if self.voters * self.most_given >= LARGEST:
            raise ValueError("there are too many points to count")

    @classmethod
    def packed(
        cls,
        costs: Sequence[int],
        lots: Sequence[int],
        pot: int,
        kinds: Sequence[tuple[Sequence[int], Sequence[int] | None, int]],
        groups: Sequence[object | None] = (),
        scores: tuple[int, ...] | None = None,
    ) -> "Election":
        """From kinds of ballot: (indices of bids, each once; their points or nothing; how many people)."""
        starts = np.zeros(len(kinds) + 1, np.int64)
        np.cumsum([len(chosen) for chosen, _, _ in kinds], out=starts[1:])
        with_points = any(points is not None for _, points, _ in kinds)
        return cls(
            costs=tuple(costs),
            lots=tuple(lots),
            pot=pot,
            people=np.array([people for _, _, people in kinds], np.int64),
            starts=starts,
            chosen=np.array([bid for chosen, _, _ in kinds for bid in chosen], np.int64),
            points=np.array([point for _, points, _ in kinds for point in points or ()], np.int64)
            if with_points
            else None,
            groups=tuple(groups),
            scores=scores,
        )

    @classmethod
    def of(cls, bids: Sequence[Bid], ballots: Ballots, pot_minor: int) -> "Election":
        """From a round's bids and ballots; index ``i`` is ``bids[i]``."""
        index = {bid.id: i for i, bid in enumerate(bids)}
        packed = cls.packed(
            [bid.cost_minor for bid in bids],
            [bid.lot for bid in bids],
            pot_minor,
            [([index[id] for id in chosen], points, people) for chosen, points, people in ballots.kinds()],
            [bid.group_id for bid in bids],
        )
        return replace(packed, ties=tuple(bid.tie for bid in bids)) if any(bid.tie for bid in bids) else packed

    @cached_property
    def voters(self) -> int:
        """How many people cast a ballot, blank ones too."""
        return int(self.people.sum())

    @cached_property
    def by_bid(self) -> tuple[tuple[Whole, Real, Real | None], ...]:
        """For each bid: the kinds that chose it, how many people each, and their points (nothing: one each)."""
        order = np.argsort(self.chosen, kind="stable")
        kinds = np.repeat(np.arange(len(self.people), dtype=np.int64), np.diff(self.starts))[order]
        ends = np.cumsum(np.bincount(self.chosen, minlength=len(self.costs)))
        people = self.people.astype(np.float64)
        points = None if self.points is None else self.points[order].astype(np.float64)
        found, start = [], 0
        for end in map(int, ends):
            mine = kinds[start:end]
            found.append((mine, people[mine], None if points is None else points[start:end]))
            start = end
        return tuple(found)

    @cached_property
    def supporters(self) -> tuple[int, ...]:
        """How many people chose each bid."""
        return tuple(int(people.sum()) for _, people, _ in self.by_bid)

    @cached_property
    def most_given(self) -> int:
        """The most that any ballot gives to one bid: what one more supporter is thought to give, who wants no other."""
        return int(self.points.max()) if self.points is not None and len(self.points) else 1

    @cached_property
    def votes(self) -> tuple[int, ...]:
        """The votes of each bid: how many people chose it, or the sum of their points."""
        if self.scores is not None:
            return self.scores
        return tuple(int(people.sum() if points is None else people @ points) for _, people, points in self.by_bid)

    def tie(self, bid: int) -> int:
        """A bid's place by the panel's points, where these break ties; the same for all where they do not."""
        return self.ties[bid] if self.ties else 0

    def ahead(self, bid: int) -> tuple[int, int, int, int]:
        """Breaks ties between bids that are equally well supported: the panel's points where the rule-book says so,
        the cheaper, then more votes, then the lot."""
        return self.tie(bid), self.costs[bid], -self.votes[bid], self.lots[bid]

    def by_votes(self) -> list[int]:
        """All bids, the most votes first; ties: the panel's points if they count, the cheaper, then the lot."""

        def place(bid: int) -> tuple[int, int, int, int]:
            return -self.votes[bid], self.tie(bid), self.costs[bid], self.lots[bid]

        return sorted(range(len(self.costs)), key=place)

    def for_the_rest(self) -> list[int]:
        """All bids in the order in which what is left goes: the most votes first; ties go by the panel's points if they
        count, and then by the lot alone, as on equalshares.net, so that a result can be checked there."""

        def place(bid: int) -> tuple[int, int, int]:
            return -self.votes[bid], self.tie(bid), self.lots[bid]

        return sorted(range(len(self.costs)), key=place)

    def count(self, kinds: Whole) -> tuple[int, list[int]]:
        """Of the people who cast these kinds: how many, and how many points they gave to each bid they chose."""
        people, (rows, at) = self.people[kinds], self.entries(kinds)
        weights = people[rows].astype(np.float64)
        if self.points is not None:
            weights *= self.points[at]
        counted = np.bincount(self.chosen[at], weights=weights, minlength=len(self.costs))
        return int(people.sum()), counted.astype(np.int64).tolist()

    def entries(self, kinds: Whole) -> tuple[Whole, Whole]:
        """All choices of these kinds: the place in ``kinds`` and the place in ``chosen`` of each."""
        lengths = self.starts[kinds + 1] - self.starts[kinds]
        first = self.starts[kinds] - (np.cumsum(lengths) - lengths)
        return np.repeat(np.arange(len(kinds)), lengths), np.repeat(first, lengths) + np.arange(int(lengths.sum()))

    def kind(self, kind: int) -> list[tuple[int, int]]:
        """What one kind chose: (bid, points)."""
        start, end = int(self.starts[kind]), int(self.starts[kind + 1])
        points = [1] * (end - start) if self.points is None else self.points[start:end].tolist()
        return list(zip(self.chosen[start:end].tolist(), points, strict=True))

    def sha256(self, ids: Sequence[str]) -> str:
        """A fingerprint of the ballots under the bids' ids, whatever their order and however they are merged."""
        place = {id: at for at, id in enumerate(sorted(ids))}
        named = np.array([place[id] for id in ids], np.int64)[self.chosen]
        order = np.lexsort((named, np.repeat(np.arange(len(self.people)), np.diff(self.starts))))
        points = [1] * len(named) if self.points is None else self.points[order].tolist()
        entries, starts = list(zip(named[order].tolist(), points, strict=True)), self.starts.tolist()
        merged: Counter[tuple[tuple[int, int], ...]] = Counter()
        for start, end, people in zip(starts, starts[1:], self.people.tolist(), strict=False):
            merged[tuple(entries[start:end])] += people
        # Text, lists and whole numbers only: the canonical form without its slow walk.
        facts = {"ballots": sorted(merged.items()), "ids": sorted(ids)}
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Gate:
    """What stands between a bid that the rule picks and its money, beside the size of the pot.

    ``ids``: by index, as ``fundable`` knows them. Answers are remembered: the same set is asked about again and again.
    """

    election: Election
    ids: Sequence[UUID] = ()
    fundable: Fundable = always_fundable
    group_limit: int | None = None
    group_cap: int | None = None
    minimum_votes: int = 0
    bids: Sequence[Bid] = ()
    """By index, where some exclude each other: of one exclusive set only one can win."""
    _known: dict[tuple[frozenset[int], int], str | None] = field(default_factory=dict)

    def refuses(self, funded: Sequence[int], bid: int) -> tuple[str, str | None] | None:
        """Why ``bid`` cannot be funded beside ``funded``: (reason code, its own words if any); nothing when it can."""
        if (conflict := self.excluded(funded, bid)) is not None:
            return conflict
        group = self.election.groups[bid] if self.election.groups else None
        if group is not None and (self.group_limit is not None or self.group_cap is not None):
            kin = [other for other in funded if self.election.groups[other] == group]
            if self.group_limit is not None and len(kin) >= self.group_limit:
                return "group_full", None
            together = sum(self.election.costs[other] for other in kin) + self.election.costs[bid]
            if self.group_cap is not None and together > self.group_cap:
                return "group_cap", None
        if self.fundable is always_fundable:
            return None
        key = frozenset(funded), bid
        if key not in self._known:
            self._known[key] = self.fundable([*(self.ids[other] for other in funded), self.ids[bid]])
        words = self._known[key]
        return None if words is None else ("not_fundable", words)

    def excluded(self, funded: Sequence[int], bid: int) -> tuple[str, str | None] | None:
        """The same, where it is because only one of two can win."""
        if not self.bids:
            return None
        rival = excluded_by(self.bids[bid], (self.bids[other] for other in funded))
        return None if rival is None else ("conflict", only_one(rival.name))

    def wants(self, bid: int) -> bool:
        """Whether it has the votes that the round asks for."""
        return self.election.votes[bid] >= self.minimum_votes


def top_up(election: Election, funded: Sequence[int], gate: Gate) -> list[int]:
    """What else the pot can pay, in order of votes (``for_the_rest``), skipping what does not fit; as bought."""
    bought, left = list(funded), election.pot - sum(election.costs[bid] for bid in funded)
    for bid in election.for_the_rest():
        if bid not in bought and gate.wants(bid) and election.costs[bid] <= left and not gate.refuses(bought, bid):
            bought.append(bid)
            left -= election.costs[bid]
    return bought[len(funded) :]


Progress = Callable[[int, int], None]
"""Told now and then how much of the pot is spent, and the pot."""
