"""The time, asked for in one place: UTC inside, Europe/London for people."""

from datetime import UTC, date, datetime, time, timedelta
from threading import Lock
from typing import Protocol
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")


def show_day(day: date) -> str:
    """A day as people write it.

    >>> show_day(date(2027, 3, 1))
    '1 March 2027'
    """
    return f"{day.day} {day:%B %Y}"


class Clock(Protocol):
    """Who says what time it is."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class SetClock:
    """A clock that stands still until it is moved: for tests and for loading the demonstration town."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)
        self._lock = Lock()

    def now(self) -> datetime:
        with self._lock:
            return self._now

    def set(self, moment: datetime) -> None:
        with self._lock:
            self._now = moment.astimezone(UTC)

    def advance(self, by: timedelta) -> None:
        with self._lock:
            self._now += by


def london_day(moment: datetime) -> date:
    """The calendar day in London at that moment."""
    return moment.astimezone(LONDON).date()


def day_begins(day: date) -> datetime:
    """The first moment of a London day, in UTC.

    >>> day_begins(date(2026, 7, 1)).isoformat()
    '2026-06-30T23:00:00+00:00'
    """
    return datetime.combine(day, time(), LONDON).astimezone(UTC)
