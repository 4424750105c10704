"""The questions before a proposal: can we apply at all?"""

from uuid import UUID

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from grants.kernel.errors import NotFound
from grants.proposals.forms.steps import EligibilityForm
from grants.proposals.queries import whole
from grants.proposals.rules.hurdles import HURDLE_WORDS, MAY_APPLY, hurdle
from grants.proposals.service import eligibility as service
from grants.rounds import queries as rounds
from grants.rounds.rules.book import ApplicantKind
from grants.web.db import now, reading
from grants.web.doors import public
from grants.web.limits import post_limit
from grants.web.sections import sections_for
from grants.web.session import current_actor
from grants.web.work import working

bp = Blueprint("eligibility", __name__)


@bp.route("/rounds/<uuid:round_id>/can-we-apply", methods=["GET", "POST"])
@public
@post_limit("60 per hour")
def ask(round_id: UUID) -> ResponseReturnValue:
    """Five questions; how they end is counted, without a name."""
    round = rounds.published(reading(), round_id)
    book, form = rounds.rule_book(round), EligibilityForm()
    if form.accepted():
        found = hurdle(
            form.to_answers(),
            whole.limits(reading(), round),
            constituted=ApplicantKind.CONSTITUTED in book.applicant_kinds,
            hosted=ApplicantKind.HOSTED in book.applicant_kinds,
        )
        with working() as uow:
            service.count(uow, round_id, found)
        return redirect(url_for("eligibility.outcome", round_id=round_id, outcome=found or MAY_APPLY))
    return (
        render_template(
            "proposals/can_we_apply.html",
            form=form,
            round=round,
            book=book,
            priorities=rounds.priorities(reading(), round_id),
            first=sections_for("apply", list(current_actor().groups)),
        ),
        form.status,
    )


@bp.route("/rounds/<uuid:round_id>/can-we-apply/<outcome>")
@public
def outcome(round_id: UUID, outcome: str) -> ResponseReturnValue:
    """Which rule fails and what to do instead; or the way in."""
    round = rounds.published(reading(), round_id)
    if outcome not in HURDLE_WORDS:
        raise NotFound
    title, words = HURDLE_WORDS[outcome]
    return render_template(
        "proposals/may_apply.html",
        round=round,
        book=rounds.rule_book(round),
        phase=rounds.phase(round, now()),
        outcome=outcome,
        first=sections_for("apply", list(current_actor().groups)) if outcome == MAY_APPLY else [],
        title=title,
        words=words,
    )
