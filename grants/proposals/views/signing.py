"""A proposal is checked, put in, sent back, taken back, opened again, withdrawn."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from grants.kernel.errors import RuleBroken, StepRefused
from grants.proposals import access
from grants.proposals.forms.steps import ReasonForm, WithdrawForm
from grants.proposals.queries import whole
from grants.proposals.rules.sections import SECTION_TITLES, Section, all_gaps
from grants.proposals.rules.states import ProposalState
from grants.proposals.service import bids as service
from grants.proposals.views.bids import signers
from grants.proposals.views.readers import editable, readable
from grants.proposals.views.wording import section_rows
from grants.rounds import queries as rounds
from grants.rounds.rules.states import RoundState
from grants.web.db import now, reading
from grants.web.doors import signed_in
from grants.web.outside import geography
from grants.web.session import current_actor
from grants.web.work import carried_out, working

bp = Blueprint("proposal_signing", __name__)


@bp.route("/proposals/<uuid:proposal_id>/check", methods=["GET", "POST"])
@signed_in()
def check(proposal_id: UUID) -> ResponseReturnValue:
    """Check your answers, then ask for sign-off."""
    proposal, parties = editable(proposal_id)
    if proposal.state is not ProposalState.DRAFT or rounds.is_quick(proposal.round):
        return redirect(url_for("proposals.page", proposal_id=proposal_id))
    problem = None
    if request.method == "POST":
        try:
            with working() as uow:
                service.ask_for_sign_off(uow, proposal_id)
            typing = access.types_for(current_actor(), parties)
            flash(
                "Now the group confirms it. See below how."
                if typing
                else "We have written to those who can sign it off.",
                "success",
            )
            return redirect(url_for("proposals.page", proposal_id=proposal_id))
        except RuleBroken as broken:
            problem = broken.message
            proposal = whole.proposal(reading(), proposal_id)
    facts, limits = whole.facts(reading(), proposal), whole.limits(reading(), proposal.round)
    return (
        render_template(
            "proposals/check.html",
            problem=problem,
            proposal=proposal,
            facts=facts,
            parts=[(part, SECTION_TITLES[part], section_rows(part, facts)) for part in Section],
            lacking=all_gaps(facts, limits),
            titles=SECTION_TITLES,
            signers=signers(proposal),
            typing=access.types_for(current_actor(), parties),
            open_now=rounds.phase(proposal.round, now()) is RoundState.OPEN,
            place=geography().find(facts.venue_postcode) if facts.venue_postcode else None,
        ),
        422 if problem else 200,
    )


@bp.route("/proposals/<uuid:proposal_id>/submit", methods=["POST"])
@signed_in()
def submit(proposal_id: UUID) -> ResponseReturnValue:
    """Sign it off and put it in."""
    readable(proposal_id)
    with working() as uow:
        service.submit(uow, proposal_id)
    flash("It is in. We have written to everybody in the group.", "success")
    return redirect(url_for("proposals.page", proposal_id=proposal_id))


@bp.route("/proposals/<uuid:proposal_id>/send-back", methods=["GET", "POST"])
@signed_in()
def send_back(proposal_id: UUID) -> ResponseReturnValue:
    """Give it back to the writer, with a reason."""
    proposal, _ = readable(proposal_id)
    form = ReasonForm()
    if form.accepted():
        try:
            with working() as uow:
                service.send_back(uow, proposal_id, form.reason.data or "")
            flash("Sent back. The writer has a letter with your reason.", "success")
            return redirect(url_for("proposals.page", proposal_id=proposal_id))
        except StepRefused:
            raise
        except RuleBroken as broken:
            form.show(broken)
    return render_template("proposals/send_back.html", form=form, proposal=proposal), form.status


@bp.route("/proposals/<uuid:proposal_id>/take-back", methods=["POST"])
@signed_in()
def take_back(proposal_id: UUID) -> ResponseReturnValue:
    """The writer takes it back from those who were asked to sign off."""
    editable(proposal_id)
    with working() as uow:
        service.send_back(uow, proposal_id, "Taken back by the writer.")
    flash("You have it back. Ask for sign-off again when you are ready.", "success")
    return redirect(url_for("proposals.page", proposal_id=proposal_id))


@bp.route("/proposals/<uuid:proposal_id>/reopen", methods=["GET", "POST"])
@signed_in()
def reopen(proposal_id: UUID) -> ResponseReturnValue:
    """Take back what was put in, to change it."""
    proposal, _ = editable(proposal_id)
    if request.method == "POST":
        with working() as uow:
            service.reopen(uow, proposal_id)
        flash("You can change it now. It is not in until somebody signs it off again.", "success")
        return redirect(url_for("proposals.page", proposal_id=proposal_id))
    return render_template("proposals/reopen.html", proposal=proposal, now=now())


@bp.route("/proposals/<uuid:proposal_id>/withdraw", methods=["GET", "POST"])
@signed_in()
def withdraw(proposal_id: UUID) -> ResponseReturnValue:
    """Take it out of the round."""
    proposal, _ = editable(proposal_id)
    form = WithdrawForm()
    if carried_out(form, lambda uow: service.withdraw(uow, proposal_id, form.reason.data or "")):
        flash("Your proposal is out of this round.", "success")
        return redirect(url_for("proposals.page", proposal_id=proposal_id))
    return render_template("proposals/withdraw.html", form=form, proposal=proposal), form.status
