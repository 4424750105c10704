"""Two stewards offer awards of two rounds on the last pounds of one fund: one offers, one is told what is missing."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from grants.awards.models import Award
from grants.awards.service import offers
from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotEnoughMoney
from grants.ledger import service as ledger
from grants.ledger.queries import breaks, pockets_of
from grants.people.queries import actor_for
from grants.web.db import WRITES, transaction
from tests.builders.awards import a_decided_proposal, a_decided_round, a_decision
from tests.builders.funds import a_contribution
from tests.builders.people import a_person
from tests.support.clock import START
from tests.support.naive import look_then_write
from tests.support.race import race
from tests.support.schema import an_engine, load_models

pytestmark = pytest.mark.race
POT, EACH = 100_000, 60_000


def offer(ready: Callable[[], None], url: str, steward_id: UUID, round_id: UUID, how: str) -> str:
    """One racer: offer the round's award. ``how``: guarded, unqueued (the books alone guard), or naive."""
    load_models()
    engine = an_engine(url)
    try:
        with Session(engine) as session:
            actor: Actor = actor_for(session, steward_id, "Steward")
            session.rollback()
            if how == "guarded":
                ready()
            else:
                offers.stand_in_line = lambda uow, fund_id: ready()  # both have looked at nothing yet; no queue
            if how == "naive":
                offers.stand_in_line = lambda uow, fund_id: None
                ledger._change = look_then_write(ready)
            with transaction(session, engine, actor, START) as uow:
                offers.offer_all(uow, round_id)
        return "offered"
    except NotEnoughMoney as short:
        return short.message
    finally:
        engine.dispose()


def run(url: str, how: str, before: str = "") -> tuple[list[str], int, int, list[str]]:
    """Race two stewards; gives what each got, how many awards there are, what is left, and what the check says."""
    load_models()
    engine = an_engine(url)
    with Session(engine) as session:
        session.connection(execution_options={WRITES: True})
        one = a_contribution(session, amount_minor=POT)
        rounds = []
        for _ in range(2):
            round = a_decided_round(session, one.fund)
            a_decision(session, a_decided_proposal(session, round, applied_for_minor=EACH))
            rounds.append(round.id)
        stewards = [a_person(session, Role.STEWARD).id for _ in range(2)]
        contribution_id = one.id
        if before:
            session.execute(text(before))
        session.commit()
    entries = [(url, who, round_id, how) for who, round_id in zip(stewards, rounds, strict=True)]
    finishes = race(offer, entries)
    with Session(engine) as session:
        count = session.scalar(select(func.count()).select_from(Award)) or 0
        left = pockets_of(session, [contribution_id])[contribution_id].available_minor
        said = breaks(session)
    engine.dispose()
    assert [finish.error for finish in finishes] == [None, None]
    return sorted(str(finish.gave) for finish in finishes), count, left, said


def test_two_awards_on_the_last_pounds(any_url: str) -> None:
    came_in, count, left, said = run(any_url, "guarded")
    assert came_in[1] == "offered"
    assert "£200 more without restriction would pay for it" in came_in[0]
    assert (count, left, said) == (1, POT - EACH, [])


def test_without_the_queue_the_books_still_refuse_in_words(postgres_url: str) -> None:
    came_in, count, left, said = run(postgres_url, "unqueued")
    assert came_in[1] == "offered"
    assert "£200 more without restriction would pay for it" in came_in[0]
    assert (count, left, said) == (1, POT - EACH, [])


def test_without_its_guards_both_are_offered_and_the_pot_is_overspent(postgres_url: str) -> None:
    drop = "ALTER TABLE ledger_account DROP CONSTRAINT ck_ledger_account_never_below_nought"
    came_in, count, left, said = run(postgres_url, "naive", before=drop)
    assert came_in == ["offered", "offered"]
    assert (count, left) == (2, POT - 2 * EACH)
    assert said != []
