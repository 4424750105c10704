"""Every bid with its result, as the desk and the results show it."""

from uuid import UUID

from grants.allocation import queries
from grants.allocation.exports import Line
from grants.proposals import queries as proposals
from grants.voting import queries as voting
from grants.web.db import reading
from grants.web.session import current_actor


def lines_of(round_id: UUID) -> list[Line]:
    """Every bid with its result, in the order of votes; a bounded number of queries."""
    actor = current_actor()
    decisions, before = queries.told(reading(), round_id)
    bids = {bid.id: bid for bid in proposals.by_ids(reading(), [one.proposal_id for one in decisions])}
    costs = {line.proposal_id: line.cost_minor for line in voting.ballot_lines(reading(), round_id)}
    lines = []
    for one in decisions:
        bid = bids[one.proposal_id]
        old = before.get(one.follows_id) if one.follows_id else None
        lines.append(
            Line(
                decision_id=one.id,
                proposal_id=bid.id,
                number=bid.number,
                title=bid.title,
                group_name=bid.group.name,
                place=one.rank,
                votes=one.votes,
                asked_minor=costs.get(bid.id, bid.applied_for_minor),
                awarded_minor=one.awarded_minor,
                verdict=one.verdict.value,
                ruled=one.details.get("ruled", one.verdict.value),
                reason_code=one.reason_code,
                reason=one.reason,
                enough=one.details.get("enough", ""),
                departure_reason=one.departure_reason or "",
                left_before_minor=one.details.get("left_before_minor"),
                corrected=old.reason if old else "",
                mine=bid.group_id in actor.groups,
                reserve=one.details.get("reserve"),
            )
        )
    return lines
