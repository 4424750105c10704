"""The pretend Stripe for tests: served on loopback, every request held against the types of the installed library."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from html import unescape
from typing import Any
from uuid import UUID

import stripe.params
import stripe.params.checkout
import stripe.params.v2.core
from flask import Flask
from flask.testing import FlaskClient
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.orm import Session
from stripe import RequestOptions
from typing_extensions import TypedDict, is_typeddict
from urllib3.util import Timeout

from grants.adapters.stripe_payments import StripePayments
from grants.audit.queries.checks import checks
from grants.demo.stripe_double import KNOWN, SECRET, Double
from grants.disbursements.models import Disbursement
from grants.disbursements.service import paying
from grants.funds.models import Contribution
from grants.funds.rules import PaysBy
from grants.kernel.actors import Role
from grants.kernel.clock import Clock, SetClock
from grants.ledger.queries import Pockets, pockets_of
from grants.outbox import service as outbox
from grants.payees.models import PayoutAccount
from grants.people.models import Person
from grants.people.queries import actor_for
from grants.web.db import WRITES, db
from grants.web.outside import outbox_handlers
from grants.web.work import clockwork
from tests.builders.awards import an_award
from tests.builders.funds import a_contribution
from tests.builders.payees import a_recipient
from tests.builders.people import a_person
from tests.support.clock import START
from tests.support.schema import do_not_wait_for_the_disk
from tests.support.servers import serving
from tests.support.sign_in import signed_in
from tests.support.work import work

MONEY = ("payment", "recall", "refund")
CLOSED = {"extra": "forbid", "arbitrary_types_allowed": True}
KEY = "sk_test_only_for_tests"

TYPES: dict[str, type] = {
    "transfers.create": stripe.params.TransferCreateParams,
    "transfers.list": stripe.params.TransferListParams,
    "transfers.retrieve": stripe.params.TransferRetrieveParams,
    "transfers.reversals.create": stripe.params.TransferReversalCreateParams,
    "accounts.create": stripe.params.v2.core.AccountCreateParams,
    "accounts.retrieve": stripe.params.v2.core.AccountRetrieveParams,
    "account_links.create": stripe.params.v2.core.AccountLinkCreateParams,
    "checkout.sessions.create": stripe.params.checkout.SessionCreateParams,
    "checkout.sessions.retrieve": stripe.params.checkout.SessionRetrieveParams,
    "refunds.create": stripe.params.RefundCreateParams,
    "refunds.list": stripe.params.RefundListParams,
    "refunds.retrieve": stripe.params.RefundRetrieveParams,
    "disputes.retrieve": stripe.params.DisputeRetrieveParams,
    "payouts.retrieve": stripe.params.PayoutRetrieveParams,
    "balance.retrieve": stripe.params.BalanceRetrieveParams,
    "balance_transactions.list": stripe.params.BalanceTransactionListParams,
}
"""Operation of the double → what the library lets one ask of it."""


@cache
def _adapter(operation: str) -> TypeAdapter[Any]:
    """The operation's type, closed: a name that the library does not know is wrong, at every depth.

    What the library takes beside the parameters (keys, versions) is left out: it has no place in a request's body.
    """
    top = TYPES[operation]
    module = sys.modules[top.__module__]
    for one in vars(module).values():
        if is_typeddict(one):
            one.__pydantic_config__ = CLOSED
    fields = {name: kind for name, kind in top.__annotations__.items() if name not in RequestOptions.__annotations__}
    closed: Any = TypedDict(top.__name__, fields)  # type: ignore[operator]
    closed.__module__, closed.__pydantic_config__ = top.__module__, CLOSED
    return TypeAdapter(closed)


def check(operation: str, params: dict[str, Any]) -> str | None:
    """What is wrong with a request, or nothing."""
    try:
        _adapter(operation).validate_python(params)
    except ValidationError as wrong:
        return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in wrong.errors())
    return None


class Patience(Timeout):
    """How long the adapter waits: for a moment where the double is told to stay silent, else as long as it takes.

    A short wait for everything would make a busy machine look like a fault. urllib3 asks for a copy before each call.
    """

    def __init__(self, double: Double | None) -> None:
        super().__init__(connect=10, read=30)
        self.double = double

    def clone(self) -> Timeout:
        silent = self.double is not None and any(fault.startswith("timeout") for _, fault in self.double.faults)
        return Timeout(connect=10, read=0.3 if silent else 30)


DOUBLES: dict[str, Double] = {}
"""Address → the double that answers there."""


def a_provider(url: str, **changed: Any) -> StripePayments:
    """Our adapter before a double."""
    patience = Patience(DOUBLES.get(url))
    return StripePayments(**{"key": KEY, "secrets": (SECRET,), "api": url, "timeout_seconds": patience, **changed})


@contextmanager
def a_double(clock: Clock, tell: Callable[[bytes, str], int] | None = None) -> Iterator[Double]:
    """A pretend Stripe behind a real server; what was left hanging goes at the end."""
    double = Double(clock.now, check=check, tell=tell)
    with serving(double.app) as url:
        double.url, DOUBLES[url] = url, double
        try:
            yield double
        finally:
            double.released.set()
            del DOUBLES[url]


class World:
    """One payment of £900 that a second person has let go, a fund that pays by Stripe, and a pretend Stripe."""

    def __init__(self, app: Flask, double: Double, clock: SetClock) -> None:
        self.app, self.double, self.clock = app, double, clock
        with app.app_context():
            self.engine = db.engine
        with Session(self.engine) as session:
            session.connection(execution_options={WRITES: True})
            contribution = a_contribution(session, amount_minor=100_000)
            contribution.fund.pays_by = PaysBy.STRIPE
            award = an_award(session, contributions=[contribution])
            person = a_person(session, Role.FINANCE_OFFICER)
            a_recipient(session, award.payee, account_ref=f"{KNOWN}_1")
            asked = paying.request(
                work(session, actor_for(session, a_person(session, Role.STEWARD).id, "")), award.instalments[0].id
            )
            paying.authorise(work(session, actor_for(session, person.id, "")), asked.id)
            self.contribution_id, self.award_id, self.part_id = contribution.id, award.id, award.instalments[0].id
            self.payment_id, self.key = asked.id, asked.key
            self.person_id = person.id
            session.commit()

    def relay(self, *kinds: str) -> tuple[int, int]:
        """What ``grants outbox send`` does, once, with these kinds; with all but letters when none is named."""
        with self.app.app_context():
            found = {kind: how for kind, how in outbox_handlers().items() if kind in (kinds or MONEY)}
            return outbox.send_due(clockwork, found)

    def later(self, **time: float) -> None:
        self.clock.advance(timedelta(**time))

    def payment(self) -> Disbursement:
        with Session(self.engine) as session:
            return session.get_one(Disbursement, self.payment_id)

    @property
    def officer(self) -> FlaskClient:
        """The officer who let it go, signed in afresh: days pass in these tests."""
        with Session(self.engine) as session:
            session.connection(execution_options={WRITES: True})
            return signed_in(self.app, session, session.get_one(Person, self.person_id))

    def page(self, payment_id: UUID | None = None) -> str:
        """What an officer reads of the payment, or of another."""
        answer = self.officer.get(f"/payments/{payment_id or self.payment_id}")
        assert answer.status_code == 200
        return unescape(answer.text)

    def press(self, what: str) -> None:
        self.officer.post(f"/payments/{self.payment_id}/{what}")

    def ask_and_authorise(self) -> str:
        """Two people let the same part be paid once more. Gives the new key; the pages show it from now on."""
        with Session(self.engine) as session:
            session.connection(execution_options={WRITES: True})
            asking, letting_go = (actor_for(session, a_person(session, Role.FINANCE_OFFICER).id, "") for _ in range(2))
            asked = paying.request(work(session, asking, self.clock.now()), self.part_id)
            paying.authorise(work(session, letting_go, self.clock.now()), asked.id)
            self.payment_id, self.key = asked.id, asked.key
            session.commit()
        return self.key

    def close_account(self) -> None:
        """The group has no account any more."""
        with Session(self.engine) as session:
            session.connection(execution_options={WRITES: True})
            session.query(PayoutAccount).delete()
            session.commit()

    def promise(self, contribution_id: UUID, amount_minor: int) -> None:
        """Somebody was promised so much of a contribution."""
        with Session(self.engine) as session:
            session.connection(execution_options={WRITES: True})
            an_award(session, amount_minor=amount_minor, contributions=[session.get_one(Contribution, contribution_id)])
            session.commit()

    def pockets(self) -> Pockets:
        with Session(self.engine) as session:
            return pockets_of(session, [self.contribution_id])[self.contribution_id]

    def ensure_whole(self, *, paid: int) -> None:
        """The books balance and agree with everything else; so many pence stand as paid, and as many have moved."""
        with Session(self.engine) as session:
            broken = [words for one in checks(session) for words in one.breaks]
            assert not broken, broken
        assert self.pockets().paid_minor == paid
        assert sum(one["amount"] - one["amount_reversed"] for one in self.double.of("transfer")) == paid


@contextmanager
def a_world(make_app: Callable[..., Flask], url: str) -> Iterator[World]:
    """A world on this database."""
    clock = SetClock(START)
    with a_double(clock) as double:
        app = make_app(url, stripe_key=KEY, stripe_webhook_secrets=(SECRET,), stripe_api=double.url)
        app.extensions["clock"] = clock
        app.extensions["providers"]["stripe"] = a_provider(double.url)
        app.config.update(WTF_CSRF_ENABLED=False)
        with app.app_context():
            do_not_wait_for_the_disk(db.engine)
        outside = app.test_client()
        double.tell = lambda body, header: (
            outside.post("/webhooks/stripe", data=body, headers={"Stripe-Signature": header}).status_code
        )
        yield World(app, double, clock)
