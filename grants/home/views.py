"""The front page, each person's first page, the pages about Seedbed itself, and its mail."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, current_app, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from werkzeug.exceptions import HTTPException

from grants.home import queries
from grants.kernel.actors import Actor, Role
from grants.kernel.clock import london_day
from grants.kernel.errors import NotFound, RuleBroken
from grants.outbox import queries as outbox
from grants.outbox.service import HERE, try_again
from grants.payees import access as payees_access
from grants.payees import queries as payees
from grants.people import queries as people
from grants.rounds import queries as rounds
from grants.rounds.rules.states import RoundState
from grants.web.db import answers, now, reading
from grants.web.doors import demo_only, public, signed_in
from grants.web.filters import until
from grants.web.kept import kept
from grants.web.moments import good_until
from grants.web.needs import NeedsYou, Rows, all_needs, needs_you
from grants.web.sections import Section, section
from grants.web.session import current_actor
from grants.web.work import working

bp = Blueprint("home", __name__)

LETTERS = 25
NUMBERS = "vote-number:"
"""Letters with a number for voting: of hundreds that say the same, the mailbox shows the newest."""
OUR_ADDRESS = re.compile(re.escape(HERE) + r"(/(?!/)[A-Za-z0-9/_.~?&=%#+-]*[A-Za-z0-9/_~=-])")

SHORTCUTS: tuple[tuple[Role, str, str, str], ...] = (
    (Role.CONNECTOR, "Issues to look at", "/issues/queue", "What people said, waiting for a look or an answer."),
    (Role.CONNECTOR, "Add an insight", "/insights/new", "What you heard where people meet."),
    (Role.STEWARD, "Issues to look at", "/issues/queue", "What people said, waiting for a look or an answer."),
    (Role.STEWARD, "Start a round", "/rounds/new", "Dates, money, and the rules that will be frozen."),
    (Role.STEWARD, "Quick asks", "/quick-asks", "Small sums that wait for two people’s answer."),
    (Role.PANELLIST, "Quick asks", "/quick-asks", "Small sums that wait for two people’s answer."),
    (Role.STEWARD, "Start a quick round", "/rounds/quick/new", "A small pot: two people answer each ask in days."),
    (Role.STEWARD, "Ask about priorities", "/priorities/consult", "Put what was suggested to the community."),
    (Role.STEWARD, "Awards", "/awards", "Offers, agreements and what is due."),
    (Role.FINANCE_OFFICER, "Payments", "/payments", "What is asked for, authorised and on its way."),
    (Role.STEWARD, "Payments", "/payments", "What is asked for, authorised and on its way."),
    (Role.STEWARD, "Reports", "/reports", "What groups tell, and what is late."),
    (Role.STEWARD, "Mail that failed", "/outbox", "What could not be sent."),
    (Role.FINANCE_OFFICER, "The pot", "/funds", "Money promised, received and paid."),
    (Role.FINANCE_OFFICER, "The books", "/books", "Every entry, and whether it all adds up."),
    (Role.AUDITOR, "Audit", "/audit", "Where to begin: everything, as of any day."),
    (Role.AUDITOR, "The books", "/books", "Every entry, and whether it all adds up."),
    (Role.AUDITOR, "The trail", "/trail", "Who did what, when."),
    (Role.ADMIN, "People and roles", "/people", "Who may do what."),
    (Role.ADMIN, "Funders", "/funders", "Who gives to the pot."),
    (Role.ADMIN, "Mail that failed", "/outbox", "What could not be sent."),
    (Role.RESIDENT, "Say what matters", "/issues/new", "Raise an issue in your own words."),
    (Role.RESIDENT, "Your issues", "/issues/yours", "What you raised, and what came of it."),
    (Role.RESIDENT, "Vote and apply", "/rounds", "Rounds that are open, and what came of the others."),
    (Role.RESIDENT, "Groups", "/groups", "Who acts together here. Start a group of your own."),
    (Role.RESIDENT, "What came of it", "/outcomes", "What groups did with the money."),
    (Role.RESIDENT, "You", "/you", "Your name, your groups, and what we hold about you."),
)
"""(who, title, page, words). A page that no stage has built yet is left out."""


@bp.get("/healthz")
@public
def healthz() -> ResponseReturnValue:
    """Whether the application and its database answer."""
    return (jsonify(status="ok"), 200) if answers() else (jsonify(status="no database"), 503)


@bp.get("/")
@public
@kept()
def front() -> ResponseReturnValue:
    """What Seedbed is, what is open now, and what has come of it."""
    moment, session = now(), reading()
    found = queries.open_now(session, moment)
    good_until(*(one for round, _ in found for one in rounds.moments(round)))
    return render_template(
        "home/front.html",
        figures=queries.figures(session),
        rounds=[
            {"round": round, "phase": phase, "when": _when(round, phase, moment), "href": f"/rounds/{round.id}"}
            for round, phase in found
        ],
        voting=next((round for round, phase in found if phase is RoundState.VOTING), None),
        applying=next((round for round, phase in found if phase is RoundState.OPEN), None),
        done=queries.done(session),
        answered=queries.answered(session),
    )


DATES = {
    RoundState.VOTING: ("Voting closes", "voting_closes_at"),
    RoundState.OPEN: ("Closes for proposals", "closes_at"),
    RoundState.SCHEDULED: ("Opens for proposals", "opens_at"),
}


def _when(round: Any, phase: RoundState, moment: datetime) -> str:
    words, date = DATES[phase]
    if phase is RoundState.OPEN and rounds.is_quick(round):
        words = "Ask on any day. Closes"
    return f"{words} {until(getattr(round, date), moment)}"


@bp.get("/home")
@signed_in()
def home() -> ResponseReturnValue:
    """What needs the person now, and where they often go."""
    actor, moment = current_actor(), now()
    found, (groups,) = all_needs(actor, moment, people.my_groups)
    needs = [
        {
            "title": need.text,
            "href": need.href,
            "text": need.detail,
            "due": f"Due {until(need.due_at, moment)}" if need.due_at else "",
            "urgent": need.due_at is not None and (need.due_at - moment).total_seconds() < 2 * 86_400,
        }
        for need in found
    ]
    return render_template("home/home.html", needs=needs, cards=_shortcuts(actor, dict(groups)))


def _shortcuts(actor: Actor, groups: dict[UUID, str]) -> list[dict[str, str]]:
    """One's own groups and money first, then what one's roles are for, then what everybody may do."""
    cards: dict[str, dict[str, str]] = {}
    for group_id, name in groups.items():
        words = "Your group: its members, its proposals and awards."
        cards[str(group_id)] = {"title": name, "href": f"/groups/{group_id}", "text": words}
    for funder_id in sorted(actor.scopes(Role.FUNDER) or ()):
        words = "Each contribution, pound by pound."
        cards[str(funder_id)] = {"title": "Where your money went", "href": f"/funders/{funder_id}", "text": words}
    roles = actor.roles
    for role, path, card in _built_shortcuts():
        if role in roles and path not in cards:
            cards[path] = card
    return list(cards.values())


def _built_shortcuts() -> list[tuple[Role, str, dict[str, str]]]:
    """The shortcuts to pages that there are, looked for once: pages do not come and go while an application runs."""
    found: list[tuple[Role, str, dict[str, str]]] | None = current_app.extensions.get("shortcuts")
    if found is None:
        found = current_app.extensions["shortcuts"] = [
            (role, path, {"title": title, "href": path, "text": words})
            for role, title, path, words in SHORTCUTS
            if _is_built(path)
        ]
    return found


def _is_built(path: str) -> bool:
    try:
        current_app.url_map.bind("").match(path, method="GET")
    except HTTPException:
        return False
    return True


@bp.get("/about")
@public
def about() -> ResponseReturnValue:
    """How it works, step by step."""
    return render_template("home/about.html")


@bp.get("/privacy")
@public
def privacy() -> ResponseReturnValue:
    """What is kept about people, why, and for how long."""
    return render_template("home/privacy.html")


@bp.get("/accessibility")
@public
def accessibility() -> ResponseReturnValue:
    """For whom the pages work, and what to do when they do not."""
    return render_template("home/accessibility.html")


@bp.get("/secrecy")
@public
def secrecy() -> ResponseReturnValue:
    """What is promised of the secret vote, and what is not."""
    return render_template("home/secrecy.html")


# Mail.


@bp.get("/demo/mail")
@demo_only
def mail() -> ResponseReturnValue:
    """The letters of the demonstration: none of them leaves."""
    page = max(1, min(request.args.get("page", 1, int), 10_000))
    every = request.args.get("all") == "yes"
    few_of = "" if every else NUMBERS
    letters = outbox.mail(reading(), limit=LETTERS, offset=(page - 1) * LETTERS, few_of=few_of)
    shown, there = outbox.mail_count(reading(), few_of=few_of), outbox.mail_count(reading())
    pages = max(1, -(-shown // LETTERS))
    return render_template(
        "home/mail.html", letters=letters, page=page, pages=pages, every=every, left_out=there - shown
    )


@bp.get("/demo/mail/<uuid:letter_id>")
@demo_only
def letter(letter_id: UUID) -> ResponseReturnValue:
    """One letter; what leads to a page of ours can be clicked."""
    found = outbox.letter(reading(), letter_id)
    if found is None:
        raise NotFound("There is no such letter.")
    return render_template("home/letter.html", letter=found, parts=letter_parts(found.payload["text"]))


def letter_parts(text: str) -> list[tuple[str, str]]:
    """(words, path) in turn: a path of ours becomes a link, all else stays words.

    >>> letter_parts("Look: seedbed:/rounds. Not https://evil.example or seedbed://evil.example")
    [('Look: ', ''), ('/rounds', '/rounds'), ('. Not https://evil.example or seedbed://evil.example', '')]
    """
    parts = OUR_ADDRESS.split(text)
    return [(part, part if at % 2 else "") for at, part in enumerate(parts) if part]


@bp.get("/outbox")
@signed_in(Role.ADMIN, Role.STEWARD)
def failing() -> ResponseReturnValue:
    """What could not be sent."""
    return render_template("home/outbox.html", rows=outbox.failing(reading()), counts=outbox.counts(reading()))


@bp.post("/outbox/<uuid:row_id>/try-again")
@signed_in(Role.ADMIN, Role.STEWARD)
def send_again(row_id: UUID) -> ResponseReturnValue:
    """Let the relay try once more."""
    try:
        with working() as uow:
            try_again(uow, row_id)
        flash("It will be sent within the next minutes.", "success")
    except RuleBroken as broken:
        flash(broken.message, "error")
    return redirect(url_for("home.failing"))


@needs_you(outbox.given_up)
def _mail_given_up(actor: Actor, _now: datetime, rows: Rows) -> Iterator[NeedsYou]:
    for (lost,) in rows:
        yield NeedsYou(
            f"{lost} things could not be sent" if lost > 1 else "One thing could not be sent",
            url_for("home.failing"),
            "Put right what was wrong, then let it be tried again.",
        )


# A group's own page: everything about it that its people want to know, in one place.


@section("group", 5)
def _next_for_group(group: Any) -> Section | None:
    """For its members: what comes next, with its day."""
    actor = current_actor()
    if group.id not in actor.groups:
        return None
    moment = now()
    found = queries.due_for_group(reading(), group.id, moment)
    live = queries.open_now(reading(), moment)
    html = render_template(
        "home/_group_next.html",
        group=group,
        dues=found,
        today=london_day(moment),
        may_edit=actor.can_edit_for(group.id),
        applying=next((round for round, phase in live if phase is RoundState.OPEN), None),
    )
    return Section("next", "What comes next", Markup(html))  # noqa: S704 - rendered by our template


@section("group", 10)
def _people_of_group(group: Any) -> Section | None:
    """For its members: who they are, what each may do, and who was asked and has not come so far."""
    actor = current_actor()
    if group.id not in actor.groups:
        return None
    html = render_template(
        "home/_group_people.html",
        group=group,
        people=queries.people_of_group(reading(), group.id),
        may_edit=actor.can_edit_for(group.id),
    )
    return Section("people", "Your people", Markup(html))  # noqa: S704 - rendered by our template


@section("group", 30)
def _papers_of_group(group: Any) -> Section | None:
    """For its members and officers: the papers that they gave, and until when each is good."""
    if not payees_access.may_look(current_actor(), group.id):
        return None
    found = payees.papers(reading(), group.id, london_day(now()))
    html = render_template("home/_group_papers.html", papers=found, ours=group.id in current_actor().groups)
    return Section("papers", "Papers that you gave us", Markup(html))  # noqa: S704 - rendered by our template
