"""A steward's first check of what was put in."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from grants.kernel.actors import Role
from grants.kernel.errors import NotAllowed
from grants.proposals import access
from grants.proposals.forms.steps import QuestionForm, ReasonForm, ScreeningForm
from grants.proposals.queries import lists
from grants.proposals.rules.states import PUT_IN, ProposalState
from grants.proposals.service import bids as service
from grants.proposals.views.bids import PER_PAGE, page_of, shown_facts
from grants.proposals.views.readers import readable
from grants.rounds import queries as rounds
from grants.web.db import now, reading
from grants.web.doors import signed_in
from grants.web.session import current_actor
from grants.web.work import carried_out, working

bp = Blueprint("proposal_screening", __name__)


@bp.route("/rounds/<uuid:round_id>/screening")
@signed_in(Role.STEWARD, Role.AUDITOR)
def screening(round_id: UUID) -> ResponseReturnValue:
    """Every proposal that was put in, with where it stands: what waits for a check first."""
    round = rounds.published(reading(), round_id)
    actor = current_actor()
    if not (actor.has(Role.STEWARD, round.fund_id) or actor.has(Role.AUDITOR, round.fund_id)):
        raise NotAllowed("Only stewards of this fund and auditors see this.")
    found = lists.of_round(reading(), round_id, PUT_IN)
    found.sort(key=lambda one: (one.state is not ProposalState.SUBMITTED, one.title))
    at, pages = page_of(len(found))
    return render_template(
        "proposals/screening.html",
        round=round,
        phase=rounds.phase(round, now()),
        proposals=found[(at - 1) * PER_PAGE : at * PER_PAGE],
        counts=lists.counts(reading(), round_id),
        page=at,
        pages=pages,
    )


@bp.route("/proposals/<uuid:proposal_id>/screen", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def screen(proposal_id: UUID) -> ResponseReturnValue:
    """Check whether one proposal may go on."""
    proposal, parties = readable(proposal_id)
    access.ensure_may_screen(current_actor(), parties)
    form = ScreeningForm()
    if carried_out(
        form,
        lambda uow: service.screen(
            uow,
            proposal_id,
            eligible=form.verdict.data == "yes",
            code=form.code.data if form.verdict.data == "no" else None,
            words=form.words.data or "",
        ),
    ):
        flash("Checked. The group has a letter.", "success")
        return redirect(url_for("proposal_screening.screening", round_id=proposal.round_id))
    return (
        render_template(
            "proposals/screen.html",
            form=form,
            book=rounds.rule_book(proposal.round),
            **shown_facts(proposal, parties, inside=True),
        ),
        form.status,
    )


@bp.route("/proposals/<uuid:proposal_id>/question", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def question(proposal_id: UUID) -> ResponseReturnValue:
    """Ask the group something before the check is finished."""
    proposal, parties = readable(proposal_id)
    access.ensure_may_screen(current_actor(), parties)
    form = QuestionForm()
    if carried_out(
        form,
        lambda uow: service.request_more_info(
            uow, proposal_id, form.sections.data, form.words.data or "", form.until.data
        ),
    ):
        flash("Asked. The group has a letter.", "success")
        return redirect(url_for("proposal_screening.screening", round_id=proposal.round_id))
    return render_template("proposals/question.html", form=form, proposal=proposal), form.status


@bp.route("/proposals/<uuid:proposal_id>/answer", methods=["POST"])
@signed_in()
def answer(proposal_id: UUID) -> ResponseReturnValue:
    """Send the answer to a question."""
    readable(proposal_id)
    with working() as uow:
        service.give_more_info(uow, proposal_id)
    flash("Sent. A steward goes on with the check.", "success")
    return redirect(url_for("proposals.page", proposal_id=proposal_id))


@bp.route("/proposals/<uuid:proposal_id>/reinstate", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def reinstate(proposal_id: UUID) -> ResponseReturnValue:
    """Let a proposal go on after all."""
    proposal, parties = readable(proposal_id)
    access.ensure_may_screen(current_actor(), parties)
    form = ReasonForm()
    if carried_out(form, lambda uow: service.reinstate(uow, proposal_id, form.reason.data or "")):
        flash("It may go on. The group has a letter.", "success")
        return redirect(url_for("proposal_screening.screening", round_id=proposal.round_id))
    return render_template("proposals/reinstate.html", form=form, proposal=proposal), form.status
