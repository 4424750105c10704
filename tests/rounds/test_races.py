"""Two stewards publish two rounds at the same moment: the same pounds are promised once, and the held fund is why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grants.funds.models import Fund
from grants.kernel.actors import Actor, Grant, Role
from grants.kernel.errors import RuleBroken
from grants.kernel.tables import Identified
from grants.kernel.work import UnitOfWork
from grants.rounds import service
from grants.rounds.models import Round
from grants.rounds.rules.states import RoundState
from grants.web.db import WRITES, transaction
from tests.builders.funds import a_contribution, a_fund
from tests.builders.people import a_person
from tests.builders.rounds import a_round
from tests.support.clock import START
from tests.support.race import race
from tests.support.schema import an_engine, load_models
from tests.support.settings import KEYS

pytestmark = pytest.mark.race


def publish(ready: Callable[[], None], url: str, person_id: UUID, round_id: UUID, guarded: bool) -> str:
    """One racer: a steward who publishes a round."""
    load_models()
    engine = an_engine(url)
    held, counted = UnitOfWork.get, service._check_money
    try:
        with Session(engine) as session:
            session.scalar(select(func.count(Round.id)))  # connected before the start
            if guarded:
                ready()
            else:  # a process of its own: nobody else sees this

                def look(self: UnitOfWork, model: type[Identified], id: UUID, *, lock: bool = False) -> Identified:
                    return held(self, model, id, lock=lock and model is not Fund)

                def count(*about: Any) -> None:
                    counted(*about)
                    ready()  # both have counted the money, and neither has promised it

                UnitOfWork.get = look  # type: ignore[method-assign, assignment]
                service._check_money = count
            steward = Actor(id=person_id, grants=frozenset({Grant(Role.STEWARD)}))
            with transaction(session, engine, steward, START) as uow:
                service.schedule(uow, round_id, KEYS["vote_key"])
            return "published"
    except RuleBroken as refused:
        return refused.field or "refused"
    finally:
        engine.dispose()


def scene(url: str) -> list[tuple[UUID, UUID]]:
    """A fund with £5,000, and two drafts that would share out all of it, each with a steward."""
    load_models()
    engine = an_engine(url)
    with Session(engine) as session:
        session.connection(execution_options={WRITES: True})
        fund = a_fund(session)
        a_contribution(session, fund, 500_000)
        found = [(a_person(session).id, a_round(session, RoundState.DRAFT, fund=fund).id) for _ in range(2)]
        session.commit()
    engine.dispose()
    return found


def test_two_rounds_published_at_once_promise_the_same_pounds_once(any_url: str) -> None:
    came_in = race(publish, [(any_url, person, round, True) for person, round in scene(any_url)])
    assert [one.error for one in came_in] == [None, None]
    assert sorted(one.gave for one in came_in) == ["pot_minor", "published"]


@pytest.mark.postgres
def test_without_the_held_fund_both_are_published(postgres_url: str) -> None:
    came_in = race(publish, [(postgres_url, person, round, False) for person, round in scene(postgres_url)])
    assert [one.gave for one in came_in] == ["published", "published"]
