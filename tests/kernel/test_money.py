"""Pence are read as people write them, and none is lost in sharing."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grants.kernel.errors import RuleBroken
from grants.kernel.money import LARGEST_MINOR, parse_pounds, share_out, show_pounds


@pytest.mark.parametrize(
    ("typed", "minor"),
    [
        ("0", 0),
        ("500", 50000),
        (" £1,234.50 ", 123450),
        ("£ 12", 1200),
        ("1,000,000", 100000000),
        ("0.5", 50),
        ("0.05", 5),
    ],
)
def test_an_amount_is_read_as_it_is_written(typed: str, minor: int) -> None:
    assert parse_pounds(typed) == minor


@pytest.mark.parametrize("typed", ["", "abc", "-5", "1.234", "1,23", "5 pounds", "1e3", ".5", "12,34.5", "10000000001"])
def test_what_is_no_amount_is_refused(typed: str) -> None:
    with pytest.raises(RuleBroken):
        parse_pounds(typed)


@given(st.integers(0, LARGEST_MINOR))
def test_what_is_shown_can_be_read_again(minor: int) -> None:
    assert parse_pounds(show_pounds(minor)) == minor


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(any))
def test_no_penny_is_lost_and_no_share_is_a_penny_off(amount_minor: int, weights: list[int]) -> None:
    parts = share_out(amount_minor, weights)
    assert sum(parts) == amount_minor
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(amount_minor * weight, sum(weights))) < 1
