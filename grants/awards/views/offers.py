"""Offers: sent to all at once, answered by each group."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from grants.awards import access
from grants.awards.forms import AnswerForm
from grants.awards.service import answers, offers
from grants.awards.views.readers import private_page
from grants.awards.views.show import TOLD
from grants.kernel.actors import Role
from grants.kernel.errors import RuleBroken
from grants.rounds import queries as rounds
from grants.web.db import reading
from grants.web.doors import signed_in
from grants.web.session import current_actor
from grants.web.work import working

bp = Blueprint("award_offers", __name__)


@bp.post("/rounds/<uuid:round_id>/offers")
@signed_in(Role.STEWARD)
def announce(round_id: UUID) -> ResponseReturnValue:
    """Announce a decided round and offer its awards, or offer what an announced one still lacks."""
    round = rounds.published(reading(), round_id)
    told = round.state in TOLD
    with working() as uow:
        made = len(offers.offer_all(uow, round_id) if told else offers.announce_and_offer(uow, round_id))
    words = f"{made} award{'s were' if made != 1 else ' was'} offered."
    flash(words if told else f"Announced: every group has its letter, and the results are public. {words}", "success")
    return redirect(f"/rounds/{round_id}/results")


@bp.route("/awards/<uuid:award_id>/answer", methods=["GET", "POST"])
@signed_in(Role.GROUP_MEMBER)
def answer(award_id: UUID) -> ResponseReturnValue:
    """Say yes or no to an offer."""
    page = private_page(award_id)
    access.ensure_may_answer(current_actor(), page.award.group_id)
    form = AnswerForm()
    if form.accepted():
        try:
            with working() as uow:
                if form.answer.data == "yes":
                    answers.accept(uow, award_id)
                else:
                    answers.decline(uow, award_id, form.reason.data or "")
            if form.answer.data == "yes":
                flash("You accepted the offer. Now two people sign the agreement.", "success")
                return redirect(url_for("award_agreements.agreement", award_id=award_id))
            flash("You declined the offer. Thank you for telling us.", "success")
            return redirect(url_for("awards.show", award_id=award_id))
        except RuleBroken as broken:
            form.show(broken)
            page = private_page(award_id)
    return render_template("awards/answer.html", form=form, page=page, award=page.award, line=page.line), form.status
