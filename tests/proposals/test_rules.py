"""What a section lacks, what a budget adds up to, and where a proposal can go next."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grants.proposals.rules import (
    AT_MOST,
    PUBLIC,
    SECTION_FIELDS,
    STEPS,
    Facts,
    Level,
    Limits,
    Line,
    ProposalAction,
    ProposalState,
    Section,
    SectionStatus,
    all_gaps,
    gaps,
    money_gap,
    status_of,
    total_minor,
)

PRIORITY = UUID(int=7)
LIMITS = Limits(floor_minor=10_000, cap_minor=200_000, priority_ids=frozenset({PRIORITY}))
WHOLE = Facts(
    title="Soup",
    summary="Soup on Fridays.",
    what="We cook.",
    for_whom="Neighbours",
    ward_codes=("E05014882",),
    venue_postcode="TS18 1AA",
    priority_id=PRIORITY,
    answers_need="Fridays are lonely.",
    level=Level.COMMUNITY,
    outcomes_hoped="Friends.",
    lines=(Line("Soup", 10_000),),
    contact_name="Rose",
    contact_email="rose@example.org",
)


def test_a_whole_proposal_lacks_nothing() -> None:
    assert all_gaps(WHOLE, LIMITS) == {}


@pytest.mark.parametrize(
    ("section", "field", "changed"),
    [
        (Section.WHAT, "title", {"title": ""}),
        (Section.WHAT, "summary", {"summary": ""}),
        (Section.WHERE, "ward_codes", {"ward_codes": ()}),
        (Section.WHERE, "venue_postcode", {"venue_postcode": ""}),
        (Section.NEED, "priority_id", {"priority_id": None}),
        (Section.NEED, "priority_id", {"priority_id": UUID(int=8)}),
        (Section.APPROACH, "level", {"level": None}),
        (Section.BUDGET, "lines", {"lines": ()}),
        (Section.BUDGET, "lines", {"lines": (Line("Soup", 9_999),)}),
        (Section.BUDGET, "lines", {"lines": (Line("Soup", 200_001),)}),
        (Section.BUDGET, "lines", {"lines": (Line("Our time", 50_000, in_kind=True),)}),
        (Section.PARTNERS, "partners", {"needs_host": True}),
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
        {"lines": (Line("Soup", 200_000), Line("Our time", 900_000, in_kind=True))},
    ],
    ids=["not tied to a place", "by telephone", "hosted", "at the cap, with gifts"],
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
