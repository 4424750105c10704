"""Pages of awards: the public page, the offer, the agreement, and what stewards do."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from grants.awards import access, queries
from grants.awards.forms import (
    MOST_PARTS,
    AnswerForm,
    ChangeAgainForm,
    ChangeAnswerForm,
    ChangeForm,
    CheckForm,
    ExtraForm,
    JudgeForm,
    MetForm,
    PartsForm,
    SignForm,
    StopForm,
    TemplateForm,
    VerifyForm,
    WaiveForm,
    WaiverForm,
    change_form,
)
from grants.awards.queries import AwardLine, AwardPage
from grants.awards.rules import (
    BLANKS,
    CHANGE_WORDS,
    HOLDS_MONEY,
    STEPS,
    VIREMENT_PERCENT,
    AgreementState,
    AwardAction,
    AwardState,
    ChangeKind,
    ChangeRequestAction,
    ChangeRequestState,
    Part,
    home_mark,
)
from grants.awards.service import agreements, amendments, answers, offers, readiness, standing
from grants.kernel.actors import Actor, Role
from grants.kernel.clock import london_day
from grants.kernel.errors import NotAllowed, NotFound, RuleBroken
from grants.kernel.states import can
from grants.payees import access as payees_access
from grants.payees import queries as payees
from grants.payees import service as payees_service
from grants.payees.rules.checks import ASKS, GroupCheckState
from grants.people import queries as people
from grants.review.rules import address_mark
from grants.rounds import queries as rounds
from grants.rounds.rules.states import RoundState
from grants.web.db import now, reading
from grants.web.doors import public, signed_in
from grants.web.limits import post_limit
from grants.web.needs import NeedsYou, needs_you
from grants.web.outside import bank_ring, files, stripe
from grants.web.pdf import pdf_answer
from grants.web.sections import Section, section, sections_for
from grants.web.session import current_actor
from grants.web.work import working

bp = Blueprint("awards", __name__)

OFFICERS = (Role.STEWARD, Role.FINANCE_OFFICER, Role.AUDITOR, Role.ADMIN)
FILTERS = {
    "open": (
        AwardState.OFFERED,
        AwardState.ACCEPTED,
        AwardState.IN_SET_UP,
        AwardState.ACTIVE,
        AwardState.ON_HOLD,
        AwardState.COMPLETED,
    ),
    "ended": (AwardState.CLOSED, AwardState.DECLINED, AwardState.LAPSED, AwardState.TERMINATED),
    "all": tuple(AwardState),
}


def _page(award_id: UUID) -> AwardPage:
    """The award, or 404; what was declined or has lapsed is shown only to those inside."""
    found = queries.award_page(reading(), award_id)
    if found is None or (found.award.state not in HOLDS_MONEY and not _inside(found)):
        raise NotFound
    return found


def _inside(page: AwardPage) -> bool:
    award = page.award
    return access.may_look_inside(current_actor(), award.fund_id, award.group_id, award.payee_id)


def _private(award_id: UUID) -> AwardPage:
    page = _page(award_id)
    if not _inside(page):
        raise NotAllowed("Only the group, its host and officers can see this page.")
    return page


def _may_steward(page: AwardPage) -> bool:
    actor, award = current_actor(), page.award
    return actor.has(Role.STEWARD, award.fund_id) and not access.involved(actor, award.group_id, award.payee_id)


@bp.get("/awards")
@signed_in(*OFFICERS)
def index() -> ResponseReturnValue:
    """All awards, for officers."""
    show = request.args.get("show", "open")
    states = FILTERS.get(show, FILTERS["open"])
    number = max(1, request.args.get("page", 1, type=int))
    lines, total = queries.listed(reading(), states, page=number)
    return render_template(
        "awards/index.html",
        lines=lines,
        total=total,
        show=show if show in FILTERS else "open",
        page=number,
        pages=-(-total // queries.PAGE),
    )


@bp.get("/awards/<uuid:award_id>")
@public
def show(award_id: UUID) -> ResponseReturnValue:
    """Who got how much, for what, from whom; more for those inside."""
    page = _page(award_id)
    inside, award = _inside(page), page.award
    agreement = award.agreements[-1] if award.agreements else None
    return render_template(
        "awards/show.html",
        page=page,
        award=award,
        line=page.line,
        inside=inside,
        agreement=agreement if inside else None,
        todo=list(_todo(page)) if inside else [],
        may_stop=inside and _may_steward(page) and any(can(STEPS, award.state, action) for action in _STOPS),
        may_edit=inside and _may_steward(page) and award.state is AwardState.ACCEPTED,
        now=now(),
        lacking=queries.lacking(reading(), award, london_day(now())) if inside and award.state in _SET_UP else [],
        versions=queries.versions(reading(), award_id) if inside else [],
        changes=queries.changes(reading(), award_id) if inside else [],
        may_change=award.state is AwardState.ACTIVE and current_actor().can_edit_for(award.group_id),
        extra=sections_for("award", award),
    )


_SET_UP = (AwardState.ACCEPTED, AwardState.IN_SET_UP)


def _todo(page: AwardPage) -> Iterable[dict[str, Any]]:
    """What the person who looks can do now."""
    award, actor = page.award, current_actor()
    if award.state is AwardState.OFFERED and actor.can_sign_off_for(award.group_id) and now() <= award.answer_by:
        yield {
            "title": "Answer this offer",
            "href": url_for("awards.answer", award_id=award.id),
            "due": award.answer_by,
        }
    agreement = award.agreements[-1] if award.agreements else None
    if agreement is not None and agreement.state is AgreementState.SENT:
        mine = any(one.person_id == actor.id for one in agreement.signatures)
        if access.involved(actor, award.group_id, award.payee_id) and not mine:
            yield {"title": "Read and sign the agreement", "href": url_for("awards.agreement", award_id=award.id)}


_TOLD = (RoundState.ANNOUNCED, RoundState.COMPLETED)


@bp.post("/rounds/<uuid:round_id>/offers")
@signed_in(Role.STEWARD)
def announce(round_id: UUID) -> ResponseReturnValue:
    """Announce a decided round and offer its awards, or offer what an announced one still lacks."""
    round = rounds.published(reading(), round_id)
    told = round.state in _TOLD
    with working() as uow:
        made = len(offers.offer_all(uow, round_id) if told else offers.announce_and_offer(uow, round_id))
    words = f"{made} award{'s were' if made != 1 else ' was'} offered."
    flash(words if told else f"Announced: every group has its letter, and the results are public. {words}", "success")
    return redirect(f"/rounds/{round_id}/results")


@bp.route("/awards/<uuid:award_id>/answer", methods=["GET", "POST"])
@signed_in(Role.GROUP_MEMBER)
def answer(award_id: UUID) -> ResponseReturnValue:
    """Say yes or no to an offer."""
    page = _private(award_id)
    access.ensure_may_answer(current_actor(), page.award.group_id)
    form = AnswerForm()
    if form.accepted():
        try:
            with working() as uow:
                if form.answer.data == "yes":
                    answers.accept(uow, award_id)
                else:
                    answers.decline(uow, award_id, form.reason.data or "")
            if form.answer.data == "yes":
                flash("You accepted the offer. Now two people sign the agreement.", "success")
                return redirect(url_for("awards.agreement", award_id=award_id))
            flash("You declined the offer. Thank you for telling us.", "success")
            return redirect(url_for("awards.show", award_id=award_id))
        except RuleBroken as broken:
            form.show(broken)
            page = _private(award_id)
    return render_template("awards/answer.html", form=form, page=page, award=page.award, line=page.line), form.status


@bp.route("/awards/<uuid:award_id>/agreement", methods=["GET", "POST"])
@signed_in()
def agreement(award_id: UUID) -> ResponseReturnValue:
    """Read the agreement; sign it if it waits for this person's name."""
    page = _private(award_id)
    version = request.args.get("version", type=int)
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
            return redirect(url_for("awards.agreement", award_id=award_id))
        except RuleBroken as broken:
            form.show(broken)
            page = _private(award_id)
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
        may_edit=_may_steward(page) and award.state is AwardState.ACCEPTED,
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
    page = _private(award_id)
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
            return redirect(url_for("awards.agreement", award_id=award_id))
        except RuleBroken as broken:
            form.show(broken)
            page = _private(award_id)
    return render_template("awards/edit.html", form=form, page=page, award=page.award, line=page.line), form.status


@bp.route("/awards/<uuid:award_id>/parts", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def parts(award_id: UUID) -> ResponseReturnValue:
    """Say in which parts the award is paid."""
    page = _private(award_id)
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
            page = _private(award_id)
    return render_template(
        "awards/parts.html", form=form, page=page, award=page.award, line=page.line, numbers=range(1, MOST_PARTS + 1)
    ), form.status


# ------------------------------------------------------------------------------------------------ what must be known


@bp.get("/awards/<uuid:award_id>/needs")
@signed_in()
def needs(award_id: UUID) -> ResponseReturnValue:
    """What we need before money can leave: for the group to give, for officers to check."""
    page = _private(award_id)
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
        paper = form.paper.data.read() if form.paper.data else None
        try:
            with working() as uow:
                payees_service.give_answer(
                    uow, files(), need.kind, need.group_id, award_id, form.words.data or "", paper
                )
            flash("Thank you. An officer looks at it next.", "success")
            return redirect(url_for("awards.needs", award_id=award_id))
        except RuleBroken as broken:
            form.show(broken)
    return _check(award_id, kind, give=form)


def _need(award_id: UUID, kind: str) -> payees.Need:
    found = queries.needs(reading(), _private(award_id).award, london_day(now()))
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
    page, need, actor = _private(award_id), _need(award_id, kind), current_actor()
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
    if form.accepted():
        try:
            with working() as uow:
                readiness.judge_check(
                    uow,
                    check_id,
                    passed=form.outcome.data == "pass",
                    reason=form.reason.data or "",
                    expires_on=form.expires_on.data,
                )
            flash("Written down.", "success")
            return redirect(url_for("awards.needs", award_id=award_id))
        except RuleBroken as broken:
            form.show(broken)
    return _check(award_id, kind, judging=form)


def _kind_of(check_id: UUID) -> str:
    found = payees.check(reading(), check_id)
    if found is None:
        raise NotFound
    return found.kind.value


@bp.post("/awards/<uuid:award_id>/needs/<kind>/waive")
@signed_in(*payees_access.OFFICERS)
def waive(award_id: UUID, kind: str) -> ResponseReturnValue:
    """Ask that this award go on without a check."""
    need, form = _need(award_id, kind), WaiveForm()
    if form.accepted():
        try:
            with working() as uow:
                payees_service.ask_waiver(uow, need.kind, need.group_id, award_id, form.reason.data or "")
            flash("Another officer must decide.", "success")
            return redirect(url_for("awards.needs", award_id=award_id))
        except RuleBroken as broken:
            form.show(broken)
    return _check(award_id, kind, waive=form)


@bp.post("/awards/<uuid:award_id>/checks/<uuid:check_id>/waiver")
@signed_in(*payees_access.OFFICERS)
def answer_waiver(award_id: UUID, check_id: UUID) -> ResponseReturnValue:
    """Decide whether this award can go on without."""
    kind, form = _kind_of(check_id), WaiverForm()
    _need(award_id, kind)
    if form.accepted():
        try:
            with working() as uow:
                readiness.answer_waiver(uow, check_id, agreed=form.answer.data == "yes")
            flash("Written down.", "success")
            return redirect(url_for("awards.needs", award_id=award_id))
        except RuleBroken as broken:
            form.show(broken)
    return _check(award_id, kind, waiver=form)


@bp.route("/bank-accounts/<uuid:account_id>/verify", methods=["GET", "POST"])
@signed_in(*payees_access.OFFICERS)
@post_limit("30 per hour")
def verify_account(account_id: UUID) -> ResponseReturnValue:
    """Type the numbers that stand on the statement: they are compared with what the group gave."""
    account = payees.by_id(reading(), account_id)
    if account is None:
        raise NotFound
    group_id, form = account.group_id, VerifyForm()
    if form.accepted():
        try:
            with working() as uow:
                readiness.verify_account(
                    uow, bank_ring(), account_id, form.sort_code.data or "", form.account_number.data or ""
                )
            flash("Verified. Money can be paid to this account.", "success")
            return redirect(url_for("payees.bank", group_id=group_id))
        except RuleBroken as broken:
            form.show(broken)
    group, shown = people.group(reading(), group_id), payees.by_id(reading(), account_id)
    return render_template("awards/verify_account.html", form=form, group=group, account=shown), form.status


@bp.route("/instalments/<uuid:instalment_id>/met", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def meet(instalment_id: UUID) -> ResponseReturnValue:
    """Say that what had to happen before a part is paid has happened."""
    part = queries.instalment(reading(), instalment_id)
    if part is None:
        raise NotFound
    award_id, form = part.award_id, MetForm()
    page = _private(award_id)
    if form.accepted():
        try:
            with working() as uow:
                readiness.meet_condition(uow, instalment_id, form.note.data or "")
            flash("Written down. This part can be asked for on its day.", "success")
            return redirect(url_for("awards.show", award_id=award_id))
        except RuleBroken as broken:
            form.show(broken)
            page = _private(award_id)
    part = queries.instalment(reading(), instalment_id)
    return render_template("awards/meet.html", form=form, page=page, line=page.line, part=part), form.status


# ------------------------------------------------------------------------------------------------- agreements on paper


@bp.get("/awards/<uuid:award_id>/agreement.pdf")
@signed_in()
def agreement_pdf(award_id: UUID) -> ResponseReturnValue:
    """The agreement to keep, with the names under it."""
    page = _private(award_id)
    shown = queries.agreement(reading(), award_id, request.args.get("version", type=int))
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
            return redirect(url_for("awards.template"))
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


# ------------------------------------------------------------------------------------------------------------- changes


@bp.route("/awards/<uuid:award_id>/changes", methods=["GET", "POST"])
@signed_in()
def changes(award_id: UUID) -> ResponseReturnValue:
    """What a group asked to change, and what we said; asking for one."""
    form = change_form(queries.budget(reading(), _private(award_id).award))
    if form.accepted():
        try:
            with working() as uow:
                kind, wish, reason = ChangeKind(form.kind.data), form.wish.data or "", form.reason.data or ""
                amendments.ask_change(uow, award_id, kind, wish, reason, form.wanted())
            flash("We have your wish. A steward answers it.", "success")
            return redirect(url_for("awards.changes", award_id=award_id))
        except RuleBroken as broken:
            form.show(broken)
    return _changes(award_id, form, ChangeAgainForm(formdata=None), ChangeAnswerForm(formdata=None))


def _changes(
    award_id: UUID, form: ChangeForm | None, again: ChangeAgainForm, answer: ChangeAnswerForm
) -> ResponseReturnValue:
    page, actor = _private(award_id), current_actor()
    award, found = page.award, queries.changes(reading(), award_id)
    budget = queries.budget(reading(), award)
    form = form or change_form(budget, fresh=True)
    open_one = queries.open_change(reading(), award_id)
    going_on, ours = award.state is AwardState.ACTIVE, actor.can_edit_for(award.group_id)
    queried = open_one is not None and open_one.state is ChangeRequestState.QUERIED
    if queried and again.status == 200 and open_one is not None:
        again.wish.data, again.reason.data = open_one.wish, open_one.reason
    return render_template(
        "awards/changes.html",
        form=form,
        again_form=again,
        answer_form=answer,
        award=award,
        budget=budget,
        virement_percent=VIREMENT_PERCENT,
        lines_in=queries.lines_in,
        line=page.line,
        changes=found,
        versions=queries.versions(reading(), award_id),
        kinds=CHANGE_WORDS,
        open_one=open_one,
        may_ask=going_on and ours and open_one is None,
        may_again=going_on and ours and queried,
        may_answer=going_on
        and _may_steward(page)
        and open_one is not None
        and open_one.state is ChangeRequestState.SUBMITTED,
        may_apply=going_on
        and _may_steward(page)
        and open_one is not None
        and open_one.state is ChangeRequestState.APPROVED
        and not (open_one.amount_minor is not None and open_one.answered_by_id == actor.id),
        another_applies=open_one is not None
        and open_one.state is ChangeRequestState.APPROVED
        and open_one.amount_minor is not None
        and open_one.answered_by_id == actor.id,
    ), max(form.status, again.status, answer.status)


def _award_of_change(change_id: UUID) -> UUID:
    found = queries.change(reading(), change_id)
    if found is None:
        raise NotFound
    return found.award_id


@bp.post("/changes/<uuid:change_id>/again")
@signed_in(Role.GROUP_MEMBER)
def change_again(change_id: UUID) -> ResponseReturnValue:
    """Answer a question about a change."""
    award_id, form = _award_of_change(change_id), ChangeAgainForm()
    if form.accepted():
        try:
            with working() as uow:
                amendments.change_again(uow, change_id, form.wish.data or "", form.reason.data or "")
            flash("Thank you. A steward answers it.", "success")
            return redirect(url_for("awards.changes", award_id=award_id))
        except RuleBroken as broken:
            form.show(broken)
    return _changes(award_id, None, form, ChangeAnswerForm(formdata=None))


@bp.post("/changes/<uuid:change_id>/answer")
@signed_in(Role.STEWARD)
def answer_change(change_id: UUID) -> ResponseReturnValue:
    """Say yes, ask, or say no."""
    award_id, form = _award_of_change(change_id), ChangeAnswerForm()
    if form.accepted():
        try:
            with working() as uow:
                amendments.answer_change(uow, change_id, ChangeRequestAction(form.action.data), form.words.data or "")
            flash("The group was told.", "success")
            return redirect(url_for("awards.changes", award_id=award_id))
        except RuleBroken as broken:
            form.show(RuleBroken(broken.message, "words" if broken.field == "reason" else broken.field))
    return _changes(award_id, None, ChangeAgainForm(formdata=None), form)


@bp.post("/changes/<uuid:change_id>/apply")
@signed_in(Role.STEWARD)
def apply_change(change_id: UUID) -> ResponseReturnValue:
    """Put an approved change into force."""
    award_id = _award_of_change(change_id)
    form = ChangeAnswerForm(formdata=None)
    try:
        with working() as uow:
            version = amendments.apply_change(uow, change_id)
            number, sum_changed = version.version, version.amount_minor is not None
        words = f"It holds from now on: version {number} of the award."
        if sum_changed:
            words += " A new agreement was sent. Nothing is paid until everybody has signed it."
        flash(words, "success")
        return redirect(url_for("awards.changes", award_id=award_id))
    except RuleBroken as broken:
        form.show(RuleBroken(broken.message))
    return _changes(award_id, None, ChangeAgainForm(formdata=None), form)


_STOPS = {
    AwardAction.HOLD: ("Put it on hold", "No payment leaves until you let it go on."),
    AwardAction.RELEASE: ("Let it go on", "Payments can be made again."),
    AwardAction.TERMINATE: ("End it early", "What was not paid goes back to the pot. You cannot undo this."),
}


def _stops_of(state: AwardState) -> Any:
    return [(action.value, *words) for action, words in _STOPS.items() if can(STEPS, state, action)]


@bp.route("/awards/<uuid:award_id>/stop", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def stop(award_id: UUID) -> ResponseReturnValue:
    """Hold, release or end an award, with a reason."""
    page = _private(award_id)
    access.ensure_steward(current_actor(), page.award.fund_id, page.award.group_id, page.award.payee_id)
    form = StopForm()
    form.action.choices = _stops_of(page.award.state)
    if form.accepted():
        do = {"hold": standing.hold, "release": standing.release, "terminate": standing.terminate}[form.action.data]
        try:
            with working() as uow:
                do(uow, award_id, form.reason.data or "")
            flash("Done. The group was told.", "success")
            return redirect(url_for("awards.show", award_id=award_id))
        except RuleBroken as broken:
            form.show(broken)
            page = _private(award_id)
    return render_template("awards/stop.html", form=form, page=page, award=page.award, line=page.line), form.status


# ---------------------------------------------------------------------------------------------- what other pages show


def _listed(id: str, title: str, lines: Sequence[AwardLine], show: str) -> Section | None:
    if not lines:
        return None
    return Section(id, title, Markup(render_template("awards/_list.html", lines=lines, show=show, title=title)))  # noqa: S704


@section("priority", 60)
def _on_priority(priority: Any) -> Section | None:
    return _listed("awards", "What was funded", queries.of_priority(reading(), priority.id), "group")


@section("fund", 60)
def _on_fund(fund: Any) -> Section | None:
    return _listed("awards", "Awards from this pot", queries.of_fund(reading(), fund.id, limit=25), "group")


@section("round", 60)
def _on_round(round: Any) -> Section | None:
    """The round's awards; for a steward also the button that announces and offers them."""
    lines = queries.of_round(reading(), round.id)
    may = current_actor().has(Role.STEWARD, round.fund_id)
    missing = queries.unoffered_count(reading(), round.id) if may and round.state in _TOLD else 0
    ready = may and round.state is RoundState.DECIDED
    if not lines and not missing and not ready:
        return None
    html = render_template("awards/_of_round.html", lines=lines, round=round, missing=missing, ready=ready)
    return Section("awards", "Awards", Markup(html))  # noqa: S704


@section("group", 60)
def _on_group(group: Any) -> Section | None:
    return _listed("awards", "Grants to this group", queries.of_group(reading(), group.id), "priority")


@section("proposal", 60)
def _on_proposal(proposal: Any) -> Section | None:
    found = queries.of_proposal(reading(), proposal.id)
    return _listed("award", "The award", [found], "priority") if found is not None else None


# ------------------------------------------------------------------------------------------------------ what needs whom


@needs_you
def _needs_of_groups(actor: Actor, moment: datetime) -> Iterable[NeedsYou]:
    """Offers to answer and agreements to sign, for members of the group or of its host."""
    signing_off = [group_id for group_id, rights in actor.groups.items() if rights.sign_off]
    if signing_off:
        for one in queries.offers_to(reading(), signing_off, moment):
            yield NeedsYou(
                f"Answer the offer for “{one.title}”",
                url_for("awards.answer", award_id=one.award_id),
                one.group_name,
                one.answer_by,
            )
    if actor.groups:
        for one in queries.setting_up(reading(), list(actor.groups)):
            yield NeedsYou(
                f"Give us what we need before we can pay “{one.title}”",
                url_for("awards.needs", award_id=one.award_id),
                one.group_name,
            )
    if actor.groups and actor.id is not None:
        for account in payees.to_confirm(reading(), signing_off, actor.id):
            yield NeedsYou(
                "Confirm your group's bank details",
                url_for("payees.bank", group_id=account.group_id),
                account.group.name,
            )
        for one in queries.to_sign(reading(), actor.id, list(actor.groups)):
            yield NeedsYou(
                f"Sign the agreement for “{one.title}”",
                url_for("awards.agreement", award_id=one.award_id),
                one.group_name,
            )


@needs_you
def _needs_of_officers(actor: Actor, moment: datetime) -> Iterable[NeedsYou]:
    """Bank accounts and papers to check, and changes to answer."""
    if not any(actor.has(role) for role in payees_access.OFFICERS):
        return
    for account in payees.to_check(reading()):
        if payees_access.may_judge(
            actor, account.group_id, (account.given_by_id, account.confirmed_by_id, account.paper_by_id)
        ):
            yield NeedsYou(
                "Check a bank account", url_for("payees.bank", group_id=account.group_id), account.group.name
            )
    for one in queries.with_answers_to_judge(reading()):
        if not access.involved(actor, one.group_id, one.payee_id):
            yield NeedsYou(
                f"Check what the group gave for “{one.title}”",
                url_for("awards.needs", award_id=one.award_id),
                one.group_name,
            )
    if actor.has(Role.STEWARD):
        for one in queries.awards_with_changes(reading()):
            if actor.has(Role.STEWARD, one.fund_id) and not access.involved(actor, one.group_id, one.payee_id):
                yield NeedsYou(
                    f"Answer a change of “{one.title}”",
                    url_for("awards.changes", award_id=one.award_id),
                    one.group_name,
                )
