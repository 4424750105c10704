"""Every kind of ballot: what may stand on it, what the voter is told, and that its marks come through to the count."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grants.kernel.errors import RuleBroken
from grants.rounds.rules.ballots import BallotKind, BallotRules
from grants.voting import exports
from grants.voting.rules.ballots import (
    MOST_PAIRS,
    BlankBallot,
    Marks,
    as_kept,
    as_marks,
    ballots_hash,
    check_choices,
    least_of,
    most_of,
    without,
)
from grants.voting.rules.envelope import SEALED_LENGTH, commitment_of, make_key_pair, open_envelope, seal
from grants.voting.rules.wording import bar_words, explain_limits, how_it_counts

ONE = BallotRules(BallotKind.CHOOSE_ONE, 1, 1)
UP_TO = BallotRules(BallotKind.UP_TO_K, 2, 5)
POINTS = BallotRules(BallotKind.POINTS, 1, 10)
RANKED = BallotRules(BallotKind.RANKED, 1, 3, (3, 2, 1))
BORDA = BallotRules(BallotKind.RANKED, 1)
ROUND = UUID(int=7)
PUBLIC, PRIVATE = make_key_pair()


@pytest.mark.parametrize(
    ("picks", "rules", "message", "field"),
    [
        ({1: 1, 2: 1}, ONE, "Choose 1 at most: take 1 away.", "choices"),
        (
            dict.fromkeys(range(1, 8), 1),
            BallotRules(BallotKind.UP_TO_K, 1, 6),
            "Choose 6 at most: take 1 away.",
            "choices",
        ),
        ({1: 1}, UP_TO, "Choose at least 1 more.", "choices"),
        ({1: 8, 2: 5}, POINTS, "You gave 13 points, and you have 10: take 3 back.", "choices"),
        ({1: -1, 2: 5}, POINTS, "Give a whole number of points, from 0 to 10.", "mark_1"),
        ({1: 11}, POINTS, "You gave 11 points here. One project can get 10 at most.", "mark_1"),
        ({1: 6}, replace(POINTS, each=5), "You gave 6 points here. One project can get 5 at most.", "mark_1"),
        ({1: 3}, BallotRules(BallotKind.POINTS, 3, 10), "Choose at least 2 more.", "choices"),
        ({1: 1, 2: 1}, RANKED, "Two projects are your 1st choice. Give each place to one project.", "mark_2"),
        ({1: 1, 2: 3}, RANKED, "You have a 3rd choice, but no 2nd choice. Leave no place out.", "mark_2"),
        ({1: 1, 2: 2, 3: 3, 4: 4}, RANKED, "Choose 3 at most: take 1 away.", "choices"),
        ({1: -1}, RANKED, "Give a place from 1 on.", "mark_1"),
        ([(1, 1), (1, 2)], RANKED, "One project stands twice on this ballot. Give it one place.", "choices"),
        ({99: 1}, RANKED, "Choose only projects that are on this ballot.", "choices"),
    ],
)
def test_a_ballot_that_does_not_hold_is_told_what_to_do(
    picks: Any, rules: BallotRules, message: str, field: str
) -> None:
    with pytest.raises(RuleBroken) as refused:
        check_choices(picks, range(1, 10), rules)
    assert (refused.value.message, refused.value.field) == (message, field)


@pytest.mark.parametrize("rules", [BallotRules(), ONE, UP_TO, POINTS, RANKED, BORDA])
def test_a_blank_ballot_of_every_kind_needs_a_clear_yes(rules: BallotRules) -> None:
    with pytest.raises(BlankBallot):
        check_choices({}, range(1, 10), rules)
    assert check_choices({}, range(1, 10), rules, blank_confirmed=True) == ()


def test_where_no_minimum_is_asked_a_blank_ballot_still_needs_a_clear_yes() -> None:
    free = BallotRules(BallotKind.APPROVAL, 0)
    with pytest.raises(BlankBallot, match="blank ballot"):
        check_choices([], range(1, 10), free)
    assert check_choices([], range(1, 10), free, blank_confirmed=True) == ()


def test_where_no_minimum_is_asked_nobody_is_told_to_choose_more() -> None:
    free = BallotRules(BallotKind.APPROVAL, 0)
    assert explain_limits(free, 9) == "Choose every project you would fund."
    assert bar_words({}, free, 9) == "0 chosen"
    assert check_choices([4], range(1, 10), free) == ((4, 1),)


def test_limits_fall_to_what_stands() -> None:
    assert least_of(BallotRules(BallotKind.RANKED, 3, 5), 2) == 2
    assert most_of(BallotRules(BallotKind.RANKED, 3, 5), 2) == 2
    assert most_of(UP_TO, 5) is None
    assert check_choices({1: 1, 2: 2}, {1, 2}, BallotRules(BallotKind.RANKED, 3, 5)) == ((1, 1), (2, 2))


@pytest.mark.parametrize(
    ("picks", "rules", "words"),
    [
        ({}, ONE, "0 of 1 chosen: choose 1 more"),
        ({4: 1}, ONE, "1 of 1 chosen"),
        ({1: 1, 2: 1}, UP_TO, "2 of 5 chosen"),
        ({1: 1}, UP_TO, "1 of 5 chosen: choose 1 more"),
        (dict.fromkeys(range(1, 8), 1), UP_TO, "7 of 5 chosen: take out 2"),
        ({1: 3}, POINTS, "7 of 10 points left"),
        ({1: 3}, BallotRules(BallotKind.POINTS, 2, 10), "7 of 10 points left: choose 1 more"),
        ({1: 8, 2: 5}, POINTS, "3 points too many: take 3 back"),
        ({4: 1, 2: 2}, RANKED, "2 of 3 places given"),
        ({4: 1}, BallotRules(BallotKind.RANKED, 2, 3), "1 of 3 places given: place 1 more"),
        ({4: 1, 2: 1}, RANKED, "Two are your 1st choice: change one"),
        ({4: 1, 2: 3}, RANKED, "There is no 2nd choice yet"),
    ],
)
def test_the_bar_says_how_far_one_is(picks: Mapping[int, int], rules: BallotRules, words: str) -> None:
    assert bar_words(picks, rules, 9) == words


@pytest.mark.parametrize(
    ("rules", "asked", "counts"),
    [
        (
            ONE,
            "Choose the one project that you most want to be funded.",
            "Your choice counts as one vote, whatever the project costs.",
        ),
        (UP_TO, "Choose from 2 to 5 projects.", "Each of your choices counts the same, whatever it costs."),
        (
            POINTS,
            "You have 10 points to share out. Give more to what you like more.",
            "Each point counts the same, whatever a project costs.",
        ),
        (
            replace(POINTS, each=5, minimum=3),
            "You have 10 points to share out. Give more to what you like more, 5 at most to one project. "
            "Give points to at least 3 projects.",
            "Each point counts the same, whatever a project costs.",
        ),
        (
            RANKED,
            "Put up to 3 projects in order: 1st for the one that you like best, then 2nd, and so on.",
            "Your 1st choice counts 3 points, your 2nd 2 and your 3rd 1.",
        ),
        (
            BORDA,
            "Put up to 9 projects in order: 1st for the one that you like best, then 2nd, and so on.",
            "Your 1st choice counts 9 points, your 2nd 8, and so on: one point less for each place.",
        ),
    ],
)
def test_each_kind_is_explained_in_a_sentence_or_two(rules: BallotRules, asked: str, counts: str) -> None:
    assert (explain_limits(rules, 9), how_it_counts(rules, 9)) == (asked, counts)


def test_what_a_withdrawn_bid_frees_can_be_used() -> None:
    assert bar_words(dict(without([(1, 4), (2, 6)], {2}, POINTS)), POINTS, 8) == "6 of 10 points left"
    assert without([(1, 2), (2, 1), (5, 3)], {2}, RANKED) == ((1, 1), (5, 2))
    assert without([(1, 1), (2, 1)], {2}, UP_TO) == ((1, 1),)


@st.composite
def cast_ballots(draw: st.DrawFn) -> tuple[BallotRules, int, list[Marks]]:
    """Rules of any kind, a ballot of 2 to 40 lines, and some ballots that hold, blank ones too."""
    standing = draw(st.integers(2, 40))
    lines = list(range(1, standing + 1))
    kind = draw(st.sampled_from(BallotKind))
    most = draw(st.integers(1, standing))
    rules = {
        BallotKind.APPROVAL: BallotRules(kind, 1),
        BallotKind.CHOOSE_ONE: BallotRules(kind, 1, 1),
        BallotKind.UP_TO_K: BallotRules(kind, 1, most),
        BallotKind.POINTS: BallotRules(kind, 1, draw(st.integers(standing, 1000))),
        BallotKind.RANKED: BallotRules(kind, 1, most, tuple(range(2 * most, most, -1)) if draw(st.booleans()) else ()),
    }[kind]
    cap = most_of(rules, standing) or standing
    found = []
    for _ in range(draw(st.integers(0, 6))):
        order = draw(st.permutations(lines))[: draw(st.integers(0, cap))]
        if kind is BallotKind.RANKED:
            picks = {number: place for place, number in enumerate(order, start=1)}
        elif kind is BallotKind.POINTS:
            share = (rules.maximum or 0) // max(len(order), 1)
            picks = {number: draw(st.integers(1, share)) for number in order}
        else:
            picks = dict.fromkeys(order, 1)
        found.append(check_choices(picks, lines, rules, blank_confirmed=True))
        assert dict(found[-1]) == picks
    return rules, standing, found


@given(cast_ballots(), st.data())
def test_from_the_envelope_to_the_publication_nothing_changes(
    voted: tuple[BallotRules, int, list[Marks]], data: st.DataObject
) -> None:
    rules, standing, ballots = voted
    opened = []
    for marks in ballots:
        sealed = seal(marks, PUBLIC, ROUND)
        assert len(sealed.envelope) == SEALED_LENGTH
        found = open_envelope(sealed.envelope, PRIVATE, ROUND, sealed.commitment)
        assert found.choices == marks
        assert commitment_of(marks, found.nonce) == sealed.commitment
        opened.append(found.choices)
    kept = json.loads(json.dumps([as_kept(marks, rules) for marks in opened]))
    assert [as_marks(ballot) for ballot in kept] == ballots

    entries: Any = [
        SimpleNamespace(number=n, proposal_id=UUID(int=n), title=f"Bid {n}", cost_minor=100 * n, withdrawn=False)
        for n in range(1, standing + 1)
    ]
    tally = SimpleNamespace(
        round_id=ROUND,
        closed_at=datetime(2026, 3, 9, tzinfo=UTC),
        ballot_count=len(kept),
        ballots_hash=ballots_hash(data.draw(st.permutations(kept))),
    )
    published = json.loads(exports.ballots_json(kept, entries, tally, "f" * 64, rules))
    assert ballots_hash(published["ballots"]) == published["ballots_sha256"]
    assert sorted(map(as_marks, published["ballots"])) == sorted(ballots)
    sheet = list(csv.reader(io.StringIO(exports.ballots_csv(ballots, entries, rules))))[1:]
    read = [{n: int(cell) for n, cell in enumerate(row, start=1) if cell not in ("", "0")} for row in sheet]
    assert sorted(tuple(sorted(one.items())) for one in read) == sorted(ballots)

    on_ballot = set(range(1, standing + 1))
    for marks, again in zip(ballots, (as_marks(ballot) for ballot in kept), strict=True):
        worth = rules.counted(again, on_ballot)
        assert worth == rules.counted(marks, on_ballot)
        assert {number for number, _ in worth} == {number for number, _ in marks}


def test_an_envelope_holds_as_many_pairs_as_a_ballot_may_have() -> None:
    many = BallotRules(BallotKind.POINTS, 1, 1000)
    picks = dict.fromkeys(range(1, MOST_PAIRS + 1), 2)
    marks = check_choices(picks, range(1, 300), many)
    assert open_envelope(seal(marks, PUBLIC, ROUND).envelope, PRIVATE, ROUND).choices == marks
    with pytest.raises(RuleBroken, match="127 projects at most"):
        check_choices(dict.fromkeys(range(1, MOST_PAIRS + 2), 2), range(1, 300), many)
    assert most_of(BORDA, 300) == MOST_PAIRS
