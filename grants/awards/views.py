"""Pages of awards: the public page, the offer, the agreement, and what stewards do."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from grants.awards import access, queries, service
from grants.awards.forms import MOST_PARTS, AnswerForm, ExtraForm, PartsForm, SignForm, StopForm
from grants.awards.queries import AwardLine, AwardPage
from grants.awards.rules import HOLDS_MONEY, STEPS, AgreementState, AwardAction, AwardState, Part
from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotAllowed, NotFound, RuleBroken
from grants.kernel.states import can
from grants.people import queries as people
from grants.rounds import queries as rounds
from grants.rounds.rules import RoundState
from grants.web.db import now, reading
from grants.web.doors import public, signed_in
from grants.web.needs import NeedsYou, needs_you
from grants.web.sections import Section, section, sections_for
from grants.web.session import current_actor
from grants.web.work import working

bp = Blueprint("awards", __name__)

OFFICERS = (Role.STEWARD, Role.FINANCE_OFFICER, Role.AUDITOR, Role.ADMIN)
FILTERS = {
    "open": (AwardState.OFFERED, AwardState.ACCEPTED, AwardState.ACTIVE, AwardState.ON_HOLD, AwardState.COMPLETED),
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
        extra=sections_for("award", award),
    )


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
        made = len(service.offer_all(uow, round_id) if told else service.announce_and_offer(uow, round_id))
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
                    service.accept(uow, award_id)
                else:
                    service.decline(uow, award_id, form.reason.data or "")
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
                signed = service.sign(uow, shown.id, form.typed_name.data or "").state is AgreementState.SIGNED
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
                written = service.write_agreement(uow, award_id, form.extra.data or "").version
            flash(f"Version {written} was written, and the group was asked to sign it.", "success")
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
                service.plan_instalments(uow, award_id, form.to_parts())
            flash("The parts are planned. A new version of the agreement was sent to the group.", "success")
            return redirect(url_for("awards.show", award_id=award_id))
        except RuleBroken as broken:
            form.show(broken)
            page = _private(award_id)
    return render_template(
        "awards/parts.html", form=form, page=page, award=page.award, line=page.line, numbers=range(1, MOST_PARTS + 1)
    ), form.status


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
        do = {"hold": service.hold, "release": service.release, "terminate": service.terminate}[form.action.data]
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
    if actor.groups and actor.id is not None:
        for one in queries.to_sign(reading(), actor.id, list(actor.groups)):
            yield NeedsYou(
                f"Sign the agreement for “{one.title}”",
                url_for("awards.agreement", award_id=one.award_id),
                one.group_name,
            )
