"""Quick grants: what waits, the two answers, and what everybody sees."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from grants.kernel.actors import Actor, Role
from grants.kernel.clock import day_begins, london_day
from grants.kernel.errors import Conflict, NotAllowed, NotFound, RuleBroken
from grants.kernel.words import plural
from grants.proposals.queries import measured, whole
from grants.proposals.rules.facts import HELP_WORDS
from grants.proposals.rules.measures import minutes_per_hundred
from grants.proposals.rules.states import ProposalState
from grants.quick import access, queries, rules, service
from grants.quick.exports import grants_csv
from grants.quick.forms import AskBackForm, SayForm
from grants.quick.queries import Ask
from grants.quick.rules import NO_WORDS, STANDING_WORDS, TURN_TO, Says, Standing
from grants.rounds import queries as rounds
from grants.rounds.access import may_run, may_see_desk
from grants.rounds.rules.states import RoundState
from grants.web.db import now, reading
from grants.web.doors import public, signed_in
from grants.web.needs import NeedsYou, Rows, needs_you
from grants.web.outside import geography
from grants.web.sections import Section, section
from grants.web.session import current_actor
from grants.web.work import working

bp = Blueprint("quick", __name__)
LATEST = 3
"""How many grants stand on the round's own page."""


# ------------------------------------------------- for whoever decides


def _funds(actor: Actor) -> Collection[UUID] | None:
    """The funds whose asks this person may read; None: all."""
    held = [actor.scopes(role) for role in (*access.DECIDERS, Role.AUDITOR) if actor.has(role)]
    return None if None in held else {fund for scopes in held for fund in scopes or ()}


@bp.get("/quick-asks")
@signed_in(Role.STEWARD, Role.PANELLIST, Role.AUDITOR)
def waiting() -> ResponseReturnValue:
    """What waits for an answer: first what waits for this person."""
    actor, today = current_actor(), london_day(now())
    found = queries.waiting(reading(), _funds(actor))
    closed = queries.interested(reading(), found)
    cards = [(one, _why_not(actor, one, closed[one.proposal.id])) for one in found]
    return render_template(
        "quick/waiting.html",
        mine=[one for one, why in cards if why is None],
        others=[(one, why) for one, why in cards if why is not None],
        standing_words=STANDING_WORDS,
        today=today,
        now=now(),
    )


def _why_not(actor: Actor, ask: Ask, closed: set[UUID]) -> str | None:
    return access.why_not_decide(
        actor, ask.proposal.round.fund_id, interested=actor.id in closed, has_said=ask.has_said(actor.id)
    )


def _open(proposal_id: UUID) -> Ask:
    """The ask, for whoever decides about its fund, and auditors."""
    ask = queries.ask(reading(), proposal_id)
    access.ensure_may_look(current_actor(), ask.proposal.round.fund_id)
    return ask


@bp.route("/quick-asks/<uuid:proposal_id>", methods=["GET", "POST"])
@signed_in(Role.STEWARD, Role.PANELLIST, Role.AUDITOR)
def ask(proposal_id: UUID) -> ResponseReturnValue:
    """One ask, what was said to it, and the answer."""
    found = _open(proposal_id)
    form = SayForm(data={"copy": str(found.copy)})
    form.reason.required = found.standing is not Standing.SECOND  # whoever agrees may leave it out
    if form.accepted():
        try:
            with working() as uow:
                standing = service.say(
                    uow,
                    proposal_id,
                    form.says.data,
                    copy=form.copy_seen,
                    code=form.code.data if form.says.data is Says.NO else None,
                    reason=form.reason.data or "",
                )
        except Conflict as conflict:
            return _ask_page(_open(proposal_id), _again(form, proposal_id), conflict=conflict.message)[0], 409
        except RuleBroken as broken:
            form.show(broken)
            found = _open(proposal_id)
        else:
            flash(_SAID[standing], "success")
            return redirect(url_for("quick.waiting"))
    return _ask_page(found, form)


_SAID = {
    Standing.SECOND: "Kept. A second person answers next.",
    Standing.THIRD: "Kept. You two do not agree, so a third person decides.",
    Standing.FUNDED: "Funded. The money is promised, and the group has a letter.",
    Standing.REFUSED: "It is a no. The group has a letter with the reason.",
}


def _again(form: SayForm, proposal_id: UUID) -> SayForm:
    """The same answer over the ask as it stands now: what was typed is kept."""
    form.copy.data, form.copy.raw_data = str(queries.ask(reading(), proposal_id).copy), None
    return form


def _ask_page(ask: Ask, form: SayForm, *, back: AskBackForm | None = None, conflict: str = "") -> tuple[str, int]:
    actor, session = current_actor(), reading()
    proposal = whole.proposal(session, ask.proposal.id)
    facts, waits = whole.facts(session, proposal), proposal.state is ProposalState.SUBMITTED
    why_not = _why_not(actor, ask, queries.interested(session, [ask])[proposal.id])
    form.code.required = True  # where it is shown, after a no, it is no longer a choice
    body = render_template(
        "quick/ask.html",
        ask=ask,
        proposal=proposal,
        facts=facts,
        wards=sorted(ward.name for code in facts.ward_codes if (ward := geography().ward(code))),
        help_words=HELP_WORDS[facts.help_received] if facts.help_received else None,
        form=form,
        back=back or AskBackForm(formdata=None, data={"copy": str(ask.copy)}),
        waits=waits,
        why_not=why_not,
        short=queries.why_no_money(session, proposal, now()) if waits else None,
        left_minor=rounds.left_minor(proposal.round),
        said=_said(proposal.id, ask.copy),
        standing_words=STANDING_WORDS,
        decision=queries.decision(session, proposal.id),
        no_words=NO_WORDS,
        today=london_day(now()),
        conflict=conflict,
    )
    return body, back.status if back is not None else form.status


def _said(proposal_id: UUID, copy: int) -> list[dict[str, Any]]:
    """What was said, in turn, with names: deciders answer for their words before one another."""
    found = queries.said(reading(), proposal_id)
    names = queries.names(reading(), [one.person_id for one in found])
    return [
        {
            "name": names.get(one.person_id, "Somebody"),
            "says": "Yes" if one.says is Says.YES else "No",
            "kind": NO_WORDS[one.code] if one.code else "",
            "reason": one.reason,
            "at": one.said_at,
            "stands": one.copy == copy,
        }
        for one in found
    ]


@bp.post("/quick-asks/<uuid:proposal_id>/question")
@signed_in(Role.STEWARD, Role.PANELLIST)
def question(proposal_id: UUID) -> ResponseReturnValue:
    """Ask the group something instead of an answer."""
    found = _open(proposal_id)
    form = AskBackForm()
    if form.accepted():
        try:
            with working() as uow:
                service.ask_back(uow, proposal_id, copy=form.copy_seen, words=form.words.data or "")
        except Conflict as conflict:
            form.copy.data, form.copy.raw_data = str(queries.ask(reading(), proposal_id).copy), None
            say = SayForm(formdata=None, data={"copy": form.copy.data})
            return _ask_page(_open(proposal_id), say, back=form, conflict=conflict.message)[0], 409
        except RuleBroken as broken:
            form.show(broken)
        else:
            flash("Asked. The group has a letter, and the days begin again when it has answered.", "success")
            return redirect(url_for("quick.waiting"))
    return _ask_page(found, SayForm(formdata=None, data={"copy": str(found.copy)}), back=form)


@bp.post("/rounds/<uuid:round_id>/finish")
@signed_in(Role.STEWARD)
def finish(round_id: UUID) -> ResponseReturnValue:
    """End a quick round that is over."""
    try:
        with working() as uow:
            service.finish(uow, round_id)
        flash("The round is finished. What was left of its pot is free again.", "success")
    except NotAllowed:
        raise
    except RuleBroken as broken:
        flash(broken.message, "error")
    return redirect(url_for("rounds.desk", round_id=round_id))


# ------------------------------------------------- for everybody


def _quick(round_id: UUID) -> Any:
    round = rounds.published_call(reading(), round_id)
    if not rounds.is_quick(round):
        raise NotFound("This is not a quick round.")
    return round


@bp.get("/rounds/<uuid:round_id>/quick-grants")
@public
def granted(round_id: UUID) -> ResponseReturnValue:
    """Every quick grant of a round, each with sum, priority, reason and days; and what is counted."""
    round = _quick(round_id)
    counted = queries.counted(reading(), round_id=round_id)
    total = queries.granted_count(reading(), round_id)
    pages = max(1, -(-total // queries.PER_PAGE))
    wanted = request.args.get("page", "1")
    at = min(max(int(wanted) if wanted.isdecimal() and len(wanted) < 7 else 1, 1), pages)
    return render_template(
        "quick/granted.html",
        round=round,
        counted=counted,
        grants=queries.granted(reading(), round_id, page=at),
        left_minor=rounds.left_minor(round),
        days=rounds.decide_days(round),
        no_words=NO_WORDS,
        open=rounds.phase(round, now()) is RoundState.OPEN,
        page=at,
        pages=pages,
    )


@bp.get("/rounds/<uuid:round_id>/quick-grants.csv")
@public
def granted_csv(round_id: UUID) -> ResponseReturnValue:
    """The same, for a spreadsheet."""
    _quick(round_id)
    answer = Response("\ufeff" + grants_csv(queries.granted(reading(), round_id, size=10_000)), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="quick-grants-{round_id}.csv"'
    return answer


# ------------------------------------------------- on other pages, and what needs you


def _html(template: str, **values: Any) -> Markup:
    return Markup(render_template(template, **values))  # noqa: S704 - a template of ours escapes


@section("round", 50)
def on_round(round: Any) -> Section | None:
    """What a quick round has granted so far; the way in for those who decide."""
    if not rounds.is_quick(round) or round.rule_book is None:
        return None
    actor = current_actor()
    counted = queries.counted(reading(), round_id=round.id)
    html = _html(
        "quick/_round.html",
        round=round,
        counted=counted,
        grants=queries.granted(reading(), round.id, size=LATEST),
        decides=access.may_look(actor, round.fund_id),
    )
    return Section("quick", "Quick grants so far", html)


@section("desk", 10)
def on_desk(round: Any) -> Section | None:
    """What waits, what was answered, and the end of a quick round."""
    if not rounds.is_quick(round) or not may_see_desk(current_actor(), round.fund_id) or round.rule_book is None:
        return None
    counted = queries.counted(reading(), round_id=round.id)
    seconds = sum(taken for _, taken in measured.effort(reading(), round.id).values())
    html = _html(
        "quick/_desk.html",
        per_hundred=minutes_per_hundred(seconds, measured.asked_in(reading(), round.id)) if seconds else None,
        round=round,
        counted=counted,
        no_words=NO_WORDS,
        may_finish=may_run(current_actor(), round.fund_id) and rounds.phase(round, now()) is RoundState.CLOSED,
        decides=access.may_look(current_actor(), round.fund_id),
        deciders=len(queries.deciders(reading(), round.fund_id)),
        unfinished=rounds.phase(round, now()) in (RoundState.SCHEDULED, RoundState.OPEN, RoundState.CLOSED),
    )
    return Section("quick", "Quick grants", html)


@section("fund", 35)
def on_fund(fund: Any) -> Section | None:
    """How many quick grants the pot has given, and how fast."""
    counted = queries.counted(reading(), fund_id=fund.id)
    if not (counted.funded or counted.refused_count):
        return None
    return Section("quick", "Quick grants", _html("quick/_counted.html", counted=counted))


@section("proposal", 10)
def on_proposal(proposal: Any) -> Section | None:
    """Where an ask is; once it is decided what was decided, and why."""
    if not rounds.is_quick(proposal.round):
        return None
    actor = current_actor()
    decides = access.may_look(actor, proposal.round.fund_id)
    decision = queries.decision(reading(), proposal.id)
    if decision is None and proposal.state is not ProposalState.SUBMITTED:
        return None
    ask = queries.ask(reading(), proposal.id) if decision is None else None
    html = _html(
        "quick/_proposal.html",
        proposal=proposal,
        decision=decision,
        ask=ask,
        standing_words=STANDING_WORDS,
        no_words=NO_WORDS,
        turn_to=TURN_TO,
        decides=decides,
        again=actor.can_edit_for(proposal.group_id)
        and rounds.phase(proposal.round, now()) is RoundState.OPEN
        and decision is not None
        and decision.says is Says.NO,
        today=london_day(now()),
    )
    return Section("quick", "What was decided, and why" if decision else "Where it is", html)


@section("group", 30)
def on_group(group: Any) -> Section | None:
    """For its members: where the group's asks are."""
    if group.id not in current_actor().groups:
        return None
    found = queries.of_groups(reading(), [group.id])
    if not found:
        return None
    html = _html("quick/_group.html", asks=found, standing_words=STANDING_WORDS, today=london_day(now()))
    return Section("quick", "Where your quick asks are", html)


@needs_you(queries.mine_wait)
def needs(actor: Actor, at: datetime, rows: Rows) -> Iterator[NeedsYou]:
    """For whoever decides: how many asks wait for them, and for how long."""
    title, oldest, _ = rows[0]
    days = rules.days_between(oldest, at)
    since = f"the oldest {plural(days, 'day')}" if days else "the oldest since today"
    if len(rows) == 1:
        since = f"for {plural(days, 'day')}" if days else "since today"
    first = min(rules.answer_by(put_in_at, decide_days) for _, put_in_at, decide_days in rows)
    yield NeedsYou(
        f"{plural(len(rows), 'quick ask')} {'waits' if len(rows) == 1 else 'wait'}, {since}",
        url_for("quick.waiting"),
        f"“{title}”" + (" and more" if len(rows) > 1 else ""),
        day_begins(first + timedelta(days=1)),
    )
