"""The payments desk, and the pretend bank of the demonstration."""

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from grants.awards import access as awards_access
from grants.awards import queries as awards
from grants.disbursements import access, queries
from grants.disbursements.access import Facts
from grants.disbursements.forms import (
    AccountForm,
    AgreeForm,
    BulkForm,
    CancelForm,
    LimitForm,
    ReasonForm,
    RepayForm,
    ReturnForm,
    UnpayableForm,
)
from grants.disbursements.queries import PaymentLine
from grants.disbursements.rules import (
    GIVEN_UP,
    LIMIT_MINOR,
    DisbursementState,
    Notice,
    RepaymentState,
    Standing,
    Told,
    situation,
)
from grants.disbursements.service import heard, holds, paying, returns, sending, unpayable
from grants.funds.rules import PaysBy
from grants.funds.service import taken_back
from grants.kernel.actors import Actor, Role
from grants.kernel.clock import london_day
from grants.kernel.errors import NotAllowed, NotFound, RuleBroken, SeedbedError
from grants.kernel.words import plural
from grants.kernel.work import UnitOfWork
from grants.ledger.queries import Pockets
from grants.outbox import service as outbox
from grants.payees import access as payees_access
from grants.payees import queries as payees
from grants.payees import service as payees_service
from grants.people import queries as people
from grants.ports.payments import (
    AccountStanding,
    OutcomeUnknown,
    PaymentGateway,
    PaymentProvider,
    ProviderRefused,
)
from grants.web.again import number_again, number_again_to_send
from grants.web.db import now, reading
from grants.web.doors import demo_only, signed_in
from grants.web.forms import Form, asked_number
from grants.web.limits import post_limit
from grants.web.needs import NeedsYou, Rows, needs_you
from grants.web.outside import account_numbers, bank_ring, outbox_handlers, pays_by, providers, stripe
from grants.web.sections import Section, section
from grants.web.session import current_actor
from grants.web.work import carried_out, clockwork, working

bp = Blueprint("disbursements", __name__)

DESK = queries.DESK
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
    word: str,
    outcomes: list[tuple[UUID, str | None]],
    lines: dict[UUID, Any],
    then: str,
    waits: Collection[UUID] = (),
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
    line = _line(payment_id)
    if form.accepted():
        try:
            with working() as uow:
                paying.cancel(uow, payment_id, form.reason.data or "")
            flash("The request was taken back.", "success")
            return redirect(url_for("disbursements.show", payment_id=payment_id))
        except RuleBroken as broken:
            form.show(broken)
            line = _line(payment_id)
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
        line.fund_id,
        line.group_id,
        line.payee_id,
        line.verified_by_id,
        (),
        line.requested_by_id,
        line.first_by_id,
    )


@bp.post("/payments/<uuid:payment_id>/hold")
@signed_in(*DESK)
def hold(payment_id: UUID) -> ResponseReturnValue:
    """Stop a payment that has not left."""
    form = ReasonForm()
    if carried_out(form, lambda uow: holds.hold(uow, payment_id, form.reason.data or "")):
        flash("The payment is on hold.", "success")
        return redirect(url_for("disbursements.show", payment_id=payment_id))
    return _payment(_line(payment_id), CancelForm(formdata=None), form)


@bp.route("/payments/<uuid:payment_id>/part", methods=["GET", "POST"])
@signed_in(*DESK)
@number_again
def part(payment_id: UUID) -> ResponseReturnValue:
    """Say what becomes of a part that could not be paid."""
    line, form = _line(payment_id), UnpayableForm()
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
            line = _line(payment_id)
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
        "disbursements/limits.html",
        form=form,
        limits=found,
        usual=LIMIT_MINOR,
        may_set=current_actor().has(Role.ADMIN),
    ), form.status


# ----------------------------------------------------------------------------------------------- where the money goes


@bp.route("/groups/<uuid:group_id>/bank/give", methods=["GET", "POST"])
@signed_in(Role.GROUP_MEMBER)
@number_again
@post_limit("30 per hour")
def give_account(group_id: UUID) -> ResponseReturnValue:
    """Give a group's bank details, or new ones."""
    group = people.group(reading(), group_id)
    payees_access.ensure_may_give(current_actor(), group_id)
    form = AccountForm()
    if carried_out(
        form,
        lambda uow: holds.give_account(
            uow,
            bank_ring(),
            account_numbers(),
            group_id,
            form.account_name.data or "",
            form.sort_code.data or "",
            form.account_number.data or "",
        ),
    ):
        flash("Thank you. Now another member of your group confirms these details.", "success")
        return redirect(url_for("payees.bank", group_id=group_id))
    return render_template(
        "disbursements/give_account.html", form=form, group=group, standing=payees.account(reading(), group_id)
    ), form.status


@bp.route("/bank-accounts/<uuid:account_id>/refuse", methods=["GET", "POST"])
@signed_in(*DESK)
def refuse_account(account_id: UUID) -> ResponseReturnValue:
    """Refuse bank details, with a reason that the group reads."""
    account = payees.by_id(reading(), account_id)
    if account is None:
        raise NotFound
    group, form = people.group(reading(), account.group_id), ReasonForm()
    group_id = group.id
    if form.accepted():
        try:
            with working() as uow:
                holds.refuse_account(uow, account_id, form.reason.data or "")
            flash("The details were refused. Payments to them are on hold.", "success")
            return redirect(url_for("payees.bank", group_id=group_id))
        except RuleBroken as broken:
            form.show(broken)
            group = people.group(reading(), group_id)
    return render_template("disbursements/refuse_account.html", form=form, group=group), form.status


# ------------------------------------------------------------------------------------------------ what must come back


@bp.route("/awards/<uuid:award_id>/repayments", methods=["GET", "POST"])
@signed_in(*DESK)
@number_again_to_send
def repayments(award_id: UUID) -> ResponseReturnValue:
    """What must come back of an award: ask for it."""
    form = RepayForm()
    if form.accepted():
        assert form.amount.data is not None
        try:
            with working() as uow:
                returns.raise_repayment(uow, award_id, form.amount.data, form.why.data or "")
            flash("The group was asked to give it back.", "success")
            return redirect(url_for("disbursements.repayments", award_id=award_id))
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
        return redirect(url_for("disbursements.repayments", award_id=award_id))
    return _repayments(award_id, RepayForm(formdata=None), form, AgreeForm(formdata=None))


@bp.post("/repayments/<uuid:repayment_id>/answer")
@signed_in(*DESK)
@number_again
def answer_write_off(repayment_id: UUID) -> ResponseReturnValue:
    """Agree that the rest is lost, or not."""
    form, award_id = AgreeForm(), _award_of(repayment_id)
    if carried_out(form, lambda uow: returns.answer_write_off(uow, repayment_id, agreed=form.answer.data == "yes")):
        flash("Written down.", "success")
        return redirect(url_for("disbursements.repayments", award_id=award_id))
    return _repayments(award_id, RepayForm(formdata=None), ReasonForm(formdata=None), form)


def _line(payment_id: UUID) -> PaymentLine:
    found = queries.payment(reading(), payment_id)
    if found is None:
        raise NotFound
    return found


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


# --------------------------------------------------------------------------------------- where a group is paid (Stripe)


@bp.route("/groups/<uuid:group_id>/paid", methods=["GET", "POST"])
@signed_in()
@number_again_to_send
def account(group_id: UUID) -> ResponseReturnValue:
    """Where a group is paid: it gives its bank details on Stripe's pages, and we never see them."""
    provider, actor = stripe(), current_actor()
    may_set_up = actor.can_sign_off_for(group_id)
    if provider is None:
        raise NotFound("Nobody is paid through Stripe here.")
    if group_id not in actor.groups and not any(actor.has(role) for role in (*DESK, Role.AUDITOR, Role.ADMIN)):
        raise NotAllowed("Only this group, and those who pay it, may see this.")
    group = people.group(reading(), group_id)
    form, link = Form(), ""
    if form.accepted():
        try:
            link = _onboard(provider, group_id, group.name)
        except (OutcomeUnknown, ProviderRefused) as failed:
            flash(f"{failed} Nothing was lost. Try again in a minute.", "error")
        group = people.group(reading(), group_id)
    found = payees.recipient(reading(), group_id, provider.name)
    standing = found.standing if found is not None else None
    if found is not None and found.account_ref and standing is not AccountStanding.READY:
        with suppress(OutcomeUnknown, ProviderRefused):  # the event may be on its way still; what is kept waits for it
            standing = provider.account_standing(found.account_ref)
    return render_template(
        "disbursements/account.html", form=form, group=group, standing=standing, link=link, may_set_up=may_set_up
    )


def _onboard(provider: PaymentProvider, group_id: UUID, name: str) -> str:
    """The account, opened once under a key that was written down, and a link to the page where the group sets it up."""
    actor = current_actor()
    with working() as uow:
        account = payees_service.open_account(uow, group_id, provider.name)
        account_id, key, ref = account.id, account.key, account.account_ref
    if ref is None:
        email = next((mail for id, mail in people.emails_of_group(reading(), group_id) if id == actor.id), "")
        ref = provider.open_account(display_name=name, email=email, key=key)
        with working() as uow:
            payees_service.name_account(uow, account_id, ref)
    here = current_app.config["SETTINGS"].base_url + url_for("disbursements.account", group_id=group_id)
    return provider.onboarding_link(ref, return_url=here, refresh_url=here)


@section("group", 25)
def _on_group(group: Any) -> Section | None:
    """For the group: where it is paid."""
    if stripe() is None or group.id not in current_actor().groups:
        return None
    found = payees.recipient(reading(), group.id, "stripe")
    html = render_template("disbursements/_of_group.html", group=group, account=found)
    return Section("paid", "Where your group is paid", Markup(html))  # noqa: S704


# ---------------------------------------------------------------------------------------------- what other pages show


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


@needs_you(queries.write_offs_to_answer)
def _write_offs(actor: Actor, moment: datetime, rows: Rows) -> Iterable[NeedsYou]:
    for award_id, reason in rows:
        href = url_for("disbursements.repayments", award_id=award_id)
        yield NeedsYou("Say whether a debt is lost", href, reason or "")


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


# -------------------------------------------------------------------------------------------- the demonstration's bank


@bp.get("/demo/bank")
@demo_only
def bank() -> ResponseReturnValue:
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
    return redirect(url_for("disbursements.bank"))


@bp.post("/demo/bank/<uuid:payment_id>/arrived")
@demo_only
def bank_arrived(payment_id: UUID) -> ResponseReturnValue:
    """The pretend bank says that the money arrived."""
    return _bank_tells(payment_id, Told.PAID)


@bp.post("/demo/bank/<uuid:payment_id>/came-back")
@demo_only
def bank_came_back(payment_id: UUID) -> ResponseReturnValue:
    """The pretend bank says that the money came back."""
    return _bank_tells(payment_id, Told.CAME_BACK)


def _bank_tells(payment_id: UUID, told: Told) -> ResponseReturnValue:
    """An event, taken in the way a provider's is."""
    line = _line(payment_id)
    reason = "" if told is Told.PAID else "The account was closed."
    notice = Notice(f"demo-{uuid4()}", told, line.key, line.amount_minor, reason=reason)
    with clockwork() as uow:
        heard.handle_event(uow, "memory", notice)
    flash("The money arrived." if told is Told.PAID else "The money came back.", "success")
    return redirect(url_for("disbursements.bank"))


# ----------------------------------------------------------------------------------- what the outbox does with money


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
