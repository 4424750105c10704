"""Rounds whose votes are counted, with runs and decisions on them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from grants.funds.models import Fund
from grants.kernel.actors import Actor, Role
from grants.people.models import Person
from grants.proposals.models import Proposal
from grants.proposals.rules.states import ProposalState
from grants.rounds.models import Round
from grants.rounds.rules.states import RoundState
from tests.builders.people import a_person, actor_of
from tests.builders.proposals import a_proposal
from tests.builders.review import a_finding, a_panel
from tests.builders.rounds import a_round
from tests.builders.voting import a_ballot, a_count

APPROVALS: Sequence[Collection[int]] = ((1, 2, 3), (1, 2, 3), (1, 2), (1, 3, 4), (1, 2, 4), ())
"""Six ballots for four bids: 5, 4, 3 and 2 votes, and a blank one."""


@dataclass(frozen=True)
class Counted:
    """A round with the panel, its bids by number on the ballot, the panel (the chair first) and a steward."""

    round: Round
    proposals: list[Proposal]
    panel: list[Person]
    steward: Person

    def actor(self, session: Session, person: Person) -> Actor:
        """Somebody of it as the services see them."""
        return actor_of(session, person)


def a_counted_round(
    session: Session,
    amounts: Sequence[int] = (200_000, 150_000, 120_000, 100_000),
    ballots: Sequence[Collection[int]] = APPROVALS,
    *,
    fund: Fund | None = None,
    points: Sequence[int] = (),
    **fields: object,
) -> Counted:
    """Four bids for £5,700 that passed the panel, a pot of £5,000, six ballots: 5, 4, 3 and 2 votes.

    ``points``: what the panel gave each, of 30.
    """
    round = a_round(session, RoundState.PANEL, fund=fund, **fields)
    proposals = [
        a_proposal(session, round, ProposalState.ON_BALLOT, amount_minor=amount, title=f"Bid {number}")
        for number, amount in enumerate(amounts, start=1)
    ]
    a_ballot(session, round, proposals)
    for place, proposal in enumerate(proposals):
        a_finding(session, proposal, **({"points": points[place]} if points else {}))
    a_count(session, round, ballots)
    return Counted(round, proposals, a_panel(session, round), a_person(session, Role.STEWARD))
