"""Pages of the stage ``allocation``: the desk, the chair's decision, the announcement, the public results."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, flash, jsonify, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from grants.allocation import access, queries, service
from grants.allocation.exports import Line, results_csv, results_json
from grants.allocation.forms import VERDICT_WORDS, AnswerForm, CorrectForm, decide_form
from grants.allocation.rules.example import NEIGHBOURS, POT, PROJECTS, ticked_by, worked_example
from grants.allocation.rules.plain import in_short, options_in_words
from grants.allocation.rules.registry import RULES
from grants.allocation.rules.replay import Inputs
from grants.allocation.rules.states import CORRECTIONS, DecisionState, Verdict
from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotAllowed, NotFound, RuleBroken
from grants.proposals import queries as proposals
from grants.proposals.rules import ProposalState
from grants.review import queries as review
from grants.rounds import queries as rounds
from grants.rounds.access import may_run
from grants.rounds.rules import RoundState
from grants.voting import queries as voting
from grants.web.db import now, reading
from grants.web.doors import public, signed_in
from grants.web.needs import NeedsYou, needs_you
from grants.web.sections import Section, section
from grants.web.session import current_actor
from grants.web.work import working

bp = Blueprint("allocation", __name__)

DESK = (Role.ADMIN, Role.AUDITOR, Role.PANELLIST, Role.STEWARD)


def _lines(round_id: UUID) -> list[Line]:
    """Every bid with its result, in the order of votes; a bounded number of queries."""
    actor = current_actor()
    decisions = queries.decisions(reading(), round_id)
    before = queries.replaced(reading(), round_id)
    bids = {bid.id: bid for bid in proposals.by_ids(reading(), [one.proposal_id for one in decisions])}
    costs = {line.proposal_id: line.cost_minor for line in voting.ballot_lines(reading(), round_id)}
    lines = []
    for one in decisions:
        bid = bids[one.proposal_id]
        old = before.get(one.follows_id) if one.follows_id else None
        lines.append(
            Line(
                decision_id=one.id,
                proposal_id=bid.id,
                number=bid.number,
                title=bid.title,
                group_name=bid.group.name,
                place=one.rank,
                votes=one.votes,
                asked_minor=costs.get(bid.id, bid.applied_for_minor),
                awarded_minor=one.awarded_minor,
                verdict=one.verdict.value,
                ruled=one.details.get("ruled", one.verdict.value),
                reason_code=one.reason_code,
                reason=one.reason,
                enough=one.details.get("enough", ""),
                departure_reason=one.departure_reason or "",
                left_before_minor=one.details.get("left_before_minor"),
                corrected=old.reason if old else "",
                mine=bid.group_id in actor.groups,
            )
        )
    return lines


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
    lines = _lines(round_id)
    titles = {line.decision_id: line.title for line in lines}
    return render_template(
        "allocation/desk.html",
        round=round,
        run=run,
        tally=tally,
        lines=lines,
        meeting=meeting,
        rule=RULES[run.rule].title if run and run.rule in RULES else "",
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
        corrections=[(one, titles.get(one.decision_id, "")) for one in queries.open_corrections(reading(), [round_id])],
        chairs=access.may_decide(actor, round.fund_id, chair),
        answer=AnswerForm(formdata=None),
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
        service.run(uow, round_id)
    flash("Worked out. The panel's chair can decide now.", "success")
    return redirect(url_for("allocation.desk", round_id=round_id))


@bp.route("/rounds/<uuid:round_id>/allocation/decide", methods=["GET", "POST"])
@signed_in(Role.PANELLIST)
def decide(round_id: UUID) -> ResponseReturnValue:
    """The chair takes the panel's decision."""
    actor, round = current_actor(), rounds.published(reading(), round_id)
    access.ensure_may_decide(actor, round.fund_id, review.chair_id(reading(), round_id))
    lines = _lines(round_id)
    if round.state is not RoundState.PANEL or queries.standing_run(reading(), round_id) is None:
        return redirect(url_for("allocation.desk", round_id=round_id))
    bids = proposals.by_ids(reading(), [line.proposal_id for line in lines])
    interests = review.interested(reading(), bids) | review.recused(reading(), round_id)
    not_mine = {bid for bid, person in interests if person == actor.id}
    open_bids = [
        (
            line.proposal_id,
            service.verdict_field(line.proposal_id),
            service.reason_field(line.proposal_id),
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
                service.decide(uow, round_id, departures, form.took_part.data or [])
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
        names={id: (verdict, reason) for id, verdict, reason, _, _ in open_bids},
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
    return render_template("allocation/announce.html", round=round, lines=_lines(round_id))


# --------------------------------------------------------------------------------------------------- before the vote


@bp.get("/rounds/<uuid:round_id>/how")
@public
def how(round_id: UUID) -> ResponseReturnValue:
    """How votes become money: the round's own rule, with a small worked example. From the day its rules are fixed."""
    round = rounds.published(reading(), round_id)
    book = voting.book_of(round)
    return render_template(
        "allocation/how.html",
        round=round,
        book=book,
        rule=RULES[book.rule].title,
        short=in_short(book.rule),
        options=options_in_words(book.rule, book.rule_options, points=book.ballot.has_points),
        points=book.ballot.has_points,
        example=worked_example(book.rule, book.rule_options),
        neighbours=NEIGHBOURS,
        projects=[(name, cost, ticked_by(at)) for at, (name, cost) in enumerate(PROJECTS)],
        pot_minor=POT,
        voting=rounds.phase(round, now()) is RoundState.VOTING,
    )


# -------------------------------------------------------------------------------------------------------- the results


def _results_of(round_id: UUID, *, desk: bool) -> Any:
    """The round, when its results may be read: by everybody once announced, before that only by those at the desk."""
    actor, round = current_actor(), rounds.published(reading(), round_id)
    if not queries.is_announced(round):
        sits = review.is_panellist(reading(), round_id, actor.id)
        if not desk or round.state is not RoundState.DECIDED or not access.may_see_desk(actor, round.fund_id, sits):
            raise NotFound("There is no such page, or its results are not announced yet.")
    return round


@bp.get("/rounds/<uuid:round_id>/results")
@public
def results(round_id: UUID) -> ResponseReturnValue:
    """Who won, why, and how to check it."""
    round = _results_of(round_id, desk=True)
    run, tally = queries.standing_run(reading(), round_id), voting.tally(reading(), round_id)
    lines, book = _lines(round_id), rounds.rule_book(round)
    spent = sum(line.awarded_minor for line in lines)
    found = review.findings(reading(), round_id)
    told = {line.proposal_id for line in lines}
    others = [
        bid
        for bid in proposals.of_round(reading(), round_id, (ProposalState.NOT_FUNDED, ProposalState.WITHDRAWN))
        if bid.id not in told and (bid.id in found or bid.number is not None)
    ]
    meeting = queries.meeting(reading(), round_id)
    winners = [line for line in lines if line.verdict == Verdict.AWARDED]
    if len(winners) <= 4:
        parts = [(line.title, line.awarded_minor) for line in winners]
    else:
        parts = [(f"Shared between {len(winners)} projects", spent)]
    left = book.pot_minor - spent
    return render_template(
        "allocation/results.html",
        round=round,
        book=book,
        run=run,
        tally=tally,
        lines=lines,
        winners=winners,
        reserve=[line for line in lines if line.verdict == Verdict.RESERVE],
        parts=[*parts, ("Left in the pot", left)] if left else parts,
        spent_minor=spent,
        left_minor=left,
        off=[bid for bid in others if bid.state is ProposalState.NOT_FUNDED],
        withdrawn=[bid for bid in others if bid.state is ProposalState.WITHDRAWN],
        findings=found,
        rule=RULES[run.rule].title if run and run.rule in RULES else "",
        meeting=meeting,
        took_part=len(meeting.took_part) if meeting else 0,
        announced=queries.is_announced(round),
        full=tally is not None and tally.ballot_count >= book.totals_only_below,
        may_correct=may_run(current_actor(), round.fund_id) and queries.is_announced(round),
    )


@bp.get("/rounds/<uuid:round_id>/results.json")
@public
def results_file(round_id: UUID) -> ResponseReturnValue:
    """All that went in and came out, to be checked by anybody."""
    round = _results_of(round_id, desk=False)
    run = queries.standing_run(reading(), round_id)
    if run is None:
        raise NotFound
    inputs = Inputs.from_json(run.inputs)
    full = inputs.ballots.voters >= rounds.rule_book(round).totals_only_below
    facts = results_json(
        round_id,
        round.rule_book_hash or "",
        inputs.to_public_json(with_ballots=full),
        json.loads(run.outcome),
        run.checksum,
        _lines(round_id),
    )
    answer = jsonify(facts)
    answer.headers["Content-Disposition"] = f'attachment; filename="results-{round_id}.json"'
    return answer


@bp.get("/rounds/<uuid:round_id>/results.csv")
@public
def results_table(round_id: UUID) -> ResponseReturnValue:
    """Every bid with votes, amount and reason, for a spreadsheet."""
    _results_of(round_id, desk=False)
    answer = Response("\ufeff" + results_csv(_lines(round_id)), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="results-{round_id}.csv"'
    return answer


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
    if form.accepted():
        try:
            with working() as uow:
                service.ask_correction(uow, decision_id, form.verdict.data, form.reason.data or "")
            flash("Asked. The panel's chair must agree before anything changes.", "success")
            return redirect(url_for("allocation.desk", round_id=round.id))
        except RuleBroken as broken:
            form.show(broken)
    bid = proposals.proposal(reading(), decision.proposal_id)
    return render_template("allocation/correct.html", round=round, decision=decision, bid=bid, form=form), form.status


@bp.post("/rounds/<uuid:round_id>/corrections/<uuid:correction_id>")
@signed_in(Role.PANELLIST)
def answer(round_id: UUID, correction_id: UUID) -> ResponseReturnValue:
    """The chair agrees to a correction, or not."""
    form = AnswerForm()
    if form.accepted():
        with working() as uow:
            new = service.answer_correction(uow, correction_id, form.agreed.data == "yes")
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


@section("round", 60)
def on_round(round: Any) -> Section | None:
    """The results, once announced; the desk for those who work on it."""
    actor = current_actor()
    announced = queries.is_announced(round)
    counted = round.votes_counted_at is not None
    sits = counted and review.is_panellist(reading(), round.id, actor.id)
    desk = counted and access.may_see_desk(actor, round.fund_id, sits)
    if not (announced or desk):
        return None
    lines = _lines(round.id) if announced else []
    html = render_template(
        "allocation/_round.html",
        round=round,
        announced=announced,
        winners=[line for line in lines if line.verdict == Verdict.AWARDED],
        all=len(lines),
        desk=desk,
    )
    return Section("results", "Results", Markup(html))  # noqa: S704  (a template of ours escapes)


@section("proposal", 40)
def on_proposal(proposal: Any) -> Section | None:
    """What was decided of it and why, once announced."""
    if not queries.is_announced(proposal.round):
        return None
    decision = queries.decision_for(reading(), proposal.id)
    if decision is None:
        return None
    html = render_template("allocation/_proposal.html", decision=decision, round=proposal.round)
    return Section("result", "What was decided, and why", Markup(html))  # noqa: S704  (a template of ours escapes)


@needs_you
def needs(actor: Actor, at: datetime) -> Iterator[NeedsYou]:
    """Stewards: work out, announce. The chair: decide, answer corrections."""
    if actor.has(Role.STEWARD):
        funds = actor.scopes(Role.STEWARD)
        for round in queries.to_work_out(reading(), funds):
            yield NeedsYou(
                f"Work out the results of “{round.title}”",
                url_for("allocation.desk", round_id=round.id),
                detail="The votes are counted.",
                due_at=round.decide_by,
            )
        for round, meeting in queries.to_announce(reading(), funds):
            if str(actor.id) not in meeting.took_part:
                yield NeedsYou(
                    f"Announce the results of “{round.title}”",
                    url_for("allocation.ready", round_id=round.id),
                    detail="The panel has decided.",
                    due_at=round.decide_by,
                )
    if actor.id is not None and actor.has(Role.PANELLIST):
        for round in queries.to_decide(reading(), actor.id):
            yield NeedsYou(
                f"Decide “{round.title}” with your panel",
                url_for("allocation.decide", round_id=round.id),
                detail="The votes are counted and worked out.",
                due_at=round.decide_by,
            )
        for round, _ in queries.corrections_to_answer(reading(), actor.id):
            yield NeedsYou(
                "Answer whether a decision is to be corrected",
                url_for("allocation.desk", round_id=round.id, _anchor="corrections"),
                detail=f"A steward asks about “{round.title}”.",
            )
