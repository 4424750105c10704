"""Who may give, confirm and verify where a group's money goes, and why not. Tested on the person."""

from collections.abc import Collection
from uuid import UUID

from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotAllowed
from grants.payees.rules.checks import CheckKind

OFFICERS = (Role.FINANCE_OFFICER, Role.STEWARD)


def may_look(actor: Actor, group_id: UUID) -> bool:
    """The group's members, and officers."""
    return group_id in actor.groups or any(actor.has(role) for role in (*OFFICERS, Role.AUDITOR, Role.ADMIN))


def ensure_may_look(actor: Actor, group_id: UUID) -> None:
    """The group and officers."""
    if not may_look(actor, group_id):
        raise NotAllowed("Only the group and officers can see this page.")


def ensure_may_give(actor: Actor, group_id: UUID) -> UUID:
    """A member who can edit. Gives their id."""
    if actor.id is None or not actor.can_edit_for(group_id):
        raise NotAllowed("Only a member of this group who can edit may do this.")
    return actor.id


def ensure_may_confirm(actor: Actor, group_id: UUID, given_by_id: UUID) -> None:
    """A member who can sign off, other than who gave the details."""
    if not actor.can_sign_off_for(group_id):
        raise NotAllowed("Only a member of this group who can sign off may confirm these details.")
    if actor.id == given_by_id:
        raise NotAllowed("You gave these details yourself. Somebody else in your group must confirm them.")


def ensure_officer(actor: Actor, group_id: UUID, given: Collection[UUID | None] = ()) -> UUID:
    """A finance officer or a steward who is not of the group and had no part in giving the details. Gives their id."""
    if actor.id is None or not any(actor.has(role) for role in OFFICERS):
        raise NotAllowed("Only a finance officer or a steward may do this.")
    if group_id in actor.groups or actor.id in given:
        raise NotAllowed("Another officer must do this: you belong to this group, or gave these details.")
    return actor.id


def may_judge(actor: Actor, group_id: UUID, given: Collection[UUID | None] = ()) -> bool:
    """The same as a question, for buttons."""
    try:
        ensure_officer(actor, group_id, given)
    except NotAllowed:
        return False
    return True


def ensure_may_answer(actor: Actor, kind: CheckKind, group_id: UUID) -> UUID:
    """A member who can edit; for the host's word one who signs off for the host. Gives their id."""
    if kind is CheckKind.HOST and not actor.can_sign_off_for(group_id):
        raise NotAllowed("Only a member of the host who can sign off may say this.")
    return ensure_may_give(actor, group_id)


def may_answer(actor: Actor, kind: CheckKind, group_id: UUID) -> bool:
    """The same as a question, for buttons."""
    try:
        ensure_may_answer(actor, kind, group_id)
    except NotAllowed:
        return False
    return True


def ensure_another(actor: Actor, asked_by_id: UUID | None) -> None:
    """Nobody grants what they asked for."""
    if actor.id == asked_by_id:
        raise NotAllowed("You asked for this yourself. Another officer must decide.")


def ensure_may_set_up(actor: Actor, group_id: UUID) -> None:
    """A member of the group who may sign off: the account is where the group's money will come."""
    if not actor.can_sign_off_for(group_id):
        raise NotAllowed("Only a member of this group who can sign off may set up where it is paid.")


def ensure_provider(actor: Actor) -> None:
    """Nobody says how an account stands but whoever keeps it."""
    if not actor.is_clock:
        raise NotAllowed("Only the provider says how an account stands.")
