"""Earlier states of a proposal, and what changed between two."""

from uuid import UUID

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from grants.kernel.errors import NotFound
from grants.proposals.queries import whole
from grants.proposals.rules.copies import compared, from_kept
from grants.proposals.views.readers import readable
from grants.proposals.views.wording import answers_of
from grants.web.db import reading
from grants.web.doors import signed_in

bp = Blueprint("proposal_copies", __name__)


@bp.route("/proposals/<uuid:proposal_id>/copies/<int:number>")
@signed_in()
def copy(proposal_id: UUID, number: int) -> ResponseReturnValue:
    """What was put in, as it was put in."""
    proposal, _ = readable(proposal_id)
    kept = {one.number: one for one in whole.snapshots(reading(), proposal_id)}
    if number not in kept:
        raise NotFound
    return render_template(
        "proposals/copy.html",
        proposal=proposal,
        snapshot=kept[number],
        parts=answers_of(from_kept(kept[number].body)),
        earlier=number - 1 if number - 1 in kept else None,
    )


@bp.route("/proposals/<uuid:proposal_id>/copies/<int:number>/changes")
@signed_in()
def changes(proposal_id: UUID, number: int) -> ResponseReturnValue:
    """What is different between a copy and the one before it, in words."""
    proposal, _ = readable(proposal_id)
    kept = {one.number: one for one in whole.snapshots(reading(), proposal_id)}
    if number not in kept or number - 1 not in kept:
        raise NotFound
    before, after = (answers_of(from_kept(kept[at].body)) for at in (number - 1, number))
    different = [
        (title, label, compared(old, new))
        for (_, title, olds), (_, _, news) in zip(before, after, strict=True)
        for (label, old), (_, new) in zip(olds, news, strict=True)
        if old != new
    ]
    return render_template(
        "proposals/changes.html",
        proposal=proposal,
        snapshot=kept[number],
        earlier=kept[number - 1],
        different=different,
    )
