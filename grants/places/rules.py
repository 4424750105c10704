"""Places: wards as shapes on a page."""

import math
from collections.abc import Mapping, Sequence

from grants.ports.geography import Place, Ward, WardMap

__all__ = ["Place", "Ward", "WardMap", "project_wards"]

Ring = Sequence[Sequence[float]]


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
