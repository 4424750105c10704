"""The life of an issue: nobody's issue ends without an answer that they can see."""

from enum import StrEnum


class IssueState(StrEnum):
    RAISED = "raised"
    PUBLISHED = "published"
    MERGED = "merged"
    HIDDEN = "hidden"
    ANSWERED = "answered"
    TAKEN_UP = "taken_up"
    CLOSED = "closed"


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
PUBLIC = frozenset({S.PUBLISHED, S.ANSWERED, S.TAKEN_UP, S.CLOSED, S.MERGED})
