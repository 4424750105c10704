"""The pretend bank of the demonstration."""

from uuid import UUID, uuid4

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from grants.disbursements import queries
from grants.disbursements.rules import Notice, Told
from grants.disbursements.service import heard
from grants.disbursements.views.desk import S, line_of
from grants.outbox import service as outbox
from grants.web.db import reading
from grants.web.doors import demo_only
from grants.web.outside import outbox_handlers
from grants.web.work import clockwork

bp = Blueprint("pretend_bank", __name__)


@bp.get("/demo/bank")
@demo_only
def page() -> ResponseReturnValue:
    """The pretend bank: what it was asked to pay, and buttons that say what became of it."""
    return render_template(
        "disbursements/bank.html",
        waiting=queries.listed(reading(), (S.AUTHORISED,)),
        sent=queries.listed(reading(), (S.SENT,)),
        paid=queries.listed(reading(), (S.PAID,), size=10),
    )


@bp.post("/demo/bank/collect")
@demo_only
def collect() -> ResponseReturnValue:
    """Hand what is authorised to the pretend bank: what ``grants outbox send`` does by the clock."""
    handlers = {kind: handler for kind, handler in outbox_handlers().items() if kind == "payment"}
    sent, failed = outbox.send_due(clockwork, handlers)
    flash(f"{sent} handed to the bank" + (f", {failed} could not be" if failed else "") + ".", "success")
    return redirect(url_for("pretend_bank.page"))


@bp.post("/demo/bank/<uuid:payment_id>/arrived")
@demo_only
def arrived(payment_id: UUID) -> ResponseReturnValue:
    """The pretend bank says that the money arrived."""
    return _bank_tells(payment_id, Told.PAID)


@bp.post("/demo/bank/<uuid:payment_id>/came-back")
@demo_only
def came_back(payment_id: UUID) -> ResponseReturnValue:
    """The pretend bank says that the money came back."""
    return _bank_tells(payment_id, Told.CAME_BACK)


def _bank_tells(payment_id: UUID, told: Told) -> ResponseReturnValue:
    """An event, taken in the way a provider's is."""
    line = line_of(payment_id)
    reason = "" if told is Told.PAID else "The account was closed."
    notice = Notice(f"demo-{uuid4()}", told, line.key, line.amount_minor, reason=reason)
    with clockwork() as uow:
        heard.handle_event(uow, "memory", notice)
    flash("The money arrived." if told is Told.PAID else "The money came back.", "success")
    return redirect(url_for("pretend_bank.page"))
