"""Events of payment providers. They carry a signature, not a session."""

import hmac
import json
from hashlib import sha256

from flask import Blueprint, abort, current_app, request
from flask.typing import ResponseReturnValue

from grants.disbursements.rules import read_notice
from grants.disbursements.service import heard
from grants.kernel.errors import NotFound, RuleBroken
from grants.ports.payments import EventRefused, OutcomeUnknown
from grants.web.csrf import protect
from grants.web.db import now
from grants.web.doors import public
from grants.web.outside import stripe as stripe_payments
from grants.web.work import clockwork

bp = Blueprint("webhooks", __name__)
HEADER = "X-Seedbed-Signature"


def signature(secret: str, body: bytes) -> str:
    """What the pretend bank signs an event with: HMAC-SHA-256 under a key made from the application's secret."""
    key = hmac.new(secret.encode(), b"webhook:memory", sha256).digest()
    return hmac.new(key, body, sha256).hexdigest()


@bp.post("/webhooks/memory")
@protect.exempt  # type: ignore[untyped-decorator]
@public
def memory() -> ResponseReturnValue:
    """An event of the pretend bank: 400 for a wrong signature or no event, 404 for a payment that is not ours."""
    body = request.get_data(cache=True)
    given = request.headers.get(HEADER, "")
    wanted = signature(str(current_app.config["SECRET_KEY"]), body)
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        return {"error": "The signature is wrong."}, 400
    try:
        notice = read_notice(json.loads(body))
        with clockwork() as uow:
            new = heard.handle_event(uow, "memory", notice)
    except ValueError:
        return {"error": "This is not JSON."}, 400
    except RuleBroken as broken:
        return {"error": broken.message}, 400
    except NotFound as unknown:
        return {"error": unknown.message}, 404
    return {"new": new}, 200


@bp.post("/webhooks/stripe")
@protect.exempt  # type: ignore[untyped-decorator]
@public
def stripe() -> ResponseReturnValue:
    """An event of Stripe: 400 for a wrong, old or future signature. 503 makes Stripe bring it again later.

    What is not about us is answered with 200 too, or Stripe would bring it for days.
    """
    provider = stripe_payments()
    if provider is None:
        abort(404)
    body = request.get_data(cache=True)
    try:
        event = provider.read_event(body, request.headers.get("Stripe-Signature", ""), now())
    except EventRefused as refused:
        return {"error": str(refused)}, 400
    except OutcomeUnknown as unknown:
        return {"error": str(unknown)}, 503
    with clockwork() as uow:
        new = heard.take_event(uow, provider.name, event)
    return {"new": new}, 200
