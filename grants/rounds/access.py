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


KEY_HOLDERS = (Role.STEWARD, Role.OFFICER)
"""Roles of which returning officers hold one."""


def ensure_holds_share(actor: Actor, fund_id: UUID, holder_id: UUID | None) -> None:
    """The returning officer whose share it is, while they are a steward or an officer of the fund."""
    if actor.id is None or actor.id != holder_id or not any(actor.has(role, fund_id) for role in KEY_HOLDERS):
        raise NotAllowed("Only a returning officer of this round may do this, and each with their own share.")


def may_see_desk(actor: Actor, fund_id: UUID) -> bool:
    """Whether this person may look at what stewards see: they themselves, auditors and admins."""
    return may_run(actor, fund_id) or actor.has(Role.AUDITOR, fund_id) or actor.has(Role.ADMIN)
