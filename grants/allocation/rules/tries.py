"""Run equal shares again for "what if", without the runs of its completion that cannot come out otherwise.

A bid that is not bought in a run changes nothing in it. So, as long as it can be shown that a bid would not be bought
with a share, cheaper or with more supporters, the run with that share is the one that is known, and the completion may
begin later. To show it, the bid's supporters are followed through the known purchases, for many shares at once: before
each purchase, at what that one cost for its worth, they must not have the bid's price between them. Floating point is
good enough: what is near counts as bought, and an earlier beginning is never wrong.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

from grants.allocation.rules.election import Election, Gate, Real, top_up
from grants.allocation.rules.enough import Enough, at_cost, edge, what_would_do, with_more
from grants.allocation.rules.shares import (
    Settings,
    Shared,
    Walked,
    exhaustive,
    first_share,
    run_once,
    share_equally,
    walked,
)
from grants.kernel.later import Later

if TYPE_CHECKING:
    import numpy as np
else:
    np = Later("numpy")

NEAR = 1e-9
CELLS = 1_000_000
"""How many amounts are followed at once."""
CLOSER = 8


@dataclass
class Tries:
    """``gate_for``: what stands between a bid and its money in an election where one bid's cost is another one."""

    election: Election
    settings: Settings
    gate_for: Callable[[Election], Gate]
    shared: Shared
    _earlier: dict[Fraction, Walked | None] = field(default_factory=dict)
    _known: dict[tuple[int, Fraction], tuple[float, float]] = field(default_factory=dict)

    def wins_at(self, bid: int, cost: int) -> bool:
        """Whether the bid wins when it costs no more than ``cost``, which is less than it does."""
        if bid in self.shared.winners:
            raise ValueError("it wins already")
        changed = at_cost(self.election, bid, cost)
        shares = [one.share for one in self.shared.trail]
        limits = self._limits(bid, self.shared.trail)
        return self._wins(changed, bid, shares, [limit[0] < cost * (1 - NEAR) for limit in limits])

    def wins_with(self, bid: int, number: int, points: int = 1) -> bool:
        """Whether the bid wins when so many more people choose it and nothing else."""
        changed = with_more(self.election, bid, number, points)
        trail = self._trail_from(first_share(changed, self.settings))
        shares = [one.share for one in trail]
        limits = self._limits(bid, trail)
        return self._wins(changed, bid, shares, [number * points < limit[1] * (1 - NEAR) for limit in limits])

    def enough(self, bid: int, left_before: int, points: int = 1) -> Enough:
        """What would have been enough for a bid that lost. ``left_before``: in the pot at its turn."""
        election, (cost, more) = self.election, self._limits(bid, self.shared.trail[-1:])[0]
        price = max(int(cost), left_before if self.settings.completion == "add1u" else 0)
        most = max(1, election.voters)
        guess = (
            edge(lambda cost: self._nearly(at_cost(election, bid, cost), bid), election.costs[bid], price),
            1
            + edge(
                lambda number: not self._nearly(with_more(election, bid, number, points), bid),
                most + 1,
                ceil(min(more, float(most)) / points) - 1,
            ),
        )
        return what_would_do(
            election.costs[bid],
            election.voters,
            lambda cost: self.wins_at(bid, cost),
            lambda number: self.wins_with(bid, number, points),
            guess,
        )

    def _nearly(self, changed: Election, bid: int) -> bool:
        """Whether the bid seems to win: as if a completion that overspends with one share did so with any larger."""
        settings, gate = self.settings, self.gate_for(changed)
        first = first_share(changed, settings)
        known = {-1: run_once(changed, first, settings.by_cost, gate)}
        if settings.completion != "none" and changed.voters:

            def goes_on(at: int) -> bool:
                done = known[at] = run_once(changed, first + at * settings.step, settings.by_cost, gate)
                ends = not done.waiting or (settings.exhaustive_stop and exhaustive(changed, done, gate))
                return not (ends or done.overspent)

            far = int((changed.pot - first) / settings.step) + 2
            last = edge(goes_on, far, int((self.shared.final.share - first) / settings.step))
            after = known.get(last + 1)
            final = known.get(last, known[-1]) if after is None or after.overspent else after
        else:
            final = known[-1]
        added = top_up(changed, final.order, gate) if settings.completion == "add1u" else []
        return bid in final.order or bid in added

    def _wins(self, changed: Election, bid: int, shares: list[Fraction], same: list[bool]) -> bool:
        begin = None
        if self.settings.completion != "none":
            alike = same.index(False) if False in same else len(same)
            step = self.settings.step  # where steps were left out nothing is known of them
            even = next((at for at, share in enumerate(shares) if share != shares[0] + at * step), len(shares))
            begin = shares[min(alike, even) - 1] if min(alike, even) else None
        return bid in share_equally(changed, self.settings, self.gate_for(changed), begin=begin).winners

    def _trail_from(self, share: Fraction) -> list[Walked]:
        """The known runs from this share on, with those below the first one made where the steps lead to it."""
        first = self.shared.trail[0].share
        steps = (first - share) / self.settings.step
        if steps < 0 or steps.denominator != 1 or steps > 10_000:
            return []
        earlier = []
        for at in range(int(steps)):
            found = self._before(share + at * self.settings.step)
            if found is None:
                return []
            earlier.append(found)
        return [*earlier, *self.shared.trail]

    def _before(self, share: Fraction) -> Walked | None:
        """The run with a share below the first; nothing when the completion would end with it."""
        if share not in self._earlier:
            gate = self.gate_for(self.election)
            done = run_once(self.election, share, self.settings.by_cost, gate)
            ends = not done.waiting or (self.settings.exhaustive_stop and exhaustive(self.election, done, gate))
            self._earlier[share] = None if ends or done.overspent else walked(done)
        return self._earlier[share]

    def _limits(self, bid: int, trail: Sequence[Walked]) -> list[tuple[float, float]]:
        """For each run: a cost above which the bid is certainly not bought, and points below which it is not."""
        unknown = [one for one in trail if (bid, one.share) not in self._known]
        kinds = len(self.election.by_bid[bid][0])
        rows = max(1, CELLS // max(1, kinds))
        for start in range(0, len(unknown), rows):
            some = unknown[start : start + rows]
            for one, cost, points in zip(some, *self._follow(bid, some), strict=True):
                self._known[bid, one.share] = cost, points
        return [self._known[bid, one.share] for one in trail]

    def _follow(self, bid: int, trail: Sequence[Walked]) -> tuple[list[float], list[float]]:
        election, by_cost = self.election, self.settings.by_cost
        cost = float(election.costs[bid])
        kinds, people, points = election.by_bid[bid]
        given = np.ones(len(kinds)) if points is None else points
        chosen = np.zeros((len(election.costs) + 1, len(kinds)))
        rows, at = election.entries(kinds)
        chosen[election.chosen[at], rows] = 1 if election.points is None else election.points[at]
        shares = np.array([float(one.share) for one in trail])
        most = max((len(one.order) for one in trail), default=0)
        orders = np.full((len(trail), most), len(election.costs))  # the last row of ``chosen``: nobody's bid
        paces = np.zeros((len(trail), most))
        for row, one in enumerate(trail):
            orders[row, : len(one.order)] = one.order
            paces[row, : len(one.order)] = one.paces
        worth = np.array([*(election.costs if by_cost else [1] * len(election.costs)), 1], float)
        held = np.repeat(shares[:, None], len(kinds), axis=1)
        costs, wanted = np.zeros(len(trail)), np.full(len(trail), np.inf)
        everybody = float(people @ given)
        for place in range(most + 1):
            if place == most:  # at the end: all that they have
                costs = np.maximum(costs, held @ people)
                with np.errstate(divide="ignore", invalid="ignore"):  # where nobody holds anything, nobody is enough
                    wanted = np.minimum(wanted, (cost - held @ people) / shares)
                break
            rate = paces[:, place] / worth[orders[:, place]]
            full = rate * (cost if by_cost else 1.0)
            each = np.minimum(shares, full)
            there = orders[:, place] < len(election.costs)
            # By cost, nobody can beat this rate while all of them together pay less than the bid's cost at it.
            look = there & (rate * everybody >= 1 - NEAR) if by_cost else there
            paid = np.zeros(len(trail))
            if look.any():
                paid[look] = _paid(held[look], people, given, full[look])
                bound = np.minimum(paid, cost) if by_cost else paid
                for _ in range(CLOSER if by_cost else 0):
                    bound[look] = _paid(held[look], people, given, rate[look] * bound[look])
                costs[look] = np.maximum(costs, bound)[look]
            if (there & ~look).any():
                rest = there & ~look
                paid[rest] = np.minimum(full[rest] * everybody, cost)
            with np.errstate(divide="ignore", invalid="ignore"):
                wanted = np.where(there, np.minimum(wanted, (cost - paid) / each), wanted)
            held -= paces[:, place, None] * chosen[orders[:, place]]
            np.maximum(held, 0.0, out=held)
        return costs.tolist(), wanted.tolist()


def _paid(held: Real, people: Real, points: Real, full: Real) -> Real:
    return np.minimum(held, full[:, None] * points) @ people
