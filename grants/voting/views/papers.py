"""Batches of papers: keyed by one person, keyed again by another, approved."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from grants.kernel.actors import Actor, Role
from grants.kernel.errors import RuleBroken, StepRefused
from grants.people import queries as people
from grants.rounds import access as rounds_access
from grants.rounds import queries as rounds
from grants.voting import access, queries
from grants.voting.forms import AnewForm, CountForm, CoverForm, PaperForm
from grants.voting.queries import PaperBatchRow
from grants.voting.rules.covers import cover_fits, hold_sitting, read_cover, sitting_key
from grants.voting.rules.paper import (
    FIRST,
    INVALID_WORDS,
    SECOND,
    PaperBatchState,
    Sheet,
    batch_name,
    show_marks,
)
from grants.voting.service import papers as service
from grants.voting.service.papers import Keyed
from grants.web.db import now, reading
from grants.web.doors import signed_in
from grants.web.logs import quiet
from grants.web.needs import NeedsYou, Rows, needs_you
from grants.web.outside import vote_key
from grants.web.pdf import pdf_answer
from grants.web.session import current_actor
from grants.web.work import carried_out, working

bp = quiet(Blueprint("papers", __name__))
Row = Any
WORK = (Role.OFFICER, Role.STEWARD)
HELD = "cover"
"""Where a browser keeps what was made of a cover sheet's letters, for one batch and one sitting."""


@bp.get("/batches/<uuid:batch_id>")
@signed_in(*WORK, Role.AUDITOR, Role.ADMIN)
def batch(batch_id: UUID) -> ResponseReturnValue:
    """Where a batch stands, and what this person can do next. Whoever checks does not see what was keyed.

    Where officers hold the key nobody does: of a difference the page tells the paper, and how often it was keyed.
    """
    found, round = _batch(batch_id)
    actor, kind = current_actor(), queries.book_of(round).ballot.kind.value
    counted, strong = round.votes_counted_at is not None, queries.key_by_officers(round)
    mine = None if counted else _mine(found)
    told = queries.corrections(reading(), found.id)
    seen = service.sheets(reading(), round, found.id, mine, vote_key=vote_key()) if mine and not strong else {}
    places = queries.keyed_places(reading(), found.id, mine) if mine else []
    by_steward = found.state is PaperBatchState.APPROVED
    may_key = access.may_key(actor, round.fund_id)
    return render_template(
        "voting/paper_batch.html",
        round=round,
        batch=found,
        names=people.names(
            reading(),
            [
                one
                for one in (found.keyed_by_id, found.checked_by_id, found.approved_by_id, found.set_aside_by_id)
                if one
            ],
        ),
        mine=mine,
        next_place=next((place for place in range(1, found.declared_count + 1) if place not in places), None),
        sheets=[(place, _words(seen[place], kind) if place in seen else "") for place in places],
        apart=_apart(found, round, told) if not counted and found.state is PaperBatchState.KEYED else [],
        history=[(kept, name, None if counted or strong else _was(round, kept, mine)) for kept, name in told],
        kind=kind,
        counted=counted,
        strong=strong,
        sitting=strong and mine is not None and _held(found) is not None,
        anew=queries.declared_instead(reading(), found.id),
        may_key=may_key,
        may_begin_again=not counted
        and (rounds_access.may_run(actor, round.fund_id) if by_steward else strong and may_key),
    )


def _apart(found: PaperBatchRow, round: Row, told: Sequence[tuple[Row, str]]) -> list[tuple[int, str, str]]:
    """The papers of which the two do not say the same, and what each says of it, or how often each has keyed it."""
    if queries.key_by_officers(round):
        again = Counter((kept.keying, kept.place) for kept, _ in told)
        return [
            (place, _times(1 + again[FIRST, place]), _times(1 + again[SECOND, place]))
            for place in service.places_apart(reading(), found)
        ]
    kind = queries.book_of(round).ballot.kind.value
    apart = service.differences(reading(), round, found, vote_key=vote_key())
    return [(place, _words(one, kind), _words(two, kind)) for place, (one, two) in sorted(apart.items())]


def _times(size: int) -> str:
    return "keyed once" if size == 1 else f"keyed {size} times"


@bp.route("/batches/<uuid:batch_id>/papers/<int:place>", methods=["GET", "POST"])
@signed_in(*WORK)
def key(batch_id: UUID, place: int) -> ResponseReturnValue:
    """Key one paper, or correct what one keyed oneself."""
    found, round = _batch(batch_id)
    mine = _mine(found)
    if not mine or not 1 <= place <= found.declared_count:
        abort(404)
    kind, strong = queries.book_of(round).ballot.kind.value, queries.key_by_officers(round)
    if strong and found.cover_hash is None:
        flash("Draw the letters of the cover sheet first. Without them nobody can key.", "warning")
        return redirect(url_for("papers.batch", batch_id=batch_id))
    again = place in queries.keyed_places(reading(), found.id, mine)
    form = PaperForm(data=_keyed_before(found, round, mine, place, kind) if again else {})
    form.prepare(kind)
    cover, valid = _held(found) if strong else None, form.accepted()
    if strong and cover is None and request.method == "POST":
        try:
            cover = service.open_cover(found, form.cover.data or "")
            _hold(found, cover)
        except RuleBroken as broken:
            form.show(broken)
            valid = False
    if valid:
        keyed = Keyed(*form.to_keyed())
        try:
            with working() as uow:
                reason = (
                    service.correct_paper(uow, batch_id, place, keyed, form.why.data or "", cover=cover)
                    if again
                    else service.key_paper(uow, batch_id, place, keyed, cover=cover)
                )
            if cover is not None:
                _hold(found, cover)
            if reason is not None:
                flash(f"Paper {place} does not count: {INVALID_WORDS[reason]}. It is recorded so.", "warning")
            else:
                flash(f"Paper {place} is {'corrected' if again else 'keyed'}.", "success")
            follows = None if again else place + 1
            if follows is not None and follows <= found.declared_count:
                return redirect(url_for("papers.key", batch_id=batch_id, place=follows))
            return redirect(url_for("papers.batch", batch_id=batch_id))
        except RuleBroken as broken:
            form.show(broken)
    return (
        render_template(
            "voting/paper_key.html",
            round=round,
            batch=found,
            place=place,
            form=form,
            again=again,
            second=mine == SECOND,
            strong=strong,
            asks_cover=strong and cover is None,
        ),
        form.status,
    )


def _keyed_before(found: PaperBatchRow, round: Row, mine: int, place: int, kind: str) -> dict[str, Any]:
    """What this person keyed of a paper, for them to change; where officers hold the key nobody sees that again."""
    if queries.key_by_officers(round):
        apart = found.state is PaperBatchState.KEYED and place in service.places_apart(reading(), found)
        return {"why": "The two of us did not say the same."} if apart else {}
    was = service.sheets(reading(), round, found.id, mine, vote_key=vote_key())[place]
    return {"serial": was.serial, "marks": show_marks(was.marks, kind), "said": was.invalid or "counts"}


# The cover sheet of a batch, where officers hold the key.


@bp.post("/batches/<uuid:batch_id>/cover")
@signed_in(*WORK)
def cover(batch_id: UUID) -> ResponseReturnValue:
    """Draw the letters. The answer to this post is the only place where they are shown."""
    found, round = _batch(batch_id)
    try:
        with working() as uow:
            letters = service.draw_cover(uow, batch_id)
    except StepRefused as refused:
        flash(refused.message, "warning")
        return redirect(url_for("papers.batch", batch_id=batch_id))
    return render_template("voting/cover_once.html", round=round, batch=found, letters=letters)


@bp.post("/batches/<uuid:batch_id>/cover.pdf")
@signed_in(*WORK)
def cover_sheet(batch_id: UUID) -> ResponseReturnValue:
    """The cover sheet, for whoever has its letters: the page that shows them sends them along."""
    found, round = _batch(batch_id)
    form = CoverForm()
    try:
        service.open_cover(found, form.cover.data or "")
    except RuleBroken as refused:
        flash(refused.message, "warning")
        return redirect(url_for("papers.batch", batch_id=batch_id))
    return pdf_answer(
        "voting/cover_sheet.html",
        f"cover-sheet-batch-{found.number}.pdf",
        round=round,
        batch=found,
        letters=read_cover(form.cover.data or ""),
    )


@bp.post("/batches/<uuid:batch_id>/cover/forget")
@signed_in(*WORK)
def forget_cover(batch_id: UUID) -> ResponseReturnValue:
    """The sitting is over: this browser forgets what was made of the letters."""
    session.pop(HELD, None)
    flash("Forgotten here. Who keys the next paper types the letters again.", "success")
    return redirect(url_for("papers.batch", batch_id=batch_id))


@bp.route("/batches/<uuid:batch_id>/anew", methods=["GET", "POST"])
@signed_in(*WORK)
def anew(batch_id: UUID) -> ResponseReturnValue:
    """Begin again with the papers of this batch."""
    found, round = _batch(batch_id)
    form = AnewForm()
    if form.accepted():
        try:
            with working() as uow:
                fresh_id = service.declare_anew(uow, batch_id, form.why.data or "").id
            flash(f"Batch {found.number} is set aside. Its papers are this batch now.", "success")
            return redirect(url_for("papers.batch", batch_id=fresh_id))
        except RuleBroken as broken:
            form.show(broken)
    return render_template("voting/paper_anew.html", round=round, batch=found, form=form), form.status


def _hold(found: PaperBatchRow, key: bytes) -> None:
    """Keep what was made of a cover's letters in this person's browser, sealed, until half an hour after a paper."""
    actor = current_actor()
    if actor.id is not None:
        session[HELD] = hold_sitting(key, found.id, actor.id, _secret_key(), now())


def _held(found: PaperBatchRow) -> bytes | None:
    actor = current_actor()
    if HELD not in session or actor.id is None:
        return None
    key = sitting_key(session[HELD], found.id, actor.id, _secret_key(), now())
    return key if key is not None and cover_fits(key, found.cover_hash) else None


def _secret_key() -> str:
    key: str = current_app.config["SETTINGS"].secret_key
    return key


# The steps of a batch.


@bp.post("/batches/<uuid:batch_id>/close")
@signed_in(*WORK)
def close(batch_id: UUID) -> ResponseReturnValue:
    """Every paper is keyed; another person checks now."""
    found, _ = _batch(batch_id)
    try:
        with working() as uow:
            service.close_batch(uow, batch_id)
        session.pop(HELD, None)
        flash("Keyed. Now another person keys the same papers, without seeing what you typed.", "success")
    except RuleBroken as broken:
        flash(broken.message, "warning")
    return redirect(url_for("papers.batch", batch_id=found.id))


@bp.post("/batches/<uuid:batch_id>/approve")
@signed_in(*WORK)
def approve(batch_id: UUID) -> ResponseReturnValue:
    """Both say the same: the batch counts."""
    found, _ = _batch(batch_id)
    try:
        with working() as uow:
            service.approve_batch(uow, batch_id, vote_key=vote_key())
        session.pop(HELD, None)
        flash("The batch is approved. Its papers are counted with the other votes.", "success")
    except RuleBroken as broken:
        flash(broken.message, "warning")
    return redirect(url_for("papers.batch", batch_id=found.id))


@bp.route("/batches/<uuid:batch_id>/count", methods=["GET", "POST"])
@signed_in(*WORK)
def count(batch_id: UUID) -> ResponseReturnValue:
    """The papers were miscounted."""
    found, round = _batch(batch_id)
    form = CountForm(data={"paper_count": found.declared_count})
    if carried_out(
        form, lambda uow: service.correct_count(uow, batch_id, form.paper_count.data or 0, form.why.data or "")
    ):
        flash("The number of papers is corrected.", "success")
        return redirect(url_for("papers.batch", batch_id=batch_id))
    return render_template("voting/paper_count.html", round=round, batch=found, form=form), form.status


def _batch(batch_id: UUID) -> tuple[PaperBatchRow, Row]:
    found = queries.paper_batch(reading(), batch_id)
    round = rounds.published(reading(), found.round_id)
    actor = current_actor()
    if not (access.may_key(actor, round.fund_id) or rounds_access.may_see_desk(actor, round.fund_id)):
        abort(403)
    return found, round


def _mine(found: PaperBatchRow) -> int | None:
    """Which of the two keyings is this person's, if either is: the first one free is."""
    actor = current_actor()
    if not access.may_key(actor, queries.booth(reading(), found.booth_id).fund_id) or actor.id is None:
        return None
    if found.state in (PaperBatchState.APPROVED, PaperBatchState.SET_ASIDE):
        return None
    if found.keyed_by_id in (None, actor.id):
        return FIRST
    may_check = found.state is PaperBatchState.KEYED and found.checked_by_id in (None, actor.id)
    return SECOND if may_check else None


def _was(round: Row, kept: Row, mine: int | None) -> str | None:
    """What stood there before, for whoever keyed it; in words."""
    if kept.keying != mine:
        return None
    sheet = service.what_was(reading(), round, kept, vote_key=vote_key())
    return _words(sheet, queries.book_of(round).ballot.kind.value) if sheet else None


def _words(sheet: Sheet, kind: str) -> str:
    marks = show_marks(sheet.marks, kind) or "blank"
    number = sheet.serial or "no number"
    reason = f" (does not count: {INVALID_WORDS[sheet.invalid]})" if sheet.invalid else ""
    return f"{number}: {marks}{reason}"


@needs_you(queries.open_batches)
def _batches_wait(actor: Actor, moment: datetime, rows: Rows) -> Iterator[NeedsYou]:
    for id, number, booth, state in rows:
        words = "The second person's turn" if state is PaperBatchState.KEYED else "It is being keyed"
        yield NeedsYou(f"Key {batch_name(number, booth)}", url_for("papers.batch", batch_id=id), f"{words}.")


def _funds(actor: Actor) -> frozenset[UUID] | None:
    scopes = [actor.scopes(role) for role in WORK if actor.has(role)]
    return None if None in scopes else frozenset(fund for found in scopes if found is not None for fund in found)
