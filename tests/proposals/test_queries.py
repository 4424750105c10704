"""What a proposal asks of the pot."""

from __future__ import annotations

from sqlalchemy.orm import Session

from grants.proposals import queries
from grants.proposals.rules.facts import Line
from tests.builders.proposals import a_proposal
from tests.support.clock import START


def test_what_a_proposal_asks_of_the_pot_says_for_whom_by_whom_and_what_it_buys(session: Session) -> None:
    lines = [Line("A shed", 90_000, lasting=True), Line("Seeds", 10_000), Line("Time", 5_000, in_kind=True)]
    mixed = a_proposal(session, lines=lines, communities=["young", "everybody"])
    need = queries.need(mixed, START.date())
    assert (need.beneficiaries, need.spending) == ({"young"}, {"capital", "revenue"})
    assert (need.group_kind, need.on) == (mixed.group.kind.value, START.date())
    lasting = a_proposal(session, lines=lines[:1] + lines[2:])
    assert queries.need(lasting, START.date()).spending == {"capital"}
