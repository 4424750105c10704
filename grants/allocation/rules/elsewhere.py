"""A finished election elsewhere, as a round of ours would have it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID

from grants.allocation.rules.pabulib import PbFile
from grants.kernel.clock import day_begins, london_day
from grants.kernel.errors import RuleBroken
from grants.kernel.money import POUNDS
from grants.rounds.rules.ballots import BallotKind
from grants.rounds.rules.book import ApplicantKind, RuleBook
from grants.rounds.rules.dates import RoundDates
from grants.rounds.rules.sharing import Options, SharingRule

KINDS = {
    "approval": BallotKind.APPROVAL,
    "choose-1": BallotKind.CHOOSE_ONE,
    "cumulative": BallotKind.POINTS,
    "scoring": BallotKind.POINTS,
    "ordinal": BallotKind.RANKED,
}

MOST_BALLOTS = 1_000_000
TOLD = ("description", "country", "unit", "district", "subunit", "instance", "language")
"""What is kept of what a file tells, for the file that we write of it."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """``costs_minor``, ``titles``, ``ids``, ``selected`` (nothing where the file does not tell): by index.

    ``kept``: every ballot as ``voting`` keeps it, by number on the ballot from 1.
    """

    title: str
    summary: str
    dates: RoundDates
    pot_minor: int
    kind: BallotKind
    minimum: int
    maximum: int | None
    rule: SharingRule
    options: Options
    titles: tuple[str, ...]
    costs_minor: tuple[int, ...]
    selected: tuple[bool | None, ...]
    kept: list[list[Any]]
    currency: str = POUNDS
    told: Mapping[str, str] = field(default_factory=dict)
    """What its file tells of where it was."""
    ids: tuple[str, ...] = ()
    other_money: tuple[bool, ...] = ()
    """By index: whether it was funded there with money from outside the pot."""

    @property
    def _paid_otherwise(self) -> dict[str, list[str]]:
        paid = [id for id, other in zip(self.ids, self.other_money, strict=True) if other] if self.other_money else []
        return {"other_money": paid} if paid else {}

    def book(self, fund_id: UUID) -> RuleBook:
        """What is known of its rules. Its ballots are public already, so no number is too small to be told."""
        return RuleBook(
            round_title=self.title,
            fund_id=fund_id,
            priority_ids=(),
            dates=self.dates,
            floor_minor=min(self.costs_minor),
            cap_minor=max(self.costs_minor),
            pot_minor=self.pot_minor,
            who_may_apply="An election elsewhere: its own rules said who could.",
            applicant_kinds=(ApplicantKind.CONSTITUTED, ApplicantKind.HOSTED),
            vote_min_age=0,
            vote_connections=(),
            vote_methods=(),
            lot_seed="the order of the file",
            ballot_public_key="0" * 64,
            ballot_kind=self.kind,
            ballot_minimum=self.minimum,
            ballot_maximum=self.maximum,
            rule=self.rule,
            rule_options=self.options,
            currency=self.currency,
            suppress_below=0,
            totals_only_below=0,
            elsewhere={**self.told, **self._paid_otherwise, "ids": list(self.ids)},
        )


def read_elsewhere(file: PbFile, now: datetime, currency: str = "") -> Elsewhere:
    """The round that an election's file makes. Refuses (``RuleBroken``) what cannot be kept to the penny and the point.

    ``now``: stands for dates that the file does not tell. ``currency``: instead of what the file says; where nobody
    says it, amounts stand without one.
    """
    election, meta = file.election, file.meta
    if 100 % file.unit:
        raise RuleBroken("This file has amounts of less than a hundredth of its currency. They cannot be kept here.")
    if file.point != 1 or election.scores is not None:
        raise RuleBroken("This file has parts of points, or points below nought. They cannot be kept here.")
    if not file.ids or not election.pot:
        raise RuleBroken("This file has no projects, or no money to share.")
    if election.voters > MOST_BALLOTS:
        raise RuleBroken("This file has more than a million ballots. They are too many to be kept here.")
    kind, scale = KINDS[file.kind], 100 // file.unit
    rule, options = _rule(meta.get("rule", ""), file)
    where = [meta.get(name, "") for name in ("unit", "district", "subunit", "instance")]
    told = meta.get("description", "")
    return Elsewhere(
        title=(" ".join(part for part in where if part) or told or "An election elsewhere")[:140],
        summary=f"{told[:1500]} A finished election elsewhere, from its public file.".strip(),
        dates=_dates(meta.get("date_begin", ""), meta.get("date_end", ""), now),
        pot_minor=election.pot * scale,
        kind=kind,
        minimum=0 if any(not election.kind(at) for at in range(len(election.people))) else 1,
        maximum=_most(kind, file),
        rule=rule,
        options=options,
        titles=tuple((name or id)[:140] for id, name in zip(file.ids, file.names, strict=True)),
        costs_minor=tuple(cost * scale for cost in election.costs),
        selected=file.selected,
        kept=_kept(file, kind),
        currency=" ".join((currency or file.currency).split())[:12],
        told={name: meta[name][:500] for name in TOLD if meta.get(name)}
        | ({"vote_type": "scoring"} if file.kind == "scoring" else {}),  # or it would be written as cumulative
        ids=file.ids,
        other_money=file.other_money,
    )


def _most(kind: BallotKind, file: PbFile) -> int | None:
    if kind is BallotKind.CHOOSE_ONE:
        return 1
    if kind is BallotKind.POINTS:
        sums = [sum(points for _, points in file.election.kind(at)) for at in range(len(file.election.people))]
        return max([1, *sums])
    return file.places if kind is BallotKind.RANKED else None


def _kept(file: PbFile, kind: BallotKind) -> list[list[Any]]:
    """Every ballot; those of one kind one after the other."""
    kept: list[list[Any]] = []
    for at, people in enumerate(file.election.people.tolist()):
        marks = sorted((bid + 1, points) for bid, points in file.election.kind(at))
        if kind is BallotKind.POINTS:
            ballot: list[Any] = [list(mark) for mark in marks]
        elif kind is BallotKind.RANKED:
            ballot = [[number, file.places - points + 1] for number, points in marks]
        else:
            ballot = [number for number, _ in marks]
        kept.extend([ballot] * people)
    return kept


def _rule(text: str, file: PbFile) -> tuple[SharingRule, Options]:
    """The rule of ours that comes nearest to what the file calls its own; in a file of ours, that of its command."""
    text = text.lower()
    if ours := re.search(r"Rule (\w+); projects", file.meta.get("comment", "")):
        return _our_rule(ours[1], file.meta["comment"])
    if "equalshares" in text or "equal-shares" in text or text.startswith("mes"):
        completion = next((name for name in ("add1u", "add1") if name in text), "add1u" if "/" in text else "none")
        start = "exact" if completion == "none" else "floor"
        return SharingRule.EQUAL_SHARES, {"completion": completion, "start": start, "minimum_votes": 0}
    if "phragm" in text:
        return SharingRule.PHRAGMEN, {"minimum_votes": 0}
    return SharingRule.MOST_VOTES, {"minimum_votes": file.threshold, "stop_at_misfit": "no-skip" in text}


def _our_rule(name: str, comment: str) -> tuple[SharingRule, Options]:
    try:
        rule = SharingRule(name)
    except ValueError:
        rule = SharingRule.MOST_VOTES
    asked = dict(re.findall(r"--([\w-]+) ([\w.]+)", comment))
    least = asked.get("min-votes", "0")
    options: dict[str, Any] = {"minimum_votes": int(least) if least.isdecimal() else 0}
    if rule is not SharingRule.EQUAL_SHARES:
        return rule, options | ({"stop_at_misfit": asked["misfit"] == "stop"} if "misfit" in asked else {})
    options |= {name: asked[name] for name in ("utility", "completion", "start") if name in asked}
    options |= {"exhaustive_stop": "--no-exhaustive-stop" not in comment}
    step = re.fullmatch(r"\d{1,9}(\.\d\d)?", asked.get("step", ""))
    return rule, options | ({"step_minor": int(Fraction(step[0]) * 100) or 1} if step else {})


def _dates(begin: str, end: str, now: datetime) -> RoundDates:
    """Voting from the first moment of its first day to the last minute of its last (London); the rest nobody knows."""
    opens, closes = _day(begin), _day(end, last=True)
    last = closes or opens or london_day(now)
    first = opens if opens is not None and opens <= last else last
    opened, closed = day_begins(first), day_begins(last + timedelta(1)) - timedelta(minutes=1)
    return RoundDates(opened - timedelta(2), opened - timedelta(1), opened, closed, closed)


def _day(text: str, *, last: bool = False) -> date | None:
    """A day as files tell it: "18.09.2023", "2023-09-18", "2023" (its first day, or its ``last``).

    >>> _day("2023", last=True), _day("18.9.2023"), _day("soon")
    (datetime.date(2023, 12, 31), datetime.date(2023, 9, 18), None)
    """
    text = text.strip()
    if found := re.fullmatch(r"(\d{1,2})[./](\d{1,2})[./](\d{4})", text):
        day, month, year = map(int, found.groups())
    elif found := re.fullmatch(r"(\d{4})(?:-(\d{1,2})-(\d{1,2}))?", text):
        year, month, day = (int(part or other) for part, other in zip(found.groups(), (0, *END[last]), strict=True))
    else:
        return None
    try:
        return date(year, month, day) if 1900 <= year <= 2200 else None
    except ValueError:
        return None


END = {False: (1, 1), True: (12, 31)}
