"""A closed period of the books: nothing goes in, nothing in it changes unseen, and it never opens again."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import insert, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from grants.kernel.errors import RuleBroken, StepRefused
from grants.ledger import queries
from grants.ledger.models import Entry, Posting
from grants.ledger.rules import Pocket, bank_code, last_moment, pocket_code
from grants.ledger.service import close_period
from tests.builders.funds import a_contribution
from tests.ledger.test_queries import committed, unguarded
from tests.support.clock import START
from tests.support.work import work

DAY = timedelta(days=1)
LAST = date(2026, 2, 28)


def test_what_is_dated_in_a_closed_period_is_refused_by_us_and_by_the_database(any_session: Session) -> None:
    one = a_contribution(any_session, amount_minor=1_000, at=START - 30 * DAY)
    close = close_period(work(any_session), one.fund_id, LAST)
    assert (close.postings, close.ends_at) == (2, last_moment(LAST))
    with pytest.raises(StepRefused, match="closed to the end of 28 February 2026"):
        committed(any_session, one, 300, hours=-48)
    row = {"key": "k", "event": "e", "fund_id": one.fund_id, "at": last_moment(LAST), "memo": ""}
    with pytest.raises(DBAPIError, match="closed"), any_session.begin_nested():
        any_session.execute(insert(Entry).values(row))
    committed(any_session, one, 300, hours=-24)
    elsewhere = a_contribution(any_session, amount_minor=1_000, at=START - 30 * DAY)
    assert queries.last_close(any_session, elsewhere.fund_id) is None
    assert queries.breaks(any_session) == []


def test_a_period_is_closed_once_and_when_it_is_over(any_session: Session) -> None:
    one = a_contribution(any_session, amount_minor=1_000)
    uow = work(any_session)
    for early in (date(2026, 3, 2), date(2026, 3, 1)):
        with pytest.raises(RuleBroken, match="two days ago"):
            close_period(uow, one.fund_id, early)
    close_period(uow, one.fund_id, LAST)
    for again in (LAST, LAST - DAY):
        with pytest.raises(RuleBroken, match="28 February 2026 already"):
            close_period(uow, one.fund_id, again)
    committed(any_session, one, 300, hours=1)
    close_period(work(any_session, now=START + 60 * DAY), one.fund_id, date(2026, 3, 31))
    assert [c.postings for c in queries.closes(any_session, [one.fund_id])] == [2, 2]
    assert queries.breaks(any_session) == []


def test_a_close_is_never_taken_back(any_session: Session) -> None:
    one = a_contribution(any_session, amount_minor=1_000)
    close_period(work(any_session), one.fund_id, LAST)
    for statement in ("DELETE FROM ledger_close", "UPDATE ledger_close SET postings = 0"):
        with pytest.raises(DBAPIError, match="append-only"), any_session.begin_nested():
            any_session.execute(text(statement))


def test_the_check_names_a_closed_period_that_was_changed_so_that_everything_still_adds_up(session: Session) -> None:
    one = a_contribution(session, amount_minor=1_000)
    close_period(work(session), one.fund_id, LAST)
    codes = [bank_code(one.fund_id), pocket_code(one.id, Pocket.AVAILABLE)]
    unguarded(session)
    session.execute(update(Posting).values(amount_minor=Posting.amount_minor * 2))
    for code in codes:
        session.execute(
            text("UPDATE ledger_account SET balance_minor = balance_minor * 2 WHERE code = :code"), {"code": code}
        )
    [words] = queries.breaks(session)
    assert words.endswith("to 2026-02-28 were closed with 2 lines, and now there are 2 that say something else")


def test_the_check_names_a_fund_whose_own_accounts_differ_from_its_contributions(session: Session) -> None:
    one = a_contribution(session, amount_minor=1_000)
    session.execute(
        text("UPDATE ledger_account SET balance_minor = 5 WHERE code = :code"), {"code": f"fund:{one.fund_id}:grants"}
    )
    assert f"fund {one.fund_id}: its account grants says 5 pence, its contributions' paid say 0" in queries.breaks(
        session
    )
