"""Money that a funder pays through a provider's page."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from grants.funds import access
from grants.funds.models import Checkout, Contribution
from grants.funds.rules import STEPS, ContributionAction, ContributionState
from grants.funds.service.contributions import arrived_minor, book_receipt, tidy_reference
from grants.funds.service.taken_back import ensure_clock
from grants.kernel.clock import london_day
from grants.kernel.errors import Conflict, RuleBroken, StepRefused
from grants.kernel.money import show_pounds
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork
from grants.ports.payments import CheckoutFacts, CheckoutPage, CheckoutStanding

LEAST_MINOR = 100
"""Providers take no payment of a few pence."""


def start_checkout(uow: UnitOfWork, contribution_id: UUID, amount_minor: int, provider: str) -> Checkout:
    """Begin to pay a contribution, or part of it, through a provider's page; one at a time, so that none is paid twice.

    Whoever has begun goes on with the page that is open.
    """
    contribution = uow.get(Contribution, contribution_id, lock=True)
    access.ensure_may_pay_in(uow.actor, contribution.fund_id, contribution.funder_id)
    assert uow.actor.id is not None
    if contribution.state is not ContributionState.AGREED:
        raise StepRefused("This contribution cannot be paid now: it is not agreed yet, or all of it is here.")
    missing = contribution.amount_minor - arrived_minor(uow, contribution_id)
    if not LEAST_MINOR <= amount_minor <= missing:
        raise RuleBroken(
            f"Enter an amount between {show_pounds(LEAST_MINOR)} and {show_pounds(missing)}.", field="amount"
        )
    live = (CheckoutStanding.OPEN, CheckoutStanding.WAITING)
    standing = uow.session.scalar(
        select(Checkout).where(Checkout.contribution_id == contribution_id, Checkout.state.in_(live))
    )
    if standing is not None:
        if standing.state is CheckoutStanding.OPEN and standing.amount_minor == amount_minor:
            return standing
        raise Conflict(
            f"{show_pounds(standing.amount_minor)} of it is being paid already. Wait until that has arrived, or until "
            "its page closes, a day after it was opened.",
            field="amount",
        )
    checkout = Checkout(
        contribution_id=contribution_id,
        provider=provider,
        amount_minor=amount_minor,
        state=CheckoutStanding.OPEN,
        started_by_id=uow.actor.id,
        started_at=uow.now,
    )
    try:
        with uow.session.begin_nested():
            uow.add(checkout)
    except IntegrityError:
        raise Conflict("Somebody else has just begun to pay it.", field="amount") from None
    uow.record("contribution.checkout_started", contribution, amount_minor=amount_minor, checkout=checkout.id)
    return checkout


def checkout_opened(uow: UnitOfWork, checkout_id: UUID, page: CheckoutPage) -> Checkout:
    """Keep where the provider's page is."""
    checkout = uow.get(Checkout, checkout_id, lock=True)
    access.ensure_may_pay_in(uow.actor, checkout.contribution.fund_id, checkout.contribution.funder_id)
    checkout.provider_ref = checkout.provider_ref or page.provider_ref
    checkout.url = page.url
    return checkout


def checkout_told(uow: UnitOfWork, provider: str, facts: CheckoutFacts) -> bool:
    """How a payment to us stands now, as the provider says. Credited only once it is paid, and once only.

    Another amount than was asked is not credited: it is kept as a problem for a finance officer. False for one that is
    not ours.
    """
    ensure_clock(uow)
    found = uow.session.scalar(
        select(Checkout.id).where(Checkout.provider == provider, Checkout.provider_ref == facts.provider_ref)
    ) or _id_in(facts.key)
    checkout = uow.session.get(Checkout, found) if found is not None else None
    if checkout is None or checkout.provider != provider:
        return False
    contribution = uow.get(Contribution, checkout.contribution_id, lock=True)
    checkout = uow.get(Checkout, checkout.id, lock=True)
    checkout.provider_ref = checkout.provider_ref or facts.provider_ref
    checkout.payment_ref = checkout.payment_ref or facts.payment_ref or None
    if checkout.state is CheckoutStanding.PAID:
        return True
    if facts.standing is CheckoutStanding.PAID and facts.amount_minor != checkout.amount_minor:
        told = show_pounds(facts.amount_minor) if facts.amount_minor >= 0 else "money that is not pounds"
        checkout.problem = (
            f"The provider tells of {told}, and {show_pounds(checkout.amount_minor)} was asked. Nothing was credited."
        )
        uow.record("contribution.questioned", contribution, checkout=checkout.id)
    elif facts.standing is CheckoutStanding.PAID:
        _credit(uow, contribution, checkout)
    elif _FORWARD[facts.standing] > _FORWARD[checkout.state]:
        checkout.state = facts.standing
    return True


_FORWARD = {
    CheckoutStanding.OPEN: 0,
    CheckoutStanding.WAITING: 1,
    CheckoutStanding.FAILED: 2,
    CheckoutStanding.EXPIRED: 2,
    CheckoutStanding.PAID: 3,
}
"""Events come in any order; a payment to us only goes forward."""


def _id_in(key: str) -> UUID | None:
    try:
        return UUID(key.removeprefix("checkout:")) if key.startswith("checkout:") else None
    except ValueError:
        return None


def _credit(uow: UnitOfWork, contribution: Contribution, checkout: Checkout) -> None:
    before, amount = contribution.state, checkout.amount_minor
    missing = contribution.amount_minor - arrived_minor(uow, contribution.id)
    if amount > missing:  # it came by the bank too meanwhile: they gave more than they had promised
        contribution.amount_minor += amount - missing
        uow.record(
            "contribution.amount_changed",
            contribution,
            before=before,
            after=before,
            why="More arrived than was promised.",
            was_minor=contribution.amount_minor - (amount - missing),
            amount_minor=contribution.amount_minor,
        )
    reference = tidy_reference(f"{checkout.provider} {checkout.payment_ref or checkout.provider_ref}")
    receipt = book_receipt(uow, contribution, amount, reference, london_day(uow.now), by=None)
    checkout.state, checkout.paid_at, checkout.problem = CheckoutStanding.PAID, uow.now, None
    if before is ContributionState.AGREED and amount >= missing:
        contribution.state = next_state(STEPS, before, ContributionAction.RECEIVE)
    uow.record(
        "contribution.received",
        contribution,
        before=before,
        after=contribution.state,
        amount_minor=amount,
        receipt=receipt.id,
        checkout=checkout.id,
    )
