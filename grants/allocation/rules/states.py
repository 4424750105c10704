"""The life of a decision, what a rule's outcome recommends, and how a panel may depart from it."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from grants.allocation.rules.result import Outcome
from grants.kernel.clock import london_day


class Verdict(StrEnum):
    AWARDED = "awarded"
    RESERVE = "reserve"
    NOT_FUNDED = "not_funded"


class DecisionState(StrEnum):
    RECOMMENDED = "recommended"
    RATIFIED = "ratified"
    NOTIFIED = "notified"
    SUPERSEDED = "superseded"


class DecisionAction(StrEnum):
    RATIFY = "ratify"
    NOTIFY = "notify"
    SUPERSEDE = "supersede"


S, A = DecisionState, DecisionAction
STEPS = {
    (S.RECOMMENDED, A.RATIFY): S.RATIFIED,
    (S.RECOMMENDED, A.SUPERSEDE): S.SUPERSEDED,
    (S.RATIFIED, A.NOTIFY): S.NOTIFIED,
    (S.RATIFIED, A.SUPERSEDE): S.SUPERSEDED,
    (S.NOTIFIED, A.SUPERSEDE): S.SUPERSEDED,
}

CORRECTIONS = frozenset(
    {
        (Verdict.AWARDED, Verdict.AWARDED),
        (Verdict.RESERVE, Verdict.RESERVE),
        (Verdict.NOT_FUNDED, Verdict.NOT_FUNDED),
        (Verdict.RESERVE, Verdict.AWARDED),
        (Verdict.RESERVE, Verdict.NOT_FUNDED),
        (Verdict.NOT_FUNDED, Verdict.AWARDED),
        (Verdict.NOT_FUNDED, Verdict.RESERVE),
    }
)
"""From which verdict to which a told decision can be corrected; to the same one corrects its reason. Money that was
promised is not taken back here: an award is ended where awards are kept."""


@dataclass(frozen=True, slots=True)
class Departure:
    """The panel decides otherwise than the rule about one proposal, for a reason that everybody can read."""

    proposal_id: UUID
    verdict: Verdict
    reason: str


def recommended(outcome: Outcome) -> Verdict:
    """What the rule's outcome recommends: funded, on the reserve list, or not funded."""
    if outcome.awarded_minor:
        return Verdict.AWARDED
    return Verdict.NOT_FUNDED if outcome.reserve is None else Verdict.RESERVE


def last_day_to_appeal(told_at: datetime, days: int) -> date:
    """The last day, in London, on which a group can appeal against what it was told at this moment.

    >>> from datetime import UTC
    >>> last_day_to_appeal(datetime(2027, 3, 1, 23, 30, tzinfo=UTC), 20)
    datetime.date(2027, 3, 21)
    """
    return london_day(told_at) + timedelta(days=days)
