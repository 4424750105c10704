"""People, groups, and who belongs to which."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from uuid import UUID

from sqlalchemy.orm import Session

from grants.kernel.actors import Role
from grants.people.models import Group, Membership, Person, RoleGrant, SignInSession
from grants.people.queries import token_hash
from grants.people.rules import GroupKind
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


def a_member(session: Session, group: Group, person: Person | None = None, *, sign_off: bool = True) -> Person:
    """Somebody who may edit for ``group``, and sign off unless told otherwise."""
    person = person or a_person(session)
    session.add(
        Membership(
            group_id=group.id, person_id=person.id, can_edit=True, can_sign_off=sign_off, joined_at=group.created_at
        )
    )
    session.flush()
    return person


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
