"""Who may plan, run and look into a panel's meeting."""

from uuid import UUID

from grants.allocation.access import may_decide
from grants.kernel.actors import Actor
from grants.kernel.errors import NotAllowed, NotFound
from grants.rounds.access import may_run


def may_note(actor: Actor, fund_id: UUID, chair_id: UUID | None) -> bool:
    """Who writes down who is there and what is said: the chair, or a steward of the fund who takes the minutes."""
    return may_run(actor, fund_id) or may_decide(actor, fund_id, chair_id)


def ensure_may_note(actor: Actor, fund_id: UUID, chair_id: UUID | None) -> None:
    """The chair, or a steward who takes the minutes."""
    if not may_note(actor, fund_id, chair_id):
        raise NotAllowed("Only the chair, or a steward who takes the minutes, may write this down.")


def ensure_is_part(actor: Actor, out: bool) -> None:
    """A bid in which somebody has an interest is hidden from them, as if it were not there."""
    if out or actor.id is None:
        raise NotFound("You are not part of this bid.")
