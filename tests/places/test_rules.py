"""Postcodes as typed, wards as drawn, and what ships with the package."""

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grants.adapters.packaged_geography import PackagedGeography
from grants.kernel.errors import RuleBroken
from grants.kernel.postcodes import normalise_postcode
from grants.places.rules import project_wards
from grants.ports.geography import Geography, Ward

GEOGRAPHY: Geography = PackagedGeography()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ts18 1ab", "TS18 1AB"),
        (" TS181AB", "TS18 1AB"),
        ("TS18-1ab", "TS18 1AB"),
        ("ts18 Oab", "TS18 0AB"),
        ("sw1a 1aa", "SW1A 1AA"),
        ("M1 1AA", "M1 1AA"),
    ],
)
def test_a_postcode_is_read_however_it_is_typed(typed: str, meant: str) -> None:
    assert normalise_postcode(typed) == meant


@pytest.mark.parametrize("typed", ["", "TS18", "TS18 1", "18 1AB", "TS18 1AO", "hello there", "TS18 1AB9", "1AB"])
def test_what_cannot_be_a_postcode_is_refused_with_an_example(typed: str) -> None:
    with pytest.raises(RuleBroken, match="full postcode") as refused:
        normalise_postcode(typed)
    assert refused.value.field == "postcode"


@given(st.text(max_size=20))
def test_any_text_is_read_twice_the_same_or_refused(text: str) -> None:
    try:
        once = normalise_postcode(text)
    except RuleBroken:
        return
    assert normalise_postcode(once) == once


def test_a_known_postcode_has_its_ward_and_decile() -> None:
    place = GEOGRAPHY.find("ts150ad")
    assert place is not None
    assert (place.postcode, place.ward_name, place.lsoa_code, place.imd_decile) == (
        "TS15 0AD",
        "Southern Villages",
        "E01012235",
        8,
    )


def test_a_postcode_elsewhere_or_unreadable_is_not_found() -> None:
    assert GEOGRAPHY.find("SW1A 1AA") is None
    assert GEOGRAPHY.find("nonsense") is None


def test_every_packaged_postcode_is_found_in_a_known_ward() -> None:
    geography = PackagedGeography()
    for postcode in geography._postcodes:
        place = geography.find(postcode)
        assert place is not None
        assert geography.ward(place.ward_code) is not None
        assert 1 <= place.imd_decile <= 10


def test_wards_come_by_name_with_the_deciles_of_their_neighbourhoods() -> None:
    wards = GEOGRAPHY.wards()
    assert len(wards) == 27
    assert [ward.name for ward in wards] == sorted(ward.name for ward in wards)
    assert sum(len(ward.deciles) for ward in wards) == 124
    assert all(ward.deciles == tuple(sorted(ward.deciles)) for ward in wards)
    assert GEOGRAPHY.ward("E00000000") is None


def test_a_wards_share_in_deciles_is_exact() -> None:
    ward = Ward("E1", "Here", (1, 1, 2, 7, 9, 10))
    assert ward.share_in({1, 2}) == Fraction(1, 2)
    assert Ward("E2", "Empty").share_in({1}) == 0


def test_every_ward_has_a_shape_inside_the_drawing() -> None:
    drawing = GEOGRAPHY.ward_map()
    assert set(drawing.shapes) == {ward.code for ward in GEOGRAPHY.wards()}
    width, height = (int(n) for n in drawing.view_box.split()[2:])
    for d in drawing.shapes.values():
        assert re.fullmatch(r"(M\d+ \d+(L\d+ \d+){2,}Z)+", d)
        spots = [(int(x), int(y)) for x, y in re.findall(r"(\d+) (\d+)", d)]
        assert all(0 <= x <= width and 0 <= y <= height for x, y in spots)


def test_the_drawing_has_north_up_and_true_proportions() -> None:
    square = [[[[0.0, 60.0], [0.0, 61.0], [1.0, 61.0], [1.0, 60.0], [0.0, 60.0]]]]
    drawing = project_wards({"a": square}, width=100)
    # At 60.5 degrees north a degree of longitude is 0.492 of a degree of latitude.
    assert drawing.view_box == "0 0 100 204"
    assert drawing.shapes["a"] == "M0 203L0 0L100 0L100 203Z"
