"""Who may add to the bank of insights."""

from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotAllowed


def adds(actor: Actor) -> bool:
    """Whether this person may add what was heard."""
    return actor.has(Role.STEWARD) or actor.has(Role.CONNECTOR)


def ensure_may_add(actor: Actor) -> None:
    """A steward or a connector."""
    if not adds(actor):
        raise NotAllowed("Only a steward or a connector may add to the bank of insights.")
