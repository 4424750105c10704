"""Pages of reports and of outcomes."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from grants.awards import access as awards_access
from grants.awards import queries as awards
from grants.awards.rules import VIREMENT_PERCENT, AgreementState, AwardState
from grants.kernel.actors import Actor, Role
from grants.kernel.clock import LONDON, london_day
from grants.kernel.errors import NotAllowed, NotFound, RuleBroken
from grants.kernel.states import can
from grants.reports import access, queries, service
from grants.reports.forms import PictureForm, QueryForm, report_form
from grants.reports.queries import OutcomeLine, ReportLine
from grants.reports.rules import MOST_MEASURES, MOST_PICTURES, STEPS, ReportAction, ReportState, missing
from grants.web.again import number_again
from grants.web.db import now, reading
from grants.web.doors import public, signed_in
from grants.web.forms import asked_number
from grants.web.limits import post_limit
from grants.web.needs import NeedsYou, Rows, needs_you
from grants.web.outside import files
from grants.web.sections import Section, section, sections_for
from grants.web.session import current_actor
from grants.web.uploads import looked_at
from grants.web.work import carried_out, working

bp = Blueprint("reports", __name__)
WRITING = (ReportState.SCHEDULED, ReportState.DRAFT, ReportState.QUERIED)
FILTERS = {"to-read": (ReportState.SUBMITTED,), "to-come": WRITING, "accepted": (ReportState.ACCEPTED,)}


def _report(report_id: UUID) -> Any:
    """The report, for those who may read it before everybody may."""
    found = queries.report(reading(), report_id)
    if found is None:
        raise NotFound
    award = found.award
    access.ensure_may_read(current_actor(), award.fund_id, award.group_id, award.payee_id)
    return found


def _may_judge(report: Any) -> bool:
    actor, award = current_actor(), report.award
    apart = not awards_access.involved(actor, award.group_id, award.payee_id)
    return report.state is ReportState.SUBMITTED and actor.has(Role.STEWARD, award.fund_id) and apart


@bp.get("/reports")
@signed_in(Role.STEWARD, Role.FINANCE_OFFICER, Role.AUDITOR, Role.ADMIN)
def index() -> ResponseReturnValue:
    """All reports, for officers."""
    show = request.args.get("show", "to-read")
    show = show if show in FILTERS else "to-read"
    number = asked_number()
    lines, total = queries.listed(reading(), FILTERS[show], page=number)
    return render_template(
        "reports/index.html",
        lines=lines,
        show=show,
        total=total,
        page=number,
        pages=-(-total // 25),
        today=london_day(now()),
    )


@bp.get("/reports/<uuid:report_id>")
@signed_in()
def show(report_id: UUID) -> ResponseReturnValue:
    """A report before everybody may read it: what is written, what is missing, what can be done."""
    return _show(_report(report_id), QueryForm())


def _show(report: Any, form: QueryForm) -> ResponseReturnValue:
    award = report.award
    line = awards.line(reading(), award.id)
    paid = awards.pockets(reading(), award.id).paid_minor
    may_write = access.may_write(current_actor(), award.group_id) and report.state in WRITING
    return render_template(
        "reports/show.html",
        form=form,
        report=report,
        award=award,
        line=line,
        paid_minor=paid,
        lacking=missing(service.draft_of(report), paid) if report.state in WRITING else [],
        may_write=may_write,
        may_submit=may_write and can(STEPS, report.state, ReportAction.SUBMIT),
        may_judge=_may_judge(report),
        most_pictures=MOST_PICTURES,
        today=london_day(now()),
    ), form.status


@bp.route("/reports/<uuid:report_id>/edit", methods=["GET", "POST"])
@signed_in(Role.GROUP_MEMBER)
def edit(report_id: UUID) -> ResponseReturnValue:
    """Write the report; what is not whole is kept too."""
    report = _report(report_id)
    access.ensure_may_write(current_actor(), report.award.group_id)
    form = report_form(awards.budget(reading(), report.award))
    if request.method == "GET":
        form.fill(service.draft_of(report), report.version)
    if form.accepted():
        try:
            with working() as uow:
                service.save(uow, report_id, form.to_draft(), form.from_version())
            flash("Saved.", "success")
            return redirect(url_for("reports.show", report_id=report_id))
        except RuleBroken as broken:
            form.show(broken)
            report = _report(report_id)
    return render_template(
        "reports/edit.html",
        form=form,
        report=report,
        line=awards.line(reading(), report.award_id),
        paid_minor=awards.pockets(reading(), report.award_id).paid_minor,
        numbers=range(1, MOST_MEASURES + 1),
        budget=awards.budget(reading(), report.award),
        virement_percent=VIREMENT_PERCENT,
    ), form.status


@bp.post("/reports/<uuid:report_id>/submit")
@signed_in(Role.GROUP_MEMBER)
def submit(report_id: UUID) -> ResponseReturnValue:
    """Hand the report in."""
    form = QueryForm(formdata=None)
    try:
        with working() as uow:
            service.submit(uow, report_id)
        flash("Thank you. Your report was handed in. A steward reads it now.", "success")
        return redirect(url_for("reports.show", report_id=report_id))
    except RuleBroken as broken:
        form.show(broken)
    return _show(_report(report_id), form)


@bp.route("/reports/<uuid:report_id>/pictures", methods=["GET", "POST"])
@signed_in(Role.GROUP_MEMBER)
@post_limit("60 per hour")
def pictures(report_id: UUID) -> ResponseReturnValue:
    """Add a picture, look at those that are there."""
    report = _report(report_id)
    access.ensure_may_write(current_actor(), report.award.group_id)
    form = PictureForm()
    if form.accepted():
        try:
            kept = service.keep_picture(files(), form.picture.data.read(), form.alt.data or "")
            with working() as uow:
                service.add_picture(uow, report_id, kept, consent=bool(form.consent.data))
            flash("The picture was added.", "success")
            return redirect(url_for("reports.pictures", report_id=report_id))
        except RuleBroken as broken:
            form.show(broken)
            report = _report(report_id)
    return render_template(
        "reports/pictures.html",
        form=form,
        report=report,
        line=awards.line(reading(), report.award_id),
        may_write=report.state in WRITING,
        most=MOST_PICTURES,
    ), form.status


@bp.post("/pictures/<uuid:picture_id>/remove")
@signed_in(Role.GROUP_MEMBER)
def remove_picture(picture_id: UUID) -> ResponseReturnValue:
    """Take a picture out."""
    with working() as uow:
        report_id = service.remove_picture(uow, picture_id).id
    flash("The picture was taken out.", "success")
    return redirect(url_for("reports.pictures", report_id=report_id))


@bp.get("/pictures/<uuid:picture_id>")
@public
def picture(picture_id: UUID) -> ResponseReturnValue:
    """The picture itself: for everybody when its report is accepted and all in it agreed, else for those inside."""
    found = queries.picture(reading(), picture_id)
    if found is None:
        raise NotFound
    shown, report = found
    open_to_all = shown.consent and report.state is ReportState.ACCEPTED
    award = report.award
    if not open_to_all and not awards_access.may_look_inside(
        current_actor(), award.fund_id, award.group_id, award.payee_id
    ):
        raise NotFound
    return Response(
        looked_at(shown.stored_name),
        mimetype="image/jpeg",
        headers={
            "Content-Disposition": 'inline; filename="picture.jpg"',
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "public, max-age=3600" if open_to_all else "private, no-store",
        },
    )


@bp.post("/reports/<uuid:report_id>/query")
@signed_in(Role.STEWARD)
def query(report_id: UUID) -> ResponseReturnValue:
    """Ask the group a question."""
    _report(report_id)
    form = QueryForm()
    if carried_out(form, lambda uow: service.query(uow, report_id, form.reason.data or "")):
        flash("Your question was sent to the group.", "success")
        return redirect(url_for("reports.show", report_id=report_id))
    return _show(_report(report_id), form)


@bp.post("/reports/<uuid:report_id>/accept")
@signed_in(Role.STEWARD)
def accept(report_id: UUID) -> ResponseReturnValue:
    """Accept the report: everybody can read it."""
    form = QueryForm(formdata=None)
    try:
        with working() as uow:
            report = service.accept(uow, report_id)
            award_id, asked = report.award_id, report.state is ReportState.QUERIED
        if asked:
            flash(
                "Not accepted: more was spent on one line than may be moved without asking. We asked the group about "
                "it, and it can ask for the change.",
                "error",
            )
            return redirect(url_for("reports.show", report_id=report_id))
        flash("Accepted. Everybody can read it now.", "success")
        return redirect(url_for("reports.outcome", award_id=award_id))
    except RuleBroken as broken:
        form.show(broken)
    return _show(_report(report_id), form)


@bp.post("/awards/<uuid:award_id>/countersign")
@signed_in(Role.STEWARD)
@number_again
def countersign(award_id: UUID) -> ResponseReturnValue:
    """Sign for the fund."""
    agreement = awards.agreement(reading(), award_id)
    if agreement is None:
        raise NotFound
    agreement_id = agreement.id
    with working() as uow:
        started = service.countersign(uow, agreement_id).state is AwardState.ACTIVE
    flash(
        "Signed for the fund. The award is under way."
        if started
        else "Signed for the fund. The award starts by itself when nothing is missing any more.",
        "success",
    )
    return redirect(url_for("awards.show", award_id=award_id))


# ---------------------------------------------------------------------------------------------------------- outcomes


@bp.get("/outcomes")
@public
def outcomes() -> ResponseReturnValue:
    """What changed, grant by grant."""
    number = asked_number()
    lines, total = queries.outcomes(reading(), page=number)
    return render_template(
        "reports/outcomes.html",
        cards=[_card(line) for line in lines],
        total=total,
        page=number,
        pages=-(-total // queries.PAGE),
    )


@bp.get("/outcomes/<uuid:award_id>")
@public
def outcome(award_id: UUID) -> ResponseReturnValue:
    """What one grant changed."""
    report = queries.of_award(reading(), award_id)
    page = awards.award_page(reading(), award_id)
    if report is None or page is None or report.state is not ReportState.ACCEPTED:
        raise NotFound
    return render_template(
        "reports/outcome.html",
        report=report,
        page=page,
        award=page.award,
        line=page.line,
        pictures=[one for one in report.pictures if one.consent],
        extra=sections_for("outcome", report),
    )


def _card(line: OutcomeLine) -> dict[str, Any]:
    foot = ""
    if line.what:
        of = f" of {line.denominator:,}" if line.denominator is not None else ""
        foot = f"{line.numerator:,}{of} {line.what}"
    text = line.what_happened
    return {
        "title": line.title,
        "href": url_for("reports.outcome", award_id=line.award_id),
        "meta": f"{line.group_name} · {line.priority_title}",
        "text": text if len(text) <= 180 else text[:180].rsplit(" ", 1)[0] + "…",
        "foot": foot,
    }


def _changed(title: str, lines: Sequence[OutcomeLine]) -> Section | None:
    if not lines:
        return None
    html = render_template("reports/_outcomes.html", cards=[_card(line) for line in lines])
    return Section("outcomes", title, Markup(html))  # noqa: S704


@section("priority", 70)
def _on_priority(priority: Any) -> Section | None:
    return _changed("What changed", queries.outcomes_of_priority(reading(), priority.id))


@section("group", 70)
def _on_group(group: Any) -> Section | None:
    return _changed("What changed", queries.outcomes_of_group(reading(), group.id))


@section("proposal", 70)
def _on_proposal(proposal: Any) -> Section | None:
    line = queries.outcome_of_proposal(reading(), proposal.id)
    return _changed("What changed", [line]) if line is not None else None


@section("apply", 10)
def _before_applying(group_ids: Collection[UUID]) -> Section | None:
    """For a group that asks again: what it has not told of its last grant."""
    today = london_day(now())
    late = [one for one in queries.to_write(reading(), group_ids, today) if one.due_on < today] if group_ids else []
    if not late:
        return None
    html = render_template("reports/_before_applying.html", late=late)
    return Section("late", "First, a report that is late", Markup(html))  # noqa: S704


@section("award", 20)
def _on_award(award: Any) -> Section | None:
    """The report, or the day it is due; for a steward, the agreement to sign."""
    actor = current_actor()
    inside = awards_access.may_look_inside(actor, award.fund_id, award.group_id, award.payee_id)
    report = queries.of_award(reading(), award.id)
    to_sign = _to_countersign(actor, award)
    public_one = report is not None and report.state is ReportState.ACCEPTED
    if not to_sign and not public_one and not (inside and report is not None):
        return None
    pockets = awards.pockets(reading(), award.id)
    owed = 0
    if award.state is AwardState.COMPLETED and award.accepted_spend_minor is not None:
        owed = max(0, pockets.paid_minor - award.accepted_spend_minor)
    html = render_template(
        "reports/_of_award.html",
        report=report,
        award=award,
        inside=inside,
        to_sign=to_sign,
        owed=owed,
        may_record=actor.has(Role.FINANCE_OFFICER, award.fund_id)
        and not awards_access.involved(actor, award.group_id, award.payee_id),
        may_write=access.may_write(actor, award.group_id),
    )
    title = "Sign for the fund" if to_sign else "What changed" if public_one else "The report"
    return Section("report", title, Markup(html))  # noqa: S704


@section("agreement", 20)
def _on_agreement(agreement: Any) -> Section | None:
    """For a steward who may: the button that signs for the fund."""
    award = awards.award(reading(), agreement.award_id)
    if award is None or agreement.state is not AgreementState.SIGNED or not _to_countersign(current_actor(), award):
        return None
    html = render_template("reports/_countersign.html", award=award)
    return Section("countersign", "Sign for the fund", Markup(html))  # noqa: S704


def _to_countersign(actor: Actor, award: Any) -> bool:
    """Whether this person may sign for the fund now; the service asks again."""
    if award.state is not AwardState.ACCEPTED or not actor.has(Role.STEWARD, award.fund_id):
        return False
    agreement = awards.agreement(reading(), award.id)
    if agreement is None or agreement.state is not AgreementState.SIGNED:
        return False
    signers = [one.person_id for one in agreement.signatures]
    try:
        awards_access.ensure_may_countersign(actor, award.fund_id, award.group_id, award.payee_id, signers)
    except NotAllowed:
        return False
    return True


# ------------------------------------------------------------------------------------------------------ what needs whom


def _end_of(day: Any) -> datetime:
    return datetime(day.year, day.month, day.day, 23, 59, tzinfo=LONDON)


@needs_you(queries.to_write_for)
def _needs_of_groups(actor: Actor, moment: datetime, rows: Rows) -> Iterable[NeedsYou]:
    """Reports that are due within four weeks, or came back with a question."""
    for line in (ReportLine(*row) for row in rows):
        asked = line.state is ReportState.QUERIED
        yield NeedsYou(
            f"Answer our question about “{line.title}”" if asked else f"Tell us how “{line.title}” went",
            url_for("reports.show", report_id=line.id),
            line.group_name,
            None if asked else _end_of(line.due_on),
        )


@needs_you(awards.to_countersign)
def _agreements_to_sign(actor: Actor, moment: datetime, rows: Rows) -> Iterable[NeedsYou]:
    """Agreements to sign for the fund."""
    for one in (awards.Waiting(*row) for row in rows):
        if not awards_access.involved(actor, one.group_id, one.payee_id):
            yield NeedsYou(
                f"Sign for the fund: “{one.title}”",
                url_for("award_agreements.agreement", award_id=one.award_id),
                one.group_name,
            )


@needs_you(queries.to_accept)
def _to_accept(actor: Actor, moment: datetime, rows: Rows) -> Iterable[NeedsYou]:
    """Reports to read."""
    for line in (ReportLine(*row) for row in rows):
        yield NeedsYou(
            f"Read the report on “{line.title}”", url_for("reports.show", report_id=line.id), line.group_name
        )


@needs_you(awards.to_settle)
def _needs_of_finance(actor: Actor, moment: datetime, rows: Rows) -> Iterable[NeedsYou]:
    """Money that should come back from groups."""
    for one in (awards.Waiting(*row) for row in rows):
        yield NeedsYou(
            f"Write down what came back from “{one.title}”",
            url_for("repayments.returned", award_id=one.award_id),
            one.group_name,
        )
