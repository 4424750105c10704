"""Paying money out and taking money in, in our own words. Amounts are pence of pounds sterling.

Two answers of a provider must never be taken for each other: a definite no (``ProviderRefused``), after which nothing
moved and a new attempt needs a new key; and no answer that can be relied on (``OutcomeUnknown``), after which the same
order is given again under the same key.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class ProviderRefused(Exception):
    """A definite no: nothing moved. The words say why, and what would help."""


class PayoutRefused(ProviderRefused):
    """A definite no to a payment: nothing moved, and a new attempt needs a new key."""


class OutcomeUnknown(Exception):
    """Nobody knows whether it was done: a time-out, a broken line, a fault of the provider. The words say which."""


class EventRefused(Exception):
    """What came in is no event of this provider: a wrong, an old or a future signature, or no event at all."""


# ---------------------------------------------------------------------------------------------------------- paying out


@dataclass(frozen=True, slots=True)
class PayoutReceipt:
    """The provider took the order; whether the money arrived is told later by an event."""

    provider_ref: str


@dataclass(frozen=True, slots=True)
class Payout:
    """One payment as the provider has it. ``key`` is ours; ``back_minor`` pence of it went back to us."""

    provider_ref: str
    key: str
    amount_minor: int
    back_minor: int = 0


class PaymentGateway(Protocol):
    """Moves money to a group."""

    name: str
    onboards: bool
    """Whether a group needs an account with this provider before it can be paid."""

    def pay_out(self, *, account_ref: str, amount_minor: int, reference: str, key: str) -> PayoutReceipt:
        """Send pence to an account. The same ``key`` twice moves money once.

        Raises ``PayoutRefused`` or ``OutcomeUnknown``.
        """

    def find_payout(self, key: str) -> Payout | None:
        """The payment that was made under our key, if there is one: by what we wrote on it, however old it is."""

    def reverse(self, *, provider_ref: str, amount_minor: int, key: str) -> None:
        """Fetch a payment back. The same ``key`` twice fetches once; that it came is told by an event."""


# ---------------------------------------------------------------------------------------------------------- recipients


class AccountStanding(StrEnum):
    """How far a group is with its account at the provider."""

    STARTED = "started"
    CHECKING = "checking"
    READY = "ready"
    STOPPED = "stopped"


class RecipientDesk(Protocol):
    """Opens accounts in which groups receive money."""

    name: str

    def open_account(self, *, display_name: str, email: str, key: str) -> str:
        """Open an account and give the provider's reference for it. The same ``key`` twice opens one."""

    def onboarding_link(self, account_ref: str, *, return_url: str, refresh_url: str) -> str:
        """A page of the provider where the group gives its details; the link works once."""

    def account_standing(self, account_ref: str) -> AccountStanding:
        """How far the account is, asked anew."""


# ------------------------------------------------------------------------------------------------------------ money in


class CheckoutStanding(StrEnum):
    """Where a payment to us is."""

    OPEN = "open"
    WAITING = "waiting"
    """The payer has done their part; the bank takes days."""
    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class CheckoutPage:
    """Where the payer goes, and the provider's reference of it."""

    provider_ref: str
    url: str


@dataclass(frozen=True, slots=True)
class CheckoutFacts:
    """One payment to us as the provider has it. ``payment_ref`` names the money in later disputes and refunds."""

    provider_ref: str
    key: str
    standing: CheckoutStanding
    amount_minor: int
    payment_ref: str = ""


class PayIn(Protocol):
    """Takes money from a funder."""

    name: str

    def start_checkout(
        self, *, amount_minor: int, what: str, key: str, return_url: str, cancel_url: str
    ) -> CheckoutPage:
        """Open a page where somebody pays us by card, from their bank or by Direct Debit."""

    def checkout(self, provider_ref: str) -> CheckoutFacts:
        """How such a payment stands, asked anew."""

    def refund(self, *, payment_ref: str, amount_minor: int, key: str) -> str:
        """Give money back the way it came; the provider's reference of it. The same ``key`` twice gives once."""

    def find_refund(self, *, payment_ref: str, key: str) -> str | None:
        """The provider's reference of what went back under this key, looked for by what we wrote on it."""


# ------------------------------------------------------------------------------------------- what a provider tells us


@dataclass(frozen=True, slots=True)
class PayoutTold:
    """How a payment stands."""

    payout: Payout


@dataclass(frozen=True, slots=True)
class BankReturned:
    """A group's own bank sent money back to its account at the provider: the payments that were in it."""

    provider_refs: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class AccountTold:
    """How a group's account stands."""

    account_ref: str
    standing: AccountStanding


@dataclass(frozen=True, slots=True)
class CheckoutTold:
    """How a payment to us stands."""

    facts: CheckoutFacts


@dataclass(frozen=True, slots=True)
class DisputeTold:
    """A payer's bank took money back. ``taken_minor``: pence it holds now; ``over``: nothing more will change."""

    dispute_ref: str
    payment_ref: str
    taken_minor: int
    over: bool
    reason: str


class RefundStanding(StrEnum):
    """Where money is that we give back."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RefundTold:
    """How a refund stands. ``key`` is ours, or empty when somebody gave it in the provider's own pages."""

    refund_ref: str
    payment_ref: str
    key: str
    amount_minor: int
    standing: RefundStanding


@dataclass(frozen=True, slots=True)
class NothingToUs:
    """An event that changes nothing here."""


Told = PayoutTold | BankReturned | AccountTold | CheckoutTold | DisputeTold | RefundTold | NothingToUs


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """One event: the provider's unique id and name for it, and how things stand now, asked anew."""

    id: str
    kind: str
    told: Told


class StatementKind(StrEnum):
    """What a line of a provider's statement is about."""

    PAYOUT = "payout"
    PAYOUT_BACK = "payout_back"
    MONEY_IN = "money_in"
    REFUND = "refund"
    DISPUTE = "dispute"
    FEE = "fee"
    """A charge of its own, not taken out of another line: then ``amount_minor`` is nought."""
    OWN_BANK = "own_bank"
    """Between it and our own bank account."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One line of what a provider did with our money, about ``source_ref``. Signed pence: in is positive.

    ``fee_minor``: what it kept of it besides (minus when it gave a fee back): its balance changes by amount less fee.
    """

    id: str
    kind: StatementKind
    amount_minor: int
    fee_minor: int
    source_ref: str
    at: datetime


class EventDesk(Protocol):
    """Reads what a provider sends of itself, and its statement."""

    name: str

    def read_event(self, body: bytes, header: str, now: datetime) -> ProviderEvent:
        """The event in these raw bytes, if its signature is right and of this moment.

        Raises ``EventRefused``; ``OutcomeUnknown`` when the provider could not be asked how things stand.
        """

    def statement(self, since: datetime) -> list[StatementLine]:
        """What the provider did since then, the earliest first."""

    def balance_minor(self) -> int:
        """What the provider holds for us now, what is on its way to us there included: signed pence."""


class PaymentProvider(PaymentGateway, RecipientDesk, PayIn, EventDesk, Protocol):
    """One who does all of it."""
