"""What must stand before money can leave: checks, waivers, bank details."""

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from grants.awards import access, queries
from grants.awards.forms import CheckForm, JudgeForm, VerifyForm, WaiveForm, WaiverForm
from grants.awards.service import readiness
from grants.awards.views.readers import private_page
from grants.kernel.clock import london_day
from grants.kernel.errors import NotFound, RuleBroken
from grants.payees import access as payees_access
from grants.payees import queries as payees
from grants.payees import service as payees_service
from grants.payees.rules.checks import ASKS, GroupCheckState
from grants.people import queries as people
from grants.web.again import number_again
from grants.web.db import now, reading
from grants.web.doors import signed_in
from grants.web.limits import post_limit
from grants.web.outside import bank_ring, files, stripe
from grants.web.session import current_actor
from grants.web.work import carried_out, working

bp = Blueprint("award_checks", __name__)


@bp.get("/awards/<uuid:award_id>/needs")
@signed_in()
def needs(award_id: UUID) -> ResponseReturnValue:
    """What we need before money can leave: for the group to give, for officers to check."""
    page = private_page(award_id)
    award = page.award
    ours = access.involved(current_actor(), award.group_id, award.payee_id)
    return render_template(
        "awards/needs.html",
        page=page,
        award=award,
        line=page.line,
        needs=queries.needs(reading(), award, london_day(now())),
        asks=ASKS,
        agreement=queries.agreement(reading(), award_id),
        account=payees.account(reading(), award.payee_id),
        lacking=queries.lacking(reading(), award, london_day(now())),
        ours=ours,
        may_bank=payees_access.may_look(current_actor(), award.payee_id),
        goes_to=queries.destination(reading(), award),
        may_recipient=stripe() is not None and (not ours or award.payee_id in current_actor().groups),
    )


@bp.route("/awards/<uuid:award_id>/needs/<kind>", methods=["GET", "POST"])
@signed_in()
@post_limit("60 per hour")
def check(award_id: UUID, kind: str) -> ResponseReturnValue:
    """One thing that must be known: the group answers it here."""
    need = _need(award_id, kind)
    form = CheckForm()
    if form.accepted():
        try:
            paper = payees_service.keep_paper(files(), form.paper.data.read()) if form.paper.data else None
            with working() as uow:
                payees_service.give_answer(uow, need.kind, need.group_id, award_id, form.words.data or "", paper)
            flash("Thank you. An officer looks at it next.", "success")
            return redirect(url_for("award_checks.needs", award_id=award_id))
        except RuleBroken as broken:
            form.show(broken)
    return _check(award_id, kind, give=form)


def _need(award_id: UUID, kind: str) -> payees.Need:
    found = queries.needs(reading(), private_page(award_id).award, london_day(now()))
    return next((need for need in found if need.kind.value == kind), None) or _missing()


def _missing() -> Any:
    raise NotFound


def _check(
    award_id: UUID,
    kind: str,
    *,
    give: CheckForm | None = None,
    judging: JudgeForm | None = None,
    waive: WaiveForm | None = None,
    waiver: WaiverForm | None = None,
) -> ResponseReturnValue:
    page, need, actor = private_page(award_id), _need(award_id, kind), current_actor()
    newest = need.newest
    officer = payees_access.may_judge(actor, need.group_id, (newest.given_by_id,) if newest is not None else ())
    waiting = next((one for one in need.answers if one.state is GroupCheckState.WAIVER_ASKED), None)
    given = next((one for one in need.answers if one.state is GroupCheckState.GIVEN), None)
    shown = (
        give or CheckForm(formdata=None),
        judging or JudgeForm(formdata=None),
        waive or WaiveForm(formdata=None),
        waiver or WaiverForm(formdata=None),
    )
    ids = [id for one in need.answers for id in (one.given_by_id, one.judged_by_id) if id is not None]
    return render_template(
        "awards/check.html",
        page=page,
        award=page.award,
        line=page.line,
        need=need,
        ask=ASKS[need.kind],
        about=people.group(reading(), need.group_id),
        may_read=payees_access.may_look(actor, need.group_id),
        names=people.names(reading(), ids),
        give_form=shown[0],
        judge_form=shown[1],
        waive_form=shown[2],
        waiver_form=shown[3],
        may_give=not need.holds and payees_access.may_answer(actor, need.kind, need.group_id),
        given=given if payees_access.may_judge(actor, need.group_id, (given.given_by_id,) if given else ()) else None,
        waiting=waiting,
        may_answer=waiting is not None and actor.id != waiting.waiver_asked_by_id and officer,
        may_waive=waiting is None and not need.holds and payees_access.may_judge(actor, need.group_id),
    ), max(form.status for form in shown)


@bp.post("/awards/<uuid:award_id>/checks/<uuid:check_id>/judge")
@signed_in(*payees_access.OFFICERS)
def judge(award_id: UUID, check_id: UUID) -> ResponseReturnValue:
    """Pass what a group gave, or fail it with a reason."""
    kind, form = _kind_of(check_id), JudgeForm()
    _need(award_id, kind)
    if carried_out(
        form,
        lambda uow: readiness.judge_check(
            uow,
            check_id,
            passed=form.outcome.data == "pass",
            reason=form.reason.data or "",
            expires_on=form.expires_on.data,
        ),
    ):
        flash("Written down.", "success")
        return redirect(url_for("award_checks.needs", award_id=award_id))
    return _check(award_id, kind, judging=form)


def _kind_of(check_id: UUID) -> str:
    found = payees.check(reading(), check_id)
    if found is None:
        raise NotFound
    return found.kind.value


@bp.post("/awards/<uuid:award_id>/needs/<kind>/waive")
@signed_in(*payees_access.OFFICERS)
@number_again
def waive(award_id: UUID, kind: str) -> ResponseReturnValue:
    """Ask that this award go on without a check."""
    need, form = _need(award_id, kind), WaiveForm()
    if carried_out(
        form, lambda uow: payees_service.ask_waiver(uow, need.kind, need.group_id, award_id, form.reason.data or "")
    ):
        flash("Another officer must decide.", "success")
        return redirect(url_for("award_checks.needs", award_id=award_id))
    return _check(award_id, kind, waive=form)


@bp.post("/awards/<uuid:award_id>/checks/<uuid:check_id>/waiver")
@signed_in(*payees_access.OFFICERS)
@number_again
def answer_waiver(award_id: UUID, check_id: UUID) -> ResponseReturnValue:
    """Decide whether this award can go on without."""
    kind, form = _kind_of(check_id), WaiverForm()
    _need(award_id, kind)
    if carried_out(form, lambda uow: readiness.answer_waiver(uow, check_id, agreed=form.answer.data == "yes")):
        flash("Written down.", "success")
        return redirect(url_for("award_checks.needs", award_id=award_id))
    return _check(award_id, kind, waiver=form)


@bp.route("/bank-accounts/<uuid:account_id>/verify", methods=["GET", "POST"])
@signed_in(*payees_access.OFFICERS)
@number_again
@post_limit("30 per hour")
def verify_account(account_id: UUID) -> ResponseReturnValue:
    """Type the numbers that stand on the statement: they are compared with what the group gave."""
    account = payees.by_id(reading(), account_id)
    if account is None:
        raise NotFound
    group_id, form = account.group_id, VerifyForm()
    if carried_out(
        form,
        lambda uow: readiness.verify_account(
            uow, bank_ring(), account_id, form.sort_code.data or "", form.account_number.data or ""
        ),
    ):
        flash("Verified. Money can be paid to this account.", "success")
        return redirect(url_for("payees.bank", group_id=group_id))
    group, shown = people.group(reading(), group_id), payees.by_id(reading(), account_id)
    return render_template("awards/verify_account.html", form=form, group=group, account=shown), form.status
