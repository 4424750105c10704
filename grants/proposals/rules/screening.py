"""Why a proposal is not eligible, or cannot win beside others."""

from collections.abc import Sequence
from enum import StrEnum


def only_one_of(others: Sequence[str], reason: str) -> str:
    """What everybody is told of a bid that cannot win beside these others.

    >>> only_one_of(["A garden", "A car park"], "Both want the corner of Hill Street")
    'Only one of these can be funded: this, “A garden” or “A car park”. Both want the corner of Hill Street.'
    """
    *first, last = ["this", *(f"“{title}”" for title in others)]
    return f"Only one of these can be funded: {', '.join(first)} or {last}. {reason.strip().rstrip('.')}."


class ScreeningCode(StrEnum):
    """Why a proposal is not eligible. The words beside it say it about this one."""

    WHO_APPLIES = "who_applies"
    OUTSIDE_THE_AREA = "outside_the_area"
    NOT_A_PRIORITY = "not_a_priority"
    NOT_SAFE = "not_safe"
    NOT_LAWFUL = "not_lawful"
    DUPLICATE = "duplicate"
    OTHER = "other"


SCREENING_WORDS: dict[ScreeningCode, str] = {
    ScreeningCode.WHO_APPLIES: "The group is not one that may apply in this round",
    ScreeningCode.OUTSIDE_THE_AREA: "It happens outside the area",
    ScreeningCode.NOT_A_PRIORITY: "It does not answer one of the round’s priorities",
    ScreeningCode.NOT_SAFE: "People could come to harm, and the plan does not deal with it",
    ScreeningCode.NOT_LAWFUL: "We are not allowed to fund this",
    ScreeningCode.DUPLICATE: "The same proposal was put in twice",
    ScreeningCode.OTHER: "Another reason",
}
