"""Who may work out, decide, announce and correct."""

from collections.abc import Collection
from uuid import UUID

from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotAllowed
from grants.rounds.access import may_run
from grants.rounds.access import may_see_desk as may_see_round_desk


def may_see_desk(actor: Actor, fund_id: UUID, sits: bool) -> bool:
    """Who may look before the announcement: stewards, auditors, admins, and the round's panel."""
    return sits or may_see_round_desk(actor, fund_id)


def may_read_letter(actor: Actor, fund_id: UUID, group_id: UUID) -> bool:
    """Who may read the letter that a group got: its members, and who sees the desk of the round."""
    return group_id in actor.groups or may_see_round_desk(actor, fund_id)


def ensure_is_theirs(actor: Actor, group_id: UUID) -> None:
    """A member of the group that put the bid in."""
    if group_id not in actor.groups:
        raise NotAllowed("Only members of the group can do this.")


def may_try(actor: Actor, fund_id: UUID) -> bool:
    """Who may try a finished round's ballots under other rules: stewards of the fund, auditors, admins."""
    return may_see_round_desk(actor, fund_id)


def ensure_may_try(actor: Actor, fund_id: UUID) -> None:
    """A steward or an auditor of the fund."""
    if not may_try(actor, fund_id):
        raise NotAllowed("Only stewards and auditors of this fund can read this page.")


def may_decide(actor: Actor, fund_id: UUID, chair_id: UUID | None) -> bool:
    """The panel's chair, who is no steward of the fund."""
    is_chair = actor.id is not None and actor.id == chair_id and actor.has(Role.PANELLIST, fund_id)
    return is_chair and not may_run(actor, fund_id)


def ensure_may_decide(actor: Actor, fund_id: UUID, chair_id: UUID | None) -> None:
    """The panel's chair, who is never a steward of the fund."""
    if not may_decide(actor, fund_id, chair_id):
        raise NotAllowed("Only the panel's chair may decide, and the chair is never a steward of the fund.")


def why_not_announce(actor: Actor, fund_id: UUID, took_part: Collection[UUID]) -> str | None:
    """Why this person may not announce, in words; nothing when they may."""
    if not may_run(actor, fund_id):
        return "Only a steward of this fund may announce."
    if actor.id in took_part:
        return "You took part in the decision, so another steward must announce it."
    return None


def ensure_may_announce(actor: Actor, fund_id: UUID, took_part: Collection[UUID]) -> None:
    """A steward of the fund who took no part in deciding."""
    if reason := why_not_announce(actor, fund_id, took_part):
        raise NotAllowed(reason)


def ensure_may_answer(actor: Actor, fund_id: UUID, chair_id: UUID | None, asked_by_id: UUID) -> None:
    """The panel's chair, and somebody else than who asked for the correction."""
    ensure_may_decide(actor, fund_id, chair_id)
    if actor.id == asked_by_id:
        raise NotAllowed("Somebody else must answer what you asked for.")
