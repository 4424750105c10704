"""The letter that a group got: as a page, on paper, and asking for feedback."""

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from grants.allocation import access, queries
from grants.allocation.forms import FeedbackForm
from grants.allocation.rules.letter import Letter
from grants.allocation.service import announcing
from grants.kernel.errors import NotAllowed, NotFound
from grants.proposals.queries import whole
from grants.rounds import queries as rounds
from grants.web.db import reading
from grants.web.doors import signed_in
from grants.web.pdf import pdf_answer
from grants.web.session import current_actor
from grants.web.work import carried_out

bp = Blueprint("letters", __name__)


def _letter(decision_id: UUID) -> tuple[Any, dict[str, Any]]:
    """A letter that was sent, for those who may read it; before that there is none, whoever asks."""
    decision = queries.decision(reading(), decision_id)
    if decision.notified_at is None or decision.letter is None:
        raise NotFound("There is no such decision.")
    bid, round = whole.proposal(reading(), decision.proposal_id), rounds.published(reading(), decision.round_id)
    if not access.may_read_letter(current_actor(), round.fund_id, bid.group_id):
        raise NotAllowed("Only the group and the stewards of the fund can read this letter.")
    shown = {
        "decision": decision,
        "letter": Letter.from_facts(decision.letter),
        "bid": bid,
        "round": round,
        "standing": queries.decision_for(reading(), bid.id),
        "mine": bid.group_id in current_actor().groups,
    }
    return decision, shown


@bp.get("/decisions/<uuid:decision_id>/letter")
@signed_in()
def page(decision_id: UUID) -> ResponseReturnValue:
    """The letter, as it was sent."""
    return render_template("allocation/letter.html", **_letter(decision_id)[1])


@bp.get("/decisions/<uuid:decision_id>/letter.pdf")
@signed_in()
def as_pdf(decision_id: UUID) -> ResponseReturnValue:
    """The letter on paper."""
    return pdf_answer("allocation/letter_print.html", f"letter-{decision_id}.pdf", **_letter(decision_id)[1])


@bp.route("/decisions/<uuid:decision_id>/feedback", methods=["GET", "POST"])
@signed_in()
def feedback(decision_id: UUID) -> ResponseReturnValue:
    """Ask to talk about what was decided."""
    decision, shown = _letter(decision_id)
    access.ensure_is_theirs(current_actor(), shown["bid"].group_id)
    form = FeedbackForm()
    if carried_out(form, lambda uow: announcing.ask_feedback(uow, decision_id, form.words.data or "")):
        flash("Asked. A steward gets in touch with you.", "success")
        return redirect(url_for("letters.page", decision_id=decision.id))
    return render_template("allocation/feedback.html", form=form, **shown), form.status
