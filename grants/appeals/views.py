"""Lodge an appeal, read it, judge it, put it right; and what everybody can read of a round's appeals."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from grants.allocation import queries as decisions
from grants.allocation.rules.states import DecisionState, last_day_to_appeal
from grants.appeals import access, queries, service
from grants.appeals.forms import AppealForm, HearForm, JudgeForm, RemedyForm
from grants.appeals.rules import GROUND_WORDS, REMEDY_WORDS, TIE_TOLD, AppealState, Tie, closest, in_time
from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotFound, RuleBroken
from grants.proposals.queries import whole
from grants.rounds import queries as rounds
from grants.rounds.access import may_see_desk
from grants.web.db import now, reading
from grants.web.doors import signed_in
from grants.web.needs import NeedsYou, Rows, needs_you
from grants.web.sections import Section, section
from grants.web.session import current_actor
from grants.web.work import carried_out, working

bp = Blueprint("appeals", __name__)

READERS = (Role.ADMIN, Role.AUDITOR, Role.PANELLIST, Role.STEWARD)


def _my_ties(actor: Actor, ties: dict[UUID, set[Tie]]) -> Collection[Tie]:
    return ties.get(actor.id, ()) if actor.id is not None else ()


# ------------------------------------------------------------------------------------------------------------ the group


@bp.route("/decisions/<uuid:decision_id>/appeal", methods=["GET", "POST"])
@signed_in()
def lodge(decision_id: UUID) -> ResponseReturnValue:
    """A group appeals against how it was judged."""
    decision = decisions.decision(reading(), decision_id)
    if decision.notified_at is None:
        raise NotFound("There is no such decision.")
    bid, round = whole.proposal(reading(), decision.proposal_id), rounds.published(reading(), decision.round_id)
    access.ensure_may_lodge(current_actor(), bid.group_id)
    if (found := queries.of_decision(reading(), decision_id)) is not None:
        return redirect(url_for("appeals.page", appeal_id=found.id))
    days = rounds.rule_book(round).appeal_days
    form = AppealForm()
    if form.accepted():
        try:
            with working() as uow:
                made = service.lodge(uow, decision_id, form.to_draft())
            flash("Your appeal is lodged. You get a letter when somebody has read it.", "success")
            return redirect(url_for("appeals.page", appeal_id=made.id))
        except RuleBroken as broken:
            form.show(broken)
    page = render_template(
        "appeals/lodge.html",
        form=form,
        bid=bid,
        round=round,
        decision=decision,
        open=decision.state is not DecisionState.SUPERSEDED and in_time(decision.notified_at, days, now()),
        last=last_day_to_appeal(decision.notified_at, days),
    )
    return page, form.status


@bp.get("/appeals/<uuid:appeal_id>")
@signed_in()
def page(appeal_id: UUID) -> ResponseReturnValue:
    """One appeal, where it stands, and who may judge it."""
    appeal, shown = _shown(appeal_id)
    actor, ties = current_actor(), shown["ties"]
    runs = access.may_remedy(actor, shown["round"].fund_id)
    people = []
    if appeal.state in queries.OPEN and may_see_desk(actor, shown["round"].fund_id):
        people = [(one.name, closest(ties.get(one.id, ()))) for one in queries.judges(reading())]
    return render_template(
        "appeals/page.html",
        **shown,
        why_not=access.why_not_judge(actor, _my_ties(actor, ties)),
        may_remedy=runs and appeal.state is AppealState.UPHELD and appeal.remedied_at is None,
        people=[(name, TIE_TOLD[tie] if tie else "may judge") for name, tie in people],
        nobody=bool(people) and all(tie for _, tie in people),
    )


def _shown(appeal_id: UUID) -> tuple[Any, dict[str, Any]]:
    """An appeal with what it is about, for those who may read it."""
    appeal = queries.appeal(reading(), appeal_id)
    decision = decisions.decision(reading(), appeal.decision_id)
    bid, round = whole.proposal(reading(), decision.proposal_id), rounds.published(reading(), appeal.round_id)
    ties = queries.involved(reading(), [appeal.decision_id])[appeal.decision_id]
    actor = current_actor()
    access.ensure_may_read(actor, round.fund_id, bid.group_id, _my_ties(actor, ties))
    return appeal, {
        "appeal": appeal,
        "decision": decision,
        "bid": bid,
        "round": round,
        "ties": ties,
        "ground": GROUND_WORDS[appeal.ground],
        "remedy": REMEDY_WORDS[appeal.remedy] if appeal.remedy else "",
        "superseded": decision.state is DecisionState.SUPERSEDED,
    }


# ------------------------------------------------------------------------------------------------------------ the judge


@bp.get("/appeals")
@signed_in(*READERS)
def index() -> ResponseReturnValue:
    """Appeals that this person may read, those that wait first."""
    actor, lines, shown = current_actor(), queries.lines(reading()), []
    involved = queries.involved(reading(), [line.decision_id for line in lines])
    for line in lines:
        waits, ties = line.state in queries.OPEN, _my_ties(actor, involved[line.decision_id])
        if access.may_read(actor, line.fund_id, line.group_id, ties):
            shown.append((line, GROUND_WORDS[line.ground], waits and access.why_not_judge(actor, ties) is None))
    shown.sort(key=lambda one: (one[0].state not in queries.OPEN, one[0].lodged_at))
    return render_template("appeals/index.html", lines=shown)


@bp.route("/appeals/<uuid:appeal_id>/hear", methods=["GET", "POST"])
@signed_in(*access.JUDGES)
def hear(appeal_id: UUID) -> ResponseReturnValue:
    """Is it about how the decision was made?"""
    appeal, shown = _to_judge(appeal_id)
    if appeal.state is not AppealState.LODGED:
        return redirect(url_for("appeals.page", appeal_id=appeal_id))
    form = HearForm()
    if form.accepted():
        yes = form.taken_on.data == "yes"
        try:
            with working() as uow:
                service.hear(
                    uow,
                    appeal_id,
                    accepted=yes,
                    reason=form.reason.data or "",
                    public_words=form.public_words.data or "",
                )
            flash("Taken on. It can be judged now." if yes else "It ends here, and the group is written to.", "success")
            return redirect(url_for("appeals.page", appeal_id=appeal_id))
        except RuleBroken as broken:
            form.show(broken)
    return render_template("appeals/hear.html", form=form, **shown), form.status


@bp.route("/appeals/<uuid:appeal_id>/judge", methods=["GET", "POST"])
@signed_in(*access.JUDGES)
def judge(appeal_id: UUID) -> ResponseReturnValue:
    """Decide about an appeal."""
    appeal, shown = _to_judge(appeal_id)
    if appeal.state is not AppealState.ACCEPTED:
        return redirect(url_for("appeals.page", appeal_id=appeal_id))
    form = JudgeForm()
    if carried_out(form, lambda uow: service.judge(uow, appeal_id, form.to_judgement())):
        flash("Decided. The group is written to.", "success")
        return redirect(url_for("appeals.page", appeal_id=appeal_id))
    return render_template("appeals/judge.html", form=form, **shown), form.status


def _to_judge(appeal_id: UUID) -> tuple[Any, dict[str, Any]]:
    appeal, shown = _shown(appeal_id)
    access.ensure_may_judge(current_actor(), _my_ties(current_actor(), shown["ties"]))
    return appeal, shown


@bp.route("/appeals/<uuid:appeal_id>/put-right", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def put_right(appeal_id: UUID) -> ResponseReturnValue:
    """A steward says what was done."""
    appeal, shown = _shown(appeal_id)
    access.ensure_may_remedy(current_actor(), shown["round"].fund_id)
    if appeal.state is not AppealState.UPHELD or appeal.remedied_at is not None:
        return redirect(url_for("appeals.page", appeal_id=appeal_id))
    form = RemedyForm()
    if carried_out(form, lambda uow: service.note_remedy(uow, appeal_id, form.words.data or "")):
        flash("Noted. The group is written to.", "success")
        return redirect(url_for("appeals.page", appeal_id=appeal_id))
    return render_template("appeals/put_right.html", form=form, **shown), form.status


# ----------------------------------------------------------------------------------- on other pages, and what needs you


@section("round", 65)
def on_round(round: Any) -> Section | None:
    """For everybody, once announced: how many appeals there were, and what came of them, without names."""
    if not decisions.is_announced(round):
        return None
    found = queries.public_of_round(reading(), round.id)
    if not found:
        return None
    html = render_template(
        "appeals/_round.html", appeals=[(one, GROUND_WORDS[one.ground]) for one in found], round=round
    )
    return Section("appeals", "Appeals", Markup(html))  # noqa: S704  (a template of ours escapes)


@section("proposal", 45)
def on_proposal(proposal: Any) -> Section | None:
    """For the group itself: its appeals."""
    if proposal.group_id not in current_actor().groups:
        return None
    found = queries.of_proposal(reading(), proposal.id)
    if not found:
        return None
    html = render_template("appeals/_proposal.html", appeals=found)
    return Section("appeals", "Your appeal", Markup(html))  # noqa: S704  (a template of ours escapes)


@section("desk", 35)
def on_desk(round: Any) -> Section | None:
    """How many appeals a round has."""
    count = queries.count_of_round(reading(), round.id)
    if not count:
        return None
    html = render_template("appeals/_desk.html", count=count)
    return Section("appeals", "Appeals", Markup(html))  # noqa: S704  (a template of ours escapes)


@needs_you(queries.to_judge)
def _appeals_to_judge(actor: Actor, at: datetime, rows: Rows) -> Iterator[NeedsYou]:
    """Whoever had no part: judge."""
    for line in (queries.Line(*row) for row in rows):
        yield NeedsYou(
            "Read an appeal" if line.state is AppealState.LODGED else "Judge an appeal",
            url_for("appeals.page", appeal_id=line.id),
            detail=f"You had no part in “{line.round_title}”, so you may.",
        )


@needs_you(queries.to_remedy)
def _to_remedy(actor: Actor, at: datetime, rows: Rows) -> Iterator[NeedsYou]:
    """Stewards: put right what was upheld."""
    for line in (queries.Line(*row) for row in rows):
        if access.may_remedy(actor, line.fund_id):
            yield NeedsYou(
                f"Put right what an appeal found in “{line.round_title}”",
                url_for("appeals.page", appeal_id=line.id),
                detail="It was upheld.",
            )
