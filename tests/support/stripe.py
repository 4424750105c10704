"""The pretend Stripe for tests: served on loopback, every request held against the types of the installed library."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import stripe.params
import stripe.params.checkout
import stripe.params.v2.core
from pydantic import TypeAdapter, ValidationError
from stripe import RequestOptions
from typing_extensions import TypedDict, is_typeddict

from grants.adapters.stripe_payments import StripePayments
from grants.demo.stripe_double import SECRET, Double
from grants.kernel.clock import Clock
from tests.support.servers import serving

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
    "refunds.retrieve": stripe.params.RefundRetrieveParams,
    "disputes.retrieve": stripe.params.DisputeRetrieveParams,
    "payouts.retrieve": stripe.params.PayoutRetrieveParams,
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


def a_provider(url: str, **changed: Any) -> StripePayments:
    """Our adapter before a double; it waits for an answer for a moment only."""
    return StripePayments(**{"key": KEY, "secrets": (SECRET,), "api": url, "timeout_seconds": (2, 0.6), **changed})


@contextmanager
def a_double(clock: Clock, tell: Callable[[bytes, str], int] | None = None) -> Iterator[Double]:
    """A pretend Stripe behind a real server; what was left hanging goes at the end."""
    double = Double(clock.now, check=check, tell=tell)
    with serving(double.app) as url:
        double.url = url
        try:
            yield double
        finally:
            double.released.set()
