"""Who may do what on a panel, and why not."""

from uuid import UUID

from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotAllowed, NotFound
from grants.rounds.access import may_run, may_see_desk


def ensure_may_sit(member: Actor, fund_id: UUID) -> None:
    """Whether ``member`` (not the one who asks) may be seated: a panellist of this fund, and no auditor."""
    if not member.has(Role.PANELLIST, fund_id):
        raise NotAllowed(f"{member.name} is not a panellist. An admin can give them that role.")
    if member.has(Role.AUDITOR):
        raise NotAllowed(f"{member.name} is an auditor, and an auditor only looks. Choose somebody else.")


def ensure_may_chair(member: Actor, fund_id: UUID, *, holds_key: bool = False) -> None:
    """The chair decides what stewards prepare, so the chair is no steward; nor one of those who can open the votes."""
    if may_run(member, fund_id):
        raise NotAllowed(f"{member.name} is a steward of this fund, so somebody else must chair the panel.")
    if holds_key:
        raise NotAllowed(f"{member.name} holds a part of the key of this vote, so somebody else must chair the panel.")


def ensure_signed_in(actor: Actor) -> None:
    """Somebody with an account, who tells of themselves."""
    if actor.id is None:
        raise NotAllowed("Sign in first.")


def ensure_may_tell_for(actor: Actor, group_id: UUID) -> None:
    """A member who may edit for the group."""
    if not actor.can_edit_for(group_id):
        raise NotAllowed("Only a member who may edit for the group can say where it is.")


def ensure_is_mine(actor: Actor, panellist_id: UUID, fund_id: UUID) -> None:
    """Only the panellist to whom a review was given knows of it."""
    if actor.id is None or actor.id != panellist_id or not actor.has(Role.PANELLIST, fund_id):
        raise NotFound


def may_lock(actor: Actor, fund_id: UUID, chair_id: UUID | None) -> bool:
    """A steward of the fund, or the panel's chair."""
    return may_run(actor, fund_id) or (actor.id is not None and actor.id == chair_id)


def ensure_may_lock(actor: Actor, fund_id: UUID, chair_id: UUID | None) -> None:
    """A steward of the fund, or the panel's chair."""
    if not may_lock(actor, fund_id, chair_id):
        raise NotAllowed("Only a steward of this fund or the panel's chair may lock the scores.")


def may_see_progress(actor: Actor, fund_id: UUID, chair_id: UUID | None) -> bool:
    """Who has how much left to do, but no score: stewards, the chair, auditors and admins."""
    return may_see_desk(actor, fund_id) or (actor.id is not None and actor.id == chair_id)


def may_see_findings(actor: Actor, fund_id: UUID, sits: bool) -> bool:
    """What the panel found, once it is locked: the panel itself and those who see the desk."""
    return may_see_desk(actor, fund_id) or sits


def may_rule(actor: Actor, fund_id: UUID, panellist_id: UUID, chair_id: UUID | None) -> bool:
    """Who rules on a soft interest: the chair; on the chair's own, or where there is no chair, a steward."""
    if actor.id is None or actor.id == panellist_id:
        return False
    if chair_id is not None and panellist_id != chair_id:
        return actor.id == chair_id
    return may_run(actor, fund_id)


def ensure_may_rule(actor: Actor, fund_id: UUID, panellist_id: UUID, chair_id: UUID | None) -> None:
    """The panel's chair; on the chair's own interests, a steward."""
    if not may_rule(actor, fund_id, panellist_id, chair_id):
        raise NotAllowed("The panel's chair rules on this; on the chair's own interests a steward does.")
