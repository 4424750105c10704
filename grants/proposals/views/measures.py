"""How much work applying is, where people give up, and who gets through: numbers without names."""

from collections import Counter
from uuid import UUID

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from grants.kernel.actors import Role
from grants.kernel.errors import NotAllowed
from grants.people.rules import GroupKind
from grants.proposals import queries
from grants.proposals.rules.facts import HELP_WORDS
from grants.proposals.rules.hurdles import HURDLE_WORDS, MAY_APPLY
from grants.proposals.rules.measures import SMALLEST_CELL, Rate, decile_band, minutes_per_hundred, rates
from grants.proposals.rules.sections import SECTION_TITLES, Section
from grants.proposals.rules.states import ProposalState
from grants.rounds import queries as rounds
from grants.rounds.rules import RoundState
from grants.web.db import now, reading
from grants.web.doors import signed_in
from grants.web.outside import geography
from grants.web.session import current_actor

bp = Blueprint("proposal_measures", __name__)

TOLD = (RoundState.ANNOUNCED, RoundState.COMPLETED)
READERS = (Role.STEWARD, Role.FINANCE_OFFICER, Role.AUDITOR)
KIND_WORDS = {GroupKind.UNCONSTITUTED: "Groups without rules of their own"}


@bp.get("/rounds/<uuid:round_id>/measures")
@signed_in(Role.STEWARD, Role.FINANCE_OFFICER, Role.AUDITOR, Role.ADMIN, Role.FUNDER)
def measures(round_id: UUID) -> ResponseReturnValue:
    """Minutes for each £100, where people give up; once the decision is told, who gets through."""
    round, actor = rounds.published(reading(), round_id), current_actor()
    looks = any(actor.has(role, round.fund_id) for role in READERS) or actor.has(Role.ADMIN) or actor.has(Role.FUNDER)
    if not looks:
        raise NotAllowed("Only those who look after this fund, and funders, see this.")
    effort = queries.effort(reading(), round_id)
    seconds = sum(taken for _, taken in effort.values())
    told = rounds.phase(round, now()) in TOLD
    return render_template(
        "proposals/measures.html",
        round=round,
        per_hundred=minutes_per_hundred(seconds, queries.asked_in(reading(), round_id)),
        by_section=[(SECTION_TITLES[one], effort.get(one.value, (0, 0))) for one in Section],
        gave_up=_gave_up(round_id),
        stopped=_stopped(round_id),
        announced=told,
        success=_success(round_id) if told else [],
        smallest=SMALLEST_CELL,
    )


def _gave_up(round_id: UUID) -> list[tuple[str, int | None]]:
    """Section → how many proposals that were never put in had not got so far as to save it; small ones untold."""
    begun = queries.abandoned(reading(), round_id)
    missing = Counter(part for versions in begun for part in Section if not versions.get(part.value))
    if len(begun) < SMALLEST_CELL:
        return []
    return [
        (SECTION_TITLES[one], missing[one] if missing[one] >= SMALLEST_CELL or not missing[one] else None)
        for one in Section
    ]


def _stopped(round_id: UUID) -> list[tuple[str, int | None]]:
    found = [(outcome, times) for outcome, times in queries.eligibility_counts(reading(), round_id)]
    return [
        (HURDLE_WORDS[outcome][0], times if times >= SMALLEST_CELL else None)
        for outcome, times in found
        if outcome != MAY_APPLY and outcome in HURDLE_WORDS
    ]


def _success(round_id: UUID) -> list[tuple[str, list[Rate]]]:
    """By place, deprivation, kind of group and help."""
    put_in = queries.of_round(reading(), round_id, queries.PUT_IN)
    won = {one.id: one.state is ProposalState.AWARDED for one in put_in}
    wards = {ward.code: ward.name for ward in geography().wards()}
    return [
        (
            "By ward",
            rates([(wards.get(code, "Elsewhere"), won[one.id]) for one in put_in for code in one.ward_codes]),
        ),
        ("By deprivation of the place", rates([(decile_band(one.imd_deciles), won[one.id]) for one in put_in])),
        (
            "By kind of group",
            rates([(KIND_WORDS.get(one.group.kind, "Groups with rules of their own"), won[one.id]) for one in put_in]),
        ),
        (
            "By help with writing",
            rates(
                [(HELP_WORDS[one.help_received] if one.help_received else "Not told", won[one.id]) for one in put_in]
            ),
        ),
    ]
