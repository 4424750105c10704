"""In person: stewards set up booths and print papers; officers check people in and open boxes."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from grants.kernel.actors import Actor, Role
from grants.kernel.clock import london_day
from grants.kernel.errors import NotAllowed, RuleBroken
from grants.kernel.pictures import qr_picture
from grants.people import queries as people
from grants.rounds import access as rounds_access
from grants.rounds import queries as rounds
from grants.rounds.rules.ballots import VotingMethod
from grants.voting import access, queries
from grants.voting.forms import BoothForm, BoxForm, CheckInForm, PrintForm, ShiftForm, ShownForm, UndoForm
from grants.voting.queries import BoothRow
from grants.voting.rules.voters import who_may_vote
from grants.voting.rules.wording import explain_limits
from grants.voting.service import booths as service
from grants.voting.service import papers as paper_service
from grants.voting.service.booths import Shown
from grants.voting.views.votes import code_pepper
from grants.web.db import now, reading
from grants.web.doors import signed_in
from grants.web.logs import quiet
from grants.web.needs import NeedsYou, Rows, needs_you
from grants.web.outside import geography
from grants.web.pdf import pdf_answer
from grants.web.session import current_actor
from grants.web.work import working

bp = quiet(Blueprint("booths", __name__))
Row = Any
PART = 25
"""Papers that are drawn into one PDF: a few seconds."""


# The steward's page.


@bp.get("/rounds/<uuid:round_id>/booths")
@signed_in(Role.STEWARD, Role.OFFICER, Role.AUDITOR, Role.ADMIN)
def index(round_id: UUID) -> ResponseReturnValue:
    """Booths, papers and batches of a round."""
    return _index_page(_round(round_id))


def _round(round_id: UUID) -> Row:
    round = rounds.published(reading(), round_id)
    actor = current_actor()
    if not (access.may_key(actor, round.fund_id) or rounds_access.may_see_desk(actor, round.fund_id)):
        abort(403)
    return round


def _index_page(
    round: Row, booth_form: BoothForm | None = None, print_form: PrintForm | None = None
) -> tuple[str, int]:
    booth_form, print_form = booth_form or BoothForm(formdata=None), print_form or PrintForm(formdata=None)
    actor = current_actor()
    page = render_template(
        "voting/booths.html",
        round=round,
        in_person=VotingMethod.IN_PERSON in queries.book_of(round).vote_methods,
        strong=queries.key_by_officers(round),
        booths=queries.booths(reading(), round.id),
        batches=queries.paper_batches(reading(), round.id),
        runs=queries.runs(reading(), round.id),
        may_run=rounds_access.may_run(actor, round.fund_id),
        may_key=access.may_key(actor, round.fund_id),
        frozen=round.state == "voting",
        counted=round.votes_counted_at is not None,
        booth_form=booth_form,
        print_form=print_form,
        form=booth_form if booth_form.errors else print_form,
    )
    return page, max(booth_form.status, print_form.status)


@bp.post("/rounds/<uuid:round_id>/booths")
@signed_in(Role.STEWARD)
def new(round_id: UUID) -> ResponseReturnValue:
    """Set up a booth."""
    round, form = _round(round_id), BoothForm()
    if form.accepted():
        try:
            with working() as uow:
                booth = service.make_booth(uow, round_id, name=form.name.data or "", place=form.place.data or "")
                booth_id = booth.id
            flash("The booth is set up. Now say who works there on which day.", "success")
            return redirect(url_for("booths.shifts", booth_id=booth_id))
        except RuleBroken as broken:
            form.show(broken)
    return _index_page(rounds.published(reading(), round.id), booth_form=form)


@bp.route("/booths/<uuid:booth_id>/shifts", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def shifts(booth_id: UUID) -> ResponseReturnValue:
    """Who works at a booth, on which days."""
    booth = _booth(booth_id)
    round = rounds.published(reading(), booth.round_id)
    if not rounds_access.may_run(current_actor(), round.fund_id):
        abort(403)
    form = ShiftForm()
    officers = people.holders(reading(), Role.OFFICER, round.fund_id)
    first, last = (london_day(moment) for moment in (round.voting_opens_at, round.voting_closes_at))
    days = [first + timedelta(days=place) for place in range(min((last - first).days + 1, 60))]
    form.person_id.choices = [(person.id, person.name) for person in officers]
    form.days.choices = [(day.isoformat(), f"{day:%A} {day.day} {day:%B}") for day in days]
    if form.accepted():
        try:
            chosen = [day for day in days if day.isoformat() in (form.days.data or [])]
            with working() as uow:
                service.give_shift(uow, booth_id, form.person_id.data, chosen)
            flash("They are put down for this booth.", "success")
            return redirect(url_for("booths.shifts", booth_id=booth_id))
        except (RuleBroken, NotAllowed) as broken:
            form.show(broken)
    return (
        render_template(
            "voting/booth_shifts.html",
            round=round,
            booth=booth,
            form=form,
            officers=officers,
            shifts=queries.shifts(reading(), booth_id),
        ),
        form.status,
    )


@bp.post("/booths/<uuid:booth_id>/shifts/<uuid:person_id>/<day>/end")
@signed_in(Role.STEWARD)
def end_shift(booth_id: UUID, person_id: UUID, day: str) -> ResponseReturnValue:
    """Take a day away."""
    found = [one for who, _, one in queries.shifts(reading(), booth_id) if who == person_id and one.isoformat() == day]
    if not found:
        abort(404)
    with working() as uow:
        service.end_shift(uow, booth_id, person_id, found[0])
    flash("The shift is taken away.", "success")
    return redirect(url_for("booths.shifts", booth_id=booth_id))


# Papers to print.


@bp.post("/rounds/<uuid:round_id>/papers")
@signed_in(Role.STEWARD)
def print_papers(round_id: UUID) -> ResponseReturnValue:
    """Draw numbers for new papers."""
    round, form = _round(round_id), PrintForm()
    if form.accepted():
        try:
            with working() as uow:
                run = service.print_papers(
                    uow, round_id, sheet_count=form.sheet_count.data or 0, large_print=form.size.data == "large"
                )
                run_id = run.id
            return redirect(url_for("booths.run", round_id=round_id, run_id=run_id))
        except RuleBroken as broken:
            form.show(broken)
    return _index_page(rounds.published(reading(), round.id), print_form=form)


@bp.get("/rounds/<uuid:round_id>/papers/<uuid:run_id>")
@signed_in(Role.STEWARD)
def run(round_id: UUID, run_id: UUID) -> ResponseReturnValue:
    """The papers are ready: a PDF for every 25."""
    round, found = _run(round_id, run_id)
    parts = [(first + 1, min(first + PART, found.sheet_count)) for first in range(0, found.sheet_count, PART)]
    return render_template("voting/paper_run.html", round=round, run=found, parts=parts)


@bp.get("/rounds/<uuid:round_id>/papers/<uuid:run_id>/<int:part>.pdf")
@signed_in(Role.STEWARD)
def papers(round_id: UUID, run_id: UUID, part: int) -> ResponseReturnValue:
    """Some papers of a run, drawn when they are asked for."""
    round, found = _run(round_id, run_id)
    serials = queries.serials(reading(), run_id, first=(part - 1) * PART, size=PART) if part else []
    if not serials:
        abort(404)
    book = queries.book_of(round)
    entries = queries.entries(reading(), round.id)
    return pdf_answer(
        "voting/paper.html",
        f"ballot-papers-{part}.pdf",
        round=round,
        entries=entries,
        kind=book.ballot.kind.value,
        explained=explain_limits(book.ballot, len(entries)),
        large=found.large_print,
        wards={ward.code: ward.name for ward in geography().wards()} if book.ballot.areas else {},
        papers=[(serial, qr_picture(serial)) for serial in serials],
    )


def _run(round_id: UUID, run_id: UUID) -> tuple[Row, Row]:
    round = rounds.published(reading(), round_id)
    found = queries.run(reading(), run_id)
    if found.round_id != round.id or not rounds_access.may_run(current_actor(), round.fund_id):
        abort(404)
    return round, found


# The officer's screen.


@bp.get("/booth")
@signed_in(Role.OFFICER)
def today() -> ResponseReturnValue:
    """The officer's booth of today. With two, they choose; with none, there is no screen."""
    actor = current_actor()
    found = queries.booths_today(reading(), actor.id, london_day(now())) if actor.id else []
    if len(found) == 1:
        return redirect(url_for("booths.check_in", booth_id=found[0].id))
    if not found:
        raise NotAllowed("You have no shift at a booth today. Ask a steward to put you down for one.")
    return render_template("voting/booth_choose.html", booths=found)


@bp.route("/booth/<uuid:booth_id>", methods=["GET", "POST"])
@signed_in(Role.OFFICER)
def check_in(booth_id: UUID) -> ResponseReturnValue:
    """Check somebody in who votes on paper."""
    booth = _booth_on_shift(booth_id)
    round = rounds.published(reading(), booth.round_id)
    form, outcome = CheckInForm(), None
    valid = form.accepted()
    if request.method == "POST" and form.complete() and valid:
        try:
            with working() as uow:
                outcome = service.check_in(
                    uow,
                    booth_id,
                    _shown(form),
                    checked=form.checked.data,
                    void_online=request.form.get("do") == "void",
                    pepper=code_pepper(),
                )
        except RuleBroken as broken:
            form.show(broken)
        if outcome is not None and outcome.done:
            flash("Checked in. Give them any paper from the pile, face down. They are on the roll now.", "success")
            return redirect(url_for("booths.check_in", booth_id=booth_id))
    book = queries.book_of(round)
    return (
        render_template(
            "voting/booth.html",
            round=round,
            booth=booth,
            form=form,
            who=who_may_vote(book),
            methods=[method.value for method in book.vote_methods],
            outcome=outcome,
            open=rounds.phase(round, now()) == "voting",
        ),
        form.status,
    )


@bp.route("/booth/<uuid:booth_id>/undo", methods=["GET", "POST"])
@signed_in(Role.OFFICER)
def undo(booth_id: UUID) -> ResponseReturnValue:
    """Somebody was checked in by mistake, and no paper of theirs is in the box."""
    booth = _booth_on_shift(booth_id)
    round = rounds.published(reading(), booth.round_id)
    form = UndoForm()
    valid = form.accepted()
    if request.method == "POST" and form.complete() and valid:
        try:
            with working() as uow:
                service.undo_check_in(
                    uow,
                    booth_id,
                    _shown(form),
                    no_paper=form.no_paper.data,
                    why=form.why.data or "",
                    pepper=code_pepper(),
                )
            flash("They are off the roll again, and can vote once, in any way.", "success")
            return redirect(url_for("booths.check_in", booth_id=booth_id))
        except RuleBroken as broken:
            form.show(broken)
    methods = [method.value for method in queries.book_of(round).vote_methods]
    return render_template("voting/booth_undo.html", round=round, booth=booth, form=form, methods=methods), form.status


def _shown(form: ShownForm) -> Shown:
    return Shown(
        code=form.code.data or "",
        email=form.email.data or "",
        name=form.name.data or "",
        born_on=form.born_on.data,
        place=geography().find(form.postcode.data or ""),
        postcode=form.postcode.data or "",
    )


@bp.route("/booths/<uuid:booth_id>/box", methods=["GET", "POST"])
@signed_in(Role.OFFICER, Role.STEWARD)
def box(booth_id: UUID) -> ResponseReturnValue:
    """The box is opened: how many papers are in it."""
    booth = _booth(booth_id)
    form = BoxForm()
    if form.accepted():
        try:
            with working() as uow:
                batch = paper_service.declare_batch(
                    uow, booth_id, paper_count=form.paper_count.data or 0, last=form.last.data == "yes"
                )
                batch_id = batch.id
            return redirect(url_for("papers.batch", batch_id=batch_id))
        except RuleBroken as broken:
            form.show(broken)
    round = rounds.published(reading(), booth.round_id)
    return render_template("voting/booth_box.html", round=round, booth=booth, form=form), form.status


@bp.post("/booths/<uuid:booth_id>/close")
@signed_in(Role.OFFICER, Role.STEWARD)
def close(booth_id: UUID) -> ResponseReturnValue:
    """The booth is closed, and its box holds nothing more."""
    booth = _booth(booth_id)
    try:
        with working() as uow:
            paper_service.close_booth(uow, booth_id)
        flash("The booth is closed.", "success")
    except RuleBroken as broken:
        flash(broken.message, "warning")
    return redirect(url_for("booths.index", round_id=booth.round_id))


def _booth(booth_id: UUID) -> BoothRow:
    booth = queries.booth(reading(), booth_id)
    if not access.may_key(current_actor(), booth.fund_id):
        abort(403)
    return booth


def _booth_on_shift(booth_id: UUID) -> BoothRow:
    booth, actor = queries.booth(reading(), booth_id), current_actor()
    access.ensure_is_officer(actor, booth.fund_id)
    if actor.id is None or not queries.has_shift(reading(), booth_id, actor.id, london_day(now())):
        raise NotAllowed("You have no shift at this booth today. Ask a steward to put you down for it.")
    return booth


@needs_you(queries.shifts_today)
def _shifts_today(actor: Actor, moment: datetime, rows: Rows) -> Iterator[NeedsYou]:
    for id, name, round_title in rows:
        yield NeedsYou(
            f"Work at {name} today",
            url_for("booths.check_in", booth_id=id),
            f"People vote on paper there: {round_title}.",
        )
