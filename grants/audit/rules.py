"""How money is pictured, how accounts and events are named, and how a cell of an open file is made safe."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from grants.kernel.clock import LONDON
from grants.kernel.errors import RuleBroken
from grants.kernel.money import parse_pounds
from grants.ledger.rules import JournalEntry

PICTURED_LEFT, PICTURED_RIGHT = 6, 9


def end_of_day(day: date, now: datetime) -> datetime:
    """The last moment of a London day, or ``now`` if that is earlier: what "as at" means.

    >>> end_of_day(date(2026, 7, 1), datetime(2027, 1, 1, tzinfo=UTC)).isoformat()
    '2026-07-01T22:59:59.999999+00:00'
    """
    midnight = datetime.combine(day + timedelta(days=1), time(), LONDON).astimezone(UTC)
    return min(now, midnight - timedelta(microseconds=1))


def safe_cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula: a leading = + - @, tab or line end gets a quote before it.

    Numbers are left as they are. Source: OWASP, CSV Injection.

    >>> safe_cell("=1+1"), safe_cell(" @x"), safe_cell(-5), safe_cell(None), safe_cell("Soup")
    ("'=1+1", "' @x", '-5', '', 'Soup')
    """
    if value is None:
        return ""
    if isinstance(value, int | float):
        return str(value)
    text = str(value).replace("\x00", "")
    return f"'{text}" if text.lstrip(" ")[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") and text else text


def pounds(minor: int) -> str:
    """Pence as a plain number of pounds, for files that machines add up.

    >>> pounds(123450), pounds(-5)
    ('1234.50', '-0.05')
    """
    return f"{'-' if minor < 0 else ''}{abs(minor) // 100}.{abs(minor) % 100:02d}"


def days_words(since: date | None, until: date) -> str:
    """The days of a statement.

    >>> days_words(date(2026, 4, 1), date(2027, 3, 31)), days_words(None, date(2027, 3, 31))
    ('1 April 2026 to 31 March 2027', 'From the beginning to 31 March 2027')
    """
    first = f"{since.day} {since:%B %Y}" if since else "From the beginning"
    return f"{first} to {until.day} {until:%B %Y}"


def chosen(
    offered: Sequence[tuple[UUID, int]], ticked: Sequence[str], typed: Mapping[str, str]
) -> tuple[dict[UUID, int], dict[UUID, str]]:
    """Of what is offered (id, pence), what was ticked and for how much; and what is wrong with what was typed.

    >>> one = UUID(int=1)
    >>> chosen([(one, 500)], [str(one)], {str(one): "2.50"})
    ({UUID('00000000-0000-0000-0000-000000000001'): 250}, {})
    """
    asked: dict[UUID, int] = {}
    wrong: dict[UUID, str] = {}
    for id, minor in offered:
        if str(id) not in ticked:
            continue
        text = typed.get(str(id), "").strip()
        try:
            asked[id] = parse_pounds(text) if text else minor
        except RuleBroken as broken:
            wrong[id] = broken.message
            continue
        if not asked[id]:
            wrong[id] = "Enter an amount above nought"
            del asked[id]
    return asked, wrong


# ---------------------------------------------------------------- states as at a moment


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of the trail that changed a state, at one moment."""

    subject_id: UUID
    at: datetime
    before: str | None
    after: str


def last_states(steps: Sequence[Step]) -> dict[UUID, str]:
    """The state each thing was left in. Steps of one moment are put in order by their own before and after.

    >>> t, one = datetime(2026, 1, 1, tzinfo=UTC), UUID(int=1)
    >>> last_states([Step(one, t, "active", "closed"), Step(one, t, "offered", "active")])[one]
    'closed'
    """
    latest: dict[UUID, list[Step]] = {}
    for step in sorted(steps, key=lambda s: s.at):
        standing = latest.get(step.subject_id)
        if standing and standing[0].at == step.at:
            standing.append(step)
        else:
            latest[step.subject_id] = [step]
    found = {}
    for subject_id, tied in latest.items():
        left = [s.before for s in tied if s.before != s.after]
        ends = [s.after for s in tied if s.after not in left]
        found[subject_id] = (ends or [tied[-1].after])[-1]
    return found


@dataclass(frozen=True, slots=True)
class Promise:
    """How a contribution stood at a moment: its state, its pence (None: not written down then), its restriction."""

    state: str
    amount_minor: int | None
    restriction: Mapping[str, Any] | None
    agreed: bool


def promises_then(told: Sequence[tuple[UUID, str, str | None, Mapping[str, Any]]]) -> dict[UUID, Promise]:
    """Each contribution as its trail left it; ``told``: (id, verb, state after, body), the earliest first.

    >>> one = UUID(int=1)
    >>> promises_then([(one, "contribution.pledged", "pledged", {"amount_minor": 5}),
    ...                (one, "contribution.received", "agreed", {"amount_minor": 2})])[one].amount_minor
    5
    """
    found: dict[UUID, Promise] = {}
    for id, verb, after, body in told:
        before = found.get(id, Promise("", None, None, False))
        says = verb in ("contribution.pledged", "contribution.agreed", "contribution.amount_changed")
        found[id] = Promise(
            state=after or before.state,
            amount_minor=body.get("amount_minor", before.amount_minor) if says else before.amount_minor,
            restriction=body.get("restriction", before.restriction),
            agreed=before.agreed or after in ("agreed", "received"),
        )
    return found


# ---------------------------------------------------------------- names


POCKETS = {
    "available": "not promised yet",
    "committed": "promised to groups",
    "sending": "on its way to groups",
    "paid": "paid to groups",
    "returned": "given back to the funder",
}
FUND_ACCOUNTS = {
    "bank": "The bank account",
    "grants": "Paid to groups",
    "refunds": "Given back to funders",
    "shortfall": "Taken back by a payer's bank and not made good yet",
    "owed": "Owed to whoever laid it out",
    "provider": "Held by the payment company",
    "elsewhere": "Not in the bank account: it went through the payment company",
    "fees": "Fees that the payment company kept and nobody has made good yet",
}
ROOTS = {"grants": "Expenses", "refunds": "Expenses", "owed": "Liabilities"}


def account_words(code: str, pocket: str | None, funder: str) -> str:
    """An account's name in words.

    >>> account_words("fund:1:bank", None, ""), account_words("contribution:2:paid", "paid", "The council")
    ('The bank account', 'The council: paid to groups')
    """
    if pocket is None:
        return FUND_ACCOUNTS.get(code.rsplit(":", 1)[-1], code)
    return f"{funder}: {POCKETS[pocket]}"


# ---------------------------------------------------------------- the books as others are told them


@dataclass(frozen=True, slots=True)
class ToldAccount:
    """An account as it is told: its name there, its name in words, signed pence before and after (debit positive)."""

    name: str
    words: str
    opening_minor: int
    closing_minor: int


@dataclass(frozen=True, slots=True)
class ToldBooks:
    """What is told: the accounts by id (32 hex digits), from the first day to the last, in London."""

    title: str
    accounts: dict[str, ToldAccount]
    since: date
    until: date
    entries: Iterable[JournalEntry]

    def opening(self) -> list[ToldAccount]:
        return [one for one in self.accounts.values() if one.opening_minor]


def told_names(accounts: Sequence[tuple[str, str, str | None]]) -> dict[str, str]:
    """A name for each account (its code, its fund's name, its funder's name or None) that every tool takes.

    Letters, figures and dashes only; ids make equal names different.

    >>> told_names([("fund:0a1b2c3d-9:bank", "Stockton’s fund", None)])
    {'fund:0a1b2c3d-9:bank': 'Assets:Stocktons-fund:Bank'}
    >>> list(told_names([("contribution:0a1b2c3d-9:paid", "Fund", "Tees Trust")]).values())
    ['Equity:Fund:Tees-Trust-0a1b2c3d:Paid']
    """
    parts = []
    for code, fund, funder in accounts:
        kind, id, word = code.split(":")
        parts.append((code, id, kind, word, _slug(fund, "Fund"), _slug(funder or "", "Funder")))
    funds: dict[str, set[str]] = {}
    for _, id, kind, _, fund_name, _ in parts:
        if kind == "fund":
            funds.setdefault(fund_name, set()).add(id)
    short = [f"{name}-{id[:8]}:{word}" for _, id, kind, word, _, name in parts if kind == "contribution"]
    places = 8 if len(set(short)) == len(short) else 36
    found = {}
    for code, id, kind, word, fund_name, funder_name in parts:
        if kind == "fund":
            alone = len(funds[fund_name]) == 1
            root = ROOTS.get(word, "Assets")
            found[code] = f"{root}:{fund_name}{'' if alone else '-' + id[:8]}:{word.capitalize()}"
        else:
            found[code] = f"Equity:{fund_name}:{funder_name}-{id[:places]}:{word.capitalize()}"
    return found


def _slug(name: str, empty: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().replace("'", "")
    words = re.findall(r"[A-Za-z0-9]+", plain)
    while len("-".join(words)) > 40 and len(words) > 1:
        words.pop()
    slug = "-".join(words)
    return slug[:1].upper() + slug[1:] if slug else empty


# ---------------------------------------------------------------- the picture: who gave → where it went


@dataclass(frozen=True, slots=True)
class Link:
    """So many pence went from a giver (by key) to a purpose (by key)."""

    source: str
    target: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Node:
    """A block of the picture; its label's two lines end or start at ``label_x``. ``colour``: 1 to 5, 0 on the right."""

    key: str
    name: str
    amount_minor: int
    x: float
    y: float
    height: float
    colour: int
    on_left: bool
    label_x: float
    label_y: float
    label_ends: bool
    label_centred: bool = False


@dataclass(frozen=True, slots=True)
class Band:
    """One stream of the picture: the path of its outline."""

    path: str
    colour: int


@dataclass(frozen=True, slots=True)
class Picture:
    """All of it, in units of ``width`` × ``height``."""

    width: int
    height: int
    nodes: tuple[Node, ...]
    bands: tuple[Band, ...]


NODE, LABEL, GAP = 14, 40, 12
"""Units: the width of a block, the height of a label, the room between blocks."""


def gathered(
    links: Sequence[Link], names: Mapping[str, str], last: Sequence[str] = ()
) -> tuple[list[Link], dict[str, str]]:
    """At most so many givers and purposes as a picture bears; the smallest become "Others". Keys in ``last`` stay."""
    names = dict(names)
    for side, bound, others in (
        ("source", PICTURED_LEFT, "Other funders"),
        ("target", PICTURED_RIGHT, "Other priorities"),
    ):
        sums: dict[str, int] = {}
        for link in links:
            key = getattr(link, side)
            sums[key] = sums.get(key, 0) + link.amount_minor
        free = sorted((key for key in sums if key not in last), key=lambda key: (-sums[key], names[key], key))
        if len(free) > bound:
            small = set(free[bound - 1 :])
            names[others] = others
            links = [
                Link(
                    others if side == "source" and x.source in small else x.source,
                    others if side == "target" and x.target in small else x.target,
                    x.amount_minor,
                )
                for x in links
            ]
    merged: dict[tuple[str, str], int] = {}
    for link in links:
        if link.amount_minor > 0:
            pair = (link.source, link.target)
            merged[pair] = merged.get(pair, 0) + link.amount_minor
    return [Link(source, target, minor) for (source, target), minor in merged.items()], names


def picture(
    links: Sequence[Link],
    names: Mapping[str, str],
    *,
    width: int,
    side: int = 0,
    last: Sequence[str] = (),
    tall: int = 260,
) -> Picture:
    """Lay out givers on the left and purposes on the right, the largest first, with a stream for every link.

    Heights are in proportion to pence; ``tall`` units are all of it. What is in ``last`` stands at the foot. Labels
    stand beside the blocks in ``side`` units of room, or above them when there is none.
    """
    links, names = gathered(links, names, last)
    whole = sum(link.amount_minor for link in links)
    if not whole:
        return Picture(width, 0, (), ())
    scale = tall / whole
    columns = {
        on_left: sorted(
            _sums(links, on_left).items(),
            key=lambda kv: (last.index(kv[0]) + 1 if kv[0] in last else 0, -kv[1], names[kv[0]]),
        )
        for on_left in (True, False)
    }
    colours = {key: place % 5 + 1 for place, (key, _) in enumerate(columns[True])}
    tops: dict[tuple[bool, str], float] = {}
    nodes, height = [], 0.0
    for on_left, column in columns.items():
        x = float(side) if on_left else float(width - side - NODE)
        y = 0.0
        for key, minor in column:
            block = max(minor * scale, 2.0)
            slot = max(block, LABEL) if side else LABEL + block
            top = y + (slot - block) / 2 if side else y + LABEL
            tops[on_left, key] = top
            label_y = top + block / 2 - 3 if side else top - 22
            label_x = (x - 8 if on_left else x + NODE + 8) if side else (0.0 if on_left else float(width))
            ends = on_left if side else not on_left
            colour = colours[key] if on_left else 0
            nodes.append(Node(key, names[key], minor, x, top, block, colour, on_left, label_x, label_y, ends))
            y += slot + GAP
        height = max(height, y)
    order = {on_left: [key for key, _ in column] for on_left, column in columns.items()}
    bands = []
    for link in sorted(links, key=lambda x: (order[True].index(x.source), order[False].index(x.target))):
        thick = max(link.amount_minor * scale, 1.0)
        y1, y2 = tops[True, link.source], tops[False, link.target]
        tops[True, link.source] += link.amount_minor * scale
        tops[False, link.target] += link.amount_minor * scale
        bands.append(Band(_stream(side + NODE, y1, width - side - NODE, y2, thick), colours[link.source]))
    return Picture(width, round(height + 0.5), tuple(nodes), tuple(bands))


@dataclass(frozen=True, slots=True)
class Stream:
    """So many pence of a contribution, in an award (or at rest: then there is no priority). All by key."""

    source: str
    middle: str
    target: str | None
    amount_minor: int


def picture_of_streams(
    streams: Sequence[Stream], names: Mapping[str, str], *, width: int, side: int, last: Sequence[str] = (), tall: int
) -> Picture:
    """Contributions on the left, awards in the middle, priorities on the right; a band for every stream, twice.

    Heights are in proportion to pence. What is in ``last`` rests in the middle, at its foot. Few enough blocks is the
    caller's business (``queries.streams`` gathers the small awards).
    """
    streams = [one for one in streams if one.amount_minor > 0]
    whole = sum(one.amount_minor for one in streams)
    if not whole:
        return Picture(width, 0, (), ())
    scale = tall / whole
    columns: list[dict[str, int]] = [{}, {}, {}]
    for one in streams:
        for column, key in zip(columns, (one.source, one.middle, one.target), strict=True):
            if key is not None:
                column[key] = column.get(key, 0) + one.amount_minor
    order = [
        sorted(column, key=lambda key: (last.index(key) + 1 if key in last else 0, -column[key], names[key], key))
        for column in columns
    ]
    colours = {key: place % 5 + 1 for place, key in enumerate(order[0])}
    across = [float(side), (width - NODE) / 2, float(width - side - NODE)]
    nodes, height = [], 0.0
    tops: list[dict[str, float]] = [{}, {}, {}]
    for at, keys in enumerate(order):
        y = 0.0
        for key in keys:
            minor, x = columns[at][key], across[at]
            block = max(minor * scale, 2.0)
            slot = LABEL + block if at == 1 else max(block, LABEL)
            top = y + LABEL if at == 1 else y + (slot - block) / 2
            tops[at][key] = top
            label_x = {0: x - 8, 1: x + NODE / 2, 2: x + NODE + 8}[at]
            label_y = top - 22 if at == 1 else top + block / 2 - 3
            colour = colours[key] if at == 0 else 0
            nodes.append(
                Node(key, names[key], minor, x, top, block, colour, at == 0, label_x, label_y, at == 0, at == 1)
            )
            y += slot + GAP
        height = max(height, y)
    rank = [{key: place for place, key in enumerate(keys)} for keys in order]
    bands = []
    ends = [dict(column) for column in tops]  # where the next band leaves a block
    by_left = sorted(streams, key=lambda one: (rank[0][one.source], rank[1][one.middle]))
    for one in by_left:
        bands.append(_band(one, colours, across[0], ends[0], one.source, across[1], tops[1], one.middle, scale))
    for one in sorted(streams, key=lambda one: (rank[1][one.middle], rank[0][one.source])):
        if one.target is not None:
            bands.append(_band(one, colours, across[1], ends[1], one.middle, across[2], tops[2], one.target, scale))
    return Picture(width, round(height + 0.5), tuple(nodes), tuple(bands))


def _band(
    one: Stream, colours: Mapping[str, int], x1: float, out: dict[str, float], start: str,
    x2: float, into: dict[str, float], end: str, scale: float,
) -> Band:  # fmt: skip
    """One band between two columns; both blocks' next places move on."""
    y1, y2, thick = out[start], into[end], one.amount_minor * scale
    out[start], into[end] = y1 + thick, y2 + thick
    return Band(_stream(x1 + NODE, y1, x2, y2, max(thick, 1.0)), colours[one.source])


def _sums(links: Sequence[Link], on_left: bool) -> dict[str, int]:
    sums: dict[str, int] = {}
    for link in links:
        key = link.source if on_left else link.target
        sums[key] = sums.get(key, 0) + link.amount_minor
    return sums


def _stream(x1: float, y1: float, x2: float, y2: float, thick: float) -> str:
    bend = (x1 + x2) / 2
    return (
        f"M{x1:.1f} {y1:.1f}C{bend:.1f} {y1:.1f} {bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
        f"V{y2 + thick:.1f}C{bend:.1f} {y2 + thick:.1f} {bend:.1f} {y1 + thick:.1f} {x1:.1f} {y1 + thick:.1f}Z"
    )
