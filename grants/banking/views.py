"""Pages for finance officers: bank runs, statements, and what matches."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from flask import Blueprint, Response, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from grants.banking import access, queries, service
from grants.banking.exports import fees_csv
from grants.banking.forms import (
    AnswerForm,
    CreditForm,
    DaysForm,
    MadeGoodForm,
    RunForm,
    SetAsideForm,
    StatementForm,
    WhoseForm,
)
from grants.banking.rules import Outcome, RunState, told
from grants.funds import queries as funds
from grants.funds.rules import PaysBy
from grants.kernel.actors import Actor, Role
from grants.kernel.errors import RuleBroken, SeedbedError
from grants.kernel.money import show_pounds
from grants.kernel.words import plural
from grants.ledger import queries as books
from grants.ports.bank_run import FileRefused
from grants.web.again import number_again, number_again_to_send
from grants.web.db import reading
from grants.web.doors import signed_in
from grants.web.forms import Form
from grants.web.needs import NeedsYou, Rows, needs_you
from grants.web.outside import bank_ring, bank_run_files, pays_by
from grants.web.pdf import pdf_answer
from grants.web.session import current_actor
from grants.web.work import working

bp = Blueprint("banking", __name__)
PROVIDER = PaysBy.STRIPE.value
LOOKS = (Role.FINANCE_OFFICER, Role.AUDITOR)


def _reach(actor: Actor) -> frozenset[UUID] | None:
    """The funds whose runs and statements this person may see; None for all."""
    if actor.has(Role.AUDITOR):
        return None
    return actor.scopes(Role.FINANCE_OFFICER)


@bp.get("/bank-runs")
@signed_in(*LOOKS)
def index() -> ResponseReturnValue:
    """What waits for a bank run, and the runs there were."""
    funds_of = _reach(current_actor())
    return render_template(
        "banking/index.html",
        waiting=queries.waiting(reading(), pays_by(), funds_of),
        runs=queries.runs(reading(), funds_of),
        officer=current_actor().has(Role.FINANCE_OFFICER),
    )


@bp.route("/bank-runs/new/<uuid:fund_id>", methods=["GET", "POST"])
@signed_in(Role.FINANCE_OFFICER)
@number_again
def new(fund_id: UUID) -> ResponseReturnValue:
    """Put what waits into a bank run."""
    access.ensure_may_bank(current_actor(), fund_id)
    fund = funds.fund(reading(), fund_id)
    waits = next((one for one in queries.waiting(reading(), pays_by(), [fund_id])), None)
    form = RunForm()
    if form.accepted():
        try:
            with working() as uow:
                run_id = service.make_run(uow, fund_id, form.pay_by.data, pays_by()).id
            return redirect(url_for("banking.show", run_id=run_id))
        except RuleBroken as broken:
            form.show(broken)
            fund = funds.fund(reading(), fund_id)
    return render_template("banking/new.html", form=form, fund=fund, waits=waits), form.status


@bp.route("/bank-runs/<uuid:run_id>", methods=["GET", "POST"])
@signed_in(*LOOKS)
@number_again_to_send
def show(run_id: UUID) -> ResponseReturnValue:
    """One bank run: its payments, its control totals, what to do next; taking in the finance office's answer."""
    run = queries.run(reading(), run_id)
    actor = current_actor()
    if not actor.has(Role.AUDITOR):
        access.ensure_may_bank(actor, run.fund_id)
    form, outcomes = AnswerForm(), list[Outcome]()
    if form.accepted():
        try:
            answers = bank_run_files().read(form.file.data.read())
            for answer in answers:
                outcomes.append(_take(run_id, answer))
            if not outcomes:
                raise RuleBroken("The file has no lines.", field="file")
        except FileRefused as refused:
            form.show(RuleBroken(str(refused), field="file"))
        except RuleBroken as broken:
            form.show(broken)
        run = queries.run(reading(), run_id)
    return render_template(
        "banking/show.html",
        form=form,
        run=run,
        lines=queries.run_lines(reading(), run_id),
        outcomes=outcomes,
        told=told(outcomes),
        officer=access.may_bank(actor, run.fund_id),
        made=run.state is RunState.MADE,
    ), form.status


def _take(run_id: UUID, answer: object) -> Outcome:
    """One unit of work for each line: what one line refuses does not stop the others."""
    try:
        with working() as uow:
            return service.take_answer(uow, run_id, answer)  # type: ignore[arg-type]
    except SeedbedError as refused:
        return Outcome(getattr(answer, "reference", ""), refused.message)


@bp.post("/bank-runs/<uuid:run_id>/file")
@signed_in(Role.FINANCE_OFFICER)
@number_again
def file(run_id: UUID) -> ResponseReturnValue:
    """The file for the finance office. It opens bank details: a button asks for it, and the trail tells."""
    settings = current_app.config["SETTINGS"]
    try:
        with working() as uow:
            batch = queries.run(uow.session, run_id).batch
            made = service.order_file(
                uow, run_id, bank_ring(), bank_run_files(), settings.cost_centre, settings.account_code
            )
    except RuleBroken as broken:
        flash(broken.message, "error")
        return redirect(url_for("banking.show", run_id=run_id))
    answer = Response(made.content, mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="payments-{batch}.csv"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


@bp.post("/bank-runs/<uuid:run_id>/hand-over")
@signed_in(Role.FINANCE_OFFICER)
@number_again
def hand_over(run_id: UUID) -> ResponseReturnValue:
    """The finance office has the file."""
    return _step(run_id, "hand_over", "Handed over. Bring the finance office's answer here when it comes.")


@bp.post("/bank-runs/<uuid:run_id>/cancel")
@signed_in(Role.FINANCE_OFFICER)
def cancel(run_id: UUID) -> ResponseReturnValue:
    """Take back a run that nobody was given."""
    return _step(run_id, "cancel", "Taken back. Its payments wait for the next bank run.")


def _step(run_id: UUID, what: str, done: str) -> ResponseReturnValue:
    try:
        with working() as uow:
            (service.hand_over if what == "hand_over" else service.cancel_run)(uow, run_id)
        flash(done, "success")
    except RuleBroken as broken:
        flash(broken.message, "error")
    return redirect(url_for("banking.show", run_id=run_id))


@bp.get("/bank-runs/<uuid:run_id>/advice/<uuid:payee_id>")
@signed_in(*LOOKS)
def advice(run_id: UUID, payee_id: UUID) -> ResponseReturnValue:
    """The remittance advice of one group in a run, on paper."""
    run = queries.run(reading(), run_id)
    if not current_actor().has(Role.AUDITOR):
        access.ensure_may_bank(current_actor(), run.fund_id)
    lines = [line for line in queries.run_lines(reading(), run_id) if line.payee_id == payee_id]
    return pdf_answer("banking/advice.html", f"advice-{run.batch}", run=run, lines=lines)


@bp.route("/statements", methods=["GET", "POST"])
@signed_in(*LOOKS)
@number_again_to_send
def statements() -> ResponseReturnValue:
    """Take in a bank statement; what of it nobody can explain yet."""
    actor = current_actor()
    reach = _reach(actor)
    form = StatementForm()
    form.fund_id.choices = [(one.id, one.name) for one in funds.funds(reading()) if access.may_bank(actor, one.id)]
    if form.accepted():
        try:
            lines = bank_run_files().read_statement(form.file.data.read())
            with working() as uow:
                new, matched, known = service.take_statement(uow, form.fund_id.data, lines)
            flash(f"{new} new lines, {matched} of them matched. {known} were known already.", "success")
            return redirect(url_for("banking.statements"))
        except FileRefused as refused:
            form.show(RuleBroken(str(refused), field="file"))
        except RuleBroken as broken:
            form.show(broken)
    counted = queries.line_counts(reading(), reach)
    return render_template(
        "banking/statements.html",
        form=form,
        officer=actor.has(Role.FINANCE_OFFICER),
        lines=queries.lines_to_explain(reading(), reach),
        matched=counted[0],
        waiting=counted[1],
    ), form.status


@bp.route("/statements/<uuid:line_id>", methods=["GET", "POST"])
@signed_in(Role.FINANCE_OFFICER)
@number_again
def line(line_id: UUID) -> ResponseReturnValue:
    """Say what one line of a statement is about."""
    one = queries.line(reading(), line_id)
    if one.fund_id is not None:
        access.ensure_may_bank(current_actor(), one.fund_id)
    at_bank = one.source == service.BANK
    awaited = queries.awaited(reading(), one.fund_id) if at_bank and one.fund_id and one.amount_minor > 0 else []
    due = books.fees_minor(reading(), one.fund_id) if at_bank and one.fund_id and one.amount_minor > 0 else 0
    credit, aside = CreditForm(prefix="credit"), SetAsideForm(prefix="aside")
    whose, good = WhoseForm(prefix="whose"), MadeGoodForm(prefix="good")
    whose.fund_id.choices = [
        (fund.id, fund.name) for fund in funds.funds(reading()) if access.may_bank(current_actor(), fund.id)
    ]
    credit.contribution_id.choices = [
        (c.id, f"{c.funder.name}: {show_pounds(c.amount_minor)} promised") for c in awaited
    ]
    forms: dict[str, Form] = {"credit": credit, "whose": whose, "good": good}
    chosen = forms.get(request.form.get("what", ""), aside)
    if request.method == "POST" and chosen.accepted():
        try:
            with working() as uow:
                if chosen is credit:
                    service.credit_line(uow, line_id, credit.contribution_id.data)
                elif chosen is whose:
                    service.say_fund(uow, line_id, whose.fund_id.data)
                elif chosen is good:
                    service.make_fees_good(uow, line_id)
                else:
                    service.set_aside(uow, line_id, aside.why.data or "")
            flash("Saved.", "success")
            return redirect(url_for("banking.statements"))
        except RuleBroken as broken:
            field = {"credit": "contribution_id", "whose": "fund_id", "good": ""}.get(
                request.form.get("what", ""), "why"
            )
            chosen.show(RuleBroken(broken.message, field=field or None))
            one = queries.line(reading(), line_id)
    return render_template(
        "banking/line.html",
        one=one,
        at_bank=at_bank,
        fund=funds.fund(reading(), one.fund_id) if one.fund_id else None,
        credit=credit,
        aside=aside,
        whose=whose,
        good=good,
        form=chosen,
        awaited=awaited,
        due_minor=due,
    ), chosen.status


@bp.get("/statements/stripe")
@signed_in(*LOOKS)
def provider() -> ResponseReturnValue:
    """What Stripe holds of each fund and what it kept in a period, beside what its own statement says."""
    session, reach = reading(), _reach(current_actor())
    form = DaysForm(request.args)
    since, until = (form.since.data, form.until.data) if form.heard() else (None, None)
    page = max(1, min(request.args.get("page", 1, type=int) or 1, 100_000))
    held = queries.held(session, PROVIDER, reach, since, until)
    charged, count = queries.charged_lines(
        session, PROVIDER, reach, since, until, limit=queries.PAGE, offset=(page - 1) * queries.PAGE
    )
    stated, outside = queries.statement_minor(session, PROVIDER)
    return render_template(
        "banking/provider.html",
        form=form,
        since=since,
        until=until,
        held=held,
        charged=charged,
        page=page,
        pages=-(-count // queries.PAGE),
        asked={"since": since or "", "until": until or ""},
        reading=queries.latest_reading(session, PROVIDER),
        stated_minor=stated,
        outside_minor=outside,
        books_minor=stated - outside,
    ), form.status


@bp.get("/statements/stripe/fees.csv")
@signed_in(*LOOKS)
def fees() -> ResponseReturnValue:
    """What Stripe kept in a period, a row for each line of its statement."""
    form = DaysForm(request.args)
    if not form.heard():
        since, until = (request.args.getlist(name) for name in ("since", "until"))
        return redirect(url_for("banking.provider", since=since, until=until))
    reach = _reach(current_actor())
    lines, _ = queries.charged_lines(reading(), PROVIDER, reach, form.since.data, form.until.data, limit=50_000)
    answer = Response(fees_csv(lines), mimetype="text/csv")
    answer.headers["Content-Disposition"] = 'attachment; filename="fees.csv"'
    return answer


@needs_you(queries.to_put_into_a_run)
def _to_put_into_a_run(actor: Actor, moment: datetime, rows: Rows) -> Iterable[NeedsYou]:
    for chosen, with_usual in rows:
        if waits := with_usual if pays_by() == PaysBy.BANK_RUN else chosen:
            yield NeedsYou(f"Put {plural(waits, 'payment')} into a bank run", url_for("banking.index"))


@needs_you(queries.to_explain)
def _to_explain(actor: Actor, moment: datetime, rows: Rows) -> Iterable[NeedsYou]:
    for (lines,) in rows:
        yield NeedsYou(f"Explain {plural(lines, 'line')} of a statement", url_for("banking.statements"))
