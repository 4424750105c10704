"""Tell everybody at once what was decided, and let a group ask to talk about it."""

from uuid import UUID

from grants.allocation import access, notices, queries
from grants.allocation.models import Decision
from grants.allocation.rules.states import STEPS, DecisionAction
from grants.allocation.service.deciding import REASON_AT_MOST
from grants.kernel.errors import RuleBroken, StepRefused
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork
from grants.proposals.queries import lists as proposal_lists
from grants.proposals.queries import whole
from grants.proposals.rules.states import ProposalState
from grants.proposals.service import bids as proposals_service
from grants.rounds import service as rounds_service
from grants.rounds.models import Round
from grants.rounds.rules.states import RoundState


def announce(uow: UnitOfWork, round_id: UUID) -> list[Decision]:
    """Tell everybody at once: every decision stands, every group gets its letter, the results page opens.

    By a steward who took no part in deciding. A bid that was withdrawn after the decision is left out.
    """
    round = uow.get(Round, round_id, lock=True)
    meeting = queries.meeting(uow.session, round_id)
    took_part = {UUID(id) for id in meeting.took_part} if meeting else set()
    access.ensure_may_announce(uow.actor, round.fund_id, took_part)
    if round.state is not RoundState.DECIDED:
        raise StepRefused("Results are announced once the panel has decided.")
    standing = queries.decisions(uow.session, round_id)
    bids = {bid.id: bid for bid in proposal_lists.by_ids(uow.session, [one.proposal_id for one in standing])}
    told = []
    for one in standing:
        bid, before = bids[one.proposal_id], one.state
        if bid.state is ProposalState.WITHDRAWN:
            one.state = next_state(STEPS, before, DecisionAction.SUPERSEDE)
            uow.record("decision.set_aside", one, before=before, after=one.state, proposal=bid.id)
            continue
        one.state = next_state(STEPS, before, DecisionAction.NOTIFY)
        one.notified_at = uow.now
        uow.record("decision.notified", one, before=before, after=one.state, proposal=bid.id)
        proposals_service.note_verdict(uow, bid, one.verdict.value)
        one.letter = notices.told(uow, round, one, bid).facts()
        told.append(one)
    rounds_service.mark_announced(uow, round)
    return told


def ask_feedback(uow: UnitOfWork, decision_id: UUID, words: str) -> Decision:
    """Somebody of the group would like to talk about what was decided: the stewards are written to, once."""
    decision = uow.get(Decision, decision_id, lock=True)
    bid, round = whole.proposal(uow.session, decision.proposal_id), uow.get(Round, decision.round_id)
    access.ensure_is_theirs(uow.actor, bid.group_id)
    if decision.notified_at is None:
        raise StepRefused("There is nothing to talk about before the results are announced.")
    if decision.feedback_asked_at is not None:
        raise StepRefused("Your group has asked for feedback already. A steward answers you.")
    if not (words := words.strip()):
        raise RuleBroken("Say what you would like to know, and how to reach you.", field="words")
    if len(words) > REASON_AT_MOST:
        raise RuleBroken(f"Use {REASON_AT_MOST} characters or fewer.", field="words")
    decision.feedback_asked_at = uow.now
    uow.record("decision.feedback_asked", decision, proposal=bid.id)
    notices.feedback_asked(uow, round, decision, bid, words)
    return decision
