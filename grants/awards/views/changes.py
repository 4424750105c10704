"""Changes of an award that stands."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from grants.awards import queries
from grants.awards.forms import ChangeAnswerForm, ChangeForm, change_form
from grants.awards.rules import (
    CHANGE_WORDS,
    VIREMENT_PERCENT,
    AwardState,
    ChangeKind,
    ChangeRequestAction,
    ChangeRequestState,
)
from grants.awards.service import amendments
from grants.awards.views.readers import may_steward, private_page
from grants.kernel.actors import Role
from grants.kernel.errors import NotFound, RuleBroken
from grants.web.again import number_again
from grants.web.db import reading
from grants.web.doors import signed_in
from grants.web.session import current_actor
from grants.web.work import working

bp = Blueprint("award_changes", __name__)


@bp.route("/awards/<uuid:award_id>/changes", methods=["GET", "POST"])
@signed_in()
def changes(award_id: UUID) -> ResponseReturnValue:
    """What a group asked to change, and what we said; asking for one."""
    form = change_form(queries.budget(reading(), private_page(award_id).award))
    if form.accepted():
        try:
            with working() as uow:
                kind, wish, reason = ChangeKind(form.kind.data), form.wish.data or "", form.reason.data or ""
                amendments.ask_change(uow, award_id, kind, wish, reason, form.wanted())
            flash("We have your wish. A steward answers it.", "success")
            return redirect(url_for("award_changes.changes", award_id=award_id))
        except RuleBroken as broken:
            form.show(broken)
    return _changes(award_id, form, ChangeAnswerForm(formdata=None))


def _changes(award_id: UUID, form: ChangeForm | None, answer: ChangeAnswerForm) -> ResponseReturnValue:
    page, actor = private_page(award_id), current_actor()
    award, found = page.award, queries.changes(reading(), award_id)
    budget = queries.budget(reading(), award)
    open_one = queries.open_change(reading(), award_id)
    going_on, ours = award.state is AwardState.ACTIVE, actor.can_edit_for(award.group_id)
    queried = open_one is not None and open_one.state is ChangeRequestState.QUERIED
    if form is None or (queried and form.status == 200):
        form = change_form(budget, fresh=True, standing=queries.as_asked(open_one) if queried and open_one else None)
    return render_template(
        "awards/changes.html",
        form=form,
        answer_form=answer,
        award=award,
        budget=budget,
        virement_percent=VIREMENT_PERCENT,
        lines_in=queries.lines_in,
        line=page.line,
        changes=found,
        earlier=queries.change_versions(reading(), [one.id for one in found]),
        versions=queries.versions(reading(), award_id),
        kinds=CHANGE_WORDS,
        open_one=open_one,
        may_ask=going_on and ours and open_one is None,
        may_again=going_on and ours and queried,
        may_answer=going_on
        and may_steward(page)
        and open_one is not None
        and open_one.state is ChangeRequestState.SUBMITTED,
        may_apply=going_on
        and may_steward(page)
        and open_one is not None
        and open_one.state is ChangeRequestState.APPROVED
        and not (open_one.amount_minor is not None and open_one.answered_by_id == actor.id),
        another_applies=open_one is not None
        and open_one.state is ChangeRequestState.APPROVED
        and open_one.amount_minor is not None
        and open_one.answered_by_id == actor.id,
    ), max(form.status, answer.status)


def _award_of_change(change_id: UUID) -> UUID:
    found = queries.change(reading(), change_id)
    if found is None:
        raise NotFound
    return found.award_id


@bp.post("/changes/<uuid:change_id>/again")
@signed_in(Role.GROUP_MEMBER)
def change_again(change_id: UUID) -> ResponseReturnValue:
    """Answer a question about a change."""
    award_id = _award_of_change(change_id)
    form = change_form(queries.budget(reading(), private_page(award_id).award))
    if form.accepted():
        try:
            with working() as uow:
                kind, wish, reason = ChangeKind(form.kind.data), form.wish.data or "", form.reason.data or ""
                amendments.change_again(uow, change_id, kind, wish, reason, form.wanted())
            flash("Thank you. A steward answers it.", "success")
            return redirect(url_for("award_changes.changes", award_id=award_id))
        except RuleBroken as broken:
            form.show(broken)
    return _changes(award_id, form, ChangeAnswerForm(formdata=None))


@bp.post("/changes/<uuid:change_id>/answer")
@signed_in(Role.STEWARD)
def answer_change(change_id: UUID) -> ResponseReturnValue:
    """Say yes, ask, or say no."""
    award_id, form = _award_of_change(change_id), ChangeAnswerForm()
    if form.accepted():
        try:
            with working() as uow:
                amendments.answer_change(uow, change_id, ChangeRequestAction(form.action.data), form.words.data or "")
            flash("The group was told.", "success")
            return redirect(url_for("award_changes.changes", award_id=award_id))
        except RuleBroken as broken:
            form.show(RuleBroken(broken.message, "words" if broken.field == "reason" else broken.field))
    return _changes(award_id, None, form)


@bp.post("/changes/<uuid:change_id>/apply")
@signed_in(Role.STEWARD)
@number_again
def apply_change(change_id: UUID) -> ResponseReturnValue:
    """Put an approved change into force."""
    award_id = _award_of_change(change_id)
    form = ChangeAnswerForm(formdata=None)
    try:
        with working() as uow:
            version = amendments.apply_change(uow, change_id)
            number, sum_changed = version.version, version.amount_minor is not None
        words = f"It holds from now on: version {number} of the award."
        if sum_changed:
            words += " A new agreement was sent. Nothing is paid until everybody has signed it."
        flash(words, "success")
        return redirect(url_for("award_changes.changes", award_id=award_id))
    except RuleBroken as broken:
        form.show(RuleBroken(broken.message))
    return _changes(award_id, None, form)
