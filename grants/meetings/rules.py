"""The life of a panel's meeting, the order of its agenda, and who counts for which bid. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from grants.allocation.rules.states import Verdict

PLACE_AT_MOST = 200
NOTE_AT_MOST = 2000
WORDS_AT_MOST = 1000


class MeetingState(StrEnum):
    PLANNED = "planned"
    OPEN = "open"
    CLOSED = "closed"


class MeetingAction(StrEnum):
    BEGIN = "begin"
    CLOSE = "close"


STEPS = {
    (MeetingState.PLANNED, MeetingAction.BEGIN): MeetingState.OPEN,
    (MeetingState.OPEN, MeetingAction.CLOSE): MeetingState.CLOSED,
}


class AgendaOrder(StrEnum):
    """In which order a meeting takes the bids."""

    RESULT = "result"
    APART = "apart"


@dataclass(frozen=True, slots=True)
class Settled:
    """What the meeting recommends of a bid, and the note of what was said. No ``verdict``: only the note is kept."""

    note: str = ""
    verdict: Verdict | None = None
    reason: str = ""
    conditions: str = ""


def spread_of(by_criterion: Mapping[str, Mapping[str, Any]]) -> int:
    """How far apart the panel was about a bid: the widest spread of any question, 0 to 3.

    >>> spread_of({"truth": {"spread": 1}, "power": {"spread": 3}}), spread_of({})
    (3, 0)
    """
    return max((int(one.get("spread") or 0) for one in by_criterion.values()), default=0)


def agenda(order: AgendaOrder, by_result: Sequence[UUID], spread: Mapping[UUID, int]) -> tuple[UUID, ...]:
    """The bids in the order of the meeting: as the rule ranks them, or first those about which the panel is far apart.

    ``by_result``: bids as the rule ranks them; bids that are as far apart as each other stay in that order.
    """
    if order is AgendaOrder.RESULT:
        return tuple(by_result)
    return tuple(sorted(by_result, key=lambda bid: -spread.get(bid, 0)))


def free_of(present: Collection[UUID], out: Collection[UUID]) -> frozenset[UUID]:
    """Who of those present takes part in a bid: everybody but those who are out for it."""
    return frozenset(present) - frozenset(out)


def lacks(present: Collection[UUID], out: Collection[UUID], quorum: int) -> int:
    """How many members without an interest are missing for a bid; 0 when there are enough.

    >>> lacks([UUID(int=1), UUID(int=2), UUID(int=3)], [UUID(int=3)], 3)
    1
    """
    return max(quorum - len(free_of(present, out)), 0)
