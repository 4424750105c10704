"""Places: postcodes as people type them, and wards as shapes on a page."""

import math
import re
from collections.abc import Mapping, Sequence

from grants.kernel.errors import RuleBroken
from grants.ports.geography import Place, Ward, WardMap

__all__ = ["Place", "Ward", "WardMap", "normalise_postcode", "project_wards"]

# Outward (area, district) and inward (sector digit, unit) code; the unit never holds C I K M O V.
# Source: Royal Mail's Programmers' Guide to the Postcode Address File, as in BS 7666.
_POSTCODE = re.compile(r"([A-Z]{1,2}[0-9][A-Z0-9]?)([0-9][ABD-HJLNP-UW-Z]{2})")
_DIGIT_FOR = {"O": "0", "I": "1", "L": "1"}

Ring = Sequence[Sequence[float]]


def normalise_postcode(text: str) -> str:
    """A postcode as printed on an envelope: capitals, one space. Refuses what cannot be a full UK postcode.

    A letter where only a digit can stand (O or I for 0 or 1 before the last two letters) is read as that digit.

    >>> normalise_postcode(" ts181ab ")
    'TS18 1AB'
    >>> normalise_postcode("TS18 OAB")
    'TS18 0AB'
    """
    bare = re.sub(r"[\s.\-–]+", "", text).upper()
    if len(bare) >= 5:
        bare = bare[:-3] + _DIGIT_FOR.get(bare[-3], bare[-3]) + bare[-2:]
    found = _POSTCODE.fullmatch(bare)
    if found is None:
        raise RuleBroken("Enter a full postcode, like TS18 1AB.", field="postcode")
    return f"{found[1]} {found[2]}"


def project_wards(polygons: Mapping[str, Sequence[Sequence[Ring]]], width: int = 1000) -> WardMap:
    """Ward outlines in degrees (per ward code: polygons of rings of [longitude, latitude]) as SVG paths.

    Equirectangular projection at the middle latitude: at a borough's size the error is far below a pixel. The drawing
    is ``width`` units wide, its height follows, north is up, coordinates are whole units. Rings wind as in the data, so
    draw with ``fill-rule="evenodd"``.
    """
    points = [point for rings in polygons.values() for polygon in rings for ring in polygon for point in ring]
    if not points:
        return WardMap("0 0 1 1", {})
    west, east = min(p[0] for p in points), max(p[0] for p in points)
    south, north = min(p[1] for p in points), max(p[1] for p in points)
    squeeze = math.cos(math.radians((south + north) / 2))
    scale = width / ((east - west) * squeeze)

    def path(ring: Ring) -> str:
        spots: list[tuple[int, int]] = []
        for longitude, latitude in ring:
            spot = (round((longitude - west) * squeeze * scale), round((north - latitude) * scale))
            if not spots or spots[-1] != spot:
                spots.append(spot)
        if len(spots) > 1 and spots[0] == spots[-1]:
            spots.pop()
        return "M" + "L".join(f"{x} {y}" for x, y in spots) + "Z"

    shapes = {code: "".join(path(ring) for polygon in polygons[code] for ring in polygon) for code in sorted(polygons)}
    return WardMap(f"0 0 {width} {math.ceil((north - south) * scale)}", shapes)
