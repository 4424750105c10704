"""Rounds: the life of one call, what the clock says of it, and the rule-book that is frozen when it is scheduled."""

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any
from uuid import UUID

from grants.kernel.canonical import canonical_json, fingerprint
from grants.kernel.clock import LONDON
from grants.kernel.errors import RuleBroken
from grants.kernel.money import POUNDS, show_pounds, told_in


class RoundKind(StrEnum):
    """How a round decides. ``STANDARD``: a panel looks, residents vote. ``QUICK``: small sums, two people, days."""

    STANDARD = "standard"
    QUICK = "quick"


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

QUICK_STEPS: dict[tuple[RoundState, RoundAction], RoundState] = {
    (RoundState.DRAFT, RoundAction.SCHEDULE): RoundState.SCHEDULED,
    (RoundState.SCHEDULED, RoundAction.OPEN): RoundState.OPEN,
    (RoundState.OPEN, RoundAction.CLOSE): RoundState.CLOSED,
    (RoundState.CLOSED, RoundAction.COMPLETE): RoundState.COMPLETED,
    # Once it is open people were promised an answer, so it is called off only before:
    (RoundState.DRAFT, RoundAction.CANCEL): RoundState.CANCELLED,
    (RoundState.SCHEDULED, RoundAction.CANCEL): RoundState.CANCELLED,
}
"""A quick round has no panel and no vote: each ask is decided by itself while it is open, and what waits at the end."""


def steps_of(kind: RoundKind) -> dict[tuple[RoundState, RoundAction], RoundState]:
    """The steps that rounds of this kind can take."""
    return QUICK_STEPS if kind is RoundKind.QUICK else STEPS


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
    IN_PERSON = "in_person"


class PaperPolicy(StrEnum):
    """What a booth may do for somebody who has voted online already and would vote on paper."""

    REFUSE = "refuse"
    REPLACE = "replace"


class KeyKeeping(StrEnum):
    """Who holds the private half of the ballot's key until the count.

    ``STANDARD``: the service, wrapped. ``STRONG``: three returning officers, of whom any two make it; the service
    none of it while people vote.
    """

    STANDARD = "standard"
    STRONG = "strong"


KEY_OFFICERS = 3


class ApplicantKind(StrEnum):
    """Who may apply."""

    CONSTITUTED = "constituted"
    HOSTED = "hosted"


class BallotKind(StrEnum):
    """What a voter does on the ballot."""

    APPROVAL = "approval"
    CHOOSE_ONE = "choose_one"
    UP_TO_K = "up_to_k"
    POINTS = "points"
    RANKED = "ranked"


MOST_AREAS = 5
"""The most areas that a rule-book can keep a voter's choices to; who may choose in more needs no limit."""
MOST_POINTS = 1_000
"""The most that a voter can be given to share out, and the most that a place can be worth."""


@dataclass(frozen=True, slots=True)
class BallotRules:
    """What a ballot of a round may say.

    ``minimum``: the fewest bids on it. ``maximum``: the most bids on it; of points, their sum; nothing means no limit.
    ``weights``: of ranked ballots, the points of the first place, the second …; nothing means Borda's. ``each``: the
    most points for one bid; nothing means all of them. ``areas``: in how many areas the choices may be; nothing means
    in any. A bid for several areas can be chosen with any one of them, a bid for the whole place always.

    Everywhere, a ballot is pairs (number, points), by number: one point for each tick; the points that were given; of a
    ranked ballot the place (1 is first) until ``counted`` turns it into points.
    """

    kind: BallotKind = BallotKind.APPROVAL
    minimum: int = 3
    maximum: int | None = None
    weights: tuple[int, ...] = ()
    each: int | None = None
    areas: int | None = None

    @property
    def has_points(self) -> bool:
        """Whether one bid can get more from a ballot than another."""
        return self.kind in (BallotKind.POINTS, BallotKind.RANKED)

    def place_points(self, standing: int) -> tuple[int, ...]:
        """The points of each place of a ranked ballot on which ``standing`` bids stand.

        Borda's: the last place that can be named gets one, each place before it one more.

        >>> BallotRules(BallotKind.RANKED).place_points(4)
        (4, 3, 2, 1)
        >>> BallotRules(BallotKind.RANKED, weights=(3, 2, 1)).place_points(9)
        (3, 2, 1)
        """
        places = min(self.maximum or standing, standing)
        return self.weights[:standing] or tuple(range(places, 0, -1))

    def counted(self, ballot: Iterable[tuple[int, int]], standing: Collection[int]) -> tuple[tuple[int, int], ...]:
        """What counts of a ballot, by number, when only ``standing`` numbers do: pairs (number, points).

        On a ranked ballot those behind one that fell away move up.

        >>> BallotRules(BallotKind.RANKED, weights=(3, 2, 1)).counted([(1, 3), (5, 1), (8, 2)], {1, 8, 9})
        ((1, 2), (8, 3))
        """
        kept = [(number, points) for number, points in ballot if number in standing]
        if self.kind is BallotKind.RANKED:
            by_place = sorted(kept, key=lambda one: one[1])
            kept = [(one[0], points) for one, points in zip(by_place, self.place_points(len(standing)), strict=False)]
        return tuple(sorted(kept))

    def complaints(self) -> list[tuple[bool, str, str]]:
        """What is wrong with these rules: (whether it is, what to do, the field)."""
        least, most, places = self.minimum, self.maximum, self.weights
        sums = self.kind is BallotKind.POINTS
        needs_most = "Enter how many points each voter has." if sums else "Enter the most choices."
        return [
            (self.kind not in list(BallotKind), "Choose a kind of ballot that we have.", "ballot_kind"),
            (least < 0, "Enter the fewest choices, 0 or more.", "ballot_minimum"),
            (most is None and self.kind in (BallotKind.UP_TO_K, BallotKind.POINTS), needs_most, "ballot_maximum"),
            (
                most is not None and most < max(least, 1),
                f"Each voter needs {max(least, 1)} points (one for each of the fewest choices) or more."
                if sums
                else f"The most choices must be {max(least, 1)} (the fewest) or more.",
                "ballot_maximum",
            ),
            (
                sums and most is not None and most > MOST_POINTS,
                f"Give each voter {MOST_POINTS:,} points or fewer.",
                "ballot_maximum",
            ),
            (
                self.kind is BallotKind.CHOOSE_ONE and (least, most) != (1, 1),
                "On this kind of ballot everybody chooses one.",
                "ballot_maximum",
            ),
            (
                bool(places) and self.kind is not BallotKind.RANKED,
                "Only a ballot on which people put proposals in order has points for places.",
                "ballot_weights",
            ),
            (
                bool(places) and most != len(places),
                f"There are points for {_count(len(places), 'place')}, so the most choices must be {len(places)}.",
                "ballot_maximum",
            ),
            (
                any(points < 1 or points > MOST_POINTS for points in places)
                or any(after > before for before, after in pairwise(places)),
                f"Give each place from 1 to {MOST_POINTS:,} points, and none more than the place before it.",
                "ballot_weights",
            ),
            (
                self.each is not None and not sums,
                "Only where voters share out points can there be a most for one proposal.",
                "ballot_each",
            ),
            (self.each is not None and self.each < 1, "Enter 1 point or more.", "ballot_each"),
            (
                self.areas is not None and not 1 <= self.areas <= MOST_AREAS,
                f"Enter a number of areas from 1 to {MOST_AREAS}.",
                "ballot_areas",
            ),
        ]


def read_weights(text: str) -> tuple[int, ...]:
    """Points of places as people type them: "3, 2, 1" or "3-2-1". Refuses (``RuleBroken``) anything else.

    >>> read_weights("3-2-1"), read_weights(" ")
    ((3, 2, 1), ())
    """
    parts = [part for part in re.split(r"[\s,;-]+", text.strip()) if part]
    if not all(re.fullmatch(r"[0-9]{1,9}", part) for part in parts):
        raise RuleBroken("Enter whole numbers, like 3, 2, 1.", field="ballot_weights")
    return tuple(map(int, parts))


class SharingRule(StrEnum):
    """How votes become money."""

    MOST_VOTES = "most_votes"
    EQUAL_SHARES = "equal_shares"
    PHRAGMEN = "phragmen"


Options = Mapping[str, str | int | bool | None]
COMPLETIONS = ("none", "add1", "add1u")
UTILITIES = ("cost", "cardinality")
STARTS = ("floor", "exact")


@dataclass(frozen=True, slots=True)
class MostVotesOptions:
    """How a round shares by most votes.

    ``minimum_votes``: a bid with fewer is never funded. ``stop_at_misfit``: the first bid that asks more than is left
    ends the sharing (otherwise it is skipped). ``group_limit``: how many bids of one group can win (1: they exclude
    each other). ``group_cap_minor``: how many pence one group can win. Nothing: no limit.
    """

    minimum_votes: int = 1
    stop_at_misfit: bool = False
    group_limit: int | None = None
    group_cap_minor: int | None = None

    @classmethod
    def read(cls, options: Options) -> "MostVotesOptions":
        """From a rule-book's options; refuses (``RuleBroken``) unknown names and impossible values."""
        _refuse_unknown(options, cls, "most votes")
        return cls(stop_at_misfit=_stop(options, default=False), **_limits(options))


@dataclass(frozen=True, slots=True)
class EqualSharesOptions:
    """How a round shares by equal shares; the defaults are those of equalshares.net. Pence.

    ``utility``: what a bid is worth to those who chose it, its ``cost`` or the same for all (``cardinality``); where
    ballots give points, these. ``completion``, ``start``, ``step_minor``, ``exhaustive_stop``: see
    ``allocation.rules.shares.share_equally``; ``floor`` is to whole pounds. The others: as for most votes.
    """

    utility: str = "cost"
    completion: str = "add1u"
    start: str = "floor"
    step_minor: int = 100
    exhaustive_stop: bool = True
    minimum_votes: int = 1
    group_limit: int | None = None
    group_cap_minor: int | None = None

    @classmethod
    def read(cls, options: Options) -> "EqualSharesOptions":
        """From a rule-book's options; refuses (``RuleBroken``) unknown names and impossible values."""
        _refuse_unknown(options, cls, "equal shares")
        exhaustive = options.get("exhaustive_stop", True)
        if not isinstance(exhaustive, bool):
            raise RuleBroken("Say yes or no to stopping when nothing more would fit.", field="exhaustive_stop")
        return cls(
            utility=_one_of(options, "utility", UTILITIES, "cost"),
            completion=_one_of(options, "completion", COMPLETIONS, "add1u"),
            start=_one_of(options, "start", STARTS, "floor"),
            step_minor=_whole(options, "step_minor", 1, 100) or 100,
            exhaustive_stop=exhaustive,
            **_limits(options),
        )


@dataclass(frozen=True, slots=True)
class PhragmenOptions:
    """How a round shares by Phragmén; the same names as for most votes."""

    minimum_votes: int = 1
    stop_at_misfit: bool = True
    group_limit: int | None = None
    group_cap_minor: int | None = None

    @classmethod
    def read(cls, options: Options) -> "PhragmenOptions":
        """From a rule-book's options; refuses (``RuleBroken``) unknown names and impossible values."""
        _refuse_unknown(options, cls, "Phragmén")
        return cls(stop_at_misfit=_stop(options, default=True), **_limits(options))


SharingOptions = MostVotesOptions | EqualSharesOptions | PhragmenOptions
SHARING: dict[SharingRule, type[MostVotesOptions] | type[EqualSharesOptions] | type[PhragmenOptions]] = {
    SharingRule.MOST_VOTES: MostVotesOptions,
    SharingRule.EQUAL_SHARES: EqualSharesOptions,
    SharingRule.PHRAGMEN: PhragmenOptions,
}
"""What each rule can be told."""


def _refuse_unknown(options: Options, read: type[Any], rule: str) -> None:
    if unknown := sorted(set(options) - {part.name for part in fields(read)}):
        raise RuleBroken(f"The rule “{rule}” has no option called {', '.join(unknown)}.", field="rule")


def _stop(options: Options, *, default: bool) -> bool:
    stop = options.get("stop_at_misfit", default)
    if not isinstance(stop, bool):
        raise RuleBroken("Say yes or no to stopping at the first bid that does not fit.", field="stop_at_misfit")
    return stop


def _limits(options: Options) -> dict[str, Any]:
    return {
        "minimum_votes": _whole(options, "minimum_votes", 0, 1) or 0,
        "group_limit": _whole(options, "group_limit", 1, None),
        "group_cap_minor": _whole(options, "group_cap_minor", 1, None),
    }


def _whole(options: Options, name: str, least: int, default: int | None) -> int | None:
    value = options.get(name, default)
    if value is None and default is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise RuleBroken(f"Enter a whole number, {least} or more.", field=name)
    return value


def _one_of(options: Options, name: str, choices: tuple[str, ...], default: str) -> str:
    value = options.get(name, default)
    if value not in choices:
        raise RuleBroken(f"Choose one of: {', '.join(choices)}.", field=name)
    return str(value)


class PanelPart(StrEnum):
    """How panel and votes combine; in each, the panel passes or fails bids before the vote by the pass mark.

    ``GATE``: nothing more; votes decide the money. ``SPLIT_POT``: a part of the pot goes by votes, the rest by the
    panel's points. ``TIE_BREAK``: the panel's points decide between bids that the votes leave level.
    """

    GATE = "gate"
    SPLIT_POT = "split_pot"
    TIE_BREAK = "tie_break"


CRITERIA_MOST = 12
WEIGHT_MOST = 10
NAME_AT_MOST = 80
QUESTION_AT_MOST = 300
STEP_AT_MOST = 200


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing the panel looks for. ``steps``: what a score of 0, 1, 2 and 3 means, each in one sentence.

    ``weight``: how many times its points count, 1 to 10.
    """

    id: str
    name: str
    question: str
    steps: tuple[str, str, str, str]
    weight: int = 1

    def complaints(self) -> list[tuple[bool, str, str]]:
        """What is wrong with it by itself: (whether it is, what to do, the field)."""
        steps = [" ".join(step.split()) for step in self.steps]
        return [
            (not self.name.strip(), "Enter a name.", "name"),
            (len(self.name) > NAME_AT_MOST, f"Use {NAME_AT_MOST} characters or fewer.", "name"),
            (not self.question.strip(), "Enter what panellists are asked.", "question"),
            (len(self.question) > QUESTION_AT_MOST, f"Use {QUESTION_AT_MOST} characters or fewer.", "question"),
            (not 1 <= self.weight <= WEIGHT_MOST, f"Enter a weight from 1 to {WEIGHT_MOST}.", "weight"),
            *(
                (not step, f"Say in a sentence what {points} means.", f"step_{points}")
                for points, step in enumerate(steps)
            ),
            *(
                (len(step) > STEP_AT_MOST, f"Use {STEP_AT_MOST} characters or fewer.", f"step_{points}")
                for points, step in enumerate(steps)
            ),
            *(
                (step in steps[:points], "Say something else here than for fewer points.", f"step_{points}")
                for points, step in enumerate(steps)
                if step
            ),
        ]

    def check(self) -> None:
        """Refuse (``RuleBroken``, with the field) what no panellist could score by."""
        for broken, message, name in self.complaints():
            if broken:
                raise RuleBroken(message, field=name)


def criterion_id(name: str, taken: Collection[str]) -> str:
    """A short name of letters and digits for a criterion, unlike those that are taken; it never changes again.

    >>> criterion_id("Kind to nature!", ()), criterion_id("Kind to nature", {"kind_to_nature"})
    ('kind_to_nature', 'kind_to_nature_2')
    """
    stem = re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")[:30] or "question"
    ids = (stem if number == 1 else f"{stem}_{number}" for number in range(1, len(taken) + 2))
    return next(one for one in ids if one not in taken)


def check_criteria(criteria: Sequence[Criterion]) -> None:
    """Refuse (``RuleBroken``, with the field) a set of criteria that no panel could score by."""
    for one in criteria:
        one.check()
    if len({one.name.strip().casefold() for one in criteria}) < len(criteria):
        raise RuleBroken("There is a question with this name already. Choose another.", field="name")
    if len(criteria) > CRITERIA_MOST:
        raise RuleBroken(f"Ask {CRITERIA_MOST} questions or fewer. Panellists answer all of them for each bid.")


def part_words(criterion: Criterion, criteria: Sequence[Criterion]) -> str:
    """How much of all points a criterion can bring: "1 of 5 parts (20%)"; whole percent, halves up."""
    total = sum(one.weight for one in criteria)
    percent = (200 * criterion.weight + total) // (2 * total)
    return f"{criterion.weight} of {_count(total, 'part')} ({percent}%)"


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


ADDED: Mapping[str, Any] = {
    "appeal_days": 20,
    "ballot_areas": None,
    "blind": False,
    "currency": POUNDS,
    "panel_share": None,
}
"""Facts that rule-books frozen earlier know nothing of, and what these mean by saying nothing: so it is left unsaid,
and a book that was published before such a fact came keeps its text and its hash."""


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All that a round promises. Frozen, hashed and published when it is scheduled. Money in pence.

    ``pass_mark``: whole percent of the points that the panel could give (3 per criterion and panellist); "not enough
    information" is left out of both sides. ``quorum``: panellists without an interest. ``ballot_…``: see
    ``BallotRules``; ``ballot_minimum`` falls to the number of bids that stand, where fewer do. ``rule``,
    ``rule_options``: see ``SHARING``. ``lot_seed`` is published, and with it the order that breaks ties.
    ``key_keeping``: who holds the key that opens the votes; with officers there is no voting on paper.
    ``paper_policy``: what a booth does for who voted online already. ``help_cap``: how many people one helper may help
    to vote in this round; 0 means that nobody helps.
    ``blind``: panellists do not learn whose bid it is until their own score of it is locked.
    ``panel_share``: with ``SPLIT_POT``, how much of the pot goes by the panel's points, in whole percent; otherwise
    nothing.
    ``appeal_days``: within how many days after it was told a group can appeal against how it was judged.
    ``suppress_below``: no published cell counts fewer people; below ``totals_only_below`` ballots only totals are
    published. ``currency``: what its amounts are hundredths of; another one only in an election elsewhere.
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
    ballot_kind: BallotKind = BallotKind.APPROVAL
    ballot_minimum: int = 3
    ballot_maximum: int | None = None
    ballot_weights: tuple[int, ...] = ()
    ballot_each: int | None = None
    rule: SharingRule = SharingRule.MOST_VOTES
    rule_options: Options = field(default_factory=dict)
    panel_part: PanelPart = PanelPart.GATE
    criteria: tuple[Criterion, ...] = HEALTH_CREATION
    pass_mark: int = 50
    quorum: int = 2
    paper_policy: PaperPolicy = PaperPolicy.REPLACE
    help_cap: int = 40
    key_keeping: KeyKeeping = KeyKeeping.STANDARD
    blind: bool = False
    suppress_below: int = 10
    totals_only_below: int = 50
    ballot_areas: int | None = None
    currency: str = POUNDS
    version: int = 1
    panel_share: int | None = None
    appeal_days: int = 20

    def __post_init__(self) -> None:
        # Sets that people tick: the order in which they were ticked is no fact of the rule-book.
        for name in ("priority_ids", "applicant_kinds", "vote_connections", "vote_methods"):
            object.__setattr__(self, name, tuple(sorted(set(getattr(self, name)))))
        object.__setattr__(self, "rule_options", dict(self.rule_options))

    def to_canonical_json(self) -> str:
        """The published text: the same facts give the same text on every machine."""
        return canonical_json(self._facts())

    @property
    def ballot(self) -> BallotRules:
        """What a ballot may say."""
        return BallotRules(
            self.ballot_kind,
            self.ballot_minimum,
            self.ballot_maximum,
            self.ballot_weights,
            self.ballot_each,
            self.ballot_areas,
        )

    @property
    def sharing(self) -> SharingOptions:
        """How the pot is shared. Refuses (``RuleBroken``) options that the rule does not know or cannot follow."""
        return SHARING[self.rule].read(self.rule_options)

    @property
    def sha256(self) -> str:
        """64 hex digits over the UTF-8 bytes of ``to_canonical_json``."""
        return fingerprint(self._facts())

    def _facts(self) -> dict[str, Any]:
        facts = {part.name: getattr(self, part.name) for part in fields(self)}
        facts["dates"] = _parts(self.dates)
        facts["criteria"] = [_criterion_parts(criterion) for criterion in self.criteria]
        return {name: fact for name, fact in facts.items() if name not in ADDED or fact != ADDED[name]}

    @property
    def panel_pot_minor(self) -> int:
        """How much of the pot goes by the panel's points; parts of a penny stay with the votes."""
        return self.pot_minor * (self.panel_share or 0) // 100

    @classmethod
    def from_json(cls, text: str) -> "RuleBook":
        """The rule-book that ``to_canonical_json`` wrote. Refuses (``ValueError``) any other text."""
        facts = json.loads(text)
        names = {part.name for part in fields(cls)}
        if not isinstance(facts, dict) or not names - set(ADDED) <= set(facts) <= names or facts["version"] != 1:
            raise ValueError("this is not a rule-book that we can read")
        read: dict[str, Callable[[Any], Any]] = {
            "fund_id": UUID,
            "priority_ids": lambda ids: tuple(map(UUID, ids)),
            "dates": lambda dates: RoundDates(**{name: datetime.fromisoformat(at) for name, at in dates.items()}),
            "applicant_kinds": lambda kinds: tuple(map(ApplicantKind, kinds)),
            "vote_connections": lambda ties: tuple(map(Connection, ties)),
            "vote_methods": lambda methods: tuple(map(VotingMethod, methods)),
            "ballot_kind": BallotKind,
            "ballot_weights": tuple,
            "rule": SharingRule,
            "panel_part": PanelPart,
            "paper_policy": PaperPolicy,
            "key_keeping": KeyKeeping,
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
        _ = self.sharing  # refuses what it cannot read

    def _complaints(self) -> list[tuple[bool, str, str]]:
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
            (
                self.key_keeping is KeyKeeping.STRONG and VotingMethod.IN_PERSON in self.vote_methods,
                "Leave out voting on paper, or let this service hold the key: two people compare what they read on "
                "each paper before the count, and for that the key must be here.",
                "vote_methods",
            ),
            *self.ballot.complaints(),
            (self.rule not in list(SharingRule), "Choose a way to share the pot that we have.", "rule"),
            (not self.criteria, "Choose at least one criterion.", "criteria"),
            *(
                (any(broken for broken, _, _ in one.complaints()), f"Put the question “{one.name}” right.", "criteria")
                for one in self.criteria
            ),
            (
                len({criterion.id for criterion in self.criteria}) < len(self.criteria),
                "Give each criterion a name of its own.",
                "criteria",
            ),
            (
                (self.panel_share is not None) != (self.panel_part is PanelPart.SPLIT_POT)
                or not 1 <= (self.panel_share or 1) <= 99,
                "Enter how much of the pot goes by the panel's points, 1 to 99 percent.",
                "panel_share",
            ),
            (not 5 <= self.appeal_days <= 90, "Enter how many days a group has to appeal, 5 to 90.", "appeal_days"),
            (not 0 <= self.pass_mark <= 100, "Enter a pass mark from 0 to 100.", "pass_mark"),
            (self.quorum < 1, "Enter how many panellists must take part, 1 or more.", "quorum"),
            (not self.lot_seed.strip(), "Enter the seed of the lot.", "lot_seed"),
            (
                re.fullmatch(r"[0-9a-f]{64}", self.ballot_public_key) is None,
                "The round has no key to seal ballots with.",
                "ballot_public_key",
            ),
            (self.help_cap < 0, "Enter 0 or more.", "help_cap"),
            (self.suppress_below < 0, "Enter 0 or more.", "suppress_below"),
            (self.totals_only_below < 0, "Enter 0 or more.", "totals_only_below"),
        ]


@dataclass(frozen=True, slots=True)
class RoundDraft:
    """What a steward writes down about a round before it is scheduled. Money in pence; see ``RuleBook``.

    ``key_officers``: the three people who will hold the key; their names are no part of the public rule-book.
    From ``minimum_votes`` on: options of the rule, of which the book takes those that the rule knows.
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
    paper_policy: PaperPolicy = PaperPolicy.REPLACE
    help_cap: int = 40
    key_keeping: KeyKeeping = KeyKeeping.STANDARD
    key_officers: tuple[UUID, ...] = ()
    ballot_kind: BallotKind = BallotKind.APPROVAL
    ballot_minimum: int = 3
    ballot_maximum: int | None = None
    ballot_weights: tuple[int, ...] = ()
    ballot_each: int | None = None
    ballot_areas: int | None = None
    rule: SharingRule = SharingRule.MOST_VOTES
    minimum_votes: int = 1
    stop_at_misfit: bool = False
    group_limit: int | None = None
    group_cap_minor: int | None = None
    utility: str = "cost"
    completion: str = "add1u"
    start: str = "floor"
    step_minor: int = 100
    exhaustive_stop: bool = True
    criteria: tuple[Criterion, ...] = HEALTH_CREATION
    blind: bool = False
    pass_mark: int = 50
    quorum: int = 2
    panel_part: PanelPart = PanelPart.GATE
    panel_share: int | None = None
    appeal_days: int = 20

    def book(self, *, lot_seed: str, ballot_public_key: str) -> RuleBook:
        """The rule-book that this draft becomes."""
        knows = fields(SHARING[self.rule]) if self.rule in SHARING else ()
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
            paper_policy=self.paper_policy,
            help_cap=self.help_cap,
            key_keeping=self.key_keeping,
            lot_seed=lot_seed,
            ballot_public_key=ballot_public_key,
            ballot_kind=self.ballot_kind,
            ballot_minimum=self.ballot_minimum,
            ballot_maximum=self.ballot_maximum,
            ballot_weights=self.ballot_weights,
            ballot_each=self.ballot_each,
            ballot_areas=self.ballot_areas,
            rule=self.rule,
            rule_options={option.name: getattr(self, option.name) for option in knows},
            criteria=self.criteria,
            blind=self.blind,
            pass_mark=self.pass_mark,
            quorum=self.quorum,
            panel_part=self.panel_part,
            panel_share=self.panel_share,
            appeal_days=self.appeal_days,
        )

    def preview(self) -> RuleBook:
        """The rule-book as it would stand, with no seed and no key yet."""
        return self.book(lot_seed="drawn when the round is scheduled", ballot_public_key="0" * 64)

    def check(self) -> None:
        """Refuse (``RuleBroken``, with the field) what no round could keep."""
        if not self.who_may_apply.strip():
            raise RuleBroken("Say in a sentence who may apply.", field="who_may_apply")
        if self.key_keeping is KeyKeeping.STRONG and len(set(self.key_officers)) != KEY_OFFICERS:
            raise RuleBroken("Choose three people to hold the key.", field="key_officers")
        self.preview().check()

    def terms(self) -> dict[str, Any]:
        """What a round's row has no column for, as JSON."""
        facts: dict[str, Any] = json.loads(
            canonical_json({name: getattr(self, name) for name in _TERMS if name != "criteria"})
        )
        return facts | {
            "criteria": [_criterion_parts(criterion) | {"steps": list(criterion.steps)} for criterion in self.criteria]
        }

    @classmethod
    def from_terms(cls, terms: Mapping[str, Any], **columns: Any) -> "RoundDraft":
        """The draft again, from a row's columns and what ``terms`` wrote; what an old row lacks has its default."""
        read: dict[str, Callable[[Any], Any]] = {
            "applicant_kinds": lambda kinds: tuple(map(ApplicantKind, kinds)),
            "vote_connections": lambda ties: tuple(map(Connection, ties)),
            "vote_methods": lambda methods: tuple(map(VotingMethod, methods)),
            "paper_policy": PaperPolicy,
            "key_keeping": KeyKeeping,
            "key_officers": lambda ids: tuple(map(UUID, ids)),
            "ballot_kind": BallotKind,
            "ballot_weights": tuple,
            "rule": SharingRule,
            "criteria": lambda them: tuple(Criterion(**{**it, "steps": tuple(it["steps"])}) for it in them),
            "panel_part": PanelPart,
        }
        kept = {name: read.get(name, lambda value: value)(terms[name]) for name in _TERMS if name in terms}
        return cls(**columns, **kept)


_TERMS = (
    "who_may_apply",
    "applicant_kinds",
    "vote_min_age",
    "vote_connections",
    "vote_methods",
    "paper_policy",
    "help_cap",
    "key_keeping",
    "key_officers",
    "ballot_kind",
    "ballot_minimum",
    "ballot_maximum",
    "ballot_weights",
    "ballot_each",
    "ballot_areas",
    "rule",
    "minimum_votes",
    "stop_at_misfit",
    "group_limit",
    "group_cap_minor",
    "utility",
    "completion",
    "start",
    "step_minor",
    "exhaustive_stop",
    "criteria",
    "blind",
    "pass_mark",
    "quorum",
    "panel_part",
    "panel_share",
    "appeal_days",
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


def _criterion_parts(criterion: Criterion) -> dict[str, Any]:
    """A criterion's facts; the weight only where it is not 1, as the first rule-books have none."""
    facts = _parts(criterion)
    if criterion.weight == 1:
        del facts["weight"]
    return facts


METHOD_WORDS: dict[VotingMethod, str] = {
    VotingMethod.CODE: "a voting code that you get by post or from a connector",
    VotingMethod.EMAIL_POSTCODE: "your e-mail address and a postcode in the area",
    VotingMethod.IN_PERSON: "an officer at a booth, in person and on paper",
}
APPLICANT_WORDS: dict[ApplicantKind, str] = {
    ApplicantKind.CONSTITUTED: "groups that are constituted and have a bank account",
    ApplicantKind.HOSTED: "groups with a host that holds the money for them",
}


def in_words(book: "RuleBook | QuickBook") -> tuple[tuple[str, str], ...]:
    """The rule-book as people say it: (question, answer) pairs in plain words.

    Of an election elsewhere, where nobody's ties to a place are known, only what is known.
    """
    if isinstance(book, QuickBook):
        return _quick_in_words(book)
    if not book.vote_connections:
        return (
            ("How much", told_in(f"There was {show_pounds(book.pot_minor)} in all.", book.currency)),
            ("Who gets the money", told_in(_sharing(book), book.currency)),
        )
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
            f"They look for {looks_for}. {_weights(book)}A proposal needs {book.pass_mark}% of the points to go on. "
            f"{_points_later(book)}{BLIND_WORDS if book.blind else ''}",
        ),
        ("Who may vote", f"Everybody {f'aged {book.vote_min_age} or over ' if book.vote_min_age else ''}who {ties}."),
        (
            "How you show that you may vote",
            f"With {methods}. Each person votes once{_changes(book)}",
        ),
        ("How you vote", _choices(book)),
        ("Who gets the money", _sharing(book)),
        (
            "When votes are equal",
            f"{level_words(book)} The lot comes from a number that is published here before anybody votes.",
        ),
        (
            "If something went wrong",
            f"A group can appeal within {book.appeal_days} days after it was told, when the rules were not kept or "
            "somebody had an interest. Somebody who had no part in it decides about the appeal.",
        ),
        (
            "How votes stay secret",
            f"{_sealed_until(book)} No figure about fewer than {book.suppress_below} people is published. "
            f"With fewer than {book.totals_only_below} votes, only totals are.",
        ),
    )


BLIND_WORDS = (
    " They read without being told which group asks, who is in it or where it is, until their scores are locked."
)


def _weights(book: RuleBook) -> str:
    """How the criteria weigh where they do not all weigh the same."""
    if len({one.weight for one in book.criteria}) < 2:
        return ""
    parts = [f"{one.name.lower()} {part_words(one, book.criteria)}" for one in book.criteria]
    return f"Of the points, these make up: {_joined(parts, 'and')}. "


def _points_later(book: RuleBook) -> str:
    """What the panel's points are for after the vote."""
    if book.panel_part is PanelPart.SPLIT_POT:
        return "After the vote, the points decide about a part of the pot: see “Who gets the money”."
    if book.panel_part is PanelPart.TIE_BREAK:
        return "After the vote, the points count only where votes are equal."
    return "The points do not count in the vote."


def level_words(book: RuleBook) -> str:
    """What decides between proposals that the votes leave level."""
    lot = "a lot decides" if book.rule is SharingRule.MOST_VOTES else "more votes, and then a lot, decide"
    if book.panel_part is PanelPart.TIE_BREAK:
        return (
            "The proposal to which the panel gave the larger part of the points goes first; one that the panel could "
            f"not judge comes after those. If these are equal too, the cheaper goes first, and then {lot}."
        )
    return f"The cheaper proposal goes first. If they cost the same, {lot}."


def split_words(book: RuleBook) -> tuple[str, ...]:
    """How a pot that is split goes by votes and by points, a sentence or two each; nothing where it is not split."""
    if book.panel_part is not PanelPart.SPLIT_POT:
        return ()
    panel = book.panel_pot_minor
    return (
        f"{show_pounds(book.pot_minor - panel)} goes by votes, as told here.",
        f"{show_pounds(panel)} ({book.panel_share}% of the pot) goes by the panel's points, after the votes and with "
        "what they leave: of what is not funded yet, the proposal with the largest part of the points goes first. One "
        "that asks for more than is left is passed over. When points are equal, more votes go first, then the cheaper, "
        "then the lot. What the panel could not judge comes last, by votes.",
        "Limits for one group, the fewest votes that a proposal needs, and the funders' conditions hold for both parts "
        "together.",
    )


def _sealed_until(book: RuleBook) -> str:
    """How votes are sealed, and who can open them."""
    if book.key_keeping is KeyKeeping.STRONG:
        return (
            "Votes are sealed until voting closes. The key that opens them is not kept on this service: three "
            "returning officers hold a part of it each, and it takes two of them to count. Then the votes are mixed "
            "and counted, and the sealed votes are destroyed."
        )
    return (
        "Votes are sealed until voting closes. "
        "Then they are mixed and counted, and the key that opens them is destroyed."
    )


def _changes(book: RuleBook) -> str:
    """What may be changed after voting."""
    if book.key_keeping is KeyKeeping.STRONG:
        return ", and can vote afresh until voting closes: the last vote counts."
    if VotingMethod.IN_PERSON not in book.vote_methods:
        return ", and can change the vote until voting closes."
    if book.vote_methods == (VotingMethod.IN_PERSON,):
        return ". A paper that is in the box stays there."
    if book.paper_policy is PaperPolicy.REFUSE:
        return ". An online vote can be changed online until voting closes, a paper in the box cannot."
    return (
        ". An online vote can be changed until voting closes, online or once more on paper at a booth. "
        "A paper in the box stays there."
    )


def _choices(book: RuleBook) -> str:
    """What a ballot may say, a blank one and the areas included."""
    parts = [_marks(book)]
    if not book.ballot_minimum:
        parts.append("Who wants none of them can hand in a blank ballot: it counts as a person who voted.")
    if book.ballot_areas is not None:
        areas = "the same area" if book.ballot_areas == 1 else f"at most {book.ballot_areas} areas"
        parts.append(
            f"All that you choose is in {areas}. A proposal for several areas can be chosen with any one of them, "
            "and one for the whole place always."
        )
    return " ".join(parts)


def _marks(book: RuleBook) -> str:
    fewest, most, kind = book.ballot_minimum, book.ballot_maximum, book.ballot_kind
    if kind is BallotKind.POINTS:
        spread = f" to {_count(fewest, 'proposal')} or more" if fewest > 1 else " to the proposals that you like"
        top = f", and at most {book.ballot_each} to one" if book.ballot_each else ""
        return f"You have {_count(most or 0, 'point')}. You give them{spread}, more to what you like more{top}."
    if kind is BallotKind.RANKED:
        limit = f" and at most {most}" if most and most > fewest else ""
        how_many = _count(fewest, "proposal") if most == fewest else f"at least {_count(fewest, 'proposal')}{limit}"
        if not fewest:
            how_many = f"up to {_count(most, 'proposal')}" if most else "as many proposals as you like"
        worth = (
            f"The places are worth {_joined([str(points) for points in book.ballot_weights], 'and')} points."
            if len(book.ballot_weights) > 1
            else "The last place that can be named is worth one point, and each place before it one more."
        )
        return f"You put {how_many} in order, the best first. {worth}"
    if not fewest:
        return f"You choose up to {_count(most, 'proposal')}." if most else "You choose as many proposals as you like."
    if most == fewest:
        return f"You choose {_count(fewest, 'proposal')}."
    limit = f"and at most {most}" if most else "and as many more as you like"
    return f"You choose at least {_count(fewest, 'proposal')}, {limit}."


def _sharing(book: RuleBook) -> str:
    options, word = book.sharing, "point" if book.ballot.has_points else "vote"
    if isinstance(options, EqualSharesOptions):
        parts = _equal_shares(options, book.ballot.has_points)
    elif isinstance(options, PhragmenOptions):
        parts = [
            "Everybody who votes earns money at the same steady pace. As soon as the people who chose a proposal "
            "have its price between them, it is funded, and they have spent all that they had."
        ]
    else:
        parts = [f"The proposal with the most {word}s is funded first, then the next, while the money lasts."]
    if options.minimum_votes > 1:
        parts.append(f"A proposal needs at least {options.minimum_votes:,} {word}s.")
    if not isinstance(options, EqualSharesOptions):
        parts.append(
            "When the next one asks for more than is left, the sharing ends."
            if options.stop_at_misfit
            else "One that asks for more than is left is passed over, and the next one gets its turn."
        )
    if options.group_limit is not None:
        parts.append(f"At most {_count(options.group_limit, 'proposal')} of the same group can be funded.")
    if options.group_cap_minor is not None:
        parts.append(f"One group can get at most {show_pounds(options.group_cap_minor)}.")
    parts.append("Some money may only be spent on certain places or priorities, and we keep to that.")
    if split := split_words(book):
        parts = [split[0].replace("as told here", "and the rest by the panel's points"), *parts, *split[1:]]
    return " ".join(parts)


def _equal_shares(options: EqualSharesOptions, has_points: bool) -> list[str]:
    first = "the one with the most support behind each pound comes first"
    if has_points:
        first = "the one that costs its supporters least for each point they gave it comes first"
    elif options.utility == "cardinality":
        first = "the one that costs each supporter least comes first"
    parts = [
        "Everybody who votes controls an equal part of the pot. A proposal is funded when the people who chose it "
        f"can pay for it together, each as equal a share as possible. Of those that can be paid, {first}."
    ]
    if options.start == "floor":
        parts.append("The parts are rounded down to whole pounds at the start.")
    if options.completion == "none":
        parts.append("What is left stays in the pot.")
        return parts
    until = " or nothing more would fit" if options.exhaustive_stop else ""
    parts.append(
        f"So that little is left over, everybody's part then grows, {show_pounds(options.step_minor)} at a time, "
        f"and the sharing is done afresh, until the next time would cost more than the pot{until}."
    )
    if options.completion == "add1u":
        parts.append("What is left then goes by most votes, to whatever still fits.")
    return parts


def _joined(words: list[str], last: str) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def _ties(ties: list[Connection]) -> str:
    """What voters do here: "lives, works or studies here"."""
    return f"{_joined([tie.value for tie in ties], 'or')} here"


def _count(size: int, word: str) -> str:
    return f"{size} {word}" if size == 1 else f"{size} {word}s"


# ------------------------------------------------------------------------------------------------------- quick rounds

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


def _quick_in_words(book: QuickBook) -> tuple[tuple[str, str], ...]:
    kinds = _joined([APPLICANT_WORDS[kind] for kind in book.applicant_kinds], "and")
    return (
        ("Who may ask", f"{book.who_may_apply} It is for {kinds}."),
        (
            "How much",
            f"Up to {show_pounds(book.cap_minor)} for each ask. There is {show_pounds(book.pot_minor)} in all, and you "
            "can ask while it lasts.",
        ),
        ("What you write", "One page. Then a second person, of your group or of its host, says that it is right."),
        (
            "Who decides",
            "Two people: stewards of the fund, or neighbours who sit on its panels. Never anybody of the group or its "
            "host, or who wrote or signed the ask. The first says yes or no, and why. The second agrees or not. If "
            "they do not agree, a third decides; if nobody else may, the answer is no. If there is not enough money "
            "left for it, the answer is no.",
        ),
        (
            "How soon",
            f"Within {_count(book.decide_days, 'working day')} after it is in, Monday to Friday. If we have a "
            "question, the days begin again when you have answered.",
        ),
        (
            "What you hear",
            "A letter as soon as it is decided, with the reason, and with where else to turn. You may ask again.",
        ),
        (
            "What everybody sees",
            "Each grant: who, how much, for which priority, why, and how many days it took. Of what we said no to "
            "only how many and what kind of reason.",
        ),
    )
