"""Batches of papers: keyed by one person, keyed again by another, approved."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from grants.kernel.actors import Actor, Role
from grants.kernel.errors import RuleBroken
from grants.people import queries as people
from grants.rounds import access as rounds_access
from grants.rounds import queries as rounds
from grants.voting import access, queries
from grants.voting.forms import CountForm, PaperForm
from grants.voting.queries import PaperBatchRow
from grants.voting.rules.paper import FIRST, INVALID_WORDS, SECOND, PaperBatchState, Sheet, show_marks
from grants.voting.service import papers as service
from grants.voting.service.papers import Keyed
from grants.web.db import reading
from grants.web.doors import signed_in
from grants.web.logs import quiet
from grants.web.needs import NeedsYou, needs_you
from grants.web.outside import vote_key
from grants.web.session import current_actor
from grants.web.work import carried_out, working

bp = quiet(Blueprint("papers", __name__))
Row = Any
WORK = (Role.OFFICER, Role.STEWARD)


@bp.get("/batches/<uuid:batch_id>")
@signed_in(*WORK, Role.AUDITOR, Role.ADMIN)
def batch(batch_id: UUID) -> ResponseReturnValue:
    """Where a batch stands, and what this person can do next. Whoever checks does not see what was keyed."""
    found, round = _batch(batch_id)
    actor, kind = current_actor(), queries.book_of(round).ballot.kind.value
    counted = round.votes_counted_at is not None
    mine = _mine(found)
    apart = (
        service.differences(reading(), round, found, vote_key=vote_key())
        if not counted and found.state is PaperBatchState.KEYED
        else {}
    )
    told = queries.corrections(reading(), found.id)
    history = [(kept, name, None if counted else _was(round, kept, mine)) for kept, name in told]
    seen = service.sheets(reading(), round, found.id, mine, vote_key=vote_key()) if mine and not counted else {}
    return render_template(
        "voting/paper_batch.html",
        round=round,
        batch=found,
        names=people.names(
            reading(), [one for one in (found.keyed_by_id, found.checked_by_id, found.approved_by_id) if one]
        ),
        mine=mine,
        next_place=next((place for place in range(1, found.declared_count + 1) if place not in seen), None),
        sheets=[(place, _words(sheet, kind)) for place, sheet in sorted(seen.items())],
        apart=[(place, _words(one, kind), _words(two, kind)) for place, (one, two) in sorted(apart.items())],
        history=history,
        kind=kind,
        counted=counted,
        may_key=access.may_key(actor, round.fund_id),
    )


@bp.route("/batches/<uuid:batch_id>/papers/<int:place>", methods=["GET", "POST"])
@signed_in(*WORK)
def key(batch_id: UUID, place: int) -> ResponseReturnValue:
    """Key one paper, or correct what one keyed oneself."""
    found, round = _batch(batch_id)
    mine = _mine(found)
    if not mine or not 1 <= place <= found.declared_count:
        abort(404)
    kind = queries.book_of(round).ballot.kind.value
    was = service.sheets(reading(), round, found.id, mine, vote_key=vote_key()).get(place)
    typed = {"serial": was.serial, "marks": show_marks(was.marks, kind), "said": was.invalid or "counts"} if was else {}
    form = PaperForm(data=typed)
    form.prepare(kind)
    if form.accepted():
        keyed = Keyed(*form.to_keyed())
        try:
            with working() as uow:
                reason = (
                    service.correct_paper(uow, batch_id, place, keyed, form.why.data or "")
                    if was
                    else service.key_paper(uow, batch_id, place, keyed)
                )
            if reason is not None:
                flash(f"Paper {place} does not count: {INVALID_WORDS[reason]}. It is recorded so.", "warning")
            else:
                flash(f"Paper {place} is {'corrected' if was else 'keyed'}.", "success")
            follows = None if was else place + 1
            if follows is not None and follows <= found.declared_count:
                return redirect(url_for("papers.key", batch_id=batch_id, place=follows))
            return redirect(url_for("papers.batch", batch_id=batch_id))
        except RuleBroken as broken:
            form.show(broken)
    return (
        render_template(
            "voting/paper_key.html", round=round, batch=found, place=place, form=form, was=was, second=mine == SECOND
        ),
        form.status,
    )


@bp.post("/batches/<uuid:batch_id>/close")
@signed_in(*WORK)
def close(batch_id: UUID) -> ResponseReturnValue:
    """Every paper is keyed; another person checks now."""
    found, _ = _batch(batch_id)
    try:
        with working() as uow:
            service.close_batch(uow, batch_id)
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
    if found.keyed_by_id in (None, actor.id):
        return FIRST if found.state is not PaperBatchState.APPROVED else None
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


@needs_you
def _batches_wait(actor: Actor, moment: datetime) -> Iterator[NeedsYou]:
    if actor.id is None or not (actor.has(Role.OFFICER) or actor.has(Role.STEWARD)):
        return
    for batch in queries.open_batches(reading(), _funds(actor)):
        words = "The second person's turn" if batch.state is PaperBatchState.KEYED else "It is being keyed"
        if batch.state is PaperBatchState.KEYED and batch.keyed_by_id == actor.id:
            continue
        yield NeedsYou(f"Key {batch.name}", url_for("papers.batch", batch_id=batch.id), f"{words}.")


def _funds(actor: Actor) -> frozenset[UUID] | None:
    scopes = [actor.scopes(role) for role in WORK if actor.has(role)]
    return None if None in scopes else frozenset(fund for found in scopes if found is not None for fund in found)
