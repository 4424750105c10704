"""Payments on hold, and what puts them there."""

from uuid import UUID

from sqlalchemy import select

from grants.awards import queries as award_queries
from grants.awards.models import Award
from grants.disbursements import access
from grants.disbursements.models import Disbursement
from grants.disbursements.rules import STEPS
from grants.disbursements.service.guards import A, S, ensure_active, ensure_ready, facts_of, locked, reason_given
from grants.disbursements.service.steps import reverse
from grants.kernel.errors import StepRefused
from grants.kernel.keyring import KeyRing
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork
from grants.payees import service as payees
from grants.payees.models import BankAccount
from grants.ports.accounts import AccountNumbers


def hold(uow: UnitOfWork, disbursement_id: UUID, reason: str) -> Disbursement:
    """Stop a payment that has not been handed to the provider. Its money is promised again, and not on its way."""
    payment, award = locked(uow, disbursement_id)
    access.ensure_on_desk(uow.actor, facts_of(uow, award))
    if payment.tried_at is not None:
        raise StepRefused("This payment was handed to the provider. It can only arrive, fail or come back.")
    put_on_hold(uow, payment, award, reason_given(reason))
    return payment


def put_on_hold(uow: UnitOfWork, payment: Disbursement, award: Award, why: str) -> None:
    """Stop a payment; what was on its way to be sent is promised again."""
    before = payment.state
    payment.state = next_state(STEPS, before, A.HOLD)
    payment.failure = why
    uow.session.flush()
    if before is S.AUTHORISED:
        reverse(uow, award, f"{payment.key}:send", f"{payment.key}:held", "payment.held")
    uow.record("payment.held", payment, before=before, after=payment.state, why=why, award=award.id)


def release(uow: UnitOfWork, disbursement_id: UUID) -> Disbursement:
    """Let a payment on hold go on: to the account that is verified now, and to be authorised afresh.

    What had been authorised is not sent under its old key again: it is taken back, and asked for anew.
    """
    payment, award = locked(uow, disbursement_id)
    goes_to = award_queries.destination(uow.session, award)
    access.ensure_may_request(uow.actor, facts_of(uow, award, goes_to))
    ensure_active(award)
    before = payment.state
    after = next_state(STEPS, before, A.RELEASE)
    if payment.authorised_at is not None:
        raise StepRefused(
            "This payment had been authorised when it was stopped. Take it back and ask for it once more."
        )
    ensure_ready(goes_to)
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
    hold_unpaid(uow, group_id, "The bank details have changed.")
    return account


def refuse_account(uow: UnitOfWork, account_id: UUID, reason: str) -> BankAccount:
    """An officer refuses where a group's money goes. Every payment to it that has not left goes on hold."""
    account = payees.refuse(uow, account_id, reason)
    hold_unpaid(uow, account.group_id, "The bank details were refused.")
    return account


def hold_unpaid(uow: UnitOfWork, payee_id: UUID, why: str, *, at_bank: bool = True) -> None:
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
            put_on_hold(uow, payment, award, why)
