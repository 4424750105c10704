"""Quick rounds: small asks, answered within days."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from grants.kernel.canonical import canonical_json, fingerprint
from grants.kernel.clock import LONDON
from grants.kernel.errors import RuleBroken
from grants.kernel.money import show_pounds
from grants.rounds.rules.book import ApplicantKind
from grants.rounds.rules.dates import RoundDates, show_moment
from grants.rounds.rules.states import RoundKind

QUICK_FLOOR_MINOR = 100
"""The least that an ask can be for: a pound. Nobody is turned away for asking for little."""
MOST_QUICK_MINOR = 50_000
"""The most that two people may give by themselves: what the lightest tier of checks bears."""
MOST_DECIDE_DAYS = 20


def working_days_later(day: date, days: int) -> date:
    """The day so many working days (Monday to Friday) after ``day``. Bank holidays count as working days.

    >>> working_days_later(date(2026, 11, 20), 1), working_days_later(date(2026, 11, 21), 5)
    (datetime.date(2026, 11, 23), datetime.date(2026, 11, 27))
    """
    while days > 0:
        day += timedelta(days=1)
        days -= day.weekday() < 5
    return day


@dataclass(frozen=True, slots=True)
class QuickBook:
    """All that a quick round promises. Frozen, hashed and published when it is scheduled. Money in pence.

    ``decide_days``: working days after an ask was put in, or after a question about it was answered.
    """

    round_title: str
    fund_id: UUID
    priority_ids: tuple[UUID, ...]
    opens_at: datetime
    closes_at: datetime
    pot_minor: int
    floor_minor: int
    cap_minor: int
    who_may_apply: str
    applicant_kinds: tuple[ApplicantKind, ...]
    decide_days: int
    kind: RoundKind = RoundKind.QUICK
    version: int = 1

    def __post_init__(self) -> None:
        for name in ("priority_ids", "applicant_kinds"):
            object.__setattr__(self, name, tuple(sorted(set(getattr(self, name)))))
        for name in ("opens_at", "closes_at"):
            object.__setattr__(self, name, getattr(self, name).astimezone(UTC))

    def to_canonical_json(self) -> str:
        """The published text: the same facts give the same text on every machine."""
        return canonical_json(self._facts())

    @property
    def sha256(self) -> str:
        """64 hex digits over the UTF-8 bytes of ``to_canonical_json``."""
        return fingerprint(self._facts())

    def _facts(self) -> dict[str, Any]:
        return {part.name: getattr(self, part.name) for part in fields(self)}

    @classmethod
    def from_json(cls, text: str) -> "QuickBook":
        """The rule-book that ``to_canonical_json`` wrote. Refuses (``ValueError``) any other text."""
        facts = json.loads(text)
        if not isinstance(facts, dict) or set(facts) != {part.name for part in fields(cls)} or facts["version"] != 1:
            raise ValueError("this is not a quick round's rule-book that we can read")
        read: dict[str, Callable[[Any], Any]] = {
            "fund_id": UUID,
            "priority_ids": lambda ids: tuple(map(UUID, ids)),
            "opens_at": datetime.fromisoformat,
            "closes_at": datetime.fromisoformat,
            "applicant_kinds": lambda kinds: tuple(map(ApplicantKind, kinds)),
            "kind": RoundKind,
        }
        book = cls(**{name: read[name](value) if name in read else value for name, value in facts.items()})
        if book.to_canonical_json() != text:
            raise ValueError("this rule-book is not in its canonical form")
        return book

    def check(self) -> None:
        """Refuse (``RuleBroken``, with the field) a rule-book that a quick round could not keep."""
        for broken, message, name in (
            (not self.round_title.strip(), "Enter a title.", "title"),
            (not self.priority_ids, "Choose at least one priority.", "priority_ids"),
            (self.pot_minor <= 0, "Enter how much money there is.", "pot_minor"),
            (self.cap_minor < self.floor_minor, "Enter the most that one ask can be for.", "cap_minor"),
            (
                self.cap_minor > MOST_QUICK_MINOR,
                f"The most for one ask is {show_pounds(MOST_QUICK_MINOR)}. For more, hold a round with a vote.",
                "cap_minor",
            ),
            (
                self.cap_minor > self.pot_minor,
                f"One ask can be for {show_pounds(self.pot_minor)} (the whole pot) at most.",
                "cap_minor",
            ),
            (not self.who_may_apply.strip(), "Say in a sentence who may ask.", "who_may_apply"),
            (not self.applicant_kinds, "Choose which groups may ask.", "applicant_kinds"),
            (
                not 1 <= self.decide_days <= MOST_DECIDE_DAYS,
                f"Enter 1 to {MOST_DECIDE_DAYS} working days.",
                "decide_days",
            ),
            (
                self.opens_at >= self.closes_at,
                f"It must end after it opens ({show_moment(self.opens_at)}).",
                "closes_at",
            ),
        ):
            if broken:
                raise RuleBroken(message, field=name)


@dataclass(frozen=True, slots=True)
class QuickDraft:
    """What a steward writes down about a quick round before it is scheduled. Money in pence; see ``QuickBook``."""

    title: str
    summary: str
    fund_id: UUID
    priority_ids: tuple[UUID, ...]
    opens_at: datetime
    closes_at: datetime
    pot_minor: int
    cap_minor: int
    who_may_apply: str
    decide_days: int = 5
    applicant_kinds: tuple[ApplicantKind, ...] = (ApplicantKind.CONSTITUTED, ApplicantKind.HOSTED)

    def book(self) -> QuickBook:
        """The rule-book that this draft becomes."""
        return QuickBook(
            round_title=self.title,
            fund_id=self.fund_id,
            priority_ids=self.priority_ids,
            opens_at=self.opens_at,
            closes_at=self.closes_at,
            pot_minor=self.pot_minor,
            floor_minor=QUICK_FLOOR_MINOR,
            cap_minor=self.cap_minor,
            who_may_apply=self.who_may_apply,
            applicant_kinds=self.applicant_kinds,
            decide_days=self.decide_days,
        )

    def check(self) -> None:
        """Refuse (``RuleBroken``, with the field) what no quick round could keep."""
        self.book().check()

    @property
    def dates(self) -> RoundDates:
        """The moments for a round's row."""
        return quick_dates(self.opens_at, self.closes_at, self.decide_days)

    def terms(self) -> dict[str, Any]:
        """What a round's row has no column for, as JSON."""
        return {
            "who_may_apply": self.who_may_apply,
            "applicant_kinds": sorted(kind.value for kind in self.applicant_kinds),
            "decide_days": self.decide_days,
        }

    @classmethod
    def from_terms(cls, terms: Mapping[str, Any], **columns: Any) -> "QuickDraft":
        """The draft again, from a row's columns and what ``terms`` wrote."""
        kinds = tuple(ApplicantKind(kind) for kind in terms["applicant_kinds"])
        return cls(
            who_may_apply=terms["who_may_apply"], applicant_kinds=kinds, decide_days=terms["decide_days"], **columns
        )


def quick_dates(opens_at: datetime, closes_at: datetime, decide_days: int) -> RoundDates:
    """A quick round's moments: its vote is no time at all, and the last ask is answered ``decide_days`` later."""
    last = working_days_later(closes_at.astimezone(LONDON).date(), decide_days)
    return RoundDates(opens_at, closes_at, closes_at, closes_at, datetime.combine(last, time(23, 59), LONDON))


def put_off_quick(dates: RoundDates, closes_at: datetime, decide_days: int, now: datetime) -> RoundDates:
    """The dates of a quick round that ends later. Refuses (``RuleBroken``) an end that is past or comes sooner."""
    if dates.closes_at <= now:
        raise RuleBroken(f"This is past: it was {show_moment(dates.closes_at)}.", field="closes_at")
    if closes_at <= dates.closes_at:
        raise RuleBroken(
            f"This was promised for {show_moment(dates.closes_at)}. It can only be later.", field="closes_at"
        )
    return quick_dates(dates.opens_at, closes_at, decide_days)
