"""Bids of which only one can win: in every rule the first whose turn comes shuts the others out, with the reason."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grants.allocation.rules.ballots import Ballots, Bid
from grants.allocation.rules.explained import tell_facts
from grants.allocation.rules.fundable import always_fundable
from grants.allocation.rules.outside import About, outside_checksum, round_pb
from grants.allocation.rules.registry import RULES, rule_named
from grants.allocation.rules.replay import Inputs, replay
from grants.allocation.rules.result import Reason, Run, run_rule
from grants.funds.rules import Names, Need, Restriction, Source
from grants.rounds.rules.ballots import BallotRules

SITE, HALL = UUID(int=501), UUID(int=502)
RULE_NAMES = sorted(RULES)


def bid(number: int, cost: int, *sets: UUID) -> Bid:
    return Bid(UUID(int=number), cost, number, None, f"Bid {number}", sets)


Ballot = list[int]


def run(rule: str, bids: list[Bid], ballots: list[Ballot], pot: int, **options: Any) -> Run:
    choices = Ballots.merged([[UUID(int=number) for number in ballot] for ballot in ballots])
    return run_rule(rule_named(rule), bids, choices, pot, options, always_fundable)


def told(done: Run, number: int) -> Any:
    return next(one for one in done.outcomes if one.bid_id == UUID(int=number))


@st.composite
def elections(draw: st.DrawFn) -> tuple[list[Bid], list[Ballot], int]:
    size = draw(st.integers(2, 6))
    some = st.frozensets(st.sampled_from([SITE, HALL, UUID(int=503)]), max_size=2)
    bids = [bid(n, draw(st.integers(1, 5_000)), *sorted(draw(some))) for n in range(1, size + 1)]
    ballots = draw(st.lists(st.lists(st.integers(1, size), unique=True), max_size=7))
    return bids, ballots, draw(st.integers(0, 12_000))


@pytest.mark.parametrize("rule", RULE_NAMES)
@settings(max_examples=60)
@given(election=elections(), chance=st.randoms())
def test_no_outcome_ever_holds_two_of_one_set_whatever_the_order(
    rule: str, election: tuple[list[Bid], list[Ballot], int], chance: random.Random
) -> None:
    bids, ballots, pot = election
    done = run(rule, bids, ballots, pot)
    won = [one for one in bids if told(done, one.id.int).awarded_minor]
    for name in {name for one in won for name in one.sets}:
        assert sum(name in one.sets for one in won) == 1
    for one in done.outcomes:
        mine = next(each for each in bids if each.id == one.bid_id)
        takers = [each for each in won if each.excludes(mine)]
        if one.reason_code is Reason.CONFLICT:
            assert any(f"“{each.name}” had its turn first" in one.reason for each in takers)
        if takers:
            assert one.reserve is None
    waiting = sorted(one.reserve for one in done.outcomes if one.reserve is not None)
    assert waiting == list(range(1, len(waiting) + 1))
    swapped = [replace(one, sets=tuple(chance.sample(one.sets, len(one.sets)))) for one in bids]
    again = run(rule, chance.sample(swapped, len(bids)), chance.sample(ballots, len(ballots)), pot)
    assert again.outcomes == done.outcomes
    assert again.checksum == done.checksum


@pytest.mark.parametrize("rule", RULE_NAMES)
def test_the_second_of_two_is_skipped_with_the_reason_and_the_next_gets_its_turn(rule: str) -> None:
    bids = [bid(1, 3_000, SITE), bid(2, 3_000, SITE), bid(3, 3_000)]
    ballots = [[1, 2, 3], [1, 2, 3], [1, 2], [1]]
    free = run(rule, [replace(one, sets=()) for one in bids], ballots, 6_000)
    assert [told(free, n).awarded_minor for n in (1, 2, 3)] == [3_000, 3_000, 0]
    done = run(rule, bids, ballots, 6_000)
    assert [told(done, n).awarded_minor for n in (1, 2, 3)] == [3_000, 0, 3_000]
    lost = told(done, 2)
    assert lost.reason_code is Reason.CONFLICT
    assert "nly one of this and “Bid 1” could be funded, and “Bid 1” had its turn first." in lost.reason
    assert lost.reserve is None


def test_which_of_two_wins_is_what_the_votes_say_and_enough_votes_turn_it() -> None:
    bids, ballots = [bid(1, 3_000, SITE), bid(2, 3_000, SITE)], [[1], [1], [2]]
    lost = told(run("most_votes", bids, ballots, 9_000), 2)
    assert lost.reason_code is Reason.CONFLICT
    assert lost.votes_enough == 3
    assert told(run("most_votes", bids, [*ballots, [2], [2]], 9_000), 2).awarded_minor == 3_000


def test_what_excludes_a_is_free_beside_c_when_both_exclude_only_b() -> None:
    bids = [bid(1, 1_000, SITE), bid(2, 1_000, SITE, HALL), bid(3, 1_000, HALL)]
    done = run("most_votes", bids, [[1, 2, 3], [1], [1, 2]], 9_000)
    assert [told(done, n).awarded_minor for n in (1, 2, 3)] == [1_000, 0, 1_000]


def test_a_bid_that_did_not_fit_does_not_wait_when_its_rival_won_later() -> None:
    bids = [bid(1, 5_000), bid(2, 4_000, SITE), bid(3, 1_000, SITE)]
    done = run("most_votes", bids, [[1, 2, 3], [1, 2], [1]], 6_000)
    assert told(done, 2).reason_code is Reason.DOES_NOT_FIT
    assert told(done, 3).awarded_minor == 1_000
    assert told(done, 2).reserve is None


@pytest.mark.parametrize("rule", RULE_NAMES)
def test_bids_that_exclude_nothing_keep_the_checksum_that_they_had_before_there_were_sets(rule: str) -> None:
    done = run(rule, [bid(1, 3_000), bid(2, 3_000)], [[1, 2], [1]], 6_000)
    assert all(
        set(one) == {"id", "cost_minor", "lot", "group_id", "name"} for one in json.loads(done.inputs_json())["bids"]
    )


def inputs(*sets: UUID, pot: int = 6_000, rule: str = "most_votes") -> Inputs:
    bids = (bid(1, 3_000, *sets), bid(2, 3_000, *sets), bid(3, 2_000))
    return Inputs(
        round_id=UUID(int=9),
        rule_book_sha256="0" * 64,
        rule=rule,
        options={},
        pot_minor=pot,
        bids=bids,
        ballots=Ballots.merged([[one.id for one in bids[:size]] for size in (3, 2, 2, 1)]),
        needs=tuple(Need(one.id, one.cost_minor) for one in bids),
        sources=(Source(UUID(int=9), pot, Restriction()),),
        names=Names({}, {}),
    )


@pytest.mark.parametrize("rule", RULE_NAMES)
def test_inputs_hold_the_sets_and_replay_to_the_same_checksum(rule: str) -> None:
    marked = inputs(SITE, rule=rule)
    done = replay(marked)
    text = marked.to_json()
    again = Inputs.from_json(text, marked.ballots)
    assert again == marked
    assert replay(again).checksum == done.checksum
    assert Inputs.from_json(json.dumps(marked.to_public_json(with_ballots=True))) == marked
    facts = json.loads(text)
    for one in facts["bids"]:
        one.pop("sets", None)
    assert replay(Inputs.from_json(json.dumps(facts), marked.ballots)).checksum != done.checksum


@pytest.mark.parametrize("rule", RULE_NAMES)
def test_what_would_have_been_enough_is_tried_with_the_sets(rule: str) -> None:
    marked = inputs(SITE, rule=rule)
    lost = tell_facts(marked, replay(marked).run.outcomes).of(UUID(int=2))
    assert lost is not None
    assert lost.enough_supporters is not None

    def with_more(people: int) -> Inputs:
        kinds = [*marked.ballots.approvals, ((UUID(int=2),), people)]
        ballots = Ballots.of_kinds([([(id, 1) for id in chosen], people) for chosen, people in kinds], False)
        return replace(marked, ballots=ballots)

    def wins(people: int) -> bool:
        return bool(told(replay(with_more(people)).run, 2).awarded_minor)

    assert wins(lost.enough_supporters)
    assert lost.enough_supporters == 1 or not wins(lost.enough_supporters - 1)


def test_no_command_is_promised_where_a_set_had_a_say() -> None:
    about = About({UUID(int=n): n for n in (1, 2, 3)}, BallotRules())
    for sets, promised in (((SITE,), False), ((), True)):
        asked = inputs(*sets)
        won = [one.bid_id for one in replay(asked).run.outcomes if one.awarded_minor]
        assert (outside_checksum(asked, about, won) is not None) is promised
        assert ("grants tally" in round_pb(asked, about, won)) is promised
