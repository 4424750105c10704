"""A gateway that moves pretend money: idempotent by key, and it can be told to refuse."""

from dataclasses import dataclass, field
from hashlib import sha256

from grants.ports.payments import Payout, PayoutReceipt, PayoutRefused


@dataclass(slots=True)
class MemoryGateway:
    name: str = "memory"
    onboards: bool = False
    sent: dict[str, tuple[str, int, str]] = field(default_factory=dict)
    """key → (account, pence, reference)"""
    refuse: bool = False

    def pay_out(self, *, account_ref: str, amount_minor: int, reference: str, key: str) -> PayoutReceipt:
        if self.refuse:
            raise PayoutRefused("The account cannot receive money.")
        self.sent.setdefault(key, (account_ref, amount_minor, reference))
        return PayoutReceipt(provider_ref=_ref(key))

    def find_payout(self, key: str) -> Payout | None:
        found = self.sent.get(key)
        return Payout(_ref(key), key, found[1]) if found else None

    def reverse(self, *, provider_ref: str, amount_minor: int, key: str) -> None:
        """Nothing to do: the pretend bank's page says that money came back."""


def _ref(key: str) -> str:
    return "mem_" + sha256(key.encode()).hexdigest()[:16]
