"""Who may make bank runs and read statements."""

from uuid import UUID

from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotAllowed


def may_bank(actor: Actor, fund_id: UUID) -> bool:
    """A finance officer of the fund."""
    return actor.has(Role.FINANCE_OFFICER, fund_id)


def ensure_may_bank(actor: Actor, fund_id: UUID) -> None:
    """A finance officer of the fund."""
    if not may_bank(actor, fund_id):
        raise NotAllowed("Only a finance officer of this fund may do this.")
