"""What would have been enough for a bid that was not funded: a guess, and then the whole rule run again on both sides.

A bid is told an amount only when it wins at that amount and does not at one more; so with supporters. Where the rule
is not monotone there may be other such edges; the one that is told is one.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from grants.allocation.rules.election import Election
from grants.allocation.rules.reasons import Told
from grants.allocation.rules.words import Words
from grants.kernel.later import Later

if TYPE_CHECKING:
    import numpy as np
else:
    np = Later("numpy")

Wins = Callable[[int], bool]


@dataclass(frozen=True, slots=True)
class Enough:
    """What would have been enough for one bid, each tried by running the rule again; nothing: nothing would.

    ``cost``: it wins at this cost, and not at one more. ``supporters``: it wins with so many more people who choose
    nothing else, and not with one fewer. ``tried``: how often the rule was run.
    """

    cost: int | None
    supporters: int | None
    tried: int = 0

    def words(self, words: Words, points: int | None = None) -> str:
        """For a person. ``points``: what each of them would give, where ballots give points."""
        step = words.money(Fraction(1))
        cheaper = (
            f"For {words.money(self.cost)} it would have been funded, and for {step} more it would not."
            if self.cost is not None
            else "At no price would it have been funded."
        )
        if self.supporters is None:
            return f"{cheaper} Even twice as many voters, all choosing only this, would not have been enough."
        if self.supporters == 1:
            each = "" if points is None else f" and gives it {words.votes(points)}"
            return f"{cheaper} With 1 more person who chooses only this{each} it would have been funded."
        each = "" if points is None else f" and give it {words.votes(points)} each"
        return (
            f"{cheaper} With {self.supporters:,} more people who choose only this{each} it would have been funded, "
            f"and with {self.supporters - 1:,} it would not."
        )


def what_would_do(cost: int, voters: int, at_cost: Wins, with_more: Wins, guess: tuple[int, int]) -> Enough:
    """Search on both sides of a ``guess`` (a cost, and so many more people). Everything else unchanged.

    ``at_cost``, ``with_more``: whether the bid wins then; it does not at ``cost``, nor with nobody more.
    """
    tried: dict[int, bool] = {}

    def cheaper(number: int) -> bool:
        tried[-number] = at_cost(number)
        return tried[-number]

    def fewer(number: int) -> bool:
        tried[number] = with_more(number)
        return not tried[number]

    price = edge(cheaper, cost, guess[0])
    most = max(1, voters)
    more = edge(fewer, most + 1, guess[1] - 1) + 1
    return Enough(price or None, more if more <= most else None, len(tried))


Winners = Callable[[Election], Sequence[int]]
"""Runs the whole rule and gives the winners."""


def try_out(election: Election, bid: int, winners: Winners, guess: tuple[int, int], points: int = 1) -> Enough:
    """``what_would_do`` for a bid of an election. ``points``: what one more supporter gives it."""
    return what_would_do(
        election.costs[bid],
        election.voters,
        lambda cost: bid in winners(at_cost(election, bid, cost)),
        lambda number: bid in winners(with_more(election, bid, number, points)),
        guess,
    )


def guess_for(election: Election, told: Told, share: Fraction | None) -> tuple[int, int]:
    """Where to begin: what its supporters had left, or the pot at its turn; and who else would fill the gap."""
    cost, kept = election.costs[told.bid], told.kept or Fraction(0)
    gap = math.ceil((cost - kept) / share) if share else 1
    return max(int(kept), told.left_before), gap


def edge(holds: Wins, last: int, guess: int) -> int:
    """A number from 0 on at which ``holds``, while at the next it does not; 0 and ``last`` are never asked about.

    Away from the guess by longer and longer strides, until the edge lies between two that were asked about.

    >>> edge(lambda number: number < 70, 100, 60), edge(lambda number: number < 70, 100, 99)
    (69, 69)
    >>> edge(lambda number: False, 100, 60), edge(lambda number: True, 100, 60)
    (0, 99)
    """
    low, high, stride = 0, last, 1
    at = max(1, min(guess, last - 1))
    while high - low > 1:
        low, high = (at, high) if holds(at) else (low, at)
        if low > 0 and high < last:
            at = (low + high) // 2
        else:
            at = max(low + 1, high - stride) if low == 0 else min(high - 1, low + stride)
            stride *= 4
    return low


def with_more(election: Election, bid: int, number: int, points: int = 1) -> Election:
    """The same election with so many more people who choose only this bid."""
    return replace(
        election,
        people=np.append(election.people, number),
        starts=np.append(election.starts, election.starts[-1] + 1),
        chosen=np.append(election.chosen, bid),
        points=None if election.points is None else np.append(election.points, points),
        scores=None
        if election.scores is None
        else tuple(score + number * points * (at == bid) for at, score in enumerate(election.scores)),
    )


def at_cost(election: Election, bid: int, cost: int) -> Election:
    """The same election with another cost of this bid."""
    return replace(election, costs=(*election.costs[:bid], cost, *election.costs[bid + 1 :]))
