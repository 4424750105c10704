"""Who may do what to an issue, and why not."""

from uuid import UUID

from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotAllowed

CARETAKERS = (Role.STEWARD, Role.CONNECTOR)


def takes_care(actor: Actor) -> bool:
    """Whether this person looks after what residents raise."""
    return any(actor.has(role) for role in CARETAKERS)


def ensure_takes_care(actor: Actor) -> None:
    """A steward or a connector."""
    if not takes_care(actor):
        raise NotAllowed("Only a steward or a connector may do this.")


def ensure_may_look(actor: Actor, raised_by_id: UUID | None) -> None:
    """A steward or a connector, but never the one who raised it: a look is taken by somebody else."""
    ensure_takes_care(actor)
    if actor.id is not None and actor.id == raised_by_id:
        raise NotAllowed("You raised this issue, so somebody else must look at it, answer it and close it.")


def ensure_may_support(actor: Actor, raised_by_id: UUID | None) -> None:
    """Anybody signed in, once; the author's own voice counts already."""
    if actor.id is None:
        raise NotAllowed("Sign in to say that this matters to you too.")
    if actor.id == raised_by_id:
        raise NotAllowed("You raised this issue, so your voice counts already.")
