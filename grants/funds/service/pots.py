"""Funds and funders: starting and changing them, how their groups are paid, closing their books."""

from datetime import date
from uuid import UUID

from sqlalchemy import func, select

from grants.funds import access
from grants.funds.models import Fund, Funder
from grants.funds.rules import FundDraft, FunderDraft, PaysBy
from grants.funds.service.taken_back import ensure_clock
from grants.kernel.errors import RuleBroken
from grants.kernel.work import UnitOfWork
from grants.ledger import service as ledger
from grants.ledger.models import PeriodClose


def start_fund(uow: UnitOfWork, draft: FundDraft) -> Fund:
    """Open a pot and its accounts. Refuses a name that another fund has."""
    access.ensure_may_start_fund(uow.actor)
    _ensure_new_name(uow, Fund, draft.name)
    fund = Fund(name=draft.name, purpose=draft.purpose, elsewhere=draft.elsewhere or None, created_at=uow.now)
    uow.add(fund)
    ledger.open_fund(uow, fund.id)
    uow.record("fund.started", fund)
    return fund


ELSEWHERE = "Elections from elsewhere"


def fund_for_elsewhere(uow: UnitOfWork) -> Fund:
    """The fund under which finished elections elsewhere are shown; it never holds money. For the clock."""
    ensure_clock(uow)
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
    fund.name, fund.purpose, fund.elsewhere = draft.name, draft.purpose, draft.elsewhere or None
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


def close_books(uow: UnitOfWork, fund_id: UUID, through: date) -> PeriodClose:
    """Close the fund's books to the end of a day, for good."""
    fund = uow.get(Fund, fund_id, lock=True)
    access.ensure_may_keep_money(uow.actor, fund_id)
    close = ledger.close_period(uow, fund_id, through)
    uow.record("fund.books_closed", fund, through=through.isoformat(), lines=close.postings, seal=close.seal)
    return close


def _ensure_new_name(uow: UnitOfWork, model: type[Fund] | type[Funder], name: str, but: UUID | None = None) -> None:
    standing = uow.session.scalar(select(model.id).where(func.lower(model.name) == name.lower()))
    if standing not in (None, but):
        word = model.__tablename__
        raise RuleBroken(f"There is a {word} of this name already: choose another name.", field="name")


def choose_payments(uow: UnitOfWork, fund_id: UUID, pays_by: PaysBy, fees_borne_by: str = "") -> Fund:
    """Say how this fund's groups are paid from now on, and who bears the fees of it (empty: who keeps the account).

    What is on its way already goes on as it began.
    """
    fund = uow.get(Fund, fund_id, lock=True)
    access.ensure_may_steward(uow.actor, fund_id)
    before, fund.pays_by = fund.pays_by, pays_by
    fund.fees_borne_by = " ".join(fees_borne_by.split())[:140] or None
    uow.record("fund.payments_changed", fund, before=before, after=pays_by)
    return fund
