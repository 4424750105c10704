"""What people tell of their ties before anybody asks about a bid, and interests that come to light afterwards."""

from typing import Any
from uuid import UUID

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from grants.kernel.actors import Role
from grants.kernel.errors import NotAllowed, RuleBroken
from grants.people import queries as people
from grants.review import access, queries, service
from grants.review.forms import AddressForm, EmployerForm, HouseholdForm, MarkForm
from grants.review.rules import KnownTie, ReviewState, address_mark
from grants.review.views.blind import hidden_reviews, is_blind
from grants.web.db import reading
from grants.web.doors import signed_in
from grants.web.forgetting import forgetting
from grants.web.limits import post_limit
from grants.web.sections import Section, section
from grants.web.session import current_actor
from grants.web.work import carried_out, working

bp = Blueprint("ties", __name__)
forgetting(service.forget_person)


@bp.route("/you/ties", methods=["GET", "POST"])
@signed_in()
@post_limit("30 per hour")
def mine() -> ResponseReturnValue:
    """Where somebody lives, whom with, and whom they work for: so that they are not asked to judge what is close."""
    address, household, employer = AddressForm(formdata=None), HouseholdForm(formdata=None), EmployerForm(formdata=None)
    form: Any = None
    what = request.form.get("what") if request.method == "POST" else None
    if what == "address":
        form = address = AddressForm()
    elif what == "household":
        form = household = HouseholdForm()
    elif what == "employer":
        form = employer = EmployerForm()
    if form is not None and form.accepted():
        try:
            with working() as uow:
                if what == "address":
                    service.say_where_i_live(uow, _mark(address))
                elif what == "household":
                    service.tell_household(uow, household.email.data or "")
                else:
                    service.tell_employer(uow, employer.employer.data or "")
            flash("Thank you. It is noted.", "success")
            return redirect(url_for("ties.mine"))
        except RuleBroken as broken:
            form.show(broken)
    return _page(form, address, household, employer)


def _page(form: Any, address: AddressForm, household: HouseholdForm, employer: EmployerForm) -> ResponseReturnValue:
    me = current_actor().id
    assert me is not None  # by the door
    told = queries.ties_of(reading(), me)
    groups = people.group_names(reading(), {one.group_id for one in told if one.group_id is not None})
    page = render_template(
        "review/ties.html",
        form=form,
        address=address,
        household=household,
        employer=employer,
        lives=queries.address_of(reading(), person_id=me),
        works_for=[(one, groups[one.group_id]) for one in told if one.group_id and one.kind is KnownTie.EMPLOYER],
        signed_for=[groups[one.group_id] for one in told if one.group_id and one.kind is KnownTie.SIGNATORY],
    )
    return page, form.status if form is not None else 200


def _mark(form: AddressForm) -> str:
    return address_mark(str(current_app.config["SECRET_KEY"]), form.house.data or "", form.postcode.data or "")


@bp.post("/you/ties/address/forget")
@signed_in()
def forget_address() -> ResponseReturnValue:
    """Take one's address back."""
    with working() as uow:
        service.say_where_i_live(uow, "")
    flash("Forgotten.", "success")
    return redirect(url_for("ties.mine"))


@bp.post("/you/ties/household/forget")
@signed_in()
def forget_household() -> ResponseReturnValue:
    """Take everybody back with whom one said to live."""
    with working() as uow:
        service.untell_household(uow)
    flash("Taken back.", "success")
    return redirect(url_for("ties.mine"))


@bp.post("/you/ties/<uuid:tie_id>/remove")
@signed_in()
def remove(tie_id: UUID) -> ResponseReturnValue:
    """Take a tie back that holds no more."""
    with working() as uow:
        service.untell(uow, tie_id)
    flash("Taken back.", "success")
    return redirect(url_for("ties.mine"))


@bp.route("/groups/<uuid:group_id>/address", methods=["GET", "POST"])
@signed_in()
def group(group_id: UUID) -> ResponseReturnValue:
    """A group says where it is: of use only to keep whoever shares that address from judging it."""
    shown = people.group(reading(), group_id)
    access.ensure_may_tell_for(current_actor(), group_id)
    form = AddressForm()
    if carried_out(form, lambda uow: service.say_where_group_is(uow, group_id, _mark(form))):
        flash("Thank you. It is noted.", "success")
        return redirect(url_for("people.group", group_id=group_id))
    known = queries.address_of(reading(), group_id=group_id)
    return render_template("review/group_address.html", group=shown, form=form, known=known), form.status


@section("group", 90)
def on_group(shown: Any) -> Section | None:
    """For its members: whether the group has said where it is."""
    if not current_actor().can_edit_for(shown.id):
        return None
    known = queries.address_of(reading(), group_id=shown.id)
    html = render_template("review/_on_group.html", group=shown, known=known)
    return Section("address", "Where your group is", Markup(html))  # noqa: S704  (a template of ours escapes)


@bp.route("/reviews/<uuid:review_id>/interest", methods=["GET", "POST"])
@signed_in(Role.PANELLIST, Role.STEWARD)
def mark(review_id: UUID) -> ResponseReturnValue:
    """The chair marks an interest that came to light: the scores leave the average."""
    found = queries.review(reading(), review_id)
    round = found.proposal.round
    chair = queries.chair_id(reading(), round.id)
    access.ensure_may_rule(current_actor(), round.fund_id, found.panellist_id, chair)
    if (found.proposal_id, current_actor().id) in queries.shut_out(reading(), round.id):
        raise NotAllowed("You are no part of this bid, so somebody else must mark this.")
    if found.state is ReviewState.RECUSED:
        flash("They have stepped aside from this bid already.", "warning")
        return redirect(url_for("review.desk", round_id=round.id))
    form = MarkForm()
    if carried_out(form, lambda uow: service.mark_interest(uow, review_id, form.words.data or "")):
        flash("Marked. Their scores of this bid do not count any more.", "success")
        return redirect(url_for("review.desk", round_id=round.id, _anchor="bids"))
    name = people.names(reading(), [found.panellist_id]).get(found.panellist_id, "")
    shown = hidden_reviews([found])[0] if is_blind(current_actor(), round) else found
    page = render_template("review/mark.html", review=shown, round=round, form=form, name=name)
    return page, form.status
