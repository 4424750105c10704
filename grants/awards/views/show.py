"""An award’s own page, the list of all, what awards show on pages of others, and what waits for whom."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from grants.awards import access, queries
from grants.awards.queries import AwardLine, AwardPage
from grants.awards.rules import STEPS, AgreementState, AwardState
from grants.awards.views.readers import is_inside, may_steward, shown_page
from grants.awards.views.standing import STOPS
from grants.kernel.actors import Actor, Role
from grants.kernel.clock import london_day
from grants.kernel.states import can
from grants.payees import access as payees_access
from grants.payees import queries as payees
from grants.rounds.rules.states import RoundState
from grants.web.db import now, reading
from grants.web.doors import public, signed_in
from grants.web.forms import asked_number
from grants.web.needs import NeedsYou, Rows, needs_you
from grants.web.sections import Section, section, sections_for
from grants.web.session import current_actor

bp = Blueprint("awards", __name__)

OFFICERS = (Role.STEWARD, Role.FINANCE_OFFICER, Role.AUDITOR, Role.ADMIN)
FILTERS = {
    "open": (
        AwardState.OFFERED,
        AwardState.ACCEPTED,
        AwardState.IN_SET_UP,
        AwardState.ACTIVE,
        AwardState.ON_HOLD,
        AwardState.COMPLETED,
    ),
    "ended": (AwardState.CLOSED, AwardState.DECLINED, AwardState.LAPSED, AwardState.TERMINATED),
    "all": tuple(AwardState),
}


@bp.get("/awards")
@signed_in(*OFFICERS)
def index() -> ResponseReturnValue:
    """All awards, for officers."""
    show = request.args.get("show", "open")
    states = FILTERS.get(show, FILTERS["open"])
    number = asked_number()
    lines, total = queries.listed(reading(), states, page=number)
    return render_template(
        "awards/index.html",
        lines=lines,
        total=total,
        show=show if show in FILTERS else "open",
        page=number,
        pages=-(-total // queries.PAGE),
    )


@bp.get("/awards/<uuid:award_id>")
@public
def show(award_id: UUID) -> ResponseReturnValue:
    """Who got how much, for what, from whom; more for those inside."""
    page = shown_page(award_id)
    inside, award = is_inside(page), page.award
    agreement = award.agreements[-1] if award.agreements else None
    return render_template(
        "awards/show.html",
        page=page,
        award=award,
        line=page.line,
        inside=inside,
        agreement=agreement if inside else None,
        dropped=queries.dropped(reading(), award_id) if inside else [],
        todo=list(_todo(page)) if inside else [],
        may_stop=inside and may_steward(page) and any(can(STEPS, award.state, action) for action in STOPS),
        may_edit=inside and may_steward(page) and award.state is AwardState.ACCEPTED,
        now=now(),
        lacking=queries.lacking(reading(), award, london_day(now())) if inside and award.state in _SET_UP else [],
        versions=queries.versions(reading(), award_id) if inside else [],
        changes=queries.changes(reading(), award_id) if inside else [],
        may_change=award.state is AwardState.ACTIVE and current_actor().can_edit_for(award.group_id),
        extra=sections_for("award", award),
    )


_SET_UP = (AwardState.ACCEPTED, AwardState.IN_SET_UP)


def _todo(page: AwardPage) -> Iterable[dict[str, Any]]:
    """What the person who looks can do now."""
    award, actor = page.award, current_actor()
    if award.state is AwardState.OFFERED and actor.can_sign_off_for(award.group_id) and now() <= award.answer_by:
        yield {
            "title": "Answer this offer",
            "href": url_for("award_offers.answer", award_id=award.id),
            "due": award.answer_by,
        }
    agreement = award.agreements[-1] if award.agreements else None
    if agreement is not None and agreement.state is AgreementState.SENT:
        mine = any(one.person_id == actor.id for one in agreement.signatures)
        if access.involved(actor, award.group_id, award.payee_id) and not mine:
            yield {
                "title": "Read and sign the agreement",
                "href": url_for("award_agreements.agreement", award_id=award.id),
            }


TOLD = (RoundState.ANNOUNCED, RoundState.COMPLETED)


# ---------------------------------------------------------------------------------------------- what other pages show


def _listed(id: str, title: str, lines: Sequence[AwardLine], show: str) -> Section | None:
    if not lines:
        return None
    return Section(id, title, Markup(render_template("awards/_list.html", lines=lines, show=show, title=title)))  # noqa: S704


@section("priority", 60)
def _on_priority(priority: Any) -> Section | None:
    return _listed("awards", "What was funded", queries.of_priority(reading(), priority.id), "group")


@section("fund", 60)
def _on_fund(fund: Any) -> Section | None:
    return _listed("awards", "Awards from this pot", queries.of_fund(reading(), fund.id, limit=25), "group")


@section("round", 60)
def _on_round(round: Any) -> Section | None:
    """The round's awards; for a steward also the button that announces and offers them."""
    lines = queries.of_round(reading(), round.id)
    may = current_actor().has(Role.STEWARD, round.fund_id)
    missing = queries.unoffered_count(reading(), round.id) if may and round.state in TOLD else 0
    ready = may and round.state is RoundState.DECIDED
    if not lines and not missing and not ready:
        return None
    html = render_template("awards/_of_round.html", lines=lines, round=round, missing=missing, ready=ready)
    return Section("awards", "Awards", Markup(html))  # noqa: S704


@section("group", 60)
def _on_group(group: Any) -> Section | None:
    return _listed("awards", "Grants to this group", queries.of_group(reading(), group.id), "priority")


@section("proposal", 60)
def _on_proposal(proposal: Any) -> Section | None:
    found = queries.of_proposal(reading(), proposal.id)
    return _listed("award", "The award", [found], "priority") if found is not None else None


# ------------------------------------------------------------------------------------------------------ what needs whom


@needs_you(queries.offers_to)
def _offers(actor: Actor, moment: datetime, rows: Rows) -> Iterable[NeedsYou]:
    """Offers to answer."""
    for one in (queries.Waiting(*row) for row in rows):
        yield NeedsYou(
            f"Answer the offer for “{one.title}”",
            url_for("award_offers.answer", award_id=one.award_id),
            one.group_name,
            one.answer_by,
        )


@needs_you(queries.setting_up)
def _setting_up(actor: Actor, moment: datetime, rows: Rows) -> Iterable[NeedsYou]:
    """What is asked before money can go out, of the group or of its host."""
    for one in (queries.Waiting(*row) for row in rows):
        yield NeedsYou(
            f"Give us what we need before we can pay “{one.title}”",
            url_for("award_checks.needs", award_id=one.award_id),
            one.group_name,
        )


@needs_you(payees.to_confirm)
def _to_confirm(actor: Actor, moment: datetime, rows: Rows) -> Iterable[NeedsYou]:
    """Bank details that somebody else of the group gave."""
    for group_id, group in rows:
        yield NeedsYou("Confirm your group's bank details", url_for("payees.bank", group_id=group_id), group)


@needs_you(queries.agreements_to_sign)
def _to_sign(actor: Actor, moment: datetime, rows: Rows) -> Iterable[NeedsYou]:
    """Agreements to sign, for members of the group or of its host."""
    for one in (queries.Waiting(*row) for row in rows):
        yield NeedsYou(
            f"Sign the agreement for “{one.title}”",
            url_for("award_agreements.agreement", award_id=one.award_id),
            one.group_name,
        )


@needs_you(payees.to_check)
def _to_check(actor: Actor, moment: datetime, rows: Rows) -> Iterable[NeedsYou]:
    """Bank accounts to check."""
    for group_id, group, *gave in rows:
        if payees_access.may_judge(actor, group_id, gave):
            yield NeedsYou("Check a bank account", url_for("payees.bank", group_id=group_id), group)


@needs_you(queries.with_answers_to_judge)
def _to_judge(actor: Actor, moment: datetime, rows: Rows) -> Iterable[NeedsYou]:
    """Papers to check."""
    for one in (queries.Waiting(*row) for row in rows):
        if not access.involved(actor, one.group_id, one.payee_id):
            yield NeedsYou(
                f"Check what the group gave for “{one.title}”",
                url_for("award_checks.needs", award_id=one.award_id),
                one.group_name,
            )


@needs_you(queries.awards_with_changes)
def _changes(actor: Actor, moment: datetime, rows: Rows) -> Iterable[NeedsYou]:
    """Changes to answer."""
    for one in (queries.Waiting(*row) for row in rows):
        if not access.involved(actor, one.group_id, one.payee_id):
            yield NeedsYou(
                f"Answer a change of “{one.title}”",
                url_for("award_changes.changes", award_id=one.award_id),
                one.group_name,
            )
