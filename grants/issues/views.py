"""Pages of the stage ``issues``: raising, reading, supporting, and looking after what residents raise."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from grants.issues import access, queries, rules, service
from grants.issues.forms import AnswerForm, CloseForm, HideForm, IssueFilter, IssueForm, MergeForm, SearchForm
from grants.issues.rules import IssueAction, IssueState
from grants.kernel.actors import Actor, Role
from grants.kernel.errors import RuleBroken
from grants.kernel.states import can
from grants.kernel.words import plural
from grants.web.db import reading
from grants.web.doors import public, signed_in
from grants.web.filters import capped, day, moment
from grants.web.forgetting import forgetting
from grants.web.limits import post_limit
from grants.web.needs import NeedsYou, Rows, needs_you
from grants.web.outside import geography
from grants.web.sections import sections_for
from grants.web.session import current_actor
from grants.web.work import carried_out, working

bp = Blueprint("issues", __name__)
forgetting(service.forget_person)

STEP_WORDS = {
    "issue.raised": ("Raised", "Somebody who lives here told us."),
    "issue.published": ("Published", "Somebody looked at it, and now everybody can read it."),
    "issue.merged": ("Joined with another issue", "They say much the same, so they go on together."),
    "issue.answered": ("Answered", ""),
    "issue.taken_up": ("Became part of a priority", "The community agreed to act on it."),
    "issue.closed": ("Closed", ""),
}


@bp.get("/issues")
@public
def index() -> ResponseReturnValue:
    """What people have raised, to be searched by anybody."""
    wards = _wards()
    form = IssueFilter(request.args, meta={"csrf": False})
    form.ward.choices = list(wards.items())
    form.validate()
    words, ward, sort = (None if f.errors else f.data for f in (form.words, form.ward, form.sort))
    state: IssueState | None = None if form.state.errors else form.state.data
    found = queries.search(
        reading(),
        words=words or "",
        ward_code=ward,
        state=state,
        sort=queries.Sort.SUPPORT if sort else queries.Sort.NEWEST,
        page=request.args.get("page", 1, type=int),
    )
    return render_template(
        "issues/index.html",
        filters=form,
        found=found,
        cards=_cards(found.rows, wards),
        extra={"words": words, "ward": ward, "state": state.value if state else None, "sort": sort},
        narrowed=bool(words or ward or state),
        takes_care=access.takes_care(current_actor()),
    )


@bp.route("/issues/new", methods=["GET", "POST"])
@public
@post_limit("10 per hour")
def new() -> ResponseReturnValue:
    """Raise an issue, signed in or not."""
    form = IssueForm()
    form.ward.choices = list(_wards().items())
    if form.accepted() and _place_agrees(form):
        if form.website.data:  # a program: it is thanked, and nothing is kept
            return redirect(url_for("issues.index"))
        try:
            with working() as uow:
                _, token = service.raise_issue(uow, form.to_draft(_ward_of(form)))
            return redirect(url_for("issues.yours", token=token, sent="1"))
        except RuleBroken as broken:
            form.show(broken)
    return render_template("issues/new.html", form=form), form.status


def _place_agrees(form: IssueForm) -> bool:
    """Whether the postcode is known and lies in the ward, when both are given; else the form says what to do."""
    if not form.postcode.data:
        return True
    place = geography().find(form.postcode.data)
    if place is None:
        form.show(RuleBroken("We do not know this postcode. Check it, or choose the ward instead", field="postcode"))
    elif form.ward.data and form.ward.data != place.ward_code:
        message = f"{place.postcode} is in {place.ward_name}: choose that ward, or leave the postcode empty"
        form.show(RuleBroken(message, field="postcode"))
    else:
        return True
    return False


def _ward_of(form: IssueForm) -> str | None:
    place = geography().find(form.postcode.data) if form.postcode.data else None
    return place.ward_code if place else form.ward.data or None


@bp.get("/issues/yours/<token>")
@public
def yours(token: str) -> ResponseReturnValue:
    """What became of an issue, for whoever holds its private link."""
    issue = queries.of_token(reading(), token) or abort(404)
    page = render_template(
        "issues/yours.html",
        issue=issue,
        sent=request.args.get("sent") == "1",
        ward=_ward_name(issue.ward_code),
        into=queries.find(reading(), issue.merged_into_id) if issue.merged_into_id else None,
        events=_events(issue.id),
        here=url_for("issues.yours", token=token, _external=True),
        forget=url_for("issues.forget", token=token),
    )
    return page, 200, {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}


@bp.post("/issues/yours/<token>/forget")
@public
def forget(token: str) -> ResponseReturnValue:
    """Forget the e-mail address that was left."""
    issue = queries.of_token(reading(), token) or abort(404)
    with working() as uow:
        service.forget_contact(uow, issue.id, token)
    flash("We have forgotten your e-mail address. This link still shows the answer.", "success")
    return redirect(url_for("issues.yours", token=token))


@bp.get("/issues/yours")
@signed_in()
def mine() -> ResponseReturnValue:
    """What this person has raised."""
    actor = current_actor()
    assert actor.id is not None
    return render_template(
        "issues/mine.html", cards=_cards(queries.raised_by(reading(), actor.id), _wards(), tags=True)
    )


@bp.get("/issues/queue")
@signed_in(Role.STEWARD, Role.CONNECTOR)
def queue() -> ResponseReturnValue:
    """What waits for a look, the oldest first; or what was hidden."""
    state = IssueState.HIDDEN if request.args.get("show") == "hidden" else IssueState.RAISED
    found = queries.queue(reading(), state, request.args.get("page", 1, type=int))
    return render_template("issues/queue.html", found=found, cards=_cards(found.rows, _wards()), state=state)


@bp.get("/issues/<uuid:issue_id>")
@public
def show(issue_id: UUID) -> ResponseReturnValue:
    """An issue's public page; its author and those who look after issues see it in every state."""
    actor = current_actor()
    issue = queries.find(reading(), issue_id) or abort(404)
    is_author = actor.id is not None and actor.id == issue.raised_by_id
    takes_care = access.takes_care(actor)
    if issue.state not in rules.PUBLIC and not (is_author or takes_care):
        abort(404)
    return render_template(
        "issues/show.html",
        issue=issue,
        ward=_ward_name(issue.ward_code),
        is_author=is_author,
        into=queries.find(reading(), issue.merged_into_id) if issue.merged_into_id else None,
        supported=queries.supported(reading(), issue.id, actor.id),
        can_support=issue.state in rules.SUPPORTABLE and not is_author,
        steps=_steps_open(issue.state) if takes_care and not is_author else [],
        takes_care=takes_care,
        events=_events(issue.id),
        part_of=sections_for("issue", issue),
    )


@bp.post("/issues/<uuid:issue_id>/support")
@signed_in()
def support(issue_id: UUID) -> ResponseReturnValue:
    """This matters to me too."""
    with working() as uow:
        service.support(uow, issue_id)
    flash("Thank you. Your voice is counted.", "success")
    return redirect(url_for("issues.show", issue_id=issue_id))


@bp.post("/issues/<uuid:issue_id>/take-back")
@signed_in()
def take_back(issue_id: UUID) -> ResponseReturnValue:
    """Take support back."""
    with working() as uow:
        service.take_back_support(uow, issue_id)
    flash("Your voice is no longer counted here.", "success")
    return redirect(url_for("issues.show", issue_id=issue_id))


@bp.post("/issues/<uuid:issue_id>/publish")
@signed_in(Role.STEWARD, Role.CONNECTOR)
def publish(issue_id: UUID) -> ResponseReturnValue:
    """Let everybody read it."""
    with working() as uow:
        service.publish(uow, issue_id)
    flash("It is published. Its author is told if they left an address.", "success")
    return redirect(url_for("issues.show", issue_id=issue_id))


@bp.route("/issues/<uuid:issue_id>/hide", methods=["GET", "POST"])
@signed_in(Role.STEWARD, Role.CONNECTOR)
def hide(issue_id: UUID) -> ResponseReturnValue:
    """Take it out of sight, with a reason for its author."""
    form = HideForm()
    if carried_out(form, lambda uow: service.hide(uow, issue_id, form.reason.data or "")):
        flash("It is hidden. Its author can read why.", "success")
        return redirect(url_for("issues.queue"))
    return _step_page("issues/hide.html", issue_id, IssueAction.HIDE, form)


@bp.route("/issues/<uuid:issue_id>/answer", methods=["GET", "POST"])
@signed_in(Role.STEWARD, Role.CONNECTOR)
def answer(issue_id: UUID) -> ResponseReturnValue:
    """Answer it, with words."""
    form = AnswerForm()
    if carried_out(form, lambda uow: service.answer(uow, issue_id, form.kind.data, form.answer.data or "")):
        flash("The answer is on its page, for everybody to read.", "success")
        return redirect(url_for("issues.show", issue_id=issue_id))
    return _step_page("issues/answer.html", issue_id, IssueAction.ANSWER, form)


@bp.route("/issues/<uuid:issue_id>/close", methods=["GET", "POST"])
@signed_in(Role.STEWARD, Role.CONNECTOR)
def close(issue_id: UUID) -> ResponseReturnValue:
    """End it; never without an answer."""
    form = CloseForm()
    issue = queries.find(reading(), issue_id) or abort(404)
    form.answer.required = not issue.answer
    form.answer.description = (
        "It has an answer already. What you write here takes its place; leave it empty to keep the answer."
        if issue.answer
        else "Nothing ends without an answer. Everybody can read it, and its author is told."
    )
    if carried_out(form, lambda uow: service.close(uow, issue_id, form.answer.data or "")):
        flash("It is closed.", "success")
        return redirect(url_for("issues.show", issue_id=issue_id))
    return _step_page("issues/close.html", issue_id, IssueAction.CLOSE, form)


@bp.route("/issues/<uuid:issue_id>/merge", methods=["GET", "POST"])
@signed_in(Role.STEWARD, Role.CONNECTOR)
def merge(issue_id: UUID) -> ResponseReturnValue:
    """Join it with another that says the same."""
    issue = queries.find(reading(), issue_id) or abort(404)
    search = SearchForm(request.args, meta={"csrf": False})
    words = (search.words.data or "") if search.validate() else ""
    wards = _wards()
    candidates = queries.merge_candidates(reading(), issue, words)
    form = MergeForm()
    options: list[Any] = [(other.id, other.title, _merge_hint(other, wards)) for other in candidates]
    form.into.choices = options
    if form.accepted():
        try:
            with working() as uow:
                into = service.merge(uow, issue_id, form.into.data)
                into_id = into.id
            flash("They are one now. Its author is told if they left an address.", "success")
            return redirect(url_for("issues.show", issue_id=into_id))
        except RuleBroken as broken:
            form.show(broken)
    return _step_page("issues/merge.html", issue_id, IssueAction.MERGE, form, search=search, words=words)


def _merge_hint(other: Any, wards: dict[str, str]) -> str:
    where = wards.get(other.ward_code or "", "All over town")
    return f"{where} · matters to {plural(other.support_count, 'neighbour')} too"


def _step_page(template: str, issue_id: UUID, action: IssueAction, form: Any, **more: Any) -> ResponseReturnValue:
    """The page on which a step is taken, or the issue's own page when the step cannot be taken (any more)."""
    issue = queries.find(reading(), issue_id) or abort(404)
    if not form.errors and not can(rules.STEPS, issue.state, action):
        flash("This step cannot be taken now: somebody may have been quicker.", "info")
        return redirect(url_for("issues.show", issue_id=issue_id))
    access.ensure_may_look(current_actor(), issue.raised_by_id)
    return render_template(template, issue=issue, form=form, ward=_ward_name(issue.ward_code), **more), form.status


@needs_you(queries.to_look_at)
def _issues_wait(actor: Actor, now: datetime, rows: Rows) -> Iterator[NeedsYou]:
    for (count,) in rows:
        yield NeedsYou(
            f"Look at {plural(count, 'new issue')}",
            url_for("issues.queue"),
            "Neighbours wait to see what they raised.",
        )


def _steps_open(state: IssueState) -> list[str]:
    return [action.value for action in IssueAction if can(rules.STEPS, state, action) and action != IssueAction.TAKE_UP]


def _wards() -> dict[str, str]:
    return {ward.code: ward.name for ward in geography().wards()}


def _ward_name(code: str | None) -> str:
    ward = geography().ward(code) if code else None
    return ward.name if ward else "All over town"


def _cards(rows: Iterable[Any], wards: dict[str, str], *, tags: bool = True) -> list[dict[str, Any]]:
    return [
        {
            "title": issue.title,
            "href": url_for("issues.show", issue_id=issue.id),
            "meta": f"{wards.get(issue.ward_code or '', 'All over town')} · {day(issue.raised_at)}",
            "text": capped(issue.body),
            "tag": issue.state if tags else None,
            "foot": f"Matters to {plural(issue.support_count, 'other')} too" if issue.support_count else "",
        }
        for issue in rows
    ]


def _events(issue_id: UUID) -> list[dict[str, str]]:
    """The public steps as a timeline: what happened and when, never who."""
    shown = []
    for event in queries.steps_of(reading(), issue_id):
        title, text = STEP_WORDS[event.verb]
        if event.verb == "issue.merged" and event.subject_id != issue_id:
            title, text = "Another issue joined this one", "It says much the same, and its support counts here now."
        elif event.verb == "issue.answered" and event.body.get("kind") == "quick_action":
            title = "Answered with a quick action"
        shown.append({"when": moment(event.at), "title": title, "text": text})
    return shown
