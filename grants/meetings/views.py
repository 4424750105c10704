"""Pages of the stage ``meetings``: made for a tablet on a table in a village hall."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from grants.allocation import queries as allocation
from grants.allocation.access import may_decide, may_see_desk
from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotAllowed, NotFound, RuleBroken
from grants.meetings import access, queries, service
from grants.meetings.forms import AttendForm, BidForm, PlanForm
from grants.meetings.rules import AgendaOrder, MeetingState
from grants.people import queries as people
from grants.review import queries as review
from grants.rounds import queries as rounds
from grants.rounds.access import ensure_may_run, may_run
from grants.rounds.rules.states import RoundState
from grants.web.db import reading
from grants.web.doors import public, signed_in
from grants.web.needs import NeedsYou, Rows, needs_you
from grants.web.pdf import pdf_answer
from grants.web.sections import Section, section
from grants.web.session import current_actor
from grants.web.work import carried_out, working

bp = Blueprint("meetings", __name__)

DESK = (Role.ADMIN, Role.AUDITOR, Role.PANELLIST, Role.STEWARD)


def _round(round_id: UUID) -> Any:
    """The round, for those who may know of its meeting: its panel, stewards, auditors and admins."""
    actor, round = current_actor(), rounds.published(reading(), round_id)
    if not may_see_desk(actor, round.fund_id, review.is_panellist(reading(), round_id, actor.id)):
        raise NotAllowed("Only stewards of this fund and the round's panel can read this page.")
    return round


def _meeting(round_id: UUID) -> tuple[Any, Any, list[Any]]:
    round, meeting = _round(round_id), queries.of_round(reading(), round_id)
    if meeting is None:
        raise NotFound("No meeting is planned for this round.")
    return round, meeting, queries.agenda(reading(), round, meeting)


@bp.get("/rounds/<uuid:round_id>/meeting")
@signed_in(*DESK)
def page(round_id: UUID) -> ResponseReturnValue:
    """When and where, who is there, and the agenda with how far it is."""
    return _page(round_id)


def _page(round_id: UUID, attend: AttendForm | None = None) -> ResponseReturnValue:
    actor, round = current_actor(), _round(round_id)
    meeting = queries.of_round(reading(), round_id)
    runs, chair = may_run(actor, round.fund_id), review.chair_id(reading(), round_id)
    worked_out = allocation.standing_run(reading(), round_id) is not None
    if meeting is None:
        return render_template(
            "meetings/none.html",
            round=round,
            may_plan=runs and round.state is RoundState.PANEL and worked_out,
            worked_out=worked_out,
        )
    items = queries.agenda(reading(), round, meeting)
    sitting = review.members(reading(), round_id)
    attend = attend or AttendForm(data={"present": [UUID(id) for id in meeting.present]}, formdata=None)
    attend.present.choices = [(one.person_id, one.name) for one in sitting if one.person_id != meeting.chair_id]
    mine = [one for one in items if actor.id not in one.out]
    to_do = [one for one in mine if one.row.verdict is None]
    shown = render_template(
        "meetings/page.html",
        round=round,
        meeting=meeting,
        items=items,
        me=actor.id,
        attend=attend,
        present=[one.name for one in sitting if str(one.person_id) in meeting.present],
        names={one.person_id: one.name for one in sitting},
        members=len(sitting),
        quorum=rounds.rule_book(round).quorum,
        next_bid=to_do[0].row.position if to_do else None,
        settled=len(mine) - len(to_do),
        of=len(mine),
        leads=may_decide(actor, round.fund_id, chair),
        notes=access.may_note(actor, round.fund_id, chair),
        may_plan=runs and meeting.state is not MeetingState.CLOSED,
    )
    return shown, attend.status


@bp.route("/rounds/<uuid:round_id>/meeting/plan", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def plan(round_id: UUID) -> ResponseReturnValue:
    """Say when and where the panel meets, and in which order it takes the bids."""
    round = _round(round_id)
    ensure_may_run(current_actor(), round.fund_id)
    meeting = queries.of_round(reading(), round_id)
    known = {"starts_at": meeting.starts_at, "place": meeting.place, "order": meeting.agenda_order} if meeting else {}
    form = PlanForm(data=known or {"order": AgendaOrder.RESULT})
    if carried_out(
        form, lambda uow: service.plan(uow, round_id, form.starts_at.data, form.place.data or "", form.order.data)
    ):
        flash("Planned. Every member of the panel gets a letter.", "success")
        return redirect(url_for("meetings.page", round_id=round_id))
    return render_template("meetings/plan.html", round=round, meeting=meeting, form=form), form.status


@bp.post("/rounds/<uuid:round_id>/meeting/begin")
@signed_in(Role.PANELLIST)
def begin(round_id: UUID) -> ResponseReturnValue:
    """The chair opens the meeting."""
    _round(round_id)
    with working() as uow:
        service.begin(uow, round_id)
    flash("The meeting is open. Say who is here, then go through the bids.", "success")
    return redirect(url_for("meetings.page", round_id=round_id))


@bp.post("/rounds/<uuid:round_id>/meeting/attendance")
@signed_in(Role.PANELLIST, Role.STEWARD)
def attendance(round_id: UUID) -> ResponseReturnValue:
    """Write down who is there."""
    _, meeting, _ = _meeting(round_id)
    form = AttendForm()
    form.present.choices = [
        (one.person_id, one.name) for one in review.members(reading(), round_id) if one.person_id != meeting.chair_id
    ]
    if carried_out(form, lambda uow: service.attend(uow, round_id, form.present.data or [])):
        flash("Written down.", "success")
        return redirect(url_for("meetings.page", round_id=round_id))
    return _page(round_id, form)


@bp.route("/rounds/<uuid:round_id>/meeting/bids/<int:position>", methods=["GET", "POST"])
@signed_in(*DESK)
def bid(round_id: UUID, position: int) -> ResponseReturnValue:
    """One bid: what the votes say, how far apart the panel was, what was said, what is recommended."""
    round, meeting, items = _meeting(round_id)
    item = next((one for one in items if one.row.position == position), None)
    if item is None:
        raise NotFound("There is no such bid on the agenda.")
    actor, chair = current_actor(), review.chair_id(reading(), round_id)
    around = {"round": round, "position": position, "last": len(items)}
    if actor.id in item.out:
        if request.method == "POST":
            access.ensure_is_part(actor, out=True)
        return render_template("meetings/not_yours.html", **around)
    leads = may_decide(actor, round.fund_id, chair)
    ruled = item.decision.verdict if item.decision else None
    form = BidForm(
        data={
            "note": item.row.note,
            "verdict": item.row.verdict or ruled,
            "reason": item.row.reason,
            "conditions": item.row.conditions,
        }
    )
    if request.method == "POST":
        access.ensure_may_note(actor, round.fund_id, chair)
    if form.accepted():
        only_note = not leads or request.form.get("do") == "note"
        try:
            with working() as uow:
                service.settle(uow, round_id, position, form.to_settled(only_note=only_note))
            if only_note:
                flash("The note is kept.", "success")
                return redirect(url_for("meetings.bid", round_id=round_id, position=position))
            to_do = [
                one.row.position
                for one in items
                if one.row.verdict is None and actor.id not in one.out and one.row.position != position
            ]
            flash(f"Bid {position} is settled.", "success")
            after = [place for place in to_do if place > position] or to_do
            if after:
                return redirect(url_for("meetings.bid", round_id=round_id, position=after[0]))
            return redirect(url_for("meetings.page", round_id=round_id))
        except RuleBroken as broken:
            form.show(broken)
    names = {one.person_id: one.name for one in review.members(reading(), round_id)}
    shown = render_template(
        "meetings/bid.html",
        **around,
        meeting=meeting,
        item=item,
        form=form,
        book=rounds.rule_book(round),
        scores=review.reviews_of(reading(), item.proposal.id),
        names=names,
        out_count=len(item.out),
        leads=leads and meeting.state is MeetingState.OPEN,
        notes=access.may_note(actor, round.fund_id, chair) and meeting.state is MeetingState.OPEN,
    )
    return shown, form.status


@bp.post("/rounds/<uuid:round_id>/meeting/close")
@signed_in(Role.PANELLIST)
def close(round_id: UUID) -> ResponseReturnValue:
    """The chair closes the meeting: its recommendations are the panel's decision."""
    _round(round_id)
    try:
        with working() as uow:
            service.close(uow, round_id)
        flash("The meeting is closed and the panel has decided. The minutes are ready.", "success")
    except RuleBroken as broken:
        flash(broken.message, "error")
    return redirect(url_for("meetings.page", round_id=round_id))


@bp.get("/rounds/<uuid:round_id>/meeting/minutes.pdf")
@signed_in(*DESK)
def minutes(round_id: UUID) -> ResponseReturnValue:
    """The minutes for the panel and those who look after it. A bid of which the reader is no part is left out."""
    round, meeting, items = _meeting(round_id)
    if meeting.state is not MeetingState.CLOSED:
        raise NotFound("There are no minutes before the meeting is closed.")
    me, names = current_actor().id, people.names(reading(), queries.names_needed(items, meeting))
    return pdf_answer(
        "meetings/minutes.html",
        f"minutes-{round.id}.pdf",
        round=round,
        meeting=meeting,
        items=items,
        me=me,
        names=names,
        present=sorted(names.get(UUID(id), "Somebody who left") for id in meeting.present),
        quorum=rounds.rule_book(round).quorum,
        published=False,
    )


@bp.get("/rounds/<uuid:round_id>/minutes.pdf")
@public
def published(round_id: UUID) -> ResponseReturnValue:
    """The minutes for everybody, once the results are announced: without the names of members."""
    round = rounds.published(reading(), round_id)
    meeting = queries.of_round(reading(), round_id)
    if meeting is None or meeting.state is not MeetingState.CLOSED or not allocation.is_announced(round):
        raise NotFound("There are no minutes here.")
    return pdf_answer(
        "meetings/minutes.html",
        f"minutes-{round.id}.pdf",
        round=round,
        meeting=meeting,
        items=queries.agenda(reading(), round, meeting),
        me=None,
        names={},
        quorum=rounds.rule_book(round).quorum,
        published=True,
    )


# ----------------------------------------------------------------------------------- on other pages, and what needs you


@section("desk", 31)
def on_desk(round: Any) -> Section | None:
    """The panel's meeting, from the count on."""
    if round.votes_counted_at is None or round.imported_from:
        return None
    meeting = queries.of_round(reading(), round.id)
    if meeting is None and round.state is not RoundState.PANEL:
        return None
    html = render_template("meetings/_on_desk.html", round=round, meeting=meeting)
    return Section("meeting", "The panel’s meeting", Markup(html))  # noqa: S704  (a template of ours escapes)


@section("round", 45)
def on_round(round: Any) -> Section | None:
    """The minutes, once the results are announced."""
    if not allocation.is_announced(round):
        return None
    meeting = queries.of_round(reading(), round.id)
    if meeting is None or meeting.state is not MeetingState.CLOSED:
        return None
    html = render_template("meetings/_on_round.html", round=round, meeting=meeting)
    return Section("minutes", "The panel’s meeting", Markup(html))  # noqa: S704  (a template of ours escapes)


@needs_you(queries.to_attend)
def needs(actor: Actor, at: datetime, rows: Rows) -> Iterator[NeedsYou]:
    """Members of a panel: the meeting to come."""
    for round_id, title, state, place, starts_at in rows:
        yield NeedsYou(
            f"The panel of “{title}” meets",
            url_for("meetings.page", round_id=round_id),
            detail="It is open now." if state is MeetingState.OPEN else f"At {place}.",
            due_at=starts_at,
        )
