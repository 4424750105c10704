"""Proposals of a round and of groups."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from sqlalchemy import Uuid, bindparam, func, select
from sqlalchemy.orm import Session, joinedload

from grants.kernel.asking import Prepared
from grants.proposals.models import Proposal
from grants.proposals.rules.states import ProposalState


def of_round(session: Session, round_id: UUID, states: Collection[ProposalState] | None = None) -> list[Proposal]:
    """A round's proposals in these states (None: in all), by number on the ballot, then by title; at most 2,000.

    Each with its group and its priority.
    """
    query = (
        select(Proposal)
        .where(Proposal.round_id == round_id)
        .options(joinedload(Proposal.group), joinedload(Proposal.priority))
        .order_by(func.coalesce(Proposal.number, 1_000_000), Proposal.title, Proposal.id)
        .limit(2_000)
    )
    if states is not None:
        query = query.where(Proposal.state.in_(states))
    return list(session.scalars(query))


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A bid that did not win, or that its group withdrew, and no more of it than results tell."""

    id: UUID
    title: str
    state: ProposalState
    number: int | None
    kept_off_reason: str | None


def left_out(session: Session, round_id: UUID) -> list[LeftOut]:
    """A round's bids that did not win or were withdrawn, by number on the ballot, then by title; at most 2,000."""
    return [LeftOut(*row) for row in _left_out().told(session, round_id=round_id)]


@cache
def _left_out() -> Prepared:
    return Prepared(
        lambda: (
            select(Proposal.id, Proposal.title, Proposal.state, Proposal.number, Proposal.kept_off_reason)
            .where(
                Proposal.round_id == bindparam("round_id", None, type_=Uuid()),
                Proposal.state.in_((ProposalState.NOT_FUNDED, ProposalState.WITHDRAWN)),
            )
            .order_by(func.coalesce(Proposal.number, 1_000_000), Proposal.title, Proposal.id)
            .limit(2_000)
        )
    )


def eligible(session: Session, round_id: UUID) -> list[Proposal]:
    """Proposals that passed the eligibility check and are not on the ballot so far, by title."""
    return of_round(session, round_id, (ProposalState.ELIGIBLE,))


def counts(session: Session, round_id: UUID) -> dict[ProposalState, int]:
    """How many proposals of a round are in each state; states without any are left out."""
    rows = session.execute(
        select(Proposal.state, func.count()).where(Proposal.round_id == round_id).group_by(Proposal.state)
    )
    return {state: int(size) for state, size in rows}


def unscreened_count(session: Session, round_id: UUID) -> int:
    """How many proposals that were put in still wait for their eligibility check, or for an answer to a question."""
    found = counts(session, round_id)
    return found.get(ProposalState.SUBMITTED, 0) + found.get(ProposalState.MORE_INFO_REQUESTED, 0)


def by_ids(session: Session, ids: Collection[UUID]) -> list[Proposal]:
    """These proposals with group and priority, in the order of ``ids``."""
    if not ids:
        return []
    query = (
        select(Proposal)
        .where(Proposal.id.in_(ids))
        .options(joinedload(Proposal.group), joinedload(Proposal.priority))
        .order_by(Proposal.id)
    )
    found = {one.id: one for one in session.scalars(query)}
    return [found[id] for id in ids if id in found]


def of_groups(
    session: Session,
    group_ids: Collection[UUID],
    states: Collection[ProposalState] | None = None,
    *,
    round_id: UUID | None = None,
    limit: int = 50,
) -> list[Proposal]:
    """These groups' proposals, the latest first, each with its round."""
    if not group_ids:
        return []
    query = (
        select(Proposal)
        .where(Proposal.group_id.in_(group_ids))
        .options(joinedload(Proposal.round), joinedload(Proposal.group))
        .order_by(Proposal.started_at.desc(), Proposal.id)
        .limit(limit)
    )
    if states is not None:
        query = query.where(Proposal.state.in_(states))
    if round_id is not None:
        query = query.where(Proposal.round_id == round_id)
    return list(session.scalars(query))


def reusable(session: Session, group_id: UUID, round_id: UUID) -> list[Proposal]:
    """Earlier proposals of a group from which a new one could take over what it says, the latest first."""
    return [
        one
        for one in of_groups(session, [group_id], limit=10)
        if one.round_id != round_id and one.section_versions and one.title
    ]
