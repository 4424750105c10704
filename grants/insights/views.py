"""Pages of the stage ``insights``: the bank of what was heard."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from grants.insights import access, queries, service
from grants.insights.forms import InsightFilter, InsightForm
from grants.kernel.actors import Role
from grants.web.db import reading
from grants.web.doors import public, signed_in
from grants.web.outside import geography
from grants.web.session import current_actor
from grants.web.work import carried_out

bp = Blueprint("insights", __name__)


@bp.get("/insights")
@public
def index() -> ResponseReturnValue:
    """The bank, to be searched by anybody."""
    wards = {ward.code: ward.name for ward in geography().wards()}
    form = InsightFilter(request.args, meta={"csrf": False})
    form.ward.choices = list(wards.items())
    narrowed = form.validate()
    words, ward = (form.words.data or "", form.ward.data) if narrowed else ("", None)
    found = queries.search(reading(), words, ward, request.args.get("page", 1, type=int))
    return render_template(
        "insights/index.html",
        filters=form,
        found=found,
        wards=wards,
        extra={"words": words, "ward": ward},
        narrowed=bool(words or ward),
        adds=access.adds(current_actor()),
    )


@bp.route("/insights/new", methods=["GET", "POST"])
@signed_in(Role.STEWARD, Role.CONNECTOR)
def new() -> ResponseReturnValue:
    """Add what was heard."""
    form = InsightForm()
    form.ward.choices = [(ward.code, ward.name) for ward in geography().wards()]
    if carried_out(form, lambda uow: service.add(uow, form.to_draft())):
        flash("It is in the bank now, for everybody to read.", "success")
        return redirect(url_for("insights.index"))
    return render_template("insights/new.html", form=form), form.status
