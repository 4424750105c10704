"""A pretend Stripe on loopback: the part of Stripe that Seedbed speaks to, with state, signed events and faults.

One Flask application for the tests and for ``make demo`` (docs/decisions/0033-a-pretend-stripe.md). It takes only
``sk_test_`` keys. The tests give it a ``check`` that holds every request against the types of the installed library.
"""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from hmac import new as hmac
from pathlib import Path
from socket import SHUT_RDWR
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from flask import Flask, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.serving import make_server

from grants.config import ROOT

SECRET = "whsec_pretend_stripe"  # noqa: S105 (it signs pretend events)
KNOWN = "acct_town"
"""Accounts whose id begins so were opened before the demonstration began: they are there, and ready."""
HOLD_SECONDS = 30
DISPUTE_FEE_MINOR = 2_000
"""What a dispute costs in the United Kingdom; a card costs 1.5% and 20p (https://stripe.com/gb/pricing)."""


class Fault:
    """What can go wrong with one request, by name."""

    TIMEOUT_BEFORE = "timeout before"
    TIMEOUT_AFTER = "timeout after"
    DROP_BEFORE = "dropped before"
    DROP_AFTER = "dropped after"
    ERROR_BEFORE = "500 before"
    ERROR_AFTER = "500 after"
    CONFLICT = "409"
    BUSY = "429"
    OTHER_AMOUNT = "another amount"
    ALL = (TIMEOUT_BEFORE, TIMEOUT_AFTER, DROP_BEFORE, DROP_AFTER, ERROR_BEFORE, ERROR_AFTER, CONFLICT, BUSY)


class Refusal(Exception):
    """An answer of 400 and above, in Stripe's shape."""

    def __init__(self, status: int, kind: str, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.body = status, {"error": {"type": kind, "code": code, "message": message}}


def _wrong(message: str, code: str = "parameter_invalid", status: int = 400) -> Refusal:
    return Refusal(status, "invalid_request_error", code, message)


@dataclass
class State:
    """Everything that the pretend Stripe knows; kept in a file where one is given."""

    things: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Idempotency key → what was asked and answered."""
    links: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    balance_minor: int = 0
    count: int = 0


class Double:
    """The pretend Stripe, and what a test tells it to do."""

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        check: Callable[[str, dict[str, Any]], str | None] | None = None,
        tell: Callable[[bytes, str], int] | None = None,
        file: Path | None = None,
        url: str = "",
    ) -> None:
        """``check(operation, params)`` gives what is wrong with a request; ``tell(body, header)`` brings an event."""
        self.now, self.check, self.tell, self.file, self.url = now, check, tell, file, url
        self.lock = threading.RLock()
        self.state: State = State(**json.loads(file.read_text())) if file and file.exists() else State()
        self.faults: list[tuple[str, str]] = []
        """What goes wrong next: (operation, fault), each once."""
        self.released = threading.Event()
        """Set at the end of a test: requests that were left hanging go."""
        self.calls: list[tuple[str, str]] = []
        """(operation, idempotency key) of every request that reached us."""
        self.app = _application(self)
        if not self.state.things:
            self.fill()

    # what tests and the demonstration's page ask of it

    def fail(self, operation: str, fault: str) -> None:
        """The next request for this operation goes wrong so."""
        self.faults.append((operation, fault))

    def fill(self, amount_minor: int = 100_000_000) -> None:
        """Somebody puts money into our balance from our bank account; below nought, takes it out."""
        if amount_minor:
            word = "topup" if amount_minor > 0 else "payout"
            made = self._make("topup", "tu", amount=amount_minor)
            self._line(word, amount_minor, made["id"], word)

    def forget_keys(self) -> None:
        """A day has passed: idempotency keys are forgotten."""
        self.state.answers.clear()

    def of(self, kind: str) -> list[dict[str, Any]]:
        """All things of a kind ("transfer", "checkout.session" …), in the order in which they were made."""
        return [thing for thing in self.state.things.values() if thing["object"] == kind]

    def signed(self, event: dict[str, Any], *, at: int | None = None, secret: str = SECRET) -> tuple[bytes, str]:
        """An event's bytes and the header that signs them; ``at`` in seconds of the epoch."""
        body = json.dumps(event).encode()
        moment = int(self.now().timestamp()) if at is None else at
        mac = hmac(secret.encode(), f"{moment}.".encode() + body, sha256).hexdigest()
        return body, f"t={moment},v1={mac}"

    def send(self, *events: dict[str, Any]) -> list[int]:
        """Bring these events (all that wait, when none is named), in this order; gives the statuses answered."""
        assert self.tell is not None
        chosen = list(events) or list(self.state.events)
        statuses = []
        for event in chosen:
            status = self.tell(*self.signed(event))
            statuses.append(status)
            if status < 300:
                with self.lock:
                    self.state.events = [one for one in self.state.events if one["id"] != event["id"]]
                    self._keep()
        return statuses

    def onboard(self, account_ref: str, status: str = "active") -> None:
        """The group has given its details, and they are checked ("active"), or not."""
        with self.lock:
            account = self.account(account_ref)
            account["configuration"]["recipient"]["capabilities"]["stripe_balance"]["stripe_transfers"]["status"] = (
                status
            )
            self._event(
                "v2.core.account[configuration.recipient].capability_status_updated",
                related={"id": account_ref, "type": "v2.core.account"},
            )

    def pay(self, session_ref: str, way: str = "card") -> None:
        """Somebody pays: by card at once, by Direct Debit in some days."""
        with self.lock:
            session = self.thing(session_ref)
            if session["status"] != "open":
                return
            session["status"] = "complete"
            intent = self._make("payment_intent", "pi", amount=session["amount_total"], status="processing")
            intent["metadata"] = session["metadata"]
            session["payment_intent"] = intent["id"]
            if way == "card":
                self._paid(session)
            self._event("checkout.session.completed", session)

    def settle(self, session_ref: str, *, works: bool = True) -> None:
        """The Direct Debit came through, or it did not."""
        with self.lock:
            session = self.thing(session_ref)
            if session["status"] != "complete" or session["payment_status"] == "paid":
                return
            if works:
                self._paid(session)
            self._event(f"checkout.session.async_payment_{'succeeded' if works else 'failed'}", session)

    def expire(self, session_ref: str) -> None:
        """Nobody paid within a day."""
        with self.lock:
            session = self.thing(session_ref)
            session["status"] = "expired"
            self._event("checkout.session.expired", session)

    def dispute(self, payment_ref: str, amount_minor: int | None = None) -> str:
        """The payer's bank takes the money back at once. Gives the dispute's id."""
        with self.lock:
            for one in self.of("dispute"):
                if one["payment_intent"] == payment_ref:
                    return str(one["id"])
            amount = amount_minor or self.thing(payment_ref)["amount"]
            made = self._make("dispute", "dp", amount=amount, payment_intent=payment_ref, status="needs_response")
            made |= {"reason": "bank_cannot_process", "balance_transactions": []}
            made["balance_transactions"].append(
                self._line("adjustment", -amount, made["id"], "dispute", fee=DISPUTE_FEE_MINOR)
            )
            self._event("charge.dispute.created", made)
            return str(made["id"])

    def close_dispute(self, dispute_ref: str, *, won: bool) -> None:
        """It is over: won, and the money is ours again, or lost."""
        with self.lock:
            made = self.thing(dispute_ref)
            made["status"] = "won" if won else "lost"
            if won:
                again = self._line("adjustment", made["amount"], made["id"], "dispute_reversal")
                made["balance_transactions"].append(again)
            self._event("charge.dispute.closed", made)

    def return_payout(self, *transfer_refs: str) -> None:
        """The group's own bank sends back what Stripe paid on to it: days later, the payments are in it together."""
        with self.lock:
            account = self.thing(transfer_refs[0])["destination"]
            total = sum(self.thing(ref)["amount"] for ref in transfer_refs)
            payout = self._make("payout", "po", amount=total, status="failed", transfers=list(transfer_refs))
            payout |= {"failure_message": "The bank account has been closed.", "failure_code": "account_closed"}
            payout["account"] = account
            self._event("payout.failed", payout, account=account)

    # what the pages of the double use

    def thing(self, ref: str, kind: str = "") -> dict[str, Any]:
        found = self.state.things.get(ref)
        if found is None or (kind and found["object"] != kind):
            raise _wrong(f"No such {kind or 'object'}: '{ref}'", "resource_missing", 404)
        return found

    def account(self, ref: str) -> dict[str, Any]:
        if ref.startswith(KNOWN) and ref not in self.state.things:
            self.state.things[ref] = _account(ref, "A group of the town", "active")
        return self.thing(ref, "v2.core.account")

    def make(self, operation: str, params: dict[str, Any], **path: str) -> dict[str, Any]:
        """Do what was asked, once, in one go."""
        made: dict[str, Any] = getattr(self, "_" + operation.replace(".", "_"))(params, **path)
        self._keep()
        return made

    # what is asked of it

    def _transfers_create(self, params: dict[str, Any]) -> dict[str, Any]:
        amount, destination = int(params["amount"]), self.account(params["destination"])
        recipient = destination["configuration"]["recipient"]["capabilities"]["stripe_balance"]["stripe_transfers"]
        if params["currency"] != "gbp":
            raise _wrong("Only gbp is set up.")
        if recipient["status"] != "active":
            raise _wrong(
                "Your destination account needs to have stripe_transfers", "insufficient_capabilities_for_transfer"
            )
        if amount > self.state.balance_minor:
            raise _wrong("You have insufficient available funds in your Stripe account.", "balance_insufficient")
        if self.strikes("transfers.create", Fault.OTHER_AMOUNT):
            amount -= 100
        made = self._make("transfer", "tr", amount=amount, currency="gbp", amount_reversed=0, reversed=False)
        made |= {"destination": params["destination"], "transfer_group": params.get("transfer_group")}
        made |= {"metadata": params.get("metadata") or {}, "description": params.get("description")}
        self._line("transfer", -amount, made["id"], "transfer")
        self._event("transfer.created", made)
        return made

    def _transfers_list(self, params: dict[str, Any]) -> dict[str, Any]:
        group = params.get("transfer_group")
        found = [one for one in self.of("transfer") if group in (None, one["transfer_group"])]
        return {"object": "list", "url": "/v1/transfers", "has_more": False, "data": found[::-1]}

    def _transfers_retrieve(self, params: dict[str, Any], ref: str) -> dict[str, Any]:
        return self.thing(ref, "transfer")

    def _transfers_reversals_create(self, params: dict[str, Any], ref: str) -> dict[str, Any]:
        transfer = self.thing(ref, "transfer")
        left = transfer["amount"] - transfer["amount_reversed"]
        amount = int(params.get("amount", left))
        if not 0 < amount <= left:
            raise _wrong(
                "The transfer was reversed already, or there is not as much left of it.", "transfer_already_reversed"
            )
        transfer["amount_reversed"] += amount
        transfer["reversed"] = transfer["amount_reversed"] == transfer["amount"]
        made = self._make("transfer_reversal", "trr", amount=amount, currency="gbp", transfer=ref)
        made["metadata"] = params.get("metadata") or {}
        self._line("transfer_refund", amount, made["id"], "transfer_reversal")
        self._event("transfer.reversed", transfer)
        return made

    def _accounts_create(self, params: dict[str, Any]) -> dict[str, Any]:
        asked = params["configuration"]["recipient"]["capabilities"]["stripe_balance"]["stripe_transfers"]
        if asked != {"requested": True} or not params.get("identity", {}).get("country"):
            raise _wrong("A recipient needs a country and asks for stripe_transfers.")
        self.state.count += 1
        made = _account(f"acct_{self.state.count:016d}", str(params.get("display_name", "")), "restricted")
        made["metadata"] = params.get("metadata") or {}
        self.state.things[made["id"]] = made
        return made

    def _accounts_retrieve(self, params: dict[str, Any], ref: str) -> dict[str, Any]:
        account = dict(self.account(ref))
        if "configuration.recipient" not in (params.get("include") or ()):
            account["configuration"] = None
        return account

    def _account_links_create(self, params: dict[str, Any]) -> dict[str, Any]:
        self.account(params["account"])
        self.state.count += 1
        ref = f"link_{self.state.count:06d}"
        self.state.links[ref] = {"account": params["account"], **params["use_case"]["account_onboarding"]}
        return {"object": "v2.core.account_link", "account": params["account"], "url": f"{self.url}/setup/{ref}"}

    def _checkout_sessions_create(self, params: dict[str, Any]) -> dict[str, Any]:
        items = params["line_items"]
        total = sum(int(one["price_data"]["unit_amount"]) * int(one["quantity"]) for one in items)
        made = self._make("checkout.session", "cs_test", amount_total=total, currency="gbp", status="open")
        made |= {"payment_status": "unpaid", "payment_intent": None, "metadata": params.get("metadata") or {}}
        made |= {"client_reference_id": params.get("client_reference_id"), "success_url": params.get("success_url")}
        made |= {"cancel_url": params.get("cancel_url"), "url": f"{self.url}/pay/{made['id']}"}
        made |= {"what": items[0]["price_data"]["product_data"]["name"], "ways": params["allowed_payment_method_types"]}
        return made

    def _checkout_sessions_retrieve(self, params: dict[str, Any], ref: str) -> dict[str, Any]:
        return self.thing(ref, "checkout.session")

    def _refunds_create(self, params: dict[str, Any]) -> dict[str, Any]:
        intent = self.thing(params["payment_intent"], "payment_intent")
        given = sum(one["amount"] for one in self.of("refund") if one["payment_intent"] == intent["id"])
        amount = int(params.get("amount", intent["amount"] - given))
        if intent["status"] != "succeeded" or not 0 < amount <= intent["amount"] - given:
            raise _wrong(
                "This charge has already been refunded, or not as much is left of it.", "charge_already_refunded"
            )
        made = self._make("refund", "re", amount=amount, currency="gbp", payment_intent=intent["id"])
        made |= {"status": "succeeded", "metadata": params.get("metadata") or {}}
        self._line("refund", -amount, made["id"], "refund")
        self._event("refund.created", made)
        return made

    def _refunds_list(self, params: dict[str, Any]) -> dict[str, Any]:
        found = [one for one in self.of("refund") if one["payment_intent"] == params.get("payment_intent")][::-1]
        return {
            "object": "list",
            "url": "/v1/refunds",
            "has_more": False,
            "data": found[: int(params.get("limit", 10))],
        }

    def _refunds_retrieve(self, params: dict[str, Any], ref: str) -> dict[str, Any]:
        return self.thing(ref, "refund")

    def _disputes_retrieve(self, params: dict[str, Any], ref: str) -> dict[str, Any]:
        return self.thing(ref, "dispute")

    def _payouts_retrieve(self, params: dict[str, Any], ref: str) -> dict[str, Any]:
        payout = self.thing(ref, "payout")
        if request.headers.get("Stripe-Account") != payout["account"]:
            raise _wrong(f"No such payout: '{ref}'", "resource_missing", 404)
        return payout

    def _balance_retrieve(self, params: dict[str, Any]) -> dict[str, Any]:
        return {
            "object": "balance",
            "available": [{"amount": self.state.balance_minor, "currency": "gbp"}],
            "pending": [{"amount": 0, "currency": "gbp"}],
        }

    def _balance_transactions_list(self, params: dict[str, Any]) -> dict[str, Any]:
        if payout := params.get("payout"):
            paid = self._payouts_retrieve({}, payout)
            found = [
                {"id": f"txn_in_{ref}", "object": "balance_transaction", "type": "payment",
                 "source": {"id": f"py_{ref}", "object": "charge", "source_transfer": ref}}
                for ref in paid["transfers"]
            ]  # fmt: skip
            found.append({"id": f"txn_{payout}", "object": "balance_transaction", "type": "payout", "source": payout})
        else:
            since = int((params.get("created") or {}).get("gte", 0))
            found = [one for one in self.of("balance_transaction") if one["created"] >= since][::-1]
            if after := params.get("starting_after"):
                found = found[1 + next(i for i, one in enumerate(found) if one["id"] == after) :]
            if "data.source" in (params.get("expand") or ()):
                found = [one | {"source": self.state.things.get(str(one["source"]), one["source"])} for one in found]
        limit = int(params.get("limit", 10))
        more = len(found) > limit
        return {"object": "list", "url": "/v1/balance_transactions", "has_more": more, "data": found[:limit]}

    # how it does it

    def _paid(self, session: dict[str, Any]) -> None:
        intent = self.thing(session["payment_intent"])
        intent["status"] = "succeeded"
        session["payment_status"] = "paid"
        if self.strikes("checkout", Fault.OTHER_AMOUNT):
            session["amount_total"] -= 100
        amount = session["amount_total"]
        self._line("charge", amount, intent["id"], "charge", fee=amount * 15 // 1_000 + 20)

    def _make(self, kind: str, prefix: str, **fields: Any) -> dict[str, Any]:
        self.state.count += 1
        made: dict[str, Any] = {
            "id": f"{prefix}_{self.state.count:06d}",
            "object": kind,
            "created": self._stamp(),
            "livemode": False,
        }
        made |= fields
        self.state.things[made["id"]] = made
        return made

    def _line(self, kind: str, amount: int, source: str, category: str, fee: int = 0) -> dict[str, Any]:
        """One line of our statement; the balance is the sum of all of them, less their fees."""
        self.state.balance_minor += amount - fee
        return self._make(
            "balance_transaction", "txn", amount=amount, fee=fee, net=amount - fee, currency="gbp", type=kind,
            source=source, reporting_category=category,
        )  # fmt: skip

    def _event(
        self,
        kind: str,
        thing: dict[str, Any] | None = None,
        *,
        account: str | None = None,
        related: dict[str, Any] | None = None,
    ) -> None:
        self.state.count += 1
        event: dict[str, Any] = {"id": f"evt_{self.state.count:06d}", "type": kind, "livemode": False}
        if related is not None:
            event |= {"object": "v2.core.event", "created": self.now().isoformat(), "related_object": related}
        else:
            event |= {"object": "event", "created": self._stamp(), "data": {"object": json.loads(json.dumps(thing))}}
        if account:
            event["account"] = account
        self.state.events.append(event)
        self._keep()

    def _stamp(self) -> int:
        return int(self.now().timestamp())

    def strikes(self, operation: str, *faults: str) -> str:
        """The fault that is due for this operation, taken off the list; empty when none is."""
        for place, (where, fault) in enumerate(self.faults):
            if where == operation and fault in faults:
                del self.faults[place]
                return fault
        return ""

    def _keep(self) -> None:
        if self.file is not None:
            beside = self.file.with_suffix(".new")
            beside.write_text(json.dumps(self.state.__dict__))
            beside.replace(self.file)


def _account(ref: str, name: str, status: str) -> dict[str, Any]:
    recipient = {"applied": True, "capabilities": {"stripe_balance": {"stripe_transfers": {"status": status}}}}
    return {
        "id": ref,
        "object": "v2.core.account",
        "display_name": name,
        "livemode": False,
        "applied_configurations": ["recipient"],
        "configuration": {"recipient": recipient},
    }


OPERATIONS = (
    ("POST", "/v1/transfers", "transfers.create"),
    ("GET", "/v1/transfers", "transfers.list"),
    ("GET", "/v1/transfers/<ref>", "transfers.retrieve"),
    ("POST", "/v1/transfers/<ref>/reversals", "transfers.reversals.create"),
    ("POST", "/v2/core/accounts", "accounts.create"),
    ("GET", "/v2/core/accounts/<ref>", "accounts.retrieve"),
    ("POST", "/v2/core/account_links", "account_links.create"),
    ("POST", "/v1/checkout/sessions", "checkout.sessions.create"),
    ("GET", "/v1/checkout/sessions/<ref>", "checkout.sessions.retrieve"),
    ("POST", "/v1/refunds", "refunds.create"),
    ("GET", "/v1/refunds", "refunds.list"),
    ("GET", "/v1/refunds/<ref>", "refunds.retrieve"),
    ("GET", "/v1/disputes/<ref>", "disputes.retrieve"),
    ("GET", "/v1/payouts/<ref>", "payouts.retrieve"),
    ("GET", "/v1/balance", "balance.retrieve"),
    ("GET", "/v1/balance_transactions", "balance_transactions.list"),
)


def _application(double: Double) -> Flask:
    app = Flask("pretend_stripe", static_folder=str(ROOT / "static"), template_folder=str(ROOT / "templates"))

    for method, rule, operation in OPERATIONS:

        def answer(operation: str = operation, **path: str) -> ResponseReturnValue:
            return _answer(double, operation, path)

        app.add_url_rule(rule, operation, answer, methods=[method])

    @app.get("/")
    def home() -> str:
        return render_template("demo/stripe/home.html", double=double, faults=Fault.ALL)

    @app.post("/")
    def do() -> ResponseReturnValue:
        what, ref = request.form.get("what", ""), request.form.get("ref", "")
        if what in _BUTTONS:
            _BUTTONS[what](double, ref)
            _bring(double)
        return redirect("/")

    @app.get("/setup/<ref>")
    def setup(ref: str) -> ResponseReturnValue:
        link = double.state.links.get(ref)
        if link is None:
            return render_template("demo/stripe/gone.html"), 404
        if link.get("used"):
            return redirect(link["refresh_url"])
        return render_template("demo/stripe/setup.html", account=double.account(link["account"]), link=link)

    @app.post("/setup/<ref>")
    def set_up(ref: str) -> ResponseReturnValue:
        link = double.state.links[ref]
        if not link.get("used"):
            link["used"] = True
            if request.form.get("what") != "later":
                double.onboard(link["account"], "active" if request.form.get("what") == "finish" else "pending")
            _bring(double)
        return redirect(link["return_url"])

    @app.get("/pay/<ref>")
    def pay(ref: str) -> ResponseReturnValue:
        session = double.state.things.get(ref)
        if session is None or session["status"] != "open":
            return render_template("demo/stripe/gone.html"), 404
        return render_template("demo/stripe/pay.html", session=session)

    @app.post("/pay/<ref>")
    def paid(ref: str) -> ResponseReturnValue:
        double.pay(ref, request.form.get("what", "card"))
        _bring(double)
        return redirect(double.thing(ref)["success_url"])

    return app


_BUTTONS: dict[str, Callable[[Double, str], object]] = {
    "settle": lambda double, ref: double.settle(ref),
    "debit_fails": lambda double, ref: double.settle(ref, works=False),
    "dispute": lambda double, ref: double.dispute(ref),
    "won": lambda double, ref: double.close_dispute(ref, won=True),
    "lost": lambda double, ref: double.close_dispute(ref, won=False),
    "return": lambda double, ref: double.return_payout(ref),
    "fail": lambda double, ref: double.fail("transfers.create", ref),
    "empty": lambda double, ref: double.fill(-double.state.balance_minor),
    "fill": lambda double, ref: double.fill(),
    "send": lambda double, ref: None,
}


def serve(host: str, port: int, base_url: str, file: Path) -> None:
    """Serve a pretend Stripe for the demonstration at ``base_url`` until it is stopped."""
    double = Double(
        lambda: datetime.now(UTC),
        tell=lambda body, header: _post(f"{base_url}/webhooks/stripe", body, header),
        file=file,
        url=f"http://{host}:{port}",
    )
    threading.Thread(target=_bring_for_ever, args=(double,), daemon=True).start()
    make_server(host, port, double.app, threaded=True).serve_forever()


def _bring_for_ever(double: Double) -> None:
    """Events come by themselves, a moment after what they tell of; what was not taken comes again."""
    pause = threading.Event()
    while not pause.wait(1):
        _bring(double)


def _post(url: str, body: bytes, header: str) -> int:
    asked = Request(url, data=body, headers={"Stripe-Signature": header, "Content-Type": "application/json"})  # noqa: S310
    try:
        with urlopen(asked, timeout=10) as answer:  # noqa: S310 (our own loopback)
            return int(answer.status)
    except HTTPError as refused:
        return refused.code
    except OSError:
        return 503


def _bring(double: Double) -> None:
    if double.tell is not None:
        double.send()


def _answer(double: Double, operation: str, path: dict[str, str]) -> ResponseReturnValue:
    """One request: the key, the faults, the types, what was answered before, and only then the thing itself."""
    key = request.headers.get("Idempotency-Key", "") if request.method == "POST" else ""
    with double.lock:
        double.calls.append((operation, key))
        fault = double.strikes(operation, *Fault.ALL)
    if fault in (Fault.TIMEOUT_BEFORE, Fault.DROP_BEFORE):
        return _silence(double, fault)
    try:
        status, body = _answered(double, operation, key, path, fault)
    except Refusal as refused:
        status, body = refused.status, refused.body
    if fault in (Fault.TIMEOUT_AFTER, Fault.DROP_AFTER):
        return _silence(double, fault)
    return body, status, {"Request-Id": f"req_{len(double.calls):06d}"}


def _answered(double: Double, operation: str, key: str, path: dict[str, str], fault: str) -> tuple[int, dict[str, Any]]:
    _ensure_pretend(request.headers.get("Authorization", ""))
    params = _params()
    if fault == Fault.CONFLICT:
        raise Refusal(409, "idempotency_error", "idempotency_key_in_use", "There is another request under this key.")
    if fault == Fault.BUSY:
        raise Refusal(429, "invalid_request_error", "rate_limit", "Too many requests.")
    if double.check is not None and (wrong := double.check(operation, params)):
        raise _wrong(wrong)
    return _once(double, operation, key, params, path, fault)


def _once(
    double: Double, operation: str, key: str, params: dict[str, Any], path: dict[str, str], fault: str
) -> tuple[int, dict[str, Any]]:
    """The same key again is answered as the first time, refusals and faults of 500 included, as Stripe does."""
    asked = sha256(json.dumps([operation, params, path], sort_keys=True).encode()).hexdigest()
    with double.lock:
        if key and (before := double.state.answers.get(key)):
            if before["asked"] != asked:
                raise Refusal(400, "idempotency_error", "idempotency_error", "This key stands for another request.")
            return before["status"], before["body"]
        broken = {"error": {"type": "api_error", "message": "An error occurred on our side."}}
        try:
            status, body = (
                (500, broken) if fault == Fault.ERROR_BEFORE else (200, double.make(operation, params, **path))
            )
        except Refusal as refused:
            status, body = refused.status, refused.body
        if fault == Fault.ERROR_AFTER:
            status, body = 500, broken
        if key:
            double.state.answers[key] = {"asked": asked, "status": status, "body": json.loads(json.dumps(body))}
            double._keep()
        return status, json.loads(json.dumps(body))


def _silence(double: Double, fault: str) -> Response:
    """No answer: the line is cut, or it stays silent until whoever asked has given up."""
    if fault in (Fault.TIMEOUT_AFTER, Fault.TIMEOUT_BEFORE):
        double.released.wait(HOLD_SECONDS)
    line = request.environ["werkzeug.socket"]
    line.shutdown(SHUT_RDWR)
    return Response(status=500)


def _ensure_pretend(authorization: str) -> None:
    key = authorization.removeprefix("Bearer ")
    if not key.startswith("sk_test_"):
        raise Refusal(401, "invalid_request_error", "api_key_invalid", "This is a pretend Stripe: sk_test_ keys only.")


def _params() -> dict[str, Any]:
    if request.is_json:
        return dict(request.get_json())
    given = request.form if request.method == "POST" else request.args
    return unfolded({key: given.getlist(key)[-1] for key in given})


def unfolded(flat: dict[str, str]) -> dict[str, Any]:
    """Form fields with brackets as the things that they stand for.

    >>> unfolded({"a": "1", "b[c]": "2", "d[0][e]": "3", "d[1][e]": "4"})
    {'a': '1', 'b': {'c': '2'}, 'd': [{'e': '3'}, {'e': '4'}]}
    """
    tree: dict[str, Any] = {}
    for name, value in flat.items():
        first, *rest = re.findall(r"[^\[\]]+", name)
        node = tree
        for step in rest:
            node, first = node.setdefault(first, {}), step
        node[first] = value
    return {key: _listed(value) for key, value in tree.items()}


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    found = {key: _listed(inner) for key, inner in value.items()}
    if found and all(key.isdecimal() for key in found):
        return [found[key] for key in sorted(found, key=int)]
    return found
