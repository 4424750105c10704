"""Who may appeal, read an appeal, and judge it."""

from collections.abc import Collection
from uuid import UUID

from grants.appeals.rules import TIE_WORDS, Tie, closest
from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotAllowed
from grants.rounds.access import may_run, may_see_desk

JUDGES = (Role.ADMIN, Role.PANELLIST, Role.STEWARD)
"""Who can be asked to judge: whoever knows the work, of any fund or round, and had no part in this one."""


def ensure_may_lodge(actor: Actor, group_id: UUID) -> None:
    """A member of the group about which was decided."""
    if group_id not in actor.groups:
        raise NotAllowed("Only members of the group can appeal.")


def why_not_judge(actor: Actor, ties: Collection[Tie]) -> str | None:
    """Why this person may not judge, in words; nothing when they may. ``ties``: of the person, from the history."""
    if actor.id is None or not any(actor.has(role) for role in JUDGES):
        return "Appeals are judged by a steward, a panellist or an admin who had no part in the decision."
    tie = closest(ties)
    return None if tie is None else f"{TIE_WORDS[tie]} Somebody else must judge this appeal."


def ensure_may_judge(actor: Actor, ties: Collection[Tie]) -> None:
    """Somebody without any of these ties; the refusal names the tie."""
    if reason := why_not_judge(actor, ties):
        raise NotAllowed(reason)


def may_read(actor: Actor, fund_id: UUID, group_id: UUID, ties: Collection[Tie]) -> bool:
    """The group, those who see the round's desk, and whoever may judge."""
    return group_id in actor.groups or may_see_desk(actor, fund_id) or why_not_judge(actor, ties) is None


def ensure_may_read(actor: Actor, fund_id: UUID, group_id: UUID, ties: Collection[Tie]) -> None:
    """The group, the stewards of the fund, and who may judge."""
    if not may_read(actor, fund_id, group_id, ties):
        raise NotAllowed("Only the group, the stewards of the fund and who may judge can read this appeal.")


def may_remedy(actor: Actor, fund_id: UUID) -> bool:
    """Stewards of the fund note what was done."""
    return may_run(actor, fund_id)


def ensure_may_remedy(actor: Actor, fund_id: UUID) -> None:
    """A steward of the fund."""
    if not may_remedy(actor, fund_id):
        raise NotAllowed("Only a steward of this fund may do this.")
