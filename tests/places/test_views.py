"""The page of wards and postcodes."""

from __future__ import annotations

from fractions import Fraction

import pytest
from flask import Flask
from flask.testing import FlaskClient

from grants.places.views import band
from grants.ports.geography import Ward
from tests.support.answers import sound
from tests.support.statements import statements


def test_every_ward_is_listed_and_drawn(app: Flask, client: FlaskClient) -> None:
    page = client.get("/places")
    text = sound(page)
    wards = app.extensions["geography"].wards()
    assert all(ward.name in text for ward in wards)
    assert page.get_data(as_text=True).count('<path class="app-map__ward') == len(wards)
    assert "Open Government Licence" in text


def test_a_postcode_tells_its_ward_neighbourhood_and_decile(app: Flask, client: FlaskClient) -> None:
    place = app.extensions["geography"].find("TS18 1TU") or next(
        filter(None, map(app.extensions["geography"].find, app.extensions["geography"]._postcodes))
    )
    text = sound(client.get(f"/places?postcode={place.postcode.lower().replace(' ', '')}"))
    assert f"{place.postcode} is in {place.ward_name}" in text
    assert f"({place.lsoa_code}) is in decile {place.imd_decile} of 10" in text


@pytest.mark.parametrize(
    ("typed", "told"),
    [("", "Enter the postcode"), ("TS18", "Enter a full postcode"), ("ZE1 0AA", "We do not know this postcode")],
)
def test_what_is_no_postcode_of_ours_is_told_so(client: FlaskClient, typed: str, told: str) -> None:
    page = client.get(f"/places?postcode={typed}")
    assert told in sound(page, 422)
    assert "<title>Error: " in page.get_data(as_text=True)


def test_places_need_no_database(app: Flask, client: FlaskClient) -> None:
    with statements(app) as heard:
        client.get("/places")
    assert heard == []


@pytest.mark.parametrize(
    ("deciles", "expected"),
    [((), 0), ((3, 9), 0), ((1, 9, 9, 9), 1), ((1, 2, 9, 9), 2), ((1, 2, 1, 9), 3), ((1, 2), 4)],
)
def test_the_shade_follows_the_share_of_the_most_deprived_fifth(deciles: tuple[int, ...], expected: int) -> None:
    ward = Ward("E1", "Here", deciles)
    assert band(ward) == expected
    assert 0 <= ward.share_in({1, 2}) <= Fraction(1)
