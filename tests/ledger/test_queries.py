"""Balances now and as at a moment, and the checks that name what was changed behind the triggers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.orm import Session

from grants.funds.models import Contribution
from grants.ledger import queries
from grants.ledger.models import Account, Entry, Posting
from grants.ledger.queries import Pockets
from grants.ledger.rules import Pocket, bank_code, moved, pocket_code
from grants.ledger.service import post
from tests.builders.funds import a_contribution, a_fund
from tests.support.clock import START
from tests.support.work import work

AWARD = UUID(int=1)
HOUR = timedelta(hours=1)


def committed(session: Session, one: Contribution, amount_minor: int, hours: int = 0) -> Entry:
    return post(
        work(session, now=START + hours * HOUR),
        key=f"award:{amount_minor}:commit",
        event="award.committed",
        fund_id=one.fund_id,
        lines=moved(one.id, amount_minor, Pocket.AVAILABLE, Pocket.COMMITTED, AWARD),
    )


def test_balances_as_at_a_moment_are_those_of_that_moment(any_session: Session) -> None:
    one = a_contribution(any_session, amount_minor=1_000, at=START)
    committed(any_session, one, 300, hours=1)
    committed(any_session, one, 50, hours=2)

    def at(hours: float) -> Pockets:
        return queries.pockets_of(any_session, [one.id], START + hours * HOUR)[one.id]

    assert at(-1) == Pockets()
    assert at(0) == Pockets(available_minor=1_000)
    assert at(1) == Pockets(available_minor=700, committed_minor=300)
    assert at(2) == queries.pockets_of(any_session, [one.id])[one.id]
    assert queries.award_pockets(any_session, [AWARD], START + HOUR)[AWARD][one.id].committed_minor == 300
    for hours in (0, 1, 2, None):
        moment = None if hours is None else START + hours * HOUR
        assert sum(b.balance_minor for b in queries.trial_balance(any_session, one.fund_id, moment)) == 0
    bank = {b.account.code: b.balance_minor for b in queries.trial_balance(any_session, one.fund_id, START - HOUR)}
    assert bank[bank_code(one.fund_id)] == 0


def test_an_account_is_told_line_by_line_with_its_balance(any_session: Session) -> None:
    one = a_contribution(any_session, amount_minor=1_000, at=START)
    committed(any_session, one, 300, hours=1)
    committed(any_session, one, 50, hours=2)
    code = pocket_code(one.id, Pocket.AVAILABLE)
    account_id = any_session.scalars(select(Account.id).where(Account.code == code)).one()
    lines, count = queries.account_lines(any_session, account_id, limit=2)
    assert count == 3
    assert [(line.posting.amount_minor, line.balance_minor) for line in lines] == [(50, -650), (300, -700)]
    [last], _ = queries.account_lines(any_session, account_id, limit=2, offset=2)
    assert (last.entry.event, last.balance_minor) == ("contribution.received", -1_000)


def unguarded(session: Session) -> None:
    """What only somebody with the database's keys can do: put the triggers and the CHECK aside."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET session_replication_role = replica"))
        session.execute(text("ALTER TABLE ledger_account DROP CONSTRAINT ck_ledger_account_never_below_nought"))
    else:
        session.execute(text("PRAGMA ignore_check_constraints = ON"))
        for name in session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            session.execute(text(f"DROP TRIGGER {name}"))


def change_a_posting(session: Session, one: Contribution) -> None:
    session.execute(
        update(Posting).where(Posting.amount_minor == 300).values(amount_minor=301)  # the debit of the commitment
    )


def take_a_posting_away(session: Session, one: Contribution) -> None:
    session.execute(delete(Posting).where(Posting.amount_minor == -300))


def take_both_postings_away(session: Session, one: Contribution) -> None:
    session.execute(delete(Posting).where(Posting.amount_minor.in_([300, -300])))


def change_a_balance(session: Session, one: Contribution) -> None:
    available = Account.code == pocket_code(one.id, Pocket.AVAILABLE)
    session.execute(update(Account).where(available).values(balance_minor=Account.balance_minor - 5_000))


def overspend(session: Session, one: Contribution) -> None:
    available = Account.code == pocket_code(one.id, Pocket.AVAILABLE)
    session.execute(update(Account).where(available).values(balance_minor=Account.balance_minor + 5_000))


def write_an_empty_entry(session: Session, one: Contribution) -> None:
    entry = {"id": uuid4(), "key": "made up", "event": "none", "fund_id": one.fund_id, "at": START, "memo": ""}
    session.execute(insert(Entry).values(entry))


def move_an_entry_to_another_fund(session: Session, one: Contribution) -> None:
    session.execute(update(Entry).where(Entry.key == "award:300:commit").values(fund_id=a_fund(session).id))


def date_a_line_otherwise(session: Session, one: Contribution) -> None:
    session.execute(update(Posting).where(Posting.amount_minor == -300).values(at=START - HOUR))


def swap_two_accounts(session: Session, one: Contribution) -> None:
    available, committed = (pocket_code(one.id, pocket) for pocket in (Pocket.AVAILABLE, Pocket.COMMITTED))
    for code, new in ((available, "none"), (committed, available), ("none", committed)):
        session.execute(update(Account).where(Account.code == code).values(code=new))


def unguard_an_account(session: Session, one: Contribution) -> None:
    session.execute(update(Account).where(Account.code == bank_code(one.fund_id)).values(guarded=False))


TAMPERINGS: dict[Callable[[Session, Contribution], None], str] = {
    change_a_posting: "entry award:300:commit sums to 1 pence, not to nought",
    take_a_posting_away: "entry award:300:commit sums to 300 pence, not to nought",
    take_both_postings_away: "entry award:300:commit has 0 lines",
    change_a_balance: "account contribution:{id}:available says -5700 pence, its postings say -700",
    overspend: "account contribution:{id}:available stands 4300 pence on its wrong side",
    write_an_empty_entry: "entry made up has 0 lines",
    date_a_line_otherwise: "entry award:300:commit has a line on account contribution:{id}:committed of another moment",
    swap_two_accounts: "account contribution:{id}:available stands for contribution:{id}:committed",
    unguard_an_account: "account fund:{fund_id}:bank is not guarded against standing on its wrong side",
    move_an_entry_to_another_fund: "entry award:300:commit touches account contribution:{id}:available of another fund",
}


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda tamper: tamper.__name__)
def test_every_tampering_is_named(any_session: Session, tamper: Callable[[Session, Contribution], None]) -> None:
    one = a_contribution(any_session, amount_minor=1_000)
    committed(any_session, one, 300)
    assert queries.breaks(any_session) == []
    unguarded(any_session)
    tamper(any_session, one)
    found, expected = queries.breaks(any_session), TAMPERINGS[tamper].format(id=one.id, fund_id=one.fund_id)
    if any_session.get_bind().dialect.name == "postgresql":
        any_session.rollback()
        any_session.execute(text("SET session_replication_role = DEFAULT"))
    assert expected in found
