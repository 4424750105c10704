"""The desk: a steward opens the vote, hands out codes, reminds, and counts."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from flask import Blueprint, abort, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from grants.kernel.actors import Actor, Role
from grants.kernel.errors import RuleBroken
from grants.kernel.pictures import qr_picture
from grants.rounds import access
from grants.rounds import queries as rounds
from grants.rounds.rules.ballots import VotingMethod
from grants.rounds.rules.states import RoundState
from grants.voting import exports, queries
from grants.voting.forms import CodesForm, HandOverForm, VoidForm
from grants.voting.rules.paper import INVALID_WORDS
from grants.voting.rules.reminders import REST, how_many, why_not_now
from grants.voting.rules.voters import who_may_vote
from grants.voting.service import codes as code_service
from grants.voting.service import papers, unfinished
from grants.voting.service import votes as service
from grants.voting.views.board import file_answer
from grants.voting.views.votes import Row, code_pepper
from grants.web.db import give_back_space, now, reading
from grants.web.doors import signed_in
from grants.web.logs import quiet
from grants.web.needs import NeedsYou, Rows, needs_you
from grants.web.outside import vote_key
from grants.web.pdf import pdf_answer
from grants.web.sections import Section, section
from grants.web.session import current_actor
from grants.web.work import carried_out, working

bp = quiet(Blueprint("voting_desk", __name__))
DESK_PHASES = (
    RoundState.SCHEDULED,
    RoundState.OPEN,
    RoundState.CLOSED,
    RoundState.CHECKING,
    RoundState.VOTING,
    RoundState.PANEL,
)
AT_ONCE = {"sheets": 96, "letters": 48}
"""Codes that are drawn as one PDF: some seconds."""


# The desk: a steward opens the vote, hands out codes, and counts.


@bp.get("/rounds/<uuid:round_id>/vote/desk")
@signed_in(Role.STEWARD, Role.AUDITOR, Role.ADMIN)
def desk(round_id: UUID) -> ResponseReturnValue:
    """Where the vote stands. Nothing here tells how many have voted while voting is open."""
    return _desk_page(_round_of_desk(round_id))


def _round_of_desk(round_id: UUID) -> Row:
    round = rounds.published(reading(), round_id)
    if not access.may_see_desk(current_actor(), round.fund_id):
        abort(403)
    return round


def _desk_page(round: Row, form: CodesForm | None = None) -> tuple[str, int]:
    counted = round.votes_counted_at is not None
    form = form or CodesForm(formdata=None)
    due = round.state is RoundState.VOTING and now() >= round.voting_closes_at
    page = render_template(
        "voting/desk.html",
        waits=papers.what_waits(reading(), round.id) if due else [],
        round=round,
        book=queries.book_of(round),
        phase=rounds.phase(round, now()),
        now=now(),
        may_run=access.may_run(current_actor(), round.fund_id),
        waiting=service.what_keeps_it_shut(reading(), round),
        entries=queries.entries(reading(), round.id),
        lots={line.number: line.lot for line in queries.ballot_lines(reading(), round.id)},
        batches=queries.batches(reading(), round.id),
        used=queries.codes_used(reading(), round.id) if counted else None,
        tally=queries.tally(reading(), round.id) if counted else None,
        invalid_words=INVALID_WORDS,
        helped=queries.helped(reading(), round.id) if counted else [],
        refusals=queries.refusals(reading(), round.id),
        by_email=VotingMethod.EMAIL_POSTCODE in queries.book_of(round).vote_methods,
        too_late=why_not_now(round.voting_closes_at, now()),
        plan=queries.reminder_plan(reading(), round.id, now() - REST),
        how_many=how_many,
        day=REST,
        holders=rounds.key_holders(reading(), round.id) if queries.key_by_officers(round) else [],
        has_codes=VotingMethod.CODE in queries.book_of(round).vote_methods,
        form=form,
    )
    return page, form.status


@bp.post("/rounds/<uuid:round_id>/vote/open")
@signed_in(Role.STEWARD)
def open_vote(round_id: UUID) -> ResponseReturnValue:
    """Freeze the ballot."""
    try:
        with working() as uow:
            lines = service.open_vote(uow, round_id)
        flash(f"The ballot is frozen, with {lines} project{'s' if lines > 1 else ''} on it.", "success")
    except RuleBroken as broken:
        flash(broken.message, "warning")
    return redirect(url_for("voting_desk.desk", round_id=round_id))


@bp.post("/rounds/<uuid:round_id>/vote/count")
@signed_in(Role.STEWARD)
def count(round_id: UUID) -> ResponseReturnValue:
    """Count, and destroy what tied voters to their votes."""
    try:
        with working() as uow:
            service.close_vote(uow, round_id, vote_key=vote_key())
        flash("The votes are counted. The round's key and every envelope are destroyed.", "success")
        if not give_back_space(*service.HELD_SECRETS):
            flash("The database was too busy to tidy up. That is done within the next minutes.", "warning")
    except RuleBroken as broken:
        flash(broken.message, "warning")
    return redirect(url_for("voting_desk.desk", round_id=round_id))


@bp.post("/rounds/<uuid:round_id>/vote/codes")
@signed_in(Role.STEWARD)
def codes(round_id: UUID) -> ResponseReturnValue:
    """Make a batch. The answer to this post is the only place where the codes are ever shown."""
    round = _round_of_desk(round_id)
    form = CodesForm()
    if form.accepted():
        most = AT_ONCE.get(form.form_of.data, code_service.LARGEST_BATCH)
        try:
            if (form.code_count.data or 0) > most:
                raise RuleBroken(f"Make at most {most} at once in this form, or choose the spreadsheet.", "code_count")
            with working() as uow:
                made = code_service.make_codes(
                    uow,
                    round_id,
                    label=form.label.data or "",
                    code_count=form.code_count.data or 0,
                    pepper=code_pepper(),
                )
            return _codes_once(rounds.published(reading(), round_id), made, form)
        except RuleBroken as broken:
            form.show(broken)
    return _desk_page(rounds.published(reading(), round.id), form)


def _codes_once(round: Row, made: Sequence[str], form: CodesForm) -> ResponseReturnValue:
    address = current_app.config["SETTINGS"].base_url + url_for("voting.start", round_id=round.id)
    if form.form_of.data in AT_ONCE:
        return _codes_on_paper(round, made, form, address)
    if form.form_of.data == "csv":
        return file_answer(exports.codes_csv(made, round.title, address), "text/csv", f"voting-codes-{len(made)}.csv")
    return render_template(
        "voting/cards.html",
        round=round,
        codes=_with_pictures(made, address),
        label=form.label.data,
        address=address,
    )


def _with_pictures(codes: Sequence[str], address: str) -> list[tuple[str, str]]:
    """Each code with a QR code. The code stands behind a # in its address: browsers send that to no server."""
    return [(code, qr_picture(f"{address}#code={code}")) for code in codes]


def _codes_on_paper(round: Row, made: Sequence[str], form: CodesForm, address: str) -> ResponseReturnValue:
    """Cards or letters."""
    book = queries.book_of(round)
    return pdf_answer(
        "voting/code_sheets.html",
        f"voting-{'letters' if form.form_of.data == 'letters' else 'cards'}-{len(made)}.pdf",
        round=round,
        codes=_with_pictures(made, address),
        letters=form.form_of.data == "letters",
        label=form.label.data,
        address=address,
        who=who_may_vote(book),
        in_person=VotingMethod.IN_PERSON in book.vote_methods,
    )


@bp.post("/rounds/<uuid:round_id>/vote/remind/count")
@signed_in(Role.STEWARD)
def plan_reminders(round_id: UUID) -> ResponseReturnValue:
    """Count who would be reminded, once a day."""
    try:
        with working() as uow:
            told = how_many(unfinished.plan_reminders(uow, round_id).letters)
        flash(f"Counted: {told}. Nothing is sent yet.", "success")
    except RuleBroken as broken:
        flash(broken.message, "warning")
    return redirect(url_for("voting_desk.desk", round_id=round_id, _anchor="remind"))


@bp.post("/rounds/<uuid:round_id>/vote/remind")
@signed_in(Role.STEWARD)
def remind(round_id: UUID) -> ResponseReturnValue:
    """Write to those who were counted."""
    try:
        with working() as uow:
            plan, sent = unfinished.remind(uow, round_id, pepper=code_pepper())
            told = how_many(plan.letters)
        if sent:
            flash(f"{told.capitalize()} go out. You can remind again tomorrow.", "success")
        else:
            flash(f"People have voted meanwhile, so nothing was sent. By now it would be {told}.", "warning")
    except RuleBroken as broken:
        flash(broken.message, "warning")
    return redirect(url_for("voting_desk.desk", round_id=round_id))


@bp.route("/rounds/<uuid:round_id>/vote/codes/<uuid:batch_id>/hand-over", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def hand_over(round_id: UUID, batch_id: UUID) -> ResponseReturnValue:
    """Write down who has a batch's cards."""
    round = _round_of_desk(round_id)
    batch = next((one for one in queries.batches(reading(), round.id) if one.id == batch_id), None)
    if batch is None:
        abort(404)
    form = HandOverForm(data={"handed_to": batch.handed_to or batch.label, "handed_on": batch.handed_on})
    if carried_out(
        form,
        lambda uow: code_service.hand_over(uow, batch_id, handed_to=form.handed_to.data or "", day=form.handed_on.data),
    ):
        flash("It is written down who has these codes.", "success")
        return redirect(url_for("voting_desk.desk", round_id=round_id))
    return render_template("voting/hand_over.html", round=round, batch=batch, form=form), form.status


@bp.route("/rounds/<uuid:round_id>/vote/codes/<uuid:batch_id>/void", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def void(round_id: UUID, batch_id: UUID) -> ResponseReturnValue:
    """Make what is left of a batch worth nothing."""
    round = _round_of_desk(round_id)
    batch = next((one for one in queries.batches(reading(), round.id) if one.id == batch_id), None)
    if batch is None:
        abort(404)
    form = VoidForm()
    if carried_out(form, lambda uow: code_service.void_batch(uow, batch_id, form.reason.data or "")):
        flash("These codes are worth nothing from now on. Votes that were cast with them still count.", "success")
        return redirect(url_for("voting_desk.desk", round_id=round_id))
    return render_template("voting/void.html", round=round, batch=batch, form=form), form.status


# What the vote adds to other pages.


@section("round", 20)
def _on_round(round: Row) -> Section | None:
    """The round's page itself leads to an open vote; here stands what comes before and after it."""
    frozen = rounds.phase(round, now()) is RoundState.CHECKING and round.state is RoundState.VOTING
    if not frozen and round.votes_counted_at is None:
        return None
    html = render_template("voting/_on_round.html", round=round, frozen=frozen)
    return Section("vote", "The vote", Markup(html))  # noqa: S704 - our own template


@section("desk", 20)
def _on_desk(round: Row) -> Section | None:
    phase = rounds.phase(round, now())
    if phase not in DESK_PHASES or rounds.is_quick(round):
        return None
    ready = phase is RoundState.CHECKING and round.panel_locked_at is not None and round.state is RoundState.CHECKING
    due = round.state is RoundState.VOTING and phase is RoundState.PANEL
    in_person = VotingMethod.IN_PERSON in queries.book_of(round).vote_methods
    html = render_template(
        "voting/_on_desk.html",
        round=round,
        ready=ready,
        due=due,
        phase=phase,
        in_person=in_person,
        by_officers=queries.key_by_officers(round),
    )
    return Section("vote", "The vote", Markup(html))  # noqa: S704 - our own template


@needs_you(queries.to_open_or_count)
def _votes_wait(actor: Actor, moment: datetime, rows: Rows) -> Iterator[NeedsYou]:
    for round_id, title, state, opens_at in rows:
        href = url_for("voting_desk.desk", round_id=round_id)
        if state is RoundState.CHECKING:
            detail = "The panel has finished. The ballot waits to be frozen."
            yield NeedsYou(f"Open the vote of {title}", href, detail, opens_at)
        else:
            yield NeedsYou(f"Count the votes of {title}", href, "Voting has closed.")
