"""What the column types and the append-only tables promise, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError
from sqlalchemy.orm import Session

from grants.kernel.actors import Role
from grants.kernel.trail import AuditEvent
from grants.people.models import RoleGrant
from tests.builders.actors import an_actor
from tests.builders.people import a_person
from tests.support.work import work


def test_a_moment_comes_back_aware_and_in_utc(any_session: Session) -> None:
    person = a_person(any_session)
    person.created_at = datetime(2026, 7, 1, 9, 0, tzinfo=timezone(timedelta(hours=1)))
    any_session.flush()
    any_session.expire_all()
    assert person.created_at == datetime(2026, 7, 1, 8, 0, tzinfo=UTC)
    assert person.created_at.utcoffset() == timedelta(0)


def test_moments_are_compared_as_moments_whatever_their_zone(any_session: Session) -> None:
    person = a_person(any_session)
    same = person.created_at.astimezone(timezone(timedelta(hours=5)))
    assert any_session.scalar(select(type(person).id).where(type(person).created_at == same)) == person.id


def test_a_moment_without_a_zone_is_refused(any_session: Session) -> None:
    person = a_person(any_session)
    person.created_at = datetime(2026, 7, 1)  # noqa: DTZ001
    with pytest.raises(StatementError, match="time zone"):
        any_session.flush()


def test_a_state_that_nobody_knows_is_refused_by_the_database(any_session: Session) -> None:
    person = a_person(any_session, Role.STEWARD)
    any_session.flush()
    with pytest.raises(IntegrityError), any_session.begin_nested():
        any_session.execute(text("UPDATE role_grant SET role = 'emperor'"))
    assert any_session.scalar(select(RoleGrant.role).where(RoleGrant.person_id == person.id)) is Role.STEWARD


@pytest.mark.parametrize("change", [update(AuditEvent).values(verb="a.forged"), delete(AuditEvent)])
def test_the_trail_is_never_changed(any_session: Session, change: object) -> None:
    work(any_session, an_actor()).record("person.joined", a_person(any_session))
    any_session.flush()
    with pytest.raises(DBAPIError, match="append-only"), any_session.begin_nested():
        any_session.execute(change)  # type: ignore[call-overload]
    assert any_session.scalars(select(AuditEvent.verb)).all() == ["person.joined"]


def test_a_foreign_key_must_point_at_something(any_session: Session) -> None:
    stranger = an_actor().id
    row = {"person_id": stranger, "role": Role.ADMIN, "granted_at": datetime(2026, 1, 1, tzinfo=UTC)}
    with pytest.raises(IntegrityError), any_session.begin_nested():
        any_session.execute(insert(RoleGrant).values(**row))
