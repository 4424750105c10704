"""Two at once on the last pounds of one contribution: exactly one gets them, and the guard is why."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from grants.kernel.actors import CLOCK
from grants.kernel.errors import NotEnoughMoney
from grants.ledger import queries, service
from grants.ledger.models import Account, Posting
from grants.ledger.rules import Pocket, moved, pocket_code
from grants.web.db import WRITES, transaction
from tests.builders.funds import a_contribution
from tests.support.clock import START
from tests.support.naive import look_then_write
from tests.support.race import Finish, race
from tests.support.schema import an_engine, load_models

pytestmark = pytest.mark.race

POT, EACH = 1_000, 600


def commit_some(ready: Callable[[], None], url: str, fund_id: UUID, contribution_id: UUID, lane: int, how: str) -> str:
    """One racer: commit ``EACH`` pence. ``how``: guarded, or naive (look first, then write)."""
    load_models()
    engine = an_engine(url)
    try:
        with Session(engine) as session:
            session.scalar(select(func.count(Account.id)))  # connected before the start
            if how == "naive":
                service._change = look_then_write(ready)  # a process of its own: nobody else sees this
            else:
                ready()
            with transaction(session, engine, CLOCK, START) as uow:
                service.post(
                    uow,
                    key=f"award:{lane}:commit",
                    event="award.committed",
                    fund_id=fund_id,
                    lines=moved(contribution_id, EACH, Pocket.AVAILABLE, Pocket.COMMITTED, UUID(int=lane)),
                )
        return "committed"
    except NotEnoughMoney as short:
        return f"{short.shortfall_minor} missing"
    finally:
        engine.dispose()


def run(url: str, how: str, before: str = "") -> tuple[list[Finish], int, list[str]]:
    """Race two; gives how they came in, what is left in the pocket by its postings, and what the check says."""
    load_models()
    engine = an_engine(url)
    with Session(engine) as session:
        session.connection(execution_options={WRITES: True})
        one = a_contribution(session, amount_minor=POT)
        fund_id, contribution_id = one.fund_id, one.id
        if before:
            session.execute(text(before))
        session.commit()
    engine.dispose()
    finishes = race(commit_some, [(url, fund_id, contribution_id, lane, how) for lane in (1, 2)])
    with Session(engine) as session:
        posted = session.scalar(
            select(func.sum(Posting.amount_minor))
            .join(Account, Account.id == Posting.account_id)
            .where(Account.code == pocket_code(contribution_id, Pocket.AVAILABLE))
        )
        said = queries.breaks(session)
    engine.dispose()
    return finishes, -int(posted or 0), said


def test_two_awards_on_the_last_pounds(any_url: str) -> None:
    finishes, left, said = run(any_url, "guarded")
    assert [finish.error for finish in finishes] == [None, None]
    assert sorted(str(finish.gave) for finish in finishes) == [f"{2 * EACH - POT} missing", "committed"]
    assert left == POT - EACH
    assert said == []


def test_without_its_guards_the_pot_is_overspent(postgres_url: str) -> None:
    drop = "ALTER TABLE ledger_account DROP CONSTRAINT ck_ledger_account_never_below_nought"
    finishes, left, said = run(postgres_url, "naive", before=drop)
    assert [finish.gave for finish in finishes] == ["committed", "committed"], finishes
    assert left == POT - 2 * EACH < 0
    assert any("on its wrong side" in words for words in said)


def test_the_check_alone_would_hold(postgres_url: str) -> None:
    finishes, left, said = run(postgres_url, "naive")
    assert sorted(str(finish.gave) for finish in finishes) == ["None", "committed"]
    assert "never_below_nought" in next(finish.error for finish in finishes if finish.error)
    assert (left, said) == (POT - EACH, [])
