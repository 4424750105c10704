"""Proposals that wait for somebody, or whose time has run out."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from grants.kernel.actors import Role
from grants.kernel.asking import Who
from grants.people.models import Group, Hosting, Membership
from grants.people.rules import HostingState
from grants.proposals.models import Proposal, ProposalHand
from grants.proposals.rules.hands import Hand
from grants.proposals.rules.states import OPEN_STATES, ProposalState
from grants.rounds import queries as rounds
from grants.rounds.models import Round
from grants.rounds.rules.states import RoundKind, RoundState


def to_screen(who: Who) -> Select[Any] | None:
    """For stewards: rounds that have closed for proposals, and how many proposals wait there.

    Id, title, when voting opens, how many.
    """
    if not who.holds(Role.STEWARD):
        return None
    waiting = (
        select(Proposal.round_id, func.count().label("size"))
        .where(Proposal.state == ProposalState.SUBMITTED)
        .group_by(Proposal.round_id)
        .subquery()
    )
    return (
        select(Round.id, Round.title, Round.voting_opens_at, waiting.c.size)
        .join(waiting, waiting.c.round_id == Round.id)
        .where(
            Round.closes_at <= who.now,
            Round.state != RoundState.CANCELLED,
            Round.kind == RoundKind.STANDARD,
            who.within(Round.fund_id, Role.STEWARD),
        )
        .order_by(Round.closes_at, Round.id)
        .limit(25)
    )


def _unfinished(*where: ColumnElement[bool]) -> Select[Any]:
    """Id, title, state, group, its name, writer, why it came back, the round's kind, when it closes."""
    return (
        select(
            Proposal.id,
            Proposal.title,
            Proposal.state,
            Proposal.group_id,
            Group.name,
            Proposal.writer_id,
            Proposal.sent_back_reason,
            Round.kind,
            Round.closes_at,
        )
        .join(Round, Round.id == Proposal.round_id)
        .join(Group, Group.id == Proposal.group_id)
        .where(*where)
        .order_by(Proposal.started_at.desc(), Proposal.id)
        .limit(25)
    )


def unfinished(who: Who) -> Select[Any] | None:
    """Proposals of somebody's groups that are being written or signed off, in rounds that are open, latest first."""
    mine = [*who.edits, *who.signs]
    if not mine:
        return None
    return _unfinished(Proposal.group_id.in_(mine), Proposal.state.in_(OPEN_STATES), rounds.takes_proposals(who.now))


def typed_in(who: Who) -> Select[Any] | None:
    """The same of what an officer types in, or typed in, for groups."""
    if not who.holds(Role.STEWARD, Role.CONNECTOR):
        return None
    typed = select(ProposalHand.proposal_id).where(ProposalHand.person_id == who.me, ProposalHand.part == Hand.TYPED)
    return _unfinished(Proposal.id.in_(typed), Proposal.state.in_(OPEN_STATES), rounds.takes_proposals(who.now))


def hosted_waiting(who: Who) -> Select[Any] | None:
    """Proposals of groups of one that wait for sign-off by a host for which somebody signs, and not a group of theirs;
    the latest first."""
    hosts = who.signs
    if not hosts:
        return None
    size = (
        select(func.count())
        .where(Membership.group_id == Proposal.group_id, Membership.ended_at.is_(None))
        .correlate(Proposal)
        .scalar_subquery()
    )
    held = select(Hosting.id).where(Hosting.host_id.in_(hosts), Hosting.state == HostingState.CONFIRMED)
    return _unfinished(
        Proposal.state == ProposalState.AWAITING_SIGN_OFF,
        Proposal.hosting_id.in_(held),
        Proposal.group_id.not_in(who.groups),
        size == 1,
        rounds.takes_proposals(who.now),
    )


def to_tell_more(who: Who) -> Select[Any] | None:
    """Proposals of somebody's groups about which a question was asked. Id, title, group's name, until when."""
    mine = [*who.edits, *who.signs]
    if not mine:
        return None
    return (
        select(Proposal.id, Proposal.title, Group.name, Proposal.asked_until)
        .join(Group, Group.id == Proposal.group_id)
        .where(
            Proposal.group_id.in_(mine),
            Proposal.state == ProposalState.MORE_INFO_REQUESTED,
            Proposal.asked_until > who.now,
        )
        .order_by(Proposal.asked_until, Proposal.id)
        .limit(25)
    )


def past_deadline(session: Session, now: datetime, *, limit: int = 500) -> list[UUID]:
    """Ids of unfinished proposals whose round has closed for proposals."""
    query = (
        select(Proposal.id)
        .join(Proposal.round)
        .where(
            Proposal.state.in_(OPEN_STATES),
            Round.closes_at <= now,
            Round.state.not_in((RoundState.DRAFT, RoundState.CANCELLED)),
        )
        .order_by(Proposal.id)
        .limit(limit)
    )
    return list(session.scalars(query))


def unanswered(session: Session, now: datetime, *, limit: int = 500) -> list[UUID]:
    """Ids of proposals about which something was asked and not answered in time."""
    query = select(Proposal.id).where(Proposal.state == ProposalState.MORE_INFO_REQUESTED, Proposal.asked_until <= now)
    return list(session.scalars(query.order_by(Proposal.id).limit(limit)))
