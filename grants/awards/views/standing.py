"""Holding an award, letting it go on, ending it."""

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from grants.awards import access
from grants.awards.forms import StopForm
from grants.awards.rules import STEPS, AwardAction, AwardState
from grants.awards.service import standing
from grants.awards.views.readers import private_page
from grants.kernel.actors import Role
from grants.kernel.errors import RuleBroken
from grants.kernel.states import can
from grants.web.doors import signed_in
from grants.web.session import current_actor
from grants.web.work import working

bp = Blueprint("award_standing", __name__)


STOPS = {
    AwardAction.HOLD: ("Put it on hold", "No payment leaves until you let it go on."),
    AwardAction.RELEASE: ("Let it go on", "Payments can be made again."),
    AwardAction.TERMINATE: ("End it early", "What was not paid goes back to the pot. You cannot undo this."),
}


def _stops_of(state: AwardState) -> Any:
    return [(action.value, *words) for action, words in STOPS.items() if can(STEPS, state, action)]


@bp.route("/awards/<uuid:award_id>/stop", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def stop(award_id: UUID) -> ResponseReturnValue:
    """Hold, release or end an award, with a reason."""
    page = private_page(award_id)
    access.ensure_steward(current_actor(), page.award.fund_id, page.award.group_id, page.award.payee_id)
    form = StopForm()
    form.action.choices = _stops_of(page.award.state)
    if form.accepted():
        do = {"hold": standing.hold, "release": standing.release, "terminate": standing.terminate}[form.action.data]
        try:
            with working() as uow:
                do(uow, award_id, form.reason.data or "")
            flash("Done. The group was told.", "success")
            return redirect(url_for("awards.show", award_id=award_id))
        except RuleBroken as broken:
            form.show(broken)
            page = private_page(award_id)
    return render_template("awards/stop.html", form=form, page=page, award=page.award, line=page.line), form.status
