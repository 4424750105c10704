"""Bids of which only one can win: a steward says so before the ballot is fixed, and everybody can read why."""

from collections.abc import Collection
from uuid import UUID

from grants.kernel.errors import RuleBroken, StepRefused
from grants.kernel.words import words_given
from grants.kernel.work import UnitOfWork
from grants.proposals import access
from grants.proposals.models import ExclusiveBid, ExclusiveSet, Proposal
from grants.proposals.queries import lists, only_one, whole
from grants.proposals.rules.states import ProposalState
from grants.rounds.access import ensure_may_run
from grants.rounds.models import Round
from grants.rounds.rules.states import RoundState

REASON_AT_MOST = 500


def exclude(uow: UnitOfWork, round_id: UUID, proposal_ids: Collection[UUID], reason: str) -> ExclusiveSet:
    """Say that of these bids only one can be funded, with a reason that everybody can read.

    Before the ballot is fixed, of bids that passed the check; once more when the votes are counted and until the panel
    has decided, of bids on the ballot. Never while people vote: they would have chosen on other terms. By a steward
    who belongs to none of the groups. Called by ``allocation``, which works the results out again.
    """
    round = uow.get(Round, round_id, lock=True)
    bids = _bids(uow, round, proposal_ids)
    reason = words_given(
        reason, "reason", "Say why only one of them can be funded. Everybody can read it.", REASON_AT_MOST
    )
    chosen = {one.id for one in bids}
    for one in only_one.exclusive_sets(uow.session, round.id):
        if one.lifted_at is None and {bid.proposal_id for bid in one.bids} == chosen:
            raise RuleBroken("It says already that only one of these can be funded.", field="bids")
    assert uow.actor.id is not None
    made = ExclusiveSet(
        round_id=round.id,
        reason=reason,
        set_by_id=uow.actor.id,
        set_at=uow.now,
        after_vote=round.state is RoundState.PANEL,
        bids=[ExclusiveBid(proposal_id=id) for id in sorted(chosen)],
    )
    uow.add(made)
    uow.record(
        "proposal.exclusion_set",
        made,
        why=reason,
        round_id=round.id,
        proposals=[str(id) for id in sorted(chosen)],
        after_vote=made.after_vote,
    )
    return made


def lift(uow: UnitOfWork, set_id: UUID, reason: str) -> ExclusiveSet:
    """All of these bids can be funded after all; when and by whom as ``exclude``."""
    found = uow.get(ExclusiveSet, set_id)
    round = uow.get(Round, found.round_id, lock=True)
    uow.session.refresh(found)
    ids = [one.proposal_id for one in found.bids]
    _ensure_may_mark(uow, round, lists.by_ids(uow.session, ids))
    if found.lifted_at is not None:
        raise StepRefused("This was lifted already.")
    found.lifted_reason = words_given(
        reason, "reason", "Say why all of them can be funded after all. Everybody can read it.", REASON_AT_MOST
    )
    found.lifted_at, found.lifted_by_id = uow.now, uow.actor.id
    found.lifted_after_vote = round.state is RoundState.PANEL
    uow.record(
        "proposal.exclusion_lifted",
        found,
        why=found.lifted_reason,
        round_id=round.id,
        proposals=[str(id) for id in ids],
        after_vote=found.lifted_after_vote,
    )
    return found


def _bids(uow: UnitOfWork, round: Round, proposal_ids: Collection[UUID]) -> list[Proposal]:
    bids = lists.by_ids(uow.session, sorted(set(proposal_ids)))
    _ensure_may_mark(uow, round, bids)
    wanted = ProposalState.ELIGIBLE if round.state is RoundState.CHECKING else ProposalState.ON_BALLOT
    if len(bids) != len(set(proposal_ids)) or any(one.round_id != round.id or one.state is not wanted for one in bids):
        raise RuleBroken("Choose from the projects that take part in this round.", field="bids")
    if len(bids) < 2:
        raise RuleBroken("Choose at least two projects.", field="bids")
    return bids


def _ensure_may_mark(uow: UnitOfWork, round: Round, bids: Collection[Proposal]) -> None:
    ensure_may_run(uow.actor, round.fund_id)
    for one in bids:
        access.ensure_may_screen(uow.actor, whole.parties(uow.session, one))
    if not may_change(round.state, counted=round.votes_counted_at is not None):
        raise StepRefused(
            "Which projects exclude each other can be changed before the ballot is fixed, and again from the count "
            "until the panel has decided."
        )


def may_change(state: RoundState, *, counted: bool) -> bool:
    """Whether sets can be set and lifted in a round in this state."""
    return state is RoundState.CHECKING or (state is RoundState.PANEL and counted)
