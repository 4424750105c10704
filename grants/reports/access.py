"""Who may write, read and accept a report, and why not."""

from uuid import UUID

from grants.awards import access as awards
from grants.kernel.actors import Actor
from grants.kernel.errors import NotAllowed


def may_write(actor: Actor, group_id: UUID) -> bool:
    """A member of the group who may edit."""
    return actor.can_edit_for(group_id)


def ensure_may_write(actor: Actor, group_id: UUID) -> None:
    """Only members of the group who may edit write its report."""
    if not may_write(actor, group_id):
        raise NotAllowed("Only members of the group who may edit can write this report.")


def ensure_may_read(actor: Actor, fund_id: UUID, group_id: UUID, payee_id: UUID) -> None:
    """Until it is accepted, a report is read by the group, its host and officers."""
    if not awards.may_look_inside(actor, fund_id, group_id, payee_id):
        raise NotAllowed("Only the group, its host and officers can see this report.")


def ensure_may_judge(actor: Actor, fund_id: UUID, group_id: UUID, payee_id: UUID) -> None:
    """A steward of the fund who does not belong to the group or its host."""
    awards.ensure_steward(actor, fund_id, group_id, payee_id)
