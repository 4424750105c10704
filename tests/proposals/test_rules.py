"""What a section lacks, what a budget adds up to, and where a proposal can go next."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grants.kernel.errors import RuleBroken
from grants.proposals.rules.copies import as_kept, compared, from_kept
from grants.proposals.rules.facts import AT_MOST, Facts, Help, Level, Line, ensure_alone, total_minor
from grants.proposals.rules.hurdles import Answers, Asker, Hurdle, hurdle
from grants.proposals.rules.partners import Partner, PartnerState
from grants.proposals.rules.sections import (
    SECTION_FIELDS,
    Limits,
    Section,
    SectionStatus,
    all_gaps,
    gaps,
    money_gap,
    status_of,
)
from grants.proposals.rules.states import PUBLIC, STEPS, ProposalAction, ProposalState

PRIORITY = UUID(int=7)
LIMITS = Limits(floor_minor=10_000, cap_minor=200_000, priority_ids=frozenset({PRIORITY}))
WHOLE = Facts(
    title="Soup",
    summary="Soup on Fridays.",
    what="We cook.",
    starts_on=date(2026, 9, 1),
    ends_on=date(2027, 3, 1),
    for_whom="Neighbours",
    communities=("older",),
    ward_codes=("E05014882",),
    venue_postcode="TS18 1AA",
    priority_id=PRIORITY,
    answers_need="Fridays are lonely.",
    level=Level.COMMUNITY,
    approaches=("none",),
    outcomes_hoped="Friends.",
    outcomes_seen="We ask.",
    second_hoped="Warmth.",
    second_seen="We count.",
    equality="There is a ramp.",
    poverty="It is free.",
    at_risk=False,
    help_received=Help.NOBODY,
    lines=(Line("Soup", 10_000),),
    contact_name="Rose",
    contact_email="rose@example.org",
)
YES = Partner("The library", "The room", "hall@example.org", 2_500, PartnerState.CONFIRMED)


def test_a_whole_proposal_lacks_nothing() -> None:
    assert all_gaps(WHOLE, LIMITS) == {}


@pytest.mark.parametrize(
    ("section", "field", "changed"),
    [
        (Section.WHAT, "title", {"title": ""}),
        (Section.WHAT, "summary", {"summary": ""}),
        (Section.WHAT, "starts_on", {"starts_on": None}),
        (Section.WHAT, "ends_on", {"ends_on": date(2026, 8, 31)}),
        (Section.WHERE, "communities", {"communities": ()}),
        (Section.WHERE, "ward_codes", {"ward_codes": ()}),
        (Section.WHERE, "venue_postcode", {"venue_postcode": ""}),
        (Section.NEED, "priority_id", {"priority_id": None}),
        (Section.NEED, "priority_id", {"priority_id": UUID(int=8)}),
        (Section.APPROACH, "level", {"level": None}),
        (Section.APPROACH, "approaches", {"approaches": ()}),
        (Section.APPROACH, "second_seen", {"second_seen": ""}),
        (Section.FAIRNESS, "at_risk", {"at_risk": None}),
        (Section.FAIRNESS, "safeguarding", {"at_risk": True}),
        (Section.BUDGET, "lines", {"lines": ()}),
        (Section.BUDGET, "smaller_achieves", {"smaller_minor": 5_000}),
        (Section.BUDGET, "smaller_minor", {"smaller_achieves": "Half of it."}),
        (Section.BUDGET, "smaller_minor", {"smaller_minor": 10_000, "smaller_achieves": "All of it."}),
        (Section.BUDGET, "lines", {"lines": (Line("Soup", 9_999),)}),
        (Section.BUDGET, "lines", {"lines": (Line("Soup", 200_001),)}),
        (Section.BUDGET, "lines", {"lines": (Line("Our time", 50_000, in_kind=True),)}),
        (Section.PARTNERS, "partners", {"needs_host": True}),
        (Section.PARTNERS, "joint", {"joint": (Partner("The library", "The room"),)}),
        (Section.PARTNERS, "joint", {"joint": (replace(YES, share_minor=10_001),)}),
        (Section.CONTACT, "help_received", {"help_received": None}),
        (Section.CONTACT, "contact_email", {"contact_email": ""}),
    ],
)
def test_each_gap_is_named_in_its_section(section: Section, field: str, changed: dict[str, object]) -> None:
    lacking = all_gaps(replace(WHOLE, **changed), LIMITS)  # type: ignore[arg-type]
    assert [(part, [gap.field for gap in found]) for part, found in lacking.items()] == [(section, [field])]


@pytest.mark.parametrize(
    "changed",
    [
        {"anywhere": True, "ward_codes": (), "venue_postcode": ""},
        {"contact_email": "", "contact_phone": "01642 555 0123"},
        {"needs_host": True, "hosted": True},
        {"joint": (YES,)},
        {"at_risk": True, "safeguarding": "Two checked adults."},
        {"smaller_minor": 9_999, "smaller_achieves": "Bread without soup."},
        {"lines": (Line("Soup", 200_000), Line("Our time", 900_000, in_kind=True))},
    ],
    ids=["not tied to a place", "by telephone", "hosted", "joint", "safe", "smaller", "at the cap, with gifts"],
)
def test_other_ways_to_be_whole(changed: dict[str, object]) -> None:
    assert all_gaps(replace(WHOLE, **changed), LIMITS) == {}  # type: ignore[arg-type]


def test_a_section_is_not_started_started_or_done() -> None:
    assert status_of(Section.PARTNERS, WHOLE, LIMITS, {}) is SectionStatus.NOT_STARTED
    assert status_of(Section.PARTNERS, WHOLE, LIMITS, {"partners": 1}) is SectionStatus.DONE
    assert status_of(Section.WHAT, replace(WHOLE, what=""), LIMITS, {"what": 3}) is SectionStatus.STARTED


@given(st.integers(1, 10**7))
def test_an_amount_is_refused_exactly_outside_the_limits(amount: int) -> None:
    assert (money_gap(amount, LIMITS) is None) is (10_000 <= amount <= 200_000)


@given(st.lists(st.builds(Line, st.text(max_size=5), st.integers(1, 10**8), st.booleans())))
def test_only_cash_is_asked_for_and_no_penny_is_lost(lines: list[Line]) -> None:
    gifts = sum(line.amount_minor for line in lines if line.in_kind)
    assert total_minor(lines) + gifts == sum(line.amount_minor for line in lines)


def test_every_field_stands_in_one_section_and_every_text_has_its_bound() -> None:
    names = [name for fields in SECTION_FIELDS.values() for name in fields]
    assert len(names) == len(set(names))
    empty = Facts()
    texts = [name for name in names if name not in ("lines", "level") and isinstance(getattr(empty, name), str)]
    assert set(texts) <= set(AT_MOST)
    assert {gap.field for section in Section for gap in gaps(section, empty, LIMITS)} <= set(names)


def test_nothing_leads_out_of_an_end() -> None:
    ends = {ProposalState.AWARDED, ProposalState.NOT_SUBMITTED, ProposalState.WITHDRAWN}
    assert {state for state, _ in STEPS} == set(ProposalState) - ends


def test_a_draft_is_never_public() -> None:
    assert PUBLIC.isdisjoint({ProposalState.DRAFT, ProposalState.AWAITING_SIGN_OFF, ProposalState.SUBMITTED})
    assert {action for _, action in STEPS} == set(ProposalAction)


CAN = Answers(Asker.CONSTITUTED, in_area=True, for_priority=True, amount_minor=50_000, excluded=False)


@pytest.mark.parametrize(
    ("changed", "constituted", "hosted", "found"),
    [
        ({}, True, True, None),
        ({"asker": Asker.INFORMAL}, True, True, None),
        ({"asker": Asker.INFORMAL}, True, False, Hurdle.NO_HOSTED),
        ({"asker": Asker.PERSON}, True, True, Hurdle.WHO),
        ({"asker": Asker.BUSINESS}, True, True, Hurdle.WHO),
        ({"in_area": False}, True, True, Hurdle.AREA),
        ({"for_priority": False}, True, True, Hurdle.PRIORITY),
        ({"amount_minor": 9_999}, True, True, Hurdle.TOO_LITTLE),
        ({"amount_minor": 10_000}, True, True, None),
        ({"amount_minor": 200_000}, True, True, None),
        ({"amount_minor": 200_001}, True, True, Hurdle.TOO_MUCH),
        ({"excluded": True}, True, True, Hurdle.NOT_FUNDED),
        ({"in_area": False, "excluded": True}, True, True, Hurdle.AREA),
    ],
)
def test_the_questions_before_a_proposal_name_the_first_rule_that_fails(
    changed: dict[str, object], constituted: bool, hosted: bool, found: Hurdle | None
) -> None:
    assert hurdle(replace(CAN, **changed), LIMITS, constituted=constituted, hosted=hosted) is found  # type: ignore[arg-type]


def test_a_kept_copy_says_what_was_put_in_without_who_to_contact() -> None:
    facts = replace(WHOLE, joint=(YES,), insight_ids=(UUID(int=3),), smaller_minor=9_000, smaller_achieves="Bread.")
    body = as_kept(facts)
    assert "rose@example.org" not in str(body)
    assert "hall@example.org" not in str(body)
    again = from_kept(body)
    assert again == replace(facts, contact_name="", contact_email="", contact_phone="", joint=(replace(YES, email=""),))


def test_an_old_copy_that_knows_less_can_still_be_read() -> None:
    assert from_kept({"title": "Soup", "applied_for_minor": 5}) == Facts(title="Soup")


def test_none_of_these_stands_alone() -> None:
    with pytest.raises(RuleBroken, match="alone"):
        ensure_alone(["none", "restorative"], "none", "approaches", "None of these")


@given(st.text(), st.text())
def test_a_comparison_holds_both_texts_whole(before: str, after: str) -> None:
    pieces = compared(before, after)
    assert "".join(text for kind, text in pieces if kind != "new") == before
    assert "".join(text for kind, text in pieces if kind != "gone") == after
