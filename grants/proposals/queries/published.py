"""What everybody may read of proposals, and when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from uuid import UUID

from sqlalchemy import Select, String, Uuid, bindparam, cast, or_, select
from sqlalchemy.orm import Session, joinedload

from grants.kernel.asking import Prepared
from grants.people.models import Group
from grants.proposals.models import Proposal
from grants.proposals.rules.states import PUBLIC, ProposalState
from grants.rounds import queries as rounds
from grants.rounds.models import Round
from grants.rounds.rules.states import RoundKind, RoundState

PER_PAGE = 25


SHOWN = frozenset({RoundState.VOTING, RoundState.PANEL, RoundState.DECIDED, RoundState.ANNOUNCED, RoundState.COMPLETED})
"""Phases of a round in which everybody may read its proposals."""


def is_public(proposal: Proposal, now: datetime) -> bool:
    """Whether everybody may read it: put in, eligible, and its round's proposals are open to all.

    One that was withdrawn stays listed only when it had come as far as the ballot. Of a quick round's asks, those that
    were granted.
    """
    if rounds.is_quick(proposal.round):
        return proposal.state is ProposalState.AWARDED
    if proposal.state is ProposalState.WITHDRAWN and proposal.number is None:
        return False
    return proposal.state in PUBLIC and open_to_all(proposal.round, now)


def open_to_all(round: Round, now: datetime) -> bool:
    """Whether a round's proposals may be read by everybody: from the moment at which its vote opens.

    Not before: panellists say whether they have an interest before they see a proposal's text, and what they found
    is told when the vote opens (docs/decisions/0014). Asks of a quick round are told one by one, elsewhere.
    """
    return not rounds.is_quick(round) and rounds.phase(round, now) in SHOWN


def public_ids(session: Session, round_id: UUID) -> list[UUID]:
    """Ids of a round's public proposals, by id; at most 2,000. Ask only once they are ``open_to_all``."""
    return list(session.scalars(_public(round_id)))


def _public(round_id: object) -> Select[tuple[UUID]]:
    return (
        select(Proposal.id)
        .where(
            Proposal.round_id == round_id,
            Proposal.state.in_(PUBLIC),
            (Proposal.state != ProposalState.WITHDRAWN) | Proposal.number.is_not(None),
        )
        .order_by(Proposal.id)
        .limit(2_000)
    )


def listed_ids(session: Session, round_id: UUID) -> list[str]:
    """The same ids as text, for a list that shows few of them at a time."""
    return [id for (id,) in _listed_ids().told(session, round_id=round_id)]


@cache
def _listed_ids() -> Prepared:
    return Prepared(
        lambda: _public(bindparam("round_id", None, type_=Uuid())).with_only_columns(cast(Proposal.id, String))
    )


@dataclass(frozen=True, slots=True)
class Card:
    """No more of a proposal than a list shows."""

    id: UUID
    state: ProposalState
    title: str
    summary: str | None
    applied_for_minor: int
    number: int | None
    kept_off_reason: str | None
    group_name: str


def cards(session: Session, ids: Sequence[UUID]) -> list[Card]:
    """These proposals in the order of ``ids``: a page of a list, so at most ``PER_PAGE``."""
    if not ids:
        return []
    given = {f"id_{at}": ids[min(at, len(ids) - 1)] for at in range(PER_PAGE)}
    found = {row[0]: Card(*row) for row in _cards().told(session, **given)}
    return [found[id] for id in ids if id in found]


@cache
def _cards() -> Prepared:
    ids = [bindparam(f"id_{at}", None, type_=Uuid()) for at in range(PER_PAGE)]
    return Prepared(
        lambda: select(
            Proposal.id, Proposal.state, Proposal.title, Proposal.summary, Proposal.applied_for_minor, Proposal.number,
            Proposal.kept_off_reason, Group.name,
        )
        .join(Group, Group.id == Proposal.group_id)
        .where(Proposal.id.in_(ids))
        .order_by(Proposal.id)
    )  # fmt: skip


def public_of_priority(session: Session, priority_id: UUID, now: datetime, *, limit: int = 25) -> list[Proposal]:
    """Public proposals that answer a priority, the latest first."""
    return _public_where(session, Proposal.priority_id == priority_id, now, limit)


def public_of_group(session: Session, group_id: UUID, now: datetime, *, limit: int = 25) -> list[Proposal]:
    """A group's public proposals, the latest first."""
    return _public_where(session, Proposal.group_id == group_id, now, limit)


def _public_where(session: Session, condition: object, now: datetime, limit: int) -> list[Proposal]:
    query = (
        select(Proposal)
        .join(Proposal.round)
        .where(
            condition,  # type: ignore[arg-type]
            Proposal.state.in_(PUBLIC),
            or_(
                Round.panel_locked_at.is_not(None),
                (Round.kind == RoundKind.QUICK) & (Proposal.state == ProposalState.AWARDED),
            ),
        )
        .options(joinedload(Proposal.round), joinedload(Proposal.group), joinedload(Proposal.priority))
        .order_by(Proposal.submitted_at.desc(), Proposal.id)
        .limit(limit)
    )
    return [one for one in session.scalars(query) if is_public(one, now)]
