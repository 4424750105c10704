"""How much work applying is, where people give up, and who gets through: numbers without names."""

from uuid import UUID

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from grants.kernel.actors import Role
from grants.kernel.errors import NotAllowed
from grants.proposals.queries import measured
from grants.proposals.rules.measures import (
    SMALLEST_CELL,
    average_minutes,
    gave_up,
    minutes_per_hundred,
    stopped,
    success,
)
from grants.proposals.rules.sections import SECTION_TITLES, Section
from grants.rounds import queries as rounds
from grants.rounds.rules.states import RoundState
from grants.web.db import now, reading
from grants.web.doors import signed_in
from grants.web.outside import geography
from grants.web.session import current_actor

bp = Blueprint("proposal_measures", __name__)

TOLD = (RoundState.ANNOUNCED, RoundState.COMPLETED)
READERS = (Role.STEWARD, Role.FINANCE_OFFICER, Role.AUDITOR)


@bp.get("/rounds/<uuid:round_id>/measures")
@signed_in(Role.STEWARD, Role.FINANCE_OFFICER, Role.AUDITOR, Role.ADMIN, Role.FUNDER)
def measures(round_id: UUID) -> ResponseReturnValue:
    """Minutes for each £100, where people give up; once the decision is told, who gets through."""
    round, actor = rounds.published(reading(), round_id), current_actor()
    looks = any(actor.has(role, round.fund_id) for role in READERS) or actor.has(Role.ADMIN) or actor.has(Role.FUNDER)
    if not looks:
        raise NotAllowed("Only those who look after this fund, and funders, see this.")
    effort = measured.effort(reading(), round_id)
    enough = sum(saves for saves, _ in effort.values()) >= SMALLEST_CELL
    seconds = sum(taken for _, taken in effort.values()) if enough else 0
    told = rounds.phase(round, now()) in TOLD
    wards = {ward.code: ward.name for ward in geography().wards()}
    halted, seldom = stopped(measured.eligibility_counts(reading(), round_id))
    return render_template(
        "proposals/measures.html",
        round=round,
        per_hundred=minutes_per_hundred(seconds, measured.asked_in(reading(), round_id)),
        by_section=[
            (SECTION_TITLES[one], minutes)
            for one in Section
            if (minutes := average_minutes(*effort.get(one.value, (0, 0)))) is not None
        ],
        gave_up=gave_up(measured.abandoned(reading(), round_id)),
        stopped=halted,
        seldom=seldom,
        announced=told,
        success=success(measured.outcomes(reading(), round_id, wards)) if told else [],
        smallest=SMALLEST_CELL,
    )
