"""The life of a proposal, its sections, and what each of them still lacks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from grants.kernel.money import show_pounds


class ProposalState(StrEnum):
    """Where a proposal stands."""

    DRAFT = "draft"
    AWAITING_SIGN_OFF = "awaiting_sign_off"
    SUBMITTED = "submitted"
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
    (S.ELIGIBLE, A.WITHDRAW): S.WITHDRAWN,
    (S.ON_BALLOT, A.WITHDRAW): S.WITHDRAWN,
}
PUBLIC = frozenset({S.ELIGIBLE, S.ON_BALLOT, S.AWARDED, S.RESERVE, S.NOT_FUNDED, S.WITHDRAWN})
"""States in which a proposal that was put in may be shown to everybody, once its round's vote opens."""


class Approach(StrEnum):
    """A way of working that the community looks for."""

    RESTORATIVE = "restorative"
    INTERGENERATIONAL = "intergenerational"
    COMMUNITY_OWNERSHIP = "community_ownership"


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
    BUDGET = "budget"
    PARTNERS = "partners"
    CONTACT = "contact"


SECTION_TITLES: dict[Section, str] = {
    Section.WHAT: "What you want to do",
    Section.WHERE: "Who it is for, and where",
    Section.NEED: "Why it is needed",
    Section.APPROACH: "How you will do it",
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


@dataclass(frozen=True, slots=True)
class Limits:
    """What a round asks of every proposal (pence)."""

    floor_minor: int
    cap_minor: int
    priority_ids: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a proposal says. ``needs_host``: the group cannot hold the money; ``hosted``: a host has confirmed."""

    title: str = ""
    summary: str = ""
    what: str = ""
    for_whom: str = ""
    anywhere: bool = False
    ward_codes: tuple[str, ...] = ()
    venue_postcode: str = ""
    imd_deciles: tuple[int, ...] = ()
    priority_id: UUID | None = None
    answers_need: str = ""
    approaches: tuple[str, ...] = ()
    level: Level | None = None
    outcomes_hoped: str = ""
    lines: tuple[Line, ...] = ()
    partners: str = ""
    needs_host: bool = False
    hosted: bool = False
    contact_name: str = ""
    contact_email: str = ""
    contact_phone: str = ""

    @property
    def applied_for_minor(self) -> int:
        """The cash that is asked for, in pence; what is given in kind is not."""
        return total_minor(self.lines)


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that a section lacks: the field, and what to do."""

    field: str
    message: str


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
        (not facts.what, "what", "Tell us what you will do."),
    ]


def _where(facts: Facts, limits: Limits) -> list[_Check]:
    return [
        (not facts.for_whom, "for_whom", "Say who it is for."),
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
        (facts.level is None, "level", "Choose who leads the work."),
        (not facts.outcomes_hoped, "outcomes_hoped", "Say what you hope will be different."),
    ]


def _budget(facts: Facts, limits: Limits) -> list[_Check]:
    wrong = money_gap(facts.applied_for_minor, limits)
    return [
        (not facts.lines, "lines", "Add at least one line to the budget."),
        (bool(facts.lines) and wrong is not None, "lines", wrong or ""),
    ]


def _partners(facts: Facts, limits: Limits) -> list[_Check]:
    return [
        (
            facts.needs_host and not facts.hosted,
            "partners",
            "Your group needs a host to hold the money, and no host has said yes so far.",
        )
    ]


def _contact(facts: Facts, limits: Limits) -> list[_Check]:
    return [
        (not facts.contact_name, "contact_name", "Give the name of somebody we can talk to."),
        (
            not facts.contact_email and not facts.contact_phone,
            "contact_email",
            "Give an e-mail address or a telephone number.",
        ),
    ]


_CHECKS: dict[Section, Callable[[Facts, Limits], list[_Check]]] = {
    Section.WHAT: _what,
    Section.WHERE: _where,
    Section.NEED: _need,
    Section.APPROACH: _approach,
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
    Approach.COMMUNITY_OWNERSHIP: "Community ownership: people here will own or run something",
}
LEVEL_WORDS: dict[Level, str] = {
    Level.CIVIC: "It changes a place, a rule or a plan for everybody",
    Level.COMMUNITY: "Neighbours and local people lead it",
    Level.SERVICE: "It is a service that a person or a team gives",
}

SECTION_FIELDS: dict[Section, tuple[str, ...]] = {
    Section.WHAT: ("title", "summary", "what"),
    Section.WHERE: ("for_whom", "anywhere", "venue_postcode", "ward_codes"),
    Section.NEED: ("priority_id", "answers_need"),
    Section.APPROACH: ("approaches", "level", "outcomes_hoped"),
    Section.BUDGET: ("lines",),
    Section.PARTNERS: ("partners",),
    Section.CONTACT: ("contact_name", "contact_email", "contact_phone"),
}
"""What belongs to each section, in the order of the form."""

AT_MOST: dict[str, int] = {
    "title": 140,
    "summary": 300,
    "what": 4000,
    "for_whom": 2000,
    "venue_postcode": 8,
    "answers_need": 3000,
    "level": 32,
    "outcomes_hoped": 2000,
    "partners": 2000,
    "contact_name": 120,
    "contact_email": 254,
    "contact_phone": 30,
}
"""How many characters each text may have."""
