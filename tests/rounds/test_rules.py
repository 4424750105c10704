# ruff: noqa: DTZ001  (wall-clock times, as people type them, have no zone)
"""A round's life, its clock, and the promise it freezes."""

import hashlib
import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grants.kernel.canonical import canonical_json
from grants.kernel.errors import RuleBroken
from grants.rounds.rules.ballots import BallotKind, BallotRules, Connection, KeyKeeping, VotingMethod, read_weights
from grants.rounds.rules.book import ADDED, ApplicantKind, RoundDraft, RuleBook
from grants.rounds.rules.dates import RoundDates, check_dates, london_moment, phase_at, show_moment
from grants.rounds.rules.panel import HEALTH_CREATION
from grants.rounds.rules.sharing import EqualSharesOptions, MostVotesOptions, SharingRule
from grants.rounds.rules.states import STEPS, RoundAction, RoundState
from grants.rounds.rules.words import in_words

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
DATES = RoundDates(*(START + timedelta(days=days) for days in (0, 28, 35, 49, 60)))
SECOND = timedelta(seconds=1)
BOOK = RuleBook(
    round_title="Spring round",
    fund_id=UUID(int=1),
    priority_ids=(UUID(int=3), UUID(int=2)),
    dates=DATES,
    floor_minor=20_000,
    cap_minor=500_000,
    pot_minor=2_000_000,
    who_may_apply="Groups of three people or more.",
    applicant_kinds=(ApplicantKind.HOSTED, ApplicantKind.CONSTITUTED),
    vote_min_age=11,
    vote_connections=(Connection.LIVES, Connection.WORKS),
    vote_methods=(VotingMethod.CODE, VotingMethod.EMAIL_POSTCODE),
    lot_seed="seed",
    ballot_public_key="ab" * 32,
    rule_options={"minimum_votes": 5},
)


def test_the_straight_way_leads_from_draft_to_completed() -> None:
    state, seen = RoundState.DRAFT, []
    for action in RoundAction:
        if action is not RoundAction.CANCEL:
            state = STEPS[state, action]
            seen.append(state)
    assert seen == [s for s in RoundState if s not in (RoundState.DRAFT, RoundState.CANCELLED)]


@pytest.mark.parametrize("state", list(RoundState))
def test_a_round_can_be_cancelled_until_it_is_decided_and_has_one_other_way_on(state: RoundState) -> None:
    order = list(RoundState)
    cancellable = order.index(state) < order.index(RoundState.DECIDED)
    assert ((state, RoundAction.CANCEL) in STEPS) is cancellable
    onward = [action for action in RoundAction if (state, action) in STEPS and action is not RoundAction.CANCEL]
    assert len(onward) == (0 if state in (RoundState.COMPLETED, RoundState.CANCELLED) else 1)


@pytest.mark.parametrize(
    ("written", "moment", "phase"),
    [
        (RoundState.DRAFT, DATES.closes_at, RoundState.DRAFT),
        (RoundState.SCHEDULED, DATES.opens_at - SECOND, RoundState.SCHEDULED),
        (RoundState.SCHEDULED, DATES.opens_at, RoundState.OPEN),
        (RoundState.SCHEDULED, DATES.closes_at, RoundState.CLOSED),
        (RoundState.OPEN, DATES.opens_at - SECOND, RoundState.OPEN),
        (RoundState.OPEN, DATES.closes_at - SECOND, RoundState.OPEN),
        (RoundState.OPEN, DATES.closes_at, RoundState.CLOSED),
        (RoundState.CLOSED, DATES.voting_opens_at, RoundState.CLOSED),
        (RoundState.CHECKING, DATES.voting_closes_at, RoundState.CHECKING),
        (RoundState.VOTING, DATES.voting_opens_at - SECOND, RoundState.CHECKING),
        (RoundState.VOTING, DATES.voting_opens_at, RoundState.VOTING),
        (RoundState.VOTING, DATES.voting_closes_at - SECOND, RoundState.VOTING),
        (RoundState.VOTING, DATES.voting_closes_at, RoundState.PANEL),
        (RoundState.PANEL, DATES.decide_by + SECOND, RoundState.PANEL),
        (RoundState.CANCELLED, DATES.opens_at, RoundState.CANCELLED),
    ],
)
def test_the_clock_opens_and_closes_at_the_very_moment(
    written: RoundState, moment: datetime, phase: RoundState
) -> None:
    assert phase_at(written, DATES, moment) is phase


@given(st.sampled_from(RoundState), st.lists(st.integers(-5, 70), min_size=2, max_size=2))
def test_time_never_takes_a_round_back(state: RoundState, days: list[int]) -> None:
    order = list(RoundState)
    earlier, later = (phase_at(state, DATES, START + timedelta(days=day)) for day in sorted(days))
    assert order.index(earlier) <= order.index(later)


def test_summer_time_is_what_the_clock_in_london_shows() -> None:
    assert london_moment(datetime(2026, 1, 10, 12)) == datetime(2026, 1, 10, 12, tzinfo=UTC)
    assert london_moment(datetime(2026, 3, 29, 2, 0)) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert london_moment(datetime(2026, 3, 29, 0, 59)) == datetime(2026, 3, 29, 0, 59, tzinfo=UTC)
    assert london_moment(datetime(2026, 10, 25, 2, 0)) == datetime(2026, 10, 25, 2, 0, tzinfo=UTC)
    assert london_moment(datetime(2026, 10, 25, 0, 59)) == datetime(2026, 10, 24, 23, 59, tzinfo=UTC)


@pytest.mark.parametrize("wall", [datetime(2026, 3, 29, 1, 30), datetime(2026, 10, 25, 1, 0)])
def test_an_hour_that_is_skipped_or_comes_twice_is_refused(wall: datetime) -> None:
    with pytest.raises(RuleBroken, match="clocks change") as refused:
        london_moment(wall, "closes_at")
    assert refused.value.field == "closes_at"


def test_a_round_over_the_change_of_clocks_closes_at_the_hour_that_was_published() -> None:
    closes = london_moment(datetime(2026, 3, 29, 12, 0))
    dates = replace(DATES, closes_at=closes)
    assert phase_at(RoundState.OPEN, dates, datetime(2026, 3, 29, 10, 59, tzinfo=UTC)) is RoundState.OPEN
    assert phase_at(RoundState.OPEN, dates, datetime(2026, 3, 29, 11, 0, tzinfo=UTC)) is RoundState.CLOSED


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (datetime(2026, 7, 1, 11, 0, tzinfo=UTC), "midday on 1 July 2026"),
        (datetime(2026, 7, 1, 23, 0, tzinfo=UTC), "midnight on 2 July 2026"),
        (datetime(2026, 12, 9, 0, 5, tzinfo=UTC), "12:05am on 9 December 2026"),
        (datetime(2026, 12, 9, 17, 0, tzinfo=UTC), "5pm on 9 December 2026"),
    ],
)
def test_moments_are_told_as_people_say_them(moment: datetime, words: str) -> None:
    assert show_moment(moment) == words


@pytest.mark.parametrize(
    ("changes", "field", "neighbour"),
    [
        ({"closes_at": DATES.opens_at}, "closes_at", "they open (9am on 1 March 2026)"),
        (
            {"voting_opens_at": DATES.closes_at - SECOND},
            "voting_opens_at",
            "applications have closed (10am on 29 March",
        ),
        ({"voting_closes_at": DATES.voting_opens_at}, "voting_closes_at", "after it opens (10am on 5 April 2026)"),
        ({"decide_by": DATES.voting_closes_at - SECOND}, "decide_by", "voting has closed (10am on 19 April 2026)"),
    ],
)
def test_dates_out_of_order_are_refused_naming_the_neighbour(
    changes: dict[str, datetime], field: str, neighbour: str
) -> None:
    check_dates(DATES)
    with pytest.raises(RuleBroken) as refused:
        check_dates(replace(DATES, **changes))
    assert refused.value.field == field
    assert neighbour in refused.value.message


@given(st.lists(st.integers(0, 6), min_size=5, max_size=5))
def test_dates_are_accepted_exactly_when_phases_are_real_and_follow_each_other(days: list[int]) -> None:
    dates = RoundDates(*(START + timedelta(days=day) for day in days))
    strict = [True, False, True, False]
    fine = all(a < b if must else a <= b for (a, b), must in zip(pairwise(days), strict, strict=True))
    try:
        check_dates(dates)
    except RuleBroken:
        assert not fine
    else:
        assert fine


def test_dates_without_a_zone_are_refused_and_others_are_kept_in_utc() -> None:
    with pytest.raises(ValueError, match="opens_at needs a zone"):
        replace(DATES, opens_at=datetime(2026, 1, 1))
    assert replace(DATES, opens_at=datetime.fromisoformat("2026-06-01T12:00:00+01:00")).opens_at.hour == 11


def test_a_rule_book_is_read_back_as_it_was_written() -> None:
    text = BOOK.to_canonical_json()
    assert RuleBook.from_json(text) == BOOK
    assert BOOK.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert BOOK.sha256 == "b07731d91042d6f7cc8f3d7bbdca1deaecbb206eed92e1b464dcee42e60a1503"


def test_the_order_of_ticks_is_no_fact_of_the_rule_book() -> None:
    other = replace(BOOK, priority_ids=BOOK.priority_ids[::-1], vote_methods=BOOK.vote_methods[::-1])
    assert other.sha256 == BOOK.sha256


def test_a_rule_book_from_before_officers_could_hold_the_key_keeps_its_text_and_its_hash() -> None:
    facts = json.loads(BOOK.to_canonical_json())
    del facts["key_keeping"]
    text = canonical_json(facts)
    book = RuleBook.from_json(text)
    assert book.key_keeping is None
    assert book.to_canonical_json() == text
    assert book.sha256 == hashlib.sha256(text.encode()).hexdigest() != BOOK.sha256


@pytest.mark.parametrize("name", sorted(set(json.loads(BOOK.to_canonical_json())) - set(ADDED)))
def test_no_part_of_a_rule_book_can_be_left_out_or_changed_unseen(name: str) -> None:
    facts = json.loads(BOOK.to_canonical_json())
    del facts[name]
    with pytest.raises(ValueError, match="not a rule-book"):
        RuleBook.from_json(json.dumps(facts))


@pytest.mark.parametrize(
    "change",
    [
        {"pot_minor": 2_000_001},
        {"ballot_minimum": 2},
        {"ballot_areas": 1},
        {"key_keeping": KeyKeeping.STRONG},
        {"rule_options": {"minimum_votes": 6}},
        {"rule": SharingRule.PHRAGMEN},
        {"ballot_kind": BallotKind.RANKED},
        {"ballot_weights": (3, 2, 1)},
        {"criteria": HEALTH_CREATION[:4]},
        {"dates": replace(DATES, decide_by=DATES.decide_by + SECOND)},
    ],
)
def test_every_change_changes_the_hash(change: dict[str, Any]) -> None:
    assert replace(BOOK, **change).sha256 != BOOK.sha256


def test_text_in_another_form_is_refused() -> None:
    with pytest.raises(ValueError, match="canonical form"):
        RuleBook.from_json(json.dumps(json.loads(BOOK.to_canonical_json()), indent=1))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"round_title": " "}, "title"),
        ({"priority_ids": ()}, "priority_ids"),
        ({"pot_minor": 0}, "pot_minor"),
        ({"floor_minor": 0}, "floor_minor"),
        ({"cap_minor": 19_999}, "cap_minor"),
        ({"cap_minor": 2_000_001}, "cap_minor"),
        ({"applicant_kinds": ()}, "applicant_kinds"),
        ({"vote_min_age": -1}, "vote_min_age"),
        ({"vote_connections": ()}, "vote_connections"),
        ({"vote_methods": ()}, "vote_methods"),
        ({"ballot_kind": "dice"}, "ballot_kind"),
        ({"ballot_minimum": -1}, "ballot_minimum"),
        ({"ballot_areas": 0}, "ballot_areas"),
        ({"ballot_maximum": 2}, "ballot_maximum"),
        ({"ballot_kind": BallotKind.UP_TO_K}, "ballot_maximum"),
        ({"ballot_kind": BallotKind.POINTS}, "ballot_maximum"),
        ({"ballot_kind": BallotKind.POINTS, "ballot_maximum": 2}, "ballot_maximum"),
        ({"ballot_kind": BallotKind.POINTS, "ballot_maximum": 1_001}, "ballot_maximum"),
        ({"ballot_kind": BallotKind.CHOOSE_ONE, "ballot_minimum": 1}, "ballot_maximum"),
        ({"ballot_weights": (3, 2, 1), "ballot_maximum": 3}, "ballot_weights"),
        ({"ballot_each": 3}, "ballot_each"),
        ({"ballot_kind": BallotKind.POINTS, "ballot_maximum": 10, "ballot_each": 0}, "ballot_each"),
        ({"ballot_kind": BallotKind.RANKED, "ballot_weights": (3, 2, 1)}, "ballot_maximum"),
        ({"ballot_kind": BallotKind.RANKED, "ballot_weights": (1, 2, 3), "ballot_maximum": 3}, "ballot_weights"),
        ({"ballot_kind": BallotKind.RANKED, "ballot_weights": (3, 1, 0), "ballot_maximum": 3}, "ballot_weights"),
        ({"rule": "dice"}, "rule"),
        ({"rule_options": {"dice": 1}}, "rule"),
        ({"rule_options": {"minimum_votes": -1}}, "minimum_votes"),
        ({"rule_options": {"stop_at_misfit": "no"}}, "stop_at_misfit"),
        ({"rule_options": {"group_limit": 0}}, "group_limit"),
        ({"rule": SharingRule.EQUAL_SHARES, "rule_options": {"step_minor": 0}}, "step_minor"),
        ({"rule": SharingRule.EQUAL_SHARES, "rule_options": {"completion": "add2"}}, "completion"),
        ({"rule": SharingRule.PHRAGMEN, "rule_options": {"group_cap_minor": 0}}, "group_cap_minor"),
        ({"criteria": ()}, "criteria"),
        ({"criteria": HEALTH_CREATION[:1] * 2}, "criteria"),
        ({"pass_mark": 101}, "pass_mark"),
        ({"quorum": 0}, "quorum"),
        ({"lot_seed": ""}, "lot_seed"),
        ({"ballot_public_key": "AB" * 32}, "ballot_public_key"),
        ({"suppress_below": -1}, "suppress_below"),
        ({"totals_only_below": -1}, "totals_only_below"),
        ({"dates": replace(DATES, decide_by=START)}, "decide_by"),
    ],
)
def test_a_promise_that_cannot_be_kept_is_refused(change: dict[str, Any], field: str) -> None:
    BOOK.check()
    with pytest.raises(RuleBroken) as refused:
        replace(BOOK, **change).check()
    assert refused.value.field == field


def test_the_default_criteria_are_the_five_features_each_step_a_sentence() -> None:
    assert [criterion.name for criterion in HEALTH_CREATION] == [
        "Listening and responding",
        "Truth-telling",
        "Strengths-focus",
        "Self-organising",
        "Power-shifting",
    ]
    for criterion in HEALTH_CREATION:
        assert criterion.question.endswith("?")
        assert len({*criterion.steps}) == 4
        assert all(step[0].isupper() and step.endswith(".") for step in criterion.steps)


RANKED = BallotRules(BallotKind.RANKED, minimum=1)


@pytest.mark.parametrize(
    ("rules", "ballot", "counted"),
    [
        (BallotRules(), [(4, 1), (2, 1)], ((2, 1), (4, 1))),
        (BallotRules(BallotKind.POINTS, 1, 10), [(1, 7), (3, 2), (9, 1)], ((1, 7),)),
        (RANKED, [(4, 1), (1, 2)], ((1, 2), (4, 3))),  # Borda: three stand
        (replace(RANKED, maximum=2), [(4, 1), (1, 2)], ((1, 1), (4, 2))),
        (replace(RANKED, weights=(3, 2, 1), maximum=3), [(3, 1), (4, 2), (2, 3)], ((2, 2), (4, 3))),
        (RANKED, [], ()),
    ],
)
def test_what_counts_of_a_ballot_when_some_bids_fell_away(
    rules: BallotRules, ballot: list[tuple[int, int]], counted: tuple[tuple[int, int], ...]
) -> None:
    assert rules.counted(ballot, {1, 2, 4}) == counted


@pytest.mark.parametrize("text", ["3, two, 1", "3.5", "1234567890123"])
def test_points_for_places_are_whole_numbers(text: str) -> None:
    with pytest.raises(RuleBroken) as refused:
        read_weights(text)
    assert refused.value.field == "ballot_weights"


def words(**changed: Any) -> dict[str, str]:
    book = replace(BOOK, rule_options={}, **changed)
    book.check()
    return dict(in_words(book))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"ballot_kind": BallotKind.CHOOSE_ONE, "ballot_minimum": 1, "ballot_maximum": 1}, "You choose 1 proposal."),
        (
            {"ballot_kind": BallotKind.UP_TO_K, "ballot_minimum": 1, "ballot_maximum": 5},
            "You choose at least 1 proposal, and at most 5.",
        ),
        ({"ballot_kind": BallotKind.POINTS, "ballot_minimum": 1, "ballot_maximum": 10}, "You have 10 points."),
        ({"ballot_minimum": 0}, "You choose as many proposals as you like. Who wants none of them can hand in a blank"),
        ({"ballot_kind": BallotKind.UP_TO_K, "ballot_minimum": 0, "ballot_maximum": 5}, "up to 5 proposals. Who wants"),
        ({"ballot_kind": BallotKind.RANKED, "ballot_minimum": 0}, "You put as many proposals as you like in order"),
        ({"ballot_areas": 1}, "All that you choose is in the same area."),
        ({"ballot_areas": 3}, "All that you choose is in at most 3 areas."),
        ({"ballot_kind": BallotKind.RANKED}, "each place before it one more."),
        (
            {"ballot_kind": BallotKind.RANKED, "ballot_weights": (3, 2, 1), "ballot_maximum": 3},
            "You put 3 proposals in order, the best first. The places are worth 3, 2 and 1 points.",
        ),
    ],
)
def test_the_rule_book_says_what_voters_do(changed: dict[str, Any], told: str) -> None:
    assert told in words(**changed)["How you vote"]


@pytest.mark.parametrize(
    ("rule", "options", "told", "untold"),
    [
        ("most_votes", {}, "The proposal with the most votes is funded first", "equal"),
        ("most_votes", {"stop_at_misfit": True}, "the sharing ends", "passed over"),
        ("most_votes", {"group_limit": 1}, "At most 1 proposal of the same group", "One group can get"),
        ("equal_shares", {}, "£1 at a time, and the sharing is done afresh, until the next time", "passed over"),
        ("equal_shares", {"exhaustive_stop": False}, "would cost more than the pot.", "nothing more would fit"),
        ("equal_shares", {"completion": "none"}, "What is left stays in the pot.", "grows"),
        ("equal_shares", {"completion": "add1"}, "everybody's part then grows", "most votes"),
        ("equal_shares", {"utility": "cardinality"}, "costs each supporter least", "behind each pound"),
        ("equal_shares", {"start": "exact"}, "behind each pound", "rounded down"),
        ("phragmen", {"group_cap_minor": 500_00}, "One group can get at most £500.", "passed over"),
        ("phragmen", {"minimum_votes": 1_200}, "at least 1,200 votes", "most votes"),
    ],
)
def test_the_rule_book_says_how_the_pot_is_shared(rule: str, options: Any, told: str, untold: str) -> None:
    book = replace(BOOK, rule=SharingRule(rule), rule_options=options)
    book.check()
    said = dict(in_words(book))["Who gets the money"]
    assert told in said
    assert untold not in said


def test_a_draft_gives_its_book_the_options_that_its_rule_knows() -> None:
    draft = RoundDraft(
        title="Food",
        summary="",
        fund_id=BOOK.fund_id,
        priority_ids=BOOK.priority_ids,
        dates=DATES,
        pot_minor=BOOK.pot_minor,
        floor_minor=BOOK.floor_minor,
        cap_minor=BOOK.cap_minor,
        who_may_apply="Groups.",
        stop_at_misfit=True,
        group_limit=2,
        completion="none",
    )
    for rule in SharingRule:
        book = replace(draft, rule=rule).preview()
        book.check()
        assert set(book.rule_options) == {part.name for part in fields(book.sharing)}
    assert draft.preview().sharing == MostVotesOptions(stop_at_misfit=True, group_limit=2)
    shares = replace(draft, rule=SharingRule.EQUAL_SHARES).preview().sharing
    assert shares == EqualSharesOptions(completion="none", group_limit=2)
