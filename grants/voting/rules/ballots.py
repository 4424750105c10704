"""One person's choices: what may stand on a ballot, and counting them."""

import secrets
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from grants.kernel.canonical import fingerprint
from grants.kernel.errors import RuleBroken

T = TypeVar("T")


class BlankBallot(RuleBroken):
    """Nothing is chosen: fine, but only when the voter says so."""


@dataclass(frozen=True, slots=True)
class BallotLimits:
    """How many bids a voter chooses. ``maximum``: nothing means as many as they like."""

    minimum: int = 3
    maximum: int | None = None

    def least(self, standing: int) -> int:
        """The minimum where ``standing`` bids stand: never more than there are."""
        return min(self.minimum, standing)


def check_choices(
    choices: Iterable[int], on_ballot: Collection[int], limits: BallotLimits, blank_confirmed: bool = False
) -> tuple[int, ...]:
    """The choices (numbers on the ballot), each once, in order. Refuses (``RuleBroken``) with what to do.

    ``BlankBallot`` when nothing is chosen and the voter has not confirmed that; a confirmed blank ballot is ``()``.

    >>> check_choices([2, 1, 2, 3], {1, 2, 3, 4}, BallotLimits())
    (1, 2, 3)
    """
    chosen = sorted(set(choices))
    if any(number not in on_ballot for number in chosen):
        raise RuleBroken("Choose only projects that are on this ballot.", field="choices")
    least = limits.least(len(on_ballot))
    if not chosen:
        if blank_confirmed:
            return ()
        raise BlankBallot(f"Choose at least {least}, or say that you want to hand in a blank ballot.", field="choices")
    if len(chosen) < least:
        raise RuleBroken(f"Choose at least {least - len(chosen)} more.", field="choices")
    if limits.maximum is not None and len(chosen) > limits.maximum:
        raise RuleBroken(f"Choose {limits.maximum} at most: take {len(chosen) - limits.maximum} away.", field="choices")
    return tuple(chosen)


def explain_limits(limits: BallotLimits, standing: int) -> str:
    """What the voter is asked, in one sentence.

    >>> explain_limits(BallotLimits(3, None), 12)
    'Choose every project you would fund: at least 3.'
    """
    least = limits.least(standing)
    if limits.maximum is None or limits.maximum >= standing:
        return f"Choose every project you would fund: at least {least}."
    if limits.maximum == least:
        return f"Choose {least}."
    return f"Choose from {least} to {limits.maximum} projects."


def mixed(things: Iterable[T], randbelow: Callable[[int], int] = secrets.randbelow) -> list[T]:
    """The things in an order that nobody can guess or repeat (Fisher-Yates over the system's cryptographic source)."""
    order = list(things)
    for last in range(len(order) - 1, 0, -1):
        other = randbelow(last + 1)
        order[last], order[other] = order[other], order[last]
    return order


def count(ballots: Iterable[Sequence[int]]) -> dict[int, int]:
    """How many ballots chose each number; in order of number, those with none left out."""
    tally: Counter[int] = Counter()
    for choices in ballots:
        tally.update(set(choices))
    return dict(sorted(tally.items()))


def ballots_hash(ballots: Iterable[Sequence[int]]) -> str:
    """SHA-256 (64 hex digits) of the ballots as canonical JSON, sorted: their order changes nothing."""
    return fingerprint(sorted(sorted(set(choices)) for choices in ballots))
