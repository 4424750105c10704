"""Who may do what with an award, and why not."""

from collections.abc import Collection
from uuid import UUID

from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotAllowed


def involved(actor: Actor, group_id: UUID, payee_id: UUID) -> bool:
    """Whether the person belongs to the group, or to the host that holds its money."""
    return group_id in actor.groups or payee_id in actor.groups


def may_look_inside(actor: Actor, fund_id: UUID, group_id: UUID, payee_id: UUID) -> bool:
    """The private part: the group, its host, and officers of the fund."""
    return involved(actor, group_id, payee_id) or any(
        actor.has(role, fund_id) for role in (Role.STEWARD, Role.FINANCE_OFFICER, Role.AUDITOR, Role.ADMIN)
    )


def ensure_may_answer(actor: Actor, group_id: UUID) -> None:
    """Only a member who may sign off answers an offer."""
    if not actor.can_sign_off_for(group_id):
        raise NotAllowed("Only a member of the group who may sign off can answer this offer.")


def ensure_may_sign(actor: Actor, group_id: UUID, payee_id: UUID) -> None:
    """A member of the group, or of the host that holds its money."""
    if actor.id is None or not involved(actor, group_id, payee_id):
        raise NotAllowed("Only members of the group, or of its host, can sign this agreement.")


def ensure_may_countersign(
    actor: Actor, fund_id: UUID, group_id: UUID, payee_id: UUID, signer_ids: Collection[UUID]
) -> None:
    """A steward of the fund who has nothing to do with the group and has not signed for it."""
    ensure_steward(actor, fund_id, group_id, payee_id)
    if actor.id in signer_ids:
        raise NotAllowed("Somebody else must sign for the fund: you signed for the group.")


def ensure_steward(actor: Actor, fund_id: UUID, group_id: UUID, payee_id: UUID) -> None:
    """A steward of the fund who belongs neither to the group nor to its host."""
    if not actor.has(Role.STEWARD, fund_id):
        raise NotAllowed("Only a steward of this fund can do this.")
    if involved(actor, group_id, payee_id):
        raise NotAllowed("Another steward must do this: you belong to the group, or to its host.")


def ensure_may_offer(actor: Actor, fund_id: UUID) -> None:
    """A steward of the fund, or the clock when a reserve moves up."""
    if not (actor.is_clock or actor.has(Role.STEWARD, fund_id)):
        raise NotAllowed("Only a steward of this fund can offer awards.")


def ensure_may_write_template(actor: Actor) -> None:
    """A steward: the words hold for every fund."""
    if not actor.has(Role.STEWARD):
        raise NotAllowed("Only a steward may change the template of agreements.")


def ensure_may_change(actor: Actor, group_id: UUID) -> UUID:
    """A member of the group who can edit asks for changes. Gives their id."""
    if actor.id is None or not actor.can_edit_for(group_id):
        raise NotAllowed("Only a member of the group who can edit may ask for a change.")
    return actor.id


def ensure_another_applies(actor: Actor, answered_by_id: UUID | None) -> None:
    """Two people for every change of the sum."""
    if actor.id == answered_by_id:
        raise NotAllowed("Another steward must put a change of the sum into force: you agreed to it.")
