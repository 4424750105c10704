"""Ask, authorise, send, settle, return. The only writer of disbursements, provider events and returns."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from grants.awards import service as awards
from grants.awards.models import Award, Instalment
from grants.awards.rules import AwardState
from grants.disbursements import access, notices
from grants.disbursements.models import Disbursement, MoneyReturn, ProviderEvent
from grants.disbursements.rules import (
    STEPS,
    DisbursementAction,
    DisbursementState,
    Notice,
    Told,
    payment_key,
)
from grants.funds.rules import return_split
from grants.kernel.actors import Role
from grants.kernel.clock import london_day
from grants.kernel.errors import Conflict, NotAllowed, NotFound, RuleBroken, StepRefused
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork
from grants.ledger import service as ledger
from grants.ledger.queries import award_pockets, lines_of
from grants.ledger.rules import Line, Pocket, bank_code, grants_code, moved
from grants.outbox import service as outbox
from grants.ports.payments import PaymentGateway, PayoutRefused

Working = Callable[[], AbstractContextManager[UnitOfWork]]
S, A = DisbursementState, DisbursementAction


def request(uow: UnitOfWork, instalment_id: UUID) -> Disbursement:
    """Ask that an instalment be paid. Counts it against the award, so that all payments stay within it."""
    part = uow.get(Instalment, instalment_id)
    award = uow.get(Award, part.award_id, lock=True)
    access.ensure_may_request(uow.actor, award.fund_id, award.group_id, award.payee_id)
    _ensure_active(award)
    if london_day(uow.now) < part.due_on:
        raise StepRefused(f"This part is not to be paid before {part.due_on.day} {part.due_on:%B %Y}.")
    before = uow.session.scalar(
        select(func.max(Disbursement.attempt)).where(Disbursement.instalment_id == instalment_id)
    )
    attempt = (before or 0) + 1
    awards.take_for_payment(uow, award.id, part.amount_minor)
    assert uow.actor.id is not None
    payment = Disbursement(
        award_id=award.id,
        instalment_id=part.id,
        attempt=attempt,
        amount_minor=part.amount_minor,
        state=S.REQUESTED,
        key=payment_key(part.id, attempt),
        requested_by_id=uow.actor.id,
        requested_at=uow.now,
    )
    try:
        with uow.session.begin_nested():
            uow.add(payment)
    except IntegrityError:
        raise Conflict("Somebody has already asked for this payment.") from None
    uow.record(
        "payment.requested",
        payment,
        after=payment.state,
        award=award.id,
        amount_minor=payment.amount_minor,
        attempt=attempt,
    )
    return payment


def authorise(uow: UnitOfWork, disbursement_id: UUID) -> Disbursement:
    """Let a payment go: somebody other than who asked. It leaves after the commit, under its own key."""
    payment = uow.get(Disbursement, disbursement_id)
    award = uow.get(Award, payment.award_id, lock=True)
    access.ensure_may_authorise(uow.actor, award.fund_id, award.group_id, award.payee_id, payment.requested_by_id)
    _ensure_active(award)
    next_state(STEPS, payment.state, A.AUTHORISE)
    _claim(uow, payment)
    held = {
        id: pockets.committed_minor
        for id, pockets in award_pockets(uow.session, [award.id])[award.id].items()
        if pockets.committed_minor
    }
    shares = return_split(held, payment.amount_minor)
    lines = [
        line for id, minor in shares.items() for line in moved(id, minor, Pocket.COMMITTED, Pocket.SENDING, award.id)
    ]
    ledger.post(uow, key=f"{payment.key}:send", event="payment.authorised", fund_id=award.fund_id, lines=lines)
    outbox.put(uow, "payment", {"disbursement_id": str(payment.id)}, key=payment.key, subject_id=payment.id)
    uow.record(
        "payment.authorised",
        payment,
        before=S.REQUESTED,
        after=payment.state,
        award=award.id,
        amount_minor=payment.amount_minor,
        split={str(id): minor for id, minor in shares.items()},
    )
    return payment


def _claim(uow: UnitOfWork, payment: Disbursement) -> None:
    """Of two who authorise at once, one does: a conditional UPDATE on the state."""
    claimed = uow.session.execute(
        update(Disbursement)
        .where(Disbursement.id == payment.id, Disbursement.state == S.REQUESTED)
        .values(state=S.AUTHORISED, authorised_by_id=uow.actor.id, authorised_at=uow.now)
        .returning(Disbursement.id)
        .execution_options(synchronize_session=False)
    ).scalar()
    if claimed is None:
        raise Conflict("Somebody has already dealt with this payment.")
    uow.session.refresh(payment)


def cancel(uow: UnitOfWork, disbursement_id: UUID, reason: str) -> Disbursement:
    """Take back a request that nobody has authorised yet."""
    payment, award = _locked(uow, disbursement_id)
    access.ensure_may_request(uow.actor, award.fund_id, award.group_id, award.payee_id)
    if payment.state is not S.REQUESTED:
        raise StepRefused("This payment was authorised already. It can only arrive, fail or come back.")
    why = " ".join(reason.split())[:300]
    if not why:
        raise RuleBroken("Say why.", field="reason")
    payment.state = next_state(STEPS, payment.state, A.CANCEL)
    payment.failure = why
    uow.session.flush()
    awards.give_up_payment(uow, award.id, payment.amount_minor)
    uow.record("payment.cancelled", payment, before=S.REQUESTED, after=payment.state, why=why, award=award.id)
    return payment


def _ensure_active(award: Award) -> None:
    if award.state is AwardState.ON_HOLD:
        raise StepRefused("This award is on hold, so its payments can only be read.")
    if award.state is not AwardState.ACTIVE:
        raise StepRefused("This award is not under way, so nothing can be paid from it.")


def _locked(uow: UnitOfWork, disbursement_id: UUID) -> tuple[Disbursement, Award]:
    """The payment and its award, the award locked first: everybody takes the two in this order."""
    payment = uow.get(Disbursement, disbursement_id)
    award = uow.get(Award, payment.award_id, lock=True)
    return uow.get(Disbursement, disbursement_id, lock=True), award


# ------------------------------------------------------------------------------------------------------- to the bank


def deliver(working: Working, gateway: PaymentGateway, payload: dict[str, Any], key: str) -> None:
    """Hand an authorised payment to the provider: what the outbox does with a row of kind "payment".

    The key stands in the books before the call. A definite no ends this attempt and the money goes back to what is
    committed. When the outcome is unknown the error goes up, and the outbox asks again later with the same key.
    """
    payment_id = UUID(payload["disbursement_id"])
    with working() as uow:
        order = _order(uow, payment_id)
    if order is None:
        return
    try:
        receipt = gateway.pay_out(**order, key=key)
    except PayoutRefused as refused:
        with working() as uow:
            payment, award = _locked(uow, payment_id)
            if payment.state is S.AUTHORISED:
                _fail(uow, payment, award, str(refused) or "The provider refused it.")
        return
    with working() as uow:
        payment, award = _locked(uow, payment_id)
        if payment.state is S.AUTHORISED:
            _sent(uow, payment)
        payment.provider_ref = payment.provider_ref or receipt.provider_ref


def _order(uow: UnitOfWork, payment_id: UUID) -> dict[str, Any] | None:
    """What to ask of the provider, or nothing when there is nothing to ask (any more)."""
    payment, award = _locked(uow, payment_id)
    if payment.state is not S.AUTHORISED:
        return None
    if award.state is not AwardState.ACTIVE and payment.tried_at is None:
        _fail(uow, payment, award, "The award was stopped before the money left.")
        return None
    payment.tried_at = payment.tried_at or uow.now
    return {
        "account_ref": str(award.payee_id),
        "amount_minor": payment.amount_minor,
        "reference": award.reference,
    }


def _sent(uow: UnitOfWork, payment: Disbursement) -> None:
    before = payment.state
    payment.state = next_state(STEPS, before, A.SEND)
    payment.sent_at = uow.now
    uow.record("payment.sent", payment, before=before, after=payment.state, award=payment.award_id)


def _fail(uow: UnitOfWork, payment: Disbursement, award: Award, reason: str) -> None:
    before = payment.state
    payment.state = next_state(STEPS, before, A.FAIL)
    payment.failure = reason[:300]
    uow.session.flush()
    _reverse(uow, award, f"{payment.key}:send", f"{payment.key}:failed", "payment.failed")
    awards.give_up_payment(uow, award.id, payment.amount_minor)
    uow.record("payment.failed", payment, before=before, after=payment.state, why=payment.failure, award=award.id)


def _reverse(uow: UnitOfWork, award: Award, of: str, key: str, event: str) -> None:
    lines = [Line(line.account, -line.amount_minor, line.award_id) for line in lines_of(uow.session, of)]
    ledger.post(uow, key=key, event=event, fund_id=award.fund_id, lines=lines)


# ------------------------------------------------------------------------------------------------- what providers tell


def handle_event(uow: UnitOfWork, provider: str, notice: Notice) -> bool:
    """Take in one event of a provider; False when it is known already.

    The event's id is written first, in the transaction of its effect. The state only goes forward, so events that come
    late or in another order change nothing. Raises ``NotFound`` for a payment that is not ours, ``RuleBroken`` for
    another amount than we sent.
    """
    if not uow.actor.is_clock:
        raise NotAllowed("Only a provider tells what became of a payment.")
    payment_id = uow.session.scalar(select(Disbursement.id).where(Disbursement.key == notice.key))
    if payment_id is None:
        raise NotFound("There is no such payment.")
    event = ProviderEvent(
        provider=provider,
        event_id=notice.id,
        kind=notice.told.value,
        received_at=uow.now,
        body={**asdict(notice), "told": notice.told.value},
    )
    if uow.session.get(ProviderEvent, (provider, notice.id)) is not None:
        return False
    try:
        with uow.session.begin_nested():
            uow.add(event)
    except IntegrityError:
        return False
    payment, award = _locked(uow, payment_id)
    if notice.amount_minor != payment.amount_minor:
        raise RuleBroken("The event tells of another amount than we sent.")
    if notice.provider_ref and payment.provider_ref is None:
        payment.provider_ref = notice.provider_ref
    if notice.told is Told.PAID and payment.state in (S.AUTHORISED, S.SENT):
        if payment.state is S.AUTHORISED:
            _sent(uow, payment)
        _settle(uow, payment, award)
    elif notice.told is not Told.PAID and payment.state in (S.AUTHORISED, S.SENT):
        _fail(uow, payment, award, notice.reason or "The provider could not pay it.")
    elif notice.told is Told.CAME_BACK and payment.state is S.PAID:
        _come_back(uow, payment, award, notice.reason or "The bank sent it back.")
    return True


def _settle(uow: UnitOfWork, payment: Disbursement, award: Award) -> None:
    before = payment.state
    payment.state = next_state(STEPS, before, A.SETTLE)
    payment.paid_at = uow.now
    shares = _shares(uow, payment)
    lines = [line for id, minor in shares for line in moved(id, minor, Pocket.SENDING, Pocket.PAID, award.id)]
    lines += [
        Line(grants_code(award.fund_id), payment.amount_minor, award.id),
        Line(bank_code(award.fund_id), -payment.amount_minor, award.id),
    ]
    ledger.post(uow, key=f"{payment.key}:paid", event="payment.paid", fund_id=award.fund_id, lines=lines)
    uow.record(
        "payment.paid", payment, before=before, after=payment.state, award=award.id, amount_minor=payment.amount_minor
    )
    notices.paid(uow, award, payment)


def _come_back(uow: UnitOfWork, payment: Disbursement, award: Award, reason: str) -> None:
    """The bank sent the whole payment back: the money is promised again, or free again if the award is over."""
    going_on = award.state in (AwardState.ACTIVE, AwardState.ON_HOLD)
    target = Pocket.COMMITTED if going_on else Pocket.AVAILABLE
    before = payment.state
    payment.state = next_state(STEPS, before, A.RETURN)
    payment.failure = reason[:300]
    uow.session.flush()
    lines = [line for id, minor in _shares(uow, payment) for line in moved(id, minor, Pocket.PAID, target, award.id)]
    lines += [
        Line(bank_code(award.fund_id), payment.amount_minor, award.id),
        Line(grants_code(award.fund_id), -payment.amount_minor, award.id),
    ]
    ledger.post(uow, key=f"{payment.key}:came_back", event="payment.came_back", fund_id=award.fund_id, lines=lines)
    awards.give_up_payment(uow, award.id, payment.amount_minor)
    uow.record("payment.came_back", payment, before=before, after=payment.state, why=payment.failure, award=award.id)


def _shares(uow: UnitOfWork, payment: Disbursement) -> list[tuple[UUID, int]]:
    """From which contribution how much of this payment came: what was booked when it was authorised."""
    taken = [line for line in lines_of(uow.session, f"{payment.key}:send") if line.amount_minor > 0]
    return [(UUID(line.account.split(":")[1]), line.amount_minor) for line in taken]


# --------------------------------------------------------------------------------------------- money that groups return


def record_return(uow: UnitOfWork, award_id: UUID, amount_minor: int, reference: str, received_on: date) -> MoneyReturn:
    """Write down money that a group gave back. It goes to the contributions it came from, and the award may close."""
    award = uow.get(Award, award_id, lock=True)
    access.ensure_may_record(uow.actor, award.fund_id, award.group_id, award.payee_id)
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
        Line(bank_code(award.fund_id), amount_minor, award.id),
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
    awards.close_if_settled(uow, award.id)
    return back
