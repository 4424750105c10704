"""Proposals in which officers had a hand for a group, and recordings whose words they write down."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload, selectinload

from grants.proposals.models import Proposal, ProposalFile, ProposalHand
from grants.proposals.rules.files import SPOKEN, FileState
from grants.proposals.rules.hands import Hand
from grants.proposals.rules.states import IN_HAND, ProposalState


def typed_by(
    session: Session, person_id: UUID, states: Collection[ProposalState], *, limit: int = 25
) -> list[Proposal]:
    """Proposals in these states that an officer types in, or typed in, for their groups; the latest first."""
    query = (
        select(Proposal)
        .join(Proposal.hands)
        .where(ProposalHand.person_id == person_id, ProposalHand.part == Hand.TYPED, Proposal.state.in_(states))
        .options(joinedload(Proposal.round), joinedload(Proposal.group))
        .order_by(Proposal.started_at.desc(), Proposal.id)
        .limit(limit)
    )
    return list(session.scalars(query))


def to_confirm(session: Session, round_id: UUID) -> list[Proposal]:
    """Typed-in proposals of a round that wait for their group's word, the earliest first; each with who typed it."""
    query = (
        select(Proposal)
        .join(Proposal.hands)
        .where(
            Proposal.round_id == round_id,
            Proposal.state.in_((ProposalState.AWAITING_SIGN_OFF, ProposalState.MORE_INFO_REQUESTED)),
            ProposalHand.part == Hand.TYPED,
            Proposal.writer_id == ProposalHand.person_id,
        )
        .options(joinedload(Proposal.group), joinedload(Proposal.round), selectinload(Proposal.hands))
        .order_by(Proposal.started_at, Proposal.id)
        .limit(100)
    )
    return list(session.scalars(query))


def to_sum_up(session: Session, round_id: UUID) -> list[ProposalFile]:
    """Recordings of a round's proposals that were put in, of which nobody wrote down what they say; each with its
    proposal's id."""
    query = (
        select(ProposalFile)
        .join(Proposal, Proposal.id == ProposalFile.proposal_id)
        .where(
            Proposal.round_id == round_id,
            Proposal.state.in_(IN_HAND),
            ProposalFile.kind.in_(SPOKEN),
            ProposalFile.state == FileState.CLEAN,
            ProposalFile.summary.is_(None),
        )
        .order_by(ProposalFile.added_at, ProposalFile.id)
        .limit(100)
    )
    return list(session.scalars(query))


def hands_of(session: Session, proposal_ids: Collection[UUID]) -> list[tuple[UUID, UUID]]:
    """(proposal, officer) of everybody who had a hand in one of these for its group."""
    if not proposal_ids:
        return []
    query = select(ProposalHand.proposal_id, ProposalHand.person_id).where(ProposalHand.proposal_id.in_(proposal_ids))
    return [(proposal_id, person_id) for proposal_id, person_id in session.execute(query)]


def in_hands_of(person_id: Any) -> Select[tuple[UUID]]:
    """Ids of proposals in which this person had a hand as an officer."""
    return select(ProposalHand.proposal_id).where(ProposalHand.person_id == person_id)
