"""The life of a disbursement, and what providers tell of it."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from grants.kernel.errors import RuleBroken


class DisbursementState(StrEnum):
    REQUESTED = "requested"
    AUTHORISED = "authorised"
    SENT = "sent"
    PAID = "paid"
    FAILED = "failed"
    RETURNED = "returned"
    CANCELLED = "cancelled"


class DisbursementAction(StrEnum):
    AUTHORISE = "authorise"
    SEND = "send"
    SETTLE = "settle"
    FAIL = "fail"
    RETURN = "return"
    CANCEL = "cancel"


S, A = DisbursementState, DisbursementAction
STEPS = {
    (S.REQUESTED, A.AUTHORISE): S.AUTHORISED,
    (S.REQUESTED, A.CANCEL): S.CANCELLED,
    (S.AUTHORISED, A.SEND): S.SENT,
    (S.AUTHORISED, A.CANCEL): S.CANCELLED,
    (S.AUTHORISED, A.FAIL): S.FAILED,
    (S.SENT, A.SETTLE): S.PAID,
    (S.SENT, A.FAIL): S.FAILED,
    (S.PAID, A.RETURN): S.RETURNED,
}
LIVE = frozenset({S.REQUESTED, S.AUTHORISED, S.SENT, S.PAID})
"""States that use up an instalment: at most one such row for each."""


class Told(StrEnum):
    """What a provider can tell of a payment."""

    PAID = "paid"
    FAILED = "failed"
    CAME_BACK = "came_back"


@dataclass(frozen=True, slots=True)
class Notice:
    """One event of a provider: ``id`` is the provider's and unique; ``key`` is our key of the payment. Pence."""

    id: str
    told: Told
    key: str
    amount_minor: int
    provider_ref: str = ""
    reason: str = ""


def payment_key(instalment_id: UUID, attempt: int) -> str:
    """The key under which a provider moves money once, however often it is asked.

    >>> payment_key(UUID(int=1), 2)
    'pay:00000000-0000-0000-0000-000000000001:2'
    """
    return f"pay:{instalment_id}:{attempt}"


def read_notice(facts: object) -> Notice:
    """A notice from what a provider sent; ``RuleBroken`` when it is not one.

    >>> read_notice({"id": "e1", "told": "paid", "key": "k", "amount_minor": 5}).told
    <Told.PAID: 'paid'>
    """
    if not isinstance(facts, dict):
        raise RuleBroken("This is not an event.")
    texts = {name: facts.get(name, "") for name in ("id", "told", "key", "provider_ref", "reason")}
    amount = facts.get("amount_minor")
    known = {told.value for told in Told}
    if (
        not all(isinstance(text, str) for text in texts.values())
        or not 0 < len(texts["id"]) <= 80
        or not texts["key"]
        or texts["told"] not in known
        or not isinstance(amount, int)
        or isinstance(amount, bool)
    ):
        raise RuleBroken("This is not an event that we know.")
    return Notice(
        texts["id"], Told(texts["told"]), texts["key"], amount, texts["provider_ref"][:80], texts["reason"][:300]
    )
