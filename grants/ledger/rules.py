"""Accounts and entries as values. A line's pence are signed: debit positive, credit negative."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from uuid import UUID


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


@dataclass(frozen=True, slots=True)
class Line:
    """One posting to be: which account, how much (debit positive), for which award."""

    account: str
    amount_minor: int
    award_id: UUID | None = None


def balanced(lines: Sequence[Line]) -> bool:
    """An entry has at least two lines, none of nought, and sums to nought."""
    return len(lines) >= 2 and all(line.amount_minor for line in lines) and sum(x.amount_minor for x in lines) == 0


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
