"""Questions and answers on a proposal's public page."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotFound, RuleBroken
from grants.kernel.words import plural
from grants.proposals import access
from grants.proposals.forms.steps import CommentForm, FlagForm
from grants.proposals.queries import published, questions, whole
from grants.proposals.rules.comments import CommentState
from grants.proposals.rules.states import ProposalState
from grants.proposals.service import comments as service
from grants.rounds import queries as rounds
from grants.rounds.rules.states import RoundState
from grants.web.db import now, reading
from grants.web.doors import signed_in
from grants.web.limits import post_limit
from grants.web.needs import NeedsYou, Rows, needs_you
from grants.web.sections import Section, section
from grants.web.session import current_actor
from grants.web.work import carried_out, working

bp = Blueprint("proposal_comments", __name__)


@section("proposal", order=5)
def _on_page(proposal: Any) -> Section | None:
    """The questions with their answers; while people vote, a way to ask."""
    if not published.is_public(proposal, now()):
        return None
    actor, found = current_actor(), questions.questions(reading(), proposal.id)
    phase = rounds.phase(proposal.round, now())
    open_now = phase is RoundState.VOTING and proposal.state is ProposalState.ON_BALLOT
    if not found and not open_now:
        return None
    moderates = actor.has(Role.STEWARD) and access.may_screen(actor, whole.parties(reading(), proposal))
    html = render_template(
        "proposals/questions.html",
        proposal=proposal,
        questions=found,
        open_now=open_now,
        answers=open_now and actor.can_edit_for(proposal.group_id),
        own=proposal.group_id in actor.groups,
        moderates=moderates,
        flags=questions.flags_of(reading(), proposal.id) if moderates else {},
    )
    return Section("questions", "Questions and answers", Markup(html))  # noqa: S704 - rendered by our template


def _back(comment: Any) -> ResponseReturnValue:
    return redirect(url_for("proposals.page", proposal_id=comment.proposal_id, _anchor="questions"))


@bp.route("/proposals/<uuid:proposal_id>/questions", methods=["GET", "POST"])
@signed_in()
@post_limit("20 per hour")
def ask(proposal_id: UUID) -> ResponseReturnValue:
    """Ask the group something."""
    proposal = whole.proposal(reading(), proposal_id)
    if not published.is_public(proposal, now()):
        raise NotFound("There is no such proposal.")
    form = CommentForm()
    if form.accepted():
        try:
            with working() as uow:
                comment = service.ask(uow, proposal_id, form.words.data or "")
            flash("Asked. The group has a letter, and you get one when they answer.", "success")
            return _back(comment)
        except RuleBroken as broken:
            form.show(broken)
    return render_template("proposals/ask.html", form=form, proposal=proposal, question=None), form.status


@bp.route("/questions/<uuid:comment_id>/answer", methods=["GET", "POST"])
@signed_in()
@post_limit("60 per hour")
def answer(comment_id: UUID) -> ResponseReturnValue:
    """The group answers."""
    comment, proposal = _public(comment_id)
    access.ensure_may_edit(current_actor(), whole.parties(reading(), proposal))
    form = CommentForm()
    form.words.label.text, form.words.description = "Your answer", "Everybody can read it, under your group’s name."
    if carried_out(form, lambda uow: service.answer(uow, comment_id, form.words.data or "")):
        flash("Answered. Whoever asked has a letter.", "success")
        return _back(comment)
    return render_template("proposals/ask.html", form=form, proposal=proposal, question=comment), form.status


@bp.route("/questions/<uuid:comment_id>/flag", methods=["GET", "POST"])
@signed_in()
@post_limit("20 per hour")
def flag(comment_id: UUID) -> ResponseReturnValue:
    """Tell a steward that something should not stand there."""
    comment, proposal = _public(comment_id)
    form = FlagForm()
    if carried_out(form, lambda uow: service.flag(uow, comment_id, form.why.data or "")):
        flash("Thank you. A steward looks at it.", "success")
        return _back(comment)
    return render_template(
        "proposals/flag.html", form=form, proposal=proposal, comment=comment, hides=False
    ), form.status


@bp.route("/questions/<uuid:comment_id>/hide", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def hide(comment_id: UUID) -> ResponseReturnValue:
    """Hide it, with a reason that everybody can read."""
    comment, proposal = _public(comment_id)
    access.ensure_may_screen(current_actor(), whole.parties(reading(), proposal))
    form = FlagForm()
    form.why.label.text, form.why.description = "Why is it hidden?", "Everybody can read this."
    if carried_out(form, lambda uow: service.hide(uow, comment_id, form.why.data or "")):
        return _back(comment)
    return render_template(
        "proposals/flag.html", form=form, proposal=proposal, comment=comment, hides=True
    ), form.status


@bp.post("/questions/<uuid:comment_id>/keep")
@signed_in(Role.STEWARD)
def keep(comment_id: UUID) -> ResponseReturnValue:
    """Let stand what was flagged, or show it again."""
    comment = questions.comment(reading(), comment_id)
    with working() as uow:
        service.keep(uow, comment_id)
    return _back(comment)


def _public(comment_id: UUID) -> tuple[Any, Any]:
    comment = questions.comment(reading(), comment_id)
    proposal = whole.proposal(reading(), comment.proposal_id)
    if comment.state is not CommentState.SHOWN or not published.is_public(proposal, now()):
        raise NotFound("There is no such question.")
    return comment, proposal


@needs_you(questions.unanswered_questions)
def _unanswered(actor: Actor, moment: datetime, rows: Rows) -> Iterable[NeedsYou]:
    """Groups: questions without an answer."""
    for id, title, size in rows:
        href = url_for("proposals.page", proposal_id=id, _anchor="questions")
        yield NeedsYou(f"Answer {plural(size, 'question')} about “{title}”", href)


@needs_you(questions.flagged)
def _flagged(actor: Actor, moment: datetime, rows: Rows) -> Iterable[NeedsYou]:
    """Stewards: what was flagged."""
    for id, title, size in rows:
        href = url_for("proposals.page", proposal_id=id, _anchor="questions")
        yield NeedsYou(f"Look at what was flagged about “{title}”", href, plural(size, "flag"))
