"""Questions and answers on a proposal that everybody can see."""

from enum import StrEnum


class CommentState(StrEnum):
    """Whether a question or an answer on a public proposal is shown."""

    SHOWN = "shown"
    HIDDEN = "hidden"


class CommentAction(StrEnum):
    """What a moderator does."""

    HIDE = "hide"
    SHOW = "show"


COMMENT_STEPS = {
    (CommentState.SHOWN, CommentAction.HIDE): CommentState.HIDDEN,
    (CommentState.HIDDEN, CommentAction.SHOW): CommentState.SHOWN,
}
COMMENT_AT_MOST = 1000
FLAG_AT_MOST = 300
