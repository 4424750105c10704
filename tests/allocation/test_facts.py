"""What is told of a run survives being kept as text."""

from uuid import UUID

import pytest

from grants.allocation.rules.facts import BidFacts, RunFacts, Step, Way

A, B = UUID(int=1), UUID(int=2)
FACTS = RunFacts(
    voters=9,
    steps=(Step(A, Way.SHARES, 500, 400, 125, 3, 1), Step(B, Way.VOTES, 400, 0)),
    most_votes=(B, A),
    with_one=8,
    with_one_by_votes=7,
    bids=(BidFacts(A, 4, 4, 900, ((A, 4), (B, 1)), ((A, 500),), 12), BidFacts(B, 3, 3, 400, ((A, 1),), (), None, 1, 2)),
    share_minor=130,
    runs=31,
)


def test_the_facts_of_a_run_come_back_as_they_were_kept() -> None:
    assert RunFacts.from_json(FACTS.to_json()) == FACTS


def test_facts_of_another_version_are_refused() -> None:
    with pytest.raises(ValueError, match="not the facts"):
        RunFacts.from_json(FACTS.to_json().replace('"version":1', '"version":9'))


def test_what_is_told_of_a_bid_is_found_by_its_id() -> None:
    assert FACTS.of(B) == FACTS.bids[1]
    assert FACTS.of(UUID(int=3)) is None


def test_totals_alone_tell_no_choices_of_anybody() -> None:
    few = FACTS.totals_only()
    assert few.most_votes == FACTS.most_votes
    assert [step.left_minor for step in few.steps] == [400, 0]
    assert (few.with_one, few.with_one_by_votes) == (None, None)
    assert not any(step.price_minor or step.paying or step.emptied for step in few.steps)
    assert not any(bid.with_one or bid.also_chose or bid.spent or bid.kept_minor for bid in few.bids)
