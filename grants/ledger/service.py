"""The only writer of the books."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import not_, or_, select, update
from sqlalchemy.exc import IntegrityError

from grants.kernel.errors import NotEnoughMoney, NotFound, StepRefused
from grants.kernel.money import show_pounds
from grants.kernel.work import UnitOfWork
from grants.ledger import queries
from grants.ledger.models import Account, Entry, PeriodClose, Posting
from grants.ledger.rules import (
    Line,
    Pocket,
    Side,
    at_provider,
    balanced,
    bank_code,
    elsewhere_code,
    ensure_can_close,
    fees_code,
    grants_code,
    last_moment,
    owed_code,
    pocket_code,
    refunds_code,
    shortfall_code,
)


def open_fund(uow: UnitOfWork, fund_id: UUID) -> None:
    """Open a fund's bank, grants and refunds accounts."""
    for code in (bank_code(fund_id), grants_code(fund_id), refunds_code(fund_id)):
        uow.add(Account(code=code, side=Side.DEBIT, guarded=True, fund_id=fund_id))


def _open_when_needed(uow: UnitOfWork, code: str, side: Side, fund_id: UUID, *, guarded: bool = True) -> None:
    """Shortfalls are rare, and many funds never meet a payment company: such accounts are opened with the first."""
    if uow.session.scalar(select(Account.id).where(Account.code == code)) is None:
        try:
            with uow.session.begin_nested():
                uow.add(Account(code=code, side=side, guarded=guarded, fund_id=fund_id))
        except IntegrityError:
            return


def out_of_bank(uow: UnitOfWork, fund_id: UUID, amount_minor: int, award_id: UUID | None = None) -> list[Line]:
    """Lines for pence that have left: out of the fund's bank as far as it holds them, the rest laid out by its keeper.

    Money that left has left, whatever a payer's bank took back meanwhile: it is never a negative that nobody sees.
    """
    bank = bank_code(fund_id)
    held = uow.session.scalar(select(Account.balance_minor).where(Account.code == bank).with_for_update()) or 0
    covered = min(held, amount_minor)
    lines = [Line(bank, -covered, award_id)] if covered else []
    if covered < amount_minor:
        _open_when_needed(uow, owed_code(fund_id), Side.CREDIT, fund_id)
        lines.append(Line(owed_code(fund_id), covered - amount_minor, award_id))
    return lines


def into_bank(uow: UnitOfWork, fund_id: UUID, amount_minor: int, award_id: UUID | None = None) -> list[Line]:
    """Lines for pence that came: first whoever laid money out for the fund has it again, then the fund's bank.

    The bank's row is locked first, as by ``out_of_bank``: who lays money out meanwhile is seen, and nobody deadlocks.
    """
    uow.session.execute(select(Account.id).where(Account.code == bank_code(fund_id)).with_for_update())
    owed = uow.session.scalar(select(Account.balance_minor).where(Account.code == owed_code(fund_id)).with_for_update())
    back = min(-(owed or 0), amount_minor)
    lines = [Line(owed_code(fund_id), back, award_id)] if back else []
    return [*lines, Line(bank_code(fund_id), amount_minor - back, award_id)] if back < amount_minor else lines


def short(uow: UnitOfWork, fund_id: UUID, amount_minor: int) -> Line:
    """The line for money that is missing behind what was promised; negative when it is made good."""
    _open_when_needed(uow, shortfall_code(fund_id), Side.DEBIT, fund_id)
    return Line(shortfall_code(fund_id), amount_minor)


def open_contribution(uow: UnitOfWork, fund_id: UUID, contribution_id: UUID) -> None:
    """Open one account for each pocket that a contribution's money can be in."""
    for pocket in Pocket:
        uow.add(
            Account(
                code=pocket_code(contribution_id, pocket),
                side=Side.CREDIT,
                guarded=True,
                fund_id=fund_id,
                contribution_id=contribution_id,
                pocket=pocket.value,
            )
        )


def owe(uow: UnitOfWork, fund_id: UUID, amount_minor: int) -> Line:
    """The line for money that the fund owes to whoever laid it out."""
    _open_when_needed(uow, owed_code(fund_id), Side.CREDIT, fund_id)
    return Line(owed_code(fund_id), -amount_minor)


def through_provider(
    uow: UnitOfWork, fund_id: UUID, *, provider: str, ref: str, amount_minor: int, fee_minor: int, memo: str
) -> Entry | None:
    """Write down one line of a payment company's statement, once: what it moved, and what it kept as a fee.

    None for a line that moved nothing. No contribution is touched: what was given stays what was given.
    """
    lines = at_provider(fund_id, amount_minor, fee_minor)
    if not lines:
        return None
    for line in lines:
        _open_when_needed(uow, line.account, Side.DEBIT, fund_id, guarded=False)
    key = f"provider:{provider}:{ref}"
    if not amount_minor:
        return post(uow, key=key, event="provider.charged", fund_id=fund_id, lines=lines, memo=memo)
    return post(uow, key=key, event="provider.moved", fund_id=fund_id, lines=lines, memo=memo)


def fees_made_good(uow: UnitOfWork, fund_id: UUID, *, ref: str, amount_minor: int, memo: str) -> Entry:
    """Whoever bears the payment company's fees has put them into the fund's bank account."""
    lines = [Line(elsewhere_code(fund_id), amount_minor), Line(fees_code(fund_id), -amount_minor)]
    return post(uow, key=f"fees:{ref}", event="fees.made_good", fund_id=fund_id, lines=lines, memo=memo)


def post(uow: UnitOfWork, *, key: str, event: str, fund_id: UUID, lines: Sequence[Line], memo: str = "") -> Entry:
    """Write one balanced entry; the same ``key`` again returns the entry that stands.

    Accounts are changed by a conditional UPDATE in the order of their codes, so that two entries never deadlock, with a
    CHECK behind it. Raises ``NotEnoughMoney`` with the shortfall in pence, and nothing of the entry remains; refuses
    what is dated in a closed period (a trigger stands behind it).
    """
    standing = _standing(uow, key)
    if standing is not None:
        return standing
    closed = queries.last_close(uow.session, fund_id)
    if closed is not None and uow.now <= closed.ends_at:
        raise StepRefused(f"The books are closed to the end of {closed.through.day} {closed.through:%B %Y}.")
    if not balanced(lines):
        raise ValueError(f"entry {key} does not balance")
    change: dict[str, int] = defaultdict(int)
    for line in lines:
        change[line.account] += line.amount_minor
    try:
        with uow.session.begin_nested():
            entry = Entry(key=key, event=event, fund_id=fund_id, at=uow.now, memo=memo)
            uow.add(entry)  # before the accounts: whoever tells the same event waits here, and finds it told
            accounts = {code: _change(uow, code, change[code]) for code in sorted(change)}
            uow.session.add_all(
                Posting(
                    entry_id=entry.id,
                    position=position,
                    account_id=accounts[line.account],
                    award_id=line.award_id,
                    amount_minor=line.amount_minor,
                    at=uow.now,
                )
                for position, line in enumerate(lines)
            )
            uow.session.flush()
    except IntegrityError:
        standing = _standing(uow, key)
        if standing is None:
            raise
        return standing
    return entry


def close_period(uow: UnitOfWork, fund_id: UUID, through: date) -> PeriodClose:
    """Close a fund's books to the end of a London day, for good: a later mistake is put right by a later entry.

    Its lines are sealed, so that the check finds an edit behind the application's back. There is no way to open it
    again (docs/decisions). Raises ``RuleBroken`` for a day that is not over by two days, or that is closed already.
    """
    before = queries.last_close(uow.session, fund_id)
    ensure_can_close(through, before.through if before else None, uow.now)
    ends_at = last_moment(through)
    seal = queries.seal_of(uow.session, fund_id, before.ends_at if before else None, ends_at)
    close = PeriodClose(
        fund_id=fund_id,
        through=through,
        ends_at=ends_at,
        closed_at=uow.now,
        closed_by_id=uow.actor.id,
        postings=seal.lines,
        seal=seal.hexdigest(),
    )
    uow.add(close)
    return close


def _standing(uow: UnitOfWork, key: str) -> Entry | None:
    return uow.session.scalar(select(Entry).where(Entry.key == key))


def _change(uow: UnitOfWork, code: str, by_minor: int) -> UUID:
    after = Account.balance_minor + by_minor
    account_id = uow.session.scalar(
        update(Account)
        .where(Account.code == code, or_(not_(Account.guarded), after * Account.side >= 0))
        .values(balance_minor=after)
        .returning(Account.id)
        .execution_options(synchronize_session=False)
    )
    if account_id is not None:
        return account_id
    account = uow.session.scalar(select(Account).where(Account.code == code).execution_options(populate_existing=True))
    if account is None:
        raise NotFound(f"There is no account {code}.")
    shortfall = -(account.balance_minor + by_minor) * account.side
    raise NotEnoughMoney(f"There is not enough money for this: {show_pounds(shortfall)} is missing.", shortfall)
