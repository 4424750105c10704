"""The picture of the money, cells that are no formulas, and states as at a moment."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grants.audit.rules import (
    Link,
    Step,
    Stream,
    end_of_day,
    last_states,
    picture,
    picture_of_streams,
    pounds,
    safe_cell,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ONE, TWO = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum", "\tx", "\rx", "\nx", "  =1+1", '=HYPERLINK("x")'])
def test_no_cell_is_a_formula(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@given(st.text())
def test_a_cell_never_starts_a_formula_and_never_loses_its_text(text: str) -> None:
    cell = safe_cell(text)
    assert cell.lstrip(" ")[:1] not in ("=", "+", "-", "@", "\t", "\r", "\n")
    assert cell.removeprefix("'") == text.replace("\x00", "").removeprefix("'")


@given(st.integers(-(10**12), 10**12))
def test_pounds_are_the_pence_exactly(minor: int) -> None:
    assert round(float(pounds(minor)) * 100) == minor
    assert len(pounds(minor).split(".")[1]) == 2


def test_a_day_ends_in_london_and_never_after_now() -> None:
    assert end_of_day(date(2026, 3, 1), NOON) == datetime(2026, 3, 1, 23, 59, 59, 999_999, tzinfo=UTC)
    assert end_of_day(date(2026, 3, 29), NOON + timedelta(days=60)).hour == 22
    assert end_of_day(date(2026, 3, 2), NOON) == NOON


def test_the_last_state_is_the_one_that_nothing_left() -> None:
    steps = [
        Step(ONE, NOON, "active", "completed"),
        Step(TWO, NOON, None, "draft"),
        Step(ONE, NOON, "completed", "closed"),
        Step(ONE, NOON - timedelta(days=1), "offered", "active"),
    ]
    assert last_states(steps) == {ONE: "closed", TWO: "draft"}
    assert last_states(steps[::-1]) == {ONE: "closed", TWO: "draft"}
    assert last_states([Step(ONE, NOON, "agreed", "agreed")]) == {ONE: "agreed"}


links = st.lists(
    st.builds(
        Link,
        st.sampled_from([f"giver {n}" for n in range(12)]),
        st.sampled_from([*(f"purpose {n}" for n in range(14)), "rests"]),
        st.integers(0, 10**9),
    ),
    max_size=40,
)


@given(links)
def test_the_picture_holds_every_penny_and_few_blocks(given_links: list[Link]) -> None:
    names = {key: key for link in given_links for key in (link.source, link.target)}
    drawn = picture(given_links, names, width=340, last=["rests"])
    whole = sum(link.amount_minor for link in given_links)
    left, right = [[n for n in drawn.nodes if n.on_left is side] for side in (True, False)]
    assert sum(n.amount_minor for n in left) == sum(n.amount_minor for n in right) == whole
    assert (len(left) <= 6, len(right) <= 10) == (True, True)
    assert [n.key for n in right if n.key == "rests"] == [n.key for n in right[-1:] if n.key == "rests"]
    assert all(n.y + n.height <= drawn.height for n in drawn.nodes)
    for column in (left, right):
        assert all(a.y + a.height < b.y for a, b in pairwise(column))


def test_no_money_makes_no_picture() -> None:
    assert picture([Link("a", "b", 0)], {"a": "A", "b": "B"}, width=340).bands == ()


streams = st.lists(
    st.builds(
        Stream, st.sampled_from("abc"), st.sampled_from(["m", "n", "o"]), st.sampled_from("xyz"), st.integers(0, 10**7)
    )
    | st.builds(Stream, st.sampled_from("abc"), st.just("rests"), st.none(), st.integers(0, 10**7)),
    min_size=1,
    max_size=12,
)


@given(streams)
def test_the_picture_over_awards_holds_every_penny_in_each_column(given_streams: list[Stream]) -> None:
    names = {key: key for one in given_streams for key in (one.source, one.middle, one.target or "rests")}
    drawn = picture_of_streams(given_streams, names, width=960, side=250, last=["rests"], tall=300)
    whole = sum(one.amount_minor for one in given_streams)
    on = sum(one.amount_minor for one in given_streams if one.target)
    left, middle, right = ([n for n in drawn.nodes if n.x == x] for x in (250, 473, 696))
    assert [sum(n.amount_minor for n in column) for column in (left, middle, right)] == [whole, whole, on]
    assert all(n.y + n.height <= drawn.height for n in drawn.nodes)
    for column in (left, middle, right):
        assert all(a.y + a.height < b.y for a, b in pairwise(column))
    assert len(drawn.bands) == sum(1 + bool(one.target) for one in given_streams if one.amount_minor)
