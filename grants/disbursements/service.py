"""Ask, authorise, hold, send, settle, get back. The only writer of payments, provider events, repayments and limits."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any, assert_never
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from grants.awards import queries as award_queries
from grants.awards import service as awards
from grants.awards.models import Award, Instalment
from grants.awards.rules import AwardState
from grants.disbursements import access, notices, queries
from grants.disbursements.access import Facts
from grants.disbursements.models import Disbursement, MoneyReturn, PaymentLimit, ProviderEvent, Repayment
from grants.disbursements.rules import (
    REPAY_DAYS,
    REPAYMENT_STEPS,
    STEPS,
    DisbursementAction,
    DisbursementState,
    Notice,
    RepaymentAction,
    RepaymentState,
    Told,
    payment_key,
)
from grants.funds import queries as fund_queries
from grants.funds.models import Fund
from grants.funds.rules import PaysBy, return_split
from grants.funds.service import checkouts, taken_back
from grants.kernel.actors import Role
from grants.kernel.clock import london_day
from grants.kernel.errors import Conflict, NotAllowed, NotEnoughMoney, NotFound, RuleBroken, StepRefused
from grants.kernel.keyring import KeyRing
from grants.kernel.money import show_pounds
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork
from grants.ledger import service as ledger
from grants.ledger.queries import award_pockets, lines_of
from grants.ledger.rules import Line, Pocket, bank_code, grants_code, moved
from grants.outbox import service as outbox
from grants.payees import queries as payee_queries
from grants.payees import service as payees
from grants.payees.models import BankAccount, PayoutAccount
from grants.payees.queries import Destination
from grants.people import queries as people
from grants.ports import payments as port
from grants.ports.accounts import AccountNumbers
from grants.ports.payments import AccountStanding, PaymentGateway, PayoutReceipt, PayoutRefused
from grants.review import queries as review

NO_ACCOUNT = "The bank account of this payee is not verified, so nothing can be paid to it."
NO_RECIPIENT = "The payee's account with the payment company is not ready, so nothing can be paid into it."
Working = Callable[[], AbstractContextManager[UnitOfWork]]
S, A = DisbursementState, DisbursementAction


def request(uow: UnitOfWork, instalment_id: UUID) -> Disbursement:
    """Ask that an instalment be paid. Counts it against the award, so that all payments stay within it."""
    part = uow.get(Instalment, instalment_id)
    award = uow.get(Award, part.award_id, lock=True)
    part = uow.get(Instalment, instalment_id, lock=True)  # a change of the award may have made it another
    goes_to = award_queries.destination(uow.session, award)
    access.ensure_may_request(uow.actor, _facts(uow, award, goes_to))
    _ensure_active(award)
    if london_day(uow.now) < part.due_on:
        raise StepRefused(f"This part is not to be paid before {part.due_on.day} {part.due_on:%B %Y}.")
    if part.condition and part.met_at is None:
        raise StepRefused(
            f"Something must happen before this part is paid: {part.condition} A steward says when it has."
        )
    _ensure_ready(goes_to)
    before = uow.session.scalar(
        select(func.max(Disbursement.attempt)).where(Disbursement.instalment_id == instalment_id)
    )
    attempt = (before or 0) + 1
    awards.take_for_payment(uow, award.id, part.amount_minor)
    awards.part_asked(uow, part.id)
    assert uow.actor.id is not None
    payment = Disbursement(
        award_id=award.id,
        instalment_id=part.id,
        attempt=attempt,
        amount_minor=part.amount_minor,
        state=S.REQUESTED,
        key=payment_key(part.id, attempt),
        account_id=goes_to.account.id if goes_to.account is not None else None,
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
    """Let a payment go: somebody other than who asked. It leaves after the commit, under its own key.

    Above what this officer may let go alone it stays as it is, and waits for a second officer.
    """
    payment = uow.get(Disbursement, disbursement_id)
    award = uow.get(Award, payment.award_id, lock=True)
    goes_to = award_queries.destination(uow.session, award)
    access.ensure_may_authorise(uow.actor, _facts(uow, award, goes_to, payment))
    _ensure_active(award)
    next_state(STEPS, payment.state, A.AUTHORISE)
    if not goes_to.ready:
        raise StepRefused(f"{_not_ready(goes_to)} Put the payment on hold until it is.")
    if not _is_still(payment, goes_to):
        raise StepRefused("Where this group is paid has changed since. Put the payment on hold, then let it go on.")
    assert uow.actor.id is not None
    if payment.first_by_id is None and payment.amount_minor > queries.limit_of(uow.session, uow.actor.id):
        _second(uow, payment)
        return payment
    _claim(uow, payment)
    held = {
        id: pockets.committed_minor
        for id, pockets in award_pockets(uow.session, [award.id])[award.id].items()
        if pockets.committed_minor
    }
    shares = return_split(held, payment.amount_minor)
    _ensure_behind(uow, award, shares)
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


def _ensure_behind(uow: UnitOfWork, award: Award, shares: Mapping[UUID, int]) -> None:
    """Refuse (``NotEnoughMoney``) to send what a payer's bank has taken back meanwhile, and nobody made good.

    Whoever takes money back waits for the fund, as every other who lets money of it go: what is read here stands.
    """
    uow.get(Fund, award.fund_id, lock=True)
    _judge_behind(shares, fund_queries.behind_minor(uow.session, list(shares)))


def _judge_behind(shares: Mapping[UUID, int], behind: Mapping[UUID, int]) -> None:
    missing = sum(max(0, minor - behind[id]) for id, minor in shares.items())
    if missing:
        raise NotEnoughMoney(
            f"{show_pounds(missing)} of this payment is missing: the bank of whoever gave it took it back. A finance "
            "officer writes down, on the page of that contribution, money that makes it good; then authorise this "
            "again. Or take the request back, and let the award change.",
            missing,
        )


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


def _second(uow: UnitOfWork, payment: Disbursement) -> None:
    """Write down the first of two authorisers: of two at once, one is the first."""
    claimed = uow.session.execute(
        update(Disbursement)
        .where(Disbursement.id == payment.id, Disbursement.state == S.REQUESTED, Disbursement.first_by_id.is_(None))
        .values(first_by_id=uow.actor.id, first_at=uow.now)
        .returning(Disbursement.id)
        .execution_options(synchronize_session=False)
    ).scalar()
    if claimed is None:
        raise Conflict("Somebody has already dealt with this payment.")
    uow.session.refresh(payment)
    uow.record("payment.authorised_first", payment, award=payment.award_id, amount_minor=payment.amount_minor)


def _facts(
    uow: UnitOfWork, award: Award, goes_to: Destination | None = None, payment: Disbursement | None = None
) -> Facts:
    """Who did what in this payment's history, and who has an interest in the bid behind it."""
    proposal = award.proposal
    declared = review.recused(uow.session, award.round_id)
    pairs = review.interested(uow.session, [proposal]) | {pair for pair in declared if pair[0] == proposal.id}
    return Facts(
        award.fund_id,
        award.group_id,
        award.payee_id,
        goes_to.verified_by_id if goes_to is not None else None,
        frozenset(person_id for _, person_id in pairs),
        payment.requested_by_id if payment is not None else None,
        payment.first_by_id if payment is not None else None,
    )


def cancel(uow: UnitOfWork, disbursement_id: UUID, reason: str) -> Disbursement:
    """Take back a request that nobody has authorised yet, or a payment that is on hold."""
    payment, award = _locked(uow, disbursement_id)
    access.ensure_on_desk(uow.actor, _facts(uow, award))
    if payment.state not in (S.REQUESTED, S.ON_HOLD):
        raise StepRefused("This payment was authorised already. It can only arrive, fail or come back.")
    why = _why(reason)
    before = payment.state
    payment.state = next_state(STEPS, before, A.CANCEL)
    payment.failure = why
    uow.session.flush()
    awards.give_up_payment(uow, award.id, payment.amount_minor)
    uow.record("payment.cancelled", payment, before=before, after=payment.state, why=why, award=award.id)
    return payment


def _why(reason: str) -> str:
    why = " ".join(reason.split())[:300]
    if not why:
        raise RuleBroken("Say why.", field="reason")
    return why


# ----------------------------------------------------------------------------------------------------------- on hold


def hold(uow: UnitOfWork, disbursement_id: UUID, reason: str) -> Disbursement:
    """Stop a payment that has not been handed to the provider. Its money is promised again, and not on its way."""
    payment, award = _locked(uow, disbursement_id)
    access.ensure_on_desk(uow.actor, _facts(uow, award))
    if payment.tried_at is not None:
        raise StepRefused("This payment was handed to the provider. It can only arrive, fail or come back.")
    _hold(uow, payment, award, _why(reason))
    return payment


def _hold(uow: UnitOfWork, payment: Disbursement, award: Award, why: str) -> None:
    before = payment.state
    payment.state = next_state(STEPS, before, A.HOLD)
    payment.failure = why
    uow.session.flush()
    if before is S.AUTHORISED:
        _reverse(uow, award, f"{payment.key}:send", f"{payment.key}:held", "payment.held")
    uow.record("payment.held", payment, before=before, after=payment.state, why=why, award=award.id)


def release(uow: UnitOfWork, disbursement_id: UUID) -> Disbursement:
    """Let a payment on hold go on: to the account that is verified now, and to be authorised afresh.

    What had been authorised is not sent under its old key again: it is taken back, and asked for anew.
    """
    payment, award = _locked(uow, disbursement_id)
    goes_to = award_queries.destination(uow.session, award)
    access.ensure_may_request(uow.actor, _facts(uow, award, goes_to))
    _ensure_active(award)
    before = payment.state
    after = next_state(STEPS, before, A.RELEASE)
    if payment.authorised_at is not None:
        raise StepRefused(
            "This payment had been authorised when it was stopped. Take it back and ask for it once more."
        )
    _ensure_ready(goes_to)
    assert uow.actor.id is not None
    payment.state, payment.failure = after, None
    payment.account_id = goes_to.account.id if goes_to.account is not None else None
    payment.first_by_id = payment.first_at = None
    payment.requested_by_id, payment.requested_at = uow.actor.id, uow.now
    uow.record("payment.released", payment, before=before, after=after, award=award.id)
    return payment


def give_account(
    uow: UnitOfWork, keys: KeyRing, numbers: AccountNumbers, group_id: UUID, name: str, sort_code: str, number: str
) -> BankAccount:
    """A member gives where the group's money goes. Every payment that has not left goes on hold."""
    account = payees.give(uow, keys, numbers, group_id, name, sort_code, number)
    _hold_unpaid(uow, group_id, "The bank details have changed.")
    return account


def refuse_account(uow: UnitOfWork, account_id: UUID, reason: str) -> BankAccount:
    """An officer refuses where a group's money goes. Every payment to it that has not left goes on hold."""
    account = payees.refuse(uow, account_id, reason)
    _hold_unpaid(uow, account.group_id, "The bank details were refused.")
    return account


def _hold_unpaid(uow: UnitOfWork, payee_id: UUID, why: str, *, at_bank: bool = True) -> None:
    """Stop what goes to the group's bank account (``at_bank``), or to its account at a provider."""
    uow.session.flush()
    for award_id in award_queries.holding_for(uow.session, payee_id):
        award = uow.get(Award, award_id, lock=True)
        for payment in uow.session.scalars(
            select(Disbursement)
            .where(
                Disbursement.award_id == award.id,
                Disbursement.state.in_((S.REQUESTED, S.AUTHORISED)),
                Disbursement.tried_at.is_(None),
                Disbursement.account_id.is_not(None) if at_bank else Disbursement.account_id.is_(None),
            )
            .order_by(Disbursement.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).all():
            _hold(uow, payment, award, why)


def _ensure_ready(goes_to: Destination) -> None:
    if not goes_to.ready:
        raise StepRefused(_not_ready(goes_to))


def _not_ready(goes_to: Destination) -> str:
    return NO_ACCOUNT if goes_to.provider is None else NO_RECIPIENT


def _is_still(payment: Disbursement, goes_to: Destination) -> bool:
    """Whether the payment goes where it went when it was asked for, and that can be paid."""
    account_id = goes_to.account.id if goes_to.account is not None else None
    return goes_to.ready and payment.account_id == account_id


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
            payment, award = _locked(uow, payment_id)
            if payment.state is S.AUTHORISED:
                payment.refused = True
                _fail(uow, payment, award, str(refused) or "The provider refused it.")
        return
    except Exception as unknown:
        known = isinstance(unknown, (port.OutcomeUnknown, port.ProviderRefused))
        with working() as uow:
            payment, _ = _locked(uow, payment_id)
            payment.trouble = str(unknown)[:300] if known else "No answer came that could be understood."
        raise
    with working() as uow:
        payment, award = _locked(uow, payment_id)
        payment.trouble = None
        if payment.state is S.AUTHORISED:
            _sent(uow, payment)
        payment.provider_ref = payment.provider_ref or receipt.provider_ref


def _found(gateway: PaymentGateway, key: str) -> PayoutReceipt | None:
    found = gateway.find_payout(key)
    return PayoutReceipt(found.provider_ref) if found is not None else None


def _order(uow: UnitOfWork, payment_id: UUID, gateway: PaymentGateway) -> dict[str, Any] | None:
    """What to ask of the provider, or nothing when there is nothing to ask (any more)."""
    payment, award = _locked(uow, payment_id)
    if payment.state is not S.AUTHORISED:
        return None
    again = payment.tried_at is not None
    if not again:
        if award.state is not AwardState.ACTIVE:
            payment.refused = True
            _fail(uow, payment, award, "The award was stopped before the money left.")
            return None
        goes_to = _destination_with(uow, payment, award, gateway)
        account_ref = goes_to.recipient.account_ref if goes_to.recipient is not None else str(award.payee_id)
        if gateway.onboards and not (goes_to.ready and account_ref):
            payment.refused = True
            _fail(uow, payment, award, _NO_RECIPIENT_YET)
            return None
        if not gateway.onboards and not _is_still(payment, goes_to):
            _hold(uow, payment, award, "The bank details have changed.")
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
    """Take in one event of a provider about a payment; False when it is known already.

    The event's id is written first, in the transaction of its effect. The state only goes forward, so events that come
    late or in another order change nothing. What does not agree with the books (another amount, money that moved after
    a definite no) pays nothing: it is kept with the payment as a problem that a person must look at. Raises
    ``NotFound`` for a payment that is not ours.
    """
    _ensure_clock(uow)
    return _take_notice(uow, provider, notice)


def _ensure_clock(uow: UnitOfWork) -> None:
    if not uow.actor.is_clock:
        raise NotAllowed("Only a provider tells what became of money.")


def told_by_bank(uow: UnitOfWork, notice: Notice) -> bool:
    """What a finance office's file or a line of the bank statement says of a payment, brought by a finance officer."""
    payment = uow.session.scalar(select(Disbursement).where(Disbursement.key == notice.key))
    if payment is None:
        raise NotFound("There is no such payment.")
    award = uow.get(Award, payment.award_id)
    access.ensure_may_record(uow.actor, _facts(uow, award))
    return _take_notice(uow, PaysBy.BANK_RUN, notice)


def hand_over(uow: UnitOfWork, disbursement_id: UUID, reference: str) -> Disbursement:
    """A payment went to a finance office in a bank run; refused when it was stopped or is paid in another way."""
    payment, award = _locked(uow, disbursement_id)
    access.ensure_may_record(uow.actor, _facts(uow, award))
    _ensure_active(award)
    if payment.state is not S.AUTHORISED or payment.gateway not in (None, PaysBy.BANK_RUN):
        raise StepRefused("This payment does not wait for a bank run any more.")
    payment.gateway, payment.provider_ref = PaysBy.BANK_RUN, reference
    payment.tried_at, payment.tries = uow.now, 1
    _sent(uow, payment)
    return payment


def _take_notice(uow: UnitOfWork, provider: str, notice: Notice) -> bool:
    payment_id = uow.session.scalar(select(Disbursement.id).where(Disbursement.key == notice.key))
    if payment_id is None:
        raise NotFound("There is no such payment.")
    if not _is_new(uow, provider, notice.id, notice.told.value, {**asdict(notice), "told": notice.told.value}):
        return False
    payment, award = _locked(uow, payment_id)
    if notice.provider_ref and payment.provider_ref is None:
        payment.provider_ref = notice.provider_ref
    if notice.amount_minor != payment.amount_minor:
        _problem(
            uow,
            payment,
            f"The provider tells of {_shown(notice.amount_minor)}, and we sent {show_pounds(payment.amount_minor)}.",
        )
    elif notice.told is Told.PAID and payment.state is S.FAILED and payment.refused:
        _problem(uow, payment, "The provider refused this payment and now tells that the money moved all the same.")
    elif notice.told is Told.PAID and payment.state in (S.AUTHORISED, S.SENT):
        if payment.state is S.AUTHORISED:
            _sent(uow, payment)
        _settle(uow, payment, award)
    elif notice.told is not Told.PAID and payment.state in (S.AUTHORISED, S.SENT):
        _fail(uow, payment, award, notice.reason or "The provider could not pay it.")
    elif notice.told is Told.CAME_BACK and payment.state is S.PAID:
        payment.problem = None
        _come_back(uow, payment, award, notice.reason or "The bank sent it back.")
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


def _problem(uow: UnitOfWork, payment: Disbursement, words: str) -> None:
    payment.problem = words[:300]
    uow.record("payment.questioned", payment, before=payment.state, after=payment.state, award=payment.award_id)


def _shown(minor: int) -> str:
    return show_pounds(minor) if minor >= 0 else "money that is not pounds"


def take_event(uow: UnitOfWork, provider: str, event: port.ProviderEvent) -> bool:
    """Take in whatever a provider tells, once, with its effect; False when it is known already or not about us."""
    _ensure_clock(uow)
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
        payment, _ = _locked(uow, payment_id)
        if payment.state is S.PAID:
            _problem(
                uow,
                payment,
                f"The group's bank sent it back ({told.reason.rstrip('.')}). The money lies in the group's account "
                "with the provider. When the group puts its details right there, it is paid on by itself.",
            )
    return bool(found)


def recall(uow: UnitOfWork, disbursement_id: UUID) -> Disbursement:
    """Have the provider send back a payment with which something is wrong. That it came is told by an event."""
    payment, award = _locked(uow, disbursement_id)
    access.ensure_may_record(uow.actor, _facts(uow, award))
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
                payment, _ = _locked(uow, UUID(payload["disbursement_id"]))
                payment.recalled_at = None
                _problem(uow, payment, f"It could not be fetched back. {refused}")


def ask_again(uow: UnitOfWork, disbursement_id: UUID) -> None:
    """Ask the provider once more for an order whose outcome nobody knows: the same one, under the same key."""
    payment, award = _locked(uow, disbursement_id)
    access.ensure_may_record(uow.actor, _facts(uow, award))
    if payment.state is not S.AUTHORISED:
        raise StepRefused("The outcome of this payment is known.")
    outbox.retry(uow, payment.key)
    uow.record("payment.asked_again", payment, before=payment.state, after=payment.state, award=award.id)


# -------------------------------------------------------------------------------------------------- groups' accounts


def account_stands(uow: UnitOfWork, account_id: UUID, standing: AccountStanding) -> None:
    """How a group's account stands at its provider. Awards that waited only for it are under way.

    When it can no longer be paid there, every payment to it that has not left goes on hold.
    """
    account = uow.get(PayoutAccount, account_id)
    before = account.standing
    awards.recipient_stands(uow, account_id, standing)
    if before is AccountStanding.READY and standing is not AccountStanding.READY:
        _hold_unpaid(uow, account.group_id, "The provider says that it cannot pay this group any more.", at_bank=False)


def _account_told(uow: UnitOfWork, provider: str, told: port.AccountTold) -> bool:
    account_id = payee_queries.recipient_of_ref(uow.session, provider, told.account_ref)
    if account_id is None:
        return False
    account_stands(uow, account_id, told.standing)
    return True


def _settle(uow: UnitOfWork, payment: Disbursement, award: Award) -> None:
    before = payment.state
    payment.state = next_state(STEPS, before, A.SETTLE)
    payment.paid_at = uow.now
    shares = _shares(uow, payment)
    lines = [line for id, minor in shares for line in moved(id, minor, Pocket.SENDING, Pocket.PAID, award.id)]
    lines += [
        Line(grants_code(award.fund_id), payment.amount_minor, award.id),
        *ledger.out_of_bank(uow, award.fund_id, payment.amount_minor, award.id),
    ]
    ledger.post(uow, key=f"{payment.key}:paid", event="payment.paid", fund_id=award.fund_id, lines=lines)
    uow.record(
        "payment.paid", payment, before=before, after=payment.state, award=award.id, amount_minor=payment.amount_minor
    )
    notices.paid(uow, award, payment)


def _come_back(uow: UnitOfWork, payment: Disbursement, award: Award, reason: str) -> None:
    """The bank sent the whole payment back: the money is promised again, or free again if the award is over.

    When the group had given some of it back already, there is more in the bank than the group ever had: a person looks.
    """
    shares = _still_there(uow, payment)
    if shares is None:
        left = award_queries.pockets(uow.session, award.id).paid_minor
        _problem(
            uow,
            payment,
            f"All of it came back, and the group had given some back before: only {show_pounds(left)} of the award was "
            "still with it. Nothing was booked. If the bank statement shows both, write that down as money that came "
            "back, and give the rest to the group again.",
        )
        return
    going_on = award.state not in (AwardState.COMPLETED, AwardState.CLOSED, AwardState.TERMINATED)
    target = Pocket.COMMITTED if going_on else Pocket.AVAILABLE
    before = payment.state
    payment.state = next_state(STEPS, before, A.RETURN)
    payment.failure = reason[:300]
    uow.session.flush()
    lines = [line for id, minor in shares.items() for line in moved(id, minor, Pocket.PAID, target, award.id)]
    lines += [
        Line(bank_code(award.fund_id), payment.amount_minor, award.id),
        Line(grants_code(award.fund_id), -payment.amount_minor, award.id),
    ]
    ledger.post(uow, key=f"{payment.key}:came_back", event="payment.came_back", fund_id=award.fund_id, lines=lines)
    awards.give_up_payment(uow, award.id, payment.amount_minor)
    uow.record("payment.came_back", payment, before=before, after=payment.state, why=payment.failure, award=award.id)
    if not going_on:
        _count_in(uow, award.id, payment.amount_minor)
        awards.close_if_settled(uow, award.id)


def _still_there(uow: UnitOfWork, payment: Disbursement) -> dict[UUID, int] | None:
    """How much of a payment that came back goes to which contribution; None when the group has less than that left."""
    held = {id: one.paid_minor for id, one in award_pockets(uow.session, [payment.award_id])[payment.award_id].items()}
    shares = dict(_shares(uow, payment))
    if all(held.get(id, 0) >= minor for id, minor in shares.items()):
        return shares
    return return_split(held, payment.amount_minor) if sum(held.values()) >= payment.amount_minor else None


def _shares(uow: UnitOfWork, payment: Disbursement) -> list[tuple[UUID, int]]:
    """From which contribution how much of this payment came: what was booked when it was authorised."""
    taken = [line for line in lines_of(uow.session, f"{payment.key}:send") if line.amount_minor > 0]
    return [(UUID(line.account.split(":")[1]), line.amount_minor) for line in taken]


# --------------------------------------------------------------------------------------------- money that groups return


def record_return(uow: UnitOfWork, award_id: UUID, amount_minor: int, reference: str, received_on: date) -> MoneyReturn:
    """Write down money that a group gave back. It goes to the contributions it came from, and the award may close."""
    award = uow.get(Award, award_id, lock=True)
    access.ensure_may_record(uow.actor, _facts(uow, award))
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
    _count_in(uow, award.id, amount_minor)
    awards.close_if_settled(uow, award.id)
    return back


def _count_in(uow: UnitOfWork, award_id: UUID, amount_minor: int) -> None:
    """Count money that came back against what was asked back."""
    asked = queries.open_repayment(uow.session, award_id)
    if asked is None:
        return
    asked = uow.get(Repayment, asked.id, lock=True)
    asked.received_minor += min(amount_minor, asked.amount_minor - asked.received_minor)
    if asked.received_minor < asked.amount_minor:
        return
    before = asked.state
    asked.state, asked.ended_at = next_state(REPAYMENT_STEPS, before, RepaymentAction.RECEIVE), uow.now
    uow.record("repayment.received", asked, before=before, after=asked.state, award=award_id)


def raise_repayment(uow: UnitOfWork, award_id: UUID, amount_minor: int, why: str) -> Repayment:
    """Ask a group to give money back: what it did not spend, or what was not spent as agreed."""
    award = uow.get(Award, award_id, lock=True)
    access.ensure_on_desk(uow.actor, _facts(uow, award))
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
        why=_why(why),
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
    access.ensure_on_desk(uow.actor, _facts(uow, award))
    next_state(REPAYMENT_STEPS, asked.state, RepaymentAction.WRITE_OFF)
    if asked.write_off_asked_by_id is not None:
        raise Conflict("Somebody has asked for this already. Another officer must agree.")
    asked.write_off_reason = _why(reason)
    asked.write_off_asked_by_id, asked.write_off_asked_at = uow.actor.id, uow.now
    uow.record("repayment.write_off_asked", asked, why=asked.write_off_reason, award=award.id)
    return asked


def answer_write_off(uow: UnitOfWork, repayment_id: UUID, *, agreed: bool) -> Repayment:
    """Another officer agrees that the rest is lost, or does not. It stays booked as paid; the award may close."""
    asked, award = _repayment(uow, repayment_id)
    access.ensure_may_write_off(uow.actor, _facts(uow, award), asked.write_off_asked_by_id)
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
    awards.write_off(uow, award.id, lost)
    return asked


def _repayment(uow: UnitOfWork, repayment_id: UUID) -> tuple[Repayment, Award]:
    asked = uow.get(Repayment, repayment_id)
    award = uow.get(Award, asked.award_id, lock=True)
    return uow.get(Repayment, repayment_id, lock=True), award


# -------------------------------------------------------------------------------------------------------------- limits


def set_limit(uow: UnitOfWork, person_id: UUID, limit_minor: int) -> PaymentLimit:
    """An admin says how much an officer may authorise alone; above it a second officer is needed."""
    access.ensure_may_set_limit(uow.actor, person_id)
    people.person(uow.session, person_id)
    if limit_minor < 0:
        raise RuleBroken("Enter £0 or more.", field="limit")
    standing = uow.session.scalar(
        select(PaymentLimit)
        .where(PaymentLimit.person_id == person_id, PaymentLimit.ended_at.is_(None))
        .with_for_update()
    )
    if standing is not None:
        standing.ended_at = uow.now
        uow.session.flush()
    assert uow.actor.id is not None
    limit = PaymentLimit(person_id=person_id, limit_minor=limit_minor, set_by_id=uow.actor.id, set_at=uow.now)
    try:
        with uow.session.begin_nested():
            uow.add(limit)
    except IntegrityError:
        raise Conflict("Somebody else set this limit just now. Look at it again.") from None
    uow.record("payment.limit_set", limit, person=person_id, limit_minor=limit_minor)
    return limit
