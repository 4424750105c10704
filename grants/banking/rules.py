"""The life of a bank run, and how lines of a statement find what they are about."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

LONGEST_REFERENCE = 18


class RunState(StrEnum):
    MADE = "made"
    HANDED_OVER = "handed_over"
    DONE = "done"
    CANCELLED = "cancelled"


class RunAction(StrEnum):
    HAND_OVER = "hand_over"
    FINISH = "finish"
    CANCEL = "cancel"


STEPS = {
    (RunState.MADE, RunAction.HAND_OVER): RunState.HANDED_OVER,
    (RunState.MADE, RunAction.CANCEL): RunState.CANCELLED,
    (RunState.HANDED_OVER, RunAction.FINISH): RunState.DONE,
}


class About(StrEnum):
    """What a line of a statement can be about."""

    PAYMENT = "payment"
    MONEY_IN = "money_in"
    RETURNED = "returned"
    GIVEN_BACK = "given_back"
    FEE = "fee"
    """A charge of the payment company's; its id is the fund's."""
    OWN_BANK = "own_bank"
    """Between the payment company and our bank account: there its id is the fund's, at the bank the other line's."""
    MADE_GOOD = "made_good"
    """Somebody put into the pot what the payment company had kept; its id is the fund's."""
    OTHER = "other"
    """A line of the payment company's of which an officer said whose fund it is."""


@dataclass(frozen=True, slots=True)
class Expected:
    """Something in the books that should stand on a statement: signed pence, in is positive."""

    about: About
    id: UUID
    amount_minor: int
    reference: str
    since: date | None = None
    """No line before this London day is about it: money does not leave before somebody has let it go."""


def run_reference(award_reference: str, part: int) -> str:
    """Our reference of one payment in a run, which comes back on the statement.

    >>> run_reference("SB-0000-0007", 2)
    'SB-0000-0007-2'
    """
    return f"{award_reference[: LONGEST_REFERENCE - 1 - len(str(part))]}-{part}"


def plain(reference: str) -> str:
    """A reference without what banks change: blanks, dashes, small letters.

    >>> plain("sb 0000-0007 2")
    'SB000000072'
    """
    return "".join(letter for letter in reference.upper() if letter.isalnum())


def find(amount_minor: int, reference: str, expected: Iterable[Expected], on: date | None = None) -> Expected | None:
    """What a line is about: the amount to the penny, and our reference whole within the bank's text; only if it is one.

    >>> one = Expected(About.PAYMENT, UUID(int=1), -500, "SB-0000-0007-2")
    >>> find(-500, "BACS SB 0000 0007 2", [one]) == one, find(-501, "SB-0000-0007-2", [one])
    (True, None)
    """
    text = plain(reference)
    found = [
        one
        for one in expected
        if one.amount_minor == amount_minor
        and (one.since is None or on is None or one.since <= on)
        and len(plain(one.reference)) >= 3
        and plain(one.reference) in text
    ]
    return found[0] if len(found) == 1 else None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one line of a file that was taken in: the line in words, and why not."""

    words: str
    refused: str = ""


def told(outcomes: Sequence[Outcome]) -> str:
    """How a file went, in one sentence.

    >>> told([Outcome("a"), Outcome("b", "no")])
    '1 line was taken in, 1 was not.'
    """
    refused = sum(1 for one in outcomes if one.refused)
    done = len(outcomes) - refused
    words = f"{done} line{' was' if done == 1 else 's were'} taken in"
    return f"{words}, {refused} {'was' if refused == 1 else 'were'} not." if refused else f"{words}."
