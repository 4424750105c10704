"""Two asks and the last pounds of a quick round's pot; two who answer one ask at the same moment."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from grants.awards.models import Award
from grants.kernel.actors import Role
from grants.kernel.errors import Conflict, NotAllowed, NotEnoughMoney, StepRefused
from grants.kernel.work import UnitOfWork
from grants.people.queries import actor_for
from grants.quick import queries, service
from grants.quick.models import QuickDecision, QuickOpinion
from grants.quick.rules import Says
from grants.rounds import service as rounds
from grants.rounds.models import Round
from grants.web.db import WRITES, transaction
from tests.builders.people import a_person
from tests.builders.quick import a_quick_round, an_ask, an_opinion
from tests.support.clock import START
from tests.support.race import race
from tests.support.schema import an_engine, load_models

pytestmark = pytest.mark.race
EACH, LEFT = 20_000, 30_000


def second(ready: Callable[[], None], url: str, person_id: UUID, ask_id: UUID, guarded: bool) -> str:
    """One racer: be the second who says yes."""
    load_models()
    engine = an_engine(url)
    try:
        with Session(engine) as session:
            actor = actor_for(session, person_id, "Somebody")
            session.rollback()
            if guarded:
                ready()
            else:
                queries.why_no_money = lambda session, proposal, now: None
                rounds.take_from_pot = _look_then_write(ready)
            with transaction(session, engine, actor, START) as uow:
                return service.say(uow, ask_id, Says.YES, copy=1).value
    except (NotEnoughMoney, Conflict, NotAllowed, StepRefused) as refused:
        return type(refused).__name__
    finally:
        engine.dispose()


def _look_then_write(ready: Callable[[], None]) -> Callable[[UnitOfWork, UUID, int], None]:
    """What a first draft does: read what is promised, find it enough, write. Both look before either writes."""

    def take(uow: UnitOfWork, round_id: UUID, amount_minor: int) -> None:
        promised, pot = uow.session.execute(
            select(Round.promised_minor, Round.pot_minor).where(Round.id == round_id)
        ).one()
        ready()
        if promised + amount_minor > pot:
            raise NotEnoughMoney("There is not enough money.", 0)
        uow.session.execute(
            update(Round)
            .where(Round.id == round_id)
            .values(promised_minor=Round.promised_minor + amount_minor)
            .execution_options(synchronize_session=False)
        )

    return take


def run(url: str, *, asks: int, guarded: bool = True, before: str = "") -> tuple[list[str], int, int, int, int]:
    """Race two deciders over one ask or two; gives what each got, awards, decisions, opinions, what is promised."""
    load_models()
    engine = an_engine(url)
    with Session(engine) as session:
        session.connection(execution_options={WRITES: True})
        round = a_quick_round(session, promised_minor=200_000 - LEFT)
        first = a_person(session, Role.STEWARD)
        made = [an_ask(session, round, amount_minor=EACH) for _ in range(asks)]
        for one in made:
            an_opinion(session, one, first)
        who = [a_person(session, Role.PANELLIST).id for _ in range(2)]
        ids = [made[number % asks].id for number in range(2)]
        if before:
            session.execute(text(before))
        session.commit()
        round_id = round.id
    finishes = race(second, [(url, person, ask, guarded) for person, ask in zip(who, ids, strict=True)])
    with Session(engine) as session:
        counts = [
            session.scalar(select(func.count()).select_from(model)) or 0
            for model in (Award, QuickDecision, QuickOpinion)
        ]
        promised = session.scalar(select(Round.promised_minor).where(Round.id == round_id)) or 0
    engine.dispose()
    assert [finish.error for finish in finishes] == [None, None]
    return sorted(str(finish.gave) for finish in finishes), *counts, promised


def test_two_asks_for_the_last_pounds_of_the_pot(any_url: str) -> None:
    came_in, awards, decisions, opinions, promised = run(any_url, asks=2)
    assert came_in == ["NotEnoughMoney", "funded"]
    assert (awards, decisions, opinions, promised) == (1, 1, 3, 200_000 - LEFT + EACH)


def test_without_its_guard_the_pot_is_promised_twice(postgres_url: str) -> None:
    drop = "ALTER TABLE round DROP CONSTRAINT ck_round_promised_within_pot"
    came_in, awards, _, _, promised = run(postgres_url, asks=2, guarded=False, before=drop)
    assert came_in == ["funded", "funded"]
    assert (awards, promised) == (2, 200_000 - LEFT + 2 * EACH)


def test_two_who_are_the_second_at_the_same_moment_decide_once(any_url: str) -> None:
    came_in, awards, decisions, opinions, promised = run(any_url, asks=1)
    assert came_in == ["StepRefused", "funded"]
    assert (awards, decisions, opinions, promised) == (1, 1, 2, 200_000 - LEFT + EACH)
