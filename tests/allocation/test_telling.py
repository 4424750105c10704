"""What is told of a run equals a recount, person by person and in fractions, to the penny."""

import random
from dataclasses import replace
from uuid import UUID

import pytest

from grants.allocation.rules.ballots import Ballots, Bid
from grants.allocation.rules.explained import tell_facts
from grants.allocation.rules.facts import BidFacts
from grants.allocation.rules.replay import Inputs, replay
from grants.funds.rules import Names, Need, Restriction, Source
from tests.support.recount import recount

SEEDS = range(6)


def an_election(seed: int) -> tuple[list[Bid], list[frozenset[int]], int]:
    """Some bids of some hundred pounds each, some people who choose some of them, and money for some of them."""
    dice = random.Random(seed)
    size = dice.randint(3, 8)
    bids = [
        Bid(UUID(int=at + 1), dice.randrange(10_000, 90_000, dice.choice((1, 100, 5_000))), at + 1)
        for at in range(size)
    ]
    box = [frozenset(dice.sample(range(size), dice.randint(0, min(4, size)))) for _ in range(dice.randint(4, 30))]
    return bids, box, dice.randrange(60_000, 250_000)


def inputs_of(bids: list[Bid], box: list[frozenset[int]], pot: int, rule: str) -> Inputs:
    ballots = Ballots.merged([bids[at].id for at in chosen] for chosen in box)
    return Inputs(
        round_id=UUID(int=99),
        rule_book_sha256="0" * 64,
        rule=rule,
        options={},
        pot_minor=pot,
        bids=tuple(bids),
        ballots=ballots,
        needs=tuple(Need(bid.id, bid.cost_minor, frozenset(), frozenset(), None) for bid in bids),
        sources=(Source(UUID(int=98), 10**9, Restriction(), 0),),
        names=Names({}, {}),
    )


def by_id(bid: BidFacts) -> UUID:
    return bid.bid_id


@pytest.mark.parametrize("rule", ["most_votes", "equal_shares", "phragmen"])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_facts_equal_a_recount_person_by_person(seed: int, rule: str) -> None:
    bids, box, pot = an_election(seed)
    inputs = inputs_of(bids, box, pot, rule)
    expected = recount(bids, box, pot, rule)
    told = tell_facts(inputs, replay(inputs).run.outcomes)
    assert replace(told, bids=()) == replace(expected, bids=())
    bought = {step.bid_id for step in expected.steps}
    for mine, theirs in zip(sorted(told.bids, key=by_id), sorted(expected.bids, key=by_id), strict=True):
        if mine.bid_id in bought:  # the recount does not know when the turn of the others came
            assert mine == theirs
        else:
            assert replace(mine, left_before_minor=theirs.left_before_minor) == theirs
