"""What a provider takes back: disputes and refunds, and making them good."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from sqlalchemy import select

from grants.funds import access, queries
from grants.funds.models import Checkout, Contribution, Fund, TakenBack
from grants.funds.service.contributions import tidy_reference
from grants.kernel.errors import Conflict, NotAllowed, RuleBroken, StepRefused
from grants.kernel.money import show_pounds
from grants.kernel.work import UnitOfWork
from grants.ledger import queries as books
from grants.ledger import service as ledger
from grants.ledger.rules import Line, Pocket, moved, refunds_code
from grants.outbox import service as outbox
from grants.ports.payments import CheckoutStanding, DisputeTold, PayIn, ProviderRefused, RefundStanding, RefundTold

Working = Callable[[], AbstractContextManager[UnitOfWork]]


def dispute_told(uow: UnitOfWork, provider: str, told: DisputeTold) -> bool:
    """A payer's bank took money back, or gave it again. What was promised already is a shortfall that shows."""
    ensure_clock(uow)
    checkout = _paid_checkout(uow, provider, told.payment_ref)
    if checkout is None:
        return False
    contribution, taken = _locked_taken(uow, checkout, told.dispute_ref)
    if taken is None and told.taken_minor:
        why = f"The payer's bank took it back: {told.reason or 'it gave no reason'}."
        taken = _charge_back(uow, contribution, checkout, told.dispute_ref, told.taken_minor, why)
    elif taken is not None and not taken.over and not told.taken_minor:
        _undo(uow, contribution, taken)
    if taken is not None:
        taken.over = taken.over or told.over
    return True


def refund(uow: UnitOfWork, checkout_id: UUID, amount_minor: int, reason: str) -> TakenBack:
    """Give money that came through a provider back the way it came. Only what is promised to nobody can go.

    It leaves the pot at once, and the provider after the commit; if the provider refuses, it is in the pot again.
    """
    checkout = uow.get(Checkout, checkout_id)
    contribution = uow.get(Contribution, checkout.contribution_id, lock=True)
    access.ensure_may_keep_money(uow.actor, contribution.fund_id)
    if checkout.state is not CheckoutStanding.PAID or checkout.payment_ref is None:
        raise StepRefused("Nothing was paid here, so nothing can go back.")
    why = " ".join(reason.split())[:300]
    if not why:
        raise RuleBroken("Say why the money goes back.", field="reason")
    gone = uow.session.scalars(select(TakenBack).where(TakenBack.checkout_id == checkout_id)).all()
    left = checkout.amount_minor - sum(one.amount_minor for one in gone if one.undone_at is None)
    free = queries.free_minor(uow.session, contribution.id)
    if not left:
        raise RuleBroken("All of this payment has gone back.", field="amount")
    if not 0 < amount_minor <= min(left, free):
        words = f"Only {show_pounds(left)} of this payment has not gone back: enter that or less."
        if free <= left:
            words = queries.why_no_more(uow.session, contribution.id, free)
        raise RuleBroken(words, field="amount")
    key = f"refund:{checkout.id}:{len(gone) + 1}"
    taken = _take(uow, contribution, checkout, key, amount_minor, why, disputed=False)
    taken.asked_by_id = uow.actor.id
    outbox.put(uow, "refund", {"taken_back_id": str(taken.id)}, key=key, subject_id=contribution.id)
    uow.record(
        "contribution.given_back",
        contribution,
        before=contribution.state,
        after=contribution.state,
        why=why,
        amount_minor=amount_minor,
    )
    return taken


def send_refund(working: Working, provider: PayIn, payload: dict[str, Any], key: str) -> None:
    """What the outbox does with a row of kind "refund".

    Before money goes, the provider is asked whether it went already: its answer may have been lost, and it forgets keys
    after a day.
    """
    with working() as uow:
        taken = uow.get(TakenBack, UUID(payload["taken_back_id"]))
        checkout_id, amount, gone = taken.checkout_id, taken.amount_minor, taken.undone_at
        payment_ref = uow.get(Checkout, checkout_id).payment_ref
    if gone is not None or payment_ref is None:
        return
    try:
        if provider.find_refund(payment_ref=payment_ref, key=key) is None:
            provider.refund(payment_ref=payment_ref, amount_minor=amount, key=key)
    except ProviderRefused as refused:
        with working() as uow:
            contribution, again = _locked_taken(uow, uow.get(Checkout, checkout_id), key)
            if again is not None and again.undone_at is None:
                again.reason = f"{again.reason} It could not go back. {refused}"[:500]
                _undo(uow, contribution, again)


def ask_again(uow: UnitOfWork, taken_back_id: UUID) -> None:
    """Have the relay give the same refund to the provider once more, which finds it if it went already."""
    taken = uow.get(TakenBack, taken_back_id)
    contribution = uow.get(Contribution, taken.contribution_id)
    access.ensure_may_keep_money(uow.actor, contribution.fund_id)
    if taken.disputed or taken.over or taken.undone_at is not None:
        raise StepRefused("What became of this money is known.")
    outbox.retry(uow, taken.key)
    uow.record(
        "contribution.refund_asked_again",
        contribution,
        before=contribution.state,
        after=contribution.state,
        amount_minor=taken.amount_minor,
    )


def refund_told(uow: UnitOfWork, provider: str, told: RefundTold) -> bool:
    """How money stands that goes back. One given in the provider's own pages is taken in like a dispute."""
    ensure_clock(uow)
    checkout = _paid_checkout(uow, provider, told.payment_ref)
    if checkout is None:
        return False
    contribution, taken = _locked_taken(uow, checkout, told.key or told.refund_ref)
    if taken is None and told.standing is not RefundStanding.FAILED:
        why = "Somebody gave it back in the provider's own pages."
        taken = _charge_back(uow, contribution, checkout, told.refund_ref, told.amount_minor, why)
    elif taken is not None and taken.undone_at is None and told.standing is RefundStanding.FAILED:
        _undo(uow, contribution, taken)
    if taken is not None:
        taken.over = taken.over or told.standing is not RefundStanding.WAITING
    return True


def make_good(uow: UnitOfWork, taken_back_id: UUID, amount_minor: int, reference: str) -> TakenBack:
    """Write down money that came from elsewhere to make good what a payer's bank took back."""
    taken = uow.get(TakenBack, taken_back_id)
    contribution = uow.get(Contribution, taken.contribution_id, lock=True)
    taken = uow.get(TakenBack, taken_back_id, lock=True)
    access.ensure_may_keep_money(uow.actor, contribution.fund_id)
    if not 0 < amount_minor <= taken.short_minor:
        raise RuleBroken(
            f"Enter an amount between {show_pounds(1)} and {show_pounds(taken.short_minor)}."
            if taken.short_minor
            else "Nothing is missing any more.",
            field="amount",
        )
    tidy = tidy_reference(reference)
    key = f"good:{taken.id}:{tidy}"
    if books.entry(uow.session, key) is not None:
        raise Conflict("Money with this reference is written down already.", field="reference")
    ledger.post(
        uow,
        key=key,
        event="shortfall.made_good",
        fund_id=contribution.fund_id,
        memo=tidy,
        lines=[
            *ledger.into_bank(uow, contribution.fund_id, amount_minor),
            ledger.short(uow, contribution.fund_id, -amount_minor),
        ],
    )
    taken.short_minor -= amount_minor
    uow.record(
        "contribution.shortfall_covered",
        contribution,
        before=contribution.state,
        after=contribution.state,
        amount_minor=amount_minor,
    )
    return taken


def ensure_clock(uow: UnitOfWork) -> None:
    """What became of money is told by a provider, never by a person."""
    if not uow.actor.is_clock:
        raise NotAllowed("Only a provider tells what became of money.")


def _paid_checkout(uow: UnitOfWork, provider: str, payment_ref: str) -> Checkout | None:
    return uow.session.scalar(
        select(Checkout).where(
            Checkout.provider == provider,
            Checkout.payment_ref == payment_ref,
            Checkout.state == CheckoutStanding.PAID,
        )
    )


def _locked_taken(uow: UnitOfWork, checkout: Checkout, key: str) -> tuple[Contribution, TakenBack | None]:
    """The contribution, locked, and what was taken back under this key, read after that."""
    contribution = uow.get(Contribution, checkout.contribution_id, lock=True)
    taken = uow.session.scalar(select(TakenBack).where(TakenBack.key == key).execution_options(populate_existing=True))
    return contribution, taken


def _charge_back(
    uow: UnitOfWork, contribution: Contribution, checkout: Checkout, ref: str, amount_minor: int, why: str
) -> TakenBack:
    taken = _take(uow, contribution, checkout, ref, amount_minor, why, disputed=True)
    uow.record(
        "contribution.charged_back",
        contribution,
        before=contribution.state,
        after=contribution.state,
        amount_minor=taken.amount_minor,
        short_minor=taken.short_minor,
    )
    return taken


def _take(
    uow: UnitOfWork,
    contribution: Contribution,
    checkout: Checkout,
    key: str,
    amount_minor: int,
    why: str,
    *,
    disputed: bool,
) -> TakenBack:
    """Take pence out of the pot: what nobody was promised first; what is missing behind promises is a shortfall."""
    fund_id = contribution.fund_id
    uow.get(Fund, fund_id, lock=True)  # whoever promises this fund's money waits, and then reads anew
    pockets = books.pockets_of(uow.session, [contribution.id])[contribution.id]
    free = min(pockets.available_minor, amount_minor)
    missing = amount_minor - free
    lines = moved(contribution.id, free, Pocket.AVAILABLE, Pocket.RETURNED, None) if free else []
    lines += [Line(refunds_code(fund_id), free)] if free else []
    lines += [ledger.short(uow, fund_id, missing)] if missing else []
    reference = tidy_reference(key)
    lines += ledger.out_of_bank(uow, fund_id, amount_minor)
    if disputed:
        ledger.post(
            uow,
            key=f"dispute:{key}",
            event="contribution.charged_back",
            fund_id=fund_id,
            memo=reference,
            lines=lines,
        )
    else:
        ledger.post(
            uow,
            key=queries.refund_key(contribution.id, reference),
            event="contribution.given_back",
            fund_id=fund_id,
            memo=reference,
            lines=lines,
        )
    taken = TakenBack(
        checkout_id=checkout.id,
        contribution_id=contribution.id,
        key=key,
        disputed=disputed,
        amount_minor=amount_minor,
        free_minor=free,
        short_minor=missing,
        reason=why,
        told_at=uow.now,
    )
    uow.add(taken)
    return taken


def _undo(uow: UnitOfWork, contribution: Contribution, taken: TakenBack) -> None:
    """The money is ours again: free as it was, or the shortfall is gone; what others made good is owed to them."""
    fund_id = contribution.fund_id
    others = taken.amount_minor - taken.free_minor - taken.short_minor
    lines = (
        moved(contribution.id, taken.free_minor, Pocket.RETURNED, Pocket.AVAILABLE, None) if taken.free_minor else []
    )
    lines += [Line(refunds_code(fund_id), -taken.free_minor)] if taken.free_minor else []
    lines += [ledger.short(uow, fund_id, -taken.short_minor)] if taken.short_minor else []
    lines += [ledger.owe(uow, fund_id, others)] if others else []
    ledger.post(
        uow,
        key=f"undone:{taken.key}",
        event="contribution.restored",
        fund_id=fund_id,
        memo=tidy_reference(taken.key),
        lines=[*lines, *ledger.into_bank(uow, fund_id, taken.amount_minor)],
    )
    taken.undone_at, taken.over, taken.short_minor = uow.now, True, 0
    uow.record(
        "contribution.restored",
        contribution,
        before=contribution.state,
        after=contribution.state,
        amount_minor=taken.amount_minor,
    )
