"""Who may work at a booth, and who may key and approve papers."""

from uuid import UUID

from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotAllowed

HELPERS = (Role.OFFICER, Role.CONNECTOR, Role.STEWARD)


def ensure_is_officer(actor: Actor, fund_id: UUID) -> None:
    """A booth officer of the round's fund; an admin or a steward who is none is refused."""
    if not actor.has(Role.OFFICER, fund_id):
        raise NotAllowed("Only a booth officer may do this.")


def may_key(actor: Actor, fund_id: UUID) -> bool:
    """Whether this person works with papers: booth officers and stewards of the fund."""
    return actor.has(Role.OFFICER, fund_id) or actor.has(Role.STEWARD, fund_id)


def ensure_may_key(actor: Actor, fund_id: UUID) -> None:
    """A booth officer or a steward of the round's fund."""
    if not may_key(actor, fund_id):
        raise NotAllowed("Only a booth officer or a steward of this fund may work with papers.")


def ensure_keys_first(actor: Actor, keyed_by: UUID | None) -> None:
    """One person keys a batch: whoever keyed its first paper."""
    if keyed_by is not None and actor.id != keyed_by:
        raise NotAllowed("Somebody else keys this batch.")


def ensure_checks(actor: Actor, keyed_by: UUID | None, checked_by: UUID | None) -> None:
    """Another person checks it: never who keyed it, and one person for a whole batch."""
    if actor.id is None or actor.id == keyed_by:
        raise NotAllowed("You keyed this batch, so somebody else must check it.")
    if checked_by is not None and actor.id != checked_by:
        raise NotAllowed("Somebody else checks this batch.")


def may_help(actor: Actor, fund_id: UUID) -> bool:
    """Whether this person may help others to vote: booth officers, connectors, stewards."""
    return any(actor.has(role, fund_id) for role in HELPERS)


def ensure_may_help(actor: Actor, fund_id: UUID) -> None:
    """A booth officer, a connector or a steward."""
    if not may_help(actor, fund_id):
        raise NotAllowed("Only booth officers, connectors and stewards may help others to vote.")
