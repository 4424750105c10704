"""The worked example is the real rule's outcome, and its purses add up."""

from uuid import UUID

import pytest

from grants.allocation.rules.ballots import Ballots, Bid
from grants.allocation.rules.example import NEIGHBOURS, POT, PROJECTS, TICKS, worked_example
from grants.allocation.rules.fundable import always_fundable
from grants.allocation.rules.plain import in_short, options_in_words
from grants.allocation.rules.registry import RULES
from grants.kernel.errors import RuleBroken
from grants.rounds.rules.sharing import Options

CASES: list[tuple[str, Options]] = [
    ("most_votes", {}),
    ("most_votes", {"stop_at_misfit": True}),
    ("equal_shares", {}),
    ("equal_shares", {"completion": "none"}),
    ("equal_shares", {"completion": "add1", "start": "exact", "exhaustive_stop": False}),
    ("equal_shares", {"utility": "cardinality", "step_minor": 1000}),
    ("phragmen", {}),
    ("phragmen", {"stop_at_misfit": False}),
]


@pytest.mark.parametrize(("rule", "options"), CASES)
def test_the_example_has_the_winners_that_the_rule_gives(rule: str, options: Options) -> None:
    bids = [Bid(UUID(int=at), cost, at + 1) for at, (_, cost) in enumerate(PROJECTS)]
    ballots = Ballots.merged([UUID(int=project) for project in ticks] for ticks in TICKS)
    outcomes = RULES[rule].share(bids, ballots, POT, options, always_fundable)
    expected = [PROJECTS[one.bid_id.int][0] for one in outcomes if one.awarded_minor]
    example = worked_example(rule, options)
    assert list(example.winners) == expected
    assert example.left_minor == POT - sum(one.awarded_minor for one in outcomes)


@pytest.mark.parametrize(("rule", "options"), CASES)
def test_in_the_example_the_purses_pay_each_price_in_full(rule: str, options: Options) -> None:
    example = worked_example(rule, options)
    for sharing in filter(None, (example.first, example.sharing)):
        held = dict.fromkeys(NEIGHBOURS, sharing.purse_minor or 0)
        for turn in sharing.turns:
            if turn.purses:
                assert abs(sum(purse.paid_minor for purse in turn.purses) - turn.cost_minor) < len(turn.purses)
            for purse in turn.purses if sharing.purse_minor else ():
                assert purse.before_minor == held[purse.name]
                held[purse.name] = purse.after_minor
        if sharing.purse_minor:
            assert held == dict(sharing.ends)


def test_by_equal_shares_everybody_in_the_example_gets_something_and_by_most_votes_three_do() -> None:
    example = worked_example("equal_shares", {})
    assert (len(example.happy), len(example.happy_by_votes)) == (5, 3)
    assert example.first is not None


def test_the_rounds_minimum_of_votes_leaves_the_example_as_it_is() -> None:
    assert worked_example("most_votes", {"minimum_votes": 40}) == worked_example("most_votes", {})


def test_options_that_the_rule_does_not_know_are_refused() -> None:
    with pytest.raises(RuleBroken):
        worked_example("most_votes", {"utility": "cost"})
    with pytest.raises(RuleBroken):
        in_short("dictator")


def test_the_options_are_told_in_words() -> None:
    told = " ".join(options_in_words("equal_shares", {"step_minor": 500, "group_limit": 1, "group_cap_minor": 300_000}))
    assert "all purses grow by £5" in told
    assert "Not more than 1 project of one group can win." in told
    assert "One group can get £3,000 in all" in told
    assert "stays in the pot" in " ".join(options_in_words("equal_shares", {"completion": "none"}))
    assert "the sharing ends" in " ".join(options_in_words("phragmen", {}))
    assert "passed over" in " ".join(options_in_words("most_votes", {}))
