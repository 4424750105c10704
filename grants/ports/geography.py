"""What we need to know about places: a postcode's ward and how deprived its neighbourhood is."""

from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Ward:
    """An electoral ward, with the deprivation decile of each of its neighbourhoods (LSOAs), lowest first.

    Decile 1 is the most deprived tenth of England (Index of Multiple Deprivation).
    """

    code: str
    name: str
    deciles: tuple[int, ...] = ()

    def share_in(self, deciles: Collection[int]) -> Fraction:
        """The share of this ward's neighbourhoods that lie in ``deciles``, from 0 to 1, exact.

        Neighbourhoods hold about 1,500 people each, so this is near the share of its people, not the same.

        >>> Ward("E1", "Here", (1, 2, 5, 9)).share_in({1, 2})
        Fraction(1, 2)
        """
        if not self.deciles:
            return Fraction(0)
        return Fraction(sum(1 for decile in self.deciles if decile in deciles), len(self.deciles))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a postcode lies. ``imd_decile``: 1 is the most deprived tenth of England's neighbourhoods."""

    postcode: str
    ward_code: str
    ward_name: str
    lsoa_code: str
    imd_decile: int


@dataclass(frozen=True, slots=True)
class WardMap:
    """Shapes for one drawing: an SVG ``viewBox`` and, per ward code, the ``d`` of its path."""

    view_box: str
    shapes: dict[str, str]


class Geography(Protocol):
    """Answers about places, offline."""

    def find(self, postcode: str) -> Place | None:
        """Where ``postcode`` lies, however it is typed; nothing when it is unreadable or outside the area we know."""

    def wards(self) -> tuple[Ward, ...]:
        """Every ward we know, by name."""

    def ward(self, code: str) -> Ward | None:
        """The ward with this code, if we know it."""

    def ward_map(self) -> WardMap:
        """The wards as shapes to draw (approximate; never to decide where something lies)."""
