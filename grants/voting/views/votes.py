"""A resident votes. What is chosen lives in the voter's own cookie until it is cast."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from grants.kernel.errors import RuleBroken, StepRefused
from grants.kernel.work import UnitOfWork
from grants.rounds import queries as rounds
from grants.rounds.rules.ballots import BallotKind, BallotRules, VotingMethod
from grants.rounds.rules.states import RoundState
from grants.voting import queries
from grants.voting.forms import CastForm, ChooseForm, NumberForm, Way, WhoForm
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
from grants.voting.rules.codes import pepper_from
from grants.voting.rules.reminders import why_not_now
from grants.voting.rules.states import Refusal
from grants.voting.rules.voters import Hand, Receipt, Voter, who_may_vote
from grants.voting.rules.wording import bar_words, explain_limits, how_it_counts
from grants.voting.service import casting, helping, unfinished
from grants.voting.service import votes as service
from grants.voting.service.votes import TurnedAway
from grants.voting.views import devices
from grants.web.db import now, reading
from grants.web.doors import public
from grants.web.limits import post_limit
from grants.web.logs import quiet
from grants.web.outside import geography, vote_key
from grants.web.sections import Section, section
from grants.web.session import current_actor
from grants.web.work import working, working_at_once

bp = quiet(Blueprint("voting", __name__))
Row = Any
"""A row that pages read; services change it."""

BALLOT, RECEIPT = "ballot:", "receipt:"
RECEIPT_SHOWN = timedelta(minutes=15)
CROWD = "2000 per hour"
"""From one address: behind it may be a library, a school, or all of a mobile network."""
WITHDRAWN_JUST_NOW = "Nothing was cast: a project that you chose has just been withdrawn. Check what is left."
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
        just_cast=_just_cast(round.id, hand),
        saved=hand.voter_at(now()) is not None and not queries.key_by_officers(round),
        by_officers=queries.key_by_officers(round),
        wards=ward_names(),
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
        just_cast=_just_cast(round.id, hand),
        ward=ward,
        priority=priority,
        filters=_filters(entries) if len(entries) >= FILTER_FROM else None,
        ward_names=ward_names(),
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
    names = ward_names()
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
    ways, names = to_give_up(hand.picks, areas, rules.areas, number), ward_names()
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
@post_limit("60 per hour", key_func=lambda: _round_key(browser=True))
@post_limit(CROWD)
@post_limit(
    "5 per 10 minutes",
    key_func=lambda: _round_key(browser=True),
    deduct_when=lambda r: r.status_code == 422,
    on_breach=lambda _: _note_stopped(),
)
@post_limit(
    "400 per 10 minutes",
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
    said, pepper, remind = form.declaration(), code_pepper(), form.remind.data
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
@post_limit("60 per hour", key_func=lambda: _round_key(browser=True))
@post_limit(CROWD)
def number(round_id: UUID) -> ResponseReturnValue:
    """Type the number that came by mail."""
    round = rounds.published(reading(), round_id)
    check_id = _hand(round).check_id
    if not check_id or rounds.phase(round, now()) is not RoundState.VOTING:
        return redirect(url_for("voting.start", round_id=round_id))
    form = NumberForm()
    if form.accepted():
        with working() as uow:
            outcome = service.confirm_email(uow, round.id, UUID(check_id), form.number.data or "", pepper=code_pepper())
            _keep_first(uow, round, _hand(round), outcome)
        if isinstance(outcome, Voter):
            return _welcome(round, outcome)
        form.show(RuleBroken(outcome.message, outcome.field))
    return render_template("voting/number.html", round=round, form=form), form.status


def _welcome(round: Row, voter: Voter) -> ResponseReturnValue:
    """Back to the same ballot. Who comes with empty hands gets what they had not finished, or else what they cast."""
    round = rounds.published(reading(), round.id)
    earlier = service.own_choices(reading(), round, voter, vote_key=vote_key())
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
    begun = unfinished.kept_choices(reading(), round, voter, vote_key=vote_key())
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
            flash("Voting has closed, so this ballot was not cast. If you cast one before, that one counts.", "warning")
        return redirect(url_for("voting.start", round_id=round_id))
    hand = _hand(round)
    if (voter := hand.voter_at(now())) is None:
        if (request.method == "POST" and RECEIPT + str(round.id) in session) or (not hand.picks and _told(round.id)):
            return redirect(url_for("voting.done", round_id=round_id))  # pressed twice, or gone back
        if hand.voter is not None:
            flash("Your vote is not cast yet. Show once more who you are: that holds for two hours.", "warning")
        elif hand.picks:
            flash("Your vote is not cast yet. First show that you may vote.", "info")
        return redirect(_next_step(round, hand))
    if request.method == "POST" and broken is None and not queries.key_by_officers(round):
        return _take_up(round, hand, service.own_choices(reading(), round, voter, vote_key=vote_key()) or ())
    form = CastForm()
    entries = queries.entries(reading(), round_id)
    blank = not hand.choices
    hand, gone = _without_withdrawn(round, hand, entries)
    if broken is not None and gone:
        form.show(RuleBroken(WITHDRAWN_JUST_NOW))
    elif broken is not None:
        form.show(RuleBroken(broken.message, "blank") if blank else broken)
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
        ward=ward_names().get(voter.ward_code or "", ""),
    )


@bp.get("/rounds/<uuid:round_id>/vote/done")
@public
def done(round_id: UUID) -> ResponseReturnValue:
    """The vote counts: a page of its own. A reload casts nothing."""
    round = rounds.published(reading(), round_id)
    told = _told(round.id)
    if told is None:
        return redirect(url_for("voting.start", round_id=round_id))
    return render_template(
        "voting/done.html", round=round, told=told, open=_is_open(round), begun=_begun_elsewhere(round.id)
    )


def _told(round_id: UUID) -> dict[str, Any] | None:
    """What this browser was told of a vote that it has just cast, while that may still be shown."""
    told: dict[str, Any] | None = session.get(RECEIPT + str(round_id))
    return told if told and datetime.fromisoformat(told["until"]) >= now() else None


def _just_cast(round_id: UUID, hand: Hand) -> bool:
    """A vote was cast here, and nothing is begun since: who goes back should not think that it is lost."""
    return not hand.picks and hand.voter is None and _told(round_id) is not None


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
    names = ward_names()
    wards = {code for entry in entries for code in entry.ward_codes}
    priorities = {str(entry.priority_id): entry.priority_title for entry in entries if entry.priority_id}
    return {
        "ward": sorted(((code, names.get(code, code)) for code in wards), key=lambda pair: pair[1]),
        "priority": sorted(priorities.items(), key=lambda pair: pair[1]),
    }


def ward_names() -> dict[str, str]:
    """Code of each ward → its name."""
    return {ward.code: ward.name for ward in geography().wards()}


def _is_open(round: Row) -> bool:
    return rounds.phase(round, now()) is RoundState.VOTING


def code_pepper() -> bytes:
    """What is mixed into the hash of every voting code: of no use to whoever has the database alone."""
    return pepper_from(current_app.config["SETTINGS"].secret_key)


def _round_key(browser: bool = False) -> str:
    """Failed tries are counted per round and place they come from, and per browser there.

    Under the installation's secret: whoever has the database alone could try all the addresses that there are.
    """
    round_id = (request.view_args or {}).get("round_id")
    seed = (session.get(f"{BALLOT}{round_id}") or {}).get("s", "") if browser else ""
    where = f"{request.remote_addr} {round_id} {seed} {browser}"
    return hmac.digest(current_app.config["SECRET_KEY"].encode(), where.encode(), "sha256").hex()[:32]


def _note_stopped() -> None:
    """Somebody was stopped after too many failed tries: stewards see how often."""
    round = rounds.published(reading(), (request.view_args or {})["round_id"])
    with working() as uow:
        service.note_refusal(uow, round.id, Refusal.TOO_MANY)


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
