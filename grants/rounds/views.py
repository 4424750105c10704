"""Pages of the stage ``rounds``."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from grants.funds import queries as funds
from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotAllowed, NotFound, RuleBroken
from grants.kernel.words import plural
from grants.kernel.work import UnitOfWork
from grants.people import queries as people
from grants.priorities import queries as priorities
from grants.rounds import access, queries, service
from grants.rounds.forms import (
    FRESH,
    QUICK_FRESH,
    CopyCriteriaForm,
    CriterionForm,
    ExtendForm,
    ExtendQuickForm,
    QuickRoundForm,
    ReasonForm,
    RoundForm,
    as_typed,
    criterion_typed,
    quick_as_typed,
)
from grants.rounds.rules.panel import part_words
from grants.rounds.rules.states import RoundState
from grants.rounds.rules.words import in_words
from grants.web.db import now, reading
from grants.web.doors import public, signed_in
from grants.web.needs import NeedsYou, Rows, needs_you
from grants.web.sections import Section as PageSection
from grants.web.sections import section as page_section
from grants.web.sections import sections_for
from grants.web.session import current_actor
from grants.web.work import carried_out, working

bp = Blueprint("rounds", __name__)

_S = RoundState
PHASE_WORDS: dict[RoundState, tuple[str, str]] = {
    _S.DRAFT: ("grey", "Draft"),
    _S.SCHEDULED: ("blue", "Coming"),
    _S.OPEN: ("green", "Open for proposals"),
    _S.CLOSED: ("turquoise", "Being checked"),
    _S.CHECKING: ("turquoise", "Being checked"),
    _S.VOTING: ("purple", "Voting now"),
    _S.PANEL: ("yellow", "Being decided"),
    _S.DECIDED: ("yellow", "Being decided"),
    _S.ANNOUNCED: ("light-blue", "Results are out"),
    _S.COMPLETED: ("grey", "Finished"),
    _S.CANCELLED: ("red", "Called off"),
}
QUICK_WORDS = PHASE_WORDS | {
    _S.OPEN: ("green", "Ask any day"),
    _S.CLOSED: ("turquoise", "Last answers"),
}
STEPS = (
    ("scheduled", "Planned"),
    ("open", "Proposals"),
    ("checking", "Checks"),
    ("voting", "Voting"),
    ("panel", "Decision"),
    ("announced", "Results"),
)
STEP_OF: dict[RoundState, str] = {
    _S.CLOSED: "checking",
    _S.DECIDED: "panel",
    _S.COMPLETED: "announced",
}
QUICK_LIFE = (
    ("scheduled", "Planned"),
    ("open", "Ask any day"),
    ("closed", "Last answers"),
    ("completed", "Finished"),
)
QUICK_DATES = {"opens_at": "You can ask from", "closes_at": "You can ask until", "decide_by": "Last answer by"}
DATE_WORDS = {
    "opens_at": "Proposals open",
    "closes_at": "Proposals close",
    "voting_opens_at": "Voting opens",
    "voting_closes_at": "Voting closes",
    "decide_by": "Decision by",
}
QUICK_GROUP = "Quick grants: ask any day"
GROUPS: tuple[tuple[str, frozenset[RoundState]], ...] = (
    ("Voting now", frozenset({_S.VOTING})),
    (QUICK_GROUP, frozenset()),
    ("Open for proposals", frozenset({_S.OPEN})),
    ("Coming", frozenset({_S.SCHEDULED})),
    ("Being checked or decided", frozenset({_S.CLOSED, _S.CHECKING, _S.PANEL, _S.DECIDED})),
    ("Finished", frozenset({_S.ANNOUNCED, _S.COMPLETED, _S.CANCELLED})),
)


@bp.app_template_global()
def round_phase(phase: RoundState, quick: bool = False) -> tuple[str, str]:
    """The colour and the words of a round's phase, for ``tag``."""
    return (QUICK_WORDS if quick else PHASE_WORDS)[phase]


# ---------------------------------------------------------------- for everybody


@bp.route("/rounds")
@public
def index() -> ResponseReturnValue:
    """Every round: what you can do now stands first."""
    moment, actor = now(), current_actor()
    found = [(round, queries.phase(round, moment)) for round in queries.public_rounds(reading())]
    asked = [one for one in found if one[1] is _S.OPEN and queries.is_quick(one[0])]
    groups = [
        (title, [one for one in found if one[1] in states and one not in asked] if states else asked)
        for title, states in GROUPS
    ]
    drafts = []
    if actor.has(Role.STEWARD):
        drafts = queries.in_states(reading(), (_S.DRAFT,), actor.scopes(Role.STEWARD))
    return render_template(
        "rounds/index.html",
        groups=[(title, rounds) for title, rounds in groups if rounds],
        drafts=drafts,
        may_start=actor.has(Role.STEWARD),
    )


@bp.route("/rounds/<uuid:round_id>")
@public
def page(round_id: UUID) -> ResponseReturnValue:
    """One round: where it is, what you can do next, the money, the rules."""
    round = queries.round_with_fund(reading(), round_id)
    runs = access.may_see_desk(current_actor(), round.fund_id)
    if round.rule_book_hash is None:
        if not runs:
            raise NotFound("There is no such round.")
        return redirect(url_for("rounds.desk", round_id=round_id))
    return render_template(
        _page_of(round), **_shown(round, queries.promises(round)), runs=runs, sections=sections_for("round", round)
    )


def _page_of(round: Any) -> str:
    return "rounds/quick_page.html" if queries.is_quick(round) else "rounds/page.html"


@bp.route("/rounds/preview/<token>")
@public
def preview(token: str) -> ResponseReturnValue:
    """A round before it is published, for whoever has the link."""
    round = queries.previewed(reading(), token)
    if round.rule_book_hash is not None:
        return redirect(url_for("rounds.page", round_id=round.id))
    book = queries.preview_of(round, queries.priority_ids(reading(), round.id))
    return render_template(_page_of(round), **_shown(round, book), runs=False, sections=[], is_preview=True)


def _shown(round: Any, book: Any) -> dict[str, Any]:
    phase, quick = queries.phase(round, now()), queries.is_quick(round)
    date_words = QUICK_DATES if quick else DATE_WORDS
    return {
        "round": round,
        "quick": quick,
        "left_minor": queries.left_minor(round),
        "book": book,
        "phase": phase,
        "now": now(),
        "step": phase.value if quick else STEP_OF.get(phase, phase.value),
        "steps_of_life": QUICK_LIFE if quick else STEPS,
        "dates": [
            (words, getattr(round, name))
            for name, words in date_words.items()
            if round.imported_from is None or name.startswith("voting")  # of elsewhere, no more is known
        ],
        "date_words": date_words,
        "changes": queries.changes(reading(), round.id),
        "priorities": queries.priorities(reading(), round.id),
        "in_words": in_words(book),
        "part_words": part_words,
    }


@bp.route("/rounds/<uuid:round_id>/rule-book")
@public
def rule_book(round_id: UUID) -> ResponseReturnValue:
    """The frozen rules, for people; with the fingerprint, and how to check it."""
    round = queries.published_call(reading(), round_id)
    return render_template("rounds/rule_book.html", **_shown(round, queries.promises(round)))


@bp.route("/rounds/<uuid:round_id>/rule-book.json")
@public
def rule_book_json(round_id: UUID) -> ResponseReturnValue:
    """The frozen rules, byte for byte as they were hashed."""
    round = queries.published_call(reading(), round_id)
    return Response(
        round.rule_book or "",
        mimetype="application/json",
        headers={"Content-Disposition": f'attachment; filename="rule-book-{round.id}.json"'},
    )


# ---------------------------------------------------------------- for stewards


def _mine(round_id: UUID) -> Any:
    round = queries.round_with_fund(reading(), round_id)
    access.ensure_may_run(current_actor(), round.fund_id)
    return round


def _form(data: dict[str, Any]) -> RoundForm:
    form = RoundForm(data=data)
    scopes = current_actor().scopes(Role.STEWARD)
    mine = [fund for fund in funds.funds(reading()) if scopes is None or fund.id in scopes]
    form.fund_id.choices = [(fund.id, fund.name) for fund in mine]
    form.key_officers.choices = _may_hold_the_key([fund.id for fund in mine])
    form.priority_ids.choices = [(one.id, one.title) for one in priorities.agreed(reading())]
    return form


def _may_hold_the_key(fund_ids: list[UUID]) -> list[tuple[UUID, str]]:
    """Stewards and officers of these funds; the service checks them against the one that is chosen."""
    found = {one.id: one.name for one in people.holders_of_any(reading(), access.KEY_HOLDERS, fund_ids)}
    return list(found.items())


@bp.route("/rounds/new", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def new() -> ResponseReturnValue:
    """Draft a round."""
    form = _form(FRESH)
    if form.accepted():
        try:
            with working() as uow:
                round_id = service.draft_round(uow, form.to_draft()).id
            flash("Saved as a draft. Nobody else can see it yet.", "success")
            return redirect(url_for("rounds.desk", round_id=round_id))
        except RuleBroken as broken:
            form.show(broken)
    more = sections_for("round_form", None)
    return render_template("rounds/form.html", form=form, round=None, more=more), form.status


def _quick_form(data: dict[str, Any]) -> QuickRoundForm:
    form = QuickRoundForm(data=data)
    scopes = current_actor().scopes(Role.STEWARD)
    form.fund_id.choices = [
        (fund.id, fund.name) for fund in funds.funds(reading()) if scopes is None or fund.id in scopes
    ]
    form.priority_ids.choices = [(one.id, one.title) for one in priorities.agreed(reading())]
    return form


@bp.route("/rounds/quick/new", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def new_quick() -> ResponseReturnValue:
    """Draft a quick round: one page."""
    form = _quick_form(QUICK_FRESH)
    if form.accepted():
        try:
            with working() as uow:
                round_id = service.draft_round(uow, form.to_draft()).id
            flash("Saved as a draft. Nobody else can see it yet.", "success")
            return redirect(url_for("rounds.desk", round_id=round_id))
        except RuleBroken as broken:
            form.show(broken)
    return render_template("rounds/quick_form.html", form=form, round=None), form.status


def _edit_quick(round: Any) -> ResponseReturnValue:
    """Change the draft of a quick round."""
    form = _quick_form(quick_as_typed(queries.quick_draft_of(round, queries.priority_ids(reading(), round.id))))
    if form.accepted():
        try:
            with working() as uow:
                service.change_draft(uow, round.id, form.to_draft())
            flash("Saved.", "success")
            return redirect(url_for("rounds.desk", round_id=round.id))
        except service.Frozen:
            with working() as uow:
                service.note_refusal(uow, round.id, "edit")
            return render_template("rounds/frozen.html", round=round), 422
        except RuleBroken as broken:
            form.show(broken)
    return render_template("rounds/quick_form.html", form=form, round=round), form.status


@bp.route("/rounds/<uuid:round_id>/edit", methods=["GET", "POST"])
@signed_in(Role.STEWARD, Role.ADMIN)
def edit(round_id: UUID) -> ResponseReturnValue:
    """Change a draft. What is published is refused, and the try is written down."""
    round = queries.round_with_fund(reading(), round_id)
    if round.state is not _S.DRAFT:
        if request.method == "POST":
            with working() as uow:
                service.note_refusal(uow, round_id, "edit")
        return render_template("rounds/frozen.html", round=round), 422 if request.method == "POST" else 200
    access.ensure_may_run(current_actor(), round.fund_id)
    if queries.is_quick(round):
        return _edit_quick(round)
    draft = queries.draft_of(round, queries.priority_ids(reading(), round.id))
    form = _form(as_typed(draft))
    form.offer(draft.criteria)
    if form.accepted():
        try:
            with working() as uow:
                service.change_draft(uow, round_id, form.to_draft())
            flash("Saved.", "success")
            return redirect(url_for("rounds.desk", round_id=round_id))
        except service.Frozen:
            with working() as uow:
                service.note_refusal(uow, round_id, "edit")
            return render_template("rounds/frozen.html", round=round), 422
        except RuleBroken as broken:
            form.show(broken)
    more = sections_for("round_form", round)
    return render_template("rounds/form.html", form=form, round=round, more=more), form.status


# What the panel looks for: one page for each question, so that adding and taking out needs no script.

STANDARD = "standard"


@bp.get("/rounds/<uuid:round_id>/criteria")
@signed_in(Role.STEWARD)
def criteria(round_id: UUID) -> ResponseReturnValue:
    """What the panel of a draft looks for, each question with its weight and its scale."""
    return _criteria_page(round_id)


def _criteria_page(round_id: UUID, copy: CopyCriteriaForm | None = None) -> ResponseReturnValue:
    round = _mine(round_id)
    if round.state is not _S.DRAFT:
        return redirect(url_for("rounds.rule_book", round_id=round_id))
    copy = copy or _copy_form(round)
    asked = queries.draft_of(round, ()).criteria
    page = render_template(
        "rounds/criteria.html",
        round=round,
        asked=[(one, part_words(one, asked)) for one in asked],
        most=3 * sum(one.weight for one in asked),
        copy=copy,
    )
    return page, copy.status


def _copy_form(round: Any) -> CopyCriteriaForm:
    form = CopyCriteriaForm()
    earlier = [(str(one.id), one.title) for one in queries.with_a_panel(reading(), but_for=round.id)]
    form.source.choices = [(STANDARD, "The standard set: the five features of health creation"), *earlier]
    return form


@bp.post("/rounds/<uuid:round_id>/criteria/copy")
@signed_in(Role.STEWARD)
def copy_criteria(round_id: UUID) -> ResponseReturnValue:
    """Begin again with the standard set, or with an earlier round's questions."""
    form = _copy_form(_mine(round_id))
    if form.accepted():
        source = None if form.source.data == STANDARD else UUID(form.source.data)
        with _criteria_work(round_id) as uow:
            service.copy_criteria(uow, round_id, source)
        flash("Copied. You can change each question.", "success")
        return redirect(url_for("rounds.criteria", round_id=round_id))
    return _criteria_page(round_id, form)


@contextmanager
def _criteria_work(round_id: UUID) -> Iterator[UnitOfWork]:
    """A unit of work; a try to change what is published is written down."""
    try:
        with working() as uow:
            yield uow
    except service.Frozen:
        with working() as uow:
            service.note_refusal(uow, round_id, "criteria")
        raise


@bp.route("/rounds/<uuid:round_id>/criteria/new", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def new_criterion(round_id: UUID) -> ResponseReturnValue:
    """Write a question of this round's own."""
    return _write_criterion(round_id, CriterionForm(data={"weight": 1}), None)


@bp.route("/rounds/<uuid:round_id>/criteria/<criterion_ref>", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def criterion(round_id: UUID, criterion_ref: str) -> ResponseReturnValue:
    """Change one question: its words, its weight, its scale."""
    draft = queries.draft_of(_mine(round_id), ())
    found = next((one for one in draft.criteria if one.id == criterion_ref), None)
    if found is None:
        raise NotFound("There is no such question in this round.")
    return _write_criterion(round_id, CriterionForm(data=criterion_typed(found)), criterion_ref)


def _write_criterion(round_id: UUID, form: CriterionForm, criterion_ref: str | None) -> ResponseReturnValue:
    round = _mine(round_id)
    if request.method == "GET" and round.state is not _S.DRAFT:
        return redirect(url_for("rounds.rule_book", round_id=round_id))
    if form.accepted():
        try:
            with _criteria_work(round_id) as uow:
                service.write_criterion(uow, round_id, form.to_criterion(), criterion_ref)
            flash("Saved.", "success")
            return redirect(url_for("rounds.criteria", round_id=round_id))
        except service.Frozen:
            return render_template("rounds/frozen.html", round=round), 422
        except RuleBroken as broken:
            form.show(broken)
    page = render_template("rounds/criterion.html", form=form, round=round, criterion_ref=criterion_ref)
    return page, form.status


@bp.post("/rounds/<uuid:round_id>/criteria/<criterion_ref>/remove")
@signed_in(Role.STEWARD)
def drop_criterion(round_id: UUID, criterion_ref: str) -> ResponseReturnValue:
    """Take one question out."""
    try:
        with _criteria_work(round_id) as uow:
            service.drop_criterion(uow, round_id, criterion_ref)
        flash("Taken out.", "success")
    except RuleBroken as broken:
        flash(broken.message, "error")
    return redirect(url_for("rounds.criteria", round_id=round_id))


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that the next step waits for."""

    done: bool
    text: str
    href: str = ""
    link: str = ""


@bp.route("/rounds/<uuid:round_id>/desk")
@signed_in(Role.STEWARD, Role.AUDITOR, Role.ADMIN)
def desk(round_id: UUID) -> ResponseReturnValue:
    """Where the round is, what the next step waits for, and what can be done."""
    round = queries.round_with_fund(reading(), round_id)
    if not access.may_see_desk(current_actor(), round.fund_id):
        raise NotAllowed("Only stewards of this fund, auditors and admins see this.")
    ids = queries.priority_ids(reading(), round.id)
    book = queries.preview_of(round, ids) if round.rule_book_hash is None else queries.promises(round)
    shown = _shown(round, book)
    room = queries.room_minor(reading(), round.fund_id, but_for=round.id)
    return render_template(
        "rounds/desk.html",
        **shown,
        room=room,
        checks=_checks(round, shown["phase"], room),
        next_step=_next_step(round, shown["phase"]),
        may_run=access.may_run(current_actor(), round.fund_id),
        preview_url=url_for("rounds.preview", token=round.preview_token, _external=True),
        sections=sections_for("desk", round),
    )


def _checks(round: Any, phase: RoundState, room: int) -> list[Check]:
    """What the next step waits for, each with a way to it."""
    edit_url, at = url_for("rounds.edit", round_id=round.id), f"/rounds/{round.id}"
    if phase is _S.DRAFT:
        return [
            Check(
                round.pot_minor <= room,
                "The money is promised and not spoken for",
                f"/funds/{round.fund_id}",
                "See the pot",
            ),
            Check(round.closes_at > now(), "It closes in the future", edit_url, "Change the dates"),
        ]
    if phase is _S.CHECKING and round.state is not _S.VOTING:
        return [
            Check(round.panel_locked_at is not None, "The panel has finished", f"{at}/panel/desk", "See the panel"),
            Check(now() < round.voting_closes_at, "There is time to vote", f"{at}/extend", "Put dates off"),
        ]
    if phase is _S.PANEL:
        return [
            Check(round.votes_counted_at is not None, "The votes are counted", f"{at}/vote/desk", "Count them"),
        ]
    return []


def _next_step(round: Any, phase: RoundState) -> str:
    """What comes next, and who or what it waits for."""
    if queries.is_quick(round):
        return {
            _S.DRAFT: "Publish it. Its rules are then fixed for good.",
            _S.SCHEDULED: "It opens by itself.",
            _S.OPEN: "Answer each ask as it comes: two people, within "
            f"{plural(queries.decide_days(round), 'working day')}.",
            _S.CLOSED: "Answer the last asks, then finish the round.",
        }.get(phase, "Nothing more. This round is over.")
    if round.state is _S.VOTING and phase is _S.CHECKING:
        return "The ballot is fixed. Voting opens by itself."
    return {
        _S.DRAFT: "Publish it. Its rules are then fixed for good.",
        _S.SCHEDULED: "It opens by itself.",
        _S.OPEN: "It closes for proposals by itself.",
        _S.CLOSED: "Check every proposal against the rules.",
        _S.CHECKING: "Check every proposal, let the panel finish, then fix the ballot.",
        _S.VOTING: "Voting closes by itself.",
        _S.PANEL: "Count the votes, then the panel’s chair decides.",
        _S.DECIDED: "Tell everybody, all at once.",
        _S.ANNOUNCED: "When every grant is reported, finish the round.",
    }.get(phase, "Nothing more. This round is over.")


@bp.route("/rounds/<uuid:round_id>/schedule", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def schedule(round_id: UUID) -> ResponseReturnValue:
    """Publish the round and fix its rules."""
    round = _mine(round_id)
    problem = None
    if request.method == "POST":
        try:
            with working() as uow:
                service.schedule(uow, round_id, current_app.config["SETTINGS"].vote_key)
            flash("Published. The rules of this round are fixed now.", "success")
            return redirect(url_for("rounds.desk", round_id=round_id))
        except RuleBroken as broken:
            problem, round = broken.message, _mine(round_id)
    if round.state is not _S.DRAFT:
        return redirect(url_for("rounds.desk", round_id=round_id))
    book = queries.preview_of(round, queries.priority_ids(reading(), round.id))
    return render_template("rounds/schedule.html", **_shown(round, book), problem=problem), 422 if problem else 200


@bp.route("/rounds/<uuid:round_id>/open-early", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def open_early(round_id: UUID) -> ResponseReturnValue:
    """Open for proposals now."""
    round = _mine(round_id)
    form = ReasonForm()
    if carried_out(form, lambda uow: service.open_early(uow, round_id, form.reason.data or "")):
        flash("The round is open for proposals.", "success")
        return redirect(url_for("rounds.desk", round_id=round_id))
    return render_template("rounds/open_early.html", form=form, round=round), form.status


@bp.route("/rounds/<uuid:round_id>/extend", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def extend(round_id: UUID) -> ResponseReturnValue:
    """Put dates off."""
    round = _mine(round_id)
    kind = ExtendQuickForm if queries.is_quick(round) else ExtendForm
    form = kind()
    if form.accepted():
        later = {name: form[name].data for name in kind.DATES if form[name].data is not None}
        try:
            with working() as uow:
                service.extend(uow, round_id, later, form.reason.data or "")
            flash("The dates have moved. Everybody can read why.", "success")
            return redirect(url_for("rounds.desk", round_id=round_id))
        except RuleBroken as broken:
            form.show(broken)
    open_dates = [name for name in kind.DATES if getattr(round, name) > now()]
    date_words = QUICK_DATES if queries.is_quick(round) else DATE_WORDS
    return (
        render_template("rounds/extend.html", form=form, round=round, names=open_dates, date_words=date_words),
        form.status,
    )


@bp.route("/rounds/<uuid:round_id>/cancel", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def cancel(round_id: UUID) -> ResponseReturnValue:
    """Call the round off."""
    round = _mine(round_id)
    form = ReasonForm()
    if carried_out(form, lambda uow: service.cancel(uow, round_id, form.reason.data or "")):
        flash("The round is called off. Everybody can read why.", "success")
        return redirect(url_for("rounds.desk", round_id=round_id))
    return render_template("rounds/cancel.html", form=form, round=round), form.status


@bp.route("/rounds/<uuid:round_id>/check", methods=["POST"])
@signed_in(Role.STEWARD)
def check(round_id: UUID) -> ResponseReturnValue:
    """Begin to check what was put in."""
    with working() as uow:
        service.begin_checking(uow, round_id)
    flash("You can check the proposals now.", "success")
    return redirect(url_for("rounds.desk", round_id=round_id))


@bp.route("/rounds/<uuid:round_id>/complete", methods=["POST"])
@signed_in(Role.STEWARD)
def complete(round_id: UUID) -> ResponseReturnValue:
    """Finish the round."""
    with working() as uow:
        service.complete(uow, round_id)
    flash("The round is finished.", "success")
    return redirect(url_for("rounds.desk", round_id=round_id))


# ---------------------------------------------------------------- what this stage adds to earlier stages' pages


def _cards(found: list[Any]) -> Markup:
    moment = now()
    html = render_template("rounds/in_list.html", rounds=[(round, queries.phase(round, moment)) for round in found])
    return Markup(html)  # noqa: S704 - rendered by our template


@page_section("fund", order=30)
def _in_fund(fund: Any) -> PageSection | None:
    found = queries.of_fund(reading(), fund.id, limit=12)
    return PageSection("rounds", "Rounds that share out this money", _cards(found)) if found else None


@page_section("priority", order=30)
def _in_priority(priority: Any) -> PageSection | None:
    found = queries.of_priority(reading(), priority.id, limit=6)
    return PageSection("rounds", "Rounds for this priority", _cards(found)) if found else None


@needs_you(queries.to_publish_or_check)
def _needs(actor: Actor, moment: datetime, rows: Rows) -> Iterable[NeedsYou]:
    """For stewards: drafts to publish, and rounds whose checks can begin. Later stages tell of the later steps."""
    for id, title, state, opens_at, voting_opens_at in rows:
        href = url_for("rounds.desk", round_id=id)
        if state is _S.DRAFT:
            yield NeedsYou(f"Publish “{title}”", href, "It is a draft", opens_at)
        else:
            yield NeedsYou(f"Begin the checks of “{title}”", href, "Proposals have closed", voting_opens_at)
