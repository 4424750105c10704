"""What applying costs, and who is funded: figures without names."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from grants.people.rules import GroupKind
from grants.proposals.rules.facts import HELP_WORDS, Help
from grants.proposals.rules.hurdles import HURDLE_WORDS, MAY_APPLY
from grants.proposals.rules.sections import SECTION_TITLES, Section

LONGEST_SECONDS = 45 * 60
"""A page that lay open longer was not being written all that time."""
SMALLEST_CELL = 5
"""No rate is told about fewer proposals than this."""


WITH_RULES = "Groups with rules of their own"
KIND_WORDS = {GroupKind.UNCONSTITUTED: "Groups without rules of their own"}


@dataclass(frozen=True, slots=True)
class Rate:
    """How many asked and how many of them were funded."""

    label: str
    asked: int
    funded: int

    @property
    def percent(self) -> int:
        """Whole percent, rounded down."""
        return 100 * self.funded // self.asked


@dataclass(frozen=True, slots=True)
class Rates:
    """What is told of a whole, part by part. ``untold``: parts of which too few asked, or that would give one away."""

    title: str
    told: tuple[Rate, ...]
    untold: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bid:
    """What is looked at of one proposal that was put in: where, how deprived, by whom, with whose help, and funded or
    not. ``wards``: names."""

    wards: tuple[str, ...]
    deciles: tuple[int, ...]
    kind: GroupKind
    help_received: Help | None
    won: bool


def minutes_per_hundred(seconds: int, asked_minor: int) -> str | None:
    """Minutes of writing for each £100 that is asked for, with one decimal, halves upwards; nothing where nobody asked
    or no time was measured.

    >>> minutes_per_hundred(3_600, 120_000), minutes_per_hundred(60, 0), minutes_per_hundred(0, 10_000)
    ('5.0', None, None)
    """
    if not asked_minor or not seconds:
        return None
    tenths = (2 * seconds * 100_000 + 60 * asked_minor) // (120 * asked_minor)
    return f"{tenths // 10}.{tenths % 10}"


def average_minutes(saves: int, seconds: int, smallest: int = SMALLEST_CELL) -> str | None:
    """Minutes for one saving of a section, with one decimal; nothing where too few were measured.

    >>> average_minutes(6, 900), average_minutes(4, 900), average_minutes(6, 0)
    ('2.5', None, None)
    """
    return f"{seconds / saves / 60:.1f}" if saves >= smallest and seconds else None


def hidden_cells(sizes: Mapping[str, int], smallest: int = SMALLEST_CELL) -> frozenset[str]:
    """The parts of a whole that are not told: those below ``smallest``; and, as long as what is hidden could be worked
    out from the whole (one alone, or together still below ``smallest``), the smallest of the others.

    >>> sorted(hidden_cells({"a": 9, "b": 7, "c": 1, "d": 1}, 5))
    ['b', 'c', 'd']
    >>> sorted(hidden_cells({"a": 9, "b": 7, "c": 4, "d": 1}, 5))
    ['c', 'd']
    """
    hidden = {label for label, size in sizes.items() if size < smallest}
    while hidden and (len(hidden) == 1 or sum(sizes[label] for label in hidden) < smallest):
        others = [(size, label) for label, size in sizes.items() if label not in hidden]
        if not others:
            break
        hidden.add(min(others)[1])
    return frozenset(hidden)


def rates(title: str, rows: Iterable[tuple[str, bool]], smallest: int = SMALLEST_CELL) -> Rates:
    """(label, was it funded) → a rate for each label, by label; ``hidden_cells`` are named, not told.

    >>> [(one.label, one.percent) for one in rates("", [("a", True)] * 5 + [("b", False)] * 6, 5).told]
    [('a', 100), ('b', 0)]
    """
    asked: Counter[str] = Counter()
    funded: Counter[str] = Counter()
    for label, won in rows:
        asked[label] += 1
        funded[label] += won
    hidden = hidden_cells(asked, smallest)
    told = tuple(Rate(label, asked[label], funded[label]) for label in sorted(asked) if label not in hidden)
    return Rates(title, told, tuple(sorted(hidden)))


def success(bids: Sequence[Bid]) -> list[Rates]:
    """Who gets through: by ward, by deprivation, by kind of group, by help with writing."""
    return [
        rates("By ward", [(ward, one.won) for one in bids for ward in one.wards or ("Not tied to a ward",)]),
        rates("By deprivation of the place", [(decile_band(one.deciles), one.won) for one in bids]),
        rates("By kind of group", [(KIND_WORDS.get(one.kind, WITH_RULES), one.won) for one in bids]),
        rates(
            "By help with writing",
            [(HELP_WORDS[one.help_received] if one.help_received else "Not told", one.won) for one in bids],
        ),
    ]


def gave_up(begun: Sequence[Mapping[str, int]], smallest: int = SMALLEST_CELL) -> list[tuple[str, int | None]]:
    """Section → how many proposals that were begun and never put in had not got so far as to save it. ``begun``: for
    each how often each section was saved. Nothing where too few were begun; None for a number below ``smallest``, or
    so near to all that the rest is."""
    missing = Counter(part for versions in begun for part in Section if not versions.get(part.value))
    if len(begun) < smallest:
        return []
    return [
        (
            SECTION_TITLES[part],
            missing[part] if _telling(missing[part], len(begun), smallest) else None,
        )
        for part in Section
    ]


def _telling(size: int, whole: int, smallest: int) -> bool:
    return size in (0, whole) or smallest <= size <= whole - smallest


def stopped(
    counts: Sequence[tuple[str, int]], smallest: int = SMALLEST_CELL
) -> tuple[list[tuple[str, int]], list[str]]:
    """How often each rule stopped somebody before they wrote, most often first; and the rules that did too seldom to
    tell."""
    found = {HURDLE_WORDS[outcome][0]: times for outcome, times in counts if outcome != MAY_APPLY}
    hidden = hidden_cells(found, smallest)
    told = [(rule, times) for rule, times in found.items() if rule not in hidden]
    return sorted(told, key=lambda one: (-one[1], one[0])), sorted(hidden)


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
