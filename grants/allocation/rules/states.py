"""The life of a decision."""

from enum import StrEnum


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
    (S.NOTIFIED, A.SUPERSEDE): S.SUPERSEDED,
}
