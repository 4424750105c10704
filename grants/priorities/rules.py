"""The life of a priority: suggested, put to the community, agreed and owned."""

from enum import StrEnum


class PriorityState(StrEnum):
    SUGGESTED = "suggested"
    CONSULTED = "consulted"
    AGREED = "agreed"
    RETIRED = "retired"


class PriorityAction(StrEnum):
    CONSULT = "consult"
    AGREE = "agree"
    REVISE = "revise"
    RETIRE = "retire"


S, A = PriorityState, PriorityAction
STEPS = {
    (S.SUGGESTED, A.CONSULT): S.CONSULTED,
    (S.CONSULTED, A.AGREE): S.AGREED,
    (S.AGREED, A.REVISE): S.AGREED,
    (S.SUGGESTED, A.RETIRE): S.RETIRED,
    (S.CONSULTED, A.RETIRE): S.RETIRED,
    (S.AGREED, A.RETIRE): S.RETIRED,
}


class ActionProgress(StrEnum):
    """How far a connected action is."""

    PLANNED = "planned"
    UNDER_WAY = "under_way"
    DONE = "done"
    STOPPED = "stopped"
