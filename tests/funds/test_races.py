"""Two finance officers, one bank statement; a steward who changes the terms while the money is being promised."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grants.funds import queries
from grants.funds.models import Contribution, Fund, Receipt
from grants.funds.rules import ContributionState, MoneyDraft, Restriction, match
from grants.funds.rules import Need as NeedOf
from grants.funds.service import contributions
from grants.kernel.actors import Role
from grants.kernel.errors import RuleBroken
from grants.ledger import queries as books
from grants.ledger.rules import Pocket, moved
from grants.ledger.service import post
from grants.web.db import WRITES, transaction
from tests.builders.actors import an_actor
from tests.builders.funds import a_contribution
from tests.builders.people import a_person
from tests.support.clock import START
from tests.support.race import race
from tests.support.schema import an_engine, load_models

pytestmark = pytest.mark.race

NARROW = Restriction(imd_deciles=frozenset({1}))


def record(ready: Callable[[], None], url: str, contribution_id: UUID, officer_id: UUID, reference: str) -> str:
    """One racer: record 600 pence of a contribution of 1,000."""
    load_models()
    engine = an_engine(url)
    officer = an_actor(Role.FINANCE_OFFICER, id=officer_id)
    try:
        with Session(engine) as session:
            session.scalar(select(func.count(Receipt.id)))
            ready()
            with transaction(session, engine, officer, START) as uow:
                contributions.receive(uow, contribution_id, MoneyDraft(600, reference, date(2026, 3, 2)))
        return "recorded"
    except RuleBroken as broken:
        return str(broken.field)
    finally:
        engine.dispose()


@pytest.mark.parametrize(("references", "refused"), [(("Q 1", "q  1"), "amount"), (("Q 1", "Q 2"), "amount")])
def test_no_more_arrives_than_was_promised(any_url: str, references: tuple[str, str], refused: str) -> None:
    load_models()
    engine = an_engine(any_url)
    with Session(engine) as session:
        session.connection(execution_options={WRITES: True})
        one = a_contribution(session, amount_minor=1_000, state=ContributionState.AGREED)
        entries = [(any_url, one.id, a_person(session).id, reference) for reference in references]
        contribution_id = one.id
        session.commit()
    engine.dispose()
    finishes = race(record, entries)
    assert [finish.error for finish in finishes] == [None, None]
    assert sorted(str(finish.gave) for finish in finishes) == [refused, "recorded"]
    with Session(engine) as session:
        assert queries.received_minor(session, [contribution_id]) == {contribution_id: 600}
        assert books.breaks(session) == []
    engine.dispose()


def promise_or_narrow(ready: Callable[[], None], url: str, fund_id: UUID, contribution_id: UUID, lane: str) -> str:
    """One racer promises the money to a group as awards do; the other narrows what it may be spent on."""
    load_models()
    engine = an_engine(url)
    try:
        with Session(engine) as session:
            session.scalar(select(func.count(Receipt.id)))
            ready()
            with transaction(session, engine, an_actor(Role.STEWARD), START) as uow:
                if lane == "narrow":
                    contributions.change_restriction(uow, contribution_id, NARROW, {}, "The funder asked.")
                    return "narrowed"
                uow.get(Fund, fund_id, lock=True)
                matching = match([NeedOf(UUID(int=1), 600)], queries.sources(session, fund_id))
                if matching.shortfall is not None:
                    return "not for this"
                lines = moved(contribution_id, 600, Pocket.AVAILABLE, Pocket.COMMITTED, UUID(int=1))
                post(uow, key="award:1:commit", event="award.committed", fund_id=fund_id, lines=lines)
        return "promised"
    except RuleBroken:
        return "too late"
    finally:
        engine.dispose()


def test_terms_do_not_change_under_a_promise(any_url: str) -> None:
    load_models()
    engine = an_engine(any_url)
    with Session(engine) as session:
        session.connection(execution_options={WRITES: True})
        one = a_contribution(session, amount_minor=1_000)
        fund_id, contribution_id = one.fund_id, one.id
        session.commit()
    engine.dispose()
    finishes = race(promise_or_narrow, [(any_url, fund_id, contribution_id, lane) for lane in ("promise", "narrow")])
    outcome = [finish.gave for finish in finishes]
    assert outcome in (["promised", "too late"], ["not for this", "narrowed"]), finishes
    with Session(engine) as session:
        kept = queries.restriction_of(session.get_one(Contribution, contribution_id))
        committed = books.pockets_of(session, [contribution_id])[contribution_id].committed_minor
        assert (kept, committed) == ((Restriction(), 600) if outcome[0] == "promised" else (NARROW, 0))
    engine.dispose()
