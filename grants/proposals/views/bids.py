"""Pages of the stage ``proposals``."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from grants.insights import queries as insights
from grants.kernel.actors import Actor, Role
from grants.kernel.clock import london_day, show_day
from grants.kernel.errors import NotAllowed, NotFound, RuleBroken, StepRefused
from grants.kernel.money import show_pounds
from grants.payees import queries as payees
from grants.payees.rules.checks import PAPER_WORDS, needed
from grants.people import queries as people
from grants.priorities import queries as priorities
from grants.proposals import access, queries
from grants.proposals.access import Parties
from grants.proposals.forms import (
    BudgetForm,
    PartnersForm,
    QuestionForm,
    ReasonForm,
    ReuseForm,
    Rows,
    ScreeningForm,
    SectionForm,
    StartForm,
    WithdrawForm,
    add_row,
    remove_row,
    section_form,
)
from grants.proposals.rules.copies import compared, from_kept
from grants.proposals.rules.facts import (
    APPROACH_WORDS,
    COMMUNITY_WORDS,
    HELP_WORDS,
    LEVEL_WORDS,
    Approach,
    Community,
    Facts,
    Help,
    Level,
)
from grants.proposals.rules.hurdles import HURDLE_WORDS
from grants.proposals.rules.partners import PARTNER_WORDS, PartnerState
from grants.proposals.rules.screening import SCREENING_WORDS, ScreeningCode
from grants.proposals.rules.sections import (
    SECTION_FIELDS,
    SECTION_TITLES,
    Section,
    SectionStatus,
    all_gaps,
    gaps,
    status_of,
)
from grants.proposals.rules.states import ProposalState
from grants.proposals.service import bids as service
from grants.rounds import queries as rounds
from grants.rounds.rules.book import ApplicantKind
from grants.rounds.rules.states import RoundState
from grants.web.db import now, reading
from grants.web.doors import public, signed_in
from grants.web.forgetting import forgetting
from grants.web.needs import NeedsYou, needs_you
from grants.web.outside import geography
from grants.web.sections import Section as PageSection
from grants.web.sections import section as page_section
from grants.web.sections import sections_for
from grants.web.session import current_actor
from grants.web.work import working

bp = Blueprint("proposals", __name__)
forgetting(service.forget_person)

PER_PAGE = queries.PER_PAGE
OFFERED = 15
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
    ProposalState.RESERVE: ("light-blue", "On the reserve list"),
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


# ---------------------------------------------------------------- who reads it


def _readable(proposal_id: UUID) -> tuple[Any, Parties]:
    """The proposal for those who may read all of it; for everybody else there is no such page."""
    proposal = queries.proposal(reading(), proposal_id)
    parties = queries.parties(reading(), proposal)
    if not access.may_read_all(current_actor(), parties):
        raise NotFound("There is no such proposal.")
    return proposal, parties


def _editable(proposal_id: UUID) -> tuple[Any, Parties]:
    proposal, parties = _readable(proposal_id)
    if not access.may_edit(current_actor(), parties):
        raise NotAllowed("Only members of the group who may write for it can do this.")
    return proposal, parties


# ---------------------------------------------------------------- start


@bp.route("/rounds/<uuid:round_id>/proposals/new", methods=["GET", "POST"])
@signed_in()
def new(round_id: UUID) -> ResponseReturnValue:
    """Begin a proposal: which group is it for, and what does the round ask?"""
    round = rounds.published_call(reading(), round_id)
    if rounds.is_quick(round):
        return redirect(url_for("asks.start", round_id=round_id))
    actor = current_actor()
    mine = (
        [group for group in people.groups_of(reading(), actor.id) if actor.can_edit_for(group.id)] if actor.id else []
    )
    hosted = {group.id: people.confirmed_hosting(reading(), group.id) is not None for group in mine[:10]}
    form = StartForm(group_id=mine[0].id if len(mine) == 1 else None)
    choices = [(group.id, group.name, _group_hint(group, hosted.get(group.id, False))) for group in mine]
    form.group_id.choices = choices  # type: ignore[assignment]
    if form.accepted():
        try:
            with working() as uow:
                proposal_id = service.start(uow, round_id, form.group_id.data).id
            return redirect(url_for("proposals.page", proposal_id=proposal_id))
        except RuleBroken as broken:
            form.show(broken)
    hostless = [group for group in mine if queries.needs_host(group) and not hosted.get(group.id)]
    return (
        render_template(
            "proposals/new.html",
            form=form,
            round=round,
            phase=rounds.phase(round, now()),
            book=rounds.rule_book(round),
            groups=mine,
            first=sections_for("apply", [group.id for group in mine]),
            hostless=hostless,
            hosts_allowed=ApplicantKind.HOSTED in rounds.rule_book(round).applicant_kinds,
            priorities=rounds.priorities(reading(), round_id),
        ),
        form.status,
    )


def _group_hint(group: Any, hosted: bool) -> str:
    if not queries.needs_host(group):
        return ""
    return (
        "A host holds the money for it."
        if hosted
        else "It has no host so far. You can start, and find one before the end."
    )


# ---------------------------------------------------------------- the page, the task list


@bp.route("/proposals/<uuid:proposal_id>")
@public
def page(proposal_id: UUID) -> ResponseReturnValue:
    """The proposal: for its group a task list while it is written; for everybody its public page."""
    proposal, actor = queries.proposal(reading(), proposal_id), current_actor()
    parties = queries.parties(reading(), proposal, with_host=bool(actor.groups))
    inside = access.may_read_all(actor, parties)
    if not inside and not queries.is_public(proposal, now()):
        raise NotFound("There is no such proposal.")
    if rounds.is_quick(proposal.round):
        if proposal.state is ProposalState.DRAFT and access.may_edit(actor, parties):
            return redirect(url_for("asks.write", proposal_id=proposal_id))
        template = "proposals/ask_page.html"
    elif proposal.state is ProposalState.DRAFT and inside:
        return _task_list(proposal, parties)
    else:
        template = "proposals/page.html"
    return render_template(template, **_shown(proposal, parties, inside), sections=sections_for("proposal", proposal))


def _task_list(proposal: Any, parties: Parties) -> str:
    facts, limits = queries.facts(reading(), proposal), queries.limits(reading(), proposal.round)
    may_edit = access.may_edit(current_actor(), parties)
    open_now = rounds.phase(proposal.round, now()) is RoundState.OPEN
    tasks = []
    for section in Section:
        status = status_of(section, facts, limits, proposal.section_versions)
        tasks.append(
            {
                "title": {"text": SECTION_TITLES[section]},
                "hint": {"text": _hint(section, facts)} if _hint(section, facts) else None,
                "href": url_for("proposals.section", proposal_id=proposal.id, section=section.value)
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
        signers=_signers(proposal),
        hosting=people.confirmed_hosting(reading(), proposal.group_id),
        reusable=bool(
            may_edit
            and open_now
            and not proposal.section_versions
            and queries.reusable(reading(), proposal.group_id, proposal.round_id)
        ),
    )


@bp.route("/proposals/<uuid:proposal_id>/take-over", methods=["GET", "POST"])
@signed_in()
def take_over(proposal_id: UUID) -> ResponseReturnValue:
    """Begin with what an earlier proposal of the group says."""
    proposal, _ = _editable(proposal_id)
    earlier = queries.reusable(reading(), proposal.group_id, proposal.round_id)
    form = ReuseForm(earlier_id=earlier[0].id if len(earlier) == 1 else None)
    choices = [(one.id, one.title, one.round.title) for one in earlier]
    form.earlier_id.choices = choices  # type: ignore[assignment]
    if form.accepted():
        try:
            with working() as uow:
                service.take_over(uow, proposal_id, form.earlier_id.data, geography())
            flash("It is all here. Read each section again and save it.", "success")
            return redirect(url_for("proposals.page", proposal_id=proposal_id))
        except RuleBroken as broken:
            form.show(broken)
    return render_template("proposals/take_over.html", form=form, proposal=proposal, earlier=earlier), form.status


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


def _signers(proposal: Any) -> list[str]:
    """Names of those who could sign off, were this person to ask."""
    writer = proposal.writer_id if proposal.state is ProposalState.AWAITING_SIGN_OFF else current_actor().id
    return [one.person.name for one in queries.signers(reading(), proposal, writer)]


def _shown(proposal: Any, parties: Parties, inside: bool) -> dict[str, Any]:
    """What the page and the check page show."""
    actor, facts = current_actor(), queries.facts(reading(), proposal, hosted=None if inside else False)
    if not inside:
        signs = False  # a signatory belongs to the group or its host, and what is asked for that is for insiders only
    elif rounds.is_quick(proposal.round):
        signs = access.why_not_second(actor, parties, proposal.writer_id) is None
    else:
        alone = queries.is_alone(people.members(reading(), proposal.group_id), proposal.writer_id)
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
        "wards": _ward_names(facts.ward_codes),
        "place": geography().find(facts.venue_postcode) if facts.venue_postcode else None,
        "approach_words": [APPROACH_WORDS[Approach(one)] for one in facts.approaches if one != Approach.NONE],
        "level_words": LEVEL_WORDS[facts.level] if facts.level else None,
        "community_words": [COMMUNITY_WORDS[Community(one)] for one in facts.communities],
        "heard": queries.heard(proposal),
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
        "signers": _signers(proposal) if inside and awaiting else [],
        "snapshots": queries.snapshots(reading(), proposal.id) if inside else [],
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
    if not queries.is_public(proposal, now()) and not access.may_screen(current_actor(), parties):
        return ""
    return queries.only_one_words(reading(), proposal.round_id).get(proposal.id, "")


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


def _ward_names(codes: Iterable[str]) -> list[str]:
    found = [geography().ward(code) for code in codes]
    return sorted(ward.name for ward in found if ward is not None)


# ---------------------------------------------------------------- sections


@bp.route("/proposals/<uuid:proposal_id>/sections/<section>", methods=["GET", "POST"])
@signed_in()
def section(proposal_id: UUID, section: str) -> ResponseReturnValue:
    """One section of the form: save it with gaps, or whole."""
    proposal, _ = _editable(proposal_id)
    part = _section(section)
    if rounds.is_quick(proposal.round):
        return redirect(url_for("asks.write", proposal_id=proposal_id))
    asked = proposal.state is ProposalState.MORE_INFO_REQUESTED and part.value in proposal.asked_sections
    writing = proposal.state is ProposalState.DRAFT and rounds.phase(proposal.round, now()) is RoundState.OPEN
    if not writing and not (asked and now() < proposal.asked_until):
        flash("This cannot be changed now. See below why.", "warning")
        return redirect(url_for("proposals.page", proposal_id=proposal_id))
    form = _form(part, proposal)
    if request.method == "POST" and isinstance(form, BudgetForm | PartnersForm) and _changes_rows(form):
        return _section_page(proposal, part, form)
    if form.accepted():
        try:
            _save(proposal_id, part, form)
        except service.SectionConflict as conflict:
            return _conflict_page(proposal_id, part, form, conflict.version)
        except RuleBroken as broken:
            form.show(broken)
        else:
            return _after_saving(proposal_id, part)
    if request.method == "GET" and request.args.get("check"):
        for gap in gaps(part, queries.facts(reading(), proposal), queries.limits(reading(), proposal.round)):
            _show_gap(form, gap.field, gap.message)
        return _section_page(proposal, part, form, saved=True)[0]
    return _section_page(proposal, part, form)


@bp.route("/proposals/<uuid:proposal_id>/sections/<section>/autosave", methods=["POST"])
@signed_in()
def autosave(proposal_id: UUID, section: str) -> ResponseReturnValue:
    """Keep what stands in an open page. Answers 204, or says in a status why not."""
    proposal, _ = _editable(proposal_id)
    part = _section(section)
    form = _form(part, proposal)
    if not form.accepted():
        return {"error": "not well formed"}, 422
    try:
        _save(proposal_id, part, form)
    except service.SectionConflict as conflict:
        return {"error": conflict.message}, 409
    except RuleBroken as broken:
        return {"error": broken.message}, 422
    return "", 204


def _section(name: str) -> Section:
    try:
        return Section(name)
    except ValueError:
        raise NotFound from None


def _form(part: Section, proposal: Any) -> SectionForm:
    facts = queries.facts(reading(), proposal)
    if part is Section.CONTACT and not proposal.section_versions.get(part.value):
        facts = _about_me(facts)
    against = rounds.priorities(reading(), proposal.round_id) if part is Section.NEED else []
    return section_form(
        part,
        facts,
        version=int(proposal.section_versions.get(part.value, 0)),
        page_token=secrets.token_urlsafe(12),
        opened=int(now().timestamp()),
        wards=[(ward.code, ward.name) for ward in geography().wards()] if part is Section.WHERE else [],
        priorities=[(one.id, one.title, one.statement) for one in against],
        insights=_insights(facts) if part is Section.NEED else [],
    )


def _insights(facts: Facts) -> list[Any]:
    """What people said that fits: what is ticked already, then what was heard last."""
    found = [*queries.insights_of(reading(), facts.insight_ids), *insights.latest(reading(), limit=OFFERED)]
    seen = {one.id: (one.id, one.text, one.how_heard) for one in reversed(found)}
    return list(reversed(seen.values()))


def _about_me(facts: Facts) -> Facts:
    """Who writes is most often who can be asked: offer it, to save typing."""
    actor = current_actor()
    if actor.id is None:
        return facts
    return replace(facts, contact_name=actor.name, contact_email=people.person(reading(), actor.id).email or "")


def _save(proposal_id: UUID, part: Section, form: SectionForm) -> None:
    with working() as uow:
        service.save_section(
            uow,
            proposal_id,
            part,
            form.values(),
            version=form.version_seen,
            geography=geography(),
            page_token=str(form.page_token.data or "")[:40],
            seconds=form.seconds_open(now()) if request.endpoint == "proposals.section" else 0,
        )


def _after_saving(proposal_id: UUID, part: Section) -> ResponseReturnValue:
    """Back to the list; or, when the writer wanted it whole and it is not, back here with what is missing."""
    proposal = queries.proposal(reading(), proposal_id)
    lacking = gaps(part, queries.facts(reading(), proposal), queries.limits(reading(), proposal.round))
    if lacking and "later" not in request.form:
        return redirect(url_for("proposals.section", proposal_id=proposal_id, section=part.value, check=1))
    word = "Saved" if lacking else "Saved and done"
    flash(f"{word}: {SECTION_TITLES[part]}", "success")
    if "on" in request.form and proposal.state is ProposalState.DRAFT:
        return _onwards(proposal, part)
    return redirect(url_for("proposals.page", proposal_id=proposal_id))


def _onwards(proposal: Any, part: Section) -> ResponseReturnValue:
    """The next section that is not done, after this one and then from the start; when all are, check your answers."""
    facts, limits = queries.facts(reading(), proposal), queries.limits(reading(), proposal.round)
    order = list(Section)
    at = order.index(part) + 1
    for one in (*order[at:], *order[: at - 1]):
        if status_of(one, facts, limits, proposal.section_versions) is not SectionStatus.DONE:
            return redirect(url_for("proposals.section", proposal_id=proposal.id, section=one.value))
    return redirect(url_for("proposals.check", proposal_id=proposal.id))


def _show_gap(form: SectionForm, name: str, message: str) -> None:
    known = {"ward_codes": "tied"} if name == "ward_codes" and form["tied"].data is None else {}
    name = known.get(name, name)
    if name in form and name not in ("lines", "joint"):
        form[name].errors = [*form[name].errors, message]
    else:
        form.form_errors.append(message)


def _changes_rows(form: Rows) -> bool:
    if "add" in request.form:
        form.validate()
        add_row(form)
        return True
    if (text := request.form.get("remove", "")).isdecimal() and len(text) < 4:
        remove_row(form, int(text))
        return True
    return False


def _section_page(proposal: Any, part: Section, form: SectionForm, **more: Any) -> tuple[str, int]:
    facts = queries.facts(reading(), proposal)
    body = render_template(
        f"proposals/section_{part.value}.html",
        proposal=proposal,
        part=part,
        title=SECTION_TITLES[part],
        number=list(Section).index(part) + 1,
        size=len(Section),
        form=form,
        facts=facts,
        limits=queries.limits(reading(), proposal.round),
        place=geography().find(facts.venue_postcode) if facts.venue_postcode else None,
        hosting=people.confirmed_hosting(reading(), proposal.group_id) if part is Section.PARTNERS else None,
        partner_words=PARTNER_WORDS,
        policy=queries.policy(reading(), proposal) if part is Section.FAIRNESS else None,
        to_ask=sum(one.state in (PartnerState.NAMED, PartnerState.ASKED) for one in facts.joint),
        **more,
    )
    return body, form.status


def _conflict_page(proposal_id: UUID, part: Section, form: SectionForm, version: int) -> ResponseReturnValue:
    """Both texts, theirs above; what was typed stays in the form, which now saves over theirs."""
    proposal = queries.proposal(reading(), proposal_id)
    for hidden, value in ((form.version, str(version)), (form.page_token, secrets.token_urlsafe(12))):
        hidden.data, hidden.raw_data = value, None
    theirs = _rows(part, queries.facts(reading(), proposal))
    return _section_page(proposal, part, form, theirs=theirs)[0], 409


_FIELD_WORDS = {
    "title": "Name",
    "summary": "In short",
    "what": "What you will do",
    "starts_on": "Starts",
    "ends_on": "Ends",
    "for_whom": "Who it is for",
    "communities": "Communities",
    "seldom_heard": "People who are seldom heard",
    "anywhere": "Not tied to a place",
    "venue_postcode": "Postcode",
    "ward_codes": "Wards",
    "priority_id": "Priority",
    "answers_need": "How it answers the priority",
    "insight_ids": "What people said",
    "approaches": "Ways of working",
    "level": "Kind of work",
    "outcomes_hoped": "First thing that you hope for",
    "outcomes_seen": "How you will see it",
    "second_hoped": "Second thing that you hope for",
    "second_seen": "How you will see that",
    "equality": "How everybody can take part",
    "poverty": "What it costs to take part",
    "at_risk": "Children or adults who need protection take part",
    "safeguarding": "How you keep them safe",
    "lines": "Budget",
    "smaller_minor": "A smaller sum",
    "smaller_achieves": "What you would do with it",
    "joint": "Partners",
    "partners": "Who else helps",
    "contact_name": "Contact’s name",
    "contact_email": "E-mail address",
    "contact_phone": "Telephone number",
    "help_received": "Who helped you to write",
}


def _rows(part: Section, facts: Facts) -> list[tuple[str, str]]:
    """A section as pairs of words, for the check page, for copies and for comparing."""
    return [(_FIELD_WORDS[name], _as_words(name, getattr(facts, name))) for name in SECTION_FIELDS[part]]


def _as_words(name: str, value: Any) -> str:
    if name == "ward_codes":
        return ", ".join(_ward_names(value))
    if name == "priority_id" and value is not None:
        return priorities.titles(reading(), [value]).get(value, "")
    if name == "insight_ids":
        return "\n\n".join(one.text for one in queries.insights_of(reading(), value))
    if name == "approaches":
        return "\n".join(APPROACH_WORDS[Approach(one)] for one in value)
    if name == "communities":
        return "\n".join(COMMUNITY_WORDS[Community(one)] for one in value)
    if name == "lines":
        return "\n".join(
            f"{one.what}: {show_pounds(one.amount_minor)}{' (given for free)' if one.in_kind else ''}" for one in value
        )
    if name == "joint":
        return "\n".join(
            f"{one.name}: {one.role}" + (f" ({show_pounds(one.share_minor)} of the money)" if one.share_minor else "")
            for one in value
        )
    return _one_word(value)


def _one_word(value: Any) -> str:
    if isinstance(value, Level):
        return LEVEL_WORDS[value]
    if isinstance(value, Help):
        return HELP_WORDS[value]
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, date):
        return show_day(value)
    if isinstance(value, int):
        return show_pounds(value)
    return str(value or "")


# ---------------------------------------------------------------- check, sign off, put in, take back


@bp.route("/proposals/<uuid:proposal_id>/check", methods=["GET", "POST"])
@signed_in()
def check(proposal_id: UUID) -> ResponseReturnValue:
    """Check your answers, then ask for sign-off."""
    proposal, parties = _editable(proposal_id)
    if proposal.state is not ProposalState.DRAFT or rounds.is_quick(proposal.round):
        return redirect(url_for("proposals.page", proposal_id=proposal_id))
    problem = None
    if request.method == "POST":
        try:
            with working() as uow:
                service.ask_for_sign_off(uow, proposal_id)
            typing = access.types_for(current_actor(), parties)
            flash(
                "Now the group confirms it. See below how."
                if typing
                else "We have written to those who can sign it off.",
                "success",
            )
            return redirect(url_for("proposals.page", proposal_id=proposal_id))
        except RuleBroken as broken:
            problem = broken.message
            proposal = queries.proposal(reading(), proposal_id)
    facts, limits = queries.facts(reading(), proposal), queries.limits(reading(), proposal.round)
    return (
        render_template(
            "proposals/check.html",
            problem=problem,
            proposal=proposal,
            facts=facts,
            parts=[(part, SECTION_TITLES[part], _rows(part, facts)) for part in Section],
            lacking=all_gaps(facts, limits),
            titles=SECTION_TITLES,
            signers=_signers(proposal),
            typing=access.types_for(current_actor(), parties),
            open_now=rounds.phase(proposal.round, now()) is RoundState.OPEN,
            place=geography().find(facts.venue_postcode) if facts.venue_postcode else None,
        ),
        422 if problem else 200,
    )


@bp.route("/proposals/<uuid:proposal_id>/submit", methods=["POST"])
@signed_in()
def submit(proposal_id: UUID) -> ResponseReturnValue:
    """Sign it off and put it in."""
    _readable(proposal_id)
    with working() as uow:
        service.submit(uow, proposal_id)
    flash("It is in. We have written to everybody in the group.", "success")
    return redirect(url_for("proposals.page", proposal_id=proposal_id))


@bp.route("/proposals/<uuid:proposal_id>/send-back", methods=["GET", "POST"])
@signed_in()
def send_back(proposal_id: UUID) -> ResponseReturnValue:
    """Give it back to the writer, with a reason."""
    proposal, _ = _readable(proposal_id)
    form = ReasonForm()
    if form.accepted():
        try:
            with working() as uow:
                service.send_back(uow, proposal_id, form.reason.data or "")
            flash("Sent back. The writer has a letter with your reason.", "success")
            return redirect(url_for("proposals.page", proposal_id=proposal_id))
        except StepRefused:
            raise
        except RuleBroken as broken:
            form.show(broken)
    return render_template("proposals/send_back.html", form=form, proposal=proposal), form.status


@bp.route("/proposals/<uuid:proposal_id>/take-back", methods=["POST"])
@signed_in()
def take_back(proposal_id: UUID) -> ResponseReturnValue:
    """The writer takes it back from those who were asked to sign off."""
    _editable(proposal_id)
    with working() as uow:
        service.send_back(uow, proposal_id, "Taken back by the writer.")
    flash("You have it back. Ask for sign-off again when you are ready.", "success")
    return redirect(url_for("proposals.page", proposal_id=proposal_id))


@bp.route("/proposals/<uuid:proposal_id>/reopen", methods=["GET", "POST"])
@signed_in()
def reopen(proposal_id: UUID) -> ResponseReturnValue:
    """Take back what was put in, to change it."""
    proposal, _ = _editable(proposal_id)
    if request.method == "POST":
        with working() as uow:
            service.reopen(uow, proposal_id)
        flash("You can change it now. It is not in until somebody signs it off again.", "success")
        return redirect(url_for("proposals.page", proposal_id=proposal_id))
    return render_template("proposals/reopen.html", proposal=proposal, now=now())


@bp.route("/proposals/<uuid:proposal_id>/withdraw", methods=["GET", "POST"])
@signed_in()
def withdraw(proposal_id: UUID) -> ResponseReturnValue:
    """Take it out of the round."""
    proposal, _ = _editable(proposal_id)
    form = WithdrawForm()
    if form.accepted():
        try:
            with working() as uow:
                service.withdraw(uow, proposal_id, form.reason.data or "")
            flash("Your proposal is out of this round.", "success")
            return redirect(url_for("proposals.page", proposal_id=proposal_id))
        except RuleBroken as broken:
            form.show(broken)
    return render_template("proposals/withdraw.html", form=form, proposal=proposal), form.status


@bp.route("/proposals/<uuid:proposal_id>/copies/<int:number>")
@signed_in()
def copy(proposal_id: UUID, number: int) -> ResponseReturnValue:
    """What was put in, as it was put in."""
    proposal, _ = _readable(proposal_id)
    kept = {one.number: one for one in queries.snapshots(reading(), proposal_id)}
    if number not in kept:
        raise NotFound
    return render_template(
        "proposals/copy.html",
        proposal=proposal,
        snapshot=kept[number],
        parts=answers_of(from_kept(kept[number].body)),
        earlier=number - 1 if number - 1 in kept else None,
    )


@bp.route("/proposals/<uuid:proposal_id>/copies/<int:number>/changes")
@signed_in()
def changes(proposal_id: UUID, number: int) -> ResponseReturnValue:
    """What is different between a copy and the one before it, in words."""
    proposal, _ = _readable(proposal_id)
    kept = {one.number: one for one in queries.snapshots(reading(), proposal_id)}
    if number not in kept or number - 1 not in kept:
        raise NotFound
    before, after = (answers_of(from_kept(kept[at].body)) for at in (number - 1, number))
    different = [
        (title, label, compared(old, new))
        for (_, title, olds), (_, _, news) in zip(before, after, strict=True)
        for (label, old), (_, new) in zip(olds, news, strict=True)
        if old != new
    ]
    return render_template(
        "proposals/changes.html",
        proposal=proposal,
        snapshot=kept[number],
        earlier=kept[number - 1],
        different=different,
    )


CONTACT_OF_IT = {"Contact’s name", "E-mail address", "Telephone number"}


def answers_of(facts: Facts) -> list[tuple[Section, str, list[tuple[str, str]]]]:
    """All sections in words, without who to contact: copies do not keep that."""
    return [
        (part, SECTION_TITLES[part], [row for row in _rows(part, facts) if row[0] not in CONTACT_OF_IT])
        for part in Section
    ]


# ---------------------------------------------------------------- screening


@bp.route("/rounds/<uuid:round_id>/screening")
@signed_in(Role.STEWARD, Role.AUDITOR)
def screening(round_id: UUID) -> ResponseReturnValue:
    """Every proposal that was put in, with where it stands: what waits for a check first."""
    round = rounds.published(reading(), round_id)
    actor = current_actor()
    if not (actor.has(Role.STEWARD, round.fund_id) or actor.has(Role.AUDITOR, round.fund_id)):
        raise NotAllowed("Only stewards of this fund and auditors see this.")
    found = queries.of_round(reading(), round_id, queries.PUT_IN)
    found.sort(key=lambda one: (one.state is not ProposalState.SUBMITTED, one.title))
    at, pages = _page_of(len(found))
    return render_template(
        "proposals/screening.html",
        round=round,
        phase=rounds.phase(round, now()),
        proposals=found[(at - 1) * PER_PAGE : at * PER_PAGE],
        counts=queries.counts(reading(), round_id),
        page=at,
        pages=pages,
    )


@bp.route("/proposals/<uuid:proposal_id>/screen", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def screen(proposal_id: UUID) -> ResponseReturnValue:
    """Check whether one proposal may go on."""
    proposal, parties = _readable(proposal_id)
    access.ensure_may_screen(current_actor(), parties)
    form = ScreeningForm()
    if form.accepted():
        try:
            with working() as uow:
                service.screen(
                    uow,
                    proposal_id,
                    eligible=form.verdict.data == "yes",
                    code=form.code.data if form.verdict.data == "no" else None,
                    words=form.words.data or "",
                )
            flash("Checked. The group has a letter.", "success")
            return redirect(url_for("proposals.screening", round_id=proposal.round_id))
        except RuleBroken as broken:
            form.show(broken)
    return (
        render_template(
            "proposals/screen.html",
            form=form,
            book=rounds.rule_book(proposal.round),
            **_shown(proposal, parties, inside=True),
        ),
        form.status,
    )


@bp.route("/proposals/<uuid:proposal_id>/question", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def question(proposal_id: UUID) -> ResponseReturnValue:
    """Ask the group something before the check is finished."""
    proposal, parties = _readable(proposal_id)
    access.ensure_may_screen(current_actor(), parties)
    form = QuestionForm()
    if form.accepted():
        try:
            with working() as uow:
                service.request_more_info(uow, proposal_id, form.sections.data, form.words.data or "", form.until.data)
            flash("Asked. The group has a letter.", "success")
            return redirect(url_for("proposals.screening", round_id=proposal.round_id))
        except RuleBroken as broken:
            form.show(broken)
    return render_template("proposals/question.html", form=form, proposal=proposal), form.status


@bp.route("/proposals/<uuid:proposal_id>/answer", methods=["POST"])
@signed_in()
def answer(proposal_id: UUID) -> ResponseReturnValue:
    """Send the answer to a question."""
    _readable(proposal_id)
    with working() as uow:
        service.give_more_info(uow, proposal_id)
    flash("Sent. A steward goes on with the check.", "success")
    return redirect(url_for("proposals.page", proposal_id=proposal_id))


@bp.route("/proposals/<uuid:proposal_id>/reinstate", methods=["GET", "POST"])
@signed_in(Role.STEWARD)
def reinstate(proposal_id: UUID) -> ResponseReturnValue:
    """Let a proposal go on after all."""
    proposal, parties = _readable(proposal_id)
    access.ensure_may_screen(current_actor(), parties)
    form = ReasonForm()
    if form.accepted():
        try:
            with working() as uow:
                service.reinstate(uow, proposal_id, form.reason.data or "")
            flash("It may go on. The group has a letter.", "success")
            return redirect(url_for("proposals.screening", round_id=proposal.round_id))
        except RuleBroken as broken:
            form.show(broken)
    return render_template("proposals/reinstate.html", form=form, proposal=proposal), form.status


# ---------------------------------------------------------------- lists


@bp.route("/rounds/<uuid:round_id>/proposals")
@public
def of_round(round_id: UUID) -> ResponseReturnValue:
    """A round's public proposals, in an order that is this visitor's own and stays."""
    round = rounds.published(reading(), round_id)
    shown = queries.open_to_all(round, now())
    ids = _shuffled(queries.public_ids(reading(), round_id)) if shown else []
    at, pages = _page_of(len(ids))
    return render_template(
        "proposals/list.html",
        round=round,
        shown=shown,
        proposals=queries.cards(reading(), ids[(at - 1) * PER_PAGE : at * PER_PAGE]),
        total=len(ids),
        page=at,
        pages=pages,
    )


def _shuffled(ids: Sequence[UUID]) -> list[UUID]:
    """The ids in this visitor's own order: stable for the session, nobody's proposal is always first."""
    seed = session.get("order") or secrets.token_hex(8)
    session["order"] = seed
    return sorted(ids, key=lambda id: sha256(f"{seed}{id}".encode()).digest())


def _page_of(size: int) -> tuple[int, int]:
    pages = max(1, -(-size // PER_PAGE))
    wanted = request.args.get("page", "1")
    at = int(wanted) if wanted.isdecimal() and len(wanted) < 7 else 1
    return min(max(at, 1), pages), pages


# ---------------------------------------------------------------- what this stage adds to earlier stages' pages


@page_section("round", order=10)
def _in_round(round: Any) -> PageSection | None:
    """Your group's proposals; and, once the vote opens, some of all of them."""
    actor = current_actor()
    mine = queries.of_groups(reading(), list(actor.groups), round_id=round.id, limit=10)
    shown = queries.open_to_all(round, now())
    ids = _shuffled(queries.public_ids(reading(), round.id)) if shown else []
    if not mine and not shown:
        return None
    html = render_template(
        "proposals/in_round.html",
        round=round,
        mine=mine,
        shown=shown,
        proposals=queries.by_ids(reading(), ids[:6]),
        total=len(ids),
    )
    return PageSection("proposals", "Proposals", Markup(html))  # noqa: S704 - rendered by our template


@page_section("desk", order=10)
def _on_desk(round: Any) -> PageSection | None:
    """How many proposals there are in each state, and what waits for a check."""
    found, actor = queries.counts(reading(), round.id), current_actor()
    helps, phase = access.may_help(actor, round.fund_id), rounds.phase(round, now())
    if rounds.is_quick(round) or (not found and not (helps and phase is RoundState.OPEN)):
        return None
    html = render_template(
        "proposals/on_desk.html",
        round=round,
        counts=[(state, found[state]) for state in ProposalState if state in found],
        to_check=found.get(ProposalState.SUBMITTED, 0) if rounds.phase(round, now()) in CHECKED else 0,
        asked=queries.eligibility_counts(reading(), round.id),
        hurdle_words=HURDLE_WORDS,
        may_help=helps,
        open_now=phase is RoundState.OPEN,
        to_confirm=queries.to_confirm(reading(), round.id) if helps else [],
        to_sum_up=queries.to_sum_up(reading(), round.id) if helps else [],
    )
    return PageSection("proposals", "Proposals", Markup(html))  # noqa: S704 - rendered by our template


@page_section("priority", order=40)
def _in_priority(priority: Any) -> PageSection | None:
    found = queries.public_of_priority(reading(), priority.id, now(), limit=6)
    if not found:
        return None
    html = render_template("proposals/in_list.html", proposals=found)
    return PageSection("proposals", "Proposals that answer it", Markup(html))  # noqa: S704 - rendered by our template


@page_section("group", order=40)
def _in_group(group: Any) -> PageSection | None:
    inside = group.id in current_actor().groups
    if inside:
        found = queries.of_groups(reading(), [group.id], limit=12)
    else:
        found = queries.public_of_group(reading(), group.id, now(), limit=12)
    if not found:
        return None
    html = render_template("proposals/in_list.html", proposals=found)
    return PageSection("proposals", "Proposals", Markup(html))  # noqa: S704 - rendered by our template


@needs_you
def _needs(actor: Actor, moment: datetime) -> Iterable[NeedsYou]:
    """Drafts that fall due, sign-offs that are asked for, what came back; for stewards what waits for a check."""
    groups = [id for id, rights in actor.groups.items() if rights.edit or rights.sign_off]
    waiting = (ProposalState.DRAFT, ProposalState.AWAITING_SIGN_OFF)
    for one in queries.of_groups(reading(), groups, waiting, limit=25):
        if rounds.phase(one.round, moment) is not RoundState.OPEN:
            continue
        href, name = url_for("proposals.page", proposal_id=one.id), one.title or "your proposal"
        if one.state is ProposalState.AWAITING_SIGN_OFF:
            may = actor.can_sign_off_for(one.group_id) or rounds.is_quick(one.round)
            if may and actor.id != one.writer_id:
                yield NeedsYou(f"Sign off “{name}”", href, f"For {one.group.name}", one.round.closes_at)
        elif one.sent_back_reason and actor.id == one.writer_id:
            yield NeedsYou(f"“{name}” came back to you", href, "See why, then ask again", one.round.closes_at)
        elif actor.can_edit_for(one.group_id):
            yield NeedsYou(f"Finish “{name}”", href, f"For {one.group.name}", one.round.closes_at)
    for one in queries.of_groups(reading(), groups, (ProposalState.MORE_INFO_REQUESTED,), limit=25):
        if one.asked_until is not None and moment < one.asked_until:
            href = url_for("proposals.page", proposal_id=one.id)
            yield NeedsYou(f"Answer a question about “{one.title}”", href, f"For {one.group.name}", one.asked_until)
    for one in queries.hosted_waiting(reading(), [id for id, rights in actor.groups.items() if rights.sign_off]):
        if rounds.phase(one.round, moment) is RoundState.OPEN and one.group_id not in actor.groups:
            href = url_for("proposals.page", proposal_id=one.id)
            yield NeedsYou(
                f"Sign off “{one.title}”", href, f"You hold the money for {one.group.name}", one.round.closes_at
            )
    if actor.id is not None and (actor.has(Role.STEWARD) or actor.has(Role.CONNECTOR)):
        for one in queries.typed_by(reading(), actor.id, waiting):
            if rounds.phase(one.round, moment) is RoundState.OPEN:
                href, name = url_for("proposals.page", proposal_id=one.id), one.title or "the proposal"
                doing = "Finish typing in" if one.state is ProposalState.DRAFT else "Get the group’s word on"
                yield NeedsYou(f"{doing} “{name}”", href, f"For {one.group.name}", one.round.closes_at)
    if actor.has(Role.STEWARD):
        for round, size in queries.to_screen(reading(), actor.scopes(Role.STEWARD), moment):
            word = "1 proposal" if size == 1 else f"{size} proposals"
            href = url_for("proposals.screening", round_id=round.id)
            yield NeedsYou(f"Check {word}", href, round.title, round.voting_opens_at)
