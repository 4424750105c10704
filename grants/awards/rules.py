"""The lives of an award and of its agreement."""

from enum import StrEnum


class AwardState(StrEnum):
    OFFERED = "offered"
    ACCEPTED = "accepted"
    ACTIVE = "active"
    COMPLETED = "completed"
    CLOSED = "closed"
    DECLINED = "declined"
    LAPSED = "lapsed"
    ON_HOLD = "on_hold"
    TERMINATED = "terminated"


class AwardAction(StrEnum):
    ACCEPT = "accept"
    DECLINE = "decline"
    LAPSE = "lapse"
    ACTIVATE = "activate"
    HOLD = "hold"
    RELEASE = "release"
    COMPLETE = "complete"
    CLOSE = "close"
    TERMINATE = "terminate"


S, A = AwardState, AwardAction
STEPS = {
    (S.OFFERED, A.ACCEPT): S.ACCEPTED,
    (S.OFFERED, A.DECLINE): S.DECLINED,
    (S.OFFERED, A.LAPSE): S.LAPSED,
    (S.ACCEPTED, A.ACTIVATE): S.ACTIVE,
    (S.ACTIVE, A.HOLD): S.ON_HOLD,
    (S.ON_HOLD, A.RELEASE): S.ACTIVE,
    (S.ACTIVE, A.COMPLETE): S.COMPLETED,
    (S.COMPLETED, A.CLOSE): S.CLOSED,
    (S.ACCEPTED, A.TERMINATE): S.TERMINATED,
    (S.ACTIVE, A.TERMINATE): S.TERMINATED,
    (S.ON_HOLD, A.TERMINATE): S.TERMINATED,
}
HOLDS_MONEY = frozenset({S.OFFERED, S.ACCEPTED, S.ACTIVE, S.COMPLETED, S.CLOSED, S.ON_HOLD, S.TERMINATED})
"""States in which money stands, or stood, against the award: what the public register counts."""


class AgreementState(StrEnum):
    SENT = "sent"
    SIGNED = "signed"
    COUNTERSIGNED = "countersigned"
    VOID = "void"


class AgreementAction(StrEnum):
    SIGN = "sign"
    COUNTERSIGN = "countersign"
    VOID = "void"


AGREEMENT_STEPS = {
    (AgreementState.SENT, AgreementAction.SIGN): AgreementState.SIGNED,
    (AgreementState.SIGNED, AgreementAction.COUNTERSIGN): AgreementState.COUNTERSIGNED,
    (AgreementState.SENT, AgreementAction.VOID): AgreementState.VOID,
    (AgreementState.SIGNED, AgreementAction.VOID): AgreementState.VOID,
}
