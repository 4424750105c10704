"""Funds, funders, and contributions whose money is in the books."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from itertools import count
from uuid import UUID

from sqlalchemy.orm import Session

from grants.funds.models import Checkout, Contribution, Fund, Funder, Receipt, TakenBack
from grants.funds.rules import ContributionState
from grants.kernel.clock import london_day
from grants.ledger import service as ledger
from grants.ledger.rules import Line, Pocket, bank_code, pocket_code
from grants.ports.payments import CheckoutStanding
from tests.builders.people import a_person
from tests.support.clock import START
from tests.support.work import work

_numbers = count(1)


def a_fund(session: Session, *, name: str = "", **fields: object) -> Fund:
    """A pot with its accounts open and nothing in it."""
    fund = Fund(
        **{
            "name": name or f"Fund {next(_numbers)}",
            "purpose": "Small grants for what neighbours decide.",
            "created_at": START - timedelta(days=60),
            **fields,
        }
    )
    session.add(fund)
    session.flush()
    ledger.open_fund(work(session), fund.id)
    return fund


def a_funder(session: Session, *, name: str = "", **fields: object) -> Funder:
    """Somebody who gives."""
    funder = Funder(**{"name": name or f"Funder {next(_numbers)}", "created_at": START - timedelta(days=60), **fields})
    session.add(funder)
    session.flush()
    return funder


def a_contribution(
    session: Session,
    fund: Fund | None = None,
    amount_minor: int = 1_000_000,
    *,
    funder: Funder | None = None,
    received_minor: int | None = None,
    state: ContributionState | None = None,
    ward_codes: Collection[str] = (),
    imd_deciles: Collection[int] = (),
    priority_ids: Collection[UUID] = (),
    limits: Mapping[str, object] | None = None,
    at: datetime = START - timedelta(days=50),
) -> Contribution:
    """Money for ``fund`` (a new one when none is given), all of it received unless told otherwise.

    ``limits``: other parts of its restriction, as they are kept.
    The accounts are open; a receipt and its ledger entry stand for ``received_minor``. A PLEDGED one has neither.
    """
    fund = fund or a_fund(session)
    if received_minor is None:
        received_minor = amount_minor if state in (None, ContributionState.RECEIVED) else 0
    if state is None:
        state = ContributionState.RECEIVED if received_minor == amount_minor else ContributionState.AGREED
    contribution = Contribution(
        fund_id=fund.id,
        funder_id=(funder or a_funder(session)).id,
        amount_minor=amount_minor,
        state=state,
        restriction={
            "ward_codes": sorted(ward_codes),
            "imd_deciles": sorted(imd_deciles),
            "priority_ids": sorted(str(id) for id in priority_ids),
            **(limits or {}),
        },
        pledged_at=at,
        agreed_at=None if state is ContributionState.PLEDGED else at,
    )
    session.add(contribution)
    session.flush()
    if state is not ContributionState.PLEDGED:
        ledger.open_contribution(work(session), fund.id, contribution.id)
    if received_minor:
        a_receipt(session, contribution, received_minor, at=at)
    return contribution


def a_receipt(
    session: Session, contribution: Contribution, amount_minor: int, *, at: datetime = START, reference: str = ""
) -> Receipt:
    """Money of an agreed contribution that arrived, with its entry in the books."""
    receipt = Receipt(
        contribution_id=contribution.id,
        amount_minor=amount_minor,
        reference=reference or f"BACS {next(_numbers)}",
        received_on=london_day(at),
        recorded_by_id=a_person(session).id,
        recorded_at=at,
    )
    session.add(receipt)
    session.flush()
    ledger.post(
        work(session, now=at),
        key=f"receipt:{receipt.id}",
        event="contribution.received",
        fund_id=contribution.fund_id,
        lines=[
            Line(bank_code(contribution.fund_id), amount_minor),
            Line(pocket_code(contribution.id, Pocket.AVAILABLE), -amount_minor),
        ],
    )
    return receipt


def a_taken_back(session: Session, contribution: Contribution, short_minor: int) -> TakenBack:
    """Promised money of a contribution that its payer's bank took back, with its entry: nobody has made it good yet."""
    checkout = Checkout(
        contribution_id=contribution.id,
        provider="memory",
        amount_minor=short_minor,
        state=CheckoutStanding.PAID,
        payment_ref=f"pay_{next(_numbers)}",
        started_by_id=a_person(session).id,
        started_at=START,
        paid_at=START,
    )
    session.add(checkout)
    session.flush()
    taken = TakenBack(
        checkout_id=checkout.id,
        contribution_id=contribution.id,
        key=f"dispute_{next(_numbers)}",
        disputed=True,
        amount_minor=short_minor,
        free_minor=0,
        short_minor=short_minor,
        reason="The payer's bank took it back.",
        told_at=START,
    )
    session.add(taken)
    session.flush()
    unit = work(session)
    lines = [
        ledger.short(unit, contribution.fund_id, short_minor),
        *ledger.out_of_bank(unit, contribution.fund_id, short_minor),
    ]
    ledger.post(
        unit,
        key=f"dispute:{taken.key}",
        event="contribution.charged_back",
        fund_id=contribution.fund_id,
        lines=lines,
    )
    return taken
