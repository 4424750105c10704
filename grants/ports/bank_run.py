"""A file that asks somebody else's finance office to pay, and the file that comes back. Amounts are pence."""

from dataclasses import dataclass, field
from datetime import date
from typing import Protocol


class FileRefused(Exception):
    """It cannot be read as such a file; the words say which line and what to do."""


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One payment to be made. ``reference`` (18 characters at most) comes back on the bank statement."""

    supplier: str
    payee: str
    sort_code: str = field(repr=False)
    account_number: str = field(repr=False)
    reference: str
    amount_minor: int
    cost_centre: str
    account_code: str
    funder_code: str
    description: str
    asked_by: str
    authorised_by: str
    pay_by: date


@dataclass(frozen=True, slots=True)
class OrderFile:
    """The file, with its control totals: how many lines, their sum, and SHA-256 of the lines as they stand in it."""

    content: bytes = field(repr=False)
    count: int
    total_minor: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one line of a run."""

    batch: str
    reference: str
    amount_minor: int
    paid: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class BankLine:
    """One line of a bank statement. Signed pence: in is positive."""

    on: date
    amount_minor: int
    reference: str
    words: str = ""


class BankRun(Protocol):
    """Writes and reads such files."""

    def write(self, batch: str, lines: list[OrderLine]) -> OrderFile:
        """The file that asks for these payments."""

    def read(self, content: bytes) -> list[Answer]:
        """What became of the lines. Raises ``FileRefused``."""

    def read_statement(self, content: bytes) -> list[BankLine]:
        """The lines of a bank statement. Raises ``FileRefused``."""
