"""Who people and groups are."""

from collections.abc import Collection, Iterable
from datetime import datetime
from hashlib import sha256
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import Select, String, bindparam, func, or_, select
from sqlalchemy.orm import Session, aliased, contains_eager, joinedload, selectinload

from grants.kernel.actors import Actor, Grant, Presence, Rights, Role
from grants.kernel.asking import Together, Who
from grants.kernel.errors import NotFound
from grants.kernel.statements import line_of
from grants.kernel.tables import Utc
from grants.kernel.trail import AuditEvent
from grants.people.models import (
    Factor,
    Group,
    Hosting,
    Membership,
    Person,
    RecoveryCode,
    RoleGrant,
    SignInLink,
    SignInSession,
)
from grants.people.rules import DEMO_ADDRESS, HostingState


def token_hash(token: str) -> str:
    """What is kept of a random token."""
    return sha256(token.encode()).hexdigest()


def presence_of_session(session: Session, token: str, now: datetime) -> Presence | None:
    """The person behind a session token, or None when the session ended, ran out or never was. One query.

    Every page of somebody signed in asks this.
    """
    found, roles, memberships = _BEHIND_TOKEN.rows(
        line_of(session.connection()), {"token_hash": token_hash(token), "now": now}
    )
    if not found:
        return None
    [(person_id, name, factor_at, set_up_at)] = found
    return Presence(_actor(person_id, name, roles, memberships), set_up_at is not None, factor_at)


def _behind_token() -> list[Select[Any]]:
    person = (
        select(Person.id, Person.name, SignInSession.factor_at, Factor.confirmed_at)
        .join(SignInSession, SignInSession.person_id == Person.id)
        .outerjoin(Factor, Factor.person_id == Person.id)
        .where(
            SignInSession.token_hash == bindparam("token_hash", None, type_=String()),
            SignInSession.ended_at.is_(None),
            SignInSession.expires_at > bindparam("now", None, type_=Utc()),
            Person.anonymised_at.is_(None),
        )
    )
    person_id = person.with_only_columns(Person.id).scalar_subquery()
    return [person, _roles(person_id), _memberships(person_id)]


def _roles(person_id: Any) -> Select[Any]:
    return select(RoleGrant.role, RoleGrant.scope_id).where(
        RoleGrant.person_id == person_id, RoleGrant.ended_at.is_(None)
    )


def _memberships(person_id: Any) -> Select[Any]:
    return select(Membership.group_id, Membership.can_edit, Membership.can_sign_off).where(
        Membership.person_id == person_id, Membership.ended_at.is_(None)
    )


_BEHIND_TOKEN = Together(_behind_token)


def actor_for(session: Session, person_id: UUID, name: str) -> Actor:
    """The person with the roles and memberships held at this moment."""
    roles, memberships = session.execute(_roles(person_id)), session.execute(_memberships(person_id))
    return _actor(person_id, name, roles, memberships)


def _actor(person_id: UUID, name: str, roles: Iterable[Any], memberships: Iterable[Any]) -> Actor:
    grants = frozenset(Grant(role, scope) for role, scope in roles)
    groups = {group_id: Rights(edit, sign_off) for group_id, edit, sign_off in memberships}
    return Actor(id=person_id, name=name, grants=grants, groups=MappingProxyType(groups))


def person(session: Session, person_id: UUID) -> Person:
    """The person, or ``NotFound``."""
    found = session.get(Person, person_id)
    if found is None:
        raise NotFound("There is no such person.")
    return found


def factor_of(session: Session, person_id: UUID) -> Factor | None:
    """Somebody's second step, begun or set up; None when there is none."""
    return session.get(Factor, person_id)


def codes_left(session: Session, person_id: UUID) -> int:
    """How many recovery codes somebody has not used yet."""
    query = select(func.count()).where(RecoveryCode.person_id == person_id, RecoveryCode.used_at.is_(None))
    return session.scalar(query) or 0


def person_by_email(session: Session, email: str) -> Person | None:
    """Whose address this is, however it is typed."""
    return session.scalar(select(Person).where(Person.email == email.strip().lower()))


def names(session: Session, ids: Collection[UUID]) -> dict[UUID, str]:
    """Names by id, in one query; ids of nobody are left out."""
    if not ids:
        return {}
    rows = session.execute(select(Person.id, Person.name).where(Person.id.in_(set(ids))))
    return {row[0]: row[1] for row in rows}


def emails(session: Session, ids: Collection[UUID]) -> dict[UUID, str]:
    """Addresses by id, in one query; whoever has none is left out."""
    if not ids:
        return {}
    rows = session.execute(select(Person.id, Person.email).where(Person.id.in_(set(ids)), Person.email.is_not(None)))
    return {id: email for id, email in rows if email}


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


def my_groups(who: Who) -> Select[Any] | None:
    """(id, name) of the groups somebody belongs to, by name."""
    mine = who.groups
    return select(Group.id, Group.name).where(Group.id.in_(mine)).order_by(Group.name, Group.id) if mine else None


def group_by_name(session: Session, name: str) -> Group | None:
    """The group or organisation with this name, however it is typed."""
    return session.scalar(select(Group).where(func.lower(Group.name) == " ".join(name.split()).lower()))


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


def holders(session: Session, role: Role, scope: UUID) -> list[Person]:
    """Everybody who holds ``role`` everywhere or for ``scope``, by name."""
    reach = or_(RoleGrant.scope_id.is_(None), RoleGrant.scope_id == scope)
    holds = select(RoleGrant.person_id).where(RoleGrant.role == role, RoleGrant.ended_at.is_(None), reach)
    return list(session.scalars(select(Person).where(Person.id.in_(holds)).order_by(Person.name, Person.id).limit(500)))


def holders_of_any(session: Session, roles: Collection[Role], scopes: Collection[UUID]) -> list[Person]:
    """Everybody who holds one of ``roles`` everywhere or for one of ``scopes``, by name."""
    reach = or_(RoleGrant.scope_id.is_(None), RoleGrant.scope_id.in_(scopes))
    holds = select(RoleGrant.person_id).where(RoleGrant.role.in_(roles), RoleGrant.ended_at.is_(None), reach)
    return list(session.scalars(select(Person).where(Person.id.in_(holds)).order_by(Person.name, Person.id).limit(500)))


def emails_of_signers(session: Session, group_id: UUID) -> list[tuple[UUID, str]]:
    """(person id, address) of every member of a group who may sign off."""
    rows = session.execute(
        select(Person.id, Person.email)
        .join(Membership, Membership.person_id == Person.id)
        .where(
            Membership.group_id == group_id,
            Membership.ended_at.is_(None),
            Membership.can_sign_off,
            Person.email.is_not(None),
        )
        .order_by(Person.email)
    )
    return [(id, email) for id, email in rows if email is not None]


def memberships_of(session: Session, person_id: UUID) -> list[Membership]:
    """What somebody belongs to now, with the group of each loaded, by the group's name."""
    return list(
        session.scalars(
            select(Membership)
            .join(Membership.group)
            .options(contains_eager(Membership.group))
            .where(Membership.person_id == person_id, Membership.ended_at.is_(None))
            .order_by(Group.name, Membership.id)
        )
    )


def grants_of(session: Session, person_id: UUID, *, ended: bool = False) -> list[RoleGrant]:
    """The roles somebody holds now, and with ``ended`` those they held before; oldest first."""
    query = select(RoleGrant).where(RoleGrant.person_id == person_id)
    if not ended:
        query = query.where(RoleGrant.ended_at.is_(None))
    return list(session.scalars(query.order_by(RoleGrant.granted_at, RoleGrant.id)))


def sessions_of(session: Session, person_id: UUID, now: datetime) -> list[SignInSession]:
    """Where somebody is signed in now, newest first, at most 50."""
    return list(
        session.scalars(
            select(SignInSession)
            .where(
                SignInSession.person_id == person_id, SignInSession.ended_at.is_(None), SignInSession.expires_at > now
            )
            .order_by(SignInSession.started_at.desc(), SignInSession.id)
            .limit(50)
        )
    )


def link_email(session: Session, token: str, now: datetime) -> str | None:
    """The address a sign-in link went to; None when it was used, ran out or never was. Looking uses nothing up."""
    return session.scalar(
        select(SignInLink.email).where(
            SignInLink.token_hash == token_hash(token), SignInLink.used_at.is_(None), SignInLink.expires_at > now
        )
    )


def demo_people(session: Session) -> list[tuple[Person, list[Role]]]:
    """The demonstration's people with the roles they hold, by name; at most 60."""
    people = session.scalars(
        select(Person)
        .where(Person.email.endswith(DEMO_ADDRESS, autoescape=True), Person.anonymised_at.is_(None))
        .options(selectinload(Person.roles), selectinload(Person.memberships).joinedload(Membership.group))
        .order_by(Person.name, Person.id)
        .limit(60)
    )
    return [(one, [grant.role for grant in one.roles if grant.ended_at is None]) for one in people]


PAGE = 25


def people(session: Session, *, words: str = "", role: Role | None = None, page: int = 1) -> tuple[list[Person], int]:
    """A page of people who have not left, by name, with their roles loaded; and how many pages there are."""
    query = select(Person).where(Person.anonymised_at.is_(None))
    if words:
        query = query.where(
            or_(Person.name.icontains(words, autoescape=True), Person.email.icontains(words, autoescape=True))
        )
    if role is not None:
        holders = select(RoleGrant.person_id).where(RoleGrant.role == role, RoleGrant.ended_at.is_(None))
        query = query.where(Person.id.in_(holders))
    pages = pages_of(session, query)
    ordered = query.options(selectinload(Person.roles)).order_by(Person.name, Person.id)
    return list(session.scalars(ordered.limit(PAGE).offset((page - 1) * PAGE))), pages


def groups(
    session: Session, *, words: str = "", ward_code: str = "", page: int = 1
) -> tuple[list[tuple[Group, int]], int]:
    """A page of groups by name, each with how many members it has; and how many pages there are."""
    query = select(Group)
    if words:
        query = query.where(
            or_(Group.name.icontains(words, autoescape=True), Group.about.icontains(words, autoescape=True))
        )
    if ward_code:
        query = query.where(Group.ward_code == ward_code)
    pages = pages_of(session, query)
    count = (
        select(func.count())
        .where(Membership.group_id == Group.id, Membership.ended_at.is_(None))
        .correlate(Group)
        .scalar_subquery()
    )
    rows = session.execute(
        query.add_columns(count).order_by(Group.name, Group.id).limit(PAGE).offset((page - 1) * PAGE)
    )
    return [(row[0], row[1]) for row in rows], pages


def pages_of(session: Session, query: Select[Any]) -> int:
    """How many pages of ``PAGE`` rows a query fills; at least one."""
    rows = session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    return max(1, -(-rows // PAGE))


def hosts(session: Session) -> list[Group]:
    """Groups that can be asked to be a host, by name; at most 200."""
    return list(session.scalars(select(Group).where(Group.can_host).order_by(Group.name, Group.id).limit(200)))


def live_hosting(session: Session, group_id: UUID) -> Hosting | None:
    """The hosting of a group that is asked for or confirmed, with its host loaded."""
    return session.scalar(
        select(Hosting)
        .options(joinedload(Hosting.host))
        .where(Hosting.group_id == group_id, Hosting.state.in_((HostingState.REQUESTED, HostingState.CONFIRMED)))
        .order_by(Hosting.asked_at.desc(), Hosting.id)
        .limit(1)
    )


def latest_hosting(session: Session, group_id: UUID) -> Hosting | None:
    """What became of the last time a group asked for a host."""
    return session.scalar(
        select(Hosting)
        .options(joinedload(Hosting.host))
        .where(Hosting.group_id == group_id)
        .order_by(Hosting.asked_at.desc(), Hosting.id)
        .limit(1)
    )


def hostings_of(session: Session, host_ids: Collection[UUID], *states: HostingState) -> list[Hosting]:
    """What these hosts are asked for or hold, oldest first, with group and host loaded; at most 200."""
    query = select(Hosting).options(joinedload(Hosting.group), joinedload(Hosting.host))
    query = query.where(Hosting.host_id.in_(host_ids)).order_by(Hosting.asked_at, Hosting.id).limit(200)
    return list(session.scalars(query.where(Hosting.state.in_(states)) if states else query))


def hostings_asked(who: Who) -> Select[Any] | None:
    """What hosts are asked for whom somebody signs, by somebody else; the oldest first. Host, its name, the group's."""
    mine = who.signs
    if not mine:
        return None
    host = aliased(Group)
    return (
        select(Hosting.host_id, host.name, Group.name)
        .join(host, host.id == Hosting.host_id)
        .join(Group, Group.id == Hosting.group_id)
        .where(
            Hosting.host_id.in_(mine),
            Hosting.state == HostingState.REQUESTED,
            Hosting.asked_by_id.is_distinct_from(who.me),
        )
        .order_by(Hosting.asked_at, Hosting.id)
        .limit(200)
    )


def trail_of(session: Session, subject_id: UUID, *, limit: int = 50) -> list[AuditEvent]:
    """What happened to a person or a group, newest first."""
    return list(
        session.scalars(
            select(AuditEvent)
            .where(AuditEvent.subject_id == subject_id)
            .order_by(AuditEvent.at.desc(), AuditEvent.id)
            .limit(limit)
        )
    )


def trail_by(session: Session, person_id: UUID, *, limit: int = 5000) -> list[AuditEvent]:
    """What somebody did, oldest first: for their own copy of it."""
    return list(
        session.scalars(
            select(AuditEvent)
            .where(AuditEvent.actor_id == person_id)
            .order_by(AuditEvent.at, AuditEvent.id)
            .limit(limit)
        )
    )


def hosting(session: Session, hosting_id: UUID) -> Hosting:
    """The hosting with its group and host, or ``NotFound``."""
    found = session.scalar(
        select(Hosting).options(joinedload(Hosting.group), joinedload(Hosting.host)).where(Hosting.id == hosting_id)
    )
    if found is None:
        raise NotFound("There is no such hosting.")
    return found


def without_host(who: Who) -> Select[Any] | None:
    """Groups somebody writes for that have neither a bank account nor a host asked or confirmed, by name. Id, name."""
    mine = who.edits
    if not mine:
        return None
    live = select(Hosting.group_id).where(Hosting.state.in_((HostingState.REQUESTED, HostingState.CONFIRMED)))
    return (
        select(Group.id, Group.name)
        .where(Group.id.in_(mine), Group.has_bank_account.is_(False), Group.id.not_in(live))
        .order_by(Group.name, Group.id)
        .limit(50)
    )


def everything_about(session: Session, person_id: UUID) -> dict[str, Any]:
    """What this stage and the trail hold about somebody, ready for JSON: their own copy."""
    one = person(session, person_id)
    memberships = session.scalars(
        select(Membership)
        .options(joinedload(Membership.group))
        .where(Membership.person_id == person_id)
        .order_by(Membership.joined_at, Membership.id)
    )
    sessions = session.scalars(
        select(SignInSession)
        .where(SignInSession.person_id == person_id)
        .order_by(SignInSession.started_at, SignInSession.id)
        .limit(5000)
    )
    return {
        "name": one.name,
        "email": one.email,
        "account_made": _written(one.created_at),
        "roles": [
            {
                "role": grant.role.value,
                "for_one_fund_or_funder": _written(grant.scope_id),
                "from": _written(grant.granted_at),
                "to": _written(grant.ended_at),
            }
            for grant in grants_of(session, person_id, ended=True)
        ],
        "groups": [
            {
                "group": member.group.name,
                "can_edit": member.can_edit,
                "can_sign_off": member.can_sign_off,
                "from": _written(member.joined_at),
                "to": _written(member.ended_at),
            }
            for member in memberships
        ],
        "second_step": _second_step(session, person_id),
        "signed_in": [
            {"from": _written(row.started_at), "until": _written(row.ended_at or row.expires_at)} for row in sessions
        ],
        "what_you_did": [
            {"at": _written(event.at), "what": event.verb, "to": event.subject_type, "id": _written(event.subject_id)}
            for event in trail_by(session, person_id)
        ],
    }


def _second_step(session: Session, person_id: UUID) -> dict[str, Any] | None:
    factor = factor_of(session, person_id)
    if factor is None or factor.confirmed_at is None:
        return None
    return {"since": _written(factor.confirmed_at), "recovery_codes_left": codes_left(session, person_id)}


def _written(value: datetime | UUID | None) -> str | None:
    if isinstance(value, datetime):
        return value.isoformat()
    return None if value is None else str(value)
