"""Every bid with its result, as the desk and the results show it."""

from uuid import UUID

from grants.allocation import queries
from grants.allocation.exports import Line
from grants.allocation.rules.states import DecisionState
from grants.review import queries as review
from grants.rounds import queries as rounds
from grants.web.db import reading
from grants.web.session import current_actor


def lines_of(round_id: UUID) -> list[Line]:
    """Every bid with its result, in the order of votes.

    Before the announcement somebody who sits on the panel is not shown bids in which they have an interest.
    """
    actor, rows, hidden = current_actor(), queries.lines(reading(), round_id), not_for(round_id)
    before = {row.id: row.reason for row in rows if row.state is DecisionState.SUPERSEDED}
    return [
        Line(
            decision_id=row.id,
            proposal_id=row.proposal_id,
            number=row.number,
            title=row.title,
            group_name=row.group_name,
            place=row.rank,
            votes=row.votes,
            asked_minor=row.asked_minor,
            awarded_minor=row.awarded_minor,
            verdict=row.verdict.value,
            ruled=row.details.get("ruled", row.verdict.value),
            reason_code=row.reason_code,
            reason=row.reason,
            enough=row.details.get("enough", ""),
            departure_reason=row.departure_reason or "",
            left_before_minor=row.details.get("left_before_minor"),
            corrected=before.get(row.follows_id, ""),
            mine=row.group_id in actor.groups,
            reserve=row.details.get("reserve"),
            conditions=row.conditions or "",
        )
        for row in rows
        if row.state is not DecisionState.SUPERSEDED and row.proposal_id not in hidden
    ]


def not_for(round_id: UUID) -> set[UUID]:
    """Bids of which whoever looks may learn nothing before the announcement."""
    me = current_actor().id
    if not review.is_panellist(reading(), round_id, me):
        return set()
    if queries.is_announced(rounds.round_with_fund(reading(), round_id)):
        return set()
    return {bid for bid, person in review.shut_out(reading(), round_id) if person == me}
