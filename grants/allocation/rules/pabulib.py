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
    first_lines: dict[tuple[str, str], int] = field(default_factory=dict)
    repairs: list[str] = field(default_factory=list)


def read_pb(data: bytes) -> PbFile:
    """The election in a file. Raises ``Unreadable`` with the line that cannot be read.

    A ballot counts a project once. The number of voters is the number of ballots, empty ones too. Ranked ballots give
    their first as many points as the longest ballot may name, the next one fewer, and so on.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as broken:
        line = data[: broken.start].count(b"\n") + 1
        raise Unreadable(line, "this is not text in UTF-8") from None
    read = _Reading()
    _read_lines(text, read)
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
    if told := read.meta.get("num_votes", "").strip():
        counted = sum(read.ballots.values()) - (int(blank[1]) if blank else 0)
        if told != str(counted):
            read.repairs.append(f"the file says that it holds {told} votes; there are {counted}, and all are counted")
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


def _read_lines(text: str, read: _Reading) -> None:
    rows = csv.reader(StringIO(text, newline=""), delimiter=";")
    section, columns, seen = "", dict[str, int](), dict[str, int]()
    line = 0
    try:
        for row in rows:
            line = rows.line_num
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
                    raise Unreadable(line, f"{section} has no column called {missing[0]}")
                vote_at, points_at = columns.get("vote", 0), columns.get("points", -1)
            elif section == "VOTES":
                if len(row) <= max(vote_at, points_at):
                    raise Unreadable(line, f"this vote has {len(row)} cells, and its columns ask for {len(columns)}")
                ballot = row[vote_at], row[points_at] if points_at >= 0 else ""
                read.ballots[ballot] += 1
                if ballot not in read.first_lines:
                    read.first_lines[ballot] = line
            elif section == "META":
                if len(row) <= max(columns["key"], columns["value"]):
                    raise Unreadable(line, f"“{head}” has no value")
                key = row[columns["key"]].strip().lower()
                read.meta[key], read.meta_lines[key] = row[columns["value"]].strip(), line
            else:
                _project(row, columns, line, read)
    except csv.Error as broken:
        raise Unreadable(rows.line_num or line, str(broken)) from None
    for wanted in SECTIONS:
        if wanted not in seen:
            raise Unreadable(max(line, 1), f"the file ends without a section {wanted}")
    for key in ("budget", "vote_type"):
        if key not in read.meta:
            raise Unreadable(seen["META"], f"META does not tell the {key}")


def _project(row: Sequence[str], columns: Mapping[str, int], line: int, read: _Reading) -> None:
    if len(row) <= max(columns["project_id"], columns["cost"]):
        raise Unreadable(line, f"this project has {len(row)} cells, and its columns ask for {len(columns)}")
    id = row[columns["project_id"]].strip()
    if not id:
        raise Unreadable(line, "this project has no project_id")
    if id in read.ids:
        raise Unreadable(line, f"a second project {id}")
    cost = _amount(row[columns["cost"]], line, f"the cost of project {id}")
    if not cost:
        raise Unreadable(line, f"project {id} costs nothing")
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
            read.meta_lines["vote_type"], f"there is no vote_type “{kind}”; it is one of {', '.join(KINDS)}"
        )
    return kind


def _number(text: str, line: int, what: str) -> Decimal:
    try:
        number = Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        raise Unreadable(line, f"{what} is not a number: “{text.strip()}”") from None
    if not number.is_finite() or number.copy_abs() >= LARGEST or _places(number) > 9:
        raise Unreadable(line, f"{what} is not a number that we can count with: “{text.strip()}”")
    return number


def _told(read: _Reading, name: str) -> Decimal:
    """A number that META may tell; nought where it does not."""
    return _number(read.meta.get(name, "") or "0", read.meta_lines.get(name, 0), name)


def _amount(text: str, line: int, what: str) -> Decimal:
    amount = _number(text, line, what)
    if amount < 0:
        raise Unreadable(line, f"{what} is less than nothing: “{text.strip()}”")
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
                raise Unreadable(line, f"this vote names {len(ids)} projects and gives {len(cells)} points")
            points = [_number(cell, line, "a point") for cell in cells]
        kept: dict[int, Decimal] = {}
        for place, id in enumerate(ids):
            if id not in index:
                _repair(
                    read, line, people, f"names a project that is not there ({id or 'nothing'}); the rest is counted"
                )
            elif index[id] in kept:
                _repair(read, line, people, f"names project {id} twice; it is counted once")
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
