"""How values read on a page: money, days, moments, counts. Pure functions, offered to templates as filters."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask, before_render_template, g, has_app_context
from jinja2 import pass_context

from grants.kernel.money import POUNDS, told_in
from grants.kernel.words import plural
from grants.web.moments import good_until

LONDON = ZoneInfo("Europe/London")


def money(minor: int | None, currency: str | None = None) -> str:
    """Pence as pounds: whole pounds without pence. Another ``currency``: of its hundredths; else that of the page.

    >>> money(123450), money(120000), money(-500), money(0), money(120000, "PLN")
    ('£1,234.50', '£1,200', '−£5', '£0', '1,200 PLN')
    """
    if minor is None:
        return "–"
    whole, part = divmod(abs(minor), 100)
    told = f"{'−' if minor < 0 else ''}£{whole:,}" + (f".{part:02d}" if part else "")
    return told_in(told, currency_of_page() if currency is None else currency)


def currency_of_page() -> str:
    """What the amounts on this page are hundredths of."""
    return str(g.get("currency", POUNDS)) if has_app_context() else POUNDS


@pass_context
def _money_on_a_page(_context: object, minor: int | None, currency: str | None = None) -> str:
    """``money`` as templates have it: worked out at each look, never folded into a page that is kept compiled."""
    return money(minor, currency)


def _of_the_page(_sender: Flask, context: dict[str, Any], **_: Any) -> None:
    """A page about one round, or a proposal in it, tells money in that round's currency."""
    round = context.get("round") or getattr(context.get("proposal"), "round", None)
    if (currency := getattr(round, "currency", None)) is not None:
        g.currency = currency


@pass_context
def _in_currency_of_page(_context: object, words: str) -> str:
    """Words that speak of pounds, on a page of another currency in that."""
    return told_in(words, currency_of_page())


def in_sentence(name: str) -> str:
    """The name of a rule in the middle of a sentence: small, unless it is a person's.

    >>> in_sentence("Most votes"), in_sentence("Phragmén")
    ('most votes', 'Phragmén')
    """
    return name if name == "Phragmén" else name.lower()


def money_full(minor: int | None) -> str:
    """Pence as pounds, always with pence, for columns that add up: "£1,200.00"."""
    if minor is None:
        return "–"
    return f"{'−' if minor < 0 else ''}£{abs(minor) // 100:,}.{abs(minor) % 100:02d}"


def _local(value: datetime) -> datetime:
    """A moment in London; a naive one is taken as UTC."""
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(LONDON)


def day(value: date | datetime | None) -> str:
    """A day in full, in London if it is a moment.

    >>> day(date(2026, 11, 2))
    '2 November 2026'
    """
    if value is None:
        return "–"
    if isinstance(value, datetime):
        value = _local(value).date()
    return f"{value.day} {value:%B %Y}"


def clock(value: datetime | None) -> str:
    """A time of day in London: "3pm", "3:05pm", "midday", "midnight"."""
    if value is None:
        return "–"
    local = _local(value)
    if local.minute == 0 and local.hour in (0, 12):
        return "midday" if local.hour else "midnight"
    minutes = f":{local.minute:02d}" if local.minute else ""
    return f"{local.hour % 12 or 12}{minutes}{'am' if local.hour < 12 else 'pm'}"


def moment(value: datetime | None) -> str:
    """A moment in London.

    >>> moment(datetime(2026, 7, 2, 14, 5, tzinfo=UTC))
    '2 July 2026 at 3:05pm'
    """
    return "–" if value is None else f"{day(value)} at {clock(value)}"


def until(value: datetime | None, now: datetime) -> str:
    """How long from ``now``, in the largest whole unit: "in 3 days", "2 hours ago", "now"."""
    if value is None:
        return "–"
    seconds = int((_local(value) - _local(now)).total_seconds())
    sizes = ((86_400, "day"), (3_600, "hour"), (60, "minute"))
    size, one = next((unit for unit in sizes if abs(seconds) >= unit[0]), sizes[-1])
    count = abs(seconds) // size
    ahead = seconds > 0 and count
    if has_app_context():  # a page that says this is not kept for longer than it is so
        good_until(_local(value) + timedelta(seconds=-count * size if ahead else (count + 1) * size, microseconds=1))
    words = plural(count, one)
    return "now" if not count else f"in {words}" if ahead else f"{words} ago"


def percent(part: float | None, whole: float | None = None, places: int = 0) -> str:
    """A share as a percentage: ``percent(0.25)`` or ``percent(1, 4)``; "–" of nothing.

    >>> percent(1, 4), percent(0.125, places=1), percent(1, 0)
    ('25%', '12.5%', '–')
    """
    if part is None or whole == 0:
        return "–"
    share = part if whole is None else part / whole
    return f"{100 * share:.{places}f}%"


def count(value: int | None) -> str:
    """A whole number with commas."""
    return "–" if value is None else f"{value:,}"


def short_hash(value: str | bytes | None, size: int = 12) -> str:
    """The head of a long hash, to read aloud or compare at a glance."""
    if value is None:
        return "–"
    return (value.hex() if isinstance(value, bytes) else value)[:size]


def words(value: object) -> str:
    """A state's name as people read it: ``MORE_INFO_REQUESTED`` → "More info requested"."""
    text = str(getattr(value, "value", value)).replace("_", " ").strip().lower()
    return text[:1].upper() + text[1:]


def capped(text: str | None, size: int = 160) -> str:
    """A text cut at a word with an ellipsis."""
    text = " ".join((text or "").split())
    return text if len(text) <= size else text[: size - 1].rsplit(" ", 1)[0].rstrip(",.;:") + "…"


def init_app(app: Flask) -> None:
    """Offer the filters to templates."""
    for one in (money, money_full, day, clock, moment, until, plural, percent, count, short_hash, words, capped):
        app.jinja_env.filters["numbered" if one is count else one.__name__] = one
    app.jinja_env.filters["money"] = _money_on_a_page
    app.jinja_env.filters["in_sentence"] = in_sentence
    app.jinja_env.filters["in_currency"] = _in_currency_of_page
    before_render_template.connect(_of_the_page, app)
