"""A returning officer collects their share of the round's key, and after the close brings it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, flash, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from grants.kernel.actors import Actor, Role
from grants.kernel.errors import RuleBroken, StepRefused
from grants.rounds import access
from grants.rounds import queries as rounds
from grants.voting.forms import ShareForm
from grants.voting.service import keys as service
from grants.voting.service import papers
from grants.voting.service.votes import HELD_SECRETS
from grants.web.db import give_back_space, now, reading
from grants.web.doors import signed_in
from grants.web.logs import quiet
from grants.web.needs import NeedsYou, Rows, needs_you
from grants.web.outside import vote_key
from grants.web.session import current_actor
from grants.web.work import working

bp = quiet(Blueprint("keys", __name__))
Row = Any


@bp.get("/rounds/<uuid:round_id>/key")
@signed_in(Role.OFFICER, Role.STEWARD)
def share(round_id: UUID) -> ResponseReturnValue:
    """What this officer can do with their share at this moment."""
    return _page(round_id)


@bp.post("/rounds/<uuid:round_id>/key/collect")
@signed_in(Role.OFFICER, Role.STEWARD)
def collect(round_id: UUID) -> ResponseReturnValue:
    """Show the share. The answer to this post is the only place where it is ever shown."""
    round, _ = _mine(round_id)
    try:
        with working() as uow:  # the page is drawn before anything is deleted for good
            groups = service.collect(uow, round_id, vote_key=vote_key()).split()
            answer = _private(render_template("voting/key_once.html", round=round, groups=groups))
    except StepRefused as refused:
        flash(refused.message, "warning")
        return redirect(url_for("keys.share", round_id=round_id))
    give_back_space("key_share")
    return answer


@bp.post("/rounds/<uuid:round_id>/key/hand-in")
@signed_in(Role.OFFICER, Role.STEWARD)
def hand_in(round_id: UUID) -> ResponseReturnValue:
    """Type the share. The second officer who does counts the votes."""
    _mine(round_id)
    form = ShareForm()
    if form.accepted():
        try:
            with working() as uow:
                tally = service.hand_in(uow, round_id, form.share.data or "", vote_key=vote_key())
        except RuleBroken as broken:
            form.show(broken)
            return _page(round_id, form)
        if tally is None:
            flash("Your share is in. When another officer types theirs, the votes are counted.", "success")
        elif give_back_space(*HELD_SECRETS):
            flash("The votes are counted, and every envelope is destroyed.", "success")
        else:
            flash("The votes are counted. What is left of the envelopes is wiped within the next minutes.", "warning")
        return redirect(url_for("keys.share", round_id=round_id))
    return _page(round_id, form)


def _page(round_id: UUID, form: ShareForm | None = None) -> ResponseReturnValue:
    round, mine = _mine(round_id)
    form = form or ShareForm(formdata=None)
    closed = round.state.value == "voting" and now() >= round.voting_closes_at
    page = render_template(
        "voting/key_share.html",
        round=round,
        mine=mine,
        form=form,
        closed=closed,
        waits=papers.what_waits(reading(), round.id) if closed else [],
        others=[one for one in rounds.key_holders(reading(), round.id) if one.person_id != mine.person_id],
    )
    answer = _private(page)
    answer.status_code = form.status
    return answer


def _mine(round_id: UUID) -> tuple[Row, Row]:
    """The round and this person's part in its key; 403 for everybody else, whatever their role."""
    round = rounds.published(reading(), round_id)
    mine = rounds.key_share_of(reading(), round.id, current_actor().id)
    access.ensure_holds_share(current_actor(), round.fund_id, mine.person_id if mine else None)
    return (round, mine) if mine else abort(403)


def _private(page: str) -> Response:
    answer = make_response(page)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@needs_you(rounds.shares_to_see_to)
def _shares_wait(actor: Actor, moment: datetime, rows: Rows) -> Iterator[NeedsYou]:
    for round_id, title, collected, voting_opens_at, voting_closes_at in rows:
        href = url_for("keys.share", round_id=round_id)
        if not collected:
            text, detail = "Collect your share of the key", "The vote cannot open before. It is shown once."
            yield NeedsYou(f"{text}: {title}", href, detail, voting_opens_at)
        else:
            text, detail = "Type your share of the key", "Voting has closed. Two officers must, to count the votes."
            yield NeedsYou(f"{text}: {title}", href, detail, voting_closes_at)
