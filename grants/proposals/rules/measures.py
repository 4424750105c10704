"""What applying costs, and who is funded: figures without names."""

from collections.abc import Sequence
from dataclasses import dataclass

LONGEST_SECONDS = 45 * 60
"""A page that lay open longer was not being written all that time."""
SMALLEST_CELL = 5
"""No rate is told about fewer proposals than this."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How many asked and how many were funded; nothing where too few asked to be told."""

    label: str
    asked: int | None
    funded: int | None

    @property
    def percent(self) -> int | None:
        """Whole percent, rounded down."""
        return None if self.asked is None or self.funded is None else 100 * self.funded // self.asked


def minutes_per_hundred(seconds: int, asked_minor: int) -> str | None:
    """Minutes of writing for each £100 that is asked for, with one decimal, halves upwards; nothing of nothing.

    >>> minutes_per_hundred(3_600, 120_000), minutes_per_hundred(60, 0)
    ('5.0', None)
    """
    if not asked_minor:
        return None
    tenths = (2 * seconds * 100_000 + 60 * asked_minor) // (120 * asked_minor)
    return f"{tenths // 10}.{tenths % 10}"


def rates(rows: Sequence[tuple[str, bool]], smallest: int = SMALLEST_CELL) -> list[Rate]:
    """(label, was it funded) → a rate for each label, by label. Too small ones are not told; nor, where that would
    leave one alone to be worked out from the whole, the smallest of the others.

    >>> [(one.label, one.percent) for one in rates([("a", True)] * 5 + [("b", False)] * 6, 5)]
    [('a', 100), ('b', 0)]
    """
    found: dict[str, tuple[int, int]] = {}
    for label, won in rows:
        asked, funded = found.get(label, (0, 0))
        found[label] = asked + 1, funded + won
    hidden = {label for label, (asked, _) in found.items() if asked < smallest}
    if len(hidden) == 1 and len(found) > 1:
        hidden.add(min((asked, label) for label, (asked, _) in found.items() if label not in hidden)[1])
    return [Rate(label, None, None) if label in hidden else Rate(label, *found[label]) for label in sorted(found)]


def decile_band(deciles: Sequence[int]) -> str:
    """Where a proposal happens, by deprivation.

    >>> decile_band([2]), decile_band([]), decile_band([9])
    ('Most deprived three tenths (deciles 1 to 3)', 'Not tied to a place', 'Least deprived three tenths (8 to 10)')
    """
    if not deciles:
        return "Not tied to a place"
    lowest = min(deciles)
    if lowest <= 3:
        return "Most deprived three tenths (deciles 1 to 3)"
    return "Middle (deciles 4 to 7)" if lowest <= 7 else "Least deprived three tenths (8 to 10)"
