"""Places from the files shipped in the package: no network, read once, when first asked."""

import csv
import json
from functools import cached_property
from importlib.resources import files
from io import StringIO
from sys import intern

from grants.kernel.errors import RuleBroken
from grants.kernel.postcodes import normalise_postcode
from grants.places.rules import project_wards
from grants.ports.geography import Place, Ward, WardMap


class PackagedGeography:
    """The port ``Geography`` over ``grants/places/data``. One per process; safe to share between threads."""

    def find(self, postcode: str) -> Place | None:
        """Where ``postcode`` lies, however it is typed; nothing when it is unreadable or outside the area we know."""
        try:
            key = normalise_postcode(postcode)
        except RuleBroken:
            return None
        codes = self._postcodes.get(key)
        if codes is None:
            return None
        ward_code, lsoa_code = codes
        return Place(key, ward_code, self._wards[ward_code].name, lsoa_code, self._deciles[lsoa_code])

    def wards(self) -> tuple[Ward, ...]:
        """Every ward we know, by name."""
        return tuple(sorted(self._wards.values(), key=lambda ward: ward.name))

    def ward(self, code: str) -> Ward | None:
        """The ward with this code, if we know it."""
        return self._wards.get(code)

    def ward_map(self) -> WardMap:
        """The wards as shapes to draw (approximate; never to decide where something lies)."""
        return self._map

    @cached_property
    def _postcodes(self) -> dict[str, tuple[str, str]]:
        # A shared pair per (ward, LSOA) keeps 5,477 postcodes well below a megabyte.
        pairs: dict[tuple[str, str], tuple[str, str]] = {}
        found = {}
        for postcode, ward_code, lsoa_code in _rows("postcodes.csv"):
            pair = (intern(ward_code), intern(lsoa_code))
            found[postcode] = pairs.setdefault(pair, pair)
        return found

    @cached_property
    def _deciles(self) -> dict[str, int]:
        return {intern(lsoa_code): int(decile) for lsoa_code, _, _, _, decile in _rows("lsoa.csv")}

    @cached_property
    def _wards(self) -> dict[str, Ward]:
        names: dict[str, str] = {}
        deciles: dict[str, list[int]] = {}
        for _, _, code, name, decile in _rows("lsoa.csv"):
            names[code] = name
            deciles.setdefault(code, []).append(int(decile))
        return {code: Ward(code, name, tuple(sorted(deciles[code]))) for code, name in names.items()}

    @cached_property
    def _map(self) -> WardMap:
        features = json.loads(_text("wards.geojson"))["features"]
        return project_wards({f["properties"]["ward_code"]: f["geometry"]["coordinates"] for f in features})


def _text(name: str) -> str:
    return files("grants.places").joinpath("data", name).read_text(encoding="utf-8")


def _rows(name: str) -> list[list[str]]:
    return list(csv.reader(StringIO(_text(name))))[1:]
