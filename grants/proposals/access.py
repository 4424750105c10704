"""Who may write, sign off, check and read a proposal."""

from dataclasses import dataclass
from uuid import UUID

from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotAllowed


@dataclass(frozen=True, slots=True)
class Parties:
    """Whose proposal it is: the group, the host that holds its money (if any), and the fund that is asked."""

    group_id: UUID
    host_id: UUID | None
    fund_id: UUID


def may_edit(actor: Actor, parties: Parties) -> bool:
    return actor.can_edit_for(parties.group_id)


def ensure_may_edit(actor: Actor, parties: Parties) -> None:
    """A member of the group with the right to edit."""
    if not may_edit(actor, parties):
        raise NotAllowed("Only members of the group who may write for it can do this.")


def ensure_may_start(actor: Actor, group_id: UUID) -> None:
    """A member of the group with the right to edit."""
    if not actor.can_edit_for(group_id):
        raise NotAllowed("You can only start a proposal for a group that you may write for.")


def why_not_sign_off(actor: Actor, parties: Parties, writer_id: UUID | None, alone: bool) -> str | None:
    """Why this person may not sign off, in words; nothing when they may.

    ``alone``: the group has one member only, so its host signs off.
    """
    if actor.id is None:
        return "Sign in to do this."
    if actor.id == writer_id:
        return "Somebody else must sign off what you asked to have signed off."
    if alone:
        if parties.host_id is None or not actor.can_sign_off_for(parties.host_id):
            return "This group has one member, so somebody of its host must sign off."
        return None
    if not actor.can_sign_off_for(parties.group_id):
        return "Only a member of the group who may sign off can do this."
    return None


def ensure_may_sign_off(actor: Actor, parties: Parties, writer_id: UUID | None, alone: bool) -> None:
    """An other person of the group who may sign off; for a group of one, somebody of its host."""
    if reason := why_not_sign_off(actor, parties, writer_id, alone):
        raise NotAllowed(reason)


def may_screen(actor: Actor, parties: Parties) -> bool:
    return actor.has(Role.STEWARD, parties.fund_id) and not _belongs(actor, parties)


def ensure_may_screen(actor: Actor, parties: Parties) -> None:
    """A steward of the fund who belongs neither to the group nor to its host."""
    if not actor.has(Role.STEWARD, parties.fund_id):
        raise NotAllowed("Only a steward of this fund may check proposals.")
    if _belongs(actor, parties):
        raise NotAllowed("You belong to this group or its host, so somebody else must check it.")


def may_read_all(actor: Actor, parties: Parties) -> bool:
    """Whether drafts, contact details and earlier versions are shown: to the group, its host, and officers."""
    officers = (Role.STEWARD, Role.FINANCE_OFFICER, Role.AUDITOR)
    return _belongs(actor, parties) or any(actor.has(role, parties.fund_id) for role in officers)


def _belongs(actor: Actor, parties: Parties) -> bool:
    return parties.group_id in actor.groups or (parties.host_id is not None and parties.host_id in actor.groups)
