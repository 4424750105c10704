"""The life of an issue: nobody's issue ends without an answer that they can see."""

from dataclasses import dataclass
from enum import StrEnum


class IssueState(StrEnum):
    RAISED = "raised"
    PUBLISHED = "published"
    MERGED = "merged"
    HIDDEN = "hidden"
    ANSWERED = "answered"
    TAKEN_UP = "taken_up"
    CLOSED = "closed"


class AnswerKind(StrEnum):
    """What sort of answer it was."""

    QUICK_ACTION = "quick_action"
    ANSWER = "answer"


class IssueAction(StrEnum):
    PUBLISH = "publish"
    HIDE = "hide"
    MERGE = "merge"
    ANSWER = "answer"
    TAKE_UP = "take_up"
    CLOSE = "close"


S, A = IssueState, IssueAction
STEPS = {
    (S.RAISED, A.PUBLISH): S.PUBLISHED,
    (S.RAISED, A.HIDE): S.HIDDEN,
    (S.RAISED, A.MERGE): S.MERGED,
    (S.PUBLISHED, A.MERGE): S.MERGED,
    (S.PUBLISHED, A.HIDE): S.HIDDEN,
    (S.HIDDEN, A.PUBLISH): S.PUBLISHED,
    (S.PUBLISHED, A.ANSWER): S.ANSWERED,
    (S.PUBLISHED, A.TAKE_UP): S.TAKEN_UP,
    (S.ANSWERED, A.TAKE_UP): S.TAKEN_UP,
    (S.ANSWERED, A.CLOSE): S.CLOSED,
    (S.TAKEN_UP, A.CLOSE): S.CLOSED,
}
LISTED = frozenset({S.PUBLISHED, S.ANSWERED, S.TAKEN_UP, S.CLOSED})
"""States in which an issue stands in the public list."""
PUBLIC = LISTED | {S.MERGED}
"""States in which an issue has a public page; a merged one's page points to the other."""
SUPPORTABLE = frozenset({S.PUBLISHED, S.ANSWERED, S.TAKEN_UP})
MERGE_TARGETS = frozenset({S.PUBLISHED, S.ANSWERED, S.TAKEN_UP})
PICKABLE = frozenset({S.PUBLISHED, S.ANSWERED, S.TAKEN_UP})
"""States in which an issue can be what a priority rests on."""


@dataclass(frozen=True, slots=True)
class IssueDraft:
    """What somebody raises. ``ward_code`` None: no one place. Texts come stripped."""

    title: str
    body: str
    ward_code: str | None = None
    touches: str = ""
    contact_email: str | None = None
