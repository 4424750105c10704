"""A group writes its proposal: begun, taken over from an earlier one, section by section."""

import secrets
from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from grants.insights import queries as insights
from grants.kernel.errors import NotFound, RuleBroken
from grants.people import queries as people
from grants.proposals.forms.sections import (
    RowsForm,
    SectionForm,
    add_row,
    remove_row,
    section_form,
)
from grants.proposals.forms.steps import ReuseForm, StartForm
from grants.proposals.queries import lists, whole
from grants.proposals.rules.facts import Facts
from grants.proposals.rules.partners import PARTNER_WORDS, PartnerState
from grants.proposals.rules.sections import SECTION_TITLES, Section, SectionStatus, gaps, status_of
from grants.proposals.rules.states import ProposalState
from grants.proposals.service import bids as service
from grants.proposals.views.readers import editable
from grants.proposals.views.wording import section_rows
from grants.rounds import queries as rounds
from grants.rounds.rules.book import ApplicantKind
from grants.rounds.rules.states import RoundState
from grants.web.db import now, reading
from grants.web.doors import signed_in
from grants.web.outside import geography
from grants.web.sections import sections_for
from grants.web.session import current_actor
from grants.web.work import carried_out, working

bp = Blueprint("proposal_writing", __name__)
OFFERED = 15


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
    hostless = [group for group in mine if whole.needs_host(group) and not hosted.get(group.id)]
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
    if not whole.needs_host(group):
        return ""
    return (
        "A host holds the money for it."
        if hosted
        else "It has no host so far. You can start, and find one before the end."
    )


@bp.route("/proposals/<uuid:proposal_id>/take-over", methods=["GET", "POST"])
@signed_in()
def take_over(proposal_id: UUID) -> ResponseReturnValue:
    """Begin with what an earlier proposal of the group says."""
    proposal, _ = editable(proposal_id)
    earlier = lists.reusable(reading(), proposal.group_id, proposal.round_id)
    form = ReuseForm(earlier_id=earlier[0].id if len(earlier) == 1 else None)
    choices = [(one.id, one.title, one.round.title) for one in earlier]
    form.earlier_id.choices = choices  # type: ignore[assignment]
    if carried_out(form, lambda uow: service.take_over(uow, proposal_id, form.earlier_id.data, geography())):
        flash("It is all here. Read each section again and save it.", "success")
        return redirect(url_for("proposals.page", proposal_id=proposal_id))
    return render_template("proposals/take_over.html", form=form, proposal=proposal, earlier=earlier), form.status


# ---------------------------------------------------------------- sections


@bp.route("/proposals/<uuid:proposal_id>/sections/<section>", methods=["GET", "POST"])
@signed_in()
def section(proposal_id: UUID, section: str) -> ResponseReturnValue:
    """One section of the form: save it with gaps, or whole."""
    proposal, _ = editable(proposal_id)
    part = _section(section)
    if rounds.is_quick(proposal.round):
        return redirect(url_for("asks.write", proposal_id=proposal_id))
    asked = proposal.state is ProposalState.MORE_INFO_REQUESTED and part.value in proposal.asked_sections
    writing = proposal.state is ProposalState.DRAFT and rounds.phase(proposal.round, now()) is RoundState.OPEN
    if not writing and not (asked and now() < proposal.asked_until):
        flash("This cannot be changed now. See below why.", "warning")
        return redirect(url_for("proposals.page", proposal_id=proposal_id))
    form = _form(part, proposal)
    if request.method == "POST" and isinstance(form, RowsForm) and _changes_rows(form):
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
        for gap in gaps(part, whole.facts(reading(), proposal), whole.limits(reading(), proposal.round)):
            _show_gap(form, gap.field, gap.message)
        return _section_page(proposal, part, form, saved=True)[0]
    return _section_page(proposal, part, form)


@bp.route("/proposals/<uuid:proposal_id>/sections/<section>/autosave", methods=["POST"])
@signed_in()
def autosave(proposal_id: UUID, section: str) -> ResponseReturnValue:
    """Keep what stands in an open page. Answers 204, or says in a status why not."""
    proposal, _ = editable(proposal_id)
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
    facts = whole.facts(reading(), proposal)
    if part is Section.CONTACT and not proposal.section_versions.get(part.value):
        facts = about_me(facts)
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
    found = [*whole.insights_of(reading(), facts.insight_ids), *insights.latest(reading(), limit=OFFERED)]
    seen = {one.id: (one.id, one.text, one.how_heard) for one in reversed(found)}
    return list(reversed(seen.values()))


def about_me(facts: Facts) -> Facts:
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
            seconds=form.seconds_open(now()) if request.endpoint == "proposal_writing.section" else 0,
        )


def _after_saving(proposal_id: UUID, part: Section) -> ResponseReturnValue:
    """Back to the list; or, when the writer wanted it whole and it is not, back here with what is missing."""
    proposal = whole.proposal(reading(), proposal_id)
    lacking = gaps(part, whole.facts(reading(), proposal), whole.limits(reading(), proposal.round))
    if lacking and "later" not in request.form:
        return redirect(url_for("proposal_writing.section", proposal_id=proposal_id, section=part.value, check=1))
    word = "Saved" if lacking else "Saved and done"
    flash(f"{word}: {SECTION_TITLES[part]}", "success")
    if "on" in request.form and proposal.state is ProposalState.DRAFT:
        return _onwards(proposal, part)
    return redirect(url_for("proposals.page", proposal_id=proposal_id))


def _onwards(proposal: Any, part: Section) -> ResponseReturnValue:
    """The next section that is not done, after this one and then from the start; when all are, check your answers."""
    facts, limits = whole.facts(reading(), proposal), whole.limits(reading(), proposal.round)
    order = list(Section)
    at = order.index(part) + 1
    for one in (*order[at:], *order[: at - 1]):
        if status_of(one, facts, limits, proposal.section_versions) is not SectionStatus.DONE:
            return redirect(url_for("proposal_writing.section", proposal_id=proposal.id, section=one.value))
    return redirect(url_for("proposal_signing.check", proposal_id=proposal.id))


def _show_gap(form: SectionForm, name: str, message: str) -> None:
    known = {"ward_codes": "tied"} if name == "ward_codes" and form["tied"].data is None else {}
    name = known.get(name, name)
    if name in form and name not in ("lines", "joint"):
        form[name].errors = [*form[name].errors, message]
    else:
        form.form_errors.append(message)


def _changes_rows(form: RowsForm) -> bool:
    if "add" in request.form:
        form.validate()
        add_row(form)
        return True
    if (text := request.form.get("remove", "")).isdecimal() and len(text) < 4:
        remove_row(form, int(text))
        return True
    return False


def _section_page(proposal: Any, part: Section, form: SectionForm, **more: Any) -> tuple[str, int]:
    facts = whole.facts(reading(), proposal)
    body = render_template(
        f"proposals/section_{part.value}.html",
        proposal=proposal,
        part=part,
        title=SECTION_TITLES[part],
        number=list(Section).index(part) + 1,
        size=len(Section),
        form=form,
        facts=facts,
        limits=whole.limits(reading(), proposal.round),
        place=geography().find(facts.venue_postcode) if facts.venue_postcode else None,
        hosting=people.confirmed_hosting(reading(), proposal.group_id) if part is Section.PARTNERS else None,
        partner_words=PARTNER_WORDS,
        policy=whole.policy(reading(), proposal) if part is Section.FAIRNESS else None,
        to_ask=sum(one.state in (PartnerState.NAMED, PartnerState.ASKED) for one in facts.joint),
        **more,
    )
    return body, form.status


def _conflict_page(proposal_id: UUID, part: Section, form: SectionForm, version: int) -> ResponseReturnValue:
    """Both texts, theirs above; what was typed stays in the form, which now saves over theirs."""
    proposal = whole.proposal(reading(), proposal_id)
    for hidden, value in ((form.version, str(version)), (form.page_token, secrets.token_urlsafe(12))):
        hidden.data, hidden.raw_data = value, None
    theirs = section_rows(part, whole.facts(reading(), proposal))
    return _section_page(proposal, part, form, theirs=theirs)[0], 409
