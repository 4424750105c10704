"""The unit of work tells who did what, and says when a thing is not there."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.kernel.actors import CLOCK, NOBODY, Actor, Role
from grants.kernel.errors import NotFound
from grants.kernel.trail import AuditEvent
from grants.people.models import Person
from tests.builders.actors import an_actor
from tests.builders.people import a_person
from tests.support.clock import START
from tests.support.work import work


def test_a_step_leaves_who_what_and_when(session: Session) -> None:
    steward, person, other = an_actor(Role.STEWARD), a_person(session), uuid4()
    work(session, steward).record("person.joined", person, before="asked", after="joined", why="Known here", by=other)
    session.flush()
    event = session.scalars(select(AuditEvent)).one()
    assert (event.verb, event.subject_type, event.subject_id) == ("person.joined", "person", person.id)
    assert (event.actor_id, event.actor_role, event.at) == (steward.id, "steward", START)
    assert (event.before, event.after, event.why) == ("asked", "joined", "Known here")
    assert event.body == {"by": str(other)}


@pytest.mark.parametrize(
    ("actor", "word"),
    [
        (CLOCK, "clock"),
        (NOBODY, "anyone"),
        (an_actor(), "resident"),
        (an_actor(Role.STEWARD, Role.AUDITOR), "auditor+steward"),
    ],
)
def test_the_trail_says_in_which_role(session: Session, actor: Actor, word: str) -> None:
    assert work(session, actor).record("person.joined", a_person(session)).actor_role == word


def test_what_is_not_there_is_not_found(session: Session) -> None:
    with pytest.raises(NotFound, match="no such person"):
        work(session).get(Person, uuid4())


def test_a_row_can_be_held_on_both_databases(any_session: Session) -> None:
    person = a_person(any_session)
    assert work(any_session).get(Person, person.id, lock=True) is person
