"""The life of an appeal, its grounds, until when it can be made, and what keeps somebody from judging it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from grants.allocation.rules.states import last_day_to_appeal
from grants.kernel.clock import london_day

WORDS_AT_MOST = 2000
REASON_AT_MOST = 1000
PUBLIC_AT_MOST = 500


class AppealState(StrEnum):
    LODGED = "lodged"
    ACCEPTED = "accepted"
    OUT_OF_SCOPE = "out_of_scope"
    UPHELD = "upheld"
    NOT_UPHELD = "not_upheld"


class AppealAction(StrEnum):
    ACCEPT = "accept"
    FIND_OUT_OF_SCOPE = "find_out_of_scope"
    UPHOLD = "uphold"
    NOT_UPHOLD = "not_uphold"


S, A = AppealState, AppealAction
STEPS = {
    (S.LODGED, A.ACCEPT): S.ACCEPTED,
    (S.LODGED, A.FIND_OUT_OF_SCOPE): S.OUT_OF_SCOPE,
    (S.ACCEPTED, A.UPHOLD): S.UPHELD,
    (S.ACCEPTED, A.NOT_UPHOLD): S.NOT_UPHELD,
}


class Ground(StrEnum):
    """Of what an appeal can be made: how it was decided, never that others were preferred."""

    RULES = "rules"
    INTEREST = "interest"
    LEFT_OUT = "left_out"
    TREATED_OTHERWISE = "treated_otherwise"
    NO_REASON = "no_reason"


GROUND_WORDS = {
    Ground.RULES: "A rule of the round was not kept",
    Ground.INTEREST: "Somebody who judged had an interest",
    Ground.LEFT_OUT: "Something that we put in was left out, or read wrongly",
    Ground.TREATED_OTHERWISE: "We were not treated like the others",
    Ground.NO_REASON: "We were not given a reason that we can understand",
}


class Remedy(StrEnum):
    """What an appeal that is upheld leads to."""

    CORRECT = "correct"
    REPEAT = "repeat"


REMEDY_WORDS = {
    Remedy.CORRECT: "The decision is corrected",
    Remedy.REPEAT: "A step is done again",
}


class Tie(StrEnum):
    """How somebody is involved, so that they do not judge."""

    GROUP = "group"
    PARTNER = "partner"
    CLOSE = "close"
    PANEL = "panel"
    ACTED = "acted"
    FUNDER = "funder"


TIE_WORDS = {
    Tie.GROUP: "You belong, or belonged, to the group or to its host.",
    Tie.PARTNER: "You are a partner in the proposal.",
    Tie.CLOSE: "You are close to the group: by where you live, an account, your work, or your name under its papers.",
    Tie.PANEL: "You sat on the panel of this round.",
    Tie.ACTED: "You did something for this round or this proposal, so you had a part in it.",
    Tie.FUNDER: "You speak for somebody who gives money to this fund.",
}
"""To the person themselves, the closest tie first."""
TIE_TOLD = {
    Tie.GROUP: "belongs to the group or its host",
    Tie.PARTNER: "is a partner in the proposal",
    Tie.CLOSE: "is close to the group",
    Tie.PANEL: "sat on the panel",
    Tie.ACTED: "acted in this round",
    Tie.FUNDER: "speaks for a funder",
}
"""Of somebody else."""


@dataclass(frozen=True, slots=True)
class AppealDraft:
    """What a group puts in."""

    ground: Ground
    words: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the judge found. ``reason``: for the group. ``public_words``: for everybody, without names.

    ``remedy``: where it is upheld, and only there.
    """

    upheld: bool
    reason: str
    public_words: str
    remedy: Remedy | None = None


def in_time(told_at: datetime, days: int, now: datetime) -> bool:
    """Whether an appeal against what was told at this moment can still be made: to the end of the last day in London.

    >>> from datetime import UTC
    >>> told = datetime(2027, 3, 1, 9, tzinfo=UTC)
    >>> [in_time(told, 20, datetime(2027, 3, day, 23, 59, tzinfo=UTC)) for day in (21, 22)]
    [True, False]
    """
    return london_day(now) <= last_day_to_appeal(told_at, days)


def closest(ties: Collection[Tie]) -> Tie | None:
    """The tie that is told of; nothing where there is none."""
    return next((tie for tie in Tie if tie in ties), None)
