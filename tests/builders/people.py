"""People, groups, and who belongs to which."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from uuid import UUID

from sqlalchemy.orm import Session

from grants.kernel.actors import Actor, Role
from grants.people.models import Group, Hosting, Membership, Person, RoleGrant, SignInSession
from grants.people.queries import actor_for, token_hash
from grants.people.rules import GroupKind, HostingState
from tests.support.clock import START

_numbers = count(1)


def a_person(session: Session, *roles: Role, name: str = "", email: str = "", scope_id: UUID | None = None) -> Person:
    """Somebody with an account who holds ``roles``, everywhere or only for ``scope_id``."""
    number = next(_numbers)
    person = Person(
        name=name or f"Person {number}",
        email=email or f"person{number}@example.org",
        created_at=START - timedelta(days=30),
    )
    session.add(person)
    session.flush()
    for role in roles:
        session.add(RoleGrant(person_id=person.id, role=role, scope_id=scope_id, granted_at=person.created_at))
    session.flush()
    return person


def a_group(session: Session, *, name: str = "", has_bank_account: bool = True, **fields: object) -> Group:
    """A constituted group with a bank account of its own."""
    group = Group(
        **{
            "name": name or f"Group {next(_numbers)}",
            "kind": GroupKind.ASSOCIATION,
            "about": "Neighbours who cook together.",
            "has_bank_account": has_bank_account,
            "created_at": START - timedelta(days=20),
            **fields,
        }
    )
    session.add(group)
    session.flush()
    return group


def a_member(
    session: Session, group: Group, person: Person | None = None, *, edit: bool = True, sign_off: bool = True
) -> Person:
    """Somebody who may edit and sign off for ``group``, unless told otherwise."""
    person = person or a_person(session)
    session.add(
        Membership(
            group_id=group.id, person_id=person.id, can_edit=edit, can_sign_off=sign_off, joined_at=group.created_at
        )
    )
    session.flush()
    return person


def a_hosting(
    session: Session,
    group: Group | None = None,
    host: Group | None = None,
    *,
    state: HostingState = HostingState.CONFIRMED,
) -> Hosting:
    """A host that has said yes to holding the money of a group without a bank account."""
    group = group or a_group(session, has_bank_account=False, kind=GroupKind.UNCONSTITUTED)
    host = host or a_group(session, can_host=True)
    asker = a_member(session, group)
    hosting = Hosting(
        group_id=group.id, host_id=host.id, state=state, asked_by_id=asker.id, asked_at=START - timedelta(days=10)
    )
    if state is not HostingState.REQUESTED:
        hosting.answered_by_id = a_member(session, host).id
        hosting.answered_at = START - timedelta(days=9)
    session.add(hosting)
    session.flush()
    return hosting


def actor_of(session: Session, person: Person) -> Actor:
    """The person as the services see them, with the roles and memberships held now."""
    return actor_for(session, person.id, person.name)


def a_sign_in(session: Session, person: Person) -> str:
    """An open sign-in session of ``person``. Gives its token."""
    token = f"token-{next(_numbers)}"
    session.add(
        SignInSession(
            token_hash=token_hash(token), person_id=person.id, started_at=START, expires_at=START + timedelta(days=3650)
        )
    )
    session.flush()
    return token
