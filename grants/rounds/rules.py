"""The life of a round (a stub until the rules arrive)."""

from enum import StrEnum


class RoundState(StrEnum):
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
