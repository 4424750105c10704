"""How values read on a page."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from grants.web import filters


@pytest.mark.parametrize(
    ("minor", "text"),
    [(0, "£0"), (5, "£0.05"), (120_000, "£1,200"), (123_450, "£1,234.50"), (-123_405, "−£1,234.05"), (None, "–")],
)
def test_money_reads_as_pounds_without_needless_pence(minor: int | None, text: str) -> None:
    assert filters.money(minor) == text


def test_money_in_a_column_always_has_pence() -> None:
    assert filters.money_full(-120_000) == "−£1,200.00"


def test_a_moment_is_told_in_london_summer_time() -> None:
    assert filters.moment(datetime(2026, 7, 31, 23, 30, tzinfo=UTC)) == "1 August 2026 at 12:30am"


def test_a_moment_is_told_in_london_winter_time() -> None:
    assert filters.moment(datetime(2026, 11, 2, 15, 5, tzinfo=UTC)) == "2 November 2026 at 3:05pm"


def test_a_naive_moment_is_taken_as_utc() -> None:
    assert filters.moment(datetime(2026, 7, 1, 11, 0)) == "1 July 2026 at midday"  # noqa: DTZ001


def test_the_day_of_a_moment_is_the_day_in_london() -> None:
    assert filters.day(datetime(2026, 6, 30, 23, 0, tzinfo=UTC)) == "1 July 2026"
    assert filters.day(date(2026, 6, 30)) == "30 June 2026"


@pytest.mark.parametrize(
    ("hour", "minute", "text"),
    [(0, 0, "midnight"), (12, 0, "midday"), (0, 5, "12:05am"), (12, 5, "12:05pm"), (9, 0, "9am")],
)
def test_the_clock_reads_as_people_say_it(hour: int, minute: int, text: str) -> None:
    assert filters.clock(datetime(2026, 1, 2, hour, minute, tzinfo=UTC)) == text


@pytest.mark.parametrize(
    ("apart", "text"),
    [
        (timedelta(days=3, hours=5), "in 3 days"),
        (timedelta(hours=-1), "1 hour ago"),
        (timedelta(minutes=59), "in 59 minutes"),
        (timedelta(seconds=30), "now"),
    ],
)
def test_until_counts_in_the_largest_whole_unit(apart: timedelta, text: str) -> None:
    now = datetime(2026, 1, 2, 12, tzinfo=UTC)
    assert filters.until(now + apart, now) == text


def test_plural_counts_numbers_and_lists() -> None:
    assert filters.plural(1, "vote") == "1 vote"
    assert filters.plural([], "reply", "replies") == "0 replies"


def test_percent_of_nothing_is_not_a_number() -> None:
    assert filters.percent(3, 0) == "–"
    assert filters.percent(1, 3, 1) == "33.3%"


def test_a_hash_is_cut_and_bytes_are_shown_in_hex() -> None:
    assert filters.short_hash(b"\xab\xcd" * 16) == "abcdabcdabcd"
    assert filters.short_hash("0123456789abcdef", 4) == "0123"


def test_a_long_text_is_cut_at_a_word() -> None:
    assert filters.capped("one two three four", 12) == "one two…"
    assert filters.capped("short", 12) == "short"
