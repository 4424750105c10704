"""Pages of the stage ``priorities``: what the community agreed to act on, and how it comes to that."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import zip_longest
from typing import Any
from uuid import UUID

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from grants.insights import queries as insight_queries
from grants.issues import queries as issue_queries
from grants.issues.rules import PICKABLE
from grants.kernel.actors import Actor, Role
from grants.kernel.errors import RuleBroken
from grants.kernel.states import can
from grants.kernel.words import plural
from grants.kernel.work import UnitOfWork
from grants.priorities import access, queries, rules, service
from grants.priorities.forms import (
    ActionForm,
    AgreementForm,
    ChoiceForm,
    ConsultForm,
    ProgressForm,
    RetireForm,
    RevisionForm,
    SuggestionForm,
)
from grants.priorities.rules import PriorityAction, PriorityState
from grants.web.db import now, reading
from grants.web.doors import public, signed_in
from grants.web.filters import capped, day, moment
from grants.web.needs import NeedsYou, Rows, needs_you
from grants.web.sections import Section, section, sections_for
from grants.web.session import current_actor
from grants.web.work import carried_out, working

bp = Blueprint("priorities", __name__)

STEP_WORDS = {
    "priority.suggested": ("Suggested", "From what people raised, and what was heard."),
    "priority.consulted": ("Put to the community", "People could say what matters most to them."),
    "priority.agreed": ("Agreed at a meeting", "With an owner from the community."),
    "priority.revised": ("Changed at a meeting", "The earlier words stay to be read."),
    "priority.retired": ("Ended", ""),
    "priority.action_added": ("{partner} joins in", ""),
    "priority.action_updated": ("News from {partner}", ""),
}


@bp.get("/priorities")
@public
def index() -> ResponseReturnValue:
    """What was agreed, what is being asked, and what ended."""
    actor, moment_now = current_actor(), now()
    rows = queries.all_of(reading())
    asked = [one for one in rows if one.state is PriorityState.CONSULTED]
    open_now = [one for one in asked if one.consultation_closes_at and one.consultation_closes_at > moment_now]
    counts = queries.evidence_counts(reading(), [one.id for one in rows])
    return render_template(
        "priorities/index.html",
        agreed=[one for one in rows if one.state is PriorityState.AGREED],
        open_now=_together(open_now),
        ended=_together(one for one in asked if one not in open_now),
        retired=_cards(
            one for one in rows if one.state is PriorityState.RETIRED and (queries.is_public(one) or _suggests(actor))
        ),
        suggested=_cards(one for one in rows if one.state is PriorityState.SUGGESTED) if _suggests(actor) else [],
        counts=counts,
        suggests=_suggests(actor),
        consults=actor.has(Role.STEWARD),
    )


@bp.route("/priorities/new", methods=["GET", "POST"])
@signed_in(Role.STEWARD, Role.CONNECTOR)
def new() -> ResponseReturnValue:
    """Suggest a priority from issues and insights; ``?issue=`` and ``?insight=`` are ticked already."""
    issue_id, insight_id = (request.args.get(name, type=UUID) for name in ("issue", "insight"))
    form = SuggestionForm(
        issues=[issue_id] if issue_id else [],
        insights=[insight_id] if insight_id else [],
    )
    _offer_evidence(
        form,
        issue_queries.by_ids(reading(), [issue_id]) if issue_id else [],
        insight_queries.by_ids(reading(), [insight_id]) if insight_id else [],
    )
    if form.accepted():
        try:
            with working() as uow:
                priority_id = service.suggest(uow, form.to_suggestion()).id
            flash("It is suggested. Next, a steward puts it to the community.", "success")
            return redirect(url_for("priorities.show", priority_id=priority_id))
        except RuleBroken as broken:
            form.show(broken)
    return render_template("priorities/new.html", form=form, priority=None), form.status


@bp.route("/priorities/<uuid:priority_id>/edit", methods=["GET", "POST"])
@signed_in(Role.STEWARD, Role.CONNECTOR)
def edit(priority_id: UUID) -> ResponseReturnValue:
    """Word a suggestion anew before the community is asked."""
    priority = queries.find(reading(), priority_id) or abort(404)
    issues = queries.issues_of(reading(), priority_id)
    insights = queries.insights_of(reading(), priority_id)
    form = SuggestionForm(
        title=priority.title,
        statement=priority.statement,
        issues=[issue.id for issue in issues],
        insights=[insight.id for insight in insights],
    )
    _offer_evidence(form, issues, insights)
    if carried_out(form, lambda uow: service.change_suggestion(uow, priority_id, form.to_suggestion())):
        flash("The suggestion is changed.", "success")
        return redirect(url_for("priorities.show", priority_id=priority_id))
    if priority.state is not PriorityState.SUGGESTED:
        return _too_late(priority_id)
    return render_template("priorities/new.html", form=form, priority=priority), form.status


@bp.get("/priorities/<uuid:priority_id>")
@public
def show(priority_id: UUID) -> ResponseReturnValue:
    """A priority's public page: you said, we did."""
    actor = current_actor()
    priority = queries.find(reading(), priority_id) or abort(404)
    if not queries.is_public(priority) and not _suggests(actor):
        abort(404)
    issues = queries.issues_of(reading(), priority_id)
    versions = queries.versions(reading(), priority_id)
    closes_at = priority.consultation_closes_at
    actions = queries.actions(reading(), priority_id)
    return render_template(
        "priorities/show.html",
        priority=priority,
        issues=issues,
        answered=[issue for issue in issues if issue.answer],
        insights=queries.insights_of(reading(), priority_id),
        actions=actions,
        versions=[(new, old, _changes(new, old)) for new, old in zip_longest(versions, versions[1:])],
        events=_events(priority_id, {str(one.id): one.partner for one in actions}),
        being_asked=priority.state is PriorityState.CONSULTED and closes_at is not None and closes_at > now(),
        more=sections_for("priority", priority),
        suggests=_suggests(actor),
        steps=_steps_open(priority.state, closes_at) if actor.has(Role.STEWARD) else [],
    )


@bp.route("/priorities/consult", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def consult() -> ResponseReturnValue:
    """Put suggestions to the community."""
    suggested = queries.suggested(reading())
    form = ConsultForm(priorities=[one for one in [request.args.get("priority", type=UUID)] if one])
    choices: list[Any] = [(one.id, one.title, capped(one.statement, 120)) for one in suggested]
    form.priorities.choices = choices
    if form.accepted():
        try:
            with working() as uow:
                assert form.closes_at.data
                consultation_id = service.consult(uow, form.priorities.data or (), form.closes_at.data).id
            flash("The community can choose now. Spread the word.", "success")
            return redirect(url_for("priorities.consultation", consultation_id=consultation_id))
        except RuleBroken as broken:
            form.show(broken)
    return render_template("priorities/consult.html", form=form, suggested=suggested), form.status


@bp.get("/priorities/consultations/<uuid:consultation_id>")
@public
def consultation(consultation_id: UUID) -> ResponseReturnValue:
    """While it lasts: choose. When it has ended: how it came out."""
    return _consultation_page(consultation_id, None)


@bp.post("/priorities/consultations/<uuid:consultation_id>")
@signed_in()
def choose(consultation_id: UUID) -> ResponseReturnValue:
    """Say what matters most."""
    asking = queries.consultation(reading(), consultation_id) or abort(404)
    form = _choice_form(asking.id)
    if carried_out(form, lambda uow: service.choose(uow, consultation_id, form.to_choices())):
        flash("Your choice is kept. You can change it until the asking ends.", "success")
        return redirect(url_for("priorities.consultation", consultation_id=consultation_id))
    return _consultation_page(consultation_id, form)


def _choice_form(consultation_id: UUID) -> ChoiceForm:
    mine = queries.choices_of(reading(), consultation_id, current_actor().id)
    form = ChoiceForm(first=mine.get(1), second=mine.get(2), third=mine.get(3))
    asked = queries.asked_about(reading(), consultation_id)
    for select in (form.first, form.second, form.third):
        options: list[Any] = [(one.id, one.title) for one in asked if one.state is PriorityState.CONSULTED]
        select.choices = options
    return form


def _consultation_page(consultation_id: UUID, form: ChoiceForm | None) -> ResponseReturnValue:
    asking = queries.consultation(reading(), consultation_id) or abort(404)
    if asking.closes_at > now():
        shown = form or _choice_form(consultation_id)
        page = render_template(
            "priorities/choose.html",
            asking=asking,
            priorities=queries.asked_about(reading(), consultation_id),
            form=shown,
            chosen=any(select.data for select in (shown.first, shown.second, shown.third)) and not shown.errors,
            now=now(),
        )
        return page, shown.status
    page = render_template(
        "priorities/results.html", asking=asking, results=queries.results(reading(), consultation_id)
    )
    return page, 422 if form is not None else 200


@bp.route("/priorities/<uuid:priority_id>/agree", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def agree(priority_id: UUID) -> ResponseReturnValue:
    """Write down what a meeting agreed."""
    form = AgreementForm()
    return _step(
        priority_id,
        PriorityAction.AGREE,
        form,
        lambda uow: service.agree(uow, priority_id, form.to_agreement()),
        "It is agreed. Its issues are part of it now, and their authors are told.",
    )


@bp.route("/priorities/<uuid:priority_id>/revise", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def revise(priority_id: UUID) -> ResponseReturnValue:
    """Write down a change that a meeting agreed."""
    priority = queries.find(reading(), priority_id) or abort(404)
    form = RevisionForm(title=priority.title, statement=priority.statement, owner_name=priority.owner_name)
    return _step(
        priority_id,
        PriorityAction.REVISE,
        form,
        lambda uow: service.revise(uow, priority_id, form.to_revision()),
        "The new version is published. The earlier one stays to be read.",
    )


@bp.route("/priorities/<uuid:priority_id>/retire", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def retire(priority_id: UUID) -> ResponseReturnValue:
    """End it, with a reason."""
    form = RetireForm()
    return _step(
        priority_id,
        PriorityAction.RETIRE,
        form,
        lambda uow: service.retire(uow, priority_id, form.reason.data or ""),
        "It has ended. Its page stays, with the reason.",
    )


@bp.route("/priorities/<uuid:priority_id>/actions/new", methods=["GET", "POST"])
@signed_in(Role.STEWARD, Role.CONNECTOR)
def new_action(priority_id: UUID) -> ResponseReturnValue:
    """Note what a partner does."""
    priority = queries.find(reading(), priority_id) or abort(404)
    form = ActionForm()
    if carried_out(
        form,
        lambda uow: service.add_action(
            uow,
            priority_id,
            partner=form.partner.data or "",
            what=form.what.data or "",
            programme=form.programme.data or "",
            progress=form.progress.data,
        ),
    ):
        flash("It stands on the priority’s page now.", "success")
        return redirect(url_for("priorities.show", priority_id=priority_id))
    if priority.state is not PriorityState.AGREED:
        return _too_late(priority_id)
    return render_template("priorities/action.html", form=form, priority=priority, action=None), form.status


@bp.route("/priorities/actions/<uuid:action_id>", methods=["GET", "POST"])
@signed_in(Role.STEWARD, Role.CONNECTOR)
def action(action_id: UUID) -> ResponseReturnValue:
    """Note how far a partner's action has come."""
    shown = queries.action(reading(), action_id) or abort(404)
    priority = queries.find(reading(), shown.priority_id) or abort(404)
    form = ProgressForm(what=shown.what, progress=shown.progress)
    if carried_out(
        form, lambda uow: service.update_action(uow, action_id, what=form.what.data or "", progress=form.progress.data)
    ):
        flash("The news stands on the priority’s page now.", "success")
        return redirect(url_for("priorities.show", priority_id=priority.id))
    return render_template("priorities/action.html", form=form, priority=priority, action=shown), form.status


def _step(
    priority_id: UUID, step: PriorityAction, form: Any, act: Callable[[UnitOfWork], object], done: str
) -> ResponseReturnValue:
    """The page on which a step is taken, or the priority's own page when it cannot be taken (any more)."""
    priority = queries.find(reading(), priority_id) or abort(404)
    if carried_out(form, lambda uow: act(uow)):
        flash(done, "success")
        return redirect(url_for("priorities.show", priority_id=priority_id))
    if step.value not in _steps_open(priority.state, priority.consultation_closes_at):
        return _too_late(priority_id)
    asking_id = priority.consultation_id if step is PriorityAction.AGREE else None
    results = queries.results(reading(), asking_id) if asking_id else None
    page = render_template(f"priorities/{step.value}.html", priority=priority, form=form, results=results)
    return page, form.status


def _too_late(priority_id: UUID) -> ResponseReturnValue:
    flash("This step cannot be taken now.", "info")
    return redirect(url_for("priorities.show", priority_id=priority_id))


@needs_you(queries.waiting_for_a_meeting)
def _askings_ended(actor: Actor, at: datetime, rows: Rows) -> Iterator[NeedsYou]:
    for id, title, ended_at in rows:
        yield NeedsYou(
            f"Write down what the meeting agreed about “{title}”",
            url_for("priorities.show", priority_id=id),
            f"People chose until {moment(ended_at)}.",
        )


@section("issue", 10)
def _of_issue(issue: Any) -> Section | None:
    found = queries.of_issue(reading(), issue.id)
    suggest = issue.state in PICKABLE and _suggests(current_actor())
    if not found and not suggest:
        return None
    html = render_template("priorities/_of_issue.html", found=found, issue=issue, suggest=suggest)
    return Section("part-of", "What it is part of", Markup(html))  # noqa: S704  (rendered by our own template)


def _suggests(actor: Actor) -> bool:
    return access.suggests(actor)


def _steps_open(state: PriorityState, closes_at: datetime | None) -> list[str]:
    """The steps that a steward can take now."""
    ended = closes_at is not None and closes_at <= now()
    return [
        step.value
        for step in PriorityAction
        if can(rules.STEPS, state, step) and (step is not PriorityAction.AGREE or ended)
    ]


def _together(priorities: Iterable[Any]) -> list[tuple[UUID, datetime, list[Any]]]:
    """Priorities by the asking they stand in, the one that ends first at the head."""
    found: dict[UUID, tuple[UUID, datetime, list[Any]]] = {}
    for one in priorities:
        found.setdefault(one.consultation_id, (one.consultation_id, one.consultation_closes_at, []))[2].append(one)
    return sorted(found.values(), key=lambda asking: asking[1])


def _cards(priorities: Iterable[Any]) -> list[dict[str, Any]]:
    return [
        {
            "title": one.title,
            "href": url_for("priorities.show", priority_id=one.id),
            "text": capped(one.statement),
            "tag": one.state,
            "meta": f"Agreed on {day(one.agreed_on)}" if one.agreed_on else f"Suggested on {day(one.suggested_at)}",
            "foot": one.retired_reason or "",
        }
        for one in priorities
    ]


def _offer_evidence(form: SuggestionForm, issues: list[Any], insights: list[Any]) -> None:
    """Offer what it rests on already, then the issues with most support and the latest insights."""
    listed = {one.id: one for one in [*issues, *issue_queries.pickable(reading())]}
    issue_choices: list[Any] = [
        (id, one.title, f"Matters to {plural(one.support_count, 'neighbour')}") for id, one in listed.items()
    ]
    heard = {one.id: one for one in [*insights, *insight_queries.latest(reading())]}
    insight_choices: list[Any] = [(id, capped(one.text, 140), one.how_heard) for id, one in heard.items()]
    form.issues.choices, form.insights.choices = issue_choices, insight_choices


def _changes(new: Any, old: Any) -> list[tuple[str, list[tuple[str, str]]]]:
    """What a version changed, by the name of the part, word by word."""
    if old is None:
        return []
    parts = (("Title", "title"), ("Words", "statement"), ("Owner", "owner_name"))
    return [
        (name, rules.changes(getattr(old, part), getattr(new, part)))
        for name, part in parts
        if getattr(old, part) != getattr(new, part)
    ]


def _events(priority_id: UUID, partners: Mapping[str, str]) -> list[dict[str, str]]:
    """The steps in its life; ``partners`` by the id of what they do."""
    shown = []
    for event in queries.steps_of(reading(), priority_id):
        title, text = STEP_WORDS[event.verb]
        title = title.replace("{partner}", partners.get((event.body or {}).get("action", ""), "a partner"))
        shown.append({"when": moment(event.at), "title": title, "text": text})
    return shown
