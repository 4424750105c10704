"""Accounts and entries as values. A line's pence are signed: debit positive, credit negative."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import IntEnum, StrEnum
from uuid import UUID

from grants.kernel.clock import day_begins, london_day
from grants.kernel.errors import RuleBroken


class Side(IntEnum):
    """The side on which an account's balance normally stands."""

    DEBIT = 1
    CREDIT = -1


class Pocket(StrEnum):
    """Where a contribution's money is; each pocket is a credit account of that contribution."""

    AVAILABLE = "available"
    COMMITTED = "committed"
    SENDING = "sending"
    PAID = "paid"
    RETURNED = "returned"


def pocket_code(contribution_id: UUID, pocket: Pocket) -> str:
    """Money of one contribution in one pocket (credit)."""
    return f"contribution:{contribution_id}:{pocket.value}"


def bank_code(fund_id: UUID) -> str:
    """Money in the fund's bank account (debit)."""
    return f"fund:{fund_id}:bank"


def grants_code(fund_id: UUID) -> str:
    """Money that went to groups (debit)."""
    return f"fund:{fund_id}:grants"


def refunds_code(fund_id: UUID) -> str:
    """Money given back to funders (debit)."""
    return f"fund:{fund_id}:refunds"


def shortfall_code(fund_id: UUID) -> str:
    """Promised or paid money that a payer's bank took back, and that nobody has made good yet (debit)."""
    return f"fund:{fund_id}:shortfall"


def owed_code(fund_id: UUID) -> str:
    """What left although the fund's bank account did not hold it: laid out by whoever keeps the account (credit)."""
    return f"fund:{fund_id}:owed"


def provider_code(fund_id: UUID) -> str:
    """What a payment company holds of the fund, as its own statement says (debit, or credit when it is overdrawn)."""
    return f"fund:{fund_id}:provider"


def elsewhere_code(fund_id: UUID) -> str:
    """What went through the payment company and not the fund's bank account: with it, that is what the bank holds."""
    return f"fund:{fund_id}:elsewhere"


def fees_code(fund_id: UUID) -> str:
    """Fees that the payment company kept and that nobody has made good yet (debit)."""
    return f"fund:{fund_id}:fees"


@dataclass(frozen=True, slots=True)
class Line:
    """One posting to be: which account, how much (debit positive), for which award."""

    account: str
    amount_minor: int
    award_id: UUID | None = None


def balanced(lines: Sequence[Line]) -> bool:
    """An entry has at least two lines, none of nought, and sums to nought."""
    return len(lines) >= 2 and all(line.amount_minor for line in lines) and sum(x.amount_minor for x in lines) == 0


EITHER_SIDE = frozenset({"provider", "elsewhere", "fees"})
"""What a payment company does may put these on either side: it pays out before it takes in, and gives a fee again."""


def at_provider(fund_id: UUID, amount_minor: int, fee_minor: int) -> list[Line]:
    """One line of a payment company's statement: it moved pence (in is positive) and kept a fee of them.

    The pot keeps the whole amount: the fee stands apart, for whoever bears it to make good.

    >>> [one.amount_minor for one in at_provider(UUID(int=1), 10_000, 170)]
    [9830, 170, -10000]
    >>> [one.amount_minor for one in at_provider(UUID(int=1), 0, 200)]
    [-200, 200]
    """
    lines = [
        Line(provider_code(fund_id), amount_minor - fee_minor),
        Line(fees_code(fund_id), fee_minor),
        Line(elsewhere_code(fund_id), -amount_minor),
    ]
    return [line for line in lines if line.amount_minor]


def moved(
    contribution_id: UUID, amount_minor: int, source: Pocket, target: Pocket, award_id: UUID | None
) -> list[Line]:
    """Move pence between two pockets of one contribution."""
    return [
        Line(pocket_code(contribution_id, source), amount_minor, award_id),
        Line(pocket_code(contribution_id, target), -amount_minor, award_id),
    ]


@dataclass(frozen=True, slots=True)
class Check:
    """One invariant in plain words, and what breaks it; holds when nothing does."""

    says: str
    breaks: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.breaks


@dataclass(slots=True)
class JournalEntry:
    """One entry to be told to others. ``lines``: the account's id (32 hex digits) and signed pence."""

    at: datetime
    key: str
    event: str
    memo: str
    lines: list[tuple[str, int]]


# ---------------------------------------------------------------- periods


CLOSES_AFTER = timedelta(days=2)
"""How long after its last day a period can be closed: by then nothing dated in it can still be on its way in."""


def last_moment(day: date) -> datetime:
    """The last moment of a London day.

    >>> last_moment(date(2026, 7, 1)).isoformat()
    '2026-07-01T22:59:59.999999+00:00'
    """
    return day_begins(day + timedelta(days=1)) - timedelta(microseconds=1)


def ensure_can_close(through: date, latest: date | None, now: datetime) -> None:
    """A period ends after the one before it, and is over by two days. Raises ``RuleBroken``."""
    if through > london_day(now - CLOSES_AFTER):
        raise RuleBroken("Choose a day that ended at least two days ago.", field="through")
    if latest is not None and through <= latest:
        raise RuleBroken(
            f"The books are closed to the end of {latest.day} {latest:%B %Y} already. Choose a later day.",
            field="through",
        )


class Seal:
    """What the lines of a period say, as one number: the sum of their SHA-256 hashes, so that no order matters.

    >>> one, two = Seal(), Seal()
    >>> one.take("a", 1), one.take("b", 2), two.take("b", 2), two.take("a", 1)
    (None, None, None, None)
    >>> one.hexdigest() == two.hexdigest(), one.lines
    (True, 2)
    """

    __slots__ = ("_sum", "lines")

    def __init__(self) -> None:
        self._sum = 0
        self.lines = 0

    def take(self, *facts: object) -> None:
        """Add one line, in whatever order they come."""
        digest = hashlib.sha256("\x1f".join(map(str, facts)).encode()).digest()
        self._sum += int.from_bytes(digest, "big")
        self.lines += 1

    def hexdigest(self) -> str:
        """The sum of all that was taken, in hexadecimal."""
        return f"{self._sum % (1 << 256):064x}"
