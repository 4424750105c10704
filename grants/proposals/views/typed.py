"""Bids from groups that do not write on a screen: a form for paper, an officer who types, a copy that is signed."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from grants.kernel.actors import Role
from grants.kernel.errors import NotAllowed, NotFound, RuleBroken
from grants.people import queries as people
from grants.people.rules import GroupDraft
from grants.people.service import accounts as people_service
from grants.proposals import access
from grants.proposals.forms.sections import section_form
from grants.proposals.forms.typed import SignedForm, SummaryForm, TypedForm
from grants.proposals.queries import hands, whole
from grants.proposals.rules.facts import Facts
from grants.proposals.rules.files import SPOKEN, FileState
from grants.proposals.rules.hands import SOURCE_WORDS, Source
from grants.proposals.rules.sections import SECTION_TITLES, Section
from grants.proposals.rules.states import IN_HAND, ProposalState
from grants.proposals.service import typed as service
from grants.proposals.views.wording import answers_of
from grants.rounds import queries as rounds
from grants.rounds.rules.states import RoundState
from grants.web.db import now, reading
from grants.web.doors import public, signed_in
from grants.web.outside import geography
from grants.web.pdf import pdf_answer
from grants.web.sections import Section as PageSection
from grants.web.sections import section as page_section
from grants.web.session import current_actor
from grants.web.work import carried_out, working

bp = Blueprint("proposals_typed", __name__)

OFFERED = 8
NOT_ON_PAPER = ("version", "page_token", "opened", "csrf_token", "insight_ids", "lines", "joint", "help_received")
"""Fields that a screen needs and a hand does not; the budget and partners have tables of their own."""
LINES = {"what": 14, "answers_need": 8}
"""How many lines there are to write on, where there are more than a few."""
HELPS = (RoundState.OPEN, RoundState.CLOSED, RoundState.CHECKING)
HELPERS = (Role.STEWARD, Role.CONNECTOR)


@bp.get("/rounds/<uuid:round_id>/paper-form")
@public
def paper_form(round_id: UUID) -> Response:
    """All the questions of a bid, to be answered by hand."""
    round = rounds.published(reading(), round_id)
    wards = sorted((ward.code, ward.name) for ward in geography().wards())
    asked = [(one.id, one.title) for one in rounds.priorities(reading(), round_id)]
    forms = [
        section_form(part, Facts(), version=0, page_token="", opened=0, wards=wards, priorities=asked)
        for part in Section
    ]
    return pdf_answer(
        "proposals/paper_form.html",
        "seedbed-proposal-form.pdf",
        round=round,
        book=rounds.rule_book(round),
        parts=[
            (part, SECTION_TITLES[part], [one for one in form if one.short_name not in NOT_ON_PAPER])
            for part, form in zip(Section, forms, strict=True)
        ],
        rows=LINES,
    )


@bp.get("/proposals/<uuid:proposal_id>/print")
@signed_in()
def print_copy(proposal_id: UUID) -> Response:
    """What a proposal says now, on paper, with room for two names under it."""
    proposal = whole.proposal(reading(), proposal_id)
    if not access.may_read_all(current_actor(), whole.parties(reading(), proposal)):
        raise NotFound("There is no such proposal.")
    facts = whole.facts(reading(), proposal)
    return pdf_answer(
        "proposals/paper_copy.html",
        "seedbed-proposal.pdf",
        proposal=proposal,
        parts=answers_of(facts),
        facts=facts,
        final=proposal.state is not ProposalState.DRAFT,
    )


@bp.route("/rounds/<uuid:round_id>/type-in", methods=["GET", "POST"])
@signed_in(*HELPERS)
def start(round_id: UUID) -> ResponseReturnValue:
    """Whose bid is it, and how did it come?"""
    round = rounds.published(reading(), round_id)
    if not access.may_help(current_actor(), round.fund_id):
        raise NotAllowed("Only a steward of this fund or a connector may type in a proposal for a group.")
    words = request.args.get("q", "").strip()[:120]
    found = [group for group, _ in people.groups(reading(), words=words)[0][:OFFERED]] if words else []
    form = TypedForm(new_name=words)
    choices = [*((str(one.id), one.name) for one in found), ("new", "It is not here: a new group")]
    form.group.choices = choices
    if words and form.accepted():
        try:
            with working() as uow:
                group_id = _group(uow, form)
                proposal = service.start(uow, round_id, group_id, form.source.data, form.told_by.data or "")
                proposal_id = proposal.id
            return redirect(url_for("proposals.page", proposal_id=proposal_id))
        except RuleBroken as broken:
            form.show(RuleBroken(broken.message, "new_name") if broken.field == "name" else broken)
    return (
        render_template(
            "proposals/type_in.html",
            round=round,
            open_now=rounds.phase(round, now()) is RoundState.OPEN,
            form=form,
            words=words,
            found=found,
        ),
        form.status,
    )


def _group(uow: Any, form: TypedForm) -> UUID:
    """The group that was chosen, or a new one in the register."""
    if form.group.data != "new":
        return UUID(form.group.data)
    draft = GroupDraft(
        name=form.new_name.data or "", kind=form.new_kind.data, has_bank_account=form.new_account.data == "yes"
    )
    return people_service.register_group(uow, draft).id


@bp.route("/proposals/<uuid:proposal_id>/signed", methods=["GET", "POST"])
@signed_in(*HELPERS)
def signed(proposal_id: UUID) -> ResponseReturnValue:
    """Another officer holds the signed copy beside the screen, and puts the bid in."""
    proposal = whole.proposal(reading(), proposal_id)
    parties = whole.parties(reading(), proposal)
    access.ensure_may_see_signed(current_actor(), parties)
    if parties.typist_id is None or proposal.writer_id != parties.typist_id:
        raise NotFound("There is no such proposal.")
    form = SignedForm()
    if carried_out(
        form, lambda uow: service.put_in_signed(uow, proposal_id, form.signed_by.data or "", form.kept_at.data or "")
    ):
        flash("It is in. The group has a letter; if it cannot get one, whoever typed it in brings it.", "success")
        return redirect(f"/rounds/{proposal.round_id}")
    return (
        render_template(
            "proposals/signed.html",
            proposal=proposal,
            parts=answers_of(whole.facts(reading(), proposal)),
            form=form,
        ),
        form.status,
    )


@bp.route("/proposals/files/<uuid:file_id>/in-writing", methods=["GET", "POST"])
@signed_in(*HELPERS)
def sum_up(file_id: UUID) -> ResponseReturnValue:
    """Hear a recording, and write down what it says."""
    file = whole.file(reading(), file_id)
    proposal = whole.proposal(reading(), file.proposal_id)
    access.ensure_may_sum_up(current_actor(), whole.parties(reading(), proposal))
    if file.kind not in SPOKEN or file.state is not FileState.CLEAN or proposal.state not in IN_HAND:
        raise NotFound("There is no such recording.")
    form = SummaryForm(words=file.summary)
    if carried_out(form, lambda uow: service.sum_up(uow, file_id, form.words.data or "")):
        flash("Written down. The group has a letter with it.", "success")
        return redirect(f"/rounds/{proposal.round_id}")
    return render_template("proposals/sum_up.html", file=file, proposal=proposal, form=form), form.status


@page_section("round", order=12)
def _in_round(round: Any) -> PageSection | None:
    """For officers who help groups: what they can type in, and what waits for them."""
    phase = rounds.phase(round, now())
    if not access.may_help(current_actor(), round.fund_id) or phase not in HELPS or rounds.is_quick(round):
        return None
    html = render_template("proposals/_helping.html", round=round, **helping(round))
    return PageSection("helping", "For groups that do not write on a screen", Markup(html))  # noqa: S704


def helping(round: Any) -> dict[str, Any]:
    """What ``proposals/_helping.html`` shows."""
    return {
        "open_now": rounds.phase(round, now()) is RoundState.OPEN,
        "to_confirm": hands.to_confirm(reading(), round.id),
        "to_sum_up": hands.to_sum_up(reading(), round.id),
    }


@bp.app_template_global()
def typed_from(source: Source) -> str:
    """How a typed-in bid reached us, in words."""
    return SOURCE_WORDS[source]
