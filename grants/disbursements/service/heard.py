"""What providers and the bank tell."""

from dataclasses import asdict
from typing import Any, assert_never
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from grants.awards.models import Award
from grants.awards.service import readiness
from grants.disbursements import access
from grants.disbursements.models import Disbursement, ProviderEvent
from grants.disbursements.rules import Notice, Told
from grants.disbursements.service.guards import S, ensure_active, facts_of, locked, note_problem, shown
from grants.disbursements.service.holds import hold_unpaid
from grants.disbursements.service.steps import come_back, fail, mark_sent, settle
from grants.funds.rules import PaysBy
from grants.funds.service import checkouts, taken_back
from grants.funds.service.taken_back import ensure_clock
from grants.kernel.errors import NotFound, StepRefused
from grants.kernel.money import show_pounds
from grants.kernel.work import UnitOfWork
from grants.payees import queries as payee_queries
from grants.payees.models import PayoutAccount
from grants.ports import payments as port
from grants.ports.payments import AccountStanding


def handle_event(uow: UnitOfWork, provider: str, notice: Notice) -> bool:
    """Take in one event of a provider about a payment; False when it is known already.

    The event's id is written first, in the transaction of its effect. The state only goes forward, so events that come
    late or in another order change nothing. What does not agree with the books (another amount, money that moved after
    a definite no) pays nothing: it is kept with the payment as a problem that a person must look at. Raises
    ``NotFound`` for a payment that is not ours.
    """
    ensure_clock(uow)
    return _take_notice(uow, provider, notice)


def told_by_bank(uow: UnitOfWork, notice: Notice) -> bool:
    """What a finance office's file or a line of the bank statement says of a payment, brought by a finance officer."""
    payment = uow.session.scalar(select(Disbursement).where(Disbursement.key == notice.key))
    if payment is None:
        raise NotFound("There is no such payment.")
    award = uow.get(Award, payment.award_id)
    access.ensure_may_record(uow.actor, facts_of(uow, award))
    return _take_notice(uow, PaysBy.BANK_RUN, notice)


def hand_over(uow: UnitOfWork, disbursement_id: UUID, reference: str) -> Disbursement:
    """A payment went to a finance office in a bank run; refused when it was stopped or is paid in another way."""
    payment, award = locked(uow, disbursement_id)
    access.ensure_may_record(uow.actor, facts_of(uow, award))
    ensure_active(award)
    if payment.state is not S.AUTHORISED or payment.gateway not in (None, PaysBy.BANK_RUN):
        raise StepRefused("This payment does not wait for a bank run any more.")
    payment.gateway, payment.provider_ref = PaysBy.BANK_RUN, reference
    payment.tried_at, payment.tries = uow.now, 1
    mark_sent(uow, payment)
    return payment


def _take_notice(uow: UnitOfWork, provider: str, notice: Notice) -> bool:
    payment_id = uow.session.scalar(select(Disbursement.id).where(Disbursement.key == notice.key))
    if payment_id is None:
        raise NotFound("There is no such payment.")
    if not _is_new(uow, provider, notice.id, notice.told.value, {**asdict(notice), "told": notice.told.value}):
        return False
    payment, award = locked(uow, payment_id)
    if notice.provider_ref and payment.provider_ref is None:
        payment.provider_ref = notice.provider_ref
    if notice.amount_minor != payment.amount_minor:
        note_problem(
            uow,
            payment,
            f"The provider tells of {shown(notice.amount_minor)}, and we sent {show_pounds(payment.amount_minor)}.",
        )
    elif notice.told is Told.PAID and payment.state is S.FAILED and payment.refused:
        note_problem(uow, payment, "The provider refused this payment and now tells that the money moved all the same.")
    elif notice.told is Told.PAID and payment.state in (S.AUTHORISED, S.SENT):
        if payment.state is S.AUTHORISED:
            mark_sent(uow, payment)
        settle(uow, payment, award)
    elif notice.told is not Told.PAID and payment.state in (S.AUTHORISED, S.SENT):
        fail(uow, payment, award, notice.reason or "The provider could not pay it.")
    elif notice.told is Told.CAME_BACK and payment.state is S.PAID:
        payment.problem = None
        come_back(uow, payment, award, notice.reason or "The bank sent it back.")
    elif notice.told is Told.CAME_BACK:
        payment.problem = None
    return True


def _is_new(uow: UnitOfWork, provider: str, event_id: str, kind: str, body: dict[str, Any]) -> bool:
    """Write the event down; False when it stands there already, or somebody writes it in this moment."""
    if uow.session.get(ProviderEvent, (provider, event_id)) is not None:
        return False
    event = ProviderEvent(provider=provider, event_id=event_id, kind=kind[:80], received_at=uow.now, body=body)
    try:
        with uow.session.begin_nested():
            uow.add(event)
    except IntegrityError:
        return False
    return True


def take_event(uow: UnitOfWork, provider: str, event: port.ProviderEvent) -> bool:
    """Take in whatever a provider tells, once, with its effect; False when it is known already or not about us."""
    ensure_clock(uow)
    told = event.told
    if isinstance(told, port.PayoutTold):
        return _payout_told(uow, provider, event.id, told.payout)
    body = {**asdict(told), "kind": event.kind}
    if not _is_new(uow, provider, event.id, event.kind, body):
        return False
    match told:
        case port.BankReturned():
            return _bank_returned(uow, provider, told)
        case port.AccountTold():
            return _account_told(uow, provider, told)
        case port.CheckoutTold():
            return checkouts.checkout_told(uow, provider, told.facts)
        case port.DisputeTold():
            return taken_back.dispute_told(uow, provider, told)
        case port.RefundTold():
            return taken_back.refund_told(uow, provider, told)
        case port.NothingToUs():
            return False
        case _:
            assert_never(told)


def _payout_told(uow: UnitOfWork, provider: str, event_id: str, payout: port.Payout) -> bool:
    """How a payment stands at the provider: there, back again, or in part, which is a matter for a person.

    When all of it is back, nothing has moved, whatever the provider's amount was.
    """
    told = Told.CAME_BACK if payout.back_minor else Told.PAID
    amount = payout.back_minor or payout.amount_minor
    if payout.back_minor == payout.amount_minor:
        ours = uow.session.scalar(select(Disbursement.amount_minor).where(Disbursement.key == payout.key))
        amount = ours or amount
    try:
        return handle_event(uow, provider, Notice(event_id, told, payout.key, amount, payout.provider_ref))
    except NotFound:
        return False


def _bank_returned(uow: UnitOfWork, provider: str, told: port.BankReturned) -> bool:
    """The group's bank sent it back: it lies in the group's account at the provider, and a person says what next."""
    found = uow.session.scalars(
        select(Disbursement.id).where(
            Disbursement.gateway == provider, Disbursement.provider_ref.in_(told.provider_refs)
        )
    ).all()
    for payment_id in found:
        payment, _ = locked(uow, payment_id)
        if payment.state is S.PAID:
            note_problem(
                uow,
                payment,
                f"The group's bank sent it back ({told.reason.rstrip('.')}). The money lies in the group's account "
                "with the provider. When the group puts its details right there, it is paid on by itself.",
            )
    return bool(found)


def account_stands(uow: UnitOfWork, account_id: UUID, standing: AccountStanding) -> None:
    """How a group's account stands at its provider. Awards that waited only for it are under way.

    When it can no longer be paid there, every payment to it that has not left goes on hold.
    """
    account = uow.get(PayoutAccount, account_id)
    before = account.standing
    readiness.recipient_stands(uow, account_id, standing)
    if before is AccountStanding.READY and standing is not AccountStanding.READY:
        hold_unpaid(uow, account.group_id, "The provider says that it cannot pay this group any more.", at_bank=False)


def _account_told(uow: UnitOfWork, provider: str, told: port.AccountTold) -> bool:
    account_id = payee_queries.recipient_of_ref(uow.session, provider, told.account_ref)
    if account_id is None:
        return False
    account_stands(uow, account_id, told.standing)
    return True
