"""The life of a review, and what the panel's scores add up to."""

from enum import StrEnum


class ReviewState(StrEnum):
    ASSIGNED = "assigned"
    CLEARED = "cleared"
    IN_PROGRESS = "in_progress"
    SUBMITTED = "submitted"
    LOCKED = "locked"
    RECUSED = "recused"


class ReviewAction(StrEnum):
    DECLARE_NO_INTEREST = "declare_no_interest"
    RECUSE = "recuse"
    SAVE = "save"
    SUBMIT = "submit"
    LOCK = "lock"


S, A = ReviewState, ReviewAction
STEPS = {
    (S.ASSIGNED, A.DECLARE_NO_INTEREST): S.CLEARED,
    (S.ASSIGNED, A.RECUSE): S.RECUSED,
    (S.CLEARED, A.RECUSE): S.RECUSED,
    (S.IN_PROGRESS, A.RECUSE): S.RECUSED,
    (S.SUBMITTED, A.RECUSE): S.RECUSED,
    (S.CLEARED, A.SAVE): S.IN_PROGRESS,
    (S.IN_PROGRESS, A.SAVE): S.IN_PROGRESS,
    (S.SUBMITTED, A.SAVE): S.IN_PROGRESS,
    (S.IN_PROGRESS, A.SUBMIT): S.SUBMITTED,
    (S.SUBMITTED, A.LOCK): S.LOCKED,
}
