"""For everybody: how votes become money, and once it is announced who won and why."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, current_app, jsonify, render_template
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from grants.allocation import access, queries
from grants.allocation.exports import Line, results_csv, results_json
from grants.allocation.rules.example import NEIGHBOURS, POT, PROJECTS, ticked_by, worked_example
from grants.allocation.rules.facts import RunFacts
from grants.allocation.rules.letter import enough_words
from grants.allocation.rules.outside import asked, command, round_pb
from grants.allocation.rules.plain import in_short, options_in_words
from grants.allocation.rules.registry import RULES
from grants.allocation.rules.states import Verdict
from grants.allocation.views.exclusive import only_ones
from grants.allocation.views.lines import lines_of
from grants.kernel.errors import NotFound
from grants.kernel.money import told_in
from grants.proposals.queries import lists as proposal_lists
from grants.proposals.rules.states import ProposalState
from grants.review import queries as review
from grants.rounds import queries as rounds
from grants.rounds.access import may_run
from grants.rounds.rules.book import RuleBook
from grants.rounds.rules.panel import PanelPart
from grants.rounds.rules.sharing import SharingRule
from grants.rounds.rules.states import RoundState
from grants.rounds.rules.words import level_words, split_words
from grants.voting import queries as voting
from grants.voting.rules.turnout import Turnout, publishable
from grants.web.db import now, reading
from grants.web.doors import public
from grants.web.kept import kept
from grants.web.moments import good_until
from grants.web.outside import geography
from grants.web.sections import Section, section
from grants.web.session import current_actor

bp = Blueprint("results", __name__)


# --------------------------------------------------------------------------------------------------- before the vote


SETS_SHOWN = (RoundState.VOTING, RoundState.PANEL, RoundState.DECIDED, RoundState.ANNOUNCED, RoundState.COMPLETED)
"""From the freeze on, when what stands on the ballot is public."""


@bp.get("/rounds/<uuid:round_id>/how")
@public
@kept()
def how(round_id: UUID) -> ResponseReturnValue:
    """How votes become money: the round's own rule, with a small worked example. From the day its rules are fixed."""
    round = rounds.published(reading(), round_id)
    good_until(*rounds.moments(round))
    book = voting.book_of(round)
    return render_template(
        "allocation/how.html",
        round=round,
        book=book,
        rule=RULES[book.rule].title,
        short=in_short(book.rule),
        options=[
            told_in(words, book.currency)
            for words in options_in_words(book.rule, book.rule_options, points=book.ballot.has_points)
        ],
        points=book.ballot.has_points,
        split=split_words(book),
        level=level_words(book),
        example=worked_example(book.rule, book.rule_options),
        neighbours=NEIGHBOURS,
        projects=[(name, cost, ticked_by(at)) for at, (name, cost) in enumerate(PROJECTS)],
        pot_minor=POT,
        voting=rounds.phase(round, now()) is RoundState.VOTING,
        only_ones=[one for one in only_ones(round_id) if not one["lifted_at"]] if round.state in SETS_SHOWN else [],
    )


# -------------------------------------------------------------------------------------------------------- the results


def _announced(round_id: UUID, *, desk: bool = False) -> Any:
    """The round, when its results may be read: by everybody once announced, before that only by those at the desk."""
    actor, round = current_actor(), rounds.published(reading(), round_id)
    good_until(*rounds.moments(round))
    if not queries.is_announced(round):
        sits = review.is_panellist(reading(), round_id, actor.id)
        if not desk or round.state is not RoundState.DECIDED or not access.may_see_desk(actor, round.fund_id, sits):
            raise NotFound("There is no such page, or its results are not announced yet.")
    return round


@bp.get("/rounds/<uuid:round_id>/results")
@public
@kept()
def page(round_id: UUID) -> ResponseReturnValue:
    """Who won, why, and how to check it."""
    round = _announced(round_id, desk=True)
    run, tally = queries.standing_run(reading(), round_id), voting.tally(reading(), round_id)
    lines, book = lines_of(round_id), voting.book_of(round)
    spent = sum(line.awarded_minor for line in lines)
    notes, told = review.notes(reading(), round_id), {line.proposal_id for line in lines}
    others = [
        bid
        for bid in proposal_lists.left_out(reading(), round_id)
        if bid.id not in told and (bid.id in notes or bid.number is not None)
    ]
    meeting, winners = queries.meeting(reading(), round_id), [one for one in lines if one.verdict == Verdict.AWARDED]
    parts = [(line.title, line.awarded_minor) for line in winners]
    if len(winners) > 4:
        parts = [(f"Shared between {len(winners)} projects", spent)]
    left, ballots = book.pot_minor - spent, tally.ballot_count if tally else 0
    full, ask = ballots >= book.totals_only_below, asked(book.rule, book.rule_options)
    came = voting.turnout(reading(), round_id) if full else None
    return render_template(
        "allocation/results.html",
        round=round,
        book=book,
        run=run,
        facts=queries.facts_to_tell(run, book),
        names={line.proposal_id: line.title for line in lines},
        costs={line.proposal_id: line.asked_minor for line in lines},
        tally=tally,
        word=_word(book),
        voters=ballots,
        lines=lines,
        winners=winners,
        reserve=sorted((one for one in lines if one.verdict == Verdict.RESERVE), key=lambda one: one.next_in_line),
        parts=[*parts, ("Left in the pot", left)] if left else parts,
        spent_minor=spent,
        left_minor=left,
        off=[bid for bid in others if bid.state is ProposalState.NOT_FUNDED],
        withdrawn=[bid for bid in others if bid.state is ProposalState.WITHDRAWN],
        notes=notes,
        rule=RULES[run.rule].title if run and run.rule in RULES else "",
        command=command(ask, f"results-{round_id}.pb") if ask else "",
        turnout=_turnout(came, book.suppress_below) if came else {},
        came=came.total if came else 0,
        meeting=meeting,
        took_part=len(meeting.took_part) if meeting else 0,
        announced=queries.is_announced(round),
        only_ones=only_ones(round_id),
        split=split_words(book),
        level=level_words(book),
        by_points=book.panel_part is not PanelPart.GATE,
        full=full,
        checksum=run.checksum if run and (full or access.may_try(current_actor(), round.fund_id)) else None,
        may_correct=may_run(current_actor(), round.fund_id) and queries.is_announced(round),
        may_try=access.may_try(current_actor(), round.fund_id) and queries.is_announced(round),
    )


def _word(book: RuleBook) -> str:
    """What is counted: votes, or where ballots give points, points."""
    return "point" if book.ballot.has_points else "vote"


CHANNELS = {"online": "Online", "assisted": "With help", "paper": "On paper"}


def _turnout(came: Turnout, below: int) -> dict[str, list[tuple[str, int]]]:
    """Who came, by area and by way of voting, as rows of tables; those that are too few stand together in one row.

    They may be more than the ballots: a paper that was given out may not come back, or not count.
    """
    wards = {ward.code: ward.name for ward in geography().wards()}
    areas = {code: wards.get(code, code) for code in came.by_ward} | {"": "Area not known (voting codes have none)"}
    return {"area": _rows(came.by_ward, areas, below), "channel": _rows(came.by_channel, CHANNELS, below)}


def _rows(cells: Mapping[str, int], names: Mapping[str, str], below: int) -> list[tuple[str, int]]:
    shown = publishable(cells, below)
    rows = sorted((names.get(key, key), size) for key, size in shown.items() if size is not None)
    hidden = sorted(names.get(key, key) for key, size in shown.items() if size is None)
    if not hidden:
        return rows
    return [*rows, (f"{', '.join(hidden)}: together", sum(cells[key] for key, size in shown.items() if size is None))]


@bp.get("/rounds/<uuid:round_id>/results/<uuid:proposal_id>")
@public
@kept()
def why(round_id: UUID, proposal_id: UUID) -> ResponseReturnValue:
    """One bid: how many chose it, where their money went, and what would have been enough."""
    round = _announced(round_id, desk=True)
    lines, book = lines_of(round_id), voting.book_of(round)
    line = next((line for line in lines if line.proposal_id == proposal_id), None)
    if line is None:
        raise NotFound("This project was not on the ballot of this round.")
    run, tally = queries.standing_run(reading(), round_id), voting.tally(reading(), round_id)
    facts = queries.facts_to_tell(run, book)
    panel = queries.panel_scores(reading(), round_id, book, [proposal_id])
    return render_template(
        "allocation/why.html",
        round=round,
        book=book,
        line=line,
        facts=facts,
        told=facts.of(proposal_id) if facts else None,
        step=next((step for step in facts.steps if step.bid_id == proposal_id), None) if facts else None,
        names={line.proposal_id: line.title for line in lines},
        word=_word(book),
        voters=tally.ballot_count if tally else 0,
        level_with=_level_with(line, lines, book) if run else [],
        level=level_words(book),
        split=split_words(book),
        points=panel.words(proposal_id) if panel else None,
        run=run,
        announced=queries.is_announced(round),
        may_correct=may_run(current_actor(), round.fund_id) and queries.is_announced(round),
        full=tally is not None and tally.ballot_count >= book.totals_only_below,
    )


def _level_with(line: Line, lines: Sequence[Line], book: RuleBook) -> list[str]:
    """Who got just as many votes, where these make the order and the reason does not tell it itself."""
    if book.rule is not SharingRule.MOST_VOTES or book.panel_part is PanelPart.TIE_BREAK or not line.votes:
        return []
    return [other.title for other in lines if other.votes == line.votes and other is not line]


@bp.get("/rounds/<uuid:round_id>/results.json")
@public
def as_json(round_id: UUID) -> ResponseReturnValue:
    """All that went in and came out, to be checked by anybody."""
    round = _announced(round_id)
    run = queries.standing_run(reading(), round_id)
    if run is None:
        raise NotFound
    inputs = queries.inputs(reading(), run)
    book = voting.book_of(round)
    full = inputs.ballots.voters >= book.totals_only_below
    told = queries.facts_to_tell(run, book)
    facts = results_json(
        round_id,
        round.rule_book_hash or "",
        inputs.to_public_json(with_ballots=full),
        json.loads(run.outcome),
        run.checksum if full else None,
        json.loads(told.to_json()) if told else None,
        _with_enough(lines_of(round_id), told, book),
    )
    answer = jsonify(facts)
    answer.headers["Content-Disposition"] = f'attachment; filename="results-{round_id}.json"'
    return answer


@bp.get("/rounds/<uuid:round_id>/results.pb")
@public
def as_pb(round_id: UUID) -> ResponseReturnValue:
    """The election for other people's tools, when there are enough ballots to hide in."""
    round, run = _announced(round_id), queries.standing_run(reading(), round_id)
    book = voting.book_of(round)
    if run is None:
        raise NotFound
    inputs, lines = queries.inputs(reading(), run), lines_of(round_id)
    if inputs.ballots.voters < book.totals_only_below:
        raise NotFound("Too few people voted to publish single ballots.")
    about = queries.about(reading(), round, current_app.config["SETTINGS"].place_name)
    won = {line.proposal_id for line in lines if line.verdict == Verdict.AWARDED}
    answer = Response(round_pb(inputs, about, won), mimetype="text/plain")
    answer.headers["Content-Disposition"] = f'attachment; filename="results-{round_id}.pb"'
    return answer


@bp.get("/rounds/<uuid:round_id>/results.csv")
@public
def as_csv(round_id: UUID) -> ResponseReturnValue:
    """Every bid with votes, amount and reason, for a spreadsheet."""
    round = _announced(round_id)
    book = voting.book_of(round)
    told = queries.facts_to_tell(queries.standing_run(reading(), round_id), book)
    lines = _with_enough(lines_of(round_id), told, book)
    answer = Response("\ufeff" + results_csv(lines, round.currency), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="results-{round_id}.csv"'
    return answer


def _with_enough(lines: Sequence[Line], facts: RunFacts | None, book: RuleBook) -> list[Line]:
    """With what would have been enough for what the votes did not fund, where the rule itself has not said it."""
    if facts is None:
        return list(lines)
    won = {step.bid_id for step in facts.steps}
    return [
        line
        if line.enough or line.proposal_id in won or line.verdict == Verdict.AWARDED
        else replace(line, enough=told_in(" ".join(enough_words(facts.of(line.proposal_id))), book.currency))
        for line in lines
    ]


# -------------------------------------------------------------------------------------------------- on the round's page


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
    winners, all = queries.in_short(reading(), round.id) if announced else ([], 0)
    html = render_template(
        "allocation/_round.html",
        round=round,
        announced=announced,
        winners=winners,
        all=all,
        word=_word(voting.book_of(round)) if announced else "",
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
    html = render_template(
        "allocation/_proposal.html",
        decision=decision,
        round=proposal.round,
        letter=decision.letter and access.may_read_letter(current_actor(), proposal.round.fund_id, proposal.group_id),
    )
    return Section("result", "What was decided, and why", Markup(html))  # noqa: S704  (a template of ours escapes)
