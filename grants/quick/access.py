"""Who may decide about an ask, and who may look."""

from uuid import UUID

from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotAllowed

DECIDERS = (Role.STEWARD, Role.PANELLIST)
"""Roles of which one is enough to decide about small sums: of two people, each alone can be a neighbour."""


def may_decide(actor: Actor, fund_id: UUID) -> bool:
    """A steward or a panellist of the fund, who is no auditor."""
    decides = any(actor.has(role, fund_id) for role in DECIDERS)
    return actor.id is not None and decides and not actor.has(Role.AUDITOR)


def why_not_decide(actor: Actor, fund_id: UUID, *, interested: bool, has_said: bool) -> str | None:
    """Why this person may not say yes or no to an ask, in words; nothing when they may.

    ``interested``: they wrote or signed it, or belong to its group or its host. ``has_said``: they have answered it as
    it stands now.
    """
    if not may_decide(actor, fund_id):
        return "Only stewards and panellists of this fund decide about quick grants."
    if interested:
        return "You belong to this group or its host, or you wrote or signed this, so somebody else must decide."
    if has_said:
        return "You have answered this. Now it is somebody else’s turn."
    return None


def ensure_may_decide(actor: Actor, fund_id: UUID, *, interested: bool, has_said: bool) -> UUID:
    """Somebody without an interest, who has not answered it yet. Gives their id."""
    if reason := why_not_decide(actor, fund_id, interested=interested, has_said=has_said):
        raise NotAllowed(reason)
    assert actor.id is not None
    return actor.id


def may_look(actor: Actor, fund_id: UUID) -> bool:
    """Who may read what waits: whoever decides, and auditors."""
    return may_decide(actor, fund_id) or actor.has(Role.AUDITOR, fund_id)


def ensure_may_look(actor: Actor, fund_id: UUID) -> None:
    """Stewards, panellists and auditors of the fund."""
    if not may_look(actor, fund_id):
        raise NotAllowed("Only stewards, panellists and auditors of this fund see this.")
