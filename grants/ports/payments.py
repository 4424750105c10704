"""Paying money out, in our own words."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class PayoutReceipt:
    """The provider took the order; whether the money arrived is told later by an event."""

    provider_ref: str


class PayoutRefused(Exception):
    """A definite no: nothing moved, and a new attempt needs a new key."""


class PaymentGateway(Protocol):
    name: str

    def pay_out(self, *, account_ref: str, amount_minor: int, reference: str, key: str) -> PayoutReceipt:
        """Send pence to an account. The same ``key`` twice moves money once. Raises ``PayoutRefused``."""
