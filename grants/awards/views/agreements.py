"""The agreement: its parts, its text, its signatures, its paper."""

from typing import Any
from uuid import UUID

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from grants.awards import access, queries
from grants.awards.forms import MOST_PARTS, ExtraForm, MetForm, PartsForm, SignForm, TemplateForm
from grants.awards.rules import BLANKS, AgreementState, AwardState, Part, home_mark
from grants.awards.service import agreements, readiness
from grants.awards.views.readers import may_steward, private_page
from grants.kernel.actors import Role
from grants.kernel.errors import NotFound, RuleBroken
from grants.people import queries as people
from grants.review.rules import address_mark
from grants.web.db import reading
from grants.web.doors import signed_in
from grants.web.forms import asked_number
from grants.web.pdf import pdf_answer
from grants.web.sections import sections_for
from grants.web.session import current_actor
from grants.web.work import working

bp = Blueprint("award_agreements", __name__)


@bp.route("/awards/<uuid:award_id>/agreement", methods=["GET", "POST"])
@signed_in()
def agreement(award_id: UUID) -> ResponseReturnValue:
    """Read the agreement; sign it if it waits for this person's name."""
    page = private_page(award_id)
    version = asked_number("version") if "version" in request.args else None
    shown = queries.agreement(reading(), award_id, version)
    if shown is None:
        raise NotFound("There is no agreement yet. It is written when the offer is accepted.")
    form = SignForm()
    if request.method == "POST":
        access.ensure_may_sign(current_actor(), page.award.group_id, page.award.payee_id)
    if form.accepted():
        try:
            with working() as uow:
                home = home_mark(
                    str(current_app.config["SECRET_KEY"]), shown.id, form.house.data or "", form.postcode.data or ""
                )
                signed = (
                    agreements.sign(
                        uow,
                        shown.id,
                        form.typed_name.data or "",
                        home=home,
                        lives=address_mark(
                            str(current_app.config["SECRET_KEY"]), form.house.data or "", form.postcode.data or ""
                        ),
                        request_address=request.remote_addr or "",
                    ).state
                    is AgreementState.SIGNED
                )
            flash(
                "Signed. Now somebody signs for the fund." if signed else "Signed. One more person must sign.",
                "success",
            )
            return redirect(url_for("award_agreements.agreement", award_id=award_id))
        except RuleBroken as broken:
            form.show(broken)
            page = private_page(award_id)
            shown = queries.agreement(reading(), award_id, version)
            if shown is None:
                raise NotFound from broken
    actor, award = current_actor(), page.award
    names = people.names(reading(), [shown.countersigned_by_id] if shown.countersigned_by_id is not None else [])
    may_sign = (
        shown.state is AgreementState.SENT
        and award.state is AwardState.ACCEPTED
        and access.involved(actor, award.group_id, award.payee_id)
        and all(one.person_id != actor.id for one in shown.signatures)
        and _side_is_open(award, shown)
    )
    return render_template(
        "awards/agreement.html",
        form=form,
        page=page,
        award=award,
        line=page.line,
        agreement=shown,
        blocks=shown.text.split("\n\n"),
        countersigner=names.get(shown.countersigned_by_id) if shown.countersigned_by_id else None,
        may_sign=may_sign,
        may_edit=may_steward(page) and award.state is AwardState.ACCEPTED,
        extra=sections_for("agreement", shown),
    ), form.status


def _side_is_open(award: Any, shown: Any) -> bool:
    """Whether this person's side (the group, or its host) still has to sign; the service asks again."""
    if award.payee_id == award.group_id or not shown.signatures:
        return True
    ours = {member.person_id for member in people.members(reading(), award.group_id)}
    lacking = award.payee_id if shown.signatures[0].person_id in ours else award.group_id
    return lacking in current_actor().groups


@bp.route("/awards/<uuid:award_id>/agreement/edit", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def edit(award_id: UUID) -> ResponseReturnValue:
    """Write a new version of the agreement."""
    page = private_page(award_id)
    access.ensure_steward(current_actor(), page.award.fund_id, page.award.group_id, page.award.payee_id)
    latest = queries.agreement(reading(), award_id)
    form = ExtraForm(data={"extra": latest.extra if latest is not None else ""})
    if form.accepted():
        try:
            with working() as uow:
                written = agreements.write_agreement(uow, award_id, form.extra.data or "").version
            flash(
                f"Version {written} was written, and the group was asked to sign it. "
                "Names under earlier versions no longer count.",
                "success",
            )
            return redirect(url_for("award_agreements.agreement", award_id=award_id))
        except RuleBroken as broken:
            form.show(broken)
            page = private_page(award_id)
    return render_template("awards/edit.html", form=form, page=page, award=page.award, line=page.line), form.status


@bp.route("/awards/<uuid:award_id>/parts", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def parts(award_id: UUID) -> ResponseReturnValue:
    """Say in which parts the award is paid."""
    page = private_page(award_id)
    access.ensure_steward(current_actor(), page.award.fund_id, page.award.group_id, page.award.payee_id)
    form = PartsForm()
    if request.method == "GET":
        form.fill([Part(one.amount_minor, one.due_on, one.condition) for one in page.award.instalments])
    if form.accepted():
        try:
            with working() as uow:
                agreements.plan_instalments(uow, award_id, form.to_parts())
            flash(
                "The parts are planned. A new version of the agreement was sent to the group. "
                "Names under earlier versions no longer count.",
                "success",
            )
            return redirect(url_for("awards.show", award_id=award_id))
        except RuleBroken as broken:
            form.show(broken)
            page = private_page(award_id)
    return render_template(
        "awards/parts.html", form=form, page=page, award=page.award, line=page.line, numbers=range(1, MOST_PARTS + 1)
    ), form.status


@bp.route("/instalments/<uuid:instalment_id>/met", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def meet(instalment_id: UUID) -> ResponseReturnValue:
    """Say that what had to happen before a part is paid has happened."""
    part = queries.instalment(reading(), instalment_id)
    if part is None:
        raise NotFound
    award_id, form = part.award_id, MetForm()
    page = private_page(award_id)
    if form.accepted():
        try:
            with working() as uow:
                readiness.meet_condition(uow, instalment_id, form.note.data or "")
            flash("Written down. This part can be asked for on its day.", "success")
            return redirect(url_for("awards.show", award_id=award_id))
        except RuleBroken as broken:
            form.show(broken)
            page = private_page(award_id)
    part = queries.instalment(reading(), instalment_id)
    return render_template("awards/meet.html", form=form, page=page, line=page.line, part=part), form.status


@bp.get("/awards/<uuid:award_id>/agreement.pdf")
@signed_in()
def agreement_pdf(award_id: UUID) -> ResponseReturnValue:
    """The agreement to keep, with the names under it."""
    page = private_page(award_id)
    shown = queries.agreement(reading(), award_id, asked_number("version") if "version" in request.args else None)
    if shown is None:
        raise NotFound("There is no agreement yet. It is written when the offer is accepted.")
    signer = shown.countersigned_by_id
    names = people.names(reading(), [signer] if signer is not None else [])
    return pdf_answer(
        "awards/agreement_print.html",
        f"agreement-{page.award.reference}-{shown.version}.pdf",
        line=page.line,
        award=page.award,
        agreement=shown,
        blocks=shown.text.split("\n\n"),
        countersigner=names.get(signer) if signer is not None else None,
    )


@bp.route("/agreements/template", methods=["GET", "POST"])
@signed_in(Role.AUDITOR, Role.STEWARD)
def template() -> ResponseReturnValue:
    """The words that agreements are written from, in versions; a steward adds one."""
    number = request.args.get("version", type=int)
    found = queries.templates(reading())
    shown = next((one for one in found if one.version == number), found[0])
    form = TemplateForm(data={"body": found[0].body})
    if form.accepted():
        try:
            with working() as uow:
                version = agreements.add_template(uow, form.body.data or "", form.note.data or "").version
            flash(f"Version {version} holds for every agreement that is written from now on.", "success")
            return redirect(url_for("award_agreements.template"))
        except RuleBroken as broken:
            form.show(broken)
    return render_template(
        "awards/template.html",
        form=form,
        templates=found,
        shown=shown,
        blanks=sorted(BLANKS),
        may_add=current_actor().has(Role.STEWARD),
    ), form.status
