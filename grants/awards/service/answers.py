"""The answer to an offer: accepted, declined or none in time."""

from uuid import UUID

from sqlalchemy import select

from grants.allocation.service import afterwards
from grants.awards import access, notices
from grants.awards.models import Award
from grants.awards.rules import STEPS, AwardAction, AwardState, check_reason, default_parts
from grants.awards.service.agreements import put_parts, write_anew
from grants.awards.service.offers import offer_next, stand_in_line
from grants.kernel.clock import london_day
from grants.kernel.errors import NotAllowed, StepRefused
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork
from grants.ledger import service as ledger
from grants.ledger.queries import award_pockets
from grants.ledger.rules import Pocket, moved
from grants.rounds import service as rounds_service
from grants.rounds.models import Round


def accept(uow: UnitOfWork, award_id: UUID) -> Award:
    """Say yes to an offer, in time. The agreement is written at once, so that the group can sign it."""
    award = uow.get(Award, award_id, lock=True)
    access.ensure_may_answer(uow.actor, award.group_id)
    _answer(uow, award, AwardAction.ACCEPT)
    uow.record("award.accepted", award, before=AwardState.OFFERED, after=award.state)
    put_parts(uow, award, default_parts(award.amount_minor, london_day(uow.now)))
    write_anew(uow, award, "")
    return award


def decline(uow: UnitOfWork, award_id: UUID, reason: str) -> Award:
    """Say no to an offer. The money goes back to where it came from, and the next in reserve is offered."""
    award = uow.get(Award, award_id, lock=True)
    access.ensure_may_answer(uow.actor, award.group_id)
    why = check_reason(reason)
    round = uow.get(Round, award.round_id, lock=True)
    _answer(uow, award, AwardAction.DECLINE)
    award.reason = why
    give_back(uow, award)
    afterwards.let_go(uow, award.proposal_id)
    uow.record("award.declined", award, before=AwardState.OFFERED, after=award.state, why=why)
    uow.session.flush()
    offer_next(uow, round)
    return award


def _answer(uow: UnitOfWork, award: Award, action: AwardAction) -> None:
    after = next_state(STEPS, award.state, action)
    if uow.now > award.answer_by:
        raise StepRefused("The day to answer this offer has passed. Ask a steward what can be done.")
    award.state = after
    award.answered_at = uow.now
    award.answered_by_id = uow.actor.id


def lapse_due(uow: UnitOfWork) -> int:
    """End every offer whose day has passed, and offer its money to the next in reserve. Safe to run twice."""
    if not uow.actor.is_clock:
        raise NotAllowed("The clock ends offers.")
    due = uow.session.scalars(
        select(Award)
        .where(Award.state == AwardState.OFFERED, Award.answer_by < uow.now)
        .order_by(Award.answer_by, Award.id)
        .with_for_update()
    ).all()
    rounds = {id: uow.get(Round, id, lock=True) for id in sorted({award.round_id for award in due})}
    for fund_id in sorted({award.fund_id for award in due}):
        stand_in_line(uow, fund_id)
    for award in due:
        award.state = next_state(STEPS, award.state, AwardAction.LAPSE)
        give_back(uow, award)
        afterwards.let_go(uow, award.proposal_id)
        uow.record("award.lapsed", award, before=AwardState.OFFERED, after=award.state)
        notices.lapsed(uow, award, award.proposal.title)
        uow.session.flush()
        offer_next(uow, rounds[award.round_id])
    return len(due)


def give_back(uow: UnitOfWork, award: Award) -> int:
    """Return what is still only committed to the contributions it came from. Pence."""
    stand_in_line(uow, award.fund_id)
    held = award_pockets(uow.session, [award.id])[award.id]
    shares = {id: pockets.committed_minor for id, pockets in held.items() if pockets.committed_minor}
    lines = [
        line
        for id, minor in sorted(shares.items())
        for line in moved(id, minor, Pocket.COMMITTED, Pocket.AVAILABLE, award.id)
    ]
    if lines:
        key = f"award:{award.id}:release"
        ledger.post(uow, key=key, event="award.released", fund_id=award.fund_id, lines=lines)
        rounds_service.give_back_to_pot(uow, award.round_id, sum(shares.values()))
    return sum(shares.values())
