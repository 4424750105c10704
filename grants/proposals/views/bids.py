"""A proposal's own page, the public list, what proposals show on pages of others, and what waits for whom."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from grants.kernel.actors import Actor
from grants.kernel.clock import london_day
from grants.kernel.errors import NotFound
from grants.kernel.money import show_pounds
from grants.kernel.words import plural
from grants.payees import queries as payees
from grants.payees.rules.checks import PAPER_WORDS, needed
from grants.people import queries as people
from grants.proposals import access
from grants.proposals.access import Parties
from grants.proposals.queries import hands, lists, measured, only_one, published, waiting, whole
from grants.proposals.rules.facts import (
    APPROACH_WORDS,
    COMMUNITY_WORDS,
    HELP_WORDS,
    LEVEL_WORDS,
    Approach,
    Community,
    Facts,
)
from grants.proposals.rules.hurdles import HURDLE_WORDS
from grants.proposals.rules.partners import PARTNER_WORDS
from grants.proposals.rules.screening import SCREENING_WORDS, ScreeningCode
from grants.proposals.rules.sections import SECTION_TITLES, Section, SectionStatus, status_of
from grants.proposals.rules.states import ProposalState
from grants.proposals.service import bids as service
from grants.proposals.views.wording import ward_names
from grants.rounds import queries as rounds
from grants.rounds.rules.states import RoundKind, RoundState
from grants.web.db import now, reading
from grants.web.doors import public
from grants.web.forgetting import forgetting
from grants.web.kept import individual, kept, kept_in_parts, parts
from grants.web.moments import good_until
from grants.web.needs import NeedsYou, Rows, needs_you
from grants.web.outside import geography
from grants.web.sections import Section as PageSection
from grants.web.sections import section as page_section
from grants.web.sections import sections_for
from grants.web.session import current_actor

bp = Blueprint("proposals", __name__)
forgetting(service.forget_person)

PER_PAGE = published.PER_PAGE
CHECKED = (RoundState.CLOSED, RoundState.CHECKING)
STATE_WORDS: dict[ProposalState, tuple[str, str]] = {
    ProposalState.DRAFT: ("yellow", "Being written"),
    ProposalState.AWAITING_SIGN_OFF: ("orange", "Waiting for sign-off"),
    ProposalState.SUBMITTED: ("blue", "Put in"),
    ProposalState.MORE_INFO_REQUESTED: ("orange", "We asked a question"),
    ProposalState.ELIGIBLE: ("turquoise", "Passed the first check"),
    ProposalState.INELIGIBLE: ("red", "Cannot go on"),
    ProposalState.ON_BALLOT: ("purple", "On the ballot"),
    ProposalState.AWARDED: ("green", "Funded"),
    ProposalState.RESERVE: ("yellow", "On the reserve list"),
    ProposalState.NOT_FUNDED: ("grey", "Not funded"),
    ProposalState.NOT_SUBMITTED: ("grey", "Not put in"),
    ProposalState.WITHDRAWN: ("grey", "Withdrawn"),
}


@bp.app_template_global()
def proposal_state(state: ProposalState) -> tuple[str, str]:
    """The colour and the words of a proposal's state, for ``tag``."""
    return STATE_WORDS[state]


@bp.app_template_global()
def proposal_word(proposal: Any) -> tuple[str, str]:
    """The same for one proposal: one that never came on the ballot is told apart from one that lost."""
    if proposal.kept_off_reason and proposal.number is None and proposal.state is ProposalState.NOT_FUNDED:
        return "grey", "Not on the ballot"
    return proposal_state(proposal.state)


# ---------------------------------------------------------------- the page, the task list


@bp.route("/proposals/<uuid:proposal_id>")
@public
@kept()
def page(proposal_id: UUID) -> ResponseReturnValue:
    """The proposal: for its group a task list while it is written; for everybody its public page."""
    proposal, actor = whole.proposal(reading(), proposal_id), current_actor()
    parties = whole.parties(reading(), proposal, with_host=bool(actor.groups))
    inside = access.may_read_all(actor, parties)
    good_until(*rounds.moments(proposal.round), proposal.asked_until)
    if not inside and not published.is_public(proposal, now()):
        raise NotFound("There is no such proposal.")
    if rounds.is_quick(proposal.round):
        if proposal.state is ProposalState.DRAFT and access.may_edit(actor, parties):
            return redirect(url_for("asks.write", proposal_id=proposal_id))
        template = "proposals/ask_page.html"
    elif proposal.state is ProposalState.DRAFT and inside:
        return _task_list(proposal, parties)
    else:
        template = "proposals/page.html"
    return render_template(
        template, **shown_facts(proposal, parties, inside), sections=sections_for("proposal", proposal)
    )


def _task_list(proposal: Any, parties: Parties) -> str:
    facts, limits = whole.facts(reading(), proposal), whole.limits(reading(), proposal.round)
    may_edit = access.may_edit(current_actor(), parties)
    open_now = rounds.phase(proposal.round, now()) is RoundState.OPEN
    tasks = []
    for section in Section:
        status = status_of(section, facts, limits, proposal.section_versions)
        tasks.append(
            {
                "title": {"text": SECTION_TITLES[section]},
                "hint": {"text": _hint(section, facts)} if _hint(section, facts) else None,
                "href": url_for("proposal_writing.section", proposal_id=proposal.id, section=section.value)
                if may_edit and open_now
                else None,
                "status": _STATUS[status],
            }
        )
    papers = [
        one for one in payees.papers(reading(), proposal.group_id, london_day(proposal.round.closes_at)) if one.in_date
    ]
    asked = needed(facts.applied_for_minor, hosted=facts.needs_host)
    done = sum(task["status"] is _STATUS[SectionStatus.DONE] for task in tasks)
    return render_template(
        "proposals/task_list.html",
        proposal=proposal,
        facts=facts,
        limits=limits,
        tasks=tasks,
        done=done,
        ready=done == len(tasks),
        may_edit=may_edit,
        ours=current_actor().can_edit_for(proposal.group_id),
        typing=access.types_for(current_actor(), parties),
        open_now=open_now,
        phase=rounds.phase(proposal.round, now()),
        now=now(),
        papers=papers,
        later=[PAPER_WORDS[kind] for kind in asked if kind in PAPER_WORDS and kind not in {one.kind for one in papers}],
        signers=signers(proposal),
        hosting=people.confirmed_hosting(reading(), proposal.group_id),
        reusable=bool(
            may_edit
            and open_now
            and not proposal.section_versions
            and lists.reusable(reading(), proposal.group_id, proposal.round_id)
        ),
    )


_STATUS: dict[SectionStatus, dict[str, Any]] = {
    SectionStatus.DONE: {"tag": {"text": "Done", "classes": "govuk-tag--green"}},
    SectionStatus.STARTED: {"tag": {"text": "Started", "classes": "govuk-tag--yellow"}},
    SectionStatus.NOT_STARTED: {"tag": {"text": "Not started", "classes": "govuk-tag--grey"}},
}


def _hint(section: Section, facts: Facts) -> str:
    """A word about what stands there, so that people find their way."""
    if section is Section.WHAT:
        return facts.title
    if section is Section.BUDGET and facts.lines:
        return f"You ask for {show_pounds(facts.applied_for_minor)}"
    if section is Section.WHERE:
        return facts.venue_postcode
    if section is Section.CONTACT:
        return facts.contact_name
    if section is Section.PARTNERS and facts.needs_host and not facts.hosted:
        return "Your group needs a host"
    return ""


def signers(proposal: Any) -> list[str]:
    """Names of those who could sign off, were this person to ask."""
    writer = proposal.writer_id if proposal.state is ProposalState.AWAITING_SIGN_OFF else current_actor().id
    return [one.person.name for one in whole.signers(reading(), proposal, writer)]


def shown_facts(proposal: Any, parties: Parties, inside: bool) -> dict[str, Any]:
    """What the page and the check page show."""
    actor, facts = current_actor(), whole.facts(reading(), proposal, hosted=None if inside else False)
    if not inside:
        signs = False  # a signatory belongs to the group or its host, and what is asked for that is for insiders only
    elif rounds.is_quick(proposal.round):
        signs = access.why_not_second(actor, parties, proposal.writer_id) is None
    else:
        alone = whole.is_alone(people.members(reading(), proposal.group_id), proposal.writer_id)
        signs = access.why_not_sign_off(actor, parties, proposal.writer_id, alone) is None
    may_edit, ours = access.may_edit(actor, parties), actor.can_edit_for(proposal.group_id)
    phase = rounds.phase(proposal.round, now())
    awaiting = proposal.state is ProposalState.AWAITING_SIGN_OFF
    helped = [one.person_id for one in proposal.hands]
    told = (proposal.writer_id, proposal.signed_off_by_id, *helped) if inside else ()
    who = people.names(reading(), [id for id in told if id])
    return {
        "proposal": proposal,
        "facts": facts,
        "phase": phase,
        "now": now(),
        "inside": inside,
        "wards": ward_names(facts.ward_codes),
        "place": geography().find(facts.venue_postcode) if facts.venue_postcode else None,
        "approach_words": [APPROACH_WORDS[Approach(one)] for one in facts.approaches if one != Approach.NONE],
        "level_words": LEVEL_WORDS[facts.level] if facts.level else None,
        "community_words": [COMMUNITY_WORDS[Community(one)] for one in facts.communities],
        "heard": whole.heard(proposal),
        "partner_words": PARTNER_WORDS,
        "help_words": HELP_WORDS[facts.help_received] if facts.help_received else None,
        "asked": [(one, SECTION_TITLES[Section(one)]) for one in proposal.asked_sections],
        "may_answer": may_edit and proposal.state is ProposalState.MORE_INFO_REQUESTED and now() < proposal.asked_until,
        "may_send": proposal.state is ProposalState.MORE_INFO_REQUESTED
        and proposal.writer_id is not None
        and signs
        and now() < proposal.asked_until,
        "only_one": _only_one(proposal, parties),
        "why_not": SCREENING_WORDS.get(_code(proposal.screening_code)) if proposal.screening_code else None,
        "may_sign": awaiting and signs and phase is RoundState.OPEN,
        "may_take_back": awaiting and may_edit and actor.id == proposal.writer_id,
        "may_reopen": proposal.state is ProposalState.SUBMITTED and ours and phase is RoundState.OPEN,
        "may_withdraw": ours and _can_withdraw(proposal, phase),
        "may_screen": access.may_screen(actor, parties),
        "signers": signers(proposal) if inside and awaiting else [],
        "snapshots": whole.snapshots(reading(), proposal.id) if inside else [],
        "names": who,
        "typed": parties.typist_id is not None,
        "may_see_signed": proposal.writer_id is not None
        and proposal.writer_id == parties.typist_id
        and access.may_see_signed(actor, parties),
        "writer": who.get(proposal.writer_id) if proposal.writer_id else None,
        "signer": who.get(proposal.signed_off_by_id) if proposal.signed_off_by_id else None,
    }


def _only_one(proposal: Any, parties: Parties) -> str:
    """Beside which others it cannot win: for everybody once the proposals are public, before that for stewards."""
    if not published.is_public(proposal, now()) and not access.may_screen(current_actor(), parties):
        return ""
    return only_one.only_one_words(reading(), proposal.round_id).get(proposal.id, "")


def _code(text: str) -> Any:
    return next((code for code in ScreeningCode if code.value == text), None)


def _can_withdraw(proposal: Any, phase: RoundState) -> bool:
    return proposal.state in (
        ProposalState.DRAFT,
        ProposalState.AWAITING_SIGN_OFF,
        ProposalState.SUBMITTED,
        ProposalState.MORE_INFO_REQUESTED,
        ProposalState.ELIGIBLE,
        ProposalState.ON_BALLOT,
    ) and phase not in (RoundState.DECIDED, RoundState.ANNOUNCED, RoundState.COMPLETED)


# ---------------------------------------------------------------- lists


@dataclass(frozen=True, slots=True)
class _Listed:
    """What the list tells of a round, and which bids stand in it: the ids as text, sorted."""

    id: UUID
    title: str
    voting_opens_at: datetime
    currency: str
    shown: bool
    ids: tuple[str, ...]


@bp.route("/rounds/<uuid:round_id>/proposals")
@public
@kept_in_parts
def of_round(round_id: UUID) -> ResponseReturnValue:
    """A round's public proposals, in an order that is this visitor's own and stays."""
    (round,) = parts("proposals of a round", [round_id], _listed, lambda one: 100 * len(one.ids))
    ids = _shuffled(round.ids)
    at, pages = page_of(len(ids))
    cards = parts(
        ("proposal card", round_id),
        ids[(at - 1) * PER_PAGE : at * PER_PAGE],
        lambda wanted: _cards(round, wanted),
        lambda card: 2 * len(card),
    )
    return render_template(
        "proposals/list.html", round=round, shown=round.shown, cards=cards, total=len(ids), page=at, pages=pages
    )


def _listed(round_ids: Sequence[UUID]) -> dict[UUID, _Listed]:
    (round_id,) = round_ids
    round = rounds.published(reading(), round_id)
    good_until(*rounds.moments(round))
    shown = published.open_to_all(round, now())
    ids = published.listed_ids(reading(), round_id) if shown else []
    told = (round.id, round.title, round.voting_opens_at, round.currency, shown, tuple(ids))
    return {round_id: _Listed(*told)}


def _cards(round: _Listed, ids: Sequence[str]) -> dict[str, Markup]:
    """Id → the bid's card, of which everybody sees the same."""
    told = {UUID(id): id for id in ids}
    found = published.cards(reading(), list(told))
    html = render_template("proposals/cards_apart.html", proposals=found, round=round)
    pieces = zip(found, html.split("\0"), strict=False)  # no text of ours or theirs holds a NUL: forms refuse it
    return {told[one.id]: Markup(piece) for one, piece in pieces}  # noqa: S704 - rendered by our template


def _shuffled(ids: Sequence[str]) -> list[str]:
    """The ids in this visitor's own order: stable for the session, nobody's proposal is always first."""
    individual()
    if "order" not in session:
        session["order"] = secrets.token_hex(8)
    seed = session["order"]
    return sorted(ids, key=lambda id: sha256(f"{seed}{id}".encode()).digest())


def page_of(size: int) -> tuple[int, int]:
    """Which page of a list of this size was asked for, and how many there are."""
    pages = max(1, -(-size // PER_PAGE))
    wanted = request.args.get("page", "1")
    at = int(wanted) if wanted.isdecimal() and len(wanted) < 7 else 1
    return min(max(at, 1), pages), pages


# ---------------------------------------------------------------- what this stage adds to earlier stages' pages


@page_section("round", order=10)
def _in_round(round: Any) -> PageSection | None:
    """Your group's proposals; and, once the vote opens, some of all of them."""
    actor = current_actor()
    mine = lists.of_groups(reading(), list(actor.groups), round_id=round.id, limit=10)
    shown = published.open_to_all(round, now())
    ids = _shuffled([str(id) for id in published.public_ids(reading(), round.id)]) if shown else []
    if not mine and not shown:
        return None
    html = render_template(
        "proposals/in_round.html",
        round=round,
        mine=mine,
        shown=shown,
        proposals=lists.by_ids(reading(), [UUID(id) for id in ids[:6]]),
        total=len(ids),
    )
    return PageSection("proposals", "Proposals", Markup(html))  # noqa: S704 - rendered by our template


@page_section("desk", order=10)
def _on_desk(round: Any) -> PageSection | None:
    """How many proposals there are in each state, and what waits for a check."""
    found, actor = lists.counts(reading(), round.id), current_actor()
    helps, phase = access.may_help(actor, round.fund_id), rounds.phase(round, now())
    if rounds.is_quick(round) or (not found and not (helps and phase is RoundState.OPEN)):
        return None
    html = render_template(
        "proposals/on_desk.html",
        round=round,
        counts=[(state, found[state]) for state in ProposalState if state in found],
        to_check=found.get(ProposalState.SUBMITTED, 0) if rounds.phase(round, now()) in CHECKED else 0,
        asked=measured.eligibility_counts(reading(), round.id),
        hurdle_words=HURDLE_WORDS,
        may_help=helps,
        open_now=phase is RoundState.OPEN,
        to_confirm=hands.to_confirm(reading(), round.id) if helps else [],
        to_sum_up=hands.to_sum_up(reading(), round.id) if helps else [],
    )
    return PageSection("proposals", "Proposals", Markup(html))  # noqa: S704 - rendered by our template


@page_section("priority", order=40)
def _in_priority(priority: Any) -> PageSection | None:
    found = published.public_of_priority(reading(), priority.id, now(), limit=6)
    if not found:
        return None
    html = render_template("proposals/in_list.html", proposals=found)
    return PageSection("proposals", "Proposals that answer it", Markup(html))  # noqa: S704 - rendered by our template


@page_section("group", order=40)
def _in_group(group: Any) -> PageSection | None:
    inside = group.id in current_actor().groups
    if inside:
        found = lists.of_groups(reading(), [group.id], limit=12)
    else:
        found = published.public_of_group(reading(), group.id, now(), limit=12)
    if not found:
        return None
    html = render_template("proposals/in_list.html", proposals=found)
    return PageSection("proposals", "Proposals", Markup(html))  # noqa: S704 - rendered by our template


@needs_you(waiting.unfinished)
def _unfinished(actor: Actor, moment: datetime, rows: Rows) -> Iterable[NeedsYou]:
    """Drafts that fall due, sign-offs that are asked for, what came back."""
    for id, title, state, group_id, group, writer_id, sent_back_reason, kind, closes_at in rows:
        href, name = url_for("proposals.page", proposal_id=id), title or "your proposal"
        if state is ProposalState.AWAITING_SIGN_OFF:
            may = actor.can_sign_off_for(group_id) or kind is RoundKind.QUICK
            if may and actor.id != writer_id:
                yield NeedsYou(f"Sign off “{name}”", href, f"For {group}", closes_at)
        elif sent_back_reason and actor.id == writer_id:
            yield NeedsYou(f"“{name}” came back to you", href, "See why, then ask again", closes_at)
        elif actor.can_edit_for(group_id):
            yield NeedsYou(f"Finish “{name}”", href, f"For {group}", closes_at)


@needs_you(waiting.to_tell_more)
def _to_tell_more(actor: Actor, moment: datetime, rows: Rows) -> Iterable[NeedsYou]:
    for id, title, group, until in rows:
        href = url_for("proposals.page", proposal_id=id)
        yield NeedsYou(f"Answer a question about “{title}”", href, f"For {group}", until)


@needs_you(waiting.hosted_waiting)
def _hosted(actor: Actor, moment: datetime, rows: Rows) -> Iterable[NeedsYou]:
    for id, title, _, _, group, _, _, _, closes_at in rows:
        href = url_for("proposals.page", proposal_id=id)
        yield NeedsYou(f"Sign off “{title}”", href, f"You hold the money for {group}", closes_at)


@needs_you(waiting.typed_in)
def _typed_in(actor: Actor, moment: datetime, rows: Rows) -> Iterable[NeedsYou]:
    for id, title, state, _, group, _, _, _, closes_at in rows:
        doing = "Finish typing in" if state is ProposalState.DRAFT else "Get the group’s word on"
        href = url_for("proposals.page", proposal_id=id)
        yield NeedsYou(f"{doing} “{title or 'the proposal'}”", href, f"For {group}", closes_at)


@needs_you(waiting.to_screen)
def _to_screen(actor: Actor, moment: datetime, rows: Rows) -> Iterable[NeedsYou]:
    for round_id, title, voting_opens_at, size in rows:
        href = url_for("proposal_screening.screening", round_id=round_id)
        yield NeedsYou(f"Check {plural(size, 'proposal')}", href, title, voting_opens_at)
