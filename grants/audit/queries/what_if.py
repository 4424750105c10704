"""The bids that could still be paid for."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from grants.funds.rules import Need
from grants.proposals.models import Proposal
from grants.proposals.queries import whole
from grants.proposals.rules.states import ProposalState
from grants.rounds.models import Round


@dataclass(frozen=True, slots=True)
class OpenBid:
    """A bid that waits for money: what it asks of the pot, in which round."""

    id: UUID
    title: str
    group_name: str
    round_title: str
    need: Need


_WAITS = (ProposalState.SUBMITTED, ProposalState.ELIGIBLE, ProposalState.ON_BALLOT, ProposalState.RESERVE)


def open_bids(session: Session, fund_id: UUID, on: date) -> list[OpenBid]:
    """The bids of a fund's rounds that could still be paid for, the newest round first; at most 200."""
    rows = session.scalars(
        select(Proposal)
        .join(Round, Round.id == Proposal.round_id)
        .where(Round.fund_id == fund_id, Proposal.state.in_(_WAITS), Proposal.priority_id.is_not(None))
        .options(joinedload(Proposal.group), joinedload(Proposal.round), selectinload(Proposal.lines))
        .order_by(Round.opens_at.desc(), Proposal.number, Proposal.title, Proposal.id)
        .limit(200)
    )
    return [
        OpenBid(
            one.id,
            one.title or "A proposal without a title",
            one.group.name,
            one.round.title,
            whole.need(one, on),
        )
        for one in rows
    ]
