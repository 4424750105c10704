"""The one page of an ask in a quick round: write it, check it, send it to a second person."""

import secrets
from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from grants.kernel.clock import show_day
from grants.kernel.errors import NotAllowed, NotFound, RuleBroken
from grants.kernel.money import show_pounds
from grants.people import queries as people
from grants.priorities import queries as priorities
from grants.proposals import access
from grants.proposals.forms.asks import AskForm, AskHostForm, ask_form
from grants.proposals.forms.sections import add_row, remove_row
from grants.proposals.forms.steps import StartForm
from grants.proposals.queries import whole
from grants.proposals.rules.asks import ASK_KEY, MOST_ASK_LINES, ask_gaps
from grants.proposals.rules.facts import HELP_WORDS, Facts, Help
from grants.proposals.rules.states import ProposalState
from grants.proposals.service import bids as bids_service
from grants.proposals.service import quick as service
from grants.proposals.views.writing import about_me
from grants.rounds import queries as rounds
from grants.rounds.rules.states import RoundState
from grants.web.db import now, reading
from grants.web.doors import signed_in
from grants.web.outside import geography
from grants.web.session import current_actor
from grants.web.work import working

bp = Blueprint("asks", __name__)


@bp.route("/rounds/<uuid:round_id>/ask", methods=["GET", "POST"])
@signed_in()
def start(round_id: UUID) -> ResponseReturnValue:
    """Which group asks? Whoever has one group only begins to write at once."""
    round, actor = _round(round_id), current_actor()
    mine = (
        [group for group in people.groups_of(reading(), actor.id) if actor.can_edit_for(group.id)] if actor.id else []
    )
    form = StartForm(group_id=mine[0].id if len(mine) == 1 else None)
    form.group_id.choices = [(group.id, group.name) for group in mine]
    if form.accepted():
        try:
            with working() as uow:
                proposal_id = service.start(uow, round_id, form.group_id.data).id
            return redirect(url_for("asks.write", proposal_id=proposal_id))
        except RuleBroken as broken:
            form.show(broken)
    return (
        render_template(
            "proposals/ask_start.html",
            form=form,
            round=round,
            phase=rounds.phase(round, now()),
            left_minor=rounds.left_minor(round),
            days=rounds.decide_days(round),
            groups=mine,
            priorities=rounds.priorities(reading(), round_id),
            book=rounds.promises(round),
        ),
        form.status,
    )


def _round(round_id: UUID) -> Any:
    round = rounds.published_call(reading(), round_id)
    if not rounds.is_quick(round):
        raise NotFound("This round asks for a whole proposal.")
    return round


def _mine(proposal_id: UUID) -> Any:
    """The ask, for those of its group who may write; for everybody else there is no such page."""
    proposal, actor = whole.proposal(reading(), proposal_id), current_actor()
    parties = whole.parties(reading(), proposal)
    if not rounds.is_quick(proposal.round) or not access.may_read_all(actor, parties):
        raise NotFound("There is no such page.")
    if not access.may_edit(actor, parties):
        raise NotAllowed("Only members of the group who may write for it can do this.")
    return proposal


def _can_write(proposal: Any) -> bool:
    """Whether the page can be changed now: while it is a draft, or something was asked about it."""
    if proposal.state is ProposalState.MORE_INFO_REQUESTED:
        return bool(now() < proposal.asked_until)
    return proposal.state is ProposalState.DRAFT and rounds.phase(proposal.round, now()) is RoundState.OPEN


@bp.route("/proposals/<uuid:proposal_id>/ask", methods=["GET", "POST"])
@signed_in()
def write(proposal_id: UUID) -> ResponseReturnValue:
    """The one page: save it with gaps, or go on and check it."""
    proposal = _mine(proposal_id)
    if not _can_write(proposal):
        if proposal.state is ProposalState.DRAFT:
            return _page(proposal, _form(proposal), over=True)
        return redirect(url_for("proposals.page", proposal_id=proposal_id))
    form = _form(proposal)
    if request.method == "POST" and _changes_rows(form):
        return _page(proposal, form)
    if form.accepted():
        try:
            _save(proposal_id, form, timed=True)
        except service.PageConflict as conflict:
            for hidden, value in ((form.version, str(conflict.version)), (form.page_token, secrets.token_urlsafe(12))):
                hidden.data, hidden.raw_data = value, None
            theirs = words_of(whole.facts(reading(), whole.proposal(reading(), proposal_id)))
            return _page(whole.proposal(reading(), proposal_id), form, theirs=theirs)[0], 409
        except RuleBroken as broken:
            form.show(broken)
        else:
            if "later" in request.form:
                flash("Saved. You can come back to it from your page.", "success")
                return redirect(url_for("asks.write", proposal_id=proposal_id))
            return redirect(url_for("asks.check", proposal_id=proposal_id))
    if request.method == "GET" and request.args.get("gaps"):
        for gap in _gaps(proposal):
            _show_gap(form, gap.field, gap.message)
        return _page(proposal, form, saved=True)
    return _page(proposal, form)


@bp.route("/proposals/<uuid:proposal_id>/ask/autosave", methods=["POST"])
@signed_in()
def autosave(proposal_id: UUID) -> ResponseReturnValue:
    """Keep what stands in an open page. Answers 204, or says in a status why not."""
    proposal = _mine(proposal_id)
    form = _form(proposal)
    if not form.accepted():
        return {"error": "not well formed"}, 422
    try:
        _save(proposal_id, form)
    except service.PageConflict as conflict:
        return {"error": conflict.message}, 409
    except RuleBroken as broken:
        return {"error": broken.message}, 422
    return "", 204


def _form(proposal: Any) -> AskForm:
    facts = whole.facts(reading(), proposal)
    if not proposal.section_versions.get(ASK_KEY):
        facts = replace(about_me(facts), help_received=Help.NOBODY)
    found = rounds.priorities(reading(), proposal.round_id)
    if len(found) == 1 and facts.priority_id is None:
        facts = replace(facts, priority_id=found[0].id)
    return ask_form(
        facts,
        version=int(proposal.section_versions.get(ASK_KEY, 0)),
        page_token=secrets.token_urlsafe(12),
        opened=int(now().timestamp()),
        priorities=[(one.id, one.title) for one in found],
    )


def _save(proposal_id: UUID, form: AskForm, *, timed: bool = False) -> None:
    with working() as uow:
        service.save(
            uow,
            proposal_id,
            form.values(),
            version=form.version_seen,
            geography=geography(),
            page_token=str(form.page_token.data or "")[:40],
            seconds=form.seconds_open(now()) if timed else 0,
        )


def _changes_rows(form: AskForm) -> bool:
    if "add" in request.form:
        form.validate()
        if len(form.lines) < MOST_ASK_LINES:
            add_row(form)
        return True
    if (text := request.form.get("remove", "")).isdecimal() and len(text) < 4:
        remove_row(form, int(text))
        return True
    return False


def _gaps(proposal: Any) -> list[Any]:
    return ask_gaps(whole.facts(reading(), proposal), whole.limits(reading(), proposal.round))


def _show_gap(form: AskForm, name: str, message: str) -> None:
    if name in form and name != "lines":
        form[name].errors = [*form[name].errors, message]
    else:
        form.form_errors.append(message)


def _page(proposal: Any, form: AskForm, **more: Any) -> tuple[str, int]:
    facts = whole.facts(reading(), proposal)
    body = render_template(
        "proposals/ask_write.html",
        proposal=proposal,
        round=proposal.round,
        form=form,
        facts=facts,
        cap_minor=min(proposal.round.cap_minor, max(rounds.left_minor(proposal.round), 0)) or proposal.round.cap_minor,
        days=rounds.decide_days(proposal.round),
        most_lines=MOST_ASK_LINES,
        **more,
    )
    return body, 200 if more.get("saved") else form.status


def words_of(facts: Facts) -> list[tuple[str, str]]:
    """An ask as pairs of words."""
    titles = priorities.titles(reading(), [facts.priority_id]) if facts.priority_id else {}
    when = show_day(facts.starts_on) if facts.starts_on else ""
    if facts.ends_on and facts.ends_on != facts.starts_on:
        when = f"{when} to {show_day(facts.ends_on)}"
    return [
        ("What", facts.title),
        ("A little more", facts.what),
        ("When", when),
        ("Priority", titles.get(facts.priority_id, "") if facts.priority_id else ""),
        ("Who it is for", facts.for_whom),
        ("Where", "Not tied to a place" if facts.anywhere else facts.venue_postcode),
        ("What it costs", "\n".join(f"{one.what}: {show_pounds(one.amount_minor)}" for one in facts.lines)),
        ("You ask for", show_pounds(facts.applied_for_minor) if facts.lines else ""),
        ("How we will know", facts.outcomes_seen),
        ("Contact", ", ".join(x for x in (facts.contact_name, facts.contact_email, facts.contact_phone) if x)),
        ("Help with writing", HELP_WORDS[facts.help_received] if facts.help_received else ""),
    ]


@bp.route("/proposals/<uuid:proposal_id>/ask/check", methods=["GET", "POST"])
@signed_in()
def check(proposal_id: UUID) -> ResponseReturnValue:
    """Check your answers, then send it to a second person; or ask a host on the way."""
    proposal = _mine(proposal_id)
    if not _can_write(proposal):
        return redirect(url_for("proposals.page", proposal_id=proposal_id))
    answering = proposal.state is ProposalState.MORE_INFO_REQUESTED
    gaps = [gap for gap in _gaps(proposal) if gap.field != "host_id"]
    if gaps and request.method == "GET":
        return redirect(url_for("asks.write", proposal_id=proposal_id, gaps=1))
    problem = None
    if request.method == "POST":
        try:
            with working() as uow:
                bids_service.ask_for_sign_off(uow, proposal_id)
            flash("Sent to your second person. We have written to them.", "success")
            return redirect(url_for("proposals.page", proposal_id=proposal_id))
        except RuleBroken as broken:
            problem, proposal = broken.message, whole.proposal(reading(), proposal_id)
    return _check_page(proposal, AskHostForm(), answering=answering, problem=problem)


def _check_page(
    proposal: Any, host_form: AskHostForm, *, answering: bool, problem: str | None = None
) -> ResponseReturnValue:
    facts = whole.facts(reading(), proposal)
    hosts = [one for one in people.hosts(reading()) if one.id != proposal.group_id]
    host_form.host_id.choices = [(one.id, one.name) for one in hosts]
    asked = people.live_hosting(reading(), proposal.group_id) if facts.needs_host else None
    return (
        render_template(
            "proposals/ask_check.html",
            proposal=proposal,
            round=proposal.round,
            rows=words_of(facts),
            facts=facts,
            answering=answering,
            problem=problem,
            host_form=host_form,
            hosts=hosts,
            asked=asked,
            signers=_seconds(proposal),
            days=rounds.decide_days(proposal.round),
        ),
        422 if problem else host_form.status,
    )


def _seconds(proposal: Any) -> list[str]:
    """Names of those who could say that it is right, were this person to send it."""
    return [one.person.name for one in whole.signers(reading(), proposal, current_actor().id)]


@bp.route("/proposals/<uuid:proposal_id>/ask/host", methods=["POST"])
@signed_in()
def host(proposal_id: UUID) -> ResponseReturnValue:
    """Ask a host to hold the money."""
    proposal = _mine(proposal_id)
    form = AskHostForm()
    form.host_id.choices = [(one.id, one.name) for one in people.hosts(reading()) if one.id != proposal.group_id]
    if form.accepted():
        try:
            with working() as uow:
                service.ask_host(uow, proposal_id, form.host_id.data)
            flash("Asked. We have written to them. When they have said yes, come back and send this.", "success")
            return redirect(url_for("asks.check", proposal_id=proposal_id))
        except RuleBroken as broken:
            broken.field = "host_id" if broken.field == "host" else broken.field
            form.show(broken)
    return _check_page(proposal, form, answering=proposal.state is ProposalState.MORE_INFO_REQUESTED)


@bp.route("/proposals/<uuid:proposal_id>/ask/again", methods=["POST"])
@signed_in()
def again(proposal_id: UUID) -> ResponseReturnValue:
    """Begin a new ask with what this one says."""
    _mine(proposal_id)
    try:
        with working() as uow:
            made = service.again(uow, proposal_id, geography()).id
    except RuleBroken as broken:
        flash(broken.message, "error")
        return redirect(url_for("proposals.page", proposal_id=proposal_id))
    flash("It is all here. Change what was said about it, then send it.", "success")
    return redirect(url_for("asks.write", proposal_id=made))
