"""Rounds: the life of one call, what the clock says of it, and the rule-book that is frozen when it is scheduled."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from grants.kernel.canonical import canonical_json, fingerprint
from grants.kernel.clock import LONDON
from grants.kernel.errors import RuleBroken
from grants.kernel.money import show_pounds


class RoundState(StrEnum):
    """Where a round stands."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    OPEN = "open"
    CLOSED = "closed"
    CHECKING = "checking"
    VOTING = "voting"
    PANEL = "panel"
    DECIDED = "decided"
    ANNOUNCED = "announced"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class RoundAction(StrEnum):
    """What can be done to a round."""

    SCHEDULE = "schedule"
    OPEN = "open"
    CLOSE = "close"
    CHECK = "check"
    OPEN_VOTE = "open_vote"
    CLOSE_VOTE = "close_vote"
    DECIDE = "decide"
    ANNOUNCE = "announce"
    COMPLETE = "complete"
    CANCEL = "cancel"


STEPS: dict[tuple[RoundState, RoundAction], RoundState] = {
    (RoundState.DRAFT, RoundAction.SCHEDULE): RoundState.SCHEDULED,
    (RoundState.SCHEDULED, RoundAction.OPEN): RoundState.OPEN,
    (RoundState.OPEN, RoundAction.CLOSE): RoundState.CLOSED,
    (RoundState.CLOSED, RoundAction.CHECK): RoundState.CHECKING,
    (RoundState.CHECKING, RoundAction.OPEN_VOTE): RoundState.VOTING,
    (RoundState.VOTING, RoundAction.CLOSE_VOTE): RoundState.PANEL,
    (RoundState.PANEL, RoundAction.DECIDE): RoundState.DECIDED,
    (RoundState.DECIDED, RoundAction.ANNOUNCE): RoundState.ANNOUNCED,
    (RoundState.ANNOUNCED, RoundAction.COMPLETE): RoundState.COMPLETED,
    (RoundState.DRAFT, RoundAction.CANCEL): RoundState.CANCELLED,
    (RoundState.SCHEDULED, RoundAction.CANCEL): RoundState.CANCELLED,
    (RoundState.OPEN, RoundAction.CANCEL): RoundState.CANCELLED,
    (RoundState.CLOSED, RoundAction.CANCEL): RoundState.CANCELLED,
    (RoundState.CHECKING, RoundAction.CANCEL): RoundState.CANCELLED,
    (RoundState.VOTING, RoundAction.CANCEL): RoundState.CANCELLED,
    (RoundState.PANEL, RoundAction.CANCEL): RoundState.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class RoundDates:
    """The published moments of a round, aware. Each phase begins at its first moment and ends just before its last."""

    opens_at: datetime
    closes_at: datetime
    voting_opens_at: datetime
    voting_closes_at: datetime
    decide_by: datetime

    def __post_init__(self) -> None:
        for part in fields(self):
            moment: datetime = getattr(self, part.name)
            if moment.tzinfo is None:
                raise ValueError(f"{part.name} needs a zone")
            object.__setattr__(self, part.name, moment.astimezone(UTC))


def phase_at(state: RoundState, dates: RoundDates, now: datetime) -> RoundState:
    """What a round is at this moment, when ``state`` is what was last written down.

    The clock opens and closes applications, and ends the vote. It never begins the vote: the ballot must be frozen
    first (OPEN_VOTE); a ballot frozen early waits, as CHECKING, for the published hour. Nothing written is taken back,
    and what only people do (checking, deciding, announcing) the clock does not do for them.
    """
    if state is RoundState.SCHEDULED and now >= dates.opens_at:
        state = RoundState.OPEN
    if state is RoundState.OPEN and now >= dates.closes_at:
        return RoundState.CLOSED
    if state is RoundState.VOTING and now < dates.voting_opens_at:
        return RoundState.CHECKING
    if state is RoundState.VOTING and now >= dates.voting_closes_at:
        return RoundState.PANEL
    return state


def london_moment(wall: datetime, field_name: str | None = None) -> datetime:
    """The UTC moment at which a clock in London shows ``wall`` (naive).

    Refuses (``RuleBroken``) the hour skipped when summer time begins, and the hour that comes twice when it ends.

    >>> london_moment(datetime(2026, 7, 1, 12, 0)).isoformat()
    '2026-07-01T11:00:00+00:00'
    """
    if wall.tzinfo is not None:
        raise ValueError("a wall clock has no zone")
    first, second = (wall.replace(tzinfo=LONDON, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first != second:
        raise RuleBroken("The clocks change that night. Choose a time before 1am or after 2am.", field=field_name)
    return first


def show_moment(moment: datetime) -> str:
    """A moment as a clock in London shows it: "3pm on 7 May 2026"."""
    local = moment.astimezone(LONDON)
    minutes = f":{local.minute:02d}" if local.minute else ""
    clock = {0: "midnight", 12: "midday"}.get(local.hour) if not local.minute else None
    half = "am" if local.hour < 12 else "pm"
    return f"{clock or f'{(local.hour - 1) % 12 + 1}{minutes}{half}'} on {local.day} {local:%B %Y}"


def check_dates(dates: RoundDates) -> None:
    """Refuse (``RuleBroken``, with the field) phases that are empty, overlap, or come in the wrong order."""
    if dates.opens_at >= dates.closes_at:
        raise RuleBroken(f"Applications must close after they open ({show_moment(dates.opens_at)}).", field="closes_at")
    if dates.voting_opens_at < dates.closes_at:
        raise RuleBroken(
            f"Voting must open when applications have closed ({show_moment(dates.closes_at)}) or later.",
            field="voting_opens_at",
        )
    if dates.voting_opens_at >= dates.voting_closes_at:
        raise RuleBroken(
            f"Voting must close after it opens ({show_moment(dates.voting_opens_at)}).", field="voting_closes_at"
        )
    if dates.decide_by < dates.voting_closes_at:
        raise RuleBroken(
            f"The decision must come when voting has closed ({show_moment(dates.voting_closes_at)}) or later.",
            field="decide_by",
        )


class Connection(StrEnum):
    """What ties a voter to the area."""

    LIVES = "lives"
    WORKS = "works"
    STUDIES = "studies"
    VOLUNTEERS = "volunteers"


class VotingMethod(StrEnum):
    """How a voter shows that they may vote."""

    CODE = "code"
    EMAIL_POSTCODE = "email_postcode"


class ApplicantKind(StrEnum):
    """Who may apply."""

    CONSTITUTED = "constituted"
    HOSTED = "hosted"


class PanelPart(StrEnum):
    """How panel and votes combine. ``GATE``: the panel passes or fails bids before the vote; votes decide the money."""

    GATE = "gate"


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing the panel looks for. ``steps``: what a score of 0, 1, 2 and 3 means, each in one sentence."""

    id: str
    name: str
    question: str
    steps: tuple[str, str, str, str]


HEALTH_CREATION: tuple[Criterion, ...] = (
    Criterion(
        "listening",
        "Listening and responding",
        "Did they listen to the people it is for, and change the plan because of what they heard?",
        (
            "Nobody it is for was asked.",
            "A few people were asked, but the plan stayed the same.",
            "People were listened to, and part of the plan comes from them.",
            "People were listened to from the start, the plan is theirs, and they will be listened to all the way.",
        ),
    ),
    Criterion(
        "truth",
        "Truth-telling",
        "Do they speak openly about what is hard, what could go wrong, and what they do not know yet?",
        (
            "It hides or does not see what is hard.",
            "It names a problem, but not what could go wrong.",
            "It is open about what is hard and what could go wrong.",
            "It is open about all of it, and says how people can speak up and how they will share what they learn.",
        ),
    ),
    Criterion(
        "strengths",
        "Strengths-focus",
        "Does it build on what people and places here already have?",
        (
            "It treats people only as having problems.",
            "It names some strengths, but does not use them.",
            "It uses skills, places or friendships that are already here.",
            "It is built on what people here already have, and it leaves them with more.",
        ),
    ),
    Criterion(
        "organising",
        "Self-organising",
        "Will people here run it themselves, and could it go on without us?",
        (
            "Others do it for people, and it ends with the money.",
            "People can take part, but others run it.",
            "People here run most of it.",
            "People here run it, bring others in, and have a way to keep it going.",
        ),
    ),
    Criterion(
        "power",
        "Power-shifting",
        "Do people with the least say get more say through it?",
        (
            "Those who decide now will go on deciding.",
            "People with little say are asked what they think.",
            "People with little say share in the decisions.",
            "People with little say make the decisions, about the money too.",
        ),
    ),
)
"""The panel's default criteria: the five features of health creation."""


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All that a round promises. Frozen, hashed and published when it is scheduled. Money in pence.

    ``pass_mark``: whole percent of the points that the panel could give (3 per criterion and panellist); "not enough
    information" is left out of both sides. ``quorum``: panellists without an interest. ``ballot_minimum`` falls to the
    number of bids that stand, where fewer do; ``ballot_maximum``: nothing means no limit. ``rule``, ``rule_options``:
    see ``allocation.rules``. ``lot_seed`` is published, and with it the order that breaks ties. ``suppress_below``: no
    published cell counts fewer people; below ``totals_only_below`` ballots only totals are published.
    """

    round_title: str
    fund_id: UUID
    priority_ids: tuple[UUID, ...]
    dates: RoundDates
    floor_minor: int
    cap_minor: int
    pot_minor: int
    who_may_apply: str
    applicant_kinds: tuple[ApplicantKind, ...]
    vote_min_age: int
    vote_connections: tuple[Connection, ...]
    vote_methods: tuple[VotingMethod, ...]
    lot_seed: str
    ballot_public_key: str
    ballot_kind: str = "approval"
    ballot_minimum: int = 3
    ballot_maximum: int | None = None
    rule: str = "most_votes"
    rule_options: Mapping[str, str | int | bool | None] = field(default_factory=dict)
    panel_part: PanelPart = PanelPart.GATE
    criteria: tuple[Criterion, ...] = HEALTH_CREATION
    pass_mark: int = 50
    quorum: int = 2
    suppress_below: int = 10
    totals_only_below: int = 50
    version: int = 1

    def __post_init__(self) -> None:
        # Sets that people tick: the order in which they were ticked is no fact of the rule-book.
        for name in ("priority_ids", "applicant_kinds", "vote_connections", "vote_methods"):
            object.__setattr__(self, name, tuple(sorted(set(getattr(self, name)))))
        object.__setattr__(self, "rule_options", dict(self.rule_options))

    def to_canonical_json(self) -> str:
        """The published text: the same facts give the same text on every machine."""
        return canonical_json(self._facts())

    @property
    def sha256(self) -> str:
        """64 hex digits over the UTF-8 bytes of ``to_canonical_json``."""
        return fingerprint(self._facts())

    def _facts(self) -> dict[str, Any]:
        facts = {part.name: getattr(self, part.name) for part in fields(self)}
        facts["dates"] = _parts(self.dates)
        facts["criteria"] = [_parts(criterion) for criterion in self.criteria]
        return facts

    @classmethod
    def from_json(cls, text: str) -> "RuleBook":
        """The rule-book that ``to_canonical_json`` wrote. Refuses (``ValueError``) any other text."""
        facts = json.loads(text)
        names = {part.name for part in fields(cls)}
        if not isinstance(facts, dict) or set(facts) != names or facts["version"] != 1:
            raise ValueError("this is not a rule-book that we can read")
        read: dict[str, Callable[[Any], Any]] = {
            "fund_id": UUID,
            "priority_ids": lambda ids: tuple(map(UUID, ids)),
            "dates": lambda dates: RoundDates(**{name: datetime.fromisoformat(at) for name, at in dates.items()}),
            "applicant_kinds": lambda kinds: tuple(map(ApplicantKind, kinds)),
            "vote_connections": lambda ties: tuple(map(Connection, ties)),
            "vote_methods": lambda methods: tuple(map(VotingMethod, methods)),
            "panel_part": PanelPart,
            "criteria": lambda them: tuple(Criterion(**{**it, "steps": tuple(it["steps"])}) for it in them),
        }
        book = cls(**{name: read[name](value) if name in read else value for name, value in facts.items()})
        if book.to_canonical_json() != text:
            raise ValueError("this rule-book is not in its canonical form")
        return book

    def check(self) -> None:
        """Refuse (``RuleBroken``, with the field) a rule-book that a round could not keep."""
        check_dates(self.dates)
        for broken, message, name in self._complaints():
            if broken:
                raise RuleBroken(message, field=name)

    def _complaints(self) -> list[tuple[bool, str, str]]:
        least, most = self.ballot_minimum, self.ballot_maximum
        return [
            (not self.round_title.strip(), "Enter a title.", "title"),
            (not self.priority_ids, "Choose at least one priority.", "priority_ids"),
            (self.pot_minor <= 0, "Enter how much money there is to share.", "pot_minor"),
            (self.floor_minor <= 0, "Enter the smallest amount a group can ask for.", "floor_minor"),
            (
                self.cap_minor < self.floor_minor,
                f"The largest amount must be {show_pounds(self.floor_minor)} (the smallest) or more.",
                "cap_minor",
            ),
            (
                self.cap_minor > self.pot_minor,
                f"The largest amount must be {show_pounds(self.pot_minor)} (the whole pot) or less.",
                "cap_minor",
            ),
            (not self.applicant_kinds, "Choose who may apply.", "applicant_kinds"),
            (not 0 <= self.vote_min_age <= 18, "Enter the youngest age for voting, 0 to 18.", "vote_min_age"),
            (not self.vote_connections, "Choose who may vote.", "vote_connections"),
            (not self.vote_methods, "Choose at least one way to vote.", "vote_methods"),
            (self.ballot_kind != "approval", "Choose a kind of ballot that we have.", "ballot_kind"),
            (least < 1, "Enter the fewest choices, 1 or more.", "ballot_minimum"),
            (
                most is not None and most < least,
                f"The most choices must be {least} (the fewest) or more.",
                "ballot_maximum",
            ),
            (not self.criteria, "Choose at least one criterion.", "criteria"),
            (
                len({criterion.id for criterion in self.criteria}) < len(self.criteria),
                "Give each criterion a name of its own.",
                "criteria",
            ),
            (not 0 <= self.pass_mark <= 100, "Enter a pass mark from 0 to 100.", "pass_mark"),
            (self.quorum < 1, "Enter how many panellists must take part, 1 or more.", "quorum"),
            (not self.lot_seed.strip(), "Enter the seed of the lot.", "lot_seed"),
            (
                re.fullmatch(r"[0-9a-f]{64}", self.ballot_public_key) is None,
                "The round has no key to seal ballots with.",
                "ballot_public_key",
            ),
            (self.suppress_below < 0, "Enter 0 or more.", "suppress_below"),
            (self.totals_only_below < 0, "Enter 0 or more.", "totals_only_below"),
        ]


@dataclass(frozen=True, slots=True)
class RoundDraft:
    """What a steward writes down about a round before it is scheduled. Money in pence; see ``RuleBook``.

    ``minimum_votes`` and ``stop_at_misfit`` are the options of the rule "most votes".
    """

    title: str
    summary: str
    fund_id: UUID
    priority_ids: tuple[UUID, ...]
    dates: RoundDates
    pot_minor: int
    floor_minor: int
    cap_minor: int
    who_may_apply: str
    applicant_kinds: tuple[ApplicantKind, ...] = (ApplicantKind.CONSTITUTED, ApplicantKind.HOSTED)
    vote_min_age: int = 11
    vote_connections: tuple[Connection, ...] = tuple(Connection)
    vote_methods: tuple[VotingMethod, ...] = tuple(VotingMethod)
    ballot_minimum: int = 3
    ballot_maximum: int | None = None
    minimum_votes: int = 1
    stop_at_misfit: bool = False
    criteria: tuple[Criterion, ...] = HEALTH_CREATION
    pass_mark: int = 50
    quorum: int = 2

    def book(self, *, lot_seed: str, ballot_public_key: str) -> RuleBook:
        """The rule-book that this draft becomes."""
        return RuleBook(
            round_title=self.title,
            fund_id=self.fund_id,
            priority_ids=self.priority_ids,
            dates=self.dates,
            floor_minor=self.floor_minor,
            cap_minor=self.cap_minor,
            pot_minor=self.pot_minor,
            who_may_apply=self.who_may_apply,
            applicant_kinds=self.applicant_kinds,
            vote_min_age=self.vote_min_age,
            vote_connections=self.vote_connections,
            vote_methods=self.vote_methods,
            lot_seed=lot_seed,
            ballot_public_key=ballot_public_key,
            ballot_minimum=self.ballot_minimum,
            ballot_maximum=self.ballot_maximum,
            rule_options={"minimum_votes": self.minimum_votes, "stop_at_misfit": self.stop_at_misfit},
            criteria=self.criteria,
            pass_mark=self.pass_mark,
            quorum=self.quorum,
        )

    def preview(self) -> RuleBook:
        """The rule-book as it would stand, with no seed and no key yet."""
        return self.book(lot_seed="drawn when the round is scheduled", ballot_public_key="0" * 64)

    def check(self) -> None:
        """Refuse (``RuleBroken``, with the field) what no round could keep."""
        if not self.who_may_apply.strip():
            raise RuleBroken("Say in a sentence who may apply.", field="who_may_apply")
        if self.minimum_votes < 0:
            raise RuleBroken("Enter 0 or more.", field="minimum_votes")
        self.preview().check()

    def terms(self) -> dict[str, Any]:
        """What a round's row has no column for, as JSON."""
        facts: dict[str, Any] = json.loads(
            canonical_json({name: getattr(self, name) for name in _TERMS if name != "criteria"})
        )
        return facts | {
            "criteria": [_parts(criterion) | {"steps": list(criterion.steps)} for criterion in self.criteria]
        }

    @classmethod
    def from_terms(cls, terms: Mapping[str, Any], **columns: Any) -> "RoundDraft":
        """The draft again, from a row's columns and what ``terms`` wrote; what an old row lacks has its default."""
        read: dict[str, Callable[[Any], Any]] = {
            "applicant_kinds": lambda kinds: tuple(map(ApplicantKind, kinds)),
            "vote_connections": lambda ties: tuple(map(Connection, ties)),
            "vote_methods": lambda methods: tuple(map(VotingMethod, methods)),
            "criteria": lambda them: tuple(Criterion(**{**it, "steps": tuple(it["steps"])}) for it in them),
        }
        kept = {name: read.get(name, lambda value: value)(terms[name]) for name in _TERMS if name in terms}
        return cls(**columns, **kept)


_TERMS = (
    "who_may_apply",
    "applicant_kinds",
    "vote_min_age",
    "vote_connections",
    "vote_methods",
    "ballot_minimum",
    "ballot_maximum",
    "minimum_votes",
    "stop_at_misfit",
    "criteria",
    "pass_mark",
    "quorum",
)


def put_off(dates: RoundDates, later: Mapping[str, datetime], now: datetime) -> RoundDates:
    """The dates with some of them moved to a later moment. Refuses (``RuleBroken``, with the field and its neighbour).

    Only what has not come yet can be put off, and nothing can ever come sooner than it was promised.
    """
    for name, moment in later.items():
        planned: datetime = getattr(dates, name)
        if planned <= now:
            raise RuleBroken(f"This is past: it was {show_moment(planned)}.", field=name)
        if moment < planned:
            raise RuleBroken(f"This was promised for {show_moment(planned)}. It can only be later.", field=name)
    if all(moment == getattr(dates, name) for name, moment in later.items()):
        raise RuleBroken("Choose a later date for at least one step.")
    moved = replace(dates, **later)
    check_dates(moved)
    return moved


def _parts(thing: RoundDates | Criterion) -> dict[str, Any]:
    return {part.name: getattr(thing, part.name) for part in fields(thing)}


METHOD_WORDS: dict[VotingMethod, str] = {
    VotingMethod.CODE: "a voting code that you get by post or from a connector",
    VotingMethod.EMAIL_POSTCODE: "your e-mail address and a postcode in the area",
}
APPLICANT_WORDS: dict[ApplicantKind, str] = {
    ApplicantKind.CONSTITUTED: "groups that are constituted and have a bank account",
    ApplicantKind.HOSTED: "groups with a host that holds the money for them",
}


def in_words(book: RuleBook) -> tuple[tuple[str, str], ...]:
    """The rule-book as people say it: (question, answer) pairs in plain words."""
    kinds = _joined([APPLICANT_WORDS[kind] for kind in book.applicant_kinds], "and")
    ties = _ties([tie for tie in Connection if tie in book.vote_connections])
    methods = _joined([METHOD_WORDS[method] for method in book.vote_methods], "or with")
    looks_for = _joined([criterion.name.lower() for criterion in book.criteria], "and")
    return (
        ("Who may apply", f"{book.who_may_apply} It is for {kinds}."),
        (
            "How much",
            f"{show_pounds(book.floor_minor)} to {show_pounds(book.cap_minor)} for each proposal. "
            f"There is {show_pounds(book.pot_minor)} in all.",
        ),
        (
            "What the panel does",
            f"Before the vote, at least {_count(book.quorum, 'panellist')} without an interest read every proposal. "
            f"They look for {looks_for}. A proposal needs {book.pass_mark}% of the points to go on. "
            "The points do not count in the vote.",
        ),
        ("Who may vote", f"Everybody {f'aged {book.vote_min_age} or over ' if book.vote_min_age else ''}who {ties}."),
        (
            "How you show that you may vote",
            f"With {methods}. Each person votes once, and can change the vote until voting closes.",
        ),
        ("How you vote", _choices(book)),
        ("Who gets the money", _sharing(book)),
        (
            "When votes are equal",
            "The cheaper proposal goes first. If they cost the same, a lot decides. The lot comes from a number "
            "that is published here before anybody votes.",
        ),
        (
            "How votes stay secret",
            "Votes are sealed until voting closes. Then they are mixed and counted, and the key that opens them is "
            f"destroyed. No figure about fewer than {book.suppress_below} people is published. With fewer than "
            f"{book.totals_only_below} votes, only totals are.",
        ),
    )


def _choices(book: RuleBook) -> str:
    fewest, most = book.ballot_minimum, book.ballot_maximum
    if most == fewest:
        return f"You choose {_count(fewest, 'proposal')}."
    limit = f"and at most {most}" if most else "and as many more as you like"
    return f"You choose at least {_count(fewest, 'proposal')}, {limit}."


def _sharing(book: RuleBook) -> str:
    votes, stops = int(book.rule_options.get("minimum_votes") or 0), bool(book.rule_options.get("stop_at_misfit"))
    parts = ["The proposal with the most votes is funded first, then the next, while the money lasts."]
    if votes > 1:
        parts.append(f"A proposal needs at least {votes} votes.")
    parts.append(
        "When the next one asks for more than is left, the sharing ends."
        if stops
        else "One that asks for more than is left is passed over, and the next one gets its turn."
    )
    parts.append("Some money may only be spent on certain places or priorities, and we keep to that.")
    return " ".join(parts)


def _joined(words: list[str], last: str) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def _ties(ties: list[Connection]) -> str:
    """What voters do here: "lives, works or studies here"."""
    return f"{_joined([tie.value for tie in ties], 'or')} here"


def _count(size: int, word: str) -> str:
    return f"{size} {word}" if size == 1 else f"{size} {word}s"
