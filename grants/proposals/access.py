"""Who may write, sign off, check and read a proposal."""

from dataclasses import dataclass
from uuid import UUID

from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotAllowed


@dataclass(frozen=True, slots=True)
class Parties:
    """Whose proposal it is: the group, the host that holds its money (if any), and the fund that is asked.

    ``typist_id``: the officer who types it in for the group. ``hands``: every officer who ever had a hand in it.
    """

    group_id: UUID
    host_id: UUID | None
    fund_id: UUID
    typist_id: UUID | None = None
    hands: frozenset[UUID] = frozenset()


def may_edit(actor: Actor, parties: Parties) -> bool:
    """Who writes for the group, or types in for it."""
    return actor.can_edit_for(parties.group_id) or types_for(actor, parties)


def types_for(actor: Actor, parties: Parties) -> bool:
    """Whether this is the officer who types it in for the group."""
    return actor.id is not None and actor.id == parties.typist_id and may_help(actor, parties.fund_id)


def ensure_may_edit(actor: Actor, parties: Parties) -> None:
    """A member of the group with the right to edit, or the officer who types it in for them."""
    if not may_edit(actor, parties):
        raise NotAllowed("Only members of the group who may write for it can do this.")


def ensure_of_group(actor: Actor, parties: Parties) -> None:
    """A member of the group with the right to edit; an officer who typed it in does not take it away."""
    if not actor.can_edit_for(parties.group_id):
        raise NotAllowed("Only members of the group who may write for it can do this.")


def may_help(actor: Actor, fund_id: UUID) -> bool:
    """A steward of the fund, or a connector: people who meet groups that do not write on a screen."""
    return actor.has(Role.STEWARD, fund_id) or actor.has(Role.CONNECTOR)


def ensure_may_type_in(actor: Actor, group_id: UUID, fund_id: UUID) -> None:
    """An officer who does not belong to the group: a member writes it as a member."""
    if not may_help(actor, fund_id):
        raise NotAllowed("Only a steward of this fund or a connector may type in a proposal for a group.")
    if group_id in actor.groups:
        raise NotAllowed("You belong to this group. Start the proposal as its member.")


def ensure_may_see_signed(actor: Actor, parties: Parties) -> None:
    """An other officer than the one who typed it in, who belongs neither to the group nor to its host."""
    if not may_help(actor, parties.fund_id):
        raise NotAllowed("Only a steward of this fund or a connector may do this.")
    if actor.id in parties.hands:
        raise NotAllowed("You typed this in yourself. Another officer must look at the signed copy.")
    if _belongs(actor, parties):
        raise NotAllowed("You belong to this group or its host, so somebody else must look at the signed copy.")


def may_see_signed(actor: Actor, parties: Parties) -> bool:
    """Whether ``ensure_may_see_signed`` lets them."""
    try:
        ensure_may_see_signed(actor, parties)
    except NotAllowed:
        return False
    return True


def ensure_may_sum_up(actor: Actor, parties: Parties) -> None:
    """An officer who belongs neither to the group nor to its host."""
    if not may_help(actor, parties.fund_id):
        raise NotAllowed("Only a steward of this fund or a connector may write down what a recording says.")
    if _belongs(actor, parties):
        raise NotAllowed("You belong to this group or its host, so somebody else must write this down.")


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
    if actor.id in parties.hands:
        return "You typed this in for the group, so somebody of the group must say that it is right."
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


def why_not_second(actor: Actor, parties: Parties, writer_id: UUID | None) -> str | None:
    """Why this person may not be the second one to say that an ask of a quick round is right; nothing when they may.

    Lighter than a sign-off: anybody else of the group, or whoever signs off for its host.
    """
    if actor.id is None:
        return "Sign in to do this."
    if actor.id == writer_id:
        return "Somebody else must say that it is right: you sent it."
    for_host = parties.host_id is not None and actor.can_sign_off_for(parties.host_id)
    if parties.group_id not in actor.groups and not for_host:
        return "Somebody else of the group, or somebody who signs for its host, must say that it is right."
    return None


def ensure_may_second(actor: Actor, parties: Parties, writer_id: UUID | None) -> None:
    """Anybody else of the group, or whoever signs off for its host."""
    if reason := why_not_second(actor, parties, writer_id):
        raise NotAllowed(reason)


def may_screen(actor: Actor, parties: Parties) -> bool:
    """A steward of the fund who neither belongs to the group nor had a hand in the proposal."""
    return actor.has(Role.STEWARD, parties.fund_id) and not _belongs(actor, parties) and actor.id not in parties.hands


def ensure_may_screen(actor: Actor, parties: Parties) -> None:
    """A steward of the fund who belongs neither to the group nor to its host, and never had a hand in it."""
    if not actor.has(Role.STEWARD, parties.fund_id):
        raise NotAllowed("Only a steward of this fund may check proposals.")
    if actor.id in parties.hands:
        raise NotAllowed("You helped this group with its proposal, so somebody else must check it.")
    if _belongs(actor, parties):
        raise NotAllowed("You belong to this group or its host, so somebody else must check it.")


def may_read_all(actor: Actor, parties: Parties) -> bool:
    """Whether drafts, contact details and earlier versions are shown: to the group, its host, and officers."""
    officers = (Role.STEWARD, Role.FINANCE_OFFICER, Role.AUDITOR)
    return (
        _belongs(actor, parties)
        or types_for(actor, parties)
        or any(actor.has(role, parties.fund_id) for role in officers)
    )


def _belongs(actor: Actor, parties: Parties) -> bool:
    return parties.group_id in actor.groups or (parties.host_id is not None and parties.host_id in actor.groups)
