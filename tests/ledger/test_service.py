"""The only writer of the books: balanced, once, never below nought, never changed."""

from __future__ import annotations

import itertools
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from grants.kernel.errors import NotEnoughMoney, NotFound
from grants.kernel.tables import Base
from grants.kernel.trail import AuditEvent
from grants.ledger import queries
from grants.ledger.models import Account, Entry, Posting
from grants.ledger.queries import Pockets
from grants.ledger.rules import Line, Pocket, Side, bank_code, moved, pocket_code
from grants.ledger.service import post
from tests.builders.actors import an_actor
from tests.builders.funds import a_contribution, a_fund
from tests.support.work import work

AWARD = UUID(int=1)


def test_a_fund_and_a_contribution_have_their_accounts(any_session: Session) -> None:
    one = a_contribution(any_session, amount_minor=700)
    found = {row.code: (row.side, row.guarded) for row in any_session.scalars(select(Account))}
    assert len(found) == 3 + len(Pocket)
    assert found[bank_code(one.fund_id)] == (Side.DEBIT, True)
    assert {found[pocket_code(one.id, pocket)] for pocket in Pocket} == {(Side.CREDIT, True)}


def test_the_same_key_twice_is_one_entry(any_session: Session) -> None:
    one = a_contribution(any_session, amount_minor=700)
    lines = moved(one.id, 300, Pocket.AVAILABLE, Pocket.COMMITTED, AWARD)
    uow = work(any_session)
    first = post(uow, key="award:1:commit", event="award.committed", fund_id=one.fund_id, lines=lines)
    again = post(uow, key="award:1:commit", event="award.committed", fund_id=one.fund_id, lines=lines)
    assert first.id == again.id
    assert queries.pockets_of(any_session, [one.id])[one.id] == Pockets(available_minor=400, committed_minor=300)
    assert queries.breaks(any_session) == []


@pytest.mark.parametrize("lines", [[], [Line("a", 5)], [Line("a", 5), Line("b", -4)], [Line("a", 0), Line("b", 0)]])
def test_what_does_not_balance_is_no_entry(session: Session, lines: list[Line]) -> None:
    with pytest.raises(ValueError, match="does not balance"):
        post(work(session), key="k", event="e", fund_id=uuid4(), lines=lines)


def test_a_pocket_never_gives_more_than_it_holds(any_session: Session) -> None:
    one, other = a_contribution(any_session, amount_minor=700), a_contribution(any_session, amount_minor=700)
    lines = [
        *moved(other.id, 100, Pocket.AVAILABLE, Pocket.COMMITTED, AWARD),
        *moved(one.id, 703, Pocket.AVAILABLE, Pocket.COMMITTED, AWARD),
    ]
    entries = any_session.scalar(select(func.count(Entry.id)))
    with pytest.raises(NotEnoughMoney) as short:
        post(work(any_session), key="k", event="e", fund_id=one.fund_id, lines=lines)
    assert short.value.shortfall_minor == 3
    assert any_session.scalar(select(func.count(Entry.id))) == entries
    assert queries.pockets_of(any_session, [other.id])[other.id] == Pockets(available_minor=700)


def test_no_account_no_entry(session: Session) -> None:
    with pytest.raises(NotFound, match="no account nowhere"):
        post(work(session), key="k", event="e", fund_id=uuid4(), lines=[Line("nowhere", 5), Line("there", -5)])


def test_the_check_stands_behind_the_guard(any_session: Session) -> None:
    one = a_contribution(any_session, amount_minor=700)
    with pytest.raises(IntegrityError, match="never_below_nought"):
        any_session.execute(
            update(Account)
            .where(Account.code == pocket_code(one.id, Pocket.AVAILABLE))
            .values(balance_minor=Account.balance_minor + 701)
        )


@pytest.mark.parametrize("table", [AuditEvent, Entry, Posting], ids=lambda table: str(table.__tablename__))
@pytest.mark.parametrize("verb", ["update", "delete"])
def test_what_happened_is_never_changed(any_session: Session, table: type[Base], verb: str) -> None:
    fund = a_fund(any_session)
    a_contribution(any_session, fund)
    work(any_session, an_actor()).record("fund.started", fund)
    any_session.flush()
    column = "event" if table is Entry else "position" if table is Posting else "verb"
    statement = delete(table) if verb == "delete" else update(table).values({column: table.__table__.c[column]})
    with pytest.raises(DBAPIError, match="append-only"):
        any_session.execute(statement)


@pytest.mark.parametrize(
    ("name", "found_by"),
    [*itertools.product(["audit_event", "ledger_entry", "ledger_posting"], ["id", "rowid"]), ("ledger_entry", "key")],
)
def test_sqlite_refuses_to_put_another_row_in_the_place_of_one(session: Session, name: str, found_by: str) -> None:
    fund = a_fund(session)
    a_contribution(session, fund)
    work(session, an_actor()).record("fund.started", fund)
    session.flush()
    columns = [str(row[1]) for row in session.execute(text(f"PRAGMA table_info({name})"))]
    standing = session.execute(text(f"SELECT rowid, * FROM {name}")).mappings().first()
    assert standing is not None
    other = {**standing, "id": "0" * 32} if found_by != "id" else {**standing}
    if name == "ledger_entry" and found_by == "rowid":
        other["key"] = "another"
    put = ["rowid", *columns] if found_by == "rowid" else columns
    session.execute(text("PRAGMA recursive_triggers = OFF"))  # as every tool begins
    with pytest.raises(IntegrityError, match="append-only"):
        session.execute(
            text(f"INSERT OR REPLACE INTO {name} ({', '.join(put)}) VALUES ({', '.join(f':{one}' for one in put)})"),
            {one: other[one] for one in put},
        )


def test_postgresql_refuses_to_empty_the_books(pg_session: Session) -> None:
    for table in ("ledger_entry", "ledger_posting", "audit_event"):
        with pytest.raises(DBAPIError, match="append-only"), pg_session.begin_nested():
            pg_session.execute(text(f"TRUNCATE {table} CASCADE"))
