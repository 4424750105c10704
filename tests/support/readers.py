"""One reader of the town for each role."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grants.kernel.actors import Role
from grants.people.models import Membership, Person, RoleGrant
from grants.web.db import db
from tests.support.sign_in import signed_in

READERS: tuple[Role | None, ...] = (None, *Role)


def reader(app: Flask, role: Role | None) -> FlaskClient:
    """A client of somebody in the town who holds ``role`` (and as few others as can be), or of nobody."""
    if role is None:
        return app.test_client()
    with app.app_context(), Session(db.engine) as session:
        return signed_in(app, session, _somebody(session, role))


def _somebody(session: Session, role: Role) -> Person:
    held = select(RoleGrant.person_id, func.count().label("count")).where(RoleGrant.ended_at.is_(None))
    counts = held.group_by(RoleGrant.person_id).subquery()
    people = select(Person).outerjoin(counts, counts.c.person_id == Person.id).order_by(counts.c.count, Person.email)
    if role is Role.GROUP_MEMBER:
        members = select(Membership.person_id).where(Membership.ended_at.is_(None), Membership.can_edit)
        people = people.where(Person.id.in_(members))
    elif role is not Role.RESIDENT:
        holders = select(RoleGrant.person_id).where(RoleGrant.ended_at.is_(None), RoleGrant.role == role)
        people = people.where(Person.id.in_(holders))
    person = session.scalars(people).first()
    assert person is not None, f"nobody in the town is a {role}"
    return person
