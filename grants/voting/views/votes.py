"""A resident votes; a steward opens the vote and hands out codes; everybody checks the count."""

import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from grants.kernel.actors import Actor, Role
from grants.kernel.errors import RuleBroken, StepRefused
from grants.kernel.work import UnitOfWork
from grants.rounds import access
from grants.rounds import queries as rounds
from grants.rounds.rules.ballots import BallotKind, BallotRules, VotingMethod
from grants.rounds.rules.states import RoundState
from grants.voting import exports, queries
from grants.voting.forms import CastForm, ChooseForm, CodesForm, HandOverForm, NumberForm, VoidForm, Way, WhoForm
from grants.voting.queries import Entry
from grants.voting.rules.areas import held_by, shut_out, to_give_up
from grants.voting.rules.ballots import (
    BlankBallot,
    Marks,
    added,
    check_choices,
    least_of,
    most_each,
    most_of,
    nth,
    without,
)
from grants.voting.rules.board import board_lines
from grants.voting.rules.codes import pepper_from
from grants.voting.rules.envelope import read_tracking_code, tracking_code
from grants.voting.rules.reminders import REST, how_many, why_not_now
from grants.voting.rules.states import Refusal
from grants.voting.rules.turnout import publishable
from grants.voting.rules.voters import Hand, Receipt, Voter, who_may_vote
from grants.voting.rules.wording import bar_words, explain_limits, how_it_counts
from grants.voting.service import casting, helping, unfinished
from grants.voting.service import codes as code_service
from grants.voting.service import votes as service
from grants.voting.service.votes import TurnedAway
from grants.voting.views import devices
from grants.web.db import give_back_space, now, reading
from grants.web.doors import public, signed_in
from grants.web.limits import post_limit
from grants.web.logs import quiet
from grants.web.needs import NeedsYou, needs_you
from grants.web.outside import geography
from grants.web.pdf import pdf_answer
from grants.web.sections import Section, section
from grants.web.session import current_actor
from grants.web.work import working, working_at_once

bp = quiet(Blueprint("voting", __name__))
Row = Any
"""A row that pages read; services change it."""

BALLOT, RECEIPT = "ballot:", "receipt:"
RECEIPT_SHOWN = timedelta(minutes=15)
DESK_PHASES = (
    RoundState.SCHEDULED,
    RoundState.OPEN,
    RoundState.CLOSED,
    RoundState.CHECKING,
    RoundState.VOTING,
    RoundState.PANEL,
)
AT_ONCE = {"sheets": 96, "letters": 48}
"""Codes that are drawn as one PDF: some seconds."""
FILTER_FROM = 7
"""A shorter ballot needs no filter."""


# A vote, step by step. What is chosen lives in the voter's own cookie until it is cast.


@bp.get("/rounds/<uuid:round_id>/vote")
@public
def start(round_id: UUID) -> ResponseReturnValue:
    """What, how much, until when; and the ballot to read when there is no voting."""
    round = rounds.published(reading(), round_id)
    phase = rounds.phase(round, now())
    entries = queries.entries(reading(), round.id)
    hand = _hand(round)
    return render_template(
        "voting/start.html",
        round=round,
        book=queries.book_of(round),
        who=who_may_vote(queries.book_of(round)),
        explained=explain_limits(queries.limits(round), len(_standing(entries))),
        phase=phase,
        entries=_in_order(entries, hand.seed),
        chosen=len(hand.choices),
        saved=hand.voter_at(now()) is not None and not queries.key_by_officers(round),
        by_officers=queries.key_by_officers(round),
        wards=_ward_names(),
        now=now(),
        counted=round.votes_counted_at is not None,
        online=_online(round),
        booths=[one for one in queries.booths(reading(), round.id) if one.closed_at is None],
    )


def _online(round: Row) -> bool:
    """Whether the rule-book lets people vote on a screen of their own."""
    return set(queries.book_of(round).vote_methods) != {VotingMethod.IN_PERSON}


@bp.route("/rounds/<uuid:round_id>/vote/choose", methods=["GET", "POST"])
@public
def choose(round_id: UUID) -> ResponseReturnValue:
    """Browse and tick, before anybody asks who one is."""
    round = rounds.published(reading(), round_id)
    if rounds.phase(round, now()) is not RoundState.VOTING or not _online(round):
        return redirect(url_for("voting.start", round_id=round_id))
    entries = queries.entries(reading(), round.id)
    standing = _standing(entries)
    hand = _hand(round)
    rules = queries.limits(round)
    form = ChooseForm.for_ballot(rules, [entry.number for entry in entries])
    do = request.form.get("do", "")
    if form.accepted():
        form.take_what_stands(standing)
        hand = hand.choosing(form.shown.data or [], form.marked(), rules.kind is BallotKind.CHOOSE_ONE)
        hand = replace(hand, picks={}) if do == "clear" else hand
        _keep_everywhere(round, hand)
        if do in ("filter", "total", "clear"):
            return redirect(_choose_url(round_id, request.form))
        if do == "blank" and not hand.choices:
            hand = replace(hand, blank=True)
        try:
            check_choices(hand.picks, standing, rules, hand.blank)
            _keep(round, hand)
            return redirect(_next_step(round, hand))
        except RuleBroken as broken:
            form.show(broken)
    elif request.method == "POST":  # something typed is no number: nothing is lost, and nothing kept yet
        form.take_what_stands(standing)
        hand = hand.choosing(form.shown.data or [], form.marked(), rules.kind is BallotKind.CHOOSE_ONE)
    hand, gone = _without_withdrawn(round, hand, entries)
    return _choose_page(round, entries, hand, form, gone), form.status


def _choose_page(round: Row, entries: Sequence[Entry], hand: Hand, form: ChooseForm, gone: Sequence[Entry]) -> str:
    rules, areas = queries.limits(round), _standing(entries)
    standing = len(areas)
    least, most = least_of(rules, standing), most_of(rules, standing)
    ward, priority = (request.values.get(name, "") for name in ("ward", "priority"))
    shown = [
        entry
        for entry in _in_order(entries, hand.seed)
        if (not ward or ward in entry.ward_codes) and (not priority or str(entry.priority_id) == priority)
    ]
    if rules.has_points:  # what is wrong with all of them leads to the first
        first = next((e for e in shown if e.number in hand.picks), next((e for e in shown if not e.withdrawn), None))
        form.choices.id = f"mark_{first.number}" if first else "ballot"
    costs = {entry.number: entry.cost_minor for entry in entries}
    here = {entry.number for entry in shown}
    elsewhere = {number: value for number, value in hand.picks.items() if number not in here}
    return render_template(
        "voting/choose.html",
        round=round,
        form=form,
        entries=[entry for entry in shown if not entry.withdrawn],
        areas=rules.areas,
        shut=shut_out(hand.picks, areas, rules.areas),
        mine=_mine(hand, areas, rules) if rules.areas else [],
        withdrawn=[entry for entry in entries if entry.withdrawn],
        gone=gone,
        hand=hand,
        ward=ward,
        priority=priority,
        filters=_filters(entries) if len(entries) >= FILTER_FROM else None,
        ward_names=_ward_names(),
        all_count=standing,
        kind=rules.kind,
        have=rules.maximum,
        each=most_each(rules) if rules.each else None,
        least=least,
        most=most,
        blank_first=not least and not hand.picks,
        places=[(place, nth(place)) for place in range(1, (most or standing) + 1)],
        bar=_bar(hand, rules, least, most),
        explained=explain_limits(rules, standing),
        words=bar_words(hand.picks, rules, standing, _in_few_areas(hand, areas, rules)),
        together_minor=sum(costs[number] for number in hand.choices),
        elsewhere=elsewhere,
        elsewhere_minor=sum(costs[number] for number in elsewhere),
        elsewhere_in=",".join(" ".join(areas.get(number, ())) for number in elsewhere),
    )


def _in_few_areas(hand: Hand, areas: Mapping[int, Sequence[str]], rules: BallotRules) -> bool:
    return rules.areas is None or held_by(hand.picks, areas, rules.areas) is not None


def _mine(hand: Hand, areas: Mapping[int, Sequence[str]], rules: BallotRules) -> list[tuple[str, str, int]]:
    """The areas of what is chosen: code, name, how many of the choices are there. Those there must be, or else all."""
    names = _ward_names()
    held = held_by(hand.picks, areas, rules.areas or 0)
    codes = held if held is not None else {code for number in hand.picks for code in areas.get(number, ())}
    found = [(code, names.get(code, code), sum(code in areas.get(n, ()) for n in hand.picks)) for code in codes]
    return sorted(found, key=lambda one: one[1])


@bp.route("/rounds/<uuid:round_id>/vote/area/<int:number>", methods=["GET", "POST"])
@public
def switch(round_id: UUID, number: int) -> ResponseReturnValue:
    """Choose in the area of a project that cannot be chosen beside the others: these are discarded, once confirmed."""
    round = rounds.published(reading(), round_id)
    if rounds.phase(round, now()) is not RoundState.VOTING or not _online(round):
        return redirect(url_for("voting.start", round_id=round_id))
    entries, rules, hand = queries.entries(reading(), round.id), queries.limits(round), _hand(round)
    areas = _standing(entries)
    entry = next((one for one in entries if one.number == number and number in areas), None)
    back = url_for("voting.choose", round_id=round_id, _anchor=f"bid-{number}")
    if entry is None or rules.areas is None or number not in shut_out(hand.picks, areas, rules.areas):
        return redirect(back)
    ways, names = to_give_up(hand.picks, areas, rules.areas, number), _ward_names()
    if request.method == "POST" and (out := ways.get(request.form.get("out", ""))) is not None:
        _keep_everywhere(round, replace(hand, picks=dict(without(hand.picks.items(), out, rules)), blank=False))
        flash("Those choices are taken out. Nothing is cast yet.", "success")
        return redirect(back)
    titles = {one.number: one.title for one in entries}
    return render_template(
        "voting/switch.html",
        round=round,
        entry=entry,
        areas=rules.areas,
        where=[names.get(code, code) for code in entry.ward_codes],
        ways=[(code, names.get(code, code), [titles[n] for n in sorted(out)]) for code, out in ways.items()],
        cast=hand.voted_before,
    )


@bp.post("/rounds/<uuid:round_id>/vote/add")
@public
def add(round_id: UUID) -> ResponseReturnValue:
    """Put one project on the ballot from its own page, and come back to it in the list."""
    round = rounds.published(reading(), round_id)
    if rounds.phase(round, now()) is not RoundState.VOTING:
        return redirect(url_for("voting.start", round_id=round_id))
    hand, line = _hand(round), request.form.get("number", 0, type=int)
    try:
        standing = _standing(queries.entries(reading(), round.id))
        picks = added(hand.picks, line, standing, queries.limits(round))
        _keep_everywhere(round, replace(hand, picks=picks, blank=False))
        flash("It is on your ballot. Nothing is cast yet.", "success")
    except RuleBroken as broken:
        flash(broken.message, "warning")
    return redirect(url_for("voting.choose", round_id=round_id, _anchor=f"bid-{line}"))


@bp.route("/rounds/<uuid:round_id>/vote/who", methods=["GET", "POST"])
@public
@post_limit("60 per hour")
@post_limit(
    "5 per 10 minutes",
    key_func=lambda: _round_key(browser=True),
    deduct_when=lambda r: r.status_code == 422,
    on_breach=lambda _: _note_stopped(),
)
@post_limit(
    "40 per 10 minutes",
    key_func=lambda: _round_key(),
    deduct_when=lambda r: r.status_code == 422,
    on_breach=lambda _: _note_stopped(),
)
def who(round_id: UUID) -> ResponseReturnValue:
    """Identify, once."""
    round = rounds.published(reading(), round_id)
    if rounds.phase(round, now()) is not RoundState.VOTING or not _online(round):
        return redirect(url_for("voting.start", round_id=round_id))
    book = queries.book_of(round)
    form = WhoForm()
    late = why_not_now(round.voting_closes_at, now()) is not None
    alone = devices.helping_until(round_id) is None  # else it is the helper who is signed in
    form.prepare(book, signed_in=alone and current_actor().id is not None, may_remind=not late)
    valid = form.accepted()
    if request.method == "POST" and form.complete() and valid:
        outcome = _identify(round, form)
        if isinstance(outcome, Voter):
            return _welcome(round, outcome)
        if isinstance(outcome, UUID):
            _keep(round, replace(_hand(round), check_id=str(outcome), voter=None))
            return redirect(url_for("voting.number", round_id=round_id))
        form.show(RuleBroken(outcome.message, outcome.field))
    return (
        render_template("voting/who.html", round=round, form=form, book=book, chosen=len(_hand(round).choices)),
        form.status,
    )


def _identify(round: Row, form: WhoForm) -> Voter | UUID | TurnedAway:
    said, pepper, remind = form.declaration(), _pepper(), form.remind.data
    place, hand = geography().find(form.postcode.data or ""), _hand(round)
    with working() as uow:
        if form.way is Way.EMAIL:
            email = form.email.data or ""
            return service.start_email_check(uow, round.id, email, place, said, pepper=pepper, remind=remind)
        if form.way is Way.CODE:
            known = service.check_code(uow, round.id, form.code.data or "", said, pepper=pepper)
        else:
            known = service.know_signed_in(uow, round.id, place, said, pepper=pepper, remind=remind)
        _keep_first(uow, round, hand, known)
        return known


def _keep_first(uow: UnitOfWork, round: Row, hand: Hand, known: Voter | TurnedAway) -> None:
    """What was chosen before anybody asked who one is, kept from here on."""
    if isinstance(known, Voter) and hand.picks:
        unfinished.keep(uow, round.id, known, hand.picks)


@bp.route("/rounds/<uuid:round_id>/vote/number", methods=["GET", "POST"])
@public
@post_limit("60 per hour")
def number(round_id: UUID) -> ResponseReturnValue:
    """Type the number that came by mail."""
    round = rounds.published(reading(), round_id)
    check_id = _hand(round).check_id
    if not check_id or rounds.phase(round, now()) is not RoundState.VOTING:
        return redirect(url_for("voting.start", round_id=round_id))
    form = NumberForm()
    if form.accepted():
        with working() as uow:
            outcome = service.confirm_email(uow, round.id, UUID(check_id), form.number.data or "", pepper=_pepper())
            _keep_first(uow, round, _hand(round), outcome)
        if isinstance(outcome, Voter):
            return _welcome(round, outcome)
        form.show(RuleBroken(outcome.message, outcome.field))
    return render_template("voting/number.html", round=round, form=form), form.status


def _welcome(round: Row, voter: Voter) -> ResponseReturnValue:
    """Back to the same ballot. Who comes with empty hands gets what they had not finished, or else what they cast."""
    round = rounds.published(reading(), round.id)
    earlier = service.own_choices(reading(), round, voter, vote_key=_vote_key())
    afresh = earlier is None and queries.key_by_officers(round) and service.has_cast(reading(), round, voter)
    hand = _hand(round).known(voter, now(), earlier is not None or afresh)
    _keep(round, hand)
    if afresh:
        flash(
            "You have voted before. Nobody can open that vote, so choose afresh. It counts until you cast another.",
            "info",
        )
    if hand.picks or hand.blank:
        return redirect(_next_step(round, hand))
    begun = unfinished.kept_choices(reading(), round, voter, vote_key=_vote_key())
    if begun is not None and begun != earlier:
        _keep(round, replace(hand, picks=dict(begun)))
        also = " The vote that you cast before counts until you do." if earlier is not None else ""
        flash(f"This is the ballot that you began. It is not cast yet.{also}", "info")
        return redirect(url_for("voting.choose", round_id=round.id))
    if earlier is not None:
        return _take_up(round, hand, earlier)
    return redirect(_next_step(round, hand))


def _take_up(round: Row, hand: Hand, earlier: Marks) -> ResponseReturnValue:
    _keep_everywhere(round, replace(hand, picks=dict(earlier), blank=False))
    flash("These are the choices of the vote that you cast. It counts until you cast another.", "info")
    return redirect(url_for("voting.choose", round_id=round.id))


@bp.route("/rounds/<uuid:round_id>/vote/check", methods=["GET", "POST"])
@public
def check(round_id: UUID) -> ResponseReturnValue:
    """All choices on one page; then cast."""
    broken = None
    if request.method == "POST" and request.form.get("do") != "earlier":
        hand = _held(round_id)
        if hand and (voter := hand.voter_at(now())):
            try:
                return _cast(round_id, hand, voter)
            except RuleBroken as refused:
                broken = refused
    round = rounds.published(reading(), round_id)
    if rounds.phase(round, now()) is not RoundState.VOTING:
        if request.method == "POST":
            flash("Voting has closed, so nothing was changed.", "warning")
        return redirect(url_for("voting.start", round_id=round_id))
    hand = _hand(round)
    if (voter := hand.voter_at(now())) is None:
        if request.method == "POST" and RECEIPT + str(round.id) in session:
            return redirect(url_for("voting.done", round_id=round_id))
        if hand.voter is not None:
            flash("Your vote is not cast yet. Show once more who you are: that holds for two hours.", "warning")
        elif hand.picks:
            flash("Your vote is not cast yet. First show that you may vote.", "info")
        return redirect(_next_step(round, hand))
    if request.method == "POST" and broken is None and not queries.key_by_officers(round):
        return _take_up(round, hand, service.own_choices(reading(), round, voter, vote_key=_vote_key()) or ())
    form = CastForm()
    if broken is not None:
        form.show(broken if hand.choices else RuleBroken(broken.message, "blank"))
    entries = queries.entries(reading(), round_id)
    hand, gone = _without_withdrawn(rounds.published(reading(), round_id), hand, entries)
    return _check_page(round, entries, hand, voter, form, gone), form.status


def _cast(round_id: UUID, hand: Hand, voter: Voter) -> ResponseReturnValue:
    """The last minute of a vote comes through here: no form, no page, and only what the service reads."""
    given = request.form
    ready = casting.seal_ballot(reading, round_id, hand.picks, blank_confirmed="blank" in given, token=hand.token)
    if until := devices.helping_until(round_id):
        with working() as uow:
            receipt = helping.hand_in_with_help(uow, round_id, voter, ready, until)
    else:
        with working_at_once() as work:
            receipt = casting.hand_in(work, voter, ready)
    _hand_over(round_id, hand, receipt, show="no_receipt" not in given)
    return redirect(url_for("voting.done", round_id=round_id), 303)


def _check_page(
    round: Row, entries: Sequence[Entry], hand: Hand, voter: Voter, form: CastForm, gone: Sequence[Entry]
) -> str:
    rules, standing = queries.limits(round), _standing(entries)
    chosen = [entry for entry in _in_order(entries, hand.seed) if entry.number in hand.picks]
    if rules.has_points:
        chosen.sort(key=lambda entry: hand.picks[entry.number], reverse=rules.kind is BallotKind.POINTS)
    return render_template(
        "voting/check.html",
        round=round,
        form=form,
        hand=hand,
        voter=voter,
        chosen=chosen,
        gone=gone,
        together_minor=sum(entry.cost_minor for entry in chosen),
        kind=rules.kind,
        nth=nth,
        left=(rules.maximum or 0) - sum(hand.picks.values()),
        counts=how_it_counts(rules, len(standing)),
        problem=_problem(hand, standing, rules),
        by_officers=queries.key_by_officers(round),
        missing=len(chosen) < least_of(rules, len(standing)),
        ward=_ward_names().get(voter.ward_code or "", ""),
    )


@bp.get("/rounds/<uuid:round_id>/vote/done")
@public
def done(round_id: UUID) -> ResponseReturnValue:
    """The vote counts: a page of its own. A reload casts nothing."""
    round = rounds.published(reading(), round_id)
    told = session.get(RECEIPT + str(round.id))
    if not told or datetime.fromisoformat(told["until"]) < now():
        return redirect(url_for("voting.start", round_id=round_id))
    return render_template(
        "voting/done.html", round=round, told=told, open=_is_open(round), begun=_begun_elsewhere(round.id)
    )


def _begun_elsewhere(round_id: UUID) -> list[Row]:
    """Other votes that are open, and in which this browser holds a ballot with choices that is not cast."""
    held = [
        UUID(key.removeprefix(BALLOT))
        for key, kept in session.items()
        if key.startswith(BALLOT) and kept.get("c") and key != BALLOT + str(round_id)
    ]
    open_now = queries.in_states(reading(), (RoundState.VOTING,), None) if held else []
    return [one for one in open_now if one.id in held and _is_open(one)]


@bp.post("/rounds/<uuid:round_id>/vote/leave")
@public
def leave(round_id: UUID) -> ResponseReturnValue:
    """Wipe this device: choices, who one is, and the receipt."""
    for key in (BALLOT, RECEIPT):
        session.pop(key + str(round_id), None)
    flash("This device has forgotten your ballot. A vote that you cast still counts.", "success")
    return redirect(url_for("voting.start", round_id=round_id))


def _bar(hand: Hand, rules: BallotRules, least: int, most: int | None) -> tuple[int, int]:
    """How full the bar is: (value, top)."""
    points = rules.kind is BallotKind.POINTS
    top = (rules.maximum if points else most or least) or 1
    return min(sum(hand.picks.values()) if points else len(hand.picks), top), top


def _problem(hand: Hand, standing: Mapping[int, Sequence[str]], rules: BallotRules) -> str:
    """What keeps this ballot from being cast; a blank one only needs a clear yes."""
    try:
        check_choices(hand.picks, standing, rules)
    except BlankBallot:
        return ""
    except RuleBroken as broken:
        return broken.message
    return ""


def _held(round_id: UUID) -> Hand | None:
    held = session.get(BALLOT + str(round_id))
    return Hand.from_cookie(held) if held else None


def _hand(round: Row) -> Hand:
    """The ballot in hand; a new one with an order of its own when there is none."""
    if held := _held(round.id):
        return held
    hand = Hand(seed=secrets.token_hex(8), token=secrets.token_hex(16))
    if _is_open(round):
        _keep(round, hand)
    return hand


def _keep(round: Row, hand: Hand) -> None:
    session[BALLOT + str(round.id)] = hand.to_cookie()


def _keep_everywhere(round: Row, hand: Hand) -> None:
    """Here, and for a voter who has shown who they are, sealed on the server: it is there on another device."""
    _keep(round, hand)
    if voter := hand.voter_at(now()):
        with suppress(StepRefused), working() as uow:  # voting closed just now: the next page says so
            unfinished.keep(uow, round.id, voter, hand.picks)


def _hand_over(round_id: UUID, hand: Hand, receipt: Receipt, *, show: bool) -> None:
    """The ballot is out of the voter's hands: what is left is the receipt, and the order of the list."""
    session[BALLOT + str(round_id)] = Hand(seed=hand.seed, token=secrets.token_hex(16)).to_cookie()
    told: dict[str, Any] = {"replaced": receipt.replaced}
    if show:
        told |= {"tracking_code": receipt.tracking_code, "nonce": receipt.nonce}
    session[RECEIPT + str(round_id)] = told | {"until": (now() + RECEIPT_SHOWN).isoformat()}


def _next_step(round: Row, hand: Hand) -> str:
    if not hand.choices and not hand.blank:
        return url_for("voting.choose", round_id=round.id)
    return url_for("voting.check" if hand.voter_at(now()) else "voting.who", round_id=round.id)


def _choose_url(round_id: UUID, given: Any) -> str:
    chosen = {name: given.get(name) for name in ("ward", "priority") if given.get(name)}
    return url_for("voting.choose", round_id=round_id, **chosen, _anchor="ballot")


def _without_withdrawn(round: Row, hand: Hand, entries: Sequence[Entry]) -> tuple[Hand, list[Entry]]:
    """The hand without bids that were withdrawn since, and which these are."""
    gone = [entry for entry in entries if entry.withdrawn and entry.number in hand.picks]
    if gone:
        picks = without(hand.picks.items(), {entry.number for entry in gone}, queries.limits(round))
        hand = replace(hand, picks=dict(picks))
        _keep(round, hand)
    return hand, gone


def _standing(entries: Sequence[Entry]) -> dict[int, tuple[str, ...]]:
    """What can be chosen: number → the areas that it is for."""
    return {entry.number: entry.ward_codes for entry in entries if not entry.withdrawn}


def _in_order(entries: Sequence[Entry], seed: str) -> list[Entry]:
    """Mixed by the voter's own seed: no bid gains by standing first, and nobody's list jumps about."""
    return sorted(entries, key=lambda entry: hashlib.sha256(f"{seed}:{entry.number}".encode()).digest())


def _filters(entries: Sequence[Entry]) -> dict[str, list[tuple[str, str]]]:
    names = _ward_names()
    wards = {code for entry in entries for code in entry.ward_codes}
    priorities = {str(entry.priority_id): entry.priority_title for entry in entries if entry.priority_id}
    return {
        "ward": sorted(((code, names.get(code, code)) for code in wards), key=lambda pair: pair[1]),
        "priority": sorted(priorities.items(), key=lambda pair: pair[1]),
    }


def _ward_names() -> dict[str, str]:
    return {ward.code: ward.name for ward in geography().wards()}


def _is_open(round: Row) -> bool:
    return rounds.phase(round, now()) is RoundState.VOTING


def _pepper() -> bytes:
    return pepper_from(current_app.config["SETTINGS"].secret_key)


def _vote_key() -> str:
    key: str = current_app.config["SETTINGS"].vote_key
    return key


def _round_key(browser: bool = False) -> str:
    """Failed tries are counted per round and place they come from, and per browser there."""
    round_id = (request.view_args or {}).get("round_id")
    seed = (session.get(f"{BALLOT}{round_id}") or {}).get("s", "") if browser else ""
    return hashlib.sha256(f"{request.remote_addr} {round_id} {seed} {browser}".encode()).hexdigest()[:32]


def _note_stopped() -> None:
    """Somebody was stopped after too many failed tries: stewards see how often."""
    round = rounds.published(reading(), (request.view_args or {})["round_id"])
    with working() as uow:
        service.note_refusal(uow, round.id, Refusal.TOO_MANY)


# The desk: a steward opens the vote, hands out codes, and counts.


@bp.get("/rounds/<uuid:round_id>/vote/desk")
@signed_in(Role.STEWARD, Role.AUDITOR, Role.ADMIN)
def desk(round_id: UUID) -> ResponseReturnValue:
    """Where the vote stands. Nothing here tells how many have voted while voting is open."""
    return _desk_page(_round_of_desk(round_id))


def _round_of_desk(round_id: UUID) -> Row:
    round = rounds.published(reading(), round_id)
    if not access.may_see_desk(current_actor(), round.fund_id):
        abort(403)
    return round


def _desk_page(round: Row, form: CodesForm | None = None) -> tuple[str, int]:
    counted = round.votes_counted_at is not None
    form = form or CodesForm(formdata=None)
    page = render_template(
        "voting/desk.html",
        round=round,
        book=queries.book_of(round),
        phase=rounds.phase(round, now()),
        now=now(),
        may_run=access.may_run(current_actor(), round.fund_id),
        waiting=service.what_keeps_it_shut(reading(), round),
        entries=queries.entries(reading(), round.id),
        lots={line.number: line.lot for line in queries.ballot_lines(reading(), round.id)},
        batches=queries.batches(reading(), round.id),
        used=queries.codes_used(reading(), round.id) if counted else None,
        refusals=queries.refusals(reading(), round.id),
        by_email=VotingMethod.EMAIL_POSTCODE in queries.book_of(round).vote_methods,
        too_late=why_not_now(round.voting_closes_at, now()),
        plan=queries.reminder_plan(reading(), round.id, now() - REST),
        how_many=how_many,
        day=REST,
        holders=rounds.key_holders(reading(), round.id) if queries.key_by_officers(round) else [],
        has_codes=VotingMethod.CODE in queries.book_of(round).vote_methods,
        form=form,
    )
    return page, form.status


@bp.post("/rounds/<uuid:round_id>/vote/open")
@signed_in(Role.STEWARD)
def open_vote(round_id: UUID) -> ResponseReturnValue:
    """Freeze the ballot."""
    try:
        with working() as uow:
            lines = service.open_vote(uow, round_id)
        flash(f"The ballot is frozen, with {lines} project{'s' if lines > 1 else ''} on it.", "success")
    except RuleBroken as broken:
        flash(broken.message, "warning")
    return redirect(url_for("voting.desk", round_id=round_id))


@bp.post("/rounds/<uuid:round_id>/vote/count")
@signed_in(Role.STEWARD)
def count(round_id: UUID) -> ResponseReturnValue:
    """Count, and destroy what tied voters to their votes."""
    try:
        with working() as uow:
            service.close_vote(uow, round_id, vote_key=_vote_key())
        flash("The votes are counted. The round's key and every envelope are destroyed.", "success")
        if not give_back_space(*service.HELD_SECRETS):
            flash("The database was too busy to tidy up. That is done within the next minutes.", "warning")
    except RuleBroken as broken:
        flash(broken.message, "warning")
    return redirect(url_for("voting.desk", round_id=round_id))


@bp.post("/rounds/<uuid:round_id>/vote/codes")
@signed_in(Role.STEWARD)
def codes(round_id: UUID) -> ResponseReturnValue:
    """Make a batch. The answer to this post is the only place where the codes are ever shown."""
    round = _round_of_desk(round_id)
    form = CodesForm()
    if form.accepted():
        most = AT_ONCE.get(form.form_of.data, code_service.LARGEST_BATCH)
        try:
            if (form.code_count.data or 0) > most:
                raise RuleBroken(f"Make at most {most} at once in this form, or choose the spreadsheet.", "code_count")
            with working() as uow:
                made = code_service.make_codes(
                    uow,
                    round_id,
                    label=form.label.data or "",
                    code_count=form.code_count.data or 0,
                    pepper=_pepper(),
                )
            return _codes_once(rounds.published(reading(), round_id), made, form)
        except RuleBroken as broken:
            form.show(broken)
    return _desk_page(rounds.published(reading(), round.id), form)


def _codes_once(round: Row, made: Sequence[str], form: CodesForm) -> ResponseReturnValue:
    address = current_app.config["SETTINGS"].base_url + url_for("voting.start", round_id=round.id)
    if form.form_of.data in AT_ONCE:
        return _codes_on_paper(round, made, form, address)
    if form.form_of.data == "csv":
        return _file(exports.codes_csv(made, round.title, address), "text/csv", f"voting-codes-{len(made)}.csv")
    return render_template(
        "voting/cards.html",
        round=round,
        codes=_with_pictures(made, address),
        label=form.label.data,
        address=address,
    )


def _with_pictures(codes: Sequence[str], address: str) -> list[tuple[str, str]]:
    """Each code with a QR code. The code stands behind a # in its address: browsers send that to no server."""
    return [(code, exports.qr_picture(f"{address}#code={code}")) for code in codes]


def _codes_on_paper(round: Row, made: Sequence[str], form: CodesForm, address: str) -> ResponseReturnValue:
    """Cards or letters."""
    book = queries.book_of(round)
    return pdf_answer(
        "voting/code_sheets.html",
        f"voting-{'letters' if form.form_of.data == 'letters' else 'cards'}-{len(made)}.pdf",
        round=round,
        codes=_with_pictures(made, address),
        letters=form.form_of.data == "letters",
        label=form.label.data,
        address=address,
        who=who_may_vote(book),
        in_person=VotingMethod.IN_PERSON in book.vote_methods,
    )


@bp.post("/rounds/<uuid:round_id>/vote/remind/count")
@signed_in(Role.STEWARD)
def plan_reminders(round_id: UUID) -> ResponseReturnValue:
    """Count who would be reminded, once a day."""
    try:
        with working() as uow:
            told = how_many(unfinished.plan_reminders(uow, round_id).letters)
        flash(f"Counted: {told}. Nothing is sent yet.", "success")
    except RuleBroken as broken:
        flash(broken.message, "warning")
    return redirect(url_for("voting.desk", round_id=round_id, _anchor="remind"))


@bp.post("/rounds/<uuid:round_id>/vote/remind")
@signed_in(Role.STEWARD)
def remind(round_id: UUID) -> ResponseReturnValue:
    """Write to those who were counted."""
    try:
        with working() as uow:
            plan, sent = unfinished.remind(uow, round_id, pepper=_pepper())
            told = how_many(plan.letters)
        if sent:
            flash(f"{told.capitalize()} go out. You can remind again tomorrow.", "success")
        else:
            flash(f"People have voted meanwhile, so nothing was sent. By now it would be {told}.", "warning")
    except RuleBroken as broken:
        flash(broken.message, "warning")
    return redirect(url_for("voting.desk", round_id=round_id))


@bp.route("/rounds/<uuid:round_id>/vote/codes/<uuid:batch_id>/hand-over", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def hand_over(round_id: UUID, batch_id: UUID) -> ResponseReturnValue:
    """Write down who has a batch's cards."""
    round = _round_of_desk(round_id)
    batch = next((one for one in queries.batches(reading(), round.id) if one.id == batch_id), None)
    if batch is None:
        abort(404)
    form = HandOverForm(data={"handed_to": batch.handed_to or batch.label, "handed_on": batch.handed_on})
    if form.accepted():
        try:
            with working() as uow:
                code_service.hand_over(uow, batch_id, handed_to=form.handed_to.data or "", day=form.handed_on.data)
            flash("It is written down who has these codes.", "success")
            return redirect(url_for("voting.desk", round_id=round_id))
        except RuleBroken as broken:
            form.show(broken)
    return render_template("voting/hand_over.html", round=round, batch=batch, form=form), form.status


@bp.route("/rounds/<uuid:round_id>/vote/codes/<uuid:batch_id>/void", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def void(round_id: UUID, batch_id: UUID) -> ResponseReturnValue:
    """Make what is left of a batch worth nothing."""
    round = _round_of_desk(round_id)
    batch = next((one for one in queries.batches(reading(), round.id) if one.id == batch_id), None)
    if batch is None:
        abort(404)
    form = VoidForm()
    if form.accepted():
        try:
            with working() as uow:
                code_service.void_batch(uow, batch_id, form.reason.data or "")
            flash("These codes are worth nothing from now on. Votes that were cast with them still count.", "success")
            return redirect(url_for("voting.desk", round_id=round_id))
        except RuleBroken as broken:
            form.show(broken)
    return render_template("voting/void.html", round=round, batch=batch, form=form), form.status


# After the close: the board and the turnout at once; ballots with the results.


@bp.get("/rounds/<uuid:round_id>/ballots")
@public
def ballots(round_id: UUID) -> ResponseReturnValue:
    """What everybody can check: the board of commitments, turnout, and (once announced) the ballots."""
    round, tally = _counted(round_id)
    book = queries.book_of(round)
    page = max(request.args.get("page", 1, type=int), 1)
    asked = request.args.get("code", "").strip()
    wanted = read_tracking_code(asked) if asked else None
    published = _published(round, tally)
    turnout = queries.turnout(reading(), round.id)
    whole = tally.ballot_count >= book.totals_only_below
    return render_template(
        "voting/ballots.html",
        round=round,
        tally=tally,
        book=book,
        kind=queries.limits(round).kind,
        published=published,
        whole=whole,
        announced=round.announced_at is not None,
        by_channel=publishable(turnout.by_channel, book.suppress_below) if whole else {},
        by_ward=publishable(turnout.by_ward, book.suppress_below) if whole else {},
        ward_names=_ward_names(),
        board=board_lines(queries.board(reading(), round.id, page=page)),
        page=page,
        pages=max(-(-tally.ballot_count // queries.BOARD_PAGE), 1),
        asked=asked,
        wanted=wanted,
        found=_find(round.id, wanted) if wanted else None,
        aside=[line for line in queries.ballot_lines(reading(), round.id) if line.set_aside_reason],
        entries=queries.entries(reading(), round.id),
    )


@bp.get("/rounds/<uuid:round_id>/ballots.csv")
@public
def ballots_csv(round_id: UUID) -> ResponseReturnValue:
    """Every ballot, a line each."""
    round, tally = _counted(round_id)
    if not _published(round, tally):
        abort(404)
    cast = queries.cast_ballots(reading(), round.id)
    return _file(
        exports.ballots_csv(cast, queries.entries(reading(), round.id), queries.limits(round)),
        "text/csv",
        "ballots.csv",
    )


@bp.get("/rounds/<uuid:round_id>/ballots.json")
@public
def ballots_json(round_id: UUID) -> ResponseReturnValue:
    """Every ballot, with what is needed to check the hash and count again."""
    round, tally = _counted(round_id)
    if not _published(round, tally):
        abort(404)
    kept = queries.kept_ballots(reading(), round.id)
    entries = queries.entries(reading(), round.id)
    text = exports.ballots_json(kept, entries, tally, round.rule_book_hash or "", queries.limits(round))
    return _file(text, "application/json", "ballots.json")


@bp.get("/rounds/<uuid:round_id>/board.csv")
@public
def board_csv(round_id: UUID) -> ResponseReturnValue:
    """The whole board."""
    round, _ = _counted(round_id)
    return _file(exports.board_csv(board_lines(queries.whole_board(reading(), round.id))), "text/csv", "board.csv")


def _counted(round_id: UUID) -> tuple[Row, Row]:
    """The round with its tally; 404 before the count: until then nothing tells even how many voted."""
    round = rounds.published(reading(), round_id)
    tally = queries.tally(reading(), round.id)
    if tally is None:
        abort(404)
    return round, tally


def _published(round: Row, tally: Row) -> bool:
    """Ballots are published with the results, when there are enough of them to hide in."""
    return round.announced_at is not None and tally.ballot_count >= queries.book_of(round).totals_only_below


def _find(round_id: UUID, tracking: str) -> str | None:
    found = (c for c in queries.whole_board(reading(), round_id) if tracking_code(c) == tracking)
    return next(found, None)


def _file(text: str, kind: str, name: str) -> Response:
    return Response(
        text,
        content_type=f"{kind}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


# What the vote adds to other pages.


@section("round", 20)
def _on_round(round: Row) -> Section | None:
    """The round's page itself leads to an open vote; here stands what comes before and after it."""
    frozen = rounds.phase(round, now()) is RoundState.CHECKING and round.state is RoundState.VOTING
    if not frozen and round.votes_counted_at is None:
        return None
    html = render_template("voting/_on_round.html", round=round, frozen=frozen)
    return Section("vote", "The vote", Markup(html))  # noqa: S704 - our own template


@section("desk", 20)
def _on_desk(round: Row) -> Section | None:
    phase = rounds.phase(round, now())
    if phase not in DESK_PHASES or rounds.is_quick(round):
        return None
    ready = phase is RoundState.CHECKING and round.panel_locked_at is not None and round.state is RoundState.CHECKING
    due = round.state is RoundState.VOTING and phase is RoundState.PANEL
    in_person = VotingMethod.IN_PERSON in queries.book_of(round).vote_methods
    html = render_template(
        "voting/_on_desk.html",
        round=round,
        ready=ready,
        due=due,
        phase=phase,
        in_person=in_person,
        by_officers=queries.key_by_officers(round),
    )
    return Section("vote", "The vote", Markup(html))  # noqa: S704 - our own template


@section("proposal", 20)
def _on_proposal(proposal: Row) -> Section | None:
    line = queries.line_of(reading(), proposal.id)
    if line is None:
        return None
    round, held = proposal.round, _held(proposal.round_id)
    html = render_template(
        "voting/_on_proposal.html",
        proposal=proposal,
        line=line,
        round=round,
        open=_is_open(round),
        chosen=held is not None and line.number in held.picks,
    )
    return Section("ballot-line", "On the ballot", Markup(html))  # noqa: S704 - our own template


@needs_you
def _votes_wait(actor: Actor, moment: datetime) -> Iterator[NeedsYou]:
    if not actor.has(Role.STEWARD):
        return
    for round in queries.in_states(reading(), (RoundState.CHECKING, RoundState.VOTING), actor.scopes(Role.STEWARD)):
        href = url_for("voting.desk", round_id=round.id)
        if round.state is RoundState.CHECKING and round.panel_locked_at is not None:
            yield NeedsYou(
                f"Open the vote of {round.title}",
                href,
                "The panel has finished. The ballot waits to be frozen.",
                round.voting_opens_at,
            )
        elif round.state is RoundState.VOTING and moment >= round.voting_closes_at and queries.key_is_here(round):
            yield NeedsYou(f"Count the votes of {round.title}", href, "Voting has closed.")
