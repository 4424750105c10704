"""How far a share can grow before a run of equal shares may go otherwise, so that small steps need not all be taken.

As long as the same bids have their turn in the same order, and the same ones wait at the end, a completion goes on. To
show it for all shares from one to another, what each person holds is kept between two straight lines over the shares,
known by their values at both ends. The price of a point is convex in the share when what people hold goes by straight
lines, since ``Σ min(what one holds, price × points)`` is concave. So

- above it lies the line through the prices at both ends, worked out with the lower lines of what people hold;
- below it lies ``(cost − what these people hold) / points of the others``, for any people, with the upper lines.

Where nobody comes to the edge of what they hold between the two shares, both lines fall together and are the truth.
Every line is drawn wider by more than floating point can be wrong, and what is not certain counts as not shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from grants.allocation.rules.election import Election, Gate, Real, Whole
from grants.kernel.later import Later

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    np = Later("numpy")

EPS = 2.0**-53
SHOWN = 1.0
"""The run goes alike for all shares of the stretch."""


@dataclass(slots=True)
class _Bid:
    """``kinds``: of its supporters that may still hold something; how many ``people``, and the points each ``gave``."""

    cost: int
    worth: int
    kinds: Whole
    people: Real
    gave: Real

    @property
    def rounding(self) -> float:
        """More than a sum over its supporters can be wrong, as a part of it."""
        return (len(self.kinds) + 16) * 4 * EPS

    def price(self, held: Real) -> tuple[float, float]:
        """Nearly what one point costs when people hold so much, and how many points are paid for in full (or 0)."""
        weights = self.people * self.gave
        price = self.cost / float(weights.sum())
        while True:
            poor = held < price * self.gave
            paying = float(weights[~poor].sum())
            if paying <= 0:
                return price, 0.0
            raised = (self.cost - float((self.people * held)[poor].sum())) / paying
            if raised <= price:
                return price, paying
            price = raised

    def below(self, high: Real, poor: "NDArray[np.bool_]") -> Real | None:
        """A line below the price of a point, by the people who are ``poor``; nothing when nobody is left to pay."""
        paying = float((self.people * self.gave)[~poor].sum())
        if paying <= 0:
            return None
        spent: Real = high @ (self.people * poor)
        line: Real = (self.cost - spent - self.rounding * (spent + self.cost)) / paying * (1 - 8 * EPS)
        return line


class _Stretch:
    """All shares from ``near`` to ``far`` at once. ``least``: lines below what a bid asks for what it is worth."""

    def __init__(self, election: Election, by_cost: bool, gate: Gate, near: Fraction, far: Fraction) -> None:
        ends = np.array([[float(near)], [float(far)]])
        self.election, self.little = election, 8 * EPS * float(far)
        self.low: Real = np.repeat(ends * (1 - 4 * EPS), len(election.people), axis=1)
        self.high: Real = np.repeat(ends * (1 + 4 * EPS), len(election.people), axis=1)
        self.least: Real = np.full((2, len(election.costs)), np.inf)
        self.bids: dict[int, _Bid] = {}
        for bid, (kinds, people, points) in enumerate(election.by_bid):
            if len(kinds) and gate.wants(bid):
                cost, many = election.costs[bid], people.astype(np.float64)
                gave = np.ones(len(kinds)) if points is None else points.astype(np.float64)
                self.bids[bid] = made = _Bid(cost, cost if by_cost else 1, kinds, many, gave)
                self.least[:, bid] = cost / float(many @ gave) / made.worth * (1 - 16 * EPS)

    def shown(self, turns: Sequence[int], bought: frozenset[int]) -> float:
        """``SHOWN``, or a guess of the part of the stretch for which it could be shown (0: no idea).

        ``turns``: the bids that have their turn, in order; those that are not ``bought`` were refused.
        """
        for bid in turns:
            if (part := self._turn(bid, bid in bought)) < SHOWN:
                return part
        for bid in self.bids:
            if self.least[0, bid] < np.inf and (part := _part(self._lacks(bid))) < SHOWN:
                return part
        return SHOWN

    def _turn(self, bid: int, bought: bool) -> float:
        one = self._alive(bid)
        del self.bids[bid]
        self.least[:, bid] = np.inf
        low, high = self.low[:, one.kinds], self.high[:, one.kinds]
        if (part := _part((low @ one.people) * (1 - one.rounding) - one.cost)) < SHOWN:
            return part
        ends = []
        for held in low:
            price, paying = one.price(held)
            if not paying:
                return 0.0
            top = price * (1 + 8 * EPS) + 2 * one.rounding * (float(one.people @ held) + one.cost) / paying
            if float(np.minimum(held, top * one.gave) @ one.people) * (1 - one.rounding) < one.cost:
                return 0.0
            ends.append(top)
        above = np.array(ends)
        middle = (high[0] + high[1]) / 2
        below = one.below(high, middle < one.price(middle)[0] * one.gave)
        if below is None or below.min() < 0:
            return 0.0
        in_full = bool((low > above[:, None] * one.gave * (1 + 4 * EPS)).all())
        if (part := self._first(bid, one, above / one.worth * (1 + 8 * EPS), in_full)) < SHOWN:
            return part
        if bought:
            left = low - above[:, None] * one.gave * (1 + 4 * EPS) - self.little
            self.low[:, one.kinds] = np.where((left < 0).any(axis=0), 0.0, left)
            pays = below[:, None] * one.gave * (1 - 4 * EPS)
            emptied = (high <= pays).all(axis=0)
            self.high[:, one.kinds] = np.where(emptied, 0.0, np.maximum(high - pays, 0.0) + self.little)
        return SHOWN

    def _first(self, bid: int, one: _Bid, rate: Real, in_full: bool) -> float:
        """Whether no other bid asks for less, or as much and comes before it. ``in_full``: all pay its full price."""
        points = int(one.people @ one.gave)
        for other in np.flatnonzero((self.least <= rate[:, None]).any(axis=0)).tolist():
            if (self._lacks(other) > 0).all():
                self.least[:, other] = np.inf
                continue
            rival = self._alive(other)
            high = self.high[:, rival.kinds]
            poor = (high[0] + high[1]) / 2 < (rate[0] + rate[1]) / 2 * rival.worth * rival.gave
            line = rival.below(high, poor)
            if line is not None:
                self.least[:, other] = line / rival.worth * (1 - 8 * EPS)
                if (self.least[:, other] > rate).all():
                    continue
            if in_full:  # the price is exact, and the other's is not lower than when all of them pay in full
                mine = one.cost * int(rival.people @ rival.gave) * rival.worth
                theirs = rival.cost * points * one.worth
                if mine < theirs or (mine == theirs and self.election.ahead(bid) < self.election.ahead(other)):
                    continue
            return 0.0 if line is None else min(_part(self.least[:, other] - rate), 0.99)
        return SHOWN

    def _alive(self, bid: int) -> _Bid:
        one = self.bids[bid]
        alive = self.high[1, one.kinds] > 0
        if not alive.all():
            one.kinds, one.people, one.gave = one.kinds[alive], one.people[alive], one.gave[alive]
        return one

    def _lacks(self, bid: int) -> Real:
        """What its supporters lack together, or less; above nothing at both ends: they can never pay for it."""
        one = self.bids[bid]
        lacks: Real = one.cost - (self.high[:, one.kinds] @ one.people) * (1 + one.rounding)
        return lacks


def _part(line: Real) -> float:
    """For which part of the stretch a line is above nothing, from its beginning; ``SHOWN``: at both ends."""
    near, far = line.tolist()
    if near <= 0:
        return 0.0
    return SHOWN if far > 0 else min(near / (near - far), 0.99)


FEWEST = 8
"""Below so many steps they are taken one by one."""


class Leaps:
    """How many steps can be left out, again and again along a completion.

    ``pause``: where nothing could be left out, it is not tried again for some runs, more and more of them.
    """

    def __init__(self, election: Election, by_cost: bool, gate: Gate, step: int) -> None:
        self.election, self.by_cost, self.gate, self.step = election, by_cost, gate, step
        self.hope, self.pause, self.waited = 64, 0, 0

    def after(self, share: Fraction, turns: Sequence[int], bought: Sequence[int]) -> int:
        """How many of the next steps certainly give the run that this share gave."""
        if self.waited < self.pause:
            self.waited += 1
            return 0
        sure, bad, hope = 0, 0, self.hope
        while hope >= FEWEST and hope > sure * 1.05:
            stretch = _Stretch(self.election, self.by_cost, self.gate, share, share + hope * self.step)
            part = stretch.shown(turns, frozenset(bought))
            if part == SHOWN:
                sure = hope
                hope = min(hope * 4, (sure + bad) // 2) if bad else hope * 4
            else:
                bad = hope
                hope = max(int(hope * part * 0.98), sure) if part else (sure + hope) // (2 if sure else 8)
        self.pause = 0 if sure else min(2 * self.pause + 1, 64)
        self.waited, self.hope = 0, max(sure, 2 * FEWEST)
        return sure
