"""The payments desk, one payment, and what other pages show of payments."""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from grants.awards import access as awards_access
from grants.disbursements import access, queries
from grants.disbursements.access import Facts
from grants.disbursements.forms import BulkForm, CancelForm, LimitForm, ReasonForm, UnpayableForm
from grants.disbursements.queries import DESK, PaymentLine
from grants.disbursements.rules import GIVEN_UP, LIMIT_MINOR, DisbursementState, Standing, situation
from grants.disbursements.service import holds, paying, sending, unpayable
from grants.funds.rules import PaysBy
from grants.kernel.actors import Actor, Role
from grants.kernel.clock import london_day
from grants.kernel.errors import NotFound, RuleBroken, SeedbedError
from grants.kernel.words import plural
from grants.kernel.work import UnitOfWork
from grants.web.again import number_again, number_again_to_send
from grants.web.db import now, reading
from grants.web.doors import signed_in
from grants.web.forms import asked_number
from grants.web.needs import NeedsYou, Rows, needs_you
from grants.web.outside import pays_by, stripe
from grants.web.sections import Section, section
from grants.web.session import current_actor
from grants.web.work import carried_out, working

bp = Blueprint("disbursements", __name__)


S = DisbursementState


SHOWN = {
    "authorise": (S.REQUESTED,),
    "on-hold": (S.ON_HOLD,),
    "on-the-way": (S.AUTHORISED, S.SENT),
    "paid": (S.PAID,),
    "stopped": (S.FAILED, S.RETURNED, S.CANCELLED),
}


def _funds(actor: Actor) -> frozenset[UUID] | None:
    """The funds whose payments this person may work on; None for all."""
    reach: frozenset[UUID] = frozenset()
    for role in DESK:
        if actor.has(role):
            scopes = actor.scopes(role)
            if scopes is None:
                return None
            reach |= scopes
    return reach


@bp.get("/payments")
@signed_in(*DESK)
def index() -> ResponseReturnValue:
    """The desk: what to ask for, what to authorise, what is on its way, what arrived, what did not."""
    return _desk(BulkForm(), request.args.get("show", "ask"))


def _desk(form: BulkForm, show: str) -> ResponseReturnValue:
    actor, today = current_actor(), london_day(now())
    funds = _funds(actor)
    number = asked_number()
    counted = queries.counts(reading(), funds)
    totals = {"ask": queries.due_count(reading(), today, funds)}
    totals |= {key: sum(counted[state] for state in states) for key, states in SHOWN.items()}
    totals["look"] = queries.troubled_count(reading(), funds)
    show = show if show in totals else "ask"
    if show == "look":
        due, payments = [], queries.troubled(reading(), funds)
    elif show == "ask":
        due, payments = queries.due(reading(), today, funds, page=number), []
    else:
        due, payments = [], queries.listed(reading(), SHOWN[show], funds, page=number)
    return render_template(
        "disbursements/index.html",
        form=form,
        show=show,
        totals=totals,
        blocked=queries.blocked(reading(), today, funds) if show == "ask" else [],
        onboards=stripe() is not None,
        limit=queries.limit_of(reading(), actor.id) if actor.id is not None else 0,
        due=due,
        payments=payments,
        may_authorise=actor.has(Role.FINANCE_OFFICER),
        page=number,
        pages=-(-totals[show] // queries.PAGE),
    ), form.status


def _each(form: BulkForm, do: Callable[[UnitOfWork, UUID], Any]) -> list[tuple[UUID, str | None]]:
    """One unit of work for each row: what one row refuses does not stop the others. None means done."""
    outcomes: list[tuple[UUID, str | None]] = []
    for id in dict.fromkeys(form.ids.data or ()):
        try:
            with working() as uow:
                do(uow, id)
            outcomes.append((id, None))
        except SeedbedError as refused:
            outcomes.append((id, refused.message))
    return outcomes


@bp.post("/payments/ask")
@signed_in(*DESK)
@number_again
def ask() -> ResponseReturnValue:
    """Ask for the ticked instalments, each with all its guards."""
    form = BulkForm()
    lines = {line.instalment_id: line for line in queries.due(reading(), london_day(now()), None, size=1000)}
    form.ids.choices = [(id, str(id)) for id in _given(form, lines)]
    if not form.accepted():
        return _desk(form, "ask")
    outcomes = _each(form, paying.request)
    return _done("Asked for", outcomes, {id: lines.get(id) for id, _ in outcomes}, "authorise")


@bp.post("/payments/authorise")
@signed_in(Role.FINANCE_OFFICER)
@number_again
def authorise() -> ResponseReturnValue:
    """Authorise the ticked payments, each with all its guards."""
    form = BulkForm()
    form.ids.choices = [(id, str(id)) for id in _given(form, {})]
    if not form.accepted():
        return _desk(form, "authorise")
    outcomes = _each(form, paying.authorise)
    lines = {id: queries.payment(reading(), id) for id, _ in outcomes[: queries.PAGE]}
    seconds = [id for id, line in lines.items() if line is not None and line.first_by_id and line.state is S.REQUESTED]
    return _done("Authorised", outcomes, lines, "on-the-way", waits=seconds)


def _given(form: BulkForm, known: dict[UUID, Any]) -> list[UUID]:
    """What was ticked; whether it may be done is for the service to say, row by row."""
    return list(dict.fromkeys([*known, *(form.ids.data or ())]))[:1000]


def _done(
    word: str, outcomes: list[tuple[UUID, str | None]], lines: dict[UUID, Any], then: str, waits: Collection[UUID] = ()
) -> ResponseReturnValue:
    refused = sum(1 for _, why in outcomes if why is not None)
    page = render_template(
        "disbursements/done.html", word=word, outcomes=outcomes, lines=lines, refused=refused, then=then, waits=waits
    )
    return page, 422 if refused == len(outcomes) else 200


@bp.route("/payments/<uuid:payment_id>", methods=["GET", "POST"])
@signed_in(*DESK, Role.AUDITOR, Role.ADMIN)
def show(payment_id: UUID) -> ResponseReturnValue:
    """One payment; taking its request back."""
    form = CancelForm()
    line = line_of(payment_id)
    if form.accepted():
        try:
            with working() as uow:
                paying.cancel(uow, payment_id, form.reason.data or "")
            flash("The request was taken back.", "success")
            return redirect(url_for("disbursements.show", payment_id=payment_id))
        except RuleBroken as broken:
            form.show(broken)
            line = line_of(payment_id)
    return _payment(line, form, ReasonForm(formdata=None))


def _payment(line: PaymentLine, cancel: CancelForm, hold: ReasonForm) -> ResponseReturnValue:
    actor = current_actor()
    apart = line.group_id not in actor.groups and line.payee_id not in actor.groups
    desk = apart and any(actor.has(role, line.fund_id) for role in DESK)
    return render_template(
        "disbursements/show.html",
        form=cancel,
        hold_form=hold,
        line=line,
        may_authorise=line.state is S.REQUESTED and access.may_authorise(actor, _facts(line)),
        may_cancel=line.state in (S.REQUESTED, S.ON_HOLD) and desk,
        may_hold=line.state in (S.REQUESTED, S.AUTHORISED) and line.tried_at is None and desk,
        may_release=line.state is S.ON_HOLD and line.authorised_at is None and desk,
        mine=actor.id == line.requested_by_id,
        may_give_up=desk and line.state in GIVEN_UP and queries.is_given_up(reading(), line.id),
        **_way(line, actor, apart),
    ), max(cancel.status, hold.status)


PROVIDERS = {"stripe": "Stripe", "memory": "the pretend bank", "bank_run": "council finance"}


def _way(line: PaymentLine, actor: Actor, apart: bool) -> dict[str, Any]:
    """How the payment's way to its provider stands, and what may be done about it."""
    way = queries.delivery(reading(), line.id)
    name = way.gateway or queries.pays_by(reading(), line.id) or pays_by()
    others = [one for one in queries.attempts(reading(), line.id) if one.id != line.id]
    told = situation(
        Standing(
            state=line.state,
            provider=PROVIDERS.get(name, name),
            by_run=name == PaysBy.BANK_RUN,
            tries=way.tries,
            given_up=way.given_up,
            trouble=way.trouble,
            problem=way.problem,
            failure=line.failure,
            refused=way.refused,
            recalled=way.recalled_at is not None,
            newer=any(one.attempt > line.attempt for one in others),
            award_over=way.award_over,
        )
    )
    officer = actor.has(Role.FINANCE_OFFICER, line.fund_id) and apart
    return {
        "way": way,
        "told": told,
        "provider": PROVIDERS.get(name, name),
        "others": others,
        "may_ask_again": officer and line.state is S.AUTHORISED and way.tries > 0,
        "may_recall": officer and bool(way.problem and way.provider_ref) and way.recalled_at is None,
    }


@bp.post("/payments/<uuid:payment_id>/ask-again")
@signed_in(Role.FINANCE_OFFICER)
@number_again
def ask_again(payment_id: UUID) -> ResponseReturnValue:
    """Have the provider asked once more, under the same key."""
    return _about(payment_id, sending.ask_again, "It is asked again within moments, under the same key.")


@bp.post("/payments/<uuid:payment_id>/recall")
@signed_in(Role.FINANCE_OFFICER)
@number_again
def recall(payment_id: UUID) -> ResponseReturnValue:
    """Have the provider send a payment back."""
    return _about(payment_id, sending.recall, "The provider is asked to send it back. We are told when it came.")


def _about(payment_id: UUID, do: Callable[[UnitOfWork, UUID], Any], done: str) -> ResponseReturnValue:
    try:
        with working() as uow:
            do(uow, payment_id)
        flash(done, "success")
    except RuleBroken as broken:
        flash(broken.message, "error")
    return redirect(url_for("disbursements.show", payment_id=payment_id))


def _facts(line: PaymentLine) -> Facts:
    """What the line tells of who did what; the service asks again, and knows of interests too."""
    return Facts(
        line.fund_id, line.group_id, line.payee_id, line.verified_by_id, (), line.requested_by_id, line.first_by_id
    )


@bp.post("/payments/<uuid:payment_id>/hold")
@signed_in(*DESK)
def hold(payment_id: UUID) -> ResponseReturnValue:
    """Stop a payment that has not left."""
    form = ReasonForm()
    if carried_out(form, lambda uow: holds.hold(uow, payment_id, form.reason.data or "")):
        flash("The payment is on hold.", "success")
        return redirect(url_for("disbursements.show", payment_id=payment_id))
    return _payment(line_of(payment_id), CancelForm(formdata=None), form)


@bp.route("/payments/<uuid:payment_id>/part", methods=["GET", "POST"])
@signed_in(*DESK)
@number_again
def part(payment_id: UUID) -> ResponseReturnValue:
    """Say what becomes of a part that could not be paid."""
    line, form = line_of(payment_id), UnpayableForm()
    if not any(current_actor().has(role, line.fund_id) for role in DESK):
        raise NotFound("There is no such payment.")
    if form.accepted():
        try:
            if form.what.data == "anew" and form.due_on.data is None:
                raise RuleBroken("Enter the day from which it is to be paid.", field="due_on")
            with working() as uow:
                if form.what.data == "off":
                    unpayable.take_off(uow, payment_id, form.reason.data or "")
                else:
                    unpayable.plan_anew(uow, payment_id, form.due_on.data, form.reason.data or "")
            flash("Done. The group was told.", "success")
            return redirect(url_for("awards.show", award_id=line.award_id))
        except RuleBroken as broken:
            form.show(broken)
            line = line_of(payment_id)
    return render_template("disbursements/part.html", form=form, line=line), form.status


@bp.post("/payments/<uuid:payment_id>/release")
@signed_in(*DESK)
@number_again
def release(payment_id: UUID) -> ResponseReturnValue:
    """Let a payment on hold go on."""
    with working() as uow:
        holds.release(uow, payment_id)
    flash("The payment is asked for again. Somebody else must authorise it.", "success")
    return redirect(url_for("disbursements.show", payment_id=payment_id))


@bp.route("/payments/limits", methods=["GET", "POST"])
@signed_in(Role.ADMIN, Role.AUDITOR, Role.FINANCE_OFFICER)
@number_again_to_send
def limits() -> ResponseReturnValue:
    """How much each officer may authorise alone."""
    form, found = LimitForm(), queries.limits(reading())
    form.person.choices = [(str(one.person_id), one.name) for one in found]
    if form.accepted():
        assert form.limit.data is not None
        try:
            with working() as uow:
                paying.set_limit(uow, form.person.data, form.limit.data)
            flash("The limit is set.", "success")
            return redirect(url_for("disbursements.limits"))
        except RuleBroken as broken:
            form.show(broken)
    return render_template(
        "disbursements/limits.html", form=form, limits=found, usual=LIMIT_MINOR, may_set=current_actor().has(Role.ADMIN)
    ), form.status


def line_of(payment_id: UUID) -> PaymentLine:
    """The payment, or ``NotFound``."""
    found = queries.payment(reading(), payment_id)
    if found is None:
        raise NotFound
    return found


@section("award", 40)
def _on_award(award: Any) -> Section | None:
    """What was paid; for those inside also what is asked for and what failed."""
    actor = current_actor()
    inside = awards_access.may_look_inside(actor, award.fund_id, award.group_id, award.payee_id)
    lines = [line for line in queries.of_award(reading(), award.id) if inside or line.state is S.PAID]
    back = queries.returns_of(reading(), award.id)
    may_record = actor.has(Role.FINANCE_OFFICER, award.fund_id) and any(line.state is S.PAID for line in lines)
    owed = queries.open_repayment(reading(), award.id) if inside else None
    desk = any(actor.has(role, award.fund_id) for role in DESK) and any(line.state is S.PAID for line in lines)
    if not lines and not back:
        return None
    html = render_template(
        "disbursements/_of_award.html",
        lines=lines,
        returns=back,
        inside=inside,
        award=award,
        may_record=may_record,
        owed=owed,
        desk=desk,
    )
    return Section("payments", "Payments", Markup(html))  # noqa: S704


@needs_you(queries.to_authorise)
def _to_authorise(actor: Actor, moment: datetime, rows: Rows) -> Iterable[NeedsYou]:
    for (waiting,) in rows:
        yield NeedsYou(f"Authorise {plural(waiting, 'payment')}", url_for("disbursements.index", show="authorise"))


@needs_you(queries.to_look_at)
def _to_look_at(actor: Actor, moment: datetime, rows: Rows) -> Iterable[NeedsYou]:
    for (troubled,) in rows:
        yield NeedsYou(
            f"Look at {plural(troubled, 'payment')} with which something is wrong",
            url_for("disbursements.index", show="look"),
        )


@needs_you(queries.to_ask_for)
def _to_ask_for(actor: Actor, moment: datetime, rows: Rows) -> Iterable[NeedsYou]:
    for (ready,) in rows:
        yield NeedsYou(
            f"Ask for {plural(ready, 'payment')} that {'are' if ready > 1 else 'is'} due",
            url_for("disbursements.index", show="ask"),
        )
