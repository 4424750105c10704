"""The life of a bank account, the shape of its numbers, and what the payee's bank says of its name."""

import json
from dataclasses import dataclass, field
from enum import StrEnum

from grants.kernel.errors import RuleBroken


class BankAccountState(StrEnum):
    PROVIDED = "provided"
    EVIDENCED = "evidenced"
    NAME_CHECKED = "name_checked"
    VERIFIED = "verified"
    REFUSED = "refused"
    REPLACED = "replaced"


class BankAccountAction(StrEnum):
    SHOW_EVIDENCE = "show_evidence"
    CHECK_NAME = "check_name"
    VERIFY = "verify"
    REFUSE = "refuse"
    EDIT = "edit"


S, A = BankAccountState, BankAccountAction
STEPS = {
    (S.PROVIDED, A.SHOW_EVIDENCE): S.EVIDENCED,
    (S.EVIDENCED, A.SHOW_EVIDENCE): S.EVIDENCED,
    (S.EVIDENCED, A.CHECK_NAME): S.NAME_CHECKED,
    (S.NAME_CHECKED, A.VERIFY): S.VERIFIED,
    (S.PROVIDED, A.REFUSE): S.REFUSED,
    (S.EVIDENCED, A.REFUSE): S.REFUSED,
    (S.NAME_CHECKED, A.REFUSE): S.REFUSED,
    (S.VERIFIED, A.REFUSE): S.REFUSED,
    (S.PROVIDED, A.EDIT): S.REPLACED,
    (S.EVIDENCED, A.EDIT): S.REPLACED,
    (S.NAME_CHECKED, A.EDIT): S.REPLACED,
    (S.VERIFIED, A.EDIT): S.REPLACED,
}
"""An edit never changes a row: what stood is replaced, and what is given now begins again as ``provided``."""
ENDED = frozenset({S.REFUSED, S.REPLACED})


class NameAnswer(StrEnum):
    """What confirmation of payee says: whether the name belongs to the account."""

    MATCH = "match"
    CLOSE = "close_match"
    NO_MATCH = "no_match"


@dataclass(frozen=True, slots=True)
class Details:
    """What a bank needs to pay somebody. Its digits never show where a value is printed."""

    account_name: str
    sort_code: str = field(repr=False)
    account_number: str = field(repr=False)

    def to_bytes(self) -> bytes:
        """As they are sealed."""
        return json.dumps([self.account_name, self.sort_code, self.account_number]).encode()

    @classmethod
    def from_bytes(cls, plain: bytes) -> "Details":
        """What ``to_bytes`` wrote."""
        return cls(*json.loads(plain))


def clean_details(account_name: str, sort_code: str, account_number: str) -> Details:
    """Details as we keep them. Raises ``RuleBroken`` at the field.

    >>> clean_details(" Tea  Table ", "08-99-99", "6637 4958").sort_code
    '089999'
    """
    name = " ".join(account_name.split())
    if not 2 <= len(name) <= 70 or not name.isprintable():
        raise RuleBroken("Enter the name on the account, as it stands on the statement.", "account_name")
    code, number = digits_of(sort_code, "sort_code"), digits_of(account_number, "account_number")
    if len(code) != 6:
        raise RuleBroken("Enter the six digits of the sort code, like 12-34-56.", "sort_code")
    if len(number) in (6, 7):
        raise RuleBroken("Enter all eight digits. Put noughts in front of a shorter number.", "account_number")
    if len(number) != 8:
        raise RuleBroken("Enter the eight digits of the account number.", "account_number")
    if len(set(code)) == 1 or len(set(number)) == 1:
        raise RuleBroken("These are not the numbers of an account. Look at your statement.", "account_number")
    return Details(name, code, number)


def digits_of(text: str, field: str) -> str:
    """The digits, without the blanks and dashes that people type between. Raises ``RuleBroken`` for anything else."""
    kept = text.replace("-", "").replace(" ", "").replace("\u2013", "").strip()
    if not kept.isascii() or not kept.isdecimal():
        raise RuleBroken("Use digits only.", field)
    return kept
