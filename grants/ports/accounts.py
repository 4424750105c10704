"""Whether an account number can belong to a sort code, in our own words."""

from enum import StrEnum
from typing import Protocol


class Modulus(StrEnum):
    """The three answers. A pass says that the digits fit together, never whose account it is."""

    PASS = "pass"  # noqa: S105 - the answer, not a password
    FAIL = "fail"
    NOT_COVERED = "not_covered"


class AccountNumbers(Protocol):
    def check(self, sort_code: str, account_number: str) -> Modulus:
        """``sort_code``: six digits; ``account_number``: eight."""
