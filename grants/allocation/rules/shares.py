"""The Method of Equal Shares on a packed election: exact, and quick because floating point shows where to look.

Everybody gets an equal share of the pot. A bid is bought when those who chose it can pay for it; next is always the one
that asks least of each of them for what it is worth to them. Source: Peters, Pierczyński, Skowron, "Proportional
Participatory Budgeting with Additive Utilities" (2021); completion: equalshares.net.

How it stays exact: whoever has money left has paid the full price of every bid they chose that was bought, so what they
hold is ``share − Σ points × price``; whoever could not pay a full price holds nothing. A price is therefore ``(cost −
what the others hold) / points of those who pay in full``: whole-number counts of earlier prices. Prices are kept as
whole numbers over one common denominator. Floating point only bounds prices from below (any set of people who pay all
they have gives such a bound) and holds amounts within a known distance of the truth; what lies within it is decided
exactly.
"""

import heapq
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from grants.allocation.rules.election import Election, Gate, Progress, Real, Whole, top_up
from grants.allocation.rules.stretches import Leaps
from grants.kernel.later import Later

if TYPE_CHECKING:
    import numpy as np
else:
    np = Later("numpy")

EPS = 2.0**-53
LITTLE = 1e-300
"""Held by somebody of whom we know that they hold more than nothing, where floating point has lost it."""


@dataclass(frozen=True, slots=True)
class Bought:
    """One purchase. ``price``: what one point costs those who pay in full; ``paying``: their points.

    ``emptied``: the kinds of ballot that gave all they had left.
    """

    bid: int
    price: Fraction
    paying: int
    emptied: Whole


@dataclass
class Pass:
    """One run with one share. ``waiting``: bids with supporters that were neither bought nor refused."""

    share: Fraction
    order: list[int] = field(default_factory=list)
    turns: list[int] = field(default_factory=list)
    """Every bid that had its turn, bought or refused."""
    refused: dict[int, tuple[str, str | None]] = field(default_factory=dict)
    waiting: list[int] = field(default_factory=list)
    overspent: bool = False
    purchases: list[Bought] = field(default_factory=list)
    paces: list[float] = field(default_factory=list)
    """Of each purchase, nearly: what one point cost those who paid in full."""
    unit: int = 1
    """Kept with the purchases: ``each`` and ``prices`` are in 1/unit of the election's smallest unit."""
    each: int = 0
    prices: dict[int, int] = field(default_factory=dict)


class _Market:
    """The state of one run. ``held``: what one person of each kind holds, within ``slack``; emptied kinds hold 0."""

    def __init__(self, election: Election, share: Fraction, by_cost: bool) -> None:
        self.election = election
        self.unit = share.denominator  # all exact amounts are whole numbers of 1/unit
        self.share = share.numerator
        self.prices: dict[int, int] = {}
        self.held: Real = np.full(len(election.people), float(share))
        self.slack = 4 * EPS * float(share)
        self.full = float(share)
        self.bids = list(election.by_bid)
        self.worth = election.costs if by_cost else (1,) * len(election.costs)
        self.points = [float(people.sum() if points is None else people @ points) for _, people, points in self.bids]
        self.least = [
            cost / points * (1 - 8 * EPS) if points else np.inf
            for cost, points in zip(election.costs, self.points, strict=True)
        ]
        """Certain lower bounds of the price of one point: prices only rise."""

    def look(self, bid: int, enough: float) -> float:
        """Raise the lower bound of ``bid``'s price until it cannot rise or passes ``enough``; infinite: never paid."""
        kinds, people, points = self.bids[bid]
        held = self.held[kinds]
        alive = held > 0
        if not alive.all():
            kinds, people, held = kinds[alive], people[alive], held[alive]
            points = None if points is None else points[alive]
            self.bids[bid] = kinds, people, points
            self.points[bid] = float(people.sum() if points is None else people @ points)
        cost, all_points, least = float(self.election.costs[bid]), self.points[bid], self.least[bid]
        rounding = (len(kinds) + 8) * 2 * EPS
        while True:
            short = held < least if points is None else held < least * points
            poor = people * short
            spent = float(poor @ held)
            paying = all_points - float(poor.sum() if points is None else poor @ points)
            error = float(poor.sum()) * self.slack + rounding * (spent + cost)
            if paying <= 0:  # all of them together: within the error, or never
                return least if spent + error >= cost else np.inf
            bound = (cost - spent - error) / paying * (1 - 8 * EPS)
            if bound <= least:
                return least
            self.least[bid] = least = bound
            if least > enough:
                return least

    def exact(self, bid: int) -> tuple[int, int, Whole] | None:
        """The price of one point as (n, d), n/d in units; and the kinds that it empties. Nothing: they cannot pay."""
        kinds, people, points = self.bids[bid]
        held, least = self.held[kinds], self.least[bid]
        ask = least if points is None else least * points
        empty = held + self.slack < ask * (1 - 4 * EPS)
        cost, all_points = self.election.costs[bid] * self.unit, int(self.points[bid])
        known: dict[int, int] = {}
        while True:
            spent = self._exactly(kinds[empty])
            poor = people[empty]
            paying = all_points - int(poor.sum() if points is None else poor @ points[empty])
            if paying == 0:
                return None
            price, near = cost - spent, (cost - spent) / (paying * self.unit)
            top = near * (1 + 4 * EPS) if points is None else near * points * (1 + 4 * EPS)
            doubtful = np.flatnonzero(~empty & (held - self.slack <= top))
            even, added = [], False
            for at in doubtful.tolist():
                if at not in known:
                    known[at] = self._one(int(kinds[at]))
                asked = price * (1 if points is None else int(points[at]))
                if known[at] * paying < asked:
                    empty[at] = added = True
                elif known[at] * paying == asked:
                    even.append(at)
            if not added:
                empty[even] = True  # they pay in full, and that is all they had
                return price, paying, kinds[empty]

    def _exactly(self, kinds: Whole) -> int:
        """What the people of these kinds hold together, in units; none of them is empty."""
        if not len(kinds):
            return 0
        people, points = self.election.count(kinds)
        return people * self.share - sum(points[bid] * price for bid, price in self.prices.items() if points[bid])

    def _one(self, kind: int) -> int:
        return self.share - sum(points * self.prices.get(bid, 0) for bid, points in self.election.kind(kind))

    def buy(self, bid: int, price: int, paying: int, emptied: Whole) -> None:
        near = price / (paying * self.unit)
        kinds, _, points = self.bids[bid]
        left = self.held[kinds] - (near if points is None else near * points)
        self.held[kinds] = np.maximum(left, LITTLE)
        self.held[emptied] = 0.0
        self.slack += 4 * EPS * self.full
        self.unit *= paying
        self.share *= paying
        for other in self.prices:
            self.prices[other] *= paying
        self.prices[bid] = price


def run_once(election: Election, share: Fraction, by_cost: bool, gate: Gate, keep: bool = False) -> Pass:
    """Equal shares with this share for everybody. Ends at once (``overspent``) when the next bid is above the pot.

    ``by_cost``: a bid is worth its cost to those who chose it, times their points; otherwise just their points.
    ``keep``: remember every purchase, to explain it.
    """
    done = Pass(share)
    if not election.voters:
        return done
    market = _Market(election, share, by_cost)
    worth, left = market.worth, election.pot
    heap: list[tuple[float, int]] = []
    for bid, cost in enumerate(election.costs):
        if not market.points[bid] or not gate.wants(bid):
            continue
        if election.supporters[bid] * share.numerator < cost * share.denominator:
            done.waiting.append(bid)
        else:
            heap.append((market.least[bid] / worth[bid] * (1 - 4 * EPS), bid))
    heapq.heapify(heap)
    while heap:
        best: tuple[int, int, int, Whole] | None = None  # bid, price, paying, emptied
        enough, looked = np.inf, set[int]()
        aside: list[tuple[float, int]] = []
        while heap and heap[0][0] <= enough:
            _, bid = heapq.heappop(heap)
            if bid not in looked:
                looked.add(bid)
                least = market.look(bid, enough * worth[bid] * (1 + 4 * EPS))
                if least == np.inf:
                    done.waiting.append(bid)
                else:
                    heapq.heappush(heap, (least / worth[bid] * (1 - 4 * EPS), bid))
                continue
            found = market.exact(bid)
            if found is None:
                done.waiting.append(bid)
                continue
            aside.append((market.least[bid] / worth[bid] * (1 - 4 * EPS), bid))
            price, paying, emptied = found
            if best is not None:
                mine, other = price * best[2] * worth[best[0]], best[1] * paying * worth[bid]
                if mine > other or (mine == other and election.ahead(best[0]) < election.ahead(bid)):
                    continue
            best = bid, price, paying, emptied
            enough = price / (paying * market.unit * worth[bid]) * (1 + 8 * EPS)
        for entry in aside:
            if best is None or entry[1] != best[0]:
                heapq.heappush(heap, entry)
        if best is None:
            break
        bid, price, paying, emptied = best
        if election.costs[bid] > left:
            done.overspent = True
            return done
        done.turns.append(bid)
        if refusal := gate.refuses(done.order, bid):
            done.refused[bid] = refusal
            continue
        if keep:
            done.purchases.append(Bought(bid, Fraction(price, paying * market.unit), paying, emptied))
        done.paces.append(price / (paying * market.unit))
        market.buy(bid, price, paying, emptied)
        left -= election.costs[bid]
        done.order.append(bid)
    done.unit, done.each, done.prices = market.unit, market.share, market.prices
    return done


@dataclass(frozen=True, slots=True)
class Settings:
    """How equal shares is run. ``unit``, which ``floor`` is to, and ``step``: in the election's smallest unit."""

    by_cost: bool = True
    completion: str = "add1u"
    floor: bool = True
    step: int = 100
    unit: int = 100
    exhaustive_stop: bool = True


@dataclass(frozen=True, slots=True)
class Walked:
    """One run of a completion, as little of it as tells where the money went: see ``Pass``."""

    share: Fraction
    order: tuple[int, ...]
    paces: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Shared:
    """What came of it: the last run that kept to the pot, and what most votes added.

    ``trail``: all that kept to it, but for those that are left out because they certainly go like the one before.
    """

    final: Pass
    added: list[int]
    runs: int
    trail: tuple[Walked, ...] = ()

    @property
    def winners(self) -> list[int]:
        return [*self.final.order, *self.added]


def first_share(election: Election, settings: Settings) -> Fraction:
    """What each controls at the start."""
    share = Fraction(election.pot, election.voters or 1)
    return Fraction(share // settings.unit * settings.unit) if settings.floor else share


STEPS_FIRST = 1000
STEPS_FIRST_LATER = 64
"""After so many runs steps are left out where nothing can change; a completion that begins later is nearer its end."""


def share_equally(
    election: Election,
    settings: Settings,
    gate: Gate,
    progress: Progress | None = None,
    begin: Fraction | None = None,
) -> Shared:
    """Equal shares with its completion. ``begin``: a later share to begin with, where those before are known.

    ``none``: one run. ``add1``: again with a share larger by ``step``, until nothing more would fit
    (``exhaustive_stop``) or the next run would overspend. ``add1u``: then what still fits, by most votes.
    """
    share = first_share(election, settings) if begin is None else begin
    final, runs = run_once(election, share, settings.by_cost, gate), 1
    trail = [walked(final)]
    leaps, first = (
        Leaps(election, settings.by_cost, gate, settings.step),
        STEPS_FIRST if begin is None else STEPS_FIRST_LATER,
    )
    while settings.completion != "none" and election.voters:
        if not final.waiting or (settings.exhaustive_stop and exhaustive(election, final, gate)):
            break
        left_out = leaps.after(share, final.turns, final.order) if runs >= first else 0
        share += (left_out + 1) * settings.step
        after, runs = run_once(election, share, settings.by_cost, gate), runs + 1
        if progress:
            progress(sum(election.costs[bid] for bid in after.order), election.pot)
        if after.overspent:
            if left_out:
                final, runs = run_once(election, share - settings.step, settings.by_cost, gate), runs + 1
                trail.append(walked(final))
            break
        final = after
        trail.append(walked(final))
    added = top_up(election, final.order, gate) if settings.completion == "add1u" else []
    return Shared(final, added, runs, tuple(trail))


def walked(done: Pass) -> Walked:
    """What is remembered of a run."""
    return Walked(done.share, tuple(done.order), tuple(done.paces))


@dataclass(frozen=True, slots=True)
class Paths:
    """Where the money of a bid's supporters went, exactly: ``spent[bid][other]`` on each bid bought, ``left[bid]``.

    ``payers``: how many people paid a bid's full price and still had something left.
    """

    spent: tuple[dict[int, Fraction], ...]
    left: tuple[Fraction, ...]
    payers: dict[int, int]


ROWS = 4096


def follow(election: Election, done: Pass) -> Paths:
    """Follow the money of every bid's supporters through a run that was kept (``run_once(keep=True)``)."""
    size = len(election.costs)
    entry_kinds = np.repeat(np.arange(len(election.people)), np.diff(election.starts))
    alive = np.ones(len(election.people), bool)
    spent: list[dict[int, int]] = [{} for _ in range(size)]
    before: list[int] = []
    payers: dict[int, int] = {}
    for purchase in done.purchases:
        kinds, people, points = election.by_bid[purchase.bid]
        full = np.zeros(len(alive))
        full[kinds] = people if points is None else people * points
        full[~alive] = 0
        full[purchase.emptied] = 0
        payers[purchase.bid] = int(people[full[kinds] > 0].sum())
        paid = np.bincount(election.chosen, weights=full[entry_kinds], minlength=size)
        gave = [int(count) * done.prices[purchase.bid] for count in paid]
        for start in range(0, len(purchase.emptied), ROWS):
            _add_emptied(election, done, purchase.emptied[start : start + ROWS], before, gave)
        for bid, amount in enumerate(gave):
            if amount:
                spent[bid][purchase.bid] = amount
        alive[purchase.emptied] = False
        before.append(purchase.bid)
    return Paths(
        tuple({other: Fraction(amount, done.unit) for other, amount in mine.items()} for mine in spent),
        tuple(
            Fraction(election.supporters[bid] * done.each - sum(spent[bid].values()), done.unit) for bid in range(size)
        ),
        payers,
    )


def _add_emptied(election: Election, done: Pass, kinds: Whole, before: list[int], gave: list[int]) -> None:
    """Add what people of these kinds gave, all they had left after the bids ``before``, to each bid they chose."""
    rows, at = election.entries(kinds)
    chose = np.zeros((len(kinds), len(election.costs)))
    chose[rows, election.chosen[at]] = 1 if election.points is None else election.points[at]
    people = (chose > 0).T * election.people[kinds].astype(np.float64)
    counts, pairs = people.sum(axis=1).tolist(), (people @ chose[:, before]).tolist()
    prices = [done.prices[other] for other in before]
    for bid, count in enumerate(counts):
        if count:
            paid = sum(int(points) * price for points, price in zip(pairs[bid], prices, strict=True) if points)
            gave[bid] += int(count) * done.each - paid


def exhaustive(election: Election, done: Pass, gate: Gate) -> bool:
    """Whether nothing that somebody chose would still fit; what nobody chose must not change who wins."""
    left = election.pot - sum(election.costs[bid] for bid in done.order)
    return not any(election.costs[bid] <= left and not gate.refuses(done.order, bid) for bid in done.waiting)
