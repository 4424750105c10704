"""Sharing bids out evenly, and what scores add up to."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grants.kernel.errors import RuleBroken, StepRefused
from grants.kernel.states import next_state
from grants.review.rules import (
    STEPS,
    Mark,
    ReviewAction,
    ReviewState,
    check_marks,
    find,
    missing,
    note,
    one_decimal,
    share_out,
)
from grants.rounds.rules.panel import HEALTH_CREATION

IDS = [criterion.id for criterion in HEALTH_CREATION]


@pytest.mark.parametrize("state", list(ReviewState))
@pytest.mark.parametrize("action", list(ReviewAction))
def test_only_the_table_s_steps_can_be_taken(state: ReviewState, action: ReviewAction) -> None:
    if (state, action) in STEPS:
        assert next_state(STEPS, state, action) is STEPS[state, action]
    else:
        with pytest.raises(StepRefused):
            next_state(STEPS, state, action)


def test_nothing_leads_out_of_recused_and_out_of_locked_only_an_interest() -> None:
    assert [step for step in STEPS if step[0] in (ReviewState.LOCKED, ReviewState.RECUSED)] == [
        (ReviewState.LOCKED, ReviewAction.TAKE_OUT)
    ]


# ------------------------------------------------------------------------------------------------------------ findings


def test_a_finding_equals_the_hand_calculation() -> None:
    # 3+2+1+3+2 = 11 and 2+2+–+3+1 = 8: 19 of 9×3 = 27 points, 70.37 %.
    one = dict(zip(IDS, [3, 2, 1, 3, 2], strict=True))
    two = dict(zip(IDS, [2, 2, None, 3, 1], strict=True))
    found = find(HEALTH_CREATION, [one, two], 70, 2)
    assert (found.points, found.points_most, found.passed) == (19, 27, True)
    assert find(HEALTH_CREATION, [one, two], 71, 2).passed is False
    by = found.by_criterion
    assert [by[id].average for id in IDS] == ["2.5", "2.0", "1.0", "3.0", "1.5"]
    assert [by[id].counted for id in IDS] == [2, 2, 1, 2, 2]
    assert [by[id].spread for id in IDS] == [1, 0, 0, 0, 1]


def test_given_weights_the_shown_total_equals_a_hand_calculation() -> None:
    weighed = [replace(one, weight=weight) for one, weight in zip(HEALTH_CREATION, (3, 1, 1, 2, 1), strict=True)]
    one = dict(zip(IDS, [3, 2, 1, 3, 2], strict=True))
    two = dict(zip(IDS, [2, 2, None, 3, 1], strict=True))
    # 9+2+1+6+2 = 20 of 24 and 6+2+–+6+1 = 15 of 21: 35 of 45 points, 77 %.
    found = find(weighed, [one, two], 77, 2)
    assert (found.points, found.points_most, found.passed) == (35, 45, True)
    assert "35 of 45 points (77%)" in note(found, 77)
    assert find(weighed, [one, two], 78, 2).passed is False


def test_the_pass_mark_itself_passes() -> None:
    scores = dict.fromkeys(IDS, 0) | {IDS[0]: 3, IDS[1]: 3}  # 6 of 15 points is 40 %
    assert find(HEALTH_CREATION, [scores], 40, 1).passed
    assert not find(HEALTH_CREATION, [scores], 41, 1).passed


def test_not_enough_information_is_missing_not_nought() -> None:
    scores: dict[str, int | None] = dict.fromkeys(IDS, None) | {IDS[0]: 2}
    found = find(HEALTH_CREATION, [scores], 60, 1)
    assert (found.points, found.points_most, found.passed) == (2, 3, True)
    assert found.by_criterion[IDS[1]].average is None


def test_less_than_a_quorum_fails_nobody() -> None:
    found = find(HEALTH_CREATION, [dict.fromkeys(IDS, 0)], 50, 2)
    assert found.passed
    assert not found.judged
    assert "could not judge" in note(found, 50, "Two panellists were ill.")
    assert note(found, 50, "Two panellists were ill.").endswith("Two panellists were ill.")


def test_a_panel_that_could_score_nothing_fails_nobody() -> None:
    found = find(HEALTH_CREATION, [dict.fromkeys(IDS, None)] * 2, 50, 2)
    assert (found.passed, found.judged, found.points_most) == (True, False, 0)


def test_the_note_says_points_share_and_mark() -> None:
    good = find(HEALTH_CREATION, [dict.fromkeys(IDS, 2)] * 2, 50, 2)
    bad = find(HEALTH_CREATION, [dict.fromkeys(IDS, 1)] * 2, 50, 2)
    assert note(good, 50) == "The panel passed this bid: 2 panellists gave it 20 of 30 points (66%). It needed 50%."
    assert note(bad, 50) == (
        "The panel did not pass this bid: 2 panellists gave it 10 of 30 points (33%). "
        "It needed 50%, so it is not on the ballot."
    )


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30))
def test_one_decimal_is_the_mean_rounded(values: list[int]) -> None:
    shown = one_decimal(sum(values), len(values))
    assert shown is not None
    assert abs(float(shown) - sum(values) / len(values)) <= 0.05 + 1e-9


# -------------------------------------------------------------------------------------------------------------- marks


def test_every_criterion_needs_an_answer_and_a_reason() -> None:
    marks = [
        Mark(IDS[0], 2, "They asked first."),
        Mark(IDS[1], None, "It says nothing."),
        Mark(IDS[2], 1, "  "),
        Mark(IDS[3], None, "Later", answered=False),
    ]
    assert [field for field, _ in missing(marks, HEALTH_CREATION)] == [
        "reason_strengths",
        "value_organising",
        "value_power",
        "reason_power",
    ]


@pytest.mark.parametrize(
    "marks",
    [
        [Mark("listening", 4, "x")],
        [Mark("listening", -1, "x")],
        [Mark("listening", 2, "x", answered=False)],
        [Mark("charm", 2, "x")],
        [Mark("truth", 2, "x"), Mark("truth", 3, "x")],
        [Mark("truth", 2, "x" * 1001)],
    ],
)
def test_marks_that_the_rule_book_does_not_know_are_refused(marks: list[Mark]) -> None:
    with pytest.raises(RuleBroken):
        check_marks(marks, HEALTH_CREATION)


# ---------------------------------------------------------------------------------------------------------- sharing out


def loads(pairs: list[tuple[UUID, UUID]], people: list[UUID]) -> list[int]:
    return [sum(1 for _, person in pairs if person == one) for one in people]


@given(bids=st.integers(1, 12), people=st.integers(1, 7), per_bid=st.integers(1, 4))
def test_without_interests_nobody_has_more_than_one_bid_more(bids: int, people: int, per_bid: int) -> None:
    panel = [UUID(int=100 + n) for n in range(people)]
    pairs, short = share_out([UUID(int=n) for n in range(bids)], panel, per_bid)
    assert max(loads(pairs, panel)) - min(loads(pairs, panel)) <= 1
    assert len(set(pairs)) == len(pairs) == bids * min(per_bid, people)
    assert bool(short) is (per_bid > people)


@settings(max_examples=60)
@given(data=st.data())
def test_interests_stay_empty_and_no_move_would_be_fairer(data: st.DataObject) -> None:
    bids = [UUID(int=n) for n in range(data.draw(st.integers(1, 7)))]
    panel = [UUID(int=100 + n) for n in range(data.draw(st.integers(2, 5)))]
    every = [(bid, person) for bid in bids for person in panel]
    barred = data.draw(st.sets(st.sampled_from(every), max_size=len(every) // 2))
    pairs, short = share_out(bids, panel, 2, barred)
    assert not set(pairs) & barred
    for bid in bids:
        free = sum((bid, person) not in barred for person in panel)
        assert sum(1 for other, _ in pairs if other == bid) == min(2, free)
        assert short.get(bid, 0) == max(2 - free, 0)
    load = dict(zip(panel, loads(pairs, panel), strict=True))
    better = [
        (bid, giver, taker)
        for bid, giver in pairs
        for taker in panel
        if (bid, taker) not in barred and (bid, taker) not in pairs and load[taker] <= load[giver] - 2
    ]
    assert better == []


def test_a_chain_of_moves_is_found() -> None:
    # Ann can read everything, Bo only the first, Cy the first and the second: one each is possible.
    one, two, three = (UUID(int=n) for n in (1, 2, 3))
    ann, bo, cy = (UUID(int=n) for n in (11, 12, 13))
    barred = {(two, bo), (three, bo), (three, cy)}
    pairs, _ = share_out([one, two, three], [ann, bo, cy], 1, barred)
    assert set(pairs) == {(one, bo), (two, cy), (three, ann)}


def test_what_was_given_before_stands_and_counts() -> None:
    one, two = UUID(int=1), UUID(int=2)
    ann, bo = UUID(int=11), UUID(int=12)
    pairs, _ = share_out([one, two], [ann, bo], 1, given={(one, ann)})
    assert pairs == [(two, bo)]


def test_the_same_input_gives_the_same_pairs() -> None:
    bids, panel = [uuid4() for _ in range(6)], [uuid4() for _ in range(4)]
    assert share_out(bids, panel, 2) == share_out(bids[::-1], panel[::-1], 2)
