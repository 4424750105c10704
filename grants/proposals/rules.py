"""The life of a proposal, its sections, and what each of them still lacks."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Any
from uuid import UUID

import filetype

from grants.kernel.errors import RuleBroken
from grants.kernel.money import show_pounds
from grants.kernel.papers import checked_paper


class ProposalState(StrEnum):
    """Where a proposal stands."""

    DRAFT = "draft"
    AWAITING_SIGN_OFF = "awaiting_sign_off"
    SUBMITTED = "submitted"
    MORE_INFO_REQUESTED = "more_info_requested"
    ELIGIBLE = "eligible"
    INELIGIBLE = "ineligible"
    ON_BALLOT = "on_ballot"
    AWARDED = "awarded"
    RESERVE = "reserve"
    NOT_FUNDED = "not_funded"
    NOT_SUBMITTED = "not_submitted"
    WITHDRAWN = "withdrawn"


class ProposalAction(StrEnum):
    """What can be done to a proposal."""

    ASK_FOR_SIGN_OFF = "ask_for_sign_off"
    SEND_BACK = "send_back"
    SUBMIT = "submit"
    REOPEN = "reopen"
    REQUEST_MORE_INFO = "request_more_info"
    GIVE_MORE_INFO = "give_more_info"
    MISS_MORE_INFO = "miss_more_info"
    PASS_SCREENING = "pass_screening"  # noqa: S105
    FAIL_SCREENING = "fail_screening"
    REINSTATE = "reinstate"
    PUT_ON_BALLOT = "put_on_ballot"
    KEEP_OFF_BALLOT = "keep_off_ballot"
    AWARD = "award"
    HOLD_IN_RESERVE = "hold_in_reserve"
    TURN_DOWN = "turn_down"
    MISS_DEADLINE = "miss_deadline"
    WITHDRAW = "withdraw"


S, A = ProposalState, ProposalAction
STEPS = {
    (S.DRAFT, A.ASK_FOR_SIGN_OFF): S.AWAITING_SIGN_OFF,
    (S.AWAITING_SIGN_OFF, A.SEND_BACK): S.DRAFT,
    (S.AWAITING_SIGN_OFF, A.SUBMIT): S.SUBMITTED,
    (S.SUBMITTED, A.REOPEN): S.DRAFT,
    (S.SUBMITTED, A.REQUEST_MORE_INFO): S.MORE_INFO_REQUESTED,
    (S.MORE_INFO_REQUESTED, A.GIVE_MORE_INFO): S.SUBMITTED,
    (S.MORE_INFO_REQUESTED, A.MISS_MORE_INFO): S.SUBMITTED,
    (S.SUBMITTED, A.PASS_SCREENING): S.ELIGIBLE,
    (S.SUBMITTED, A.FAIL_SCREENING): S.INELIGIBLE,
    (S.INELIGIBLE, A.REINSTATE): S.ELIGIBLE,
    (S.ELIGIBLE, A.PUT_ON_BALLOT): S.ON_BALLOT,
    (S.ELIGIBLE, A.KEEP_OFF_BALLOT): S.NOT_FUNDED,
    (S.ON_BALLOT, A.AWARD): S.AWARDED,
    (S.ON_BALLOT, A.HOLD_IN_RESERVE): S.RESERVE,
    (S.ON_BALLOT, A.TURN_DOWN): S.NOT_FUNDED,
    (S.RESERVE, A.AWARD): S.AWARDED,
    # Only when a decision that was told is corrected:
    (S.RESERVE, A.TURN_DOWN): S.NOT_FUNDED,
    (S.NOT_FUNDED, A.AWARD): S.AWARDED,
    (S.NOT_FUNDED, A.HOLD_IN_RESERVE): S.RESERVE,
    (S.DRAFT, A.MISS_DEADLINE): S.NOT_SUBMITTED,
    (S.AWAITING_SIGN_OFF, A.MISS_DEADLINE): S.NOT_SUBMITTED,
    (S.DRAFT, A.WITHDRAW): S.WITHDRAWN,
    (S.AWAITING_SIGN_OFF, A.WITHDRAW): S.WITHDRAWN,
    (S.SUBMITTED, A.WITHDRAW): S.WITHDRAWN,
    (S.MORE_INFO_REQUESTED, A.WITHDRAW): S.WITHDRAWN,
    (S.ELIGIBLE, A.WITHDRAW): S.WITHDRAWN,
    (S.ON_BALLOT, A.WITHDRAW): S.WITHDRAWN,
}
PUBLIC = frozenset({S.ELIGIBLE, S.ON_BALLOT, S.AWARDED, S.RESERVE, S.NOT_FUNDED, S.WITHDRAWN})
"""States in which a proposal that was put in may be shown to everybody, once its round's vote opens."""


class Approach(StrEnum):
    """A way of working that the community looks for; ``NONE`` stands alone."""

    RESTORATIVE = "restorative"
    INTERGENERATIONAL = "intergenerational"
    COMMUNITY_OWNERSHIP = "community_ownership"
    NONE = "none"


class Community(StrEnum):
    """A community of identity that an activity is for; people belong to several. ``EVERYBODY`` stands alone."""

    CHILDREN = "children"
    YOUNG = "young"
    OLDER = "older"
    DISABLED = "disabled"
    CARERS = "carers"
    ETHNIC = "ethnic"
    FAITH = "faith"
    LGBT = "lgbt"
    WOMEN = "women"
    MEN = "men"
    REFUGEES = "refugees"
    LOW_INCOME = "low_income"
    ILL = "ill"
    ADDICTION = "addiction"
    HOMELESS = "homeless"
    VETERANS = "veterans"
    EVERYBODY = "everybody"


class Help(StrEnum):
    """Who helped to write a proposal. Help counts neither for nor against it."""

    NOBODY = "nobody"
    FRIEND = "friend"
    CONNECTOR = "connector"
    OFFICER = "officer"
    GROUP = "group"
    PROGRAM = "program"


class PartnerState(StrEnum):
    """Where a partner of a joint proposal stands."""

    NAMED = "named"
    ASKED = "asked"
    CONFIRMED = "confirmed"
    DECLINED = "declined"


class PartnerAction(StrEnum):
    """What can be done about a partner."""

    ASK = "ask"
    CONFIRM = "confirm"
    DECLINE = "decline"
    CHANGE = "change"


PARTNER_STEPS = {
    (PartnerState.NAMED, PartnerAction.ASK): PartnerState.ASKED,
    (PartnerState.ASKED, PartnerAction.ASK): PartnerState.ASKED,
    (PartnerState.ASKED, PartnerAction.CONFIRM): PartnerState.CONFIRMED,
    (PartnerState.ASKED, PartnerAction.DECLINE): PartnerState.DECLINED,
    # What was asked has changed, so it must be asked again:
    (PartnerState.NAMED, PartnerAction.CHANGE): PartnerState.NAMED,
    (PartnerState.ASKED, PartnerAction.CHANGE): PartnerState.NAMED,
    (PartnerState.CONFIRMED, PartnerAction.CHANGE): PartnerState.NAMED,
    (PartnerState.DECLINED, PartnerAction.CHANGE): PartnerState.NAMED,
}


class Level(StrEnum):
    """Where the activity stands in the population intervention triangle."""

    CIVIC = "civic"
    COMMUNITY = "community"
    SERVICE = "service"


class Section(StrEnum):
    """A part of the form, saved for itself."""

    WHAT = "what"
    WHERE = "where"
    NEED = "need"
    APPROACH = "approach"
    FAIRNESS = "fairness"
    BUDGET = "budget"
    PARTNERS = "partners"
    CONTACT = "contact"


SECTION_TITLES: dict[Section, str] = {
    Section.WHAT: "What you want to do",
    Section.WHERE: "Who it is for, and where",
    Section.NEED: "Why it is needed",
    Section.APPROACH: "How you will do it",
    Section.FAIRNESS: "Fair and safe for everybody",
    Section.BUDGET: "What it costs",
    Section.PARTNERS: "Partners and who holds the money",
    Section.CONTACT: "Who we can talk to",
}


class SectionStatus(StrEnum):
    """How far a section is."""

    NOT_STARTED = "not_started"
    STARTED = "started"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a budget, in pence: cash asked for, or something given in kind."""

    what: str
    amount_minor: int
    in_kind: bool = False
    lasting: bool = False
    """It buys something that lasts (capital), not running costs (revenue)."""


@dataclass(frozen=True, slots=True)
class Partner:
    """Who does it together with the group: what they do, and their share of the cash (pence)."""

    name: str
    role: str
    email: str = ""
    share_minor: int = 0
    state: PartnerState = PartnerState.NAMED


@dataclass(frozen=True, slots=True)
class Limits:
    """What a round asks of every proposal (pence)."""

    floor_minor: int
    cap_minor: int
    priority_ids: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a proposal says. ``spoken``: a voice note or a film tells it;
    ``needs_host``: the group cannot hold the money; ``hosted``: a host has confirmed."""

    title: str = ""
    summary: str = ""
    what: str = ""
    spoken: bool = False
    starts_on: date | None = None
    ends_on: date | None = None
    for_whom: str = ""
    communities: tuple[str, ...] = ()
    seldom_heard: str = ""
    anywhere: bool = False
    ward_codes: tuple[str, ...] = ()
    venue_postcode: str = ""
    imd_deciles: tuple[int, ...] = ()
    priority_id: UUID | None = None
    answers_need: str = ""
    insight_ids: tuple[UUID, ...] = ()
    approaches: tuple[str, ...] = ()
    level: Level | None = None
    outcomes_hoped: str = ""
    outcomes_seen: str = ""
    second_hoped: str = ""
    second_seen: str = ""
    equality: str = ""
    poverty: str = ""
    at_risk: bool | None = None
    safeguarding: str = ""
    lines: tuple[Line, ...] = ()
    smaller_minor: int | None = None
    smaller_achieves: str = ""
    partners: str = ""
    joint: tuple[Partner, ...] = ()
    needs_host: bool = False
    hosted: bool = False
    contact_name: str = ""
    contact_email: str = ""
    contact_phone: str = ""
    help_received: Help | None = None

    @property
    def applied_for_minor(self) -> int:
        """The cash that is asked for, in pence; what is given in kind is not."""
        return total_minor(self.lines)

    @property
    def in_kind_minor(self) -> int:
        """What the gifts in kind are worth, in pence."""
        return sum(line.amount_minor for line in self.lines if line.in_kind)


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that a section lacks: the field, and what to do."""

    field: str
    message: str


def only_one_of(others: Sequence[str], reason: str) -> str:
    """What everybody is told of a bid that cannot win beside these others.

    >>> only_one_of(["A garden", "A car park"], "Both want the corner of Hill Street")
    'Only one of these can be funded: this, “A garden” or “A car park”. Both want the corner of Hill Street.'
    """
    *first, last = ["this", *(f"“{title}”" for title in others)]
    return f"Only one of these can be funded: {', '.join(first)} or {last}. {reason.strip().rstrip('.')}."


def total_minor(lines: tuple[Line, ...] | list[Line]) -> int:
    """The cash asked for, in pence.

    >>> total_minor([Line("Seeds", 5000), Line("Our time", 20000, in_kind=True), Line("Pots", 250)])
    5250
    """
    return sum(line.amount_minor for line in lines if not line.in_kind)


def money_gap(applied_for_minor: int, limits: Limits) -> str | None:
    """What is wrong with the amount asked for, in words; nothing when it lies within the round's limits."""
    if applied_for_minor < limits.floor_minor:
        return (
            f"You ask for {show_pounds(applied_for_minor)}. The least that a group can ask for in this round is "
            f"{show_pounds(limits.floor_minor)}."
        )
    if applied_for_minor > limits.cap_minor:
        return (
            f"You ask for {show_pounds(applied_for_minor)}. The most that a group can ask for in this round is "
            f"{show_pounds(limits.cap_minor)}: take {show_pounds(applied_for_minor - limits.cap_minor)} off."
        )
    return None


def gaps(section: Section, facts: Facts, limits: Limits) -> tuple[Gap, ...]:
    """What a section still lacks, in the order of its fields; nothing when it is whole."""
    return tuple(Gap(field, message) for lacking, field, message in _CHECKS[section](facts, limits) if lacking)


def all_gaps(facts: Facts, limits: Limits) -> dict[Section, tuple[Gap, ...]]:
    """The sections that are not whole, with what each lacks."""
    found = {section: gaps(section, facts, limits) for section in Section}
    return {section: lacking for section, lacking in found.items() if lacking}


def status_of(section: Section, facts: Facts, limits: Limits, versions: Mapping[str, int]) -> SectionStatus:
    """How far a section is: a section that was never saved is not started, even if nothing in it is compulsory."""
    if not versions.get(section, 0):
        return SectionStatus.NOT_STARTED
    return SectionStatus.STARTED if gaps(section, facts, limits) else SectionStatus.DONE


_Check = tuple[bool, str, str]


def _what(facts: Facts, limits: Limits) -> list[_Check]:
    return [
        (not facts.title, "title", "Give it a short name."),
        (not facts.summary, "summary", "Say it in one or two sentences for the ballot."),
        (
            not facts.what and not facts.spoken,
            "what",
            "Tell us what you will do: write it here, or record it and add the recording as a file.",
        ),
        (facts.starts_on is None, "starts_on", "Say when it starts; a guess will do."),
        (facts.ends_on is None, "ends_on", "Say when it ends; a guess will do."),
        (
            facts.starts_on is not None and facts.ends_on is not None and facts.ends_on < facts.starts_on,
            "ends_on",
            "It ends before it starts. Change one of the two days.",
        ),
    ]


def _where(facts: Facts, limits: Limits) -> list[_Check]:
    return [
        (not facts.for_whom, "for_whom", "Say who it is for."),
        (not facts.communities, "communities", "Tick who it is for, or “Everybody”."),
        (
            not facts.anywhere and not facts.ward_codes,
            "ward_codes",
            "Choose the wards, or say that it is not tied to a place.",
        ),
        (not facts.anywhere and not facts.venue_postcode, "venue_postcode", "Give the postcode of where it happens."),
    ]


def _need(facts: Facts, limits: Limits) -> list[_Check]:
    return [
        (facts.priority_id is None, "priority_id", "Choose the priority that it answers."),
        (
            facts.priority_id is not None and facts.priority_id not in limits.priority_ids,
            "priority_id",
            "Choose one of the priorities of this round.",
        ),
        (not facts.answers_need, "answers_need", "Say how it answers that priority."),
    ]


def _approach(facts: Facts, limits: Limits) -> list[_Check]:
    return [
        (not facts.approaches, "approaches", "Tick what fits, or “None of these”."),
        (facts.level is None, "level", "Choose who leads the work."),
        (not facts.outcomes_hoped, "outcomes_hoped", "Say what you hope will be different."),
        (not facts.outcomes_seen, "outcomes_seen", "Say how you will see that it is different."),
        (not facts.second_hoped, "second_hoped", "Say a second thing that you hope for."),
        (not facts.second_seen, "second_seen", "Say how you will see the second one."),
    ]


def _fairness(facts: Facts, limits: Limits) -> list[_Check]:
    return [
        (not facts.equality, "equality", "Say how everybody it is for can take part."),
        (not facts.poverty, "poverty", "Say what it costs people to take part."),
        (facts.at_risk is None, "at_risk", "Choose yes or no."),
        (
            bool(facts.at_risk) and not facts.safeguarding,
            "safeguarding",
            "Say how you keep them safe.",
        ),
    ]


def _budget(facts: Facts, limits: Limits) -> list[_Check]:
    wrong = money_gap(facts.applied_for_minor, limits)
    return [
        (not facts.lines, "lines", "Add at least one line to the budget."),
        (bool(facts.lines) and wrong is not None, "lines", wrong or ""),
        (
            facts.smaller_minor is not None and not facts.smaller_achieves,
            "smaller_achieves",
            "Say what you would still do with that sum, or leave both empty.",
        ),
        (
            facts.smaller_minor is None and bool(facts.smaller_achieves),
            "smaller_minor",
            "Give the smaller sum, or leave both empty.",
        ),
        (
            facts.smaller_minor is not None and facts.smaller_minor >= facts.applied_for_minor,
            "smaller_minor",
            f"This must be less than what you ask for, {show_pounds(facts.applied_for_minor)}.",
        ),
    ]


def _partners(facts: Facts, limits: Limits) -> list[_Check]:
    return [
        (
            facts.needs_host and not facts.hosted,
            "partners",
            "Your group needs a host to hold the money, and no host has said yes so far.",
        ),
        (
            sum(one.share_minor for one in facts.joint) > facts.applied_for_minor,
            "joint",
            f"Your partners’ shares come to more than you ask for, {show_pounds(facts.applied_for_minor)}.",
        ),
        *(
            (True, "joint", f"{one.name} has not said yes so far. {_PARTNER_ADVICE[one.state]}")
            for one in facts.joint
            if one.state is not PartnerState.CONFIRMED
        ),
    ]


_PARTNER_ADVICE = {
    PartnerState.NAMED: "Ask them to confirm.",
    PartnerState.ASKED: "We have written to them. You can ask again, or take them out.",
    PartnerState.DECLINED: "They said no. Change what you ask of them, or take them out.",
}


def _contact(facts: Facts, limits: Limits) -> list[_Check]:
    return [
        (not facts.contact_name, "contact_name", "Give the name of somebody we can talk to."),
        (
            not facts.contact_email and not facts.contact_phone,
            "contact_email",
            "Give an e-mail address or a telephone number.",
        ),
        (facts.help_received is None, "help_received", "Choose who helped you, or “Nobody”."),
    ]


_CHECKS: dict[Section, Callable[[Facts, Limits], list[_Check]]] = {
    Section.WHAT: _what,
    Section.WHERE: _where,
    Section.NEED: _need,
    Section.APPROACH: _approach,
    Section.FAIRNESS: _fairness,
    Section.BUDGET: _budget,
    Section.PARTNERS: _partners,
    Section.CONTACT: _contact,
}


class ScreeningCode(StrEnum):
    """Why a proposal is not eligible. The words beside it say it about this one."""

    WHO_APPLIES = "who_applies"
    OUTSIDE_THE_AREA = "outside_the_area"
    NOT_A_PRIORITY = "not_a_priority"
    NOT_SAFE = "not_safe"
    NOT_LAWFUL = "not_lawful"
    DUPLICATE = "duplicate"
    OTHER = "other"


SCREENING_WORDS: dict[ScreeningCode, str] = {
    ScreeningCode.WHO_APPLIES: "The group is not one that may apply in this round",
    ScreeningCode.OUTSIDE_THE_AREA: "It happens outside the area",
    ScreeningCode.NOT_A_PRIORITY: "It does not answer one of the round’s priorities",
    ScreeningCode.NOT_SAFE: "People could come to harm, and the plan does not deal with it",
    ScreeningCode.NOT_LAWFUL: "We are not allowed to fund this",
    ScreeningCode.DUPLICATE: "The same proposal was put in twice",
    ScreeningCode.OTHER: "Another reason",
}

APPROACH_WORDS: dict[Approach, str] = {
    Approach.RESTORATIVE: "Restorative: it mends harm and brings people back together",
    Approach.INTERGENERATIONAL: "Intergenerational: young and old do it together",
    Approach.COMMUNITY_OWNERSHIP: "Community ownership: people here will own or run a space or a thing",
    Approach.NONE: "None of these",
}
COMMUNITY_WORDS: dict[Community, str] = {
    Community.CHILDREN: "Children up to 11",
    Community.YOUNG: "Young people, 12 to 25",
    Community.OLDER: "Older people",
    Community.DISABLED: "Disabled people",
    Community.CARERS: "People who care for somebody",
    Community.ETHNIC: "People of one or more ethnic backgrounds",
    Community.FAITH: "People of a faith",
    Community.LGBT: "LGBTQ+ people",
    Community.WOMEN: "Women and girls",
    Community.MEN: "Men and boys",
    Community.REFUGEES: "Refugees and people seeking asylum",
    Community.LOW_INCOME: "People with little money",
    Community.ILL: "People who live with illness, of body or mind",
    Community.ADDICTION: "People in recovery",
    Community.HOMELESS: "People without a home of their own",
    Community.VETERANS: "People who served, and their families",
    Community.EVERYBODY: "Everybody who lives there",
}
HELP_WORDS: dict[Help, str] = {
    Help.NOBODY: "Nobody: we wrote it ourselves",
    Help.FRIEND: "A friend or a neighbour",
    Help.CONNECTOR: "A connector",
    Help.OFFICER: "Somebody from the council or the fund, who wrote down what we said",
    Help.GROUP: "Another group or an organisation",
    Help.PROGRAM: "A computer program that writes",
}
PARTNER_WORDS: dict[PartnerState, str] = {
    PartnerState.NAMED: "Not asked so far",
    PartnerState.ASKED: "Asked, no answer so far",
    PartnerState.CONFIRMED: "Said yes",
    PartnerState.DECLINED: "Said no",
}
LEVEL_WORDS: dict[Level, str] = {
    Level.CIVIC: "It changes a place, a rule or a plan for everybody",
    Level.COMMUNITY: "Neighbours and local people lead it",
    Level.SERVICE: "It is a service that a person or a team gives",
}

SECTION_FIELDS: dict[Section, tuple[str, ...]] = {
    Section.WHAT: ("title", "summary", "what", "starts_on", "ends_on"),
    Section.WHERE: ("for_whom", "communities", "seldom_heard", "anywhere", "venue_postcode", "ward_codes"),
    Section.NEED: ("priority_id", "answers_need", "insight_ids"),
    Section.APPROACH: (
        "approaches",
        "level",
        "outcomes_hoped",
        "outcomes_seen",
        "second_hoped",
        "second_seen",
    ),
    Section.FAIRNESS: ("equality", "poverty", "at_risk", "safeguarding"),
    Section.BUDGET: ("lines", "smaller_minor", "smaller_achieves"),
    Section.PARTNERS: ("joint", "partners"),
    Section.CONTACT: ("contact_name", "contact_email", "contact_phone", "help_received"),
}
"""What belongs to each section, in the order of the form."""

AT_MOST: dict[str, int] = {
    "title": 140,
    "summary": 300,
    "what": 4000,
    "for_whom": 2000,
    "seldom_heard": 2000,
    "venue_postcode": 8,
    "answers_need": 3000,
    "level": 32,
    "help_received": 32,
    "outcomes_hoped": 1000,
    "outcomes_seen": 1000,
    "second_hoped": 1000,
    "second_seen": 1000,
    "equality": 2000,
    "poverty": 2000,
    "safeguarding": 2000,
    "smaller_achieves": 1000,
    "partners": 2000,
    "contact_name": 120,
    "contact_email": 254,
    "contact_phone": 30,
}
"""How many characters each text may have."""
MOST_LINES = 40
MOST_PARTNERS = 8
MOST_INSIGHTS = 12


def ensure_alone(chosen: tuple[str, ...] | list[str], alone: str, field: str, words: str) -> None:
    """Refuse (``RuleBroken``) an answer that stands alone beside others.

    >>> ensure_alone(["none"], "none", "approaches", "None of these")
    """
    if alone in chosen and len(chosen) > 1:
        raise RuleBroken(f"Tick “{words}” alone, or take its tick away.", field=field)


def as_kept(facts: Facts) -> dict[str, Any]:
    """What was put in, for the copy that is kept (JSON); who to contact and where partners are asked is left out.

    ``from_kept`` reads it again.
    """
    kept: dict[str, Any] = {}
    for name in _KEPT:
        value = getattr(facts, name)
        if isinstance(value, date):
            value = value.isoformat()
        elif isinstance(value, UUID):
            value = str(value)
        elif isinstance(value, StrEnum):
            value = value.value
        elif isinstance(value, tuple):
            value = [str(one) if isinstance(one, UUID) else one for one in value]
        kept[name] = value
    kept["lines"] = [
        {"what": one.what, "amount_minor": one.amount_minor, "in_kind": one.in_kind, "lasting": one.lasting}
        for one in facts.lines
    ]
    kept["joint"] = [{"name": one.name, "role": one.role, "share_minor": one.share_minor} for one in facts.joint]
    kept["applied_for_minor"] = facts.applied_for_minor
    return kept


def from_kept(body: Mapping[str, Any]) -> Facts:
    """What a kept copy says; what an older copy does not know stays empty.

    >>> from_kept(as_kept(Facts(title="Soup", level=Level.CIVIC, starts_on=date(2027, 3, 1)))).starts_on
    datetime.date(2027, 3, 1)
    """
    known = {name: body[name] for name in _KEPT if body.get(name) is not None}
    for name in ("starts_on", "ends_on"):
        if name in known:
            known[name] = date.fromisoformat(known[name])
    for name in ("ward_codes", "imd_deciles", "communities", "approaches"):
        known[name] = tuple(known.get(name, ()))
    known["insight_ids"] = tuple(UUID(one) for one in known.get("insight_ids", ()))
    if "priority_id" in known:
        known["priority_id"] = UUID(known["priority_id"]) if known["priority_id"] != "None" else None
    if "level" in known:
        known["level"] = Level(known["level"])
    if "help_received" in known:
        known["help_received"] = Help(known["help_received"])
    known["lines"] = tuple(Line(**one) for one in body.get("lines") or ())
    known["joint"] = tuple(Partner(**one, state=PartnerState.CONFIRMED) for one in body.get("joint") or ())
    return Facts(**known)


_KEPT = (
    *(
        name
        for fields in SECTION_FIELDS.values()
        for name in fields
        if name not in ("lines", "joint", "contact_name", "contact_email", "contact_phone")
    ),
    "imd_deciles",
)


class Hurdle(StrEnum):
    """A rule of a round that the questions before a proposal look at, in the order in which they are asked."""

    WHO = "who"
    NO_HOSTED = "no_hosted"
    AREA = "area"
    PRIORITY = "priority"
    TOO_LITTLE = "too_little"
    TOO_MUCH = "too_much"
    NOT_FUNDED = "not_funded"


MAY_APPLY = "may_apply"


class Asker(StrEnum):
    """Who wants to apply."""

    CONSTITUTED = "constituted"
    INFORMAL = "informal"
    PERSON = "person"
    BUSINESS = "business"


@dataclass(frozen=True, slots=True)
class Answers:
    """What somebody answers before anything is written (pence)."""

    asker: Asker
    in_area: bool
    for_priority: bool
    amount_minor: int
    excluded: bool


def hurdle(answers: Answers, limits: Limits, *, constituted: bool, hosted: bool) -> Hurdle | None:
    """The first rule that fails; nothing when they may apply.

    ``constituted``, ``hosted``: whether the round takes groups with an account of their own, and groups with a host.

    >>> limits = Limits(10_000, 200_000)
    >>> hurdle(Answers(Asker.INFORMAL, True, True, 50_000, False), limits, constituted=True, hosted=True)
    >>> hurdle(Answers(Asker.PERSON, True, True, 50_000, False), limits, constituted=True, hosted=True)
    <Hurdle.WHO: 'who'>
    """
    fails = (
        (answers.asker in (Asker.PERSON, Asker.BUSINESS), Hurdle.WHO),
        (answers.asker is Asker.CONSTITUTED and not (constituted or hosted), Hurdle.WHO),
        (answers.asker is Asker.INFORMAL and not hosted, Hurdle.NO_HOSTED),
        (not answers.in_area, Hurdle.AREA),
        (not answers.for_priority, Hurdle.PRIORITY),
        (answers.amount_minor < limits.floor_minor, Hurdle.TOO_LITTLE),
        (answers.amount_minor > limits.cap_minor, Hurdle.TOO_MUCH),
        (answers.excluded, Hurdle.NOT_FUNDED),
    )
    return next((rule for failed, rule in fails if failed), None)


HURDLE_WORDS: dict[str, tuple[str, str]] = {
    Hurdle.WHO: (
        "This money is for groups",
        "One person or a business that makes money for its owners cannot ask for it. Two or three neighbours who do it "
        "together are a group already: set one up here, it takes a minute.",
    ),
    Hurdle.NO_HOSTED: (
        "This round is for groups with a bank account of their own",
        "Ask a group that has one to apply together with you, or look at other rounds: many take groups with a host.",
    ),
    Hurdle.AREA: (
        "It must happen here, for people here",
        "Look for a fund where it happens. If people here would take part, say so when you apply.",
    ),
    Hurdle.PRIORITY: (
        "It must answer one of the priorities of this round",
        "The community chose these. Does something else matter more? Raise it as an issue: that is how the next "
        "priorities are found.",
    ),
    Hurdle.TOO_LITTLE: (
        "That is less than this round gives",
        "Tell us as an issue what you need: small things can often be done at once.",
    ),
    Hurdle.TOO_MUCH: (
        "That is more than this round gives to one group",
        "Could you begin with a part of it? Many good things started small.",
    ),
    Hurdle.NOT_FUNDED: (
        "This money cannot pay for that",
        "It cannot pay for party politics, for spreading a faith, for what the law says that a public body must pay, "
        "or for what was done or bought already.",
    ),
    MAY_APPLY: ("Yes, you can apply", "Nothing that you said stands against a rule of this round."),
}
"""What is told: the rule in a heading, and what to do instead."""


def compared(before: str, after: str) -> tuple[tuple[str, str], ...]:
    """Two texts as pieces that are the ``same``, ``gone`` or ``new``, word by word.

    >>> compared("We cook soup.", "We cook hot soup.")
    (('same', 'We cook '), ('new', 'hot '), ('same', 'soup.'))
    """
    old, new = _words(before), _words(after)
    pieces: list[tuple[str, str]] = []
    for kind, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            pieces.append(("same", "".join(old[i:j])))
            continue
        pieces += [("gone", "".join(old[i:j]))] if j > i else []
        pieces += [("new", "".join(new[k:m]))] if m > k else []
    return tuple(pieces)


def _words(text: str) -> list[str]:
    """Words, each with the space behind it: together they are the text."""
    return re.findall(r"\S+\s*|\s+", text)


class FileKind(StrEnum):
    """What a file of a proposal is."""

    PICTURE = "picture"
    PAPER = "paper"
    SOUND = "sound"
    FILM = "film"


class FileState(StrEnum):
    """Where a file stands; it is opened by nobody before it was found clean."""

    WAITING = "waiting"
    CLEAN = "clean"
    INFECTED = "infected"


class FileAction(StrEnum):
    """What a scan says."""

    FIND_CLEAN = "find_clean"
    FIND_INFECTED = "find_infected"


FILE_STEPS = {
    (FileState.WAITING, FileAction.FIND_CLEAN): FileState.CLEAN,
    (FileState.WAITING, FileAction.FIND_INFECTED): FileState.INFECTED,
}
SPOKEN = frozenset({FileKind.SOUND, FileKind.FILM})
"""Kinds that tell what a group will do as well as writing does."""
MOST_FILES = 8
LABEL_AT_MOST = 600
LARGEST_SPOKEN = 7 * 1024 * 1024
"""Bytes of a voice note or a film: some ten minutes of speech."""
_SPOKEN_KINDS = {
    "audio/mpeg": (FileKind.SOUND, "mp3"),
    "audio/mp4": (FileKind.SOUND, "m4a"),
    "audio/x-m4a": (FileKind.SOUND, "m4a"),
    "audio/ogg": (FileKind.SOUND, "ogg"),
    "audio/x-wav": (FileKind.SOUND, "wav"),
    "audio/aac": (FileKind.SOUND, "aac"),
    "video/mp4": (FileKind.FILM, "mp4"),
    "video/quicktime": (FileKind.FILM, "mov"),
    "video/webm": (FileKind.FILM, "webm"),
    "video/3gpp": (FileKind.FILM, "3gp"),
}


@dataclass(frozen=True, slots=True)
class Upload:
    """Content that may be kept."""

    content: bytes
    kind: FileKind
    suffix: str


def checked_upload(content: bytes) -> Upload:
    """What a file is by its bytes, never by its name: a voice note, a film, a picture (drawn anew), a PDF.

    Raises ``RuleBroken`` at ``file``.
    """
    spoken = filetype.guess_mime(content[:8192]) if content else None
    if spoken in _SPOKEN_KINDS:
        kind, suffix = _SPOKEN_KINDS[spoken]
        if len(content) > LARGEST_SPOKEN:
            raise RuleBroken("Choose a recording of 7 MB or less: some ten minutes of speech.", field="file")
        return Upload(content, kind, suffix)
    try:
        paper = checked_paper(content, field="file")
    except RuleBroken as broken:
        if broken.message == "Choose a PDF, or a photo (JPEG, PNG or WebP).":
            raise RuleBroken("Choose a photo, a PDF, or a recording of sound or film.", field="file") from None
        raise
    return Upload(paper.content, FileKind.PAPER if paper.suffix == "pdf" else FileKind.PICTURE, paper.suffix)


class CommentState(StrEnum):
    """Whether a question or an answer on a public proposal is shown."""

    SHOWN = "shown"
    HIDDEN = "hidden"


class CommentAction(StrEnum):
    """What a moderator does."""

    HIDE = "hide"
    SHOW = "show"


COMMENT_STEPS = {
    (CommentState.SHOWN, CommentAction.HIDE): CommentState.HIDDEN,
    (CommentState.HIDDEN, CommentAction.SHOW): CommentState.SHOWN,
}
COMMENT_AT_MOST = 1000
FLAG_AT_MOST = 300


LONGEST_SECONDS = 45 * 60
"""A page that lay open longer was not being written all that time."""
SMALLEST_CELL = 5
"""No rate is told about fewer proposals than this."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How many asked and how many were funded; nothing where too few asked to be told."""

    label: str
    asked: int | None
    funded: int | None

    @property
    def percent(self) -> int | None:
        """Whole percent, rounded down."""
        return None if self.asked is None or self.funded is None else 100 * self.funded // self.asked


def minutes_per_hundred(seconds: int, asked_minor: int) -> str | None:
    """Minutes of writing for each £100 that is asked for, with one decimal, halves upwards; nothing of nothing.

    >>> minutes_per_hundred(3_600, 120_000), minutes_per_hundred(60, 0)
    ('5.0', None)
    """
    if not asked_minor:
        return None
    tenths = (2 * seconds * 100_000 + 60 * asked_minor) // (120 * asked_minor)
    return f"{tenths // 10}.{tenths % 10}"


def rates(rows: Sequence[tuple[str, bool]], smallest: int = SMALLEST_CELL) -> list[Rate]:
    """(label, was it funded) → a rate for each label, by label. Too small ones are not told; nor, where that would
    leave one alone to be worked out from the whole, the smallest of the others.

    >>> [(one.label, one.percent) for one in rates([("a", True)] * 5 + [("b", False)] * 6, 5)]
    [('a', 100), ('b', 0)]
    """
    found: dict[str, tuple[int, int]] = {}
    for label, won in rows:
        asked, funded = found.get(label, (0, 0))
        found[label] = asked + 1, funded + won
    hidden = {label for label, (asked, _) in found.items() if asked < smallest}
    if len(hidden) == 1 and len(found) > 1:
        hidden.add(min((asked, label) for label, (asked, _) in found.items() if label not in hidden)[1])
    return [Rate(label, None, None) if label in hidden else Rate(label, *found[label]) for label in sorted(found)]


def decile_band(deciles: Sequence[int]) -> str:
    """Where a proposal happens, by deprivation.

    >>> decile_band([2]), decile_band([]), decile_band([9])
    ('Most deprived three tenths (deciles 1 to 3)', 'Not tied to a place', 'Least deprived three tenths (8 to 10)')
    """
    if not deciles:
        return "Not tied to a place"
    lowest = min(deciles)
    if lowest <= 3:
        return "Most deprived three tenths (deciles 1 to 3)"
    return "Middle (deciles 4 to 7)" if lowest <= 7 else "Least deprived three tenths (8 to 10)"
