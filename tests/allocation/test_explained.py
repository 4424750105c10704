"""What pages tell of a run: every number counted another way, and every "enough" tried by running the rule again."""

import json
import random
import re
from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Any
from uuid import UUID

import pytest

from grants.allocation.rules.ballots import Ballots, Bid
from grants.allocation.rules.explained import tell_facts, work_out
from grants.allocation.rules.facts import RunFacts, Way
from grants.allocation.rules.letter import enough_words
from grants.allocation.rules.replay import Inputs, replay
from grants.allocation.rules.result import Reason
from grants.allocation.rules.states import Verdict, recommended
from grants.funds.rules import Names, Need, Restriction, Source
from grants.kernel.money import show_pounds

OPTIONS: dict[str, list[dict[str, Any]]] = {
    "most_votes": [{}, {"stop_at_misfit": True, "minimum_votes": 3}, {"group_limit": 1}],
    "equal_shares": [
        {},
        {"completion": "none"},
        {"completion": "add1", "start": "exact", "utility": "cardinality"},
        {"exhaustive_stop": False, "group_cap_minor": 60_00, "step_minor": 50},
        {"minimum_votes": 4, "step_minor": 300},
    ],
    "phragmen": [{}, {"stop_at_misfit": False}],
}
CASES = [(rule, at, points) for rule, all_ in OPTIONS.items() for at in range(len(all_)) for points in (False, True)]


@cache
def made(rule: str, at: int, points: bool, seed: int = 1) -> Inputs:
    """Nine bids of five groups, forty people in two camps; some money may only be spent in one ward."""
    chance = random.Random(f"{rule} {at} {points} {seed}")
    bids = tuple(
        Bid(UUID(int=n), chance.randint(5, 60) * 100, n, UUID(int=100 + n % 5), f"Bid {n}") for n in range(1, 10)
    )
    kinds = [
        (
            [
                (bid.id, chance.randint(1, 4))
                for bid in bids
                if chance.random() < (0.6 if (bid.lot % 2 == person % 3 > 0) else 0.15)
            ],
            1,
        )
        for person in range(40)
    ]
    pot = 120_00
    return Inputs(
        round_id=UUID(int=1),
        rule_book_sha256="0" * 64,
        rule=rule,
        options=OPTIONS[rule][at],
        pot_minor=pot,
        bids=bids,
        ballots=Ballots.of_kinds(kinds, points),
        needs=tuple(Need(bid.id, bid.cost_minor, frozenset({"W1" if bid.lot % 3 else "W2"})) for bid in bids),
        sources=(
            Source(UUID(int=1), pot - 30_00, Restriction()),
            Source(UUID(int=2), 30_00, Restriction(ward_codes=frozenset({"W1"}))),
        ),
        names=Names(),
    )


def facts_of(inputs: Inputs) -> RunFacts:
    return tell_facts(inputs, replay(inputs).run.outcomes, at_once=None)


def won(inputs: Inputs) -> list[UUID]:
    return [one.bid_id for one in replay(inputs).run.outcomes if one.awarded_minor]


def at_cost(inputs: Inputs, bid_id: UUID, cost: int) -> Inputs:
    return replace(
        inputs,
        bids=tuple(replace(bid, cost_minor=cost) if bid.id == bid_id else bid for bid in inputs.bids),
        needs=tuple(replace(need, amount_minor=cost) if need.id == bid_id else need for need in inputs.needs),
    )


def with_more(inputs: Inputs, bid_id: UUID, people: int) -> Inputs:
    has_points = inputs.ballots.points is not None
    most = max((max(points, default=1) for points in inputs.ballots.points or ()), default=1)
    kinds = [
        (list(zip(chosen, points or [1] * len(chosen), strict=True)), size)
        for chosen, points, size in inputs.ballots.kinds()
    ]
    return replace(inputs, ballots=Ballots.of_kinds([*kinds, ([(bid_id, most)], people)], has_points))


@pytest.mark.parametrize(("rule", "at", "points"), CASES)
def test_what_would_have_been_enough_wins_and_a_penny_or_a_person_less_does_not(
    rule: str, at: int, points: bool
) -> None:
    inputs, tried = made(rule, at, points), 0
    for bid in facts_of(inputs).bids:
        if bid.bid_id in won(inputs):
            assert (bid.enough_cost_minor, bid.enough_supporters) == (None, None)
            continue
        if bid.enough_cost_minor is not None:
            assert bid.bid_id in won(at_cost(inputs, bid.bid_id, bid.enough_cost_minor))
            assert bid.bid_id not in won(at_cost(inputs, bid.bid_id, bid.enough_cost_minor + 1))
        if bid.enough_supporters is not None:
            assert bid.bid_id in won(with_more(inputs, bid.bid_id, bid.enough_supporters))
            if bid.enough_supporters > 1:
                assert bid.bid_id not in won(with_more(inputs, bid.bid_id, bid.enough_supporters - 1))
        tried += 1
    assert tried


@pytest.mark.parametrize(("rule", "at", "points"), CASES)
def test_the_money_is_told_step_by_step_to_the_last_penny(rule: str, at: int, points: bool) -> None:
    inputs = made(rule, at, points)
    facts, outcomes = facts_of(inputs), replay(inputs).run.outcomes
    assert [step.bid_id for step in facts.steps] == won(inputs)
    left = inputs.pot_minor
    for step in facts.steps:
        left -= step.cost_minor
        assert step.left_minor == left
    assert left == inputs.pot_minor - sum(one.awarded_minor for one in outcomes)
    ways = {"most_votes": {Way.VOTES}, "equal_shares": {Way.SHARES, Way.VOTES}, "phragmen": {Way.PACE}}
    assert {step.way for step in facts.steps} <= ways[rule]


@pytest.mark.parametrize(("rule", "at", "points"), CASES)
def test_who_chose_what_is_counted_as_one_would_by_hand(rule: str, at: int, points: bool) -> None:
    inputs = made(rule, at, points)
    facts, funded = facts_of(inputs), set(won(inputs))
    papers = [(set(chosen), people) for chosen, people in inputs.ballots.approvals]
    assert facts.with_one == sum(people for paper, people in papers if paper & funded)
    assert facts.with_one_by_votes == sum(people for paper, people in papers if paper & set(facts.most_votes))
    for bid in facts.bids:
        mine = [(paper, people) for paper, people in papers if bid.bid_id in paper]
        assert bid.supporters == sum(people for _, people in mine)
        assert bid.with_one == sum(people for paper, people in mine if paper & funded)
        assert dict(bid.also_chose) == {
            other: size for other in funded if (size := sum(people for paper, people in mine if other in paper))
        }


@pytest.mark.parametrize("rule", ["equal_shares", "phragmen"])
def test_supporters_spent_what_they_had(rule: str) -> None:
    inputs = made(rule, 0, False)
    facts = facts_of(inputs)
    for bid in facts.bids:
        assert bid.kept_minor is not None
        total = sum(amount for _, amount in bid.spent) + bid.kept_minor
        pennies = len(bid.spent) + 2  # parts of a penny are dropped in each
        if rule == "equal_shares":
            assert facts.share_minor is not None
            assert -pennies <= total - bid.supporters * facts.share_minor <= pennies + bid.supporters
        else:
            earned = bid.supporters * Fraction(facts.steps[-1].price_minor or 0)
            assert -pennies <= total - earned <= pennies + bid.supporters
    for step in facts.steps:
        mine = facts.of(step.bid_id)
        assert mine is not None
        if step.way is not Way.VOTES:
            paid = dict(mine.spent)[step.bid_id]
            assert step.cost_minor - 1 <= paid <= step.cost_minor


def test_by_most_votes_the_comparison_is_the_result() -> None:
    inputs = made("most_votes", 2, False)
    assert list(facts_of(inputs).most_votes) == won(inputs)


def test_most_votes_beside_another_rule_keeps_the_funders_restrictions_and_the_limits() -> None:
    inputs = made("equal_shares", 3, False)
    by_votes = replace(inputs, rule="most_votes", options={"group_cap_minor": 60_00})
    assert list(facts_of(inputs).most_votes) == won(by_votes)


def test_facts_are_read_back_as_they_were_written() -> None:
    facts = facts_of(made("equal_shares", 0, True))
    assert RunFacts.from_json(facts.to_json()) == facts


def test_what_is_too_much_at_once_is_done_bit_by_bit_to_the_same_end() -> None:
    inputs = made("equal_shares", 0, False)
    outcomes = replay(inputs).run.outcomes
    facts, rounds = tell_facts(inputs, outcomes, at_once=0), 0
    while not all(bid.tried for bid in facts.bids):
        before = sum(bid.tried for bid in facts.bids)
        facts, rounds = work_out(inputs, outcomes, facts, at_once=0), rounds + 1
        assert sum(bid.tried for bid in facts.bids) == before + 1
    assert rounds
    assert facts == facts_of(inputs)


@pytest.mark.parametrize(("rule", "at", "points"), CASES)
def test_the_reserve_list_is_in_order_and_holds_what_more_money_or_votes_could_win(
    rule: str, at: int, points: bool
) -> None:
    outcomes = replay(made(rule, at, points)).run.outcomes
    places = [one.reserve for one in outcomes if one.reserve is not None]
    assert sorted(places) == list(range(1, len(places) + 1))
    for one in outcomes:
        verdict = recommended(one)
        assert (verdict is Verdict.AWARDED) == (one.awarded_minor > 0)
        assert (verdict is Verdict.RESERVE) == (one.reserve is not None)
        if one.reason_code in (Reason.TOO_FEW_VOTES, Reason.GROUP_FULL, Reason.GROUP_CAP):
            assert one.reserve is None
    if rule != "phragmen":
        by_votes = sorted((one for one in outcomes if one.reserve), key=lambda one: one.reserve or 0)
        assert [one.votes for one in by_votes] == sorted((one.votes for one in by_votes), reverse=True)


def test_points_are_what_a_bid_is_worth_and_what_it_is_told_by() -> None:
    a, b = (Bid(UUID(int=n), 50_00, n) for n in (1, 2))
    inputs = replace(
        made("equal_shares", 1, True),
        bids=(a, b),
        needs=tuple(Need(bid.id, bid.cost_minor) for bid in (a, b)),
        ballots=Ballots.of_kinds([([(a.id, 1), (b.id, 5)], 2), ([(a.id, 3)], 1)], with_points=True),
        pot_minor=60_00,
    )
    outcomes = {one.bid_id: one for one in replay(inputs).run.outcomes}
    assert (outcomes[a.id].votes, outcomes[b.id].votes) == (5, 10)
    assert outcomes[a.id].awarded_minor == 50_00  # three people hold £20 each; two cannot pay £50
    votes = replace(inputs, rule="most_votes", options={})
    assert "with 10 points" in next(one.reason for one in replay(votes).run.outcomes if one.bid_id == b.id)


@pytest.mark.parametrize(("rule", "at", "points"), CASES)
def test_where_few_voted_a_reason_names_no_amount_but_totals(rule: str, at: int, points: bool) -> None:
    full = made(rule, at, points)
    few = replace(full, totals_only=True)
    exact, told = replay(full).run, replay(few).run
    assert [replace(one, reason="") for one in told.outcomes] == [replace(one, reason="") for one in exact.outcomes]
    assert (told.outcomes == exact.outcomes) is (rule == "most_votes")
    costs = {bid.id: bid.cost_minor for bid in full.bids}
    for one in told.outcomes if rule != "most_votes" else ():
        if one.reason_code not in (Reason.NOT_FUNDABLE, Reason.GROUP_CAP):  # they tell of the funders, and of groups
            amounts = re.sub(r"controlled £[\d.,]*\d(, £[\d.,]*\d between them)?", "", one.reason)
            public = {show_pounds(amount) for amount in (costs[one.bid_id], one.left_before_minor, full.pot_minor)}
            assert set(re.findall(r"£[\d.,]*\d", amounts)) <= public, one.reason
    kept = json.dumps(few.to_public_json(with_ballots=True))
    assert replay(Inputs.from_json(kept)).checksum == replay(few).checksum
    assert "totals_only" not in full.to_json()  # or what is kept since before would have another checksum


@pytest.mark.parametrize(("rule", "at", "points"), [("equal_shares", 1, False), ("phragmen", 0, False)])
def test_where_few_voted_the_price_that_would_have_been_enough_is_not_told(rule: str, at: int, points: bool) -> None:
    facts = facts_of(made(rule, at, points))
    assert any(bid.enough_cost_minor for bid in facts.bids)
    few = facts.totals_only()
    assert not any(bid.enough_cost_minor or bid.kept_minor is not None or bid.spent for bid in few.bids)
    assert "is not told: few people voted" in enough_words(few.bids[-1])[0]
    assert RunFacts.from_json(few.to_json()) == few
    by_votes = facts_of(made("most_votes", 0, False))
    assert [bid.enough_cost_minor for bid in by_votes.totals_only().bids] == [
        bid.enough_cost_minor for bid in by_votes.bids
    ]
