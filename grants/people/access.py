"""Who may do what with people and groups, and why not."""

from uuid import UUID

from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotAllowed


def ensure_signed_in(actor: Actor) -> UUID:
    """Whose id this is; somebody without an account may not."""
    if actor.id is None:
        raise NotAllowed("Sign in first.")
    return actor.id


def ensure_may_give_roles(actor: Actor, person_id: UUID) -> None:
    """An admin, and never for themselves."""
    ensure_admin(actor)
    if actor.id == person_id:
        raise NotAllowed("Nobody gives a role to themselves. Ask another admin.")


def ensure_admin(actor: Actor) -> None:
    """An admin."""
    if not actor.has(Role.ADMIN):
        raise NotAllowed("Only an admin may do this.")


def ensure_may_take_factor_off(actor: Actor, person_id: UUID) -> None:
    """An admin for somebody who lost their phone, never for themselves; the clock is the command on the server."""
    if actor.is_clock:
        return
    ensure_admin(actor)
    if actor.id == person_id:
        raise NotAllowed("Nobody takes off their own second step like this. Ask another admin.")


def ensure_may_start_group(actor: Actor) -> None:
    """Whoever has an account, but not an auditor: they cannot be an applicant."""
    ensure_signed_in(actor)
    if actor.has(Role.AUDITOR):
        raise NotAllowed("You audit the fund, so you cannot be in a group that may apply.")


def may_help_groups(actor: Actor) -> bool:
    """A steward or a connector: people who meet groups that do not write on a screen."""
    return actor.has(Role.STEWARD) or actor.has(Role.CONNECTOR)


def ensure_may_register(actor: Actor) -> None:
    """A steward or a connector, who may help groups."""
    if not may_help_groups(actor):
        raise NotAllowed("Only a steward or a connector may put another group in the register.")


def ensure_may_ask_host(actor: Actor, group_id: UUID, *, nobody: bool) -> None:
    """A member who can edit; for a group in which nobody has an account (``nobody``) whoever helps groups."""
    if not (nobody and may_help_groups(actor)):
        ensure_may_edit(actor, group_id)


def ensure_member(actor: Actor, group_id: UUID) -> None:
    """A member of the group, or an admin or auditor, who may look."""
    if group_id not in actor.groups and not actor.has(Role.ADMIN) and not actor.has(Role.AUDITOR):
        raise NotAllowed("Only members of this group may see this.")


def ensure_may_edit(actor: Actor, group_id: UUID) -> None:
    """A member with the right to edit."""
    if not actor.can_edit_for(group_id):
        raise NotAllowed("Only a member of this group who can edit may do this.")


def ensure_may_change_members(actor: Actor, group_id: UUID) -> None:
    """A member with the right to edit, or an admin who helps a group that is stuck."""
    if not actor.can_edit_for(group_id) and not actor.has(Role.ADMIN):
        raise NotAllowed("Only a member of this group who can edit may change who is in it.")


def ensure_may_remove(actor: Actor, group_id: UUID, person_id: UUID) -> None:
    """Oneself always; others as members are changed."""
    if actor.id != person_id or group_id not in actor.groups:
        ensure_may_change_members(actor, group_id)


def ensure_may_flag_hosts(actor: Actor) -> None:
    """A steward or an admin."""
    if not (actor.has(Role.STEWARD) or actor.has(Role.ADMIN)):
        raise NotAllowed("Only a steward or an admin may say which groups can be hosts.")


def ensure_may_answer_hosting(actor: Actor, host_id: UUID, asked_by_id: UUID) -> None:
    """A member of the host who may sign off, and not the one who asked: two people for every host."""
    if not actor.can_sign_off_for(host_id):
        raise NotAllowed("Only a member of the host who can sign off may answer.")
    if actor.id == asked_by_id:
        raise NotAllowed("You asked for this yourself. Somebody else in the host group must answer.")


def ensure_may_end_hosting(actor: Actor, group_id: UUID, *, confirmed: bool) -> None:
    """What was only asked for, the group takes back; what was confirmed, a steward ends, since money may hang on it."""
    if confirmed and not (actor.has(Role.STEWARD) or actor.has(Role.ADMIN)):
        raise NotAllowed("Ask a steward to end this: a grant may depend on it.")
    if not confirmed:
        ensure_may_edit(actor, group_id)


def ensure_may_anonymise(actor: Actor, person_id: UUID) -> None:
    """Everybody for themselves; an admin for whoever asked."""
    if actor.id != person_id:
        ensure_admin(actor)
