"""Projects of which only one can be funded: a steward says so and lifts it; auditors look."""

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from grants.allocation import queries
from grants.allocation.forms import LiftForm, OnlyOneForm
from grants.allocation.service import runs
from grants.kernel.actors import Role
from grants.kernel.errors import NotAllowed, NotFound
from grants.proposals.queries import lists as proposal_lists
from grants.proposals.queries import only_one
from grants.proposals.rules.states import ProposalState
from grants.proposals.service.exclusive import may_change
from grants.rounds import queries as rounds
from grants.rounds.access import may_run, may_see_desk
from grants.rounds.rules.states import RoundState
from grants.web.db import reading
from grants.web.doors import signed_in
from grants.web.sections import Section, section
from grants.web.session import current_actor
from grants.web.work import carried_out

bp = Blueprint("exclusive", __name__)


@bp.route("/rounds/<uuid:round_id>/only-one", methods=["GET", "POST"])
@signed_in(Role.ADMIN, Role.AUDITOR, Role.STEWARD)
def page(round_id: UUID) -> ResponseReturnValue:
    """Which projects exclude each other, and a form to say so of others."""
    actor, round = current_actor(), rounds.published(reading(), round_id)
    if not may_see_desk(actor, round.fund_id):
        raise NotAllowed("Only stewards of this fund, auditors and admins see this.")
    states = (ProposalState.ELIGIBLE,) if round.state is RoundState.CHECKING else (ProposalState.ON_BALLOT,)
    bids = proposal_lists.of_round(reading(), round_id, states)
    form = OnlyOneForm()
    form.bids.choices = [(one.id, f"{one.title} ({one.group.name})") for one in bids]
    if carried_out(form, lambda uow: runs.exclude(uow, round_id, form.bids.data or [], form.reason.data or "")):
        flash(_said(round), "success")
        return redirect(url_for("exclusive.page", round_id=round_id))
    return (
        render_template(
            "allocation/only_one.html",
            round=round,
            form=form,
            sets=only_ones(round_id),
            may_mark=may_run(actor, round.fund_id) and _open(round) and len(bids) > 1,
            may_lift=may_run(actor, round.fund_id) and _open(round),
            open=_open(round),
            too_few=len(bids) < 2,
            counted=round.state is RoundState.PANEL,
        ),
        form.status,
    )


@bp.route("/rounds/<uuid:round_id>/only-one/<uuid:set_id>/lift", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def lift(round_id: UUID, set_id: UUID) -> ResponseReturnValue:
    """Lift one: all of these projects can be funded after all."""
    round = rounds.published(reading(), round_id)
    if not may_run(current_actor(), round.fund_id):
        raise NotAllowed("Only a steward of this fund may do this.")
    found = next((one for one in only_ones(round_id) if one["id"] == set_id and not one["lifted_at"]), None)
    if found is None:
        raise NotFound("There is no such entry, or it was lifted already.")
    form = LiftForm()
    if carried_out(form, lambda uow: runs.lift_exclusion(uow, set_id, form.reason.data or "")):
        flash(_said(round), "success")
        return redirect(url_for("exclusive.page", round_id=round_id))
    page = render_template(
        "allocation/only_one_lift.html", round=round, form=form, one=found, counted=round.state is RoundState.PANEL
    )
    return page, form.status


def only_ones(round_id: UUID) -> list[dict[str, Any]]:
    """The sets of a round with their bids' titles, those that stand first."""
    sets = only_one.exclusive_sets(reading(), round_id)
    ids = {bid.proposal_id for one in sets for bid in one.bids}
    titles = {one.id: one.title for one in proposal_lists.by_ids(reading(), sorted(ids))}
    told = [
        {
            "id": one.id,
            "titles": sorted(titles[bid.proposal_id] for bid in one.bids),
            "reason": one.reason,
            "set_at": one.set_at,
            "after_vote": one.after_vote,
            "lifted_at": one.lifted_at,
            "lifted_reason": one.lifted_reason,
            "lifted_after_vote": one.lifted_after_vote,
        }
        for one in sets
    ]
    return sorted(told, key=lambda one: one["lifted_at"] is not None)


def _open(round: Any) -> bool:
    return may_change(round.state, counted=round.votes_counted_at is not None)


def _said(round: Any) -> str:
    if round.state is RoundState.PANEL and queries.decisions(reading(), round.id):
        return "Kept, and the results are worked out again with it."
    return "Kept. Everybody who votes can read it."


@section("desk", 15)
def on_desk(round: Any) -> Section | None:
    """Before the ballot is fixed: which projects exclude each other."""
    if rounds.is_quick(round):
        return None
    if not may_see_desk(current_actor(), round.fund_id) or not (
        _open(round) or only_one.exclusive_sets(reading(), round.id)
    ):
        return None
    html = render_template(
        "allocation/_only_one_on_desk.html",
        round=round,
        open=_open(round),
        standing=[one for one in only_ones(round.id) if not one["lifted_at"]],
    )
    return Section("only-one", "Only one of these", Markup(html))  # noqa: S704  (a template of ours escapes)
