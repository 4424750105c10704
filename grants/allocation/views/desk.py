"""The desk, the chair's decision, the announcement, corrections, and what needs somebody now."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from grants.allocation import access, queries
from grants.allocation.forms import VERDICT_WORDS, AnswerForm, CorrectForm, decide_form
from grants.allocation.rules.registry import RULES
from grants.allocation.rules.states import CORRECTIONS, DecisionState, Verdict
from grants.allocation.service import afterwards, deciding, runs
from grants.allocation.views.exclusive import only_ones
from grants.allocation.views.lines import lines_of, not_for
from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotAllowed, NotFound, RuleBroken
from grants.proposals.queries import lists as proposal_lists
from grants.proposals.queries import whole
from grants.review import queries as review
from grants.rounds import queries as rounds
from grants.rounds.access import may_run
from grants.rounds.rules.panel import PanelPart
from grants.rounds.rules.states import RoundState
from grants.rounds.rules.words import level_words, split_words
from grants.voting import queries as voting
from grants.web.db import reading
from grants.web.doors import signed_in
from grants.web.needs import NeedsYou, Rows, needs_you
from grants.web.sections import Section, section
from grants.web.session import current_actor
from grants.web.work import carried_out, working

bp = Blueprint("allocation", __name__)

DESK = (Role.ADMIN, Role.AUDITOR, Role.PANELLIST, Role.STEWARD)


# ------------------------------------------------------------------------------------------------------------ the desk


@bp.get("/rounds/<uuid:round_id>/allocation")
@signed_in(*DESK)
def desk(round_id: UUID) -> ResponseReturnValue:
    """What the votes say, before it is public: for stewards, the panel and auditors."""
    actor, round = current_actor(), rounds.published(reading(), round_id)
    sits = review.is_panellist(reading(), round_id, actor.id)
    if not access.may_see_desk(actor, round.fund_id, sits):
        raise NotAllowed("Only stewards of this fund and the round's panel can read this page.")
    if round.votes_counted_at is None:
        raise NotFound("There is nothing here before the votes are counted.")
    run, tally = queries.standing_run(reading(), round_id), voting.tally(reading(), round_id)
    meeting = queries.meeting(reading(), round_id)
    chair = review.chair_id(reading(), round_id)
    took_part = {UUID(id) for id in meeting.took_part} if meeting else set()
    lines = lines_of(round_id)
    titles, book = {line.decision_id: line.title for line in lines}, rounds.rule_book(round)
    return render_template(
        "allocation/desk.html",
        round=round,
        run=run,
        tally=tally,
        lines=lines,
        meeting=meeting,
        rule=RULES[run.rule].title if run and run.rule in RULES else "",
        word="point" if book.ballot.has_points else "vote",
        steps=_steps(round.state, run is not None),
        may_work_out=may_run(actor, round.fund_id) and round.state is RoundState.PANEL,
        may_decide=access.may_decide(actor, round.fund_id, chair)
        and round.state is RoundState.PANEL
        and run is not None,
        has_chair=chair is not None,
        why_not_announce=access.why_not_announce(actor, round.fund_id, took_part),
        decided=round.state is RoundState.DECIDED,
        runs=may_run(actor, round.fund_id),
        announced=queries.is_announced(round),
        may_try=access.may_try(actor, round.fund_id),
        corrections=[(one, titles.get(one.decision_id, "")) for one in queries.open_corrections(reading(), [round_id])],
        chairs=access.may_decide(actor, round.fund_id, chair),
        answer=AnswerForm(formdata=None),
        only_ones=only_ones(round_id),
        split=split_words(book),
        ties=level_words(book) if book.panel_part is PanelPart.TIE_BREAK else "",
    )


def _steps(state: RoundState, worked_out: bool) -> tuple[str, list[tuple[str, str]]]:
    """Where the round stands between the count and the announcement."""
    names = [("count", "Count"), ("work_out", "Work out"), ("decide", "Decide"), ("announce", "Announce")]
    if state is not RoundState.PANEL:
        return "announce", names
    return ("decide" if worked_out else "work_out"), names


@bp.post("/rounds/<uuid:round_id>/allocation/run")
@signed_in(Role.STEWARD)
def run(round_id: UUID) -> ResponseReturnValue:
    """Work out what the votes say."""
    with working() as uow:
        runs.run(uow, round_id)
    flash("Worked out. The panel's chair can decide now.", "success")
    return redirect(url_for("allocation.desk", round_id=round_id))


@bp.route("/rounds/<uuid:round_id>/allocation/decide", methods=["GET", "POST"])
@signed_in(Role.PANELLIST)
def decide(round_id: UUID) -> ResponseReturnValue:
    """The chair takes the panel's decision."""
    actor, round = current_actor(), rounds.published(reading(), round_id)
    access.ensure_may_decide(actor, round.fund_id, review.chair_id(reading(), round_id))
    lines = lines_of(round_id)
    if round.state is not RoundState.PANEL or queries.standing_run(reading(), round_id) is None:
        return redirect(url_for("allocation.desk", round_id=round_id))
    bids = proposal_lists.by_ids(reading(), [line.proposal_id for line in lines])
    interests = review.interested(reading(), bids) | review.recused(reading(), round_id)
    not_mine = {bid for bid, person in interests if person == actor.id}
    open_bids = [
        (
            line.proposal_id,
            deciding.verdict_field(line.proposal_id),
            deciding.reason_field(line.proposal_id),
            deciding.conditions_field(line.proposal_id),
            line.title,
            Verdict(line.verdict),
        )
        for line in lines
        if line.proposal_id not in not_mine
    ]
    form = decide_form(open_bids)
    form.took_part.choices = [
        (one.person_id, one.name) for one in review.members(reading(), round_id) if one.person_id != actor.id
    ]
    if form.accepted():
        try:
            with working() as uow:
                departures = form.departures([one[:3] for one in open_bids])
                conditions = form.conditions([(one[0], one[3]) for one in open_bids])
                deciding.decide(uow, round_id, departures, form.took_part.data or [], conditions)
            flash("Decided. A steward who took no part in it can announce it now.", "success")
            return redirect(url_for("allocation.desk", round_id=round_id))
        except RuleBroken as broken:
            form.show(broken)
    page = render_template(
        "allocation/decide.html",
        round=round,
        book=rounds.rule_book(round),
        lines=lines,
        form=form,
        names={one[0]: one[1:4] for one in open_bids},
        hidden_count=len(not_for(round_id)),
        spent_minor=sum(line.awarded_minor for line in lines),
        voters=tally.ballot_count if (tally := voting.tally(reading(), round_id)) else 0,
    )
    return page, form.status


@bp.get("/rounds/<uuid:round_id>/allocation/announce")
@signed_in(Role.STEWARD)
def ready(round_id: UUID) -> ResponseReturnValue:
    """Look at what everybody will be told, and announce it."""
    actor, round = current_actor(), rounds.published(reading(), round_id)
    meeting = queries.meeting(reading(), round_id)
    took_part = {UUID(id) for id in meeting.took_part} if meeting else set()
    access.ensure_may_announce(actor, round.fund_id, took_part)
    if round.state is not RoundState.DECIDED:
        return redirect(url_for("allocation.desk", round_id=round_id))
    return render_template("allocation/announce.html", round=round, lines=lines_of(round_id))


# -------------------------------------------------------------------------------------------------------- corrections


@bp.route("/decisions/<uuid:decision_id>/correct", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def correct(decision_id: UUID) -> ResponseReturnValue:
    """Ask the chair to put a decision right that was told wrong."""
    decision = queries.decision(reading(), decision_id)
    round = rounds.published(reading(), decision.round_id)
    if not may_run(current_actor(), round.fund_id):
        raise NotAllowed("Only a steward of this fund may do this.")
    if decision.state is not DecisionState.NOTIFIED:
        raise NotFound("This decision does not stand any more, or was not told yet.")
    form = CorrectForm(data={"verdict": decision.verdict})
    form.verdict.choices = [
        (one.value, words) for one, words in VERDICT_WORDS.items() if (decision.verdict, one) in CORRECTIONS
    ]
    if carried_out(
        form, lambda uow: afterwards.ask_correction(uow, decision_id, form.verdict.data, form.reason.data or "")
    ):
        flash("Asked. The panel's chair must agree before anything changes.", "success")
        return redirect(url_for("allocation.desk", round_id=round.id))
    bid = whole.proposal(reading(), decision.proposal_id)
    return render_template("allocation/correct.html", round=round, decision=decision, bid=bid, form=form), form.status


@bp.post("/rounds/<uuid:round_id>/corrections/<uuid:correction_id>")
@signed_in(Role.PANELLIST)
def answer(round_id: UUID, correction_id: UUID) -> ResponseReturnValue:
    """The chair agrees to a correction, or not."""
    form = AnswerForm()
    if form.accepted():
        with working() as uow:
            new = afterwards.answer_correction(uow, correction_id, form.agreed.data == "yes")
        words = "Corrected, and the group is written to." if new else "The decision stands as it was."
        flash(words, "success")
    else:
        flash("Choose yes or no.", "error")
    return redirect(url_for("allocation.desk", round_id=round_id))


# ----------------------------------------------------------------------------------- on other pages, and what needs you


@section("desk", 30)
def on_desk(round: Any) -> Section | None:
    """Where the results are in the making, from the count on."""
    if round.votes_counted_at is None:
        return None
    html = render_template(
        "allocation/_on_desk.html",
        round=round,
        worked_out=queries.standing_run(reading(), round.id) is not None,
        announced=queries.is_announced(round),
    )
    return Section("allocation", "Sharing the pot", Markup(html))  # noqa: S704  (a template of ours escapes)


@needs_you(queries.to_work_out)
def _to_work_out(actor: Actor, at: datetime, rows: Rows) -> Iterator[NeedsYou]:
    """Stewards: work out."""
    for round_id, title, decide_by in rows:
        yield NeedsYou(
            f"Work out the results of “{title}”",
            url_for("allocation.desk", round_id=round_id),
            detail="The votes are counted.",
            due_at=decide_by,
        )


@needs_you(queries.to_announce)
def _to_announce(actor: Actor, at: datetime, rows: Rows) -> Iterator[NeedsYou]:
    """Stewards who took no part in the decision: announce."""
    for round_id, title, decide_by, took_part in rows:
        if str(actor.id) not in took_part:
            yield NeedsYou(
                f"Announce the results of “{title}”",
                url_for("allocation.ready", round_id=round_id),
                detail="The panel has decided.",
                due_at=decide_by,
            )


@needs_you(queries.to_decide)
def _to_decide(actor: Actor, at: datetime, rows: Rows) -> Iterator[NeedsYou]:
    """The chair: decide."""
    for round_id, title, decide_by in rows:
        yield NeedsYou(
            f"Decide “{title}” with your panel",
            url_for("allocation.decide", round_id=round_id),
            detail="The votes are counted and worked out.",
            due_at=decide_by,
        )


@needs_you(queries.corrections_to_answer)
def _to_answer(actor: Actor, at: datetime, rows: Rows) -> Iterator[NeedsYou]:
    """The chair: answer corrections."""
    for round_id, title in rows:
        yield NeedsYou(
            "Answer whether a decision is to be corrected",
            url_for("allocation.desk", round_id=round_id, _anchor="corrections"),
            detail=f"A steward asks about “{title}”.",
        )
