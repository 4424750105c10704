"""Partners of a joint proposal: they are asked, and say yes or no themselves."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from grants.kernel.errors import RuleBroken
from grants.proposals.forms.steps import AnswerForm
from grants.proposals.queries import whole
from grants.proposals.rules.sections import Section
from grants.proposals.service import partners as service
from grants.web.db import reading
from grants.web.doors import public, signed_in
from grants.web.limits import post_limit
from grants.web.work import carried_out, working

bp = Blueprint("proposal_partners", __name__)


@bp.route("/proposals/<uuid:proposal_id>/partners/ask", methods=["POST"])
@signed_in()
def ask(proposal_id: UUID) -> ResponseReturnValue:
    """Write to the partners who have not answered."""
    back = redirect(url_for("proposal_writing.section", proposal_id=proposal_id, section=Section.PARTNERS.value))
    try:
        with working() as uow:
            asked = len(service.ask(uow, proposal_id))
    except RuleBroken as broken:
        flash(broken.message, "warning")
        return back
    flash(f"We have written to {asked} partner{'' if asked == 1 else 's'}.", "success")
    return back


@bp.route("/partners/<token>", methods=["GET", "POST"])
@public
@post_limit("20 per hour")
def answer(token: str) -> ResponseReturnValue:
    """What is asked of a partner, and their answer. The link is the key; it works until they have answered."""
    partner = whole.partner_by_token(reading(), token)
    if partner is None:
        return render_template("proposals/partner_gone.html"), 404
    form = AnswerForm()
    if carried_out(form, lambda uow: service.answer(uow, token, yes=form.yes.data == "yes", name=form.name.data or "")):
        return render_template(
            "proposals/partner_thanks.html", yes=form.yes.data == "yes", group=partner.proposal.group
        )
    return (
        render_template("proposals/partner.html", form=form, partner=partner, proposal=partner.proposal),
        form.status,
    )
