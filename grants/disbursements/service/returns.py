"""Money that groups return: asked for, received, written off."""

from datetime import date, timedelta
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from grants.awards import queries as award_queries
from grants.awards.models import Award
from grants.awards.service import settling
from grants.disbursements import access, notices, queries
from grants.disbursements.models import MoneyReturn, Repayment
from grants.disbursements.rules import REPAY_DAYS, REPAYMENT_STEPS, RepaymentAction, RepaymentState
from grants.disbursements.service.guards import facts_of, reason_given
from grants.disbursements.service.steps import count_in
from grants.funds.rules import return_split
from grants.kernel.actors import Role
from grants.kernel.clock import london_day
from grants.kernel.errors import Conflict, RuleBroken, StepRefused
from grants.kernel.money import show_pounds
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork
from grants.ledger import service as ledger
from grants.ledger.queries import award_pockets
from grants.ledger.rules import Line, Pocket, grants_code, moved


def record_return(uow: UnitOfWork, award_id: UUID, amount_minor: int, reference: str, received_on: date) -> MoneyReturn:
    """Write down money that a group gave back. It goes to the contributions it came from, and the award may close."""
    award = uow.get(Award, award_id, lock=True)
    access.ensure_may_record(uow.actor, facts_of(uow, award))
    kept = {
        id: pockets.paid_minor
        for id, pockets in award_pockets(uow.session, [award.id])[award.id].items()
        if pockets.paid_minor
    }
    if not kept:
        raise StepRefused("Nothing was paid for this award, so nothing can come back.")
    shares = return_split(kept, amount_minor)
    tidy = " ".join(reference.split())
    if not tidy or len(tidy) > 60:
        raise RuleBroken("Enter the reference on the bank statement, 60 characters or fewer.", field="reference")
    if received_on > london_day(uow.now):
        raise RuleBroken("Enter the day on which the money arrived: today or earlier.", field="received_on")
    assert uow.actor.id is not None
    back = MoneyReturn(
        award_id=award.id,
        amount_minor=amount_minor,
        reference=tidy,
        received_on=received_on,
        recorded_by_id=uow.actor.id,
        recorded_at=uow.now,
    )
    try:
        with uow.session.begin_nested():
            uow.add(back)
    except IntegrityError:
        raise Conflict("Money with this reference was written down already.", field="reference") from None
    lines = [line for id, minor in shares.items() for line in moved(id, minor, Pocket.PAID, Pocket.AVAILABLE, award.id)]
    lines += [
        *ledger.into_bank(uow, award.fund_id, amount_minor, award.id),
        Line(grants_code(award.fund_id), -amount_minor, award.id),
    ]
    ledger.post(uow, key=f"return:{back.id}", event="award.returned", fund_id=award.fund_id, lines=lines)
    uow.record(
        "award.returned",
        award,
        amount_minor=amount_minor,
        split={str(id): minor for id, minor in shares.items()},
        role=Role.FINANCE_OFFICER,
    )
    count_in(uow, award.id, amount_minor)
    settling.close_if_settled(uow, award.id)
    return back


def raise_repayment(uow: UnitOfWork, award_id: UUID, amount_minor: int, why: str) -> Repayment:
    """Ask a group to give money back: what it did not spend, or what was not spent as agreed."""
    award = uow.get(Award, award_id, lock=True)
    access.ensure_on_desk(uow.actor, facts_of(uow, award))
    kept = award_queries.pockets(uow.session, award.id).paid_minor - award.written_off_minor
    if not 0 < amount_minor <= kept:
        raise RuleBroken(
            f"Ask for more than £0 and no more than {show_pounds(kept)}: so much was paid.", field="amount"
        )
    if queries.open_repayment(uow.session, award.id) is not None:
        raise StepRefused("Money is asked back for this award already.")
    assert uow.actor.id is not None
    asked = Repayment(
        award_id=award.id,
        amount_minor=amount_minor,
        state=RepaymentState.RAISED,
        why=reason_given(why),
        raised_by_id=uow.actor.id,
        raised_at=uow.now,
        due_on=london_day(uow.now) + timedelta(days=REPAY_DAYS),
    )
    uow.add(asked)
    uow.record("repayment.raised", asked, after=asked.state, award=award.id, amount_minor=amount_minor)
    notices.repay(uow, award, asked)
    return asked


def ask_write_off(uow: UnitOfWork, repayment_id: UUID, reason: str) -> Repayment:
    """An officer says that what is still owed will never come. Another officer must agree."""
    asked, award = _repayment(uow, repayment_id)
    access.ensure_on_desk(uow.actor, facts_of(uow, award))
    next_state(REPAYMENT_STEPS, asked.state, RepaymentAction.WRITE_OFF)
    if asked.write_off_asked_by_id is not None:
        raise Conflict("Somebody has asked for this already. Another officer must agree.")
    asked.write_off_reason = reason_given(reason)
    asked.write_off_asked_by_id, asked.write_off_asked_at = uow.actor.id, uow.now
    uow.record("repayment.write_off_asked", asked, why=asked.write_off_reason, award=award.id)
    return asked


def answer_write_off(uow: UnitOfWork, repayment_id: UUID, *, agreed: bool) -> Repayment:
    """Another officer agrees that the rest is lost, or does not. It stays booked as paid; the award may close."""
    asked, award = _repayment(uow, repayment_id)
    access.ensure_may_write_off(uow.actor, facts_of(uow, award), asked.write_off_asked_by_id)
    if asked.write_off_asked_by_id is None:
        raise StepRefused("Nobody has asked to write this off.")
    before = asked.state
    after = next_state(REPAYMENT_STEPS, before, RepaymentAction.WRITE_OFF)
    if not agreed:
        asked.write_off_asked_by_id = asked.write_off_asked_at = asked.write_off_reason = None
        uow.record("repayment.write_off_refused", asked, award=award.id)
        return asked
    lost = asked.amount_minor - asked.received_minor
    asked.state, asked.written_off_by_id, asked.ended_at = after, uow.actor.id, uow.now
    uow.record(
        "repayment.written_off",
        asked,
        before=before,
        after=after,
        why=asked.write_off_reason,
        award=award.id,
        amount_minor=lost,
    )
    settling.write_off(uow, award.id, lost)
    return asked


def _repayment(uow: UnitOfWork, repayment_id: UUID) -> tuple[Repayment, Award]:
    asked = uow.get(Repayment, repayment_id)
    award = uow.get(Award, asked.award_id, lock=True)
    return uow.get(Repayment, repayment_id, lock=True), award
