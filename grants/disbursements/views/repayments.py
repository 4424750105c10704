"""What must come back of an award, and what came."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from grants.awards import queries as awards
from grants.disbursements import access, queries
from grants.disbursements.access import Facts
from grants.disbursements.forms import AgreeForm, ReasonForm, RepayForm, ReturnForm
from grants.disbursements.queries import DESK
from grants.disbursements.rules import RepaymentState
from grants.disbursements.service import returns
from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotFound, RuleBroken
from grants.ledger.queries import Pockets
from grants.people import queries as people
from grants.web.again import number_again, number_again_to_send
from grants.web.db import reading
from grants.web.doors import signed_in
from grants.web.needs import NeedsYou, Rows, needs_you
from grants.web.session import current_actor
from grants.web.work import carried_out, working

bp = Blueprint("repayments", __name__)


@bp.route("/awards/<uuid:award_id>/repayments", methods=["GET", "POST"])
@signed_in(*DESK)
@number_again_to_send
def page(award_id: UUID) -> ResponseReturnValue:
    """What must come back of an award: ask for it."""
    form = RepayForm()
    if form.accepted():
        assert form.amount.data is not None
        try:
            with working() as uow:
                returns.raise_repayment(uow, award_id, form.amount.data, form.why.data or "")
            flash("The group was asked to give it back.", "success")
            return redirect(url_for("repayments.page", award_id=award_id))
        except RuleBroken as broken:
            form.show(broken)
    return _repayments(award_id, form, ReasonForm(formdata=None), AgreeForm(formdata=None))


def _repayments(award_id: UUID, form: RepayForm, reason: ReasonForm, agree: AgreeForm) -> ResponseReturnValue:
    page = awards.award_page(reading(), award_id)
    if page is None:
        raise NotFound
    award, actor = page.award, current_actor()
    access.ensure_on_desk(actor, Facts(award.fund_id, award.group_id, award.payee_id))
    found = queries.repayments(reading(), award_id)
    ids = [id for one in found for id in (one.raised_by_id, one.write_off_asked_by_id, one.written_off_by_id) if id]
    return render_template(
        "disbursements/repayments.html",
        form=form,
        reason_form=reason,
        agree_form=agree,
        award=award,
        line=page.line,
        pockets=page.pockets,
        repayments=found,
        open=next((one for one in found if one.state is RepaymentState.RAISED), None),
        names=people.names(reading(), ids),
        may_record=actor.has(Role.FINANCE_OFFICER, award.fund_id),
    ), max(form.status, reason.status, agree.status)


def _award_of(repayment_id: UUID) -> UUID:
    found = queries.repayment(reading(), repayment_id)
    if found is None:
        raise NotFound
    return found.award_id


@bp.post("/repayments/<uuid:repayment_id>/write-off")
@signed_in(*DESK)
@number_again
def ask_write_off(repayment_id: UUID) -> ResponseReturnValue:
    """Say that the rest will never come."""
    form, award_id = ReasonForm(), _award_of(repayment_id)
    if carried_out(form, lambda uow: returns.ask_write_off(uow, repayment_id, form.reason.data or "")):
        flash("Another officer must agree.", "success")
        return redirect(url_for("repayments.page", award_id=award_id))
    return _repayments(award_id, RepayForm(formdata=None), form, AgreeForm(formdata=None))


@bp.post("/repayments/<uuid:repayment_id>/answer")
@signed_in(*DESK)
@number_again
def answer_write_off(repayment_id: UUID) -> ResponseReturnValue:
    """Agree that the rest is lost, or not."""
    form, award_id = AgreeForm(), _award_of(repayment_id)
    if carried_out(form, lambda uow: returns.answer_write_off(uow, repayment_id, agreed=form.answer.data == "yes")):
        flash("Written down.", "success")
        return redirect(url_for("repayments.page", award_id=award_id))
    return _repayments(award_id, RepayForm(formdata=None), ReasonForm(formdata=None), form)


@bp.route("/payments/returns/<uuid:award_id>", methods=["GET", "POST"])
@signed_in(Role.FINANCE_OFFICER)
@number_again
def returned(award_id: UUID) -> ResponseReturnValue:
    """Write down money that a group gave back."""
    page = awards.award_page(reading(), award_id)
    if page is None:
        raise NotFound
    form = ReturnForm()
    if form.accepted():
        assert form.amount.data is not None
        try:
            with working() as uow:
                returns.record_return(uow, award_id, form.amount.data, form.reference.data or "", form.received_on.data)
            flash("Written down. The money went back to the contributions it came from.", "success")
            return redirect(url_for("awards.show", award_id=award_id))
        except RuleBroken as broken:
            form.show(broken)
            page = awards.award_page(reading(), award_id)
    assert page is not None
    owed = _owed(page.award.accepted_spend_minor, page.pockets)
    if request.method == "GET" and owed:
        form.amount.data = owed
    return render_template(
        "disbursements/returned.html",
        form=form,
        line=page.line,
        award=page.award,
        pockets=page.pockets,
        owed=owed,
        returns=queries.returns_of(reading(), award_id),
    ), form.status


def _owed(spent_minor: int | None, pockets: Pockets) -> int:
    """Pence that must come back: what was paid and not returned, above the accepted spend."""
    return 0 if spent_minor is None else max(0, pockets.paid_minor - spent_minor)


@needs_you(queries.write_offs_to_answer)
def _write_offs(actor: Actor, moment: datetime, rows: Rows) -> Iterable[NeedsYou]:
    for award_id, reason in rows:
        href = url_for("repayments.page", award_id=award_id)
        yield NeedsYou("Say whether a debt is lost", href, reason or "")
