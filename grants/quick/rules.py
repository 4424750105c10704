"""When an ask is decided, by when it must be, and what is counted of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from grants.kernel.clock import london_day
from grants.kernel.errors import RuleBroken
from grants.rounds.rules.quick import working_days_later

REASON_AT_MOST = 1000


class Says(StrEnum):
    """What somebody says to an ask."""

    YES = "yes"
    NO = "no"


class NoCode(StrEnum):
    """The kind of reason for a no: what everybody can count. The words beside it are for the group."""

    NOT_A_PRIORITY = "not_a_priority"
    NOT_HERE = "not_here"
    NOT_SAFE = "not_safe"
    NOT_LAWFUL = "not_lawful"
    TOO_MUCH = "too_much"
    ELSEWHERE = "elsewhere"
    NOT_CLEAR = "not_clear"
    NO_MONEY = "no_money"
    OTHER = "other"


NO_WORDS: dict[NoCode, str] = {
    NoCode.NOT_A_PRIORITY: "It does not answer one of the round’s priorities",
    NoCode.NOT_HERE: "It happens outside the area",
    NoCode.NOT_SAFE: "People could come to harm, and the plan does not deal with it",
    NoCode.NOT_LAWFUL: "We are not allowed to fund this",
    NoCode.TOO_MUCH: "It asks for more than it seems to need",
    NoCode.ELSEWHERE: "Somebody else can do it, or pays for it already",
    NoCode.NOT_CLEAR: "We could not tell what would happen, even after a question",
    NoCode.NO_MONEY: "There is not enough money left for it",
    NoCode.OTHER: "Another reason",
}
TURN_TO: dict[NoCode, str] = {
    NoCode.NOT_A_PRIORITY: "If it matters to you, say so as an issue: that is how the next priorities are found.",
    NoCode.NOT_HERE: "Look for a fund where it happens. If people here would take part, ask again and say how.",
    NoCode.NOT_SAFE: "Talk to a steward or a connector about a safe way to do it, and ask again.",
    NoCode.NOT_LAWFUL: "A steward can tell you who may pay for it instead.",
    NoCode.TOO_MUCH: "Ask again for a smaller sum, or say what each thing costs and why.",
    NoCode.ELSEWHERE: "A steward can bring you together with whoever can do it.",
    NoCode.NOT_CLEAR: "A connector can write it with you. Ask again: it need not be long.",
    NoCode.NO_MONEY: "Ask again for less, or when another round opens.",
    NoCode.OTHER: "Talk to a steward or a connector: they know who else helps.",
}
"""Where a group can turn after a no of this kind."""


class Standing(StrEnum):
    """Where an ask stands between its deciders."""

    FIRST = "first"
    SECOND = "second"
    THIRD = "third"
    FUNDED = "funded"
    REFUSED = "refused"


DECIDED = frozenset({Standing.FUNDED, Standing.REFUSED})
STANDING_WORDS: dict[Standing, str] = {
    Standing.FIRST: "Nobody has answered",
    Standing.SECOND: "Waits for the second person",
    Standing.THIRD: "Two do not agree: waits for a third",
    Standing.FUNDED: "Yes",
    Standing.REFUSED: "No",
}


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one person said to an ask as it stood when they read it."""

    person_id: UUID
    says: Says
    code: NoCode | None = None
    reason: str = ""


def standing(opinions: Sequence[Opinion], *, others: bool = True) -> Standing:
    """Where an ask stands after these opinions, in the order in which they were said.

    Two that say the same decide it. Where two disagree a third decides; with nobody left who may (``others``), it is
    a no. Two are enough for a no when the second finds that the money is not there: nobody can say yes to that.

    >>> a, b = UUID(int=1), UUID(int=2)
    >>> standing([Opinion(a, Says.YES), Opinion(b, Says.NO)]), standing([Opinion(a, Says.YES), Opinion(b, Says.YES)])
    (<Standing.THIRD: 'third'>, <Standing.FUNDED: 'funded'>)
    >>> standing([Opinion(a, Says.YES), Opinion(b, Says.NO)], others=False)
    <Standing.REFUSED: 'refused'>
    """
    yes = sum(one.says is Says.YES for one in opinions)
    no = len(opinions) - yes
    if yes == 2:
        return Standing.FUNDED
    if no == 2 or (len(opinions) == 2 and opinions[1].code is NoCode.NO_MONEY):
        return Standing.REFUSED
    if len(opinions) == 2:
        return Standing.THIRD if others else Standing.REFUSED
    return Standing.SECOND if opinions else Standing.FIRST


def told(opinions: Sequence[Opinion], verdict: Standing) -> tuple[NoCode | None, str]:
    """The kind of reason and the words that the group is told: of everybody who said what was decided, in turn."""
    wanted = Says.YES if verdict is Standing.FUNDED else Says.NO
    said = [one for one in opinions if one.says is wanted]
    return said[0].code, "\n\n".join(one.reason for one in said if one.reason)


def checked_reason(says: Says, code: NoCode | None, reason: str, *, agrees: bool) -> tuple[NoCode | None, str]:
    """The kind of reason and the words as they are kept. ``RuleBroken`` at the field for what is missing.

    Whoever agrees with the one before may leave the words out. A no always needs a kind of reason.
    """
    words = reason.strip()
    if says is Says.NO and code is None:
        raise RuleBroken("Choose what kind of reason it is.", field="code")
    if not words and not agrees:
        raise RuleBroken("Say why, in a sentence or two.", field="reason")
    if len(words) > REASON_AT_MOST:
        raise RuleBroken(f"Use {REASON_AT_MOST:,} characters or fewer.", field="reason")
    return (code if says is Says.NO else None), words


def answer_by(put_in: datetime, days: int) -> date:
    """The London day by the end of which an ask that was put in at this moment is to be answered.

    >>> from datetime import UTC
    >>> answer_by(datetime(2026, 11, 20, 9, tzinfo=UTC), 5)
    datetime.date(2026, 11, 27)
    """
    return working_days_later(london_day(put_in), days)


def days_between(asked: datetime, decided: datetime) -> int:
    """Days by the calendar, as the group counts them: 0 is the same day."""
    return (london_day(decided) - london_day(asked)).days


def median(days: Iterable[int]) -> str | None:
    """The middle one, or half-way between the two in the middle; nothing of nothing.

    >>> median([1, 9, 3]), median([1, 2]), median([2, 4]), median([])
    ('3', '1.5', '3', None)
    """
    found = sorted(days)
    if not found:
        return None
    both = found[(len(found) - 1) // 2] + found[len(found) // 2]
    return f"{both // 2}.5" if both % 2 else str(both // 2)
