"""What happens to a fund and its contributions: started, pledged, agreed, received, given back; its books closed."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from grants.funds import access, notices, queries
from grants.funds.models import Checkout, Contribution, Fund, Funder, Receipt, TakenBack, UnspentOffer
from grants.funds.rules import (
    BENEFICIARIES,
    GROUPS,
    SPENDING,
    STEPS,
    UNSPENT_STEPS,
    ContributionAction,
    ContributionDraft,
    ContributionState,
    FundDraft,
    FunderDraft,
    MoneyDraft,
    PaysBy,
    Restriction,
    UnspentAction,
    UnspentState,
)
from grants.kernel.clock import london_day
from grants.kernel.errors import Conflict, NotAllowed, NotEnoughMoney, RuleBroken, StepRefused
from grants.kernel.money import show_pounds
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork
from grants.ledger import queries as books
from grants.ledger import service as ledger
from grants.ledger.models import PeriodClose
from grants.ledger.rules import Line, Pocket, bank_code, moved, pocket_code, refunds_code
from grants.outbox import service as outbox
from grants.ports.payments import (
    CheckoutFacts,
    CheckoutPage,
    CheckoutStanding,
    DisputeTold,
    PayIn,
    ProviderRefused,
    RefundStanding,
    RefundTold,
)


def start_fund(uow: UnitOfWork, draft: FundDraft) -> Fund:
    """Open a pot and its accounts. Refuses a name that another fund has."""
    access.ensure_may_start_fund(uow.actor)
    _ensure_new_name(uow, Fund, draft.name)
    fund = Fund(name=draft.name, purpose=draft.purpose, created_at=uow.now)
    uow.add(fund)
    ledger.open_fund(uow, fund.id)
    uow.record("fund.started", fund)
    return fund


ELSEWHERE = "Elections from elsewhere"


def fund_for_elsewhere(uow: UnitOfWork) -> Fund:
    """The fund under which finished elections elsewhere are shown; it never holds money. For the clock."""
    _ensure_clock(uow)
    known = uow.session.scalar(select(Fund).where(Fund.name == ELSEWHERE))
    if known is not None:
        return known
    fund = Fund(
        name=ELSEWHERE,
        purpose="Finished elections of other towns, read from their public files, to be shown, explained and compared. "
        "There is no money here, and nothing is paid.",
        created_at=uow.now,
    )
    uow.add(fund)
    ledger.open_fund(uow, fund.id)
    uow.record("fund.started", fund)
    return fund


def change_fund(uow: UnitOfWork, fund_id: UUID, draft: FundDraft) -> Fund:
    """Put the fund's name and purpose into better words."""
    fund = uow.get(Fund, fund_id, lock=True)
    access.ensure_may_steward(uow.actor, fund_id)
    _ensure_new_name(uow, Fund, draft.name, but=fund_id)
    fund.name, fund.purpose = draft.name, draft.purpose
    uow.record("fund.changed", fund)
    return fund


def add_funder(uow: UnitOfWork, draft: FunderDraft) -> Funder:
    """Add somebody who gives. Refuses a name that another funder has."""
    access.ensure_may_start_fund(uow.actor)
    _ensure_new_name(uow, Funder, draft.name)
    funder = Funder(name=draft.name, org_id=draft.org_id or None, created_at=uow.now)
    uow.add(funder)
    uow.record("funder.added", funder)
    return funder


def pledge(uow: UnitOfWork, fund_id: UUID, draft: ContributionDraft) -> Contribution:
    """Write down what a funder means to give, and on what terms. Nothing is in the books yet."""
    fund = uow.get(Fund, fund_id)
    access.ensure_may_steward(uow.actor, fund_id)
    funder = uow.session.get(Funder, draft.funder_id)
    if funder is None:
        raise RuleBroken("Choose a funder from the list.", field="funder_id")
    _ensure_amount(draft.amount_minor)
    contribution = Contribution(
        fund_id=fund.id,
        funder_id=funder.id,
        amount_minor=draft.amount_minor,
        state=ContributionState.PLEDGED,
        restriction=_kept(uow, draft.restriction, draft.ward_names),
        pledged_at=uow.now,
    )
    uow.add(contribution)
    uow.record(
        "contribution.pledged",
        contribution,
        after=contribution.state,
        funder=funder.id,
        amount_minor=draft.amount_minor,
        restriction=_told(draft.restriction),
    )
    return contribution


def agree(uow: UnitOfWork, contribution_id: UUID) -> Contribution:
    """The funder has agreed in writing: open the contribution's accounts and wait for the money."""
    contribution = uow.get(Contribution, contribution_id, lock=True)
    access.ensure_may_steward(uow.actor, contribution.fund_id)
    before = contribution.state
    contribution.state = next_state(STEPS, before, ContributionAction.AGREE)
    contribution.agreed_at = uow.now
    ledger.open_contribution(uow, contribution.fund_id, contribution.id)
    uow.record(
        "contribution.agreed",
        contribution,
        before=before,
        after=contribution.state,
        amount_minor=contribution.amount_minor,
    )
    return contribution


def change_amount(uow: UnitOfWork, contribution_id: UUID, amount_minor: int, why: str) -> Contribution:
    """Promise more, or less but never less than has arrived. All received: promise again instead."""
    contribution = uow.get(Contribution, contribution_id, lock=True)
    access.ensure_may_steward(uow.actor, contribution.fund_id)
    if contribution.state is ContributionState.RECEIVED:
        raise StepRefused("All of this money is here already. Add a new contribution for more.")
    _ensure_amount(amount_minor)
    arrived = _arrived_minor(uow, contribution_id)
    if amount_minor < arrived:
        raise RuleBroken(f"{show_pounds(arrived)} has arrived already: enter that or more.", field="amount")
    was, before = contribution.amount_minor, contribution.state
    contribution.amount_minor = amount_minor
    if arrived and amount_minor == arrived:
        contribution.state = next_state(STEPS, before, ContributionAction.RECEIVE)
    uow.record(
        "contribution.amount_changed",
        contribution,
        before=before,
        after=contribution.state,
        why=why,
        was_minor=was,
        amount_minor=amount_minor,
    )
    return contribution


def change_restriction(
    uow: UnitOfWork, contribution_id: UUID, restriction: Restriction, ward_names: Mapping[str, str], why: str
) -> Contribution:
    """Say anew what the money may be spent on, while none of it is promised to anybody."""
    contribution = uow.get(Contribution, contribution_id, lock=True)
    access.ensure_may_steward(uow.actor, contribution.fund_id)
    uow.get(Fund, contribution.fund_id, lock=True)  # whoever promises this fund's money waits, and then reads anew
    pockets = books.pockets_of(uow.session, [contribution_id])[contribution_id]
    spent = pockets.committed_minor + pockets.sending_minor + pockets.paid_minor
    if spent:
        raise StepRefused(
            f"{show_pounds(spent)} of this money is promised to groups already, so what it is for can no longer change."
        )
    was = queries.restriction_of(contribution)
    contribution.restriction = _kept(uow, restriction, ward_names)
    uow.record(
        "contribution.restriction_changed",
        contribution,
        before=contribution.state,
        after=contribution.state,
        why=why,
        was=_told(was),
        restriction=_told(restriction),
    )
    return contribution


def receive(uow: UnitOfWork, contribution_id: UUID, draft: MoneyDraft) -> Receipt:
    """Record money that stands on the bank statement. In parts if it came so, never more than was promised."""
    contribution = uow.get(Contribution, contribution_id, lock=True)
    access.ensure_may_keep_money(uow.actor, contribution.fund_id)
    assert uow.actor.id is not None
    before = contribution.state
    if before is ContributionState.RECEIVED:
        raise StepRefused("All of this money is here already.")
    complete = next_state(STEPS, before, ContributionAction.RECEIVE)
    _ensure_amount(draft.amount_minor)
    _ensure_not_ahead(uow, draft.on)
    missing = contribution.amount_minor - _arrived_minor(uow, contribution_id)
    if draft.amount_minor > missing:
        raise RuleBroken(
            f"Only {show_pounds(missing)} of this contribution is still to come. "
            "If the funder gives more, a steward must raise the amount first.",
            field="amount",
        )
    reference = _tidy_reference(draft.reference)
    standing = select(Receipt.id).where(Receipt.contribution_id == contribution_id, Receipt.reference == reference)
    if uow.session.scalar(standing) is not None:
        raise RuleBroken("Money with this reference is recorded already. Check the bank statement.", field="reference")
    receipt = Receipt(
        contribution_id=contribution_id,
        amount_minor=draft.amount_minor,
        reference=reference,
        received_on=draft.on,
        recorded_by_id=uow.actor.id,
        recorded_at=uow.now,
    )
    uow.add(receipt)
    ledger.post(
        uow,
        key=f"receipt:{receipt.id}",
        event="contribution.received",
        fund_id=contribution.fund_id,
        memo=reference,
        lines=[
            Line(bank_code(contribution.fund_id), draft.amount_minor),
            Line(pocket_code(contribution_id, Pocket.AVAILABLE), -draft.amount_minor),
        ],
    )
    if draft.amount_minor == missing:
        contribution.state = complete
    uow.record(
        "contribution.received",
        contribution,
        before=before,
        after=contribution.state,
        amount_minor=draft.amount_minor,
        receipt=receipt.id,
        received_on=draft.on.isoformat(),
    )
    return receipt


def give_back(uow: UnitOfWork, contribution_id: UUID, draft: MoneyDraft) -> None:
    """Record money that went back to its funder. Only what is promised to nobody can go."""
    contribution = uow.get(Contribution, contribution_id, lock=True)
    access.ensure_may_keep_money(uow.actor, contribution.fund_id)
    if contribution.state is ContributionState.PLEDGED:
        raise StepRefused("None of this money has arrived, so none can go back.")
    _ensure_amount(draft.amount_minor)
    _ensure_not_ahead(uow, draft.on)
    if not draft.reason:
        raise RuleBroken("Say why the money goes back.", field="reason")
    reference = _tidy_reference(draft.reference)
    key = queries.refund_key(contribution_id, reference)
    if books.entry(uow.session, key) is not None:
        raise RuleBroken("A payment with this reference is recorded already.", field="reference")
    try:
        ledger.post(
            uow,
            key=key,
            event="contribution.given_back",
            fund_id=contribution.fund_id,
            memo=reference,
            lines=[
                *moved(contribution_id, draft.amount_minor, Pocket.AVAILABLE, Pocket.RETURNED, None),
                Line(refunds_code(contribution.fund_id), draft.amount_minor),
                Line(bank_code(contribution.fund_id), -draft.amount_minor),
            ],
        )
    except NotEnoughMoney as short:
        free = draft.amount_minor - short.shortfall_minor
        raise RuleBroken(
            f"Only {show_pounds(free)} of this money is promised to nobody: enter that or less.", field="amount"
        ) from short
    _settle_unspent(uow, contribution_id, draft.amount_minor)
    uow.record(
        "contribution.given_back",
        contribution,
        before=contribution.state,
        after=contribution.state,
        why=draft.reason,
        amount_minor=draft.amount_minor,
        given_back_on=draft.on.isoformat(),
    )


# ---------------------------------------------------------------- unspent money, and last days


def offer_unspent(uow: UnitOfWork, contribution_id: UUID, reason: str) -> UnspentOffer:
    """Ask the funder what is to become of money that nobody was promised: one question at a time."""
    one = uow.get(Contribution, contribution_id, lock=True)
    access.ensure_may_steward(uow.actor, one.fund_id)
    assert uow.actor.id is not None
    if not reason.strip():
        raise RuleBroken("Say why you ask. The funder reads it.", field="reason")
    if any(x.state in (UnspentState.OFFERED, UnspentState.TO_RETURN) for x in queries.unspent(uow.session, one.id)):
        raise StepRefused("The funder has been asked already.")
    free = books.pockets_of(uow.session, [one.id])[one.id].available_minor
    if not free:
        raise StepRefused("None of this money is free: there is nothing to offer back.")
    offer = UnspentOffer(
        contribution_id=one.id,
        amount_minor=free,
        state=UnspentState.OFFERED,
        reason=reason.strip()[:500],
        offered_by_id=uow.actor.id,
        offered_at=uow.now,
    )
    uow.add(offer)
    uow.record("contribution.unspent_offered", one, why=offer.reason, amount_minor=free, offer=offer.id)
    notices.unspent_offered(uow, offer)
    return offer


def withdraw_unspent(uow: UnitOfWork, offer_id: UUID) -> UnspentOffer:
    """Take the question back: the money is needed after all, or nobody answers."""
    offer = uow.get(UnspentOffer, offer_id, lock=True)
    access.ensure_may_steward(uow.actor, offer.contribution.fund_id)
    offer.state = next_state(UNSPENT_STEPS, offer.state, UnspentAction.WITHDRAW)
    uow.record("contribution.unspent_withdrawn", offer.contribution, offer=offer.id)
    return offer


def carry_over(uow: UnitOfWork, offer_id: UUID, spend_by: date | None) -> UnspentOffer:
    """The funder lets its money stay; with a later last day, or with none, which then is what the money says."""
    offer = _answered(uow, offer_id, UnspentAction.CARRY_OVER)
    one = offer.contribution
    uow.get(Fund, one.fund_id, lock=True)  # whoever promises this fund's money waits, and then reads anew
    was = queries.restriction_of(one).spend_by
    if spend_by is not None and spend_by < max(was or spend_by, london_day(uow.now)):
        raise RuleBroken("Choose a day that is not before the one that holds now, nor in the past.", field="spend_by")
    offer.spend_by = spend_by
    one.restriction = {**(one.restriction or {}), "spend_by": spend_by.isoformat() if spend_by else None}
    uow.record(
        "contribution.carried_over",
        one,
        amount_minor=offer.amount_minor,
        offer=offer.id,
        was=was.isoformat() if was else None,
        spend_by=spend_by.isoformat() if spend_by else None,
        restriction=_told(queries.restriction_of(one)),
    )
    notices.unspent_answered(uow, offer)
    return offer


def ask_back(uow: UnitOfWork, offer_id: UUID) -> UnspentOffer:
    """The funder wants its money back: from now on it is promised to nobody, until a finance officer has paid it."""
    offer = _answered(uow, offer_id, UnspentAction.ASK_BACK)
    one = offer.contribution
    uow.get(Fund, one.fund_id, lock=True)
    free = books.pockets_of(uow.session, [one.id])[one.id].available_minor
    if not free:
        raise StepRefused("All of this money has been promised to groups since you were asked.")
    offer.amount_minor = min(offer.amount_minor, free)
    uow.record("contribution.asked_back", one, amount_minor=offer.amount_minor, offer=offer.id)
    notices.unspent_answered(uow, offer)
    return offer


def _answered(uow: UnitOfWork, offer_id: UUID, action: UnspentAction) -> UnspentOffer:
    offer = uow.get(UnspentOffer, offer_id, lock=True)
    access.ensure_may_answer_unspent(uow.actor, offer.contribution.funder_id)
    offer.state = next_state(UNSPENT_STEPS, offer.state, action)
    offer.answered_by_id, offer.answered_at = uow.actor.id, uow.now
    return offer


def _settle_unspent(uow: UnitOfWork, contribution_id: UUID, amount_minor: int) -> None:
    """Money went back: what was asked back is settled by it, whole or in part."""
    for offer in queries.unspent(uow.session, contribution_id):
        if offer.state is UnspentState.TO_RETURN:
            if amount_minor >= offer.amount_minor:
                offer.state = next_state(UNSPENT_STEPS, offer.state, UnspentAction.RETURN)
            else:
                offer.amount_minor -= amount_minor


def warn_of_last_days(uow: UnitOfWork) -> int:
    """Write once to the stewards of every fund whose free money must soon be promised. Safe to run twice."""
    if not uow.actor.is_clock:
        raise NotAllowed("The clock warns.")
    warned = 0
    for near in queries.ending(uow.session, london_day(uow.now)):
        one = near.contribution
        if one.warned_for == near.spend_by:
            continue
        one.warned_for = near.spend_by
        uow.record(
            "contribution.last_day_warned", one, spend_by=near.spend_by.isoformat(), amount_minor=near.free_minor
        )
        notices.last_day_near(uow, one, near.spend_by, near.free_minor)
        warned += 1
    return warned


def close_books(uow: UnitOfWork, fund_id: UUID, through: date) -> PeriodClose:
    """Close the fund's books to the end of a day, for good."""
    fund = uow.get(Fund, fund_id, lock=True)
    access.ensure_may_keep_money(uow.actor, fund_id)
    close = ledger.close_period(uow, fund_id, through)
    uow.record("fund.books_closed", fund, through=through.isoformat(), lines=close.postings, seal=close.seal)
    return close


def _arrived_minor(uow: UnitOfWork, contribution_id: UUID) -> int:
    return queries.received_minor(uow.session, [contribution_id])[contribution_id]


def _ensure_new_name(uow: UnitOfWork, model: type[Fund] | type[Funder], name: str, but: UUID | None = None) -> None:
    standing = uow.session.scalar(select(model.id).where(func.lower(model.name) == name.lower()))
    if standing not in (None, but):
        word = model.__tablename__
        raise RuleBroken(f"There is a {word} of this name already: choose another name.", field="name")


def _ensure_amount(amount_minor: int) -> None:
    if amount_minor <= 0:
        raise RuleBroken("Enter an amount above nought.", field="amount")


def _ensure_not_ahead(uow: UnitOfWork, on: date) -> None:
    if on > london_day(uow.now):
        raise RuleBroken("This day has not come yet: enter the day on the bank statement.", field="on")


def _tidy_reference(reference: str) -> str:
    """One reference is one reference, however it is typed: capitals, single blanks."""
    tidy = " ".join(reference.split()).upper()
    if not tidy or len(tidy) > 60:
        raise RuleBroken("Enter the bank's reference, up to 60 characters.", field="reference")
    return tidy


def _told(restriction: Restriction) -> dict[str, Any]:
    return {
        "ward_codes": sorted(restriction.ward_codes),
        "imd_deciles": sorted(restriction.imd_deciles),
        "priority_ids": sorted(str(id) for id in restriction.priority_ids),
        "beneficiaries": sorted(restriction.beneficiaries),
        "group_kinds": sorted(restriction.group_kinds),
        "spending": restriction.spending,
        "spend_by": restriction.spend_by.isoformat() if restriction.spend_by else None,
    }


def _kept(uow: UnitOfWork, restriction: Restriction, ward_names: Mapping[str, str]) -> dict[str, Any]:
    if not restriction.imd_deciles <= set(range(1, 11)):
        raise RuleBroken("A deprivation decile is a number from 1 to 10.", field="imd_deciles")
    if not restriction.priority_ids <= set(queries.names_for(uow.session).priorities):
        raise RuleBroken("Choose priorities from the list.", field="priority_ids")
    for chosen, known, at in (
        (restriction.beneficiaries, BENEFICIARIES, "beneficiaries"),
        (restriction.group_kinds, GROUPS, "group_kinds"),
        (frozenset(filter(None, [restriction.spending])), SPENDING, "spending"),
    ):
        if not chosen <= set(known):
            raise RuleBroken("Choose from the list.", field=at)
    if restriction.spend_by is not None and restriction.spend_by < london_day(uow.now):
        raise RuleBroken("This day has passed. Choose a later day, or leave it empty.", field="spend_by")
    names = {code: ward_names[code] for code in sorted(restriction.ward_codes) if code in ward_names}
    return {**_told(restriction), "ward_names": names}


# -------------------------------------------------------------------------------------- money through a provider's page

Working = Callable[[], AbstractContextManager[UnitOfWork]]
LEAST_MINOR = 100
"""Providers take no payment of a few pence."""


def choose_payments(uow: UnitOfWork, fund_id: UUID, pays_by: PaysBy) -> Fund:
    """Say how this fund's groups are paid from now on. What is on its way already goes on as it began."""
    fund = uow.get(Fund, fund_id, lock=True)
    access.ensure_may_steward(uow.actor, fund_id)
    before, fund.pays_by = fund.pays_by, pays_by
    uow.record("fund.payments_changed", fund, before=before, after=pays_by)
    return fund


def start_checkout(uow: UnitOfWork, contribution_id: UUID, amount_minor: int, provider: str) -> Checkout:
    """Begin to pay a contribution, or part of it, through a provider's page; one at a time, so that none is paid twice.

    Whoever has begun goes on with the page that is open.
    """
    contribution = uow.get(Contribution, contribution_id, lock=True)
    access.ensure_may_pay_in(uow.actor, contribution.fund_id, contribution.funder_id)
    assert uow.actor.id is not None
    if contribution.state is not ContributionState.AGREED:
        raise StepRefused("This contribution cannot be paid now: it is not agreed yet, or all of it is here.")
    missing = contribution.amount_minor - _arrived_minor(uow, contribution_id)
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
    _ensure_clock(uow)
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
    missing = contribution.amount_minor - _arrived_minor(uow, contribution.id)
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
    receipt = Receipt(
        contribution_id=contribution.id,
        amount_minor=amount,
        reference=_tidy_reference(f"{checkout.provider} {checkout.payment_ref or checkout.provider_ref}"),
        received_on=london_day(uow.now),
        recorded_by_id=None,
        recorded_at=uow.now,
    )
    uow.add(receipt)
    ledger.post(
        uow,
        key=f"receipt:{receipt.id}",
        event="contribution.received",
        fund_id=contribution.fund_id,
        memo=receipt.reference,
        lines=[
            *ledger.into_bank(uow, contribution.fund_id, amount),
            Line(pocket_code(contribution.id, Pocket.AVAILABLE), -amount),
        ],
    )
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


def dispute_told(uow: UnitOfWork, provider: str, told: DisputeTold) -> bool:
    """A payer's bank took money back, or gave it again. What was promised already is a shortfall that shows."""
    _ensure_clock(uow)
    checkout = _paid_checkout(uow, provider, told.payment_ref)
    if checkout is None:
        return False
    contribution, taken = _locked_taken(uow, checkout, told.dispute_ref)
    if taken is None and told.taken_minor:
        why = f"The payer's bank took it back: {told.reason or 'it gave no reason'}."
        taken = _take(uow, contribution, checkout, told.dispute_ref, told.taken_minor, why, disputed=True)
        uow.record(
            "contribution.charged_back",
            contribution,
            before=contribution.state,
            after=contribution.state,
            amount_minor=taken.amount_minor,
            short_minor=taken.short_minor,
        )
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
    free = books.pockets_of(uow.session, [contribution.id])[contribution.id].available_minor
    most = min(left, free)
    if not 0 < amount_minor <= most:
        raise RuleBroken(
            f"Enter an amount between {show_pounds(1)} and {show_pounds(most)}: the rest is promised to groups, or has "
            "gone back." if most else "None of it can go back: it is promised to groups, or has gone back.",
            field="amount",
        )  # fmt: skip
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
    """What the outbox does with a row of kind "refund"."""
    with working() as uow:
        taken = uow.get(TakenBack, UUID(payload["taken_back_id"]))
        checkout_id, amount, gone = taken.checkout_id, taken.amount_minor, taken.undone_at
        payment_ref = uow.get(Checkout, checkout_id).payment_ref
    if gone is not None or payment_ref is None:
        return
    try:
        provider.refund(payment_ref=payment_ref, amount_minor=amount, key=key)
    except ProviderRefused as refused:
        with working() as uow:
            contribution, again = _locked_taken(uow, uow.get(Checkout, checkout_id), key)
            if again is not None and again.undone_at is None:
                again.reason = f"{again.reason} It could not go back. {refused}"[:500]
                _undo(uow, contribution, again)


def refund_told(uow: UnitOfWork, provider: str, told: RefundTold) -> bool:
    """How money stands that goes back. One given in the provider's own pages is taken in like a dispute."""
    _ensure_clock(uow)
    checkout = _paid_checkout(uow, provider, told.payment_ref)
    if checkout is None:
        return False
    contribution, taken = _locked_taken(uow, checkout, told.key or told.refund_ref)
    if taken is None and told.standing is not RefundStanding.FAILED:
        why = "Somebody gave it back in the provider's own pages."
        taken = _take(uow, contribution, checkout, told.refund_ref, told.amount_minor, why, disputed=True)
        uow.record(
            "contribution.charged_back",
            contribution,
            before=contribution.state,
            after=contribution.state,
            amount_minor=taken.amount_minor,
            short_minor=taken.short_minor,
        )
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
    tidy = _tidy_reference(reference)
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


def _ensure_clock(uow: UnitOfWork) -> None:
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
    reference = _tidy_reference(key)
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
        memo=_tidy_reference(taken.key),
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
