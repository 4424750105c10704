"""Choices, points, agreements, and what a version changed."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grants.kernel.errors import RuleBroken
from grants.priorities.rules import (
    STEPS,
    Agreement,
    PriorityState,
    changes,
    checked_agreement,
    checked_choices,
    checked_words,
    standings,
)

A, B, C, D = (UUID(int=n) for n in range(1, 5))
OFFERED = frozenset({A, B, C})
TODAY = date(2026, 3, 2)


def test_choices_come_in_order() -> None:
    assert checked_choices([B, A, None], OFFERED) == (B, A)
    assert checked_choices([C, None, None], OFFERED) == (C,)


@pytest.mark.parametrize(
    ("choices", "field"),
    [
        ([None, None, None], "first"),
        ([None, A, None], "first"),
        ([A, None, B], "second"),
        ([A, A, None], "second"),
        ([A, B, A], "third"),
        ([A, D, None], "second"),
    ],
)
def test_gaps_repeats_and_strangers_are_refused_at_their_field(choices: list[UUID | None], field: str) -> None:
    with pytest.raises(RuleBroken) as refused:
        checked_choices(choices, OFFERED)
    assert refused.value.field == field


def test_a_first_choice_gives_three_points_a_second_two_a_third_one() -> None:
    made = standings([A, B, C], {(A, 1): 2, (B, 1): 1, (B, 2): 2, (A, 3): 1, (C, 2): 1})
    assert [(one.priority_id, one.points, one.places) for one in made] == [
        (A, 7, (2, 0, 1)),
        (B, 7, (1, 2, 0)),
        (C, 2, (0, 1, 0)),
    ]


def test_what_nobody_chose_stands_last_with_no_points() -> None:
    assert [(one.priority_id, one.points) for one in standings([A, B], {(B, 3): 1})] == [(B, 1), (A, 0)]


AGREED = Agreement(" The food circle ", date(2026, 3, 2), " Forum ")


def test_an_agreement_may_be_of_today_and_of_the_day_on_which_the_asking_ended() -> None:
    assert checked_agreement(AGREED, TODAY, TODAY) == Agreement("The food circle", TODAY, "Forum")


@pytest.mark.parametrize(
    ("agreement", "field"),
    [
        (Agreement(" ", TODAY, "Forum"), "owner_name"),
        (Agreement("The food circle", TODAY, ""), "meeting"),
        (Agreement("The food circle", date(2026, 3, 3), "Forum"), "agreed_on"),
        (Agreement("The food circle", date(2026, 2, 28), "Forum"), "agreed_on"),
    ],
)
def test_an_agreement_without_owner_or_meeting_or_on_an_impossible_day_is_refused(
    agreement: Agreement, field: str
) -> None:
    with pytest.raises(RuleBroken) as refused:
        checked_agreement(agreement, TODAY, date(2026, 3, 1))
    assert refused.value.field == field


@pytest.mark.parametrize(("title", "statement", "field"), [("", "Words", "title"), ("Title", " ", "statement")])
def test_a_priority_says_something(title: str, statement: str, field: str) -> None:
    with pytest.raises(RuleBroken) as refused:
        checked_words(title, statement)
    assert refused.value.field == field


WORDS = st.lists(st.sampled_from(["good", "food", "for", "all", "of", "us"]), max_size=12).map(" ".join)


@given(WORDS, WORDS)
def test_both_texts_can_be_read_back_from_the_changes(before: str, after: str) -> None:
    pieces = changes(before, after)
    assert " ".join(text for kind, text in pieces if kind != "in") == before
    assert " ".join(text for kind, text in pieces if kind != "out") == after


def test_what_has_ended_stays_ended() -> None:
    assert {state for state, _ in STEPS} == set(PriorityState) - {PriorityState.RETIRED}
