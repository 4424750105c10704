"""Who may run a round."""

from uuid import UUID

from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotAllowed


def may_run(actor: Actor, fund_id: UUID) -> bool:
    """Whether this person is a steward of the fund."""
    return actor.has(Role.STEWARD, fund_id)


def ensure_may_run(actor: Actor, fund_id: UUID) -> None:
    """A steward of the round's fund."""
    if not may_run(actor, fund_id):
        raise NotAllowed("Only a steward of this fund may do this.")


def may_see_desk(actor: Actor, fund_id: UUID) -> bool:
    """Whether this person may look at what stewards see: they themselves, auditors and admins."""
    return may_run(actor, fund_id) or actor.has(Role.AUDITOR, fund_id) or actor.has(Role.ADMIN)
