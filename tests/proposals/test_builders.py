"""A proposal can be built in every state, in a round that fits."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from grants.proposals import queries
from grants.proposals.rules import ProposalState, all_gaps
from tests.builders.proposals import a_proposal


@pytest.mark.parametrize("state", list(ProposalState))
def test_a_proposal_stands_whole_in_every_state(any_session: Session, state: ProposalState) -> None:
    built = a_proposal(any_session, state=state)
    found = queries.proposal(any_session, built.id)
    assert (found.state, found.applied_for_minor) == (state, 120_000)
    assert all_gaps(queries.facts(any_session, found), queries.limits(any_session, found.round)) == {}
