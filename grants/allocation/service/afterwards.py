"""What changes after the results were told: corrections, the reserve list, and offers that nobody took."""

from uuid import UUID

from sqlalchemy import select

from grants.allocation import access, notices, queries
from grants.allocation.models import Correction, Decision
from grants.allocation.rules.states import CORRECTIONS, STEPS, DecisionAction, DecisionState, Verdict
from grants.allocation.service.deciding import REASON_AT_MOST, ensure_one_of_each
from grants.funds import queries as funds
from grants.funds.rules import explain, match
from grants.kernel.clock import london_day
from grants.kernel.errors import NotAllowed, NotEnoughMoney, RuleBroken, StepRefused
from grants.kernel.money import show_pounds
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork
from grants.proposals.models import Proposal
from grants.proposals.queries import lists as proposal_lists
from grants.proposals.queries import whole
from grants.proposals.service import bids as proposals_service
from grants.review import queries as review
from grants.rounds.access import ensure_may_run
from grants.rounds.models import Round


def ask_correction(uow: UnitOfWork, decision_id: UUID, verdict: Verdict, reason: str) -> Correction:
    """A steward asks for a decision that was told to be put right; the panel's chair must agree."""
    old = uow.get(Decision, decision_id, lock=True)
    round = uow.get(Round, old.round_id)
    ensure_may_run(uow.actor, round.fund_id)
    if old.state is not DecisionState.NOTIFIED:
        raise StepRefused("Only a decision that stands and was told can be corrected.")
    reason = reason.strip()
    if not reason:
        raise RuleBroken("Say what was wrong, and what is right. Everybody can read it.", field="reason")
    if len(reason) > REASON_AT_MOST:
        raise RuleBroken(f"Use {REASON_AT_MOST} characters or fewer.", field="reason")
    if (old.verdict, verdict) not in CORRECTIONS:
        raise RuleBroken("Money that was promised is not taken back here. End the award instead.", field="verdict")
    if any(one.decision_id == old.id for one in queries.open_corrections(uow.session, [round.id])):
        raise StepRefused("A correction of this decision waits for the chair's answer already.")
    assert uow.actor.id is not None
    asked = Correction(
        round_id=round.id,
        decision_id=old.id,
        verdict=verdict,
        reason=reason,
        asked_by_id=uow.actor.id,
        asked_at=uow.now,
    )
    uow.add(asked)
    uow.record("correction.asked", asked, why=reason, decision=old.id, verdict=verdict.value)
    return asked


def answer_correction(uow: UnitOfWork, correction_id: UUID, agreed: bool) -> Decision | None:
    """The chair agrees (then a new decision supersedes the old one, and only that group is written to) or not."""
    asked = uow.get(Correction, correction_id, lock=True)
    round = uow.get(Round, asked.round_id)
    chair = review.chair_id(uow.session, round.id)
    access.ensure_may_answer(uow.actor, round.fund_id, chair, asked.asked_by_id)
    if asked.answered_at is not None:
        raise StepRefused("This was answered already.")
    old = uow.get(Decision, asked.decision_id, lock=True)
    bid = whole.proposal(uow.session, old.proposal_id)
    if (bid.id, uow.actor.id) in review.interested(uow.session, [bid]) | review.recused(uow.session, round.id):
        raise NotAllowed(f"You have an interest in “{bid.title}”, so you cannot decide about it.")
    asked.answered_by_id, asked.answered_at, asked.agreed = uow.actor.id, uow.now, agreed
    if not agreed:
        uow.record("correction.declined", asked, decision=old.id)
        return None
    newly = asked.verdict is Verdict.AWARDED and old.verdict is not Verdict.AWARDED
    if newly:
        standing = [one for one in queries.decisions(uow.session, round.id) if one.awarded_minor]
        awarded_ids = [one.proposal_id for one in standing if one.let_go_at is None]
        ensure_one_of_each(uow, round, [*proposal_lists.by_ids(uow.session, awarded_ids), bid])
        _ensure_room(uow, round, bid)
    before = old.state
    old.state = next_state(STEPS, before, DecisionAction.SUPERSEDE)
    uow.session.flush()
    awarded = bid.applied_for_minor if newly else old.awarded_minor
    new = Decision(
        round_id=round.id,
        proposal_id=bid.id,
        run_id=old.run_id,
        state=DecisionState.NOTIFIED,
        verdict=asked.verdict,
        awarded_minor=awarded if asked.verdict is Verdict.AWARDED else 0,
        rank=old.rank,
        votes=old.votes,
        reason_code="corrected",
        reason=asked.reason,
        details={"left_before_minor": old.details.get("left_before_minor")},
        departs=old.departs,
        departure_reason=old.departure_reason,
        conditions=old.conditions if asked.verdict is Verdict.AWARDED else None,
        decided_by_id=uow.actor.id,
        decided_at=uow.now,
        notified_at=uow.now,
        follows_id=old.id,
    )
    uow.add(new)
    uow.record("decision.corrected", new, before=before, after=new.state, why=asked.reason, supersedes=old.id)
    if new.verdict is not old.verdict:
        proposals_service.note_verdict(uow, bid, new.verdict.value)
    new.letter = notices.told(uow, round, new, bid, corrected=True).facts()
    return new


def move_up(uow: UnitOfWork, proposal_id: UUID) -> Decision:
    """A bid on the reserve list gets the money that came free: a new decision supersedes the old one.

    Called by ``awards``, which has worked out that the money is there and may be spent on it.
    """
    old = uow.session.scalar(
        select(Decision)
        .where(Decision.proposal_id == proposal_id, Decision.state == DecisionState.NOTIFIED)
        .with_for_update()
    )
    if old is None or old.verdict is not Verdict.RESERVE:
        raise StepRefused("Only a bid on the reserve list can move up.")
    bid = whole.proposal(uow.session, proposal_id)
    old.state = next_state(STEPS, old.state, DecisionAction.SUPERSEDE)
    uow.session.flush()
    new = Decision(
        round_id=old.round_id,
        proposal_id=bid.id,
        run_id=old.run_id,
        state=DecisionState.NOTIFIED,
        verdict=Verdict.AWARDED,
        awarded_minor=bid.applied_for_minor,
        rank=old.rank,
        votes=old.votes,
        reason_code="moved_up",
        reason=f"Money came free after the results were told, and this bid was next in line for it. "
        f"It asks for {show_pounds(bid.applied_for_minor)}, and that much could be paid.",
        details=dict(old.details),
        departs=old.departs,
        departure_reason=old.departure_reason,
        decided_by_id=uow.actor.id,
        decided_at=uow.now,
        notified_at=uow.now,
        follows_id=old.id,
    )
    uow.add(new)
    uow.record(
        "decision.moved_up", new, before=DecisionState.NOTIFIED, after=new.state, why=new.reason, supersedes=old.id
    )
    proposals_service.note_verdict(uow, bid, new.verdict.value)
    return new


def let_go(uow: UnitOfWork, proposal_id: UUID) -> None:
    """A group said no to its offer, or did not answer in time: what was decided for it can go to others.

    Called by ``awards``. The decision stands as it was told; only its money is free.
    """
    decision = uow.session.scalar(
        select(Decision)
        .where(Decision.proposal_id == proposal_id, Decision.state == DecisionState.NOTIFIED)
        .with_for_update()
    )
    if decision is not None:
        decision.let_go_at = uow.now


def _ensure_room(uow: UnitOfWork, round: Round, bid: Proposal) -> None:
    """Refuse (``NotEnoughMoney``) one more award that what is left cannot bear; the others are in the books already."""
    promised = sum(one.awarded_minor for one in queries.decisions(uow.session, round.id) if one.let_go_at is None)
    over = promised + bid.applied_for_minor - round.pot_minor
    if over > 0:
        raise NotEnoughMoney(f"The pot lacks {show_pounds(over)} for this.", over)
    shortfall = match([whole.need(bid, london_day(uow.now))], funds.sources(uow.session, round.fund_id)).shortfall
    if shortfall is not None:
        words = explain(shortfall, funds.names_for(uow.session)) + funds.held_up(uow.session, round.fund_id)
        raise NotEnoughMoney(words, shortfall.missing_minor)
