"""What leaves after the commit: orders to a gateway, and asking it for money back."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from grants.awards import queries as award_queries
from grants.awards.models import Award
from grants.awards.rules import AwardState
from grants.disbursements import access
from grants.disbursements.models import Disbursement
from grants.disbursements.service.guards import S, facts_of, is_still, locked, note_problem
from grants.disbursements.service.holds import put_on_hold
from grants.disbursements.service.steps import fail, mark_sent
from grants.kernel.errors import Conflict, StepRefused
from grants.kernel.work import UnitOfWork
from grants.outbox import service as outbox
from grants.payees import queries as payee_queries
from grants.payees.queries import Destination
from grants.ports import payments as port
from grants.ports.payments import PaymentGateway, PayoutReceipt, PayoutRefused

Working = Callable[[], AbstractContextManager[UnitOfWork]]


def choose_gateway(uow: UnitOfWork, disbursement_id: UUID, chosen: str) -> str:
    """Who pays this payment: whoever was first asked, or else what its fund has chosen now, which is kept with it."""
    payment = uow.get(Disbursement, disbursement_id, lock=True)
    if payment.gateway is None and payment.state is S.AUTHORISED:
        payment.gateway = chosen
    return payment.gateway or chosen


def deliver(working: Working, gateway: PaymentGateway, payload: dict[str, Any], key: str) -> None:
    """Hand an authorised payment to the provider: what the outbox does with a row of kind "payment".

    The key stands in the books before the call. A definite no ends this attempt and the money goes back to what is
    committed. When the outcome is unknown the error goes up, and the outbox asks again later with the same key. Before
    anything is sent a second time, the provider is asked whether it has a payment with our key: providers forget keys
    after a day, and repeat a fault of theirs for as long as they know the key.
    """
    payment_id = UUID(payload["disbursement_id"])
    with working() as uow:
        order = _order(uow, payment_id, gateway)
    if order is None:
        return
    again = order.pop("again")
    try:
        receipt = _found(gateway, key) if again else None
        receipt = receipt or gateway.pay_out(**order, key=key)
    except PayoutRefused as refused:
        with working() as uow:
            payment, award = locked(uow, payment_id)
            if payment.state is S.AUTHORISED:
                payment.refused = True
                fail(uow, payment, award, str(refused) or "The provider refused it.")
        return
    except Exception as unknown:
        known = isinstance(unknown, (port.OutcomeUnknown, port.ProviderRefused))
        with working() as uow:
            payment, _ = locked(uow, payment_id)
            payment.trouble = str(unknown)[:300] if known else "No answer came that could be understood."
        raise
    with working() as uow:
        payment, award = locked(uow, payment_id)
        payment.trouble = None
        if payment.state is S.AUTHORISED:
            mark_sent(uow, payment)
        payment.provider_ref = payment.provider_ref or receipt.provider_ref


def _found(gateway: PaymentGateway, key: str) -> PayoutReceipt | None:
    found = gateway.find_payout(key)
    return PayoutReceipt(found.provider_ref) if found is not None else None


def _order(uow: UnitOfWork, payment_id: UUID, gateway: PaymentGateway) -> dict[str, Any] | None:
    """What to ask of the provider, or nothing when there is nothing to ask (any more)."""
    payment, award = locked(uow, payment_id)
    if payment.state is not S.AUTHORISED:
        return None
    again = payment.tried_at is not None
    if not again:
        if award.state is not AwardState.ACTIVE:
            payment.refused = True
            fail(uow, payment, award, "The award was stopped before the money left.")
            return None
        goes_to = _destination_with(uow, payment, award, gateway)
        account_ref = goes_to.recipient.account_ref if goes_to.recipient is not None else str(award.payee_id)
        if gateway.onboards and not (goes_to.ready and account_ref):
            payment.refused = True
            fail(uow, payment, award, _NO_RECIPIENT_YET)
            return None
        if not gateway.onboards and not is_still(payment, goes_to):
            put_on_hold(uow, payment, award, "The bank details have changed.")
            return None
        payment.gateway, payment.account_ref = gateway.name, account_ref
    payment.tried_at = payment.tried_at or uow.now
    payment.tries += 1
    return {
        "account_ref": payment.account_ref or str(award.payee_id),
        "amount_minor": payment.amount_minor,
        "reference": award.reference,
        "again": again,
    }


_NO_RECIPIENT_YET = "The group has not set up the account in which it is to be paid."


def _destination_with(uow: UnitOfWork, payment: Disbursement, award: Award, gateway: PaymentGateway) -> Destination:
    """Where a payment goes with whoever pays it: that was decided once, whatever the fund chooses later."""
    if gateway.onboards:
        return payee_queries.destination(uow.session, award.payee_id, gateway.name)
    if payment.account_id is not None:
        return payee_queries.destination(uow.session, award.payee_id, None)
    return award_queries.destination(uow.session, award)


def recall(uow: UnitOfWork, disbursement_id: UUID) -> Disbursement:
    """Have the provider send back a payment with which something is wrong. That it came is told by an event."""
    payment, award = locked(uow, disbursement_id)
    access.ensure_may_record(uow.actor, facts_of(uow, award))
    if payment.problem is None or payment.provider_ref is None or payment.gateway is None:
        raise StepRefused("There is nothing wrong with this payment that would be put right by fetching it back.")
    if payment.recalled_at is not None:
        raise Conflict("Somebody has already asked for it to be sent back.")
    payment.recalled_at = uow.now
    outbox.put(
        uow,
        "recall",
        {"disbursement_id": str(payment.id)},
        key=f"{payment.key}:recall:{int(uow.now.timestamp())}",
        subject_id=payment.id,
    )
    uow.record("payment.recalled", payment, before=payment.state, after=payment.state, award=award.id)
    return payment


def fetch_back(working: Working, gateway: PaymentGateway, payload: dict[str, Any], key: str) -> None:
    """What the outbox does with a row of kind "recall": all of it that has not come back yet, under one key."""
    with working() as uow:
        payment = uow.get(Disbursement, UUID(payload["disbursement_id"]))
        ours, amount, ref = payment.key, payment.amount_minor, payment.provider_ref
    found = gateway.find_payout(ours)
    if found is not None:
        amount, ref = found.amount_minor - found.back_minor, found.provider_ref
    if ref is not None and amount > 0:
        try:
            gateway.reverse(provider_ref=ref, amount_minor=amount, key=key)
        except port.ProviderRefused as refused:
            with working() as uow:
                payment, _ = locked(uow, UUID(payload["disbursement_id"]))
                payment.recalled_at = None
                note_problem(uow, payment, f"It could not be fetched back. {refused}")


def ask_again(uow: UnitOfWork, disbursement_id: UUID) -> None:
    """Ask the provider once more for an order whose outcome nobody knows: the same one, under the same key."""
    payment, award = locked(uow, disbursement_id)
    access.ensure_may_record(uow.actor, facts_of(uow, award))
    if payment.state is not S.AUTHORISED:
        raise StepRefused("The outcome of this payment is known.")
    outbox.retry(uow, payment.key)
    uow.record("payment.asked_again", payment, before=payment.state, after=payment.state, award=award.id)
