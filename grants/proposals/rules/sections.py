"""The parts of the form, and what each of them still lacks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from grants.kernel.money import show_pounds
from grants.proposals.rules.facts import Facts
from grants.proposals.rules.partners import PartnerState


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
class Limits:
    """What a round asks of every proposal (pence)."""

    floor_minor: int
    cap_minor: int
    priority_ids: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that a section lacks: the field, and what to do."""

    field: str
    message: str


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


Check = tuple[bool, str, str]
"""Whether something is lacking, the field, and the words that say so."""


def ends_too_early(facts: Facts) -> Check:
    """It ends before it starts: asked of every proposal, a quick ask too."""
    wrong = facts.starts_on is not None and facts.ends_on is not None and facts.ends_on < facts.starts_on
    return wrong, "ends_on", "It ends before it starts. Change one of the two days."


def who_answers(facts: Facts) -> list[Check]:
    """Somebody whom we can reach: asked of every proposal, a quick ask too."""
    return [
        (not facts.contact_name, "contact_name", "Give the name of somebody we can talk to."),
        (
            not facts.contact_email and not facts.contact_phone,
            "contact_email",
            "Give an e-mail address or a telephone number.",
        ),
    ]


def _what(facts: Facts, limits: Limits) -> list[Check]:
    return [
        (not facts.title, "title", "Give it a short name."),
        (not facts.summary, "summary", "Say it in one or two sentences for the ballot."),
        (
            facts.unsaid("what"),
            "what",
            "Tell us what you will do: write it here, or record it and add the recording as a file.",
        ),
        (facts.starts_on is None, "starts_on", "Say when it starts; a guess will do."),
        (facts.ends_on is None, "ends_on", "Say when it ends; a guess will do."),
        ends_too_early(facts),
    ]


def _where(facts: Facts, limits: Limits) -> list[Check]:
    return [
        (facts.unsaid("for_whom"), "for_whom", "Say who it is for."),
        (not facts.communities, "communities", "Tick who it is for, or “Everybody”."),
        (
            not facts.anywhere and not facts.ward_codes,
            "ward_codes",
            "Choose the wards, or say that it is not tied to a place.",
        ),
        (not facts.anywhere and not facts.venue_postcode, "venue_postcode", "Give the postcode of where it happens."),
    ]


def _need(facts: Facts, limits: Limits) -> list[Check]:
    return [
        (facts.priority_id is None, "priority_id", "Choose the priority that it answers."),
        (
            facts.priority_id is not None and facts.priority_id not in limits.priority_ids,
            "priority_id",
            "Choose one of the priorities of this round.",
        ),
        (facts.unsaid("answers_need"), "answers_need", "Say how it answers that priority."),
    ]


def _approach(facts: Facts, limits: Limits) -> list[Check]:
    return [
        (not facts.approaches, "approaches", "Tick what fits, or “None of these”."),
        (facts.level is None, "level", "Choose who leads the work."),
        (facts.unsaid("outcomes_hoped"), "outcomes_hoped", "Say what you hope will be different."),
        (facts.unsaid("outcomes_seen"), "outcomes_seen", "Say how you will see that it is different."),
        (facts.unsaid("second_hoped"), "second_hoped", "Say a second thing that you hope for."),
        (facts.unsaid("second_seen"), "second_seen", "Say how you will see the second one."),
    ]


def _fairness(facts: Facts, limits: Limits) -> list[Check]:
    return [
        (facts.unsaid("equality"), "equality", "Say how everybody it is for can take part."),
        (facts.unsaid("poverty"), "poverty", "Say what it costs people to take part."),
        (facts.at_risk is None, "at_risk", "Choose yes or no."),
        (
            bool(facts.at_risk) and facts.unsaid("safeguarding") and not facts.policy_held,
            "safeguarding",
            "Say how you keep them safe.",
        ),
    ]


def _budget(facts: Facts, limits: Limits) -> list[Check]:
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


def _partners(facts: Facts, limits: Limits) -> list[Check]:
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


def _contact(facts: Facts, limits: Limits) -> list[Check]:
    return [
        *who_answers(facts),
        (facts.help_received is None, "help_received", "Choose who helped you, or “Nobody”."),
    ]


_CHECKS: dict[Section, Callable[[Facts, Limits], list[Check]]] = {
    Section.WHAT: _what,
    Section.WHERE: _where,
    Section.NEED: _need,
    Section.APPROACH: _approach,
    Section.FAIRNESS: _fairness,
    Section.BUDGET: _budget,
    Section.PARTNERS: _partners,
    Section.CONTACT: _contact,
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
