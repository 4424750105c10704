"""Pabulib's ``.pb`` files of elections: read, and written. Source: pabulib.org/format."""

import csv
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from io import StringIO

from grants.allocation.rules.election import LARGEST, Election
from grants.allocation.rules.open_file import BLANK

TICKS = ("approval", "choose-1")
POINTS = ("cumulative", "scoring")
KINDS = (*TICKS, *POINTS, "ordinal")
SECTIONS = ("META", "PROJECTS", "VOTES")
COUNTED_BY = ("budget", "vote_type", "max_length", "default_score", "min_project_score_threshold", "currency")
"""What META tells of which a second value would change the result."""
LARGEST_FILE = 100_000_000
"""In bytes; the largest election that is known takes a fifth of it."""
UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
"""Signs that no screen shows, or that change what it shows."""


class Unreadable(ValueError):
    """The file cannot be read: at which line, and why."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line, self.reason = line, reason


@dataclass(frozen=True)
class PbFile:
    """An election as a file tells it. ``ids``, ``names``: by index, in the file's order, which is also the lot.

    One unit of the currency is ``unit`` of the election's smallest units; one vote or point is ``point`` of its votes.
    ``repairs``: what had to be put right to read it, a sentence each.
    """

    meta: Mapping[str, str]
    kind: str
    ids: tuple[str, ...]
    names: tuple[str, ...]
    election: Election
    unit: int
    point: int = 1
    repairs: tuple[str, ...] = ()
    selected: tuple[bool | None, ...] = ()
    """Whether each project was funded there; nothing where the file does not tell."""
    other_money: tuple[bool, ...] = ()
    """Whether it was funded with money from outside the pot (``selected`` is 2 or 3)."""
    least: Decimal = Decimal(0)
    """The fewest votes or points with which a project can win, by the file."""
    places: int = 0
    """How many places a ranked ballot may name: its first has so many points."""

    @property
    def currency(self) -> str:
        return self.meta.get("currency", "")

    @property
    def threshold(self) -> int:
        """The votes that the file's own rule asks for, in the election's votes."""
        return int(-(-self.least * self.point // 1))


@dataclass
class _Reading:
    meta: dict[str, str] = field(default_factory=dict)
    meta_lines: dict[str, int] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    costs: list[Decimal] = field(default_factory=list)
    selected: list[bool | None] = field(default_factory=list)
    other_money: list[bool] = field(default_factory=list)
    ballots: Counter[tuple[str, str]] = field(default_factory=Counter)
    voters: Counter[str] = field(default_factory=Counter)
    votes_line: int = 0
    gives_points: bool = False
    first_lines: dict[tuple[str, str], int] = field(default_factory=dict)
    repairs: list[str] = field(default_factory=list)


def read_pb(data: bytes) -> PbFile:
    """The election in a file. Raises ``Unreadable`` with the line that cannot be read.

    A ballot counts a project once. The number of voters is the number of ballots, empty ones too. Ranked ballots give
    their first as many points as the longest ballot may name, the next one fewer, and so on.
    """
    read = _Reading()
    _read_lines(_text(data, read), read)
    kind = _kind(read)
    pot = _amount(read.meta["budget"], read.meta_lines["budget"], "the budget")
    unit = 10 ** max([0, *(_places(amount) for amount in [pot, *read.costs])])
    if blank := re.search(rf"(\d+) {BLANK}", read.meta.get("comment", "")):
        _number(blank[1], read.meta_lines["comment"], "the number of blank ballots")
        read.ballots["", ""] += int(blank[1])
        read.first_lines.setdefault(("", ""), read.meta_lines["comment"])
    kinds, point = _ballots(read, kind)
    default, least = _told(read, "default_score"), _told(read, "min_project_score_threshold")
    scores = None
    if kind in POINTS and (default or any(point < 0 for _, points, _ in kinds for point in points or ())):
        kinds, point, scores = _scored(kinds, point, default, len(read.ids))
    _as_many_as_told(read, "num_projects", "projects", len(read.ids))
    _as_many_as_told(read, "num_votes", "votes", sum(read.ballots.values()) - (int(blank[1]) if blank else 0))
    if again := sum(people - 1 for id, people in read.voters.items() if id):
        votes, counted = ("vote has", "it is") if again == 1 else ("votes have", "they are")
        read.repairs.append(f"{again} {votes} the voter_id of a vote before: {counted} counted all the same")
    try:
        election = Election.packed(
            [int(cost * unit) for cost in read.costs],
            range(1, len(read.ids) + 1),
            int(pot * unit),
            kinds,
            scores=scores,
        )
    except (ValueError, OverflowError) as broken:
        raise Unreadable(1, str(broken)) from None
    return PbFile(
        read.meta,
        kind,
        tuple(read.ids),
        tuple(read.names),
        election,
        unit,
        point,
        tuple(read.repairs),
        tuple(read.selected),
        tuple(read.other_money),
        least,
        _places_of(read, kinds) if kind == "ordinal" else 0,
    )


def _text(data: bytes, read: _Reading) -> str:
    """The file as text that a screen can show."""
    if len(data) > LARGEST_FILE:
        raise Unreadable(1, f"the file is larger than {LARGEST_FILE // 1_000_000} MB")
    if not data.strip():
        raise Unreadable(1, "the file is empty")
    if (zero := data.find(b"\0")) >= 0:
        raise Unreadable(data[:zero].count(b"\n") + 1, "this is not text in UTF-8. Save it in UTF-8, not in UTF-16")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as broken:
        line = data[: broken.start].count(b"\n") + 1
        raise Unreadable(line, "this is not text in UTF-8") from None
    unseen = UNSEEN.search(text)
    if unseen is None:
        return text
    line = text.count("\n", 0, unseen.start()) + 1
    read.repairs.append(f"line {line}: signs that no screen shows are left out, here and in the rest of the file")
    return UNSEEN.sub("", text)


def _read_lines(text: str, read: _Reading) -> None:
    rows = csv.reader(StringIO(text, newline=""), delimiter=";")
    section, columns, seen = "", dict[str, int](), dict[str, int]()
    line = began = 0
    try:
        for row in rows:
            began, line = line + 1, rows.line_num
            if not row or (len(row) == 1 and not row[0].strip()):
                continue
            head = row[0].strip()
            if head.upper() in SECTIONS and not any(cell.strip() for cell in row[1:]):
                section, columns = head.upper(), {}
                if section in seen:
                    raise Unreadable(line, f"a second section {section}")
                if section == "VOTES" and "PROJECTS" not in seen:
                    raise Unreadable(line, "the votes come before the projects")
                seen[section] = line
            elif not section:
                raise Unreadable(line, "the file does not begin with META, PROJECTS or VOTES")
            elif not columns:
                columns = {name.strip().lower(): at for at, name in enumerate(row)}
                needed = {"META": ("key", "value"), "PROJECTS": ("project_id", "cost"), "VOTES": ("vote",)}[section]
                if missing := [name for name in needed if name not in columns]:
                    parted = ". Semicolons part the cells of a line" if len(row) == 1 else ""
                    raise Unreadable(line, f"{section} has no column called {missing[0]}{parted}")
                vote_at, points_at = columns.get("vote", 0), columns.get("points", -1)
                voter_at = columns.get("voter_id", -1)
                if section == "VOTES":
                    read.votes_line, read.gives_points = line, points_at >= 0
            elif section == "VOTES":
                if line > began:
                    raise Unreadable(began, OPEN_QUOTE)
                if len(row) <= max(vote_at, points_at):
                    raise Unreadable(line, f"this vote has {_cells(row)}, and its columns ask for {len(columns)}")
                ballot = row[vote_at], row[points_at] if points_at >= 0 else ""
                read.ballots[ballot] += 1
                if 0 <= voter_at < len(row):
                    read.voters[row[voter_at]] += 1
                if ballot not in read.first_lines:
                    read.first_lines[ballot] = line
            elif section == "META":
                if len(row) <= max(columns["key"], columns["value"]):
                    raise Unreadable(line, f"“{head}” has no value")
                key, value = row[columns["key"]].strip().lower(), row[columns["value"]].strip()
                if key in COUNTED_BY and read.meta.get(key, value) != value:
                    raise Unreadable(line, f"a second {key}: before, it was “{_short(read.meta[key])}”")
                read.meta[key], read.meta_lines[key] = value, line
            else:
                _project(row, columns, line, read)
    except csv.Error:  # nothing else than a cell that is too long
        raise Unreadable(line + 1, f"{TOO_LONG} {OPEN_QUOTE[0].upper()}{OPEN_QUOTE[1:]}") from None
    for wanted in SECTIONS:
        if wanted not in seen:
            if line > began:
                raise Unreadable(began, OPEN_QUOTE)
            raise Unreadable(max(line, 1), f"the file ends without a section {wanted}")
    for key in ("budget", "vote_type"):
        if key not in read.meta:
            raise Unreadable(seen["META"], f"META does not tell the {key}")


TOO_LONG = f"a cell holds more than {csv.field_size_limit():,} letters."
OPEN_QUOTE = "perhaps a quotation mark opens here and is not closed in its line"


def _cells(row: Sequence[str]) -> str:
    return "1 cell" if len(row) == 1 else f"{len(row)} cells"


def _short(text: str) -> str:
    """Somebody else's text, short enough to be repeated to a person."""
    text = " ".join(text.split())
    return text if len(text) <= 40 else f"{text[:39]}…"


def _as_many_as_told(read: _Reading, key: str, what: str, counted: int) -> None:
    told = read.meta.get(key, "").strip()
    if told and told != str(counted):
        there = f"there is {counted}, and it is" if counted == 1 else f"there are {counted}, and all are"
        read.repairs.append(f"the file says that it holds {_short(told)} {what}; {there} counted")


def _project(row: Sequence[str], columns: Mapping[str, int], line: int, read: _Reading) -> None:
    if len(row) <= max(columns["project_id"], columns["cost"]):
        raise Unreadable(line, f"this project has {_cells(row)}, and its columns ask for {len(columns)}")
    id = row[columns["project_id"]].strip()
    if not id:
        raise Unreadable(line, "this project has no project_id")
    if id in read.ids:
        raise Unreadable(line, f"a second project {_short(id)}")
    cost = _amount(row[columns["cost"]], line, f"the cost of project {_short(id)}")
    if not cost:
        raise Unreadable(line, f"project {_short(id)} costs nothing")
    at = columns.get("name", -1)
    read.ids.append(id)
    read.names.append(" ".join(row[at].split()) if 0 <= at < len(row) else "")
    read.costs.append(cost)
    chosen = columns.get("selected", -1)
    told = row[chosen].strip() if 0 <= chosen < len(row) else ""
    read.other_money.append(told in ("2", "3"))
    read.selected.append(None if told == "" else told not in ("0", "no", "false"))


def _kind(read: _Reading) -> str:
    kind = read.meta["vote_type"].lower()
    if kind not in KINDS:
        raise Unreadable(
            read.meta_lines["vote_type"], f"there is no vote_type “{_short(kind)}”; it is one of {', '.join(KINDS)}"
        )
    return kind


def _number(text: str, line: int, what: str) -> Decimal:
    try:
        number = Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        raise Unreadable(line, f"{what} is not a number: “{_short(text)}”") from None
    if not number.is_finite() or number.copy_abs() >= LARGEST or _places(number) > 9:
        raise Unreadable(line, f"{what} is not a number that we can count with: “{_short(text)}”")
    if THOUSANDS.fullmatch(text.strip()):
        raise Unreadable(line, f"{what} could be two numbers: “{_short(text)}”. Write it without the comma")
    return number


THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)
"""A comma is a decimal point in many places, and parts thousands in others."""


def _told(read: _Reading, name: str) -> Decimal:
    """A number that META may tell; nought where it does not."""
    return _number(read.meta.get(name, "") or "0", read.meta_lines.get(name, 0), name)


def _amount(text: str, line: int, what: str) -> Decimal:
    amount = _number(text, line, what)
    if amount < 0:
        raise Unreadable(line, f"{what} is less than nothing: “{_short(text)}”")
    return amount


def _places(number: Decimal) -> int:
    """How many digits after the point count."""
    exponent = number.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


Kinds = list[tuple[Sequence[int], Sequence[int] | None, int]]


def _ballots(read: _Reading, kind: str) -> tuple[Kinds, int]:
    """Each different ballot once, and how many units one point is."""
    index = {id: at for at, id in enumerate(read.ids)}
    found: dict[tuple[tuple[int, Decimal], ...], int] = {}
    named: dict[tuple[int, ...], int] = {}
    longest = 0
    if kind in POINTS and read.ballots and not read.gives_points:
        raise Unreadable(read.votes_line, f"VOTES has no column called points, and the vote_type is {kind}")
    for ballot, people in read.ballots.items():
        vote, points_text = ballot
        ids = vote.split(",")
        if kind in TICKS:  # almost all of them need nothing put right
            ticked = sorted({index[id] for id in ids if id in index})
            if len(ticked) == len(ids):
                plain = tuple(ticked)
                named[plain] = named.get(plain, 0) + people
                continue
        line, points = read.first_lines[ballot], list[Decimal]()
        ids = [id.strip() for id in ids] if vote.strip() else []
        if kind in POINTS:
            cells = points_text.split(",") if points_text.strip() else []
            if len(cells) != len(ids):
                raise Unreadable(
                    line, f"the number of projects on this vote is {len(ids)}, and that of points {len(cells)}"
                )
            points = [_number(cell, line, "a point") for cell in cells]
        kept: dict[int, Decimal] = {}
        for place, id in enumerate(ids):
            if id not in index:
                told = _short(id) or "nothing"
                _repair(read, line, people, f"names a project that is not there ({told}); the rest is counted")
            elif index[id] in kept:
                _repair(read, line, people, f"names project {_short(id)} twice; it is counted once")
            else:
                kept[index[id]] = points[place] if points else Decimal(1)
        if not kept and (vote.strip() or points_text.strip() or line not in read.meta_lines.values()):
            _repair(read, line, people, "is empty; it counts as a voter, and for no project")
        longest = max(longest, len(kept))
        if kind == "ordinal":
            key = tuple(kept.items())
        else:
            key = tuple(sorted((at, point) for at, point in kept.items() if point))
        if kind in TICKS:
            plain = tuple(at for at, _ in key)
            named[plain] = named.get(plain, 0) + people
        else:
            found[key] = found.get(key, 0) + people
    _limits(read, found, named)
    if kind == "cumulative":
        _below_nothing(read, found)
    if kind in TICKS:
        return [(chosen, None, people) for chosen, people in named.items()], 1
    if kind == "ordinal":
        most = _most_places(read, longest)
        return [([at for at, _ in key], list(range(most, most - len(key), -1)), n) for key, n in found.items()], 1
    point = 10 ** max([0, *(_places(points) for key in found for _, points in key)])
    return [([at for at, _ in key], [int(one * point) for _, one in key], n) for key, n in found.items()], point


def _limits(
    read: _Reading, found: Mapping[tuple[tuple[int, Decimal], ...], int], named: Mapping[tuple[int, ...], int]
) -> None:
    """Say how many votes go beyond what the file itself allows: where it was held they were counted, so here too."""
    lengths = [(len(key), people) for ballots in (found, named) for key, people in ballots.items()]
    sums = [(sum(point for _, point in key), people) for key, people in found.items()]
    for name, sizes, what in (
        ("max_length", lengths, "too many projects"),
        ("max_sum_points", sums, "too many points"),
    ):
        text = read.meta.get(name, "").strip()
        over = sum(people for size, people in sizes if size > int(text)) if text.isdecimal() else 0
        votes, counted = ("vote", "it is") if over == 1 else ("votes", "they are")
        if over:
            read.repairs.append(
                f"{over} {votes} with {what} for the file's own {name} of {text}: {counted} counted as cast"
            )


def _below_nothing(read: _Reading, found: Mapping[tuple[tuple[int, Decimal], ...], int]) -> None:
    """Points that are shared out cannot be fewer than none. Where the vote was held they were counted, so here too."""
    below = sum(people for key, people in found.items() if any(point < 0 for _, point in key))
    if below:
        votes, counted = ("vote takes", "it is") if below == 1 else ("votes take", "they are")
        read.repairs.append(f"{below} {votes} points away, which a cumulative vote cannot: {counted} counted as cast")


def _most_places(read: _Reading, longest: int) -> int:
    told = read.meta.get("max_length", "").strip()
    _number(told if told.isdecimal() else "0", read.meta_lines.get("max_length", 0), "max_length")
    return max(int(told) if told.isdecimal() else 0, longest)


def _places_of(read: _Reading, kinds: Kinds) -> int:
    return _most_places(read, max((len(chosen) for chosen, _, _ in kinds), default=0))


def _repair(read: _Reading, line: int, people: int, what: str) -> None:
    also = f" (and {people - 1} more like it)" if people > 1 else ""
    read.repairs.append(f"line {line}{also}: this vote {what}")


def _scored(kinds: Kinds, point: int, default: Decimal, size: int) -> tuple[Kinds, int, tuple[int, ...]]:
    """Points of nought or less support nothing, but count against; ``default``: for whatever a ballot does not name."""
    finer = 10 ** max(0, _places(default * point))
    unnamed, scores, made = int(default * point * finer), [0] * size, Kinds()
    for chosen, points, people in kinds:
        given = dict.fromkeys(range(size), unnamed) if unnamed else {}
        given.update({at: one * finer for at, one in zip(chosen, points or (), strict=True)})
        for at, one in given.items():
            scores[at] += one * people
        kept = sorted((at, one) for at, one in given.items() if one > 0)
        made.append(([at for at, _ in kept], [one for _, one in kept], people))
    return made, point * finer, tuple(scores)
