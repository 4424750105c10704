"""Contributions: pledged, agreed, changed, received and given back."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select

from grants.funds import access, queries
from grants.funds.models import Contribution, Fund, Funder, Receipt
from grants.funds.rules import (
    BENEFICIARIES,
    GROUPS,
    SPENDING,
    STEPS,
    ContributionAction,
    ContributionDraft,
    ContributionState,
    MoneyDraft,
    Restriction,
    as_plain,
)
from grants.funds.service.unspent import settle_unspent
from grants.kernel.clock import london_day
from grants.kernel.errors import NotEnoughMoney, RuleBroken, StepRefused
from grants.kernel.money import show_pounds
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork
from grants.ledger import queries as books
from grants.ledger import service as ledger
from grants.ledger.rules import Line, Pocket, moved, pocket_code, refunds_code


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
        restriction=as_plain(draft.restriction),
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
    arrived = arrived_minor(uow, contribution_id)
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
        was=as_plain(was),
        restriction=as_plain(restriction),
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
    missing = contribution.amount_minor - arrived_minor(uow, contribution_id)
    if draft.amount_minor > missing:
        raise RuleBroken(
            f"Only {show_pounds(missing)} of this contribution is still to come. "
            "If the funder gives more, a steward must raise the amount first.",
            field="amount",
        )
    reference = tidy_reference(draft.reference)
    standing = select(Receipt.id).where(Receipt.contribution_id == contribution_id, Receipt.reference == reference)
    if uow.session.scalar(standing) is not None:
        raise RuleBroken("Money with this reference is recorded already. Check the bank statement.", field="reference")
    receipt = book_receipt(uow, contribution, draft.amount_minor, reference, draft.on, by=uow.actor.id)
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


def book_receipt(
    uow: UnitOfWork, contribution: Contribution, amount_minor: int, reference: str, on: date, *, by: UUID | None
) -> Receipt:
    """Money of a contribution that came, in pence: its receipt, and into the bank and the pot. ``by``: the officer who
    wrote it down, or nobody where a provider told of it."""
    receipt = Receipt(
        contribution_id=contribution.id,
        amount_minor=amount_minor,
        reference=reference,
        received_on=on,
        recorded_by_id=by,
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
            *ledger.into_bank(uow, contribution.fund_id, amount_minor),
            Line(pocket_code(contribution.id, Pocket.AVAILABLE), -amount_minor),
        ],
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
    reference = tidy_reference(draft.reference)
    key = queries.refund_key(contribution_id, reference)
    if books.entry(uow.session, key) is not None:
        raise RuleBroken("A payment with this reference is recorded already.", field="reference")
    free = queries.free_minor(uow.session, contribution_id)
    if draft.amount_minor > free:
        raise RuleBroken(queries.why_no_more(uow.session, contribution_id, free), field="amount")
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
                *ledger.out_of_bank(uow, contribution.fund_id, draft.amount_minor),
            ],
        )
    except NotEnoughMoney as short:
        free = draft.amount_minor - short.shortfall_minor
        raise RuleBroken(queries.why_no_more(uow.session, contribution_id, free), field="amount") from short
    settle_unspent(uow, contribution_id, draft.amount_minor)
    uow.record(
        "contribution.given_back",
        contribution,
        before=contribution.state,
        after=contribution.state,
        why=draft.reason,
        amount_minor=draft.amount_minor,
        given_back_on=draft.on.isoformat(),
    )


def arrived_minor(uow: UnitOfWork, contribution_id: UUID) -> int:
    """Pence of a contribution that came so far."""
    return queries.received_minor(uow.session, [contribution_id])[contribution_id]


def _ensure_amount(amount_minor: int) -> None:
    if amount_minor <= 0:
        raise RuleBroken("Enter an amount above nought.", field="amount")


def _ensure_not_ahead(uow: UnitOfWork, on: date) -> None:
    if on > london_day(uow.now):
        raise RuleBroken("This day has not come yet: enter the day on the bank statement.", field="on")


def tidy_reference(reference: str) -> str:
    """One reference is one reference, however it is typed: capitals, single blanks."""
    tidy = " ".join(reference.split()).upper()
    if not tidy or len(tidy) > 60:
        raise RuleBroken("Enter the bank's reference, up to 60 characters.", field="reference")
    return tidy


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
    return {**as_plain(restriction), "ward_names": names}
