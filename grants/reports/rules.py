"""The life of a report."""

from enum import StrEnum


class ReportState(StrEnum):
    SCHEDULED = "scheduled"
    DRAFT = "draft"
    SUBMITTED = "submitted"
    QUERIED = "queried"
    ACCEPTED = "accepted"


class ReportAction(StrEnum):
    SAVE = "save"
    SUBMIT = "submit"
    QUERY = "query"
    ACCEPT = "accept"


S, A = ReportState, ReportAction
STEPS = {
    (S.SCHEDULED, A.SAVE): S.DRAFT,
    (S.DRAFT, A.SAVE): S.DRAFT,
    (S.QUERIED, A.SAVE): S.QUERIED,
    (S.DRAFT, A.SUBMIT): S.SUBMITTED,
    (S.QUERIED, A.SUBMIT): S.SUBMITTED,
    (S.SUBMITTED, A.QUERY): S.QUERIED,
    (S.SUBMITTED, A.ACCEPT): S.ACCEPTED,
}
