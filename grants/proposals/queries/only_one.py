"""Sets of bids of which only one can win."""

from collections.abc import Sequence
from functools import cache
from uuid import UUID

from sqlalchemy import Select, Uuid, bindparam, select
from sqlalchemy.orm import Session, selectinload

from grants.kernel.asking import Prepared
from grants.proposals.models import ExclusiveBid, ExclusiveSet, Proposal
from grants.proposals.rules.screening import only_one_of
from grants.proposals.rules.states import TAKES_PART


def exclusive_sets(session: Session, round_id: UUID) -> list[ExclusiveSet]:
    """A round's sets of bids of which only one can win, each with its bids; lifted ones too, the first first."""
    return list(session.scalars(_exclusive_sets(), {"round_id": round_id}))


@cache
def _exclusive_sets() -> Select[tuple[ExclusiveSet]]:
    return (
        select(ExclusiveSet)
        .where(ExclusiveSet.round_id == bindparam("round_id"))
        .options(selectinload(ExclusiveSet.bids))
        .order_by(ExclusiveSet.set_at, ExclusiveSet.id)
        .limit(500)
    )


def exclusions(session: Session, round_id: UUID) -> dict[UUID, tuple[UUID, ...]]:
    """Proposal → the sets that stand and in which another bid takes part too, in order; the others are left out."""
    return _excluding(session, round_id, _standing_sets(session, round_id))


def _excluding(session: Session, round_id: UUID, sets: Sequence[ExclusiveSet]) -> dict[UUID, tuple[UUID, ...]]:
    standing = [(one.id, [bid.proposal_id for bid in one.bids]) for one in sets]
    if not standing:
        return {}
    gone = select(Proposal.id).where(Proposal.round_id == round_id, Proposal.state.not_in(TAKES_PART))
    out, found = set(session.scalars(gone)), dict[UUID, tuple[UUID, ...]]()
    for set_id, bids in sorted(standing):
        if len(left := [id for id in bids if id not in out]) > 1:
            for id in left:
                found[id] = (*found.get(id, ()), set_id)
    return found


def only_one_words(session: Session, round_id: UUID) -> dict[UUID, str]:
    """Proposal → what everybody is told of those beside which it cannot win; proposals without any are left out."""
    sets: dict[UUID, tuple[str, dict[UUID, str]]] = {}
    for set_id, reason, proposal_id, title in _one_of_sets().told(session, round_id=round_id):
        sets.setdefault(set_id, (reason, {}))[1][proposal_id] = title
    words: dict[UUID, list[str]] = {}
    for reason, bids in (sets[id] for id in sorted(sets)):
        for mine in bids if len(bids) > 1 else ():
            others = [title for id, title in bids.items() if id != mine]
            words.setdefault(mine, []).append(only_one_of(others, reason))
    return {id: " ".join(told) for id, told in words.items()}


@cache
def _one_of_sets() -> Prepared:
    """(set, its reason, a bid of it that takes part, its title) of a round's sets that stand."""
    return Prepared(
        lambda: (
            select(ExclusiveSet.id, ExclusiveSet.reason, Proposal.id, Proposal.title)
            .join(ExclusiveBid, ExclusiveBid.set_id == ExclusiveSet.id)
            .join(Proposal, Proposal.id == ExclusiveBid.proposal_id)
            .where(
                ExclusiveSet.round_id == bindparam("round_id", None, type_=Uuid()),
                ExclusiveSet.lifted_at.is_(None),
                Proposal.state.in_(TAKES_PART),
            )
            .order_by(ExclusiveSet.id, Proposal.id)
            .limit(10_000)
        )
    )


def _standing_sets(session: Session, round_id: UUID) -> list[ExclusiveSet]:
    return [one for one in exclusive_sets(session, round_id) if one.lifted_at is None]
