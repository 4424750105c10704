"""What happens to people and groups: one function, one use case, one trail entry."""

import secrets
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from grants.kernel.actors import Rights, Role
from grants.kernel.errors import NotAllowed, NotFound, RuleBroken
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork
from grants.outbox.service import forget
from grants.people import access, notices, queries, rules
from grants.people.models import Group, Hosting, Membership, Person, RoleGrant, SignInLink, SignInSession
from grants.people.rules import GroupDraft, HostingAction, HostingState


@dataclass(frozen=True, slots=True)
class Entry:
    """A browser that may come in: the token for its cookie, who it is, and where they wanted to go."""

    token: str
    person_id: UUID
    name: str
    next_path: str


# Signing in and out.


def request_link(uow: UnitOfWork, email: str, next_path: str | None = None) -> None:
    """Send a single-use link to ``email``, known or not: nothing that is seen or heard tells which."""
    token = secrets.token_urlsafe(32)
    link = SignInLink(
        token_hash=queries.token_hash(token),
        email=rules.clean_email(email),
        next_path=rules.own_path(next_path),
        created_at=uow.now,
        expires_at=uow.now + rules.LINK_LIFE,
    )
    uow.add(link)
    notices.sign_in_link(uow, link, token)
    uow.record("people.link_requested", link)


def enter_by_link(uow: UnitOfWork, token: str, name: str = "", *, replaces: str | None = None) -> Entry:
    """Use the link up and start a session. ``name`` is needed when the address is new; ``replaces`` ends with it.

    Of two that use one link at the same moment the conditional UPDATE lets one through; the other is told to ask again.
    """
    link = uow.session.scalar(
        update(SignInLink)
        .where(
            SignInLink.token_hash == queries.token_hash(token),
            SignInLink.used_at.is_(None),
            SignInLink.expires_at > uow.now,
        )
        .values(used_at=uow.now)
        .returning(SignInLink)
        .execution_options(synchronize_session=False)
    )
    if link is None:
        raise RuleBroken("This link has been used already, or its 20 minutes are over. Ask for a new one.")
    person = queries.person_by_email(uow.session, link.email) or _new_person(uow, link.email, rules.clean_name(name))
    return _start_session(uow, person, link.next_path, replaces)


def enter_as(uow: UnitOfWork, person_id: UUID, *, replaces: str | None = None) -> Entry:
    """Start a session for one of the demonstration's people; anybody else is refused, whoever asks."""
    person = uow.get(Person, person_id)
    if not (person.email or "").endswith(rules.DEMO_ADDRESS):
        raise NotFound("There is no such person in the demonstration.")
    return _start_session(uow, person, rules.FIRST_PAGE, replaces)


def _start_session(uow: UnitOfWork, person: Person, next_path: str, replaces: str | None) -> Entry:
    token = secrets.token_urlsafe(32)
    if replaces:
        _end_session(uow, replaces)
    row = SignInSession(
        token_hash=queries.token_hash(token),
        person_id=person.id,
        started_at=uow.now,
        expires_at=uow.now + rules.SESSION_LIFE,
    )
    uow.add(row)
    uow.record("people.signed_in", row, person=person.id)
    return Entry(token, person.id, person.name, next_path)


def leave(uow: UnitOfWork, token: str) -> None:
    """Sign out here. Safe twice."""
    row = _end_session(uow, token)
    if row is not None:
        uow.record("people.signed_out", row)


def _end_session(uow: UnitOfWork, token: str) -> SignInSession | None:
    row = uow.session.scalar(
        select(SignInSession).where(
            SignInSession.token_hash == queries.token_hash(token), SignInSession.ended_at.is_(None)
        )
    )
    if row is not None:
        row.ended_at = uow.now
    return row


def leave_everywhere(uow: UnitOfWork) -> int:
    """Sign out on every device. Gives how many sessions ended."""
    person = uow.get(Person, access.ensure_signed_in(uow.actor))
    ended = end_sessions(uow, person.id)
    uow.record("people.signed_out_everywhere", person, sessions=ended)
    return ended


def end_sessions(uow: UnitOfWork, person_id: UUID) -> int:
    """End every visit of somebody. Gives how many there were."""
    return int(
        uow.session.execute(  # type: ignore[attr-defined]  # a CursorResult: it is an UPDATE
            update(SignInSession)
            .where(SignInSession.person_id == person_id, SignInSession.ended_at.is_(None))
            .values(ended_at=uow.now)
        ).rowcount
    )


# People.


def ensure_person(uow: UnitOfWork, email: str, name: str) -> Person:
    """Whoever has this address, or a new person with it. A known person's name is not changed."""
    email = rules.clean_email(email)
    return queries.person_by_email(uow.session, email) or _new_person(uow, email, rules.clean_name(name))


def _new_person(uow: UnitOfWork, email: str, name: str) -> Person:
    person = Person(name=name, email=email, created_at=uow.now)
    try:
        with uow.session.begin_nested():
            uow.session.add(person)
    except IntegrityError:  # somebody else made the same account at this moment
        found = queries.person_by_email(uow.session, email)
        if found is None:
            raise
        return found
    uow.record("people.account_made", person)
    return person


def rename(uow: UnitOfWork, name: str) -> Person:
    """Change one's own name."""
    person = uow.get(Person, access.ensure_signed_in(uow.actor))
    person.name = rules.clean_name(name)
    uow.record("people.renamed", person)
    return person


def anonymise(uow: UnitOfWork, person_id: UUID) -> Person:
    """Forget who somebody is. What they did stays in the trail under an id that nobody can be found by."""
    access.ensure_may_anonymise(uow.actor, person_id)
    person = uow.get(Person, person_id, lock=True)
    if person.anonymised_at is not None:
        raise RuleBroken("This person's details are gone already.")
    for grant in _live_grants(uow, person_id):
        _end_grant(uow, grant)
    for membership in queries.memberships_of(uow.session, person_id):
        _keep_an_editor(uow, membership, None, alone_is_fine=True)
        membership.ended_at = uow.now
    sessions = end_sessions(uow, person_id)
    if person.email:
        uow.session.execute(
            update(SignInLink).where(SignInLink.email == person.email).values(email="", expires_at=uow.now)
        )
        forget(uow, person.email)
    person.name, person.email, person.anonymised_at = rules.GONE, None, uow.now
    uow.record("people.anonymised", person, sessions=sessions)
    return person


# Roles.


def grant_role(uow: UnitOfWork, person_id: UUID, role: Role, scope_id: UUID | None = None) -> RoleGrant:
    """Give a role, everywhere or for one fund or funder."""
    access.ensure_may_give_roles(uow.actor, person_id)
    return _grant(uow, uow.get(Person, person_id, lock=True), role, scope_id)


def _grant(uow: UnitOfWork, person: Person, role: Role, scope_id: UUID | None) -> RoleGrant:
    if person.anonymised_at is not None:
        raise RuleBroken("This person has left.")
    live = _live_grants(uow, person.id)
    in_a_group = bool(queries.memberships_of(uow.session, person.id))
    rules.check_grant(role, scope_id, {grant.role for grant in live}, in_a_group=in_a_group)
    if any(grant.role is role and grant.scope_id == scope_id for grant in live):
        raise RuleBroken("This person has this role already.", "role")
    grant = RoleGrant(person_id=person.id, role=role, scope_id=scope_id, granted_by_id=uow.actor.id, granted_at=uow.now)
    uow.add(grant)
    notices.role_given(uow, person, rules.ROLE_WORDS[role], key=f"role:{grant.id}:given")
    uow.record("people.role_given", person, grant=grant.id, given=role.value, scope=scope_id)
    return grant


def end_role(uow: UnitOfWork, grant_id: UUID) -> RoleGrant:
    """Take a role away. The last admin stays."""
    access.ensure_admin(uow.actor)
    grant = uow.get(RoleGrant, grant_id)
    person = uow.get(Person, grant.person_id, lock=True)
    uow.session.refresh(grant)
    if grant.ended_at is not None:
        raise RuleBroken("This role has ended already.")
    _end_grant(uow, grant)
    uow.record("people.role_ended", person, grant=grant.id, ended=grant.role.value, scope=grant.scope_id)
    return grant


def _end_grant(uow: UnitOfWork, grant: RoleGrant) -> None:
    if grant.role is Role.ADMIN:
        # All admins' grants are locked, so that two admins cannot end each other's role at the same moment.
        admins = uow.session.scalars(
            select(RoleGrant)
            .where(RoleGrant.role == Role.ADMIN, RoleGrant.ended_at.is_(None))
            .order_by(RoleGrant.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).all()
        if all(admin.person_id == grant.person_id for admin in admins):
            raise RuleBroken("This is the last admin. Make somebody else an admin first.")
    grant.ended_at = uow.now


def _live_grants(uow: UnitOfWork, person_id: UUID) -> list[RoleGrant]:
    return queries.grants_of(uow.session, person_id)


def make_admin(uow: UnitOfWork, email: str, name: str) -> bool:
    """The first admin, by command. Safe twice; True when the role is new."""
    if not uow.actor.is_clock:
        raise NotAllowed("The first admin is made by a command on the server.")
    person = ensure_person(uow, email, name)
    if any(grant.role is Role.ADMIN for grant in _live_grants(uow, person.id)):
        return False
    _grant(uow, person, Role.ADMIN, None)
    return True


# Groups.


def start_group(uow: UnitOfWork, draft: GroupDraft) -> Group:
    """Start a group; whoever starts it may edit and sign off."""
    access.ensure_may_start_group(uow.actor)
    person = uow.get(Person, access.ensure_signed_in(uow.actor), lock=True)
    rules.check_may_join({grant.role for grant in _live_grants(uow, person.id)})
    group = Group(created_at=uow.now, **_group_fields(uow, draft, None))
    _add_named(uow, group)
    uow.add(Membership(group_id=group.id, person_id=person.id, can_edit=True, can_sign_off=True, joined_at=uow.now))
    uow.record("people.group_started", group, kind=draft.kind.value)
    return group


def register_group(uow: UnitOfWork, draft: GroupDraft) -> Group:
    """Put a group in the register whose people have no account: for a bid that came on paper or by word of mouth.

    Nobody acts for it on a screen until an admin adds a member.
    """
    access.ensure_may_register(uow.actor)
    group = Group(created_at=uow.now, **_group_fields(uow, draft, None))
    _add_named(uow, group)
    uow.record("people.group_started", group, kind=draft.kind.value, registered=True)
    return group


def group_elsewhere(uow: UnitOfWork, name: str, about: str) -> Group:
    """A group without members that stands for those who proposed something elsewhere. For the clock."""
    if not uow.actor.is_clock:
        raise NotAllowed("Groups from elsewhere are read in at the command line.")
    known = uow.session.scalar(select(Group).where(Group.name == name))
    if known is not None:
        return known
    group = Group(
        name=name, kind=rules.GroupKind.UNCONSTITUTED, about=about, has_bank_account=False, created_at=uow.now
    )
    uow.add(group)
    uow.record("people.group_started", group, kind=group.kind.value)
    return group


def change_group(uow: UnitOfWork, group_id: UUID, draft: GroupDraft) -> Group:
    """Change what a group says about itself."""
    access.ensure_may_edit(uow.actor, group_id)
    group = uow.get(Group, group_id, lock=True)
    changed = sorted(name for name, value in _group_fields(uow, draft, group).items() if getattr(group, name) != value)
    for name, value in _group_fields(uow, draft, group).items():
        setattr(group, name, value)
    if group.can_host and not _can_hold_money(group):
        group.can_host = False
    _add_named(uow, group)
    uow.record("people.group_changed", group, changed=changed)
    return group


def _group_fields(uow: UnitOfWork, draft: GroupDraft, group: Group | None) -> dict[str, object]:
    name = rules.clean_name(draft.name)
    other = uow.session.scalar(select(Group.id).where(func.lower(Group.name) == name.lower()))
    if other is not None and (group is None or other != group.id):
        raise RuleBroken(
            "There is a group with this name already. Choose another name, or ask that group to add you.", "name"
        )
    return {
        "name": name,
        "kind": draft.kind,
        "about": draft.about.strip()[:2000],
        "ward_code": draft.ward_code or None,
        "org_id": draft.org_id or None,
        "has_bank_account": draft.has_bank_account,
    }


def _add_named(uow: UnitOfWork, group: Group) -> None:
    try:
        with uow.session.begin_nested():
            uow.session.add(group)
    except IntegrityError:
        raise RuleBroken("There is a group with this name already. Choose another name.", "name") from None


def _can_hold_money(group: Group) -> bool:
    return group.has_bank_account and group.kind is not rules.GroupKind.UNCONSTITUTED


def set_can_host(uow: UnitOfWork, group_id: UUID, can_host: bool) -> Group:
    """Say whether a group can be asked to be a host. It needs a bank account and written rules."""
    access.ensure_may_flag_hosts(uow.actor)
    group = uow.get(Group, group_id, lock=True)
    if can_host and not _can_hold_money(group):
        raise RuleBroken("A host needs a bank account and written rules. This group does not have both.")
    group.can_host = can_host
    uow.record("people.host_allowed" if can_host else "people.host_disallowed", group)
    return group


def add_member(uow: UnitOfWork, group_id: UUID, email: str, name: str, rights: Rights) -> Membership:
    """Bring somebody into a group by e-mail; somebody new gets an account. They are told by letter."""
    access.ensure_may_change_members(uow.actor, group_id)
    group = uow.get(Group, group_id, lock=True)
    person = uow.get(Person, ensure_person(uow, email, name).id, lock=True)
    if person.id == uow.actor.id:
        raise NotAllowed("Ask a member of the group to add you.")
    rules.check_may_join({grant.role for grant in _live_grants(uow, person.id)})
    if any(member.person_id == person.id for member in queries.members(uow.session, group_id)):
        raise RuleBroken("This person is a member already.", "email")
    member = Membership(
        group_id=group.id,
        person_id=person.id,
        can_edit=rights.edit,
        can_sign_off=rights.sign_off,
        joined_at=uow.now,
    )
    uow.add(member)
    notices.added_to_group(uow, group, person, key=f"member:{member.id}:added")
    uow.record("people.member_added", group, person=person.id, edit=rights.edit, sign_off=rights.sign_off)
    return member


def change_rights(uow: UnitOfWork, group_id: UUID, person_id: UUID, rights: Rights) -> Membership:
    """Change what a member may do for the group."""
    access.ensure_may_change_members(uow.actor, group_id)
    group = uow.get(Group, group_id, lock=True)
    member = _membership(uow, group_id, person_id)
    _keep_an_editor(uow, member, rights)
    member.can_edit, member.can_sign_off = rights.edit, rights.sign_off
    uow.record("people.rights_changed", group, person=person_id, edit=rights.edit, sign_off=rights.sign_off)
    return member


def remove_member(uow: UnitOfWork, group_id: UUID, person_id: UUID) -> Membership:
    """End a membership: one's own (to leave), or another's. The last editor stays."""
    access.ensure_may_remove(uow.actor, group_id, person_id)
    group = uow.get(Group, group_id, lock=True)
    member = _membership(uow, group_id, person_id)
    _keep_an_editor(uow, member, None)
    member.ended_at = uow.now
    verb = "people.member_left" if uow.actor.id == person_id else "people.member_removed"
    uow.record(verb, group, person=person_id)
    return member


def _membership(uow: UnitOfWork, group_id: UUID, person_id: UUID) -> Membership:
    for member in queries.members(uow.session, group_id):
        if member.person_id == person_id:
            return member
    raise NotFound("There is no such member in this group.")


def _keep_an_editor(uow: UnitOfWork, member: Membership, then: Rights | None, *, alone_is_fine: bool = False) -> None:
    others = [
        Rights(other.can_edit, other.can_sign_off)
        for other in queries.members(uow.session, member.group_id)
        if other.id != member.id
    ]
    if others or not alone_is_fine:
        rules.check_editor_left(others, then=then)


# Hosts.


def ask_host(uow: UnitOfWork, group_id: UUID, host_id: UUID) -> Hosting:
    """Ask another group to hold the money for this one. One at a time."""
    access.ensure_may_ask_host(uow.actor, group_id, nobody=not queries.members(uow.session, group_id))
    group, host = uow.get(Group, group_id, lock=True), uow.get(Group, host_id)
    if group.has_bank_account:
        raise RuleBroken("Your group has a bank account, so it needs no host.", "host")
    if group.id == host.id:
        raise RuleBroken("A group cannot be its own host.", "host")
    if not host.can_host:
        raise RuleBroken("This group cannot be a host. Choose one from the list.", "host")
    live = queries.live_hosting(uow.session, group_id)
    if live is not None:
        raise RuleBroken(f"You have asked {live.host.name} already. Take that back first.", "host")
    hosting = Hosting(
        group_id=group.id,
        host_id=host.id,
        state=HostingState.REQUESTED,
        asked_by_id=access.ensure_signed_in(uow.actor),
        asked_at=uow.now,
    )
    uow.add(hosting)
    notices.host_asked(uow, hosting, queries.emails_of_signers(uow.session, host_id))
    uow.record("people.host_asked", hosting, after=hosting.state, group=group_id, host=host_id)
    return hosting


def answer_hosting(uow: UnitOfWork, hosting_id: UUID, confirm: bool, reason: str = "") -> Hosting:
    """Say yes to holding a group's money, or no with a reason that the group is told."""
    hosting = uow.get(Hosting, hosting_id, lock=True)
    access.ensure_may_answer_hosting(uow.actor, hosting.host_id, hosting.asked_by_id)
    before, reason = hosting.state, reason.strip()
    hosting.state = next_state(rules.HOSTING_STEPS, before, HostingAction.CONFIRM if confirm else HostingAction.DECLINE)
    if not confirm and not reason:
        raise RuleBroken("Say why, so that the group knows what to do next.", "reason")
    hosting.answered_by_id, hosting.answered_at = uow.actor.id, uow.now
    hosting.reason = None if confirm else reason[:500]
    notices.host_answered(uow, hosting, queries.emails_of_group(uow.session, hosting.group_id))
    verb = "people.host_confirmed" if confirm else "people.host_declined"
    uow.record(verb, hosting, before=before, after=hosting.state, group=hosting.group_id, host=hosting.host_id)
    return hosting


def end_hosting(uow: UnitOfWork, hosting_id: UUID, reason: str = "") -> Hosting:
    """Take back what was asked (the group), or end what was confirmed (a steward, with a reason)."""
    hosting = uow.get(Hosting, hosting_id, lock=True)
    before, reason = hosting.state, reason.strip()
    confirmed = before is HostingState.CONFIRMED
    access.ensure_may_end_hosting(uow.actor, hosting.group_id, confirmed=confirmed)
    hosting.state = next_state(rules.HOSTING_STEPS, before, HostingAction.END)
    if confirmed and not reason:
        raise RuleBroken("Say why this ends.", "reason")
    hosting.reason = reason[:500] or None
    uow.record(
        "people.host_ended", hosting, before=before, after=hosting.state, group=hosting.group_id, host=hosting.host_id
    )
    return hosting
