"""Who people and groups are."""

from datetime import datetime
from hashlib import sha256
from types import MappingProxyType
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.kernel.actors import Actor, Grant, Rights
from grants.people.models import Membership, Person, RoleGrant, SignInSession


def token_hash(token: str) -> str:
    """What is kept of a random token."""
    return sha256(token.encode()).hexdigest()


def actor_of_session(session: Session, token: str, now: datetime) -> Actor | None:
    """The person behind a session token, or None when the session ended, ran out or never was."""
    person = session.scalar(
        select(Person)
        .join(SignInSession, SignInSession.person_id == Person.id)
        .where(
            SignInSession.token_hash == token_hash(token),
            SignInSession.ended_at.is_(None),
            SignInSession.expires_at > now,
            Person.anonymised_at.is_(None),
        )
    )
    return actor_for(session, person.id, person.name) if person is not None else None


def actor_for(session: Session, person_id: UUID, name: str) -> Actor:
    """The person with the roles and memberships held at this moment."""
    roles = session.execute(
        select(RoleGrant.role, RoleGrant.scope_id).where(RoleGrant.person_id == person_id, RoleGrant.ended_at.is_(None))
    )
    grants = frozenset(Grant(role, scope) for role, scope in roles)
    memberships = session.execute(
        select(Membership.group_id, Membership.can_edit, Membership.can_sign_off).where(
            Membership.person_id == person_id, Membership.ended_at.is_(None)
        )
    )
    groups = {group_id: Rights(edit, sign_off) for group_id, edit, sign_off in memberships}
    return Actor(id=person_id, name=name, grants=grants, groups=MappingProxyType(groups))
