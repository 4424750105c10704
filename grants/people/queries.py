"""Who people and groups are."""

from collections.abc import Collection
from datetime import datetime
from hashlib import sha256
from types import MappingProxyType
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, contains_eager, joinedload

from grants.kernel.actors import Actor, Grant, Rights, Role
from grants.kernel.errors import NotFound
from grants.people.models import Group, Hosting, Membership, Person, RoleGrant, SignInSession
from grants.people.rules import HostingState


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


def person(session: Session, person_id: UUID) -> Person:
    """The person, or ``NotFound``."""
    found = session.get(Person, person_id)
    if found is None:
        raise NotFound("There is no such person.")
    return found


def person_by_email(session: Session, email: str) -> Person | None:
    """Whose address this is, however it is typed."""
    return session.scalar(select(Person).where(Person.email == email.strip().lower()))


def names(session: Session, ids: Collection[UUID]) -> dict[UUID, str]:
    """Names by id, in one query; ids of nobody are left out."""
    if not ids:
        return {}
    rows = session.execute(select(Person.id, Person.name).where(Person.id.in_(set(ids))))
    return {row[0]: row[1] for row in rows}


def group(session: Session, group_id: UUID) -> Group:
    """The group, or ``NotFound``."""
    found = session.get(Group, group_id)
    if found is None:
        raise NotFound("There is no such group.")
    return found


def group_names(session: Session, ids: Collection[UUID]) -> dict[UUID, str]:
    """Names of groups by id, in one query."""
    if not ids:
        return {}
    rows = session.execute(select(Group.id, Group.name).where(Group.id.in_(set(ids))))
    return {row[0]: row[1] for row in rows}


def groups_of(session: Session, person_id: UUID) -> list[Group]:
    """The groups a person belongs to now, by name."""
    return list(
        session.scalars(
            select(Group)
            .join(Membership, Membership.group_id == Group.id)
            .where(Membership.person_id == person_id, Membership.ended_at.is_(None))
            .order_by(Group.name, Group.id)
        )
    )


def members(session: Session, group_id: UUID) -> list[Membership]:
    """Who belongs to a group now, with the person of each loaded, by name."""
    return list(
        session.scalars(
            select(Membership)
            .join(Membership.person)
            .options(contains_eager(Membership.person))
            .where(Membership.group_id == group_id, Membership.ended_at.is_(None))
            .order_by(Person.name, Membership.id)
        )
    )


def confirmed_hosting(session: Session, group_id: UUID) -> Hosting | None:
    """The hosting that holds the group's money now, with its host loaded; None when no host has confirmed."""
    return session.scalar(
        select(Hosting)
        .options(joinedload(Hosting.host))
        .where(Hosting.group_id == group_id, Hosting.state == HostingState.CONFIRMED)
        .order_by(Hosting.answered_at.desc(), Hosting.id)
        .limit(1)
    )


def emails_of_group(session: Session, group_id: UUID) -> list[tuple[UUID, str]]:
    """(person id, address) of every member of a group who can be written to."""
    rows = session.execute(
        select(Person.id, Person.email)
        .join(Membership, Membership.person_id == Person.id)
        .where(Membership.group_id == group_id, Membership.ended_at.is_(None), Person.email.is_not(None))
        .order_by(Person.email)
    )
    return [(id, email) for id, email in rows if email is not None]


def emails_of_role(session: Session, role: Role, scope: UUID | None = None) -> list[tuple[UUID, str]]:
    """(person id, address) of everybody who holds ``role``: everywhere, or for ``scope`` when one is given."""
    reach = or_(RoleGrant.scope_id.is_(None), RoleGrant.scope_id == scope)
    rows = session.execute(
        select(Person.id, Person.email)
        .join(RoleGrant, RoleGrant.person_id == Person.id)
        .where(RoleGrant.role == role, RoleGrant.ended_at.is_(None), Person.email.is_not(None), reach)
        .distinct()
        .order_by(Person.email)
    )
    return [(id, email) for id, email in rows if email is not None]
