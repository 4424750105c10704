"""Several at once say that an issue matters to them: every voice counts once, and the held row is why."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grants.issues import service
from grants.issues.models import Issue, IssueSupport
from grants.kernel.actors import Actor, Grant, Role
from grants.kernel.errors import StepRefused
from grants.kernel.tables import Identified
from grants.kernel.work import UnitOfWork
from grants.web.db import WRITES, transaction
from tests.builders.issues import an_issue
from tests.builders.people import a_person
from tests.support.clock import START
from tests.support.race import race
from tests.support.schema import an_engine, load_models

pytestmark = pytest.mark.race


def press(
    ready: Callable[[], None], url: str, person_id: UUID, issue_id: UUID, into_id: UUID | None, guarded: bool
) -> str:
    """One racer: support the issue, or as a steward merge it into ``into_id``."""
    load_models()
    engine = an_engine(url)
    held = UnitOfWork.get
    try:
        with Session(engine) as session:
            session.scalar(select(func.count(Issue.id)))  # connected before the start
            if not guarded:  # a process of its own: nobody else sees this

                def look(self: UnitOfWork, model: type[Identified], id: UUID, *, lock: bool = False) -> Identified:
                    row = held(self, model, id)
                    ready()
                    return row

                UnitOfWork.get = look  # type: ignore[method-assign, assignment]
            else:
                ready()
            grants = frozenset({Grant(Role.STEWARD)}) if into_id else frozenset()
            with transaction(session, engine, Actor(id=person_id, grants=grants), START) as uow:
                if into_id:
                    service.merge(uow, issue_id, into_id)
                    return "merged"
                return "counted" if service.support(uow, issue_id) else "counted before"
    except StepRefused:
        return "too late"
    finally:
        engine.dispose()


def scene(url: str, people: int) -> tuple[list[UUID], UUID, UUID]:
    """People, an issue, and another into which it could be merged."""
    load_models()
    engine = an_engine(url)
    with Session(engine) as session:
        session.connection(execution_options={WRITES: True})
        ids = [a_person(session).id for _ in range(people)]
        issue_id, other_id = an_issue(session).id, an_issue(session).id
        session.commit()
    engine.dispose()
    return ids, issue_id, other_id


def counts(url: str, issue_id: UUID) -> tuple[int, int]:
    """The counter of an issue, and the rows that it should count."""
    engine = an_engine(url)
    with Session(engine) as session:
        rows = select(func.count()).select_from(IssueSupport).where(IssueSupport.issue_id == issue_id)
        found = session.scalar(select(Issue.support_count).where(Issue.id == issue_id)), session.scalar(rows)
    engine.dispose()
    assert found[0] is not None
    assert found[1] is not None
    return found[0], found[1]


def test_one_person_who_presses_four_times_counts_once(any_url: str) -> None:
    (person,), issue, _ = scene(any_url, 1)
    finishes = race(press, [(any_url, person, issue, None, True)] * 4)
    assert [f.error for f in finishes] == [None] * 4
    assert sorted(f.gave for f in finishes) == ["counted", "counted before", "counted before", "counted before"]
    assert counts(any_url, issue) == (1, 1)


def test_four_people_at_once_count_four_times(any_url: str) -> None:
    people, issue, _ = scene(any_url, 4)
    finishes = race(press, [(any_url, person, issue, None, True) for person in people])
    assert [(f.gave, f.error) for f in finishes] == [("counted", None)] * 4
    assert counts(any_url, issue) == (4, 4)


def test_no_voice_is_lost_while_the_issue_is_merged(any_url: str) -> None:
    people, issue, other = scene(any_url, 4)
    entries = [(any_url, person, issue, None, True) for person in people[:3]]
    finishes = race(press, [*entries, (any_url, people[3], issue, other, True)])
    assert [f.error for f in finishes] == [None] * 4
    counted = sum(f.gave == "counted" for f in finishes)
    assert counts(any_url, issue) == (0, 0)
    assert counts(any_url, other) == (counted, counted)


def test_without_the_held_row_a_second_press_breaks(postgres_url: str) -> None:
    (person,), issue, _ = scene(postgres_url, 1)
    finishes = race(press, [(postgres_url, person, issue, None, False)] * 2)
    assert any(f.error for f in finishes)
