"""Sequential Phragmén on a packed election, in exact arithmetic."""

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from grants.allocation.rules.election import Election, Gate, Whole
from grants.allocation.rules.shares import Paths
from grants.kernel.later import Later

if TYPE_CHECKING:
    import numpy as np
else:
    np = Later("numpy")


@dataclass
class Paced:
    """What came of it. ``moments``: when each was bought, in money earned per person.

    ``stopped_by``: the bid whose turn came with too little left, which ended the sharing.
    """

    order: list[int] = field(default_factory=list)
    moments: list[Fraction] = field(default_factory=list)
    left_before: dict[int, int] = field(default_factory=dict)
    refused: dict[int, tuple[str, str | None]] = field(default_factory=dict)
    stopped_by: int | None = None


def share_in_turn(election: Election, gate: Gate, stop: bool = True) -> Paced:
    """Everybody earns at the same pace; a bid is bought as soon as those who chose it have its cost between them.

    They pay with all they have. Points count as ticks. ``stop``: the sharing ends as soon as a bid that they could pay
    for is above what is left in the pot, be it one of several at that moment; otherwise such a bid is passed over. A
    bid above the whole pot is never in the running. Ties: the cheaper, then more votes, then the lot. Source: Brill et
    al., "Phragmén's Voting Methods and Justified Representation" (2017); pabutools ``sequential_phragmen``.

    Exact: everybody's last purchase was at one of the earlier moments, so a bid's moment is (cost + Σ people × their
    last moment) / people: whole-number counts over one common denominator.
    """
    done, left = Paced(), election.pot
    running = {
        bid
        for bid, cost in enumerate(election.costs)
        if election.supporters[bid] and cost <= election.pot and gate.wants(bid)
    }
    paid_last = np.zeros(len(election.people), np.int64)  # 0: nothing yet; k: at the k-th purchase
    moments, unit = [0], 1  # in 1/unit
    counts = {bid: [election.supporters[bid]] for bid in running}
    while running:
        due: dict[int, tuple[int, int]] = {}
        for bid in running:
            spent = sum(people * moments[at] for at, people in enumerate(counts[bid]) if people)
            due[bid] = election.costs[bid] * unit + spent, election.supporters[bid]
        first = min(running, key=lambda bid: (Fraction(*due[bid]), *election.ahead(bid)))
        moment, people = due[first]
        if stop:
            level = [bid for bid in running if due[bid][0] * people == moment * due[bid][1]]
            if misfits := [bid for bid in level if election.costs[bid] > left]:
                done.stopped_by = min(misfits, key=election.ahead)
                break
        running.discard(first)
        done.left_before[first] = left
        if election.costs[first] > left:
            continue
        if refusal := gate.refuses(done.order, first):
            done.refused[first] = refusal
            continue
        done.order.append(first)
        done.moments.append(Fraction(moment, people * unit))
        left -= election.costs[first]
        moments = [one * people for one in moments] + [moment]
        unit *= people
        paid_last[election.by_bid[first][0]] = len(done.order)
        for bid in running:
            kinds, weights, _ = election.by_bid[bid]
            counts[bid] = (
                np.bincount(paid_last[kinds], weights=weights, minlength=len(moments)).astype(np.int64).tolist()
            )
    return done


def next_in_turn(election: Election) -> list[int]:
    """All bids that somebody chose, in the order in which their supporters would have the money of a pot for all."""
    every = replace(election, pot=sum(election.costs))
    return share_in_turn(every, Gate(every), stop=False).order


def follow_in_turn(election: Election, paced: Paced) -> Paths:
    """Where the money of every bid's supporters went, exactly: what they had earned when each bid was bought.

    ``left``: what they had at the moment of the last purchase.
    """
    size, moments = len(election.costs), [Fraction(0), *paced.moments]
    paid_last = np.zeros(len(election.people), np.int64)
    spent: list[dict[int, Fraction]] = [{} for _ in range(size)]

    def earned(kinds: Whole, at: int) -> list[Fraction | int]:
        """What the people of these kinds, by the bid they chose, earned since they last paid."""
        rows, entries = election.entries(kinds)
        cells = election.chosen[entries] * len(moments) + paid_last[kinds][rows]
        people = election.people[kinds][rows].astype(np.float64)
        counts = np.bincount(cells, weights=people, minlength=size * len(moments)).astype(np.int64)
        return [
            sum((moments[at] - moments[last]) * int(count) for last, count in enumerate(mine) if count)
            for mine in counts.reshape(size, len(moments))
        ]

    for place, bid in enumerate(paced.order, start=1):
        kinds = election.by_bid[bid][0]
        for other, amount in enumerate(earned(kinds, place)):
            if amount:
                spent[other][bid] = Fraction(amount)
        paid_last[kinds] = place
    left = earned(np.arange(len(election.people), dtype=np.int64), len(paced.order))
    return Paths(tuple(spent), tuple(map(Fraction, left)), {})
