"""Stripe behind our ports: Connect recipients, transfers and reversals, Checkout, refunds, disputes, events.

The only module that knows the library. What it gives back is turned into plain dicts once, here, and into our own
words. The library repeats nothing by itself (``max_network_retries=0``): what is sent again, and under which key, is
decided where the key is kept.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from json import loads
from typing import TYPE_CHECKING, Any

import stripe
from stripe import RequestsClient, StripeClient, StripeError, WebhookSignature

from grants.ports.payments import (
    AccountStanding,
    AccountTold,
    BankReturned,
    CheckoutFacts,
    CheckoutPage,
    CheckoutStanding,
    CheckoutTold,
    DisputeTold,
    EventRefused,
    NothingToUs,
    OutcomeUnknown,
    Payout,
    PayoutReceipt,
    PayoutRefused,
    PayoutTold,
    ProviderEvent,
    ProviderRefused,
    RefundStanding,
    RefundTold,
    StatementKind,
    StatementLine,
    Told,
)

if TYPE_CHECKING:
    from stripe._request_options import RequestOptions

API_VERSION = "2026-10-28.endive"
"""Pinned: another version is another change of ours, with its tests."""
API = "https://api.stripe.com"
CURRENCY = "gbp"
KEY = "seedbed_key"
"""Under this name our key stands in the metadata of whatever we make."""
WAYS = ["card", "pay_by_bank", "bacs_debit", "customer_balance"]
TOLERANCE_SECONDS = 300
PAGES = 50
"""Of a hundred lines each, at most, of a statement."""

_REFUSALS = {
    "balance_insufficient": "Our balance with Stripe does not hold this much. Top it up, then ask for it again.",
    "account_closed": "The group's account with Stripe was closed. The group needs to set it up again.",
    "insufficient_capabilities_for_transfer": "The group's account with Stripe cannot receive money yet. "
    "The group needs to finish setting it up.",
}
_CAPABILITY = {
    "active": AccountStanding.READY,
    "pending": AccountStanding.CHECKING,
    "restricted": AccountStanding.STARTED,
}
_LINES = {
    "transfer": StatementKind.PAYOUT,
    "transfer_refund": StatementKind.PAYOUT_BACK,
    "transfer_cancel": StatementKind.PAYOUT_BACK,
    "transfer_failure": StatementKind.PAYOUT_BACK,
    "charge": StatementKind.MONEY_IN,
    "payment": StatementKind.MONEY_IN,
    "refund": StatementKind.REFUND,
    "payment_refund": StatementKind.REFUND,
    "refund_failure": StatementKind.REFUND,
    "payment_failure_refund": StatementKind.REFUND,
    "topup": StatementKind.OWN_BANK,
    "topup_reversal": StatementKind.OWN_BANK,
    "payout": StatementKind.OWN_BANK,
    "payout_cancel": StatementKind.OWN_BANK,
    "payout_failure": StatementKind.OWN_BANK,
    "stripe_fee": StatementKind.FEE,
    "stripe_fx_fee": StatementKind.FEE,
    "tax_fee": StatementKind.FEE,
}
_CHARGES = ("fee", "network_cost", "tax")
"""How Stripe reports lines that are nothing but a charge (https://docs.stripe.com/reports/reporting-categories)."""


@contextmanager
def _asking() -> Iterator[None]:
    """Tell a definite no from an answer that nobody can rely on."""
    try:
        yield
    except stripe.IdempotencyError as error:  # the key stands for another order: something was made under it
        raise OutcomeUnknown("Stripe has another order under this key. Look at the payment in Stripe.") from error
    except stripe.APIConnectionError as error:
        raise OutcomeUnknown("Stripe did not answer, or the line broke.") from error
    except stripe.RateLimitError as error:
        raise OutcomeUnknown("Stripe is busy and took nothing.") from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise OutcomeUnknown("Stripe does not accept our key. An administrator must set GRANTS_STRIPE_KEY.") from error
    except StripeError as error:
        status = error.http_status or 500
        if status == 409:
            raise OutcomeUnknown("Stripe is still busy with the same order.") from error
        if status >= 500 or status < 400:
            raise OutcomeUnknown("Stripe had a fault of its own.") from error
        words = _REFUSALS.get(error.code or "") or f"Stripe refused it: {error.user_message or 'without a reason'}"
        raise ProviderRefused(words[:300]) from error


@dataclass(slots=True)
class StripePayments:
    """One Stripe account. ``secrets``: of every webhook destination; the old beside the new while one changes."""

    key: str
    secrets: tuple[str, ...] = ()
    api: str = API
    timeout_seconds: tuple[float, float] = (5, 25)
    name: str = "stripe"
    onboards: bool = True
    _client: StripeClient = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._client = StripeClient(
            self.key,
            stripe_version=API_VERSION,
            base_addresses={"api": self.api},
            max_network_retries=0,
            http_client=RequestsClient(timeout=self.timeout_seconds),
        )

    # paying out

    def pay_out(self, *, account_ref: str, amount_minor: int, reference: str, key: str) -> PayoutReceipt:
        """A transfer to the group's balance with Stripe, which Stripe pays on to the group's bank."""
        try:
            with _asking():
                made = self._client.v1.transfers.create(
                    {
                        "amount": amount_minor,
                        "currency": CURRENCY,
                        "destination": account_ref,
                        "description": reference,
                        "transfer_group": key,
                        "metadata": {KEY: key, "reference": reference},
                    },
                    _once(key),
                ).to_dict()
        except ProviderRefused as refused:
            raise PayoutRefused(str(refused)) from refused
        return PayoutReceipt(provider_ref=made["id"])

    def find_payout(self, key: str) -> Payout | None:
        """By the group and the metadata that we wrote on it: keys are forgotten after a day, these are not."""
        with _asking():
            found = self._client.v1.transfers.list({"transfer_group": key, "limit": 100}).to_dict()
        ours = [one for one in found["data"] if (one.get("metadata") or {}).get(KEY) == key]
        return _payout(ours[0]) if ours else None

    def reverse(self, *, provider_ref: str, amount_minor: int, key: str) -> None:
        with _asking():
            self._client.v1.transfers.reversals.create(
                provider_ref, {"amount": amount_minor, "metadata": {KEY: key}}, _once(key)
            )

    # recipients

    def open_account(self, *, display_name: str, email: str, key: str) -> str:
        with _asking():
            made = self._client.v2.core.accounts.create(
                {
                    "display_name": display_name,
                    "contact_email": email,
                    "dashboard": "express",
                    "identity": {"country": "gb"},
                    "defaults": {
                        "currency": CURRENCY,
                        "responsibilities": {"fees_collector": "application", "losses_collector": "application"},
                    },
                    "configuration": {
                        "recipient": {"capabilities": {"stripe_balance": {"stripe_transfers": {"requested": True}}}}
                    },
                    "include": ["configuration.recipient"],
                    "metadata": {KEY: key},
                },
                _once(key),
            ).to_dict()
        return str(made["id"])

    def onboarding_link(self, account_ref: str, *, return_url: str, refresh_url: str) -> str:
        with _asking():
            made = self._client.v2.core.account_links.create(
                {
                    "account": account_ref,
                    "use_case": {
                        "type": "account_onboarding",
                        "account_onboarding": {
                            "return_url": return_url,
                            "refresh_url": refresh_url,
                        },
                    },
                }
            ).to_dict()
        return str(made["url"])

    def account_standing(self, account_ref: str) -> AccountStanding:
        with _asking():
            found = self._client.v2.core.accounts.retrieve(
                account_ref, {"include": ["configuration.recipient"]}
            ).to_dict()
        return _standing(found)

    # money in

    def start_checkout(
        self, *, amount_minor: int, what: str, key: str, return_url: str, cancel_url: str
    ) -> CheckoutPage:
        with _asking():
            made = self._client.v1.checkout.sessions.create(
                {
                    "mode": "payment",
                    "client_reference_id": key,
                    "allowed_payment_method_types": WAYS,
                    "line_items": [
                        {
                            "quantity": 1,
                            "price_data": {
                                "currency": CURRENCY,
                                "unit_amount": amount_minor,
                                "product_data": {"name": what},
                            },
                        }
                    ],
                    "metadata": {KEY: key},
                    "payment_intent_data": {"metadata": {KEY: key}, "description": what},
                    "success_url": return_url,
                    "cancel_url": cancel_url,
                },
                _once(key),
            ).to_dict()
        return CheckoutPage(made["id"], made.get("url") or "")

    def checkout(self, provider_ref: str) -> CheckoutFacts:
        with _asking():
            found = self._client.v1.checkout.sessions.retrieve(
                provider_ref, {"expand": ["payment_intent.latest_charge"]}
            ).to_dict()
        return _checkout(found)

    def refund(self, *, payment_ref: str, amount_minor: int, key: str) -> str:
        with _asking():
            made = self._client.v1.refunds.create(
                {"payment_intent": payment_ref, "amount": amount_minor, "metadata": {KEY: key}}, _once(key)
            ).to_dict()
        return str(made["id"])

    def find_refund(self, *, payment_ref: str, key: str) -> str | None:
        with _asking():
            found = self._client.v1.refunds.list({"payment_intent": payment_ref, "limit": 100}).to_dict()
        ours = (str(one["id"]) for one in found["data"] if (one.get("metadata") or {}).get(KEY) == key)
        return next(ours, None)

    # what it tells

    def read_event(self, body: bytes, header: str, now: datetime) -> ProviderEvent:
        """Signature and time are ours to check (the library lets a header be an hour ahead); then we ask anew.

        What an event says of a thing may be old by the time it comes; what the thing is now never is. So events may
        come twice, late and in any order.
        """
        event = self._opened(body, header, now)
        kind = str(event.get("type", ""))
        try:
            told = self._asked_anew(kind, event)
        except ProviderRefused:  # the thing is gone, or another account's
            told = NothingToUs()
        return ProviderEvent(str(event["id"]), kind, told)

    def _opened(self, body: bytes, header: str, now: datetime) -> dict[str, Any]:
        for secret in self.secrets:
            try:
                WebhookSignature.verify_header(body, header, secret, None)
                break
            except (stripe.SignatureVerificationError, UnicodeDecodeError):
                continue
        else:
            raise EventRefused("The signature is wrong.")
        sent_at = int(next(part[2:] for part in header.split(",") if part.startswith("t=")))
        ahead = sent_at - now.timestamp()
        if ahead > TOLERANCE_SECONDS:
            raise EventRefused("The signature is dated in the future.")
        if ahead < -TOLERANCE_SECONDS:
            raise EventRefused("The signature is too old.")
        try:
            event = loads(body)
        except (ValueError, RecursionError):
            raise EventRefused("This is not JSON.") from None
        if (
            not isinstance(event, dict)
            or not re.fullmatch(r"evt_\w{1,70}", str(event.get("id", "")), re.ASCII)
            or not event.get("type")
        ):
            raise EventRefused("This is not an event.")
        return event

    def _asked_anew(self, kind: str, event: dict[str, Any]) -> Told:
        if kind.startswith("v2.core.account"):
            ref = str(_part(event, "related_object").get("id", ""))
            return AccountTold(ref, self.account_standing(ref)) if ref.startswith("acct_") else NothingToUs()
        thing = _part(_part(event, "data"), "object")
        ref = str(thing.get("id", ""))
        if kind in ("transfer.created", "transfer.updated", "transfer.reversed"):
            with _asking():
                return PayoutTold(_payout(self._client.v1.transfers.retrieve(ref).to_dict()))
        if kind == "payout.failed" and event.get("account"):
            return self._bank_returned(str(event["account"]), ref)
        if kind.startswith("checkout.session."):
            return self._checkout_told(kind, ref)
        if kind.startswith("charge.dispute."):
            with _asking():
                return _dispute(self._client.v1.disputes.retrieve(ref).to_dict())
        if kind.startswith("refund."):
            with _asking():
                return _refund(self._client.v1.refunds.retrieve(ref).to_dict())
        return NothingToUs()

    def _checkout_told(self, kind: str, ref: str) -> CheckoutTold:
        facts = self.checkout(ref)
        if kind == "checkout.session.async_payment_failed" and facts.standing is CheckoutStanding.WAITING:
            facts = CheckoutFacts(
                facts.provider_ref, facts.key, CheckoutStanding.FAILED, facts.amount_minor, facts.payment_ref
            )
        return CheckoutTold(facts)

    def _bank_returned(self, account_ref: str, payout_ref: str) -> Told:
        with _asking():
            payout = self._client.v1.payouts.retrieve(payout_ref, {}, {"stripe_account": account_ref}).to_dict()
            if payout["status"] != "failed":
                return NothingToUs()
            found = self._client.v1.balance_transactions.list(
                {"payout": payout_ref, "limit": 100, "expand": ["data.source"]}, {"stripe_account": account_ref}
            ).to_dict()
        sources = [one.get("source") for one in found["data"]]
        refs = [_id(one.get("source_transfer")) for one in sources if isinstance(one, dict)]
        reason = payout.get("failure_message") or "The group's bank sent it back."
        return BankReturned(tuple(dict.fromkeys(ref for ref in refs if ref)), str(reason)[:300])

    def statement(self, since: datetime) -> list[StatementLine]:
        """Our balance transactions."""
        lines: list[StatementLine] = []
        after: str | None = None
        for _ in range(PAGES):
            with _asking():
                found = self._client.v1.balance_transactions.list(
                    {
                        "created": {"gte": int(since.timestamp())},
                        "limit": 100,
                        "expand": ["data.source"],
                        **({"starting_after": after} if after else {}),
                    }
                ).to_dict()
            lines += [_line(one) for one in found["data"]]
            if not found.get("has_more"):
                break
            after = found["data"][-1]["id"]
        else:  # the newest come first: what is left out would be the oldest, and nobody would know
            raise ProviderRefused(f"Stripe's statement has more than {PAGES * 100:,} lines. Read fewer days at once.")
        return sorted(lines, key=lambda line: (line.at, line.id))

    def balance_minor(self) -> int:
        """What is available and what is pending: together the sum of all balance transactions, less their fees."""
        with _asking():
            found = self._client.v1.balance.retrieve().to_dict()
        return sum(
            int(one["amount"])
            for part in ("available", "pending")
            for one in found.get(part) or ()
            if one["currency"] == CURRENCY
        )


def _once(key: str) -> "RequestOptions":
    return {"idempotency_key": key}


def _id(thing: Any) -> str:
    """A reference that may stand as its id or as the whole thing."""
    if isinstance(thing, dict):
        return str(thing.get("id") or "")
    return str(thing or "")


def _of_source(source: Any) -> str:
    """What a line is about: of a charge, a refund or a dispute its payment, of a reversal its transfer."""
    if isinstance(source, dict):
        return _id(source.get("payment_intent") or source.get("transfer") or source)
    return _id(source)


def _payout(transfer: dict[str, Any]) -> Payout:
    return Payout(
        provider_ref=transfer["id"],
        key=str((transfer.get("metadata") or {}).get(KEY, "")),
        amount_minor=int(transfer["amount"]) if transfer.get("currency") == CURRENCY else -1,
        back_minor=int(transfer.get("amount_reversed") or 0),
    )


def _standing(account: dict[str, Any]) -> AccountStanding:
    recipient = (account.get("configuration") or {}).get("recipient") or {}
    capability = ((recipient.get("capabilities") or {}).get("stripe_balance") or {}).get("stripe_transfers") or {}
    return _CAPABILITY.get(str(capability.get("status", "restricted")), AccountStanding.STOPPED)


def _part(of: dict[str, Any], name: str) -> dict[str, Any]:
    """A thing within a thing; empty where there is none of that shape."""
    found = of.get(name)
    return found if isinstance(found, dict) else {}


def _checkout(session: dict[str, Any]) -> CheckoutFacts:
    """Money counts only once it is paid: a Direct Debit is complete days before that."""
    intent = session.get("payment_intent")
    if session.get("payment_status") == "paid":
        standing = CheckoutStanding.PAID
    elif session.get("status") == "expired":
        standing = CheckoutStanding.EXPIRED
    elif session.get("status") == "complete":
        standing = CheckoutStanding.WAITING
    else:
        standing = CheckoutStanding.OPEN
    return CheckoutFacts(
        provider_ref=session["id"],
        key=str(session.get("client_reference_id") or ""),
        standing=standing,
        amount_minor=int(session.get("amount_total") or 0) if session.get("currency") == CURRENCY else -1,
        payment_ref=_id(intent),
    )


def _dispute(dispute: dict[str, Any]) -> DisputeTold:
    """What the payer's bank holds is what its balance transactions took, less what they gave again."""
    taken = -sum(int(one["amount"]) for one in dispute.get("balance_transactions") or ())
    return DisputeTold(
        dispute_ref=dispute["id"],
        payment_ref=_id(dispute.get("payment_intent")),
        taken_minor=max(0, taken),
        over=dispute.get("status") in ("won", "lost", "warning_closed", "prevented"),
        reason=str(dispute.get("reason") or "").replace("_", " ")[:60],
    )


def _refund(refund: dict[str, Any]) -> RefundTold:
    standing = {"succeeded": RefundStanding.DONE, "failed": RefundStanding.FAILED, "canceled": RefundStanding.FAILED}
    return RefundTold(
        refund_ref=refund["id"],
        payment_ref=_id(refund.get("payment_intent")),
        key=str((refund.get("metadata") or {}).get(KEY, "")),
        amount_minor=int(refund["amount"]),
        standing=standing.get(str(refund.get("status")), RefundStanding.WAITING),
    )


def _line(one: dict[str, Any]) -> StatementLine:
    kind = _LINES.get(str(one.get("type")), StatementKind.OTHER)
    if str(one.get("reporting_category", "")).startswith("dispute"):
        kind = StatementKind.DISPUTE
    amount, fee = int(one["amount"]), int(one.get("fee") or 0)
    if kind is StatementKind.FEE or one.get("reporting_category") in _CHARGES:
        kind, amount, fee = StatementKind.FEE, 0, fee - amount
    return StatementLine(
        id=one["id"],
        kind=kind,
        amount_minor=amount,
        fee_minor=fee,
        source_ref=_of_source(one.get("source")),
        at=datetime.fromtimestamp(int(one["created"]), UTC),
    )
