"""The books balance, never stand on their wrong side, and are written once for each event."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from grants.kernel.actors import CLOCK
from grants.kernel.errors import NotEnoughMoney, NotFound
from grants.kernel.work import UnitOfWork
from grants.ledger.models import Account, Entry, Posting
from grants.ledger.queries import breaks
from grants.ledger.rules import Line, Pocket, bank_code, moved, pocket_code
from grants.ledger.service import open_contribution, open_fund, post
from grants.web.db import transaction
from tests.support.clock import START
from tests.support.race import race
from tests.support.schema import an_engine
from tests.support.work import work

FUND, GIFT, AWARD = uuid4(), uuid4(), uuid4()


def a_pot(uow: UnitOfWork, received_minor: int) -> None:
    """A fund with one contribution of which ``received_minor`` is in the bank."""
    open_fund(uow, FUND)
    open_contribution(uow, FUND, GIFT)
    lines = [Line(bank_code(FUND), received_minor), Line(pocket_code(GIFT, Pocket.AVAILABLE), -received_minor)]
    post(uow, key="received", event="contribution.received", fund_id=FUND, lines=lines)


def commit_pounds(uow: UnitOfWork, amount_minor: int, key: str) -> Entry:
    lines = moved(GIFT, amount_minor, Pocket.AVAILABLE, Pocket.COMMITTED, AWARD)
    return post(uow, key=key, event="award.committed", fund_id=FUND, lines=lines)


def balance(session: Session, code: str) -> int:
    return session.scalars(select(Account.balance_minor).where(Account.code == code)).one()


def test_an_entry_moves_the_money_between_two_pockets(any_session: Session) -> None:
    uow = work(any_session, CLOCK)
    a_pot(uow, 100_000)
    commit_pounds(uow, 40_000, "award:1")
    assert balance(any_session, pocket_code(GIFT, Pocket.AVAILABLE)) == -60_000
    assert balance(any_session, pocket_code(GIFT, Pocket.COMMITTED)) == -40_000
    assert balance(any_session, bank_code(FUND)) == 100_000
    assert breaks(any_session) == []


def test_the_same_event_twice_is_one_entry(any_session: Session) -> None:
    uow = work(any_session, CLOCK)
    a_pot(uow, 100_000)
    assert commit_pounds(uow, 40_000, "award:1") is commit_pounds(uow, 40_000, "award:1")
    assert balance(any_session, pocket_code(GIFT, Pocket.COMMITTED)) == -40_000


def test_more_than_there_is_is_refused_and_leaves_nothing(any_session: Session) -> None:
    uow = work(any_session, CLOCK)
    a_pot(uow, 100_000)
    with pytest.raises(NotEnoughMoney) as refused:
        commit_pounds(uow, 100_001, "award:1")
    assert refused.value.shortfall_minor == 1
    assert balance(any_session, pocket_code(GIFT, Pocket.COMMITTED)) == 0
    assert any_session.scalar(select(func.count()).select_from(Entry)) == 1


@pytest.mark.parametrize("amounts", [[], [5], [5, -4], [0, 0], [5, -5, 0]])
def test_what_does_not_balance_is_refused(session: Session, amounts: list[int]) -> None:
    uow = work(session, CLOCK)
    a_pot(uow, 100)
    lines = [Line(bank_code(FUND), amount) for amount in amounts]
    with pytest.raises(ValueError, match="does not balance"):
        post(uow, key="odd", event="x.y", fund_id=FUND, lines=lines)


def test_an_account_that_is_not_open_is_not_found(session: Session) -> None:
    uow = work(session, CLOCK)
    a_pot(uow, 100)
    lines = moved(uuid4(), 50, Pocket.AVAILABLE, Pocket.COMMITTED, None)
    with pytest.raises(NotFound):
        post(uow, key="odd", event="x.y", fund_id=FUND, lines=lines)


@pytest.mark.parametrize("change", [update(Posting).values(amount_minor=1), delete(Posting), delete(Entry)])
def test_the_books_are_never_changed(any_session: Session, change: object) -> None:
    a_pot(work(any_session, CLOCK), 100)
    with pytest.raises(DBAPIError, match="append-only"), any_session.begin_nested():
        any_session.execute(change)  # type: ignore[call-overload]


def test_the_database_itself_refuses_a_balance_below_nought(any_session: Session) -> None:
    a_pot(work(any_session, CLOCK), 100)
    with pytest.raises(IntegrityError), any_session.begin_nested():
        any_session.execute(update(Account).where(Account.code == bank_code(FUND)).values(balance_minor=-1))


def test_a_balance_that_was_tampered_with_is_told(any_session: Session) -> None:
    a_pot(work(any_session, CLOCK), 100)
    any_session.execute(update(Account).where(Account.code == bank_code(FUND)).values(balance_minor=99))
    assert breaks(any_session) != []


# Races


def take(ready: Callable[[], None], url: str, fund_id: UUID, gift_id: UUID, amount_minor: int, key: str) -> str:
    """One racer: commit part of the contribution in a process of its own."""
    engine = an_engine(url)
    lines = moved(gift_id, amount_minor, Pocket.AVAILABLE, Pocket.COMMITTED, None)
    try:
        with Session(engine) as session:
            ready()
            with transaction(session, engine, CLOCK, START) as uow:
                post(uow, key=key, event="award.committed", fund_id=fund_id, lines=lines)
        return "taken"
    except NotEnoughMoney:
        return "refused"
    finally:
        engine.dispose()


def a_pot_in(url: str, received_minor: int) -> None:
    engine = an_engine(url)
    with Session(engine) as session, transaction(session, engine, CLOCK, START) as uow:
        a_pot(uow, received_minor)
    engine.dispose()


def committed(url: str) -> int:
    engine = an_engine(url)
    with Session(engine) as session:
        found = -balance(session, pocket_code(GIFT, Pocket.COMMITTED))
        assert breaks(session) == []
    engine.dispose()
    return found


@pytest.mark.race
def test_the_last_pounds_are_taken_once(any_url: str) -> None:
    a_pot_in(any_url, 100_000)
    finishes = race(take, [(any_url, FUND, GIFT, 60_000, f"award:{lane}") for lane in range(4)])
    assert [finish.error for finish in finishes] == [None] * 4
    assert sorted(finish.gave for finish in finishes) == ["refused"] * 3 + ["taken"]
    assert committed(any_url) == 60_000


@pytest.mark.race
def test_one_event_that_is_told_twice_at_once_is_one_entry(any_url: str) -> None:
    a_pot_in(any_url, 100_000)
    finishes = race(take, [(any_url, FUND, GIFT, 10_000, "award:1")] * 4)
    assert [finish.error for finish in finishes] == [None] * 4
    assert committed(any_url) == 10_000
