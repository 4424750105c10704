"""The life of a disbursement."""

from enum import StrEnum


class DisbursementState(StrEnum):
    REQUESTED = "requested"
    AUTHORISED = "authorised"
    SENT = "sent"
    PAID = "paid"
    FAILED = "failed"
    RETURNED = "returned"
    CANCELLED = "cancelled"


class DisbursementAction(StrEnum):
    AUTHORISE = "authorise"
    SEND = "send"
    SETTLE = "settle"
    FAIL = "fail"
    RETURN = "return"
    CANCEL = "cancel"


S, A = DisbursementState, DisbursementAction
STEPS = {
    (S.REQUESTED, A.AUTHORISE): S.AUTHORISED,
    (S.REQUESTED, A.CANCEL): S.CANCELLED,
    (S.AUTHORISED, A.SEND): S.SENT,
    (S.AUTHORISED, A.CANCEL): S.CANCELLED,
    (S.AUTHORISED, A.FAIL): S.FAILED,
    (S.SENT, A.SETTLE): S.PAID,
    (S.SENT, A.FAIL): S.FAILED,
    (S.PAID, A.RETURN): S.RETURNED,
}
LIVE = frozenset({S.REQUESTED, S.AUTHORISED, S.SENT, S.PAID})
"""States that use up an instalment: at most one such row for each."""
