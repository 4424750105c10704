"""Who may do what to a priority, and why not."""

from uuid import UUID

from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotAllowed


def suggests(actor: Actor) -> bool:
    """Whether this person may suggest priorities and note what partners do."""
    return actor.has(Role.STEWARD) or actor.has(Role.CONNECTOR)


def ensure_may_suggest(actor: Actor) -> None:
    """A steward or a connector."""
    if not suggests(actor):
        raise NotAllowed("Only a steward or a connector may do this.")


def ensure_keeps_priorities(actor: Actor) -> None:
    """A steward: puts to the community, writes down what a meeting agreed, changed or ended."""
    if not actor.has(Role.STEWARD):
        raise NotAllowed("Only a steward may do this.")


def ensure_may_choose(actor: Actor) -> UUID:
    """Anybody signed in. Returns who."""
    if actor.id is None:
        raise NotAllowed("Sign in to say what matters most to you.")
    return actor.id
