"""The life of a round."""

from enum import StrEnum


class RoundKind(StrEnum):
    """How a round decides. ``STANDARD``: a panel looks, residents vote. ``QUICK``: small sums, two people, days."""

    STANDARD = "standard"
    QUICK = "quick"


class RoundState(StrEnum):
    """Where a round stands."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    OPEN = "open"
    CLOSED = "closed"
    CHECKING = "checking"
    VOTING = "voting"
    PANEL = "panel"
    DECIDED = "decided"
    ANNOUNCED = "announced"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class RoundAction(StrEnum):
    """What can be done to a round."""

    SCHEDULE = "schedule"
    OPEN = "open"
    CLOSE = "close"
    CHECK = "check"
    OPEN_VOTE = "open_vote"
    CLOSE_VOTE = "close_vote"
    DECIDE = "decide"
    ANNOUNCE = "announce"
    COMPLETE = "complete"
    CANCEL = "cancel"


STEPS: dict[tuple[RoundState, RoundAction], RoundState] = {
    (RoundState.DRAFT, RoundAction.SCHEDULE): RoundState.SCHEDULED,
    (RoundState.SCHEDULED, RoundAction.OPEN): RoundState.OPEN,
    (RoundState.OPEN, RoundAction.CLOSE): RoundState.CLOSED,
    (RoundState.CLOSED, RoundAction.CHECK): RoundState.CHECKING,
    (RoundState.CHECKING, RoundAction.OPEN_VOTE): RoundState.VOTING,
    (RoundState.VOTING, RoundAction.CLOSE_VOTE): RoundState.PANEL,
    (RoundState.PANEL, RoundAction.DECIDE): RoundState.DECIDED,
    (RoundState.DECIDED, RoundAction.ANNOUNCE): RoundState.ANNOUNCED,
    (RoundState.ANNOUNCED, RoundAction.COMPLETE): RoundState.COMPLETED,
    (RoundState.DRAFT, RoundAction.CANCEL): RoundState.CANCELLED,
    (RoundState.SCHEDULED, RoundAction.CANCEL): RoundState.CANCELLED,
    (RoundState.OPEN, RoundAction.CANCEL): RoundState.CANCELLED,
    (RoundState.CLOSED, RoundAction.CANCEL): RoundState.CANCELLED,
    (RoundState.CHECKING, RoundAction.CANCEL): RoundState.CANCELLED,
    (RoundState.VOTING, RoundAction.CANCEL): RoundState.CANCELLED,
    (RoundState.PANEL, RoundAction.CANCEL): RoundState.CANCELLED,
}

QUICK_STEPS: dict[tuple[RoundState, RoundAction], RoundState] = {
    (RoundState.DRAFT, RoundAction.SCHEDULE): RoundState.SCHEDULED,
    (RoundState.SCHEDULED, RoundAction.OPEN): RoundState.OPEN,
    (RoundState.OPEN, RoundAction.CLOSE): RoundState.CLOSED,
    (RoundState.CLOSED, RoundAction.COMPLETE): RoundState.COMPLETED,
    # Once it is open people were promised an answer, so it is called off only before:
    (RoundState.DRAFT, RoundAction.CANCEL): RoundState.CANCELLED,
    (RoundState.SCHEDULED, RoundAction.CANCEL): RoundState.CANCELLED,
}
"""A quick round has no panel and no vote: each ask is decided by itself while it is open, and what waits at the end."""


def steps_of(kind: RoundKind) -> dict[tuple[RoundState, RoundAction], RoundState]:
    """The steps that rounds of this kind can take."""
    return QUICK_STEPS if kind is RoundKind.QUICK else STEPS
