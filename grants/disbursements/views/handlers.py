"""What the outbox does with money."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from grants.disbursements import queries
from grants.disbursements.service import sending
from grants.funds.rules import PaysBy
from grants.funds.service import taken_back
from grants.ports.payments import OutcomeUnknown, PaymentGateway
from grants.web.outside import pays_by, providers, stripe
from grants.web.work import clockwork


def money_handlers() -> dict[str, Callable[[dict[str, Any], str], None]]:
    """Kind of outbox row → what moves the money."""
    return {"payment": _pay, "recall": _recall, "refund": _refund}


def _pay(payload: dict[str, Any], key: str) -> None:
    """To whoever pays this payment. What goes in a bank run is left to those who make it."""
    payment_id = UUID(payload["disbursement_id"])
    with clockwork() as uow:
        chosen = sending.choose_gateway(uow, payment_id, queries.pays_by(uow.session, payment_id) or pays_by())
    if chosen != PaysBy.BANK_RUN:
        sending.deliver(clockwork, _provider(chosen), payload, key)


def _recall(payload: dict[str, Any], key: str) -> None:
    with clockwork() as uow:
        chosen = sending.choose_gateway(uow, UUID(payload["disbursement_id"]), pays_by())
    sending.fetch_back(clockwork, _provider(chosen), payload, key)


def _refund(payload: dict[str, Any], key: str) -> None:
    provider = stripe()
    if provider is None:
        raise OutcomeUnknown("Stripe is not set up in this installation.")
    taken_back.send_refund(clockwork, provider, payload, key)


def _provider(name: str) -> PaymentGateway:
    found: PaymentGateway | None = providers().get(name)
    if found is None:
        raise OutcomeUnknown(f"{name} is not set up in this installation.")
    return found
