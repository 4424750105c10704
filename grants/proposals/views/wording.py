"""What a proposal says, as pairs of words."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from grants.kernel.clock import show_day
from grants.kernel.money import show_pounds
from grants.priorities import queries as priorities
from grants.proposals.queries import whole
from grants.proposals.rules.facts import (
    APPROACH_WORDS,
    COMMUNITY_WORDS,
    HELP_WORDS,
    LEVEL_WORDS,
    Approach,
    Community,
    Facts,
    Help,
    Level,
)
from grants.proposals.rules.sections import SECTION_FIELDS, SECTION_TITLES, Section
from grants.web.db import reading
from grants.web.outside import geography


def ward_names(codes: Iterable[str]) -> list[str]:
    """Names of these wards, in order; a code that is none is left out."""
    found = [geography().ward(code) for code in codes]
    return sorted(ward.name for ward in found if ward is not None)


_FIELD_WORDS = {
    "title": "Name",
    "summary": "In short",
    "what": "What you will do",
    "starts_on": "Starts",
    "ends_on": "Ends",
    "for_whom": "Who it is for",
    "communities": "Communities",
    "seldom_heard": "People who are seldom heard",
    "anywhere": "Not tied to a place",
    "venue_postcode": "Postcode",
    "ward_codes": "Wards",
    "priority_id": "Priority",
    "answers_need": "How it answers the priority",
    "insight_ids": "What people said",
    "approaches": "Ways of working",
    "level": "Kind of work",
    "outcomes_hoped": "First thing that you hope for",
    "outcomes_seen": "How you will see it",
    "second_hoped": "Second thing that you hope for",
    "second_seen": "How you will see that",
    "equality": "How everybody can take part",
    "poverty": "What it costs to take part",
    "at_risk": "Children or adults who need protection take part",
    "safeguarding": "How you keep them safe",
    "lines": "Budget",
    "smaller_minor": "A smaller sum",
    "smaller_achieves": "What you would do with it",
    "joint": "Partners",
    "partners": "Who else helps",
    "contact_name": "Contact’s name",
    "contact_email": "E-mail address",
    "contact_phone": "Telephone number",
    "help_received": "Who helped you to write",
}


def section_rows(part: Section, facts: Facts) -> list[tuple[str, str]]:
    """A section as pairs of words, for the check page, for copies and for comparing."""
    return [(_FIELD_WORDS[name], _as_words(name, getattr(facts, name))) for name in SECTION_FIELDS[part]]


def _as_words(name: str, value: Any) -> str:
    if name == "ward_codes":
        return ", ".join(ward_names(value))
    if name == "priority_id" and value is not None:
        return priorities.titles(reading(), [value]).get(value, "")
    if name == "insight_ids":
        return "\n\n".join(one.text for one in whole.insights_of(reading(), value))
    if name == "approaches":
        return "\n".join(APPROACH_WORDS[Approach(one)] for one in value)
    if name == "communities":
        return "\n".join(COMMUNITY_WORDS[Community(one)] for one in value)
    if name == "lines":
        return "\n".join(
            f"{one.what}: {show_pounds(one.amount_minor)}{' (given for free)' if one.in_kind else ''}" for one in value
        )
    if name == "joint":
        return "\n".join(
            f"{one.name}: {one.role}" + (f" ({show_pounds(one.share_minor)} of the money)" if one.share_minor else "")
            for one in value
        )
    return _one_word(value)


def _one_word(value: Any) -> str:
    if isinstance(value, Level):
        return LEVEL_WORDS[value]
    if isinstance(value, Help):
        return HELP_WORDS[value]
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, date):
        return show_day(value)
    if isinstance(value, int):
        return show_pounds(value)
    return str(value or "")


CONTACT_OF_IT = {"Contact’s name", "E-mail address", "Telephone number"}


def answers_of(facts: Facts) -> list[tuple[Section, str, list[tuple[str, str]]]]:
    """All sections in words, without who to contact: copies do not keep that."""
    return [
        (part, SECTION_TITLES[part], [row for row in section_rows(part, facts) if row[0] not in CONTACT_OF_IT])
        for part in Section
    ]
