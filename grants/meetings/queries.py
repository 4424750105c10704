"""Meetings and their agendas. What a member who is out for a bid may not see, the views leave out."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload

from grants.allocation import queries as allocation
from grants.allocation.models import Decision
from grants.kernel.actors import Role
from grants.kernel.asking import Who
from grants.meetings.models import AgendaBid, Meeting
from grants.meetings.rules import MeetingState, lacks, spread_of
from grants.proposals.models import Proposal
from grants.review import queries as review
from grants.review.models import PanelFinding, PanelMember
from grants.rounds import queries as rounds
from grants.rounds.models import Round


@dataclass(frozen=True, slots=True)
class Item:
    """A bid on the agenda, with all that the meeting looks at. ``out``: members who are no part of it."""

    row: AgendaBid
    proposal: Proposal
    decision: Decision | None
    finding: PanelFinding | None
    out: frozenset[UUID]
    there: frozenset[UUID]
    present: frozenset[UUID]
    lacking: int
    spread: int

    @property
    def stepped_out(self) -> list[UUID]:
        """Who was at the meeting and took no part in this bid when it was settled: for the minutes."""
        return sorted(self.there - set(map(UUID, self.row.took_part)))


def of_round(session: Session, round_id: UUID) -> Meeting | None:
    """The meeting of a round's panel, if one is planned."""
    return session.scalar(select(Meeting).where(Meeting.round_id == round_id))


def rows(session: Session, meeting_id: UUID) -> list[AgendaBid]:
    """The agenda in its order; at most 2,000 bids."""
    return list(
        session.scalars(
            select(AgendaBid)
            .where(AgendaBid.meeting_id == meeting_id)
            .options(joinedload(AgendaBid.proposal).joinedload(Proposal.group))
            .order_by(AgendaBid.position)
            .limit(2_000)
        )
    )


def agenda(session: Session, round: Round, meeting: Meeting) -> list[Item]:
    """The agenda with what was found, what the rule says and who counts. Constant queries, however many bids."""
    quorum = rounds.rule_book(round).quorum
    here = frozenset(map(UUID, meeting.present))
    members = set(review.member_ids(session, meeting.round_id))
    standing = {one.proposal_id: one for one in allocation.decisions(session, meeting.round_id)}
    findings = review.findings(session, meeting.round_id)
    shut_out: dict[UUID, set[UUID]] = {}
    for proposal_id, person_id in review.shut_out(session, meeting.round_id):
        shut_out.setdefault(proposal_id, set()).add(person_id)
    items = []
    for row in rows(session, meeting.id):
        out = frozenset(shut_out.get(row.proposal_id, ())) & members
        finding = findings.get(row.proposal_id)
        items.append(
            Item(
                row=row,
                proposal=row.proposal,
                decision=standing.get(row.proposal_id),
                finding=finding,
                out=out,
                there=here,
                present=here - out,
                lacking=lacks(here, out, quorum),
                spread=spread_of(finding.by_criterion) if finding else 0,
            )
        )
    return items


def to_attend(who: Who) -> Select[Any] | None:
    """Meetings to come, or under way, of panels on which somebody sits; the first first.

    The round's id and title, the meeting's state, place and moment.
    """
    if not who.holds(Role.PANELLIST):
        return None
    return (
        select(Round.id, Round.title, Meeting.state, Meeting.place, Meeting.starts_at)
        .join(Meeting, Meeting.round_id == Round.id)
        .join(PanelMember, PanelMember.round_id == Round.id)
        .where(PanelMember.person_id == who.me, Meeting.state != MeetingState.CLOSED)
        .order_by(Meeting.starts_at, Meeting.id)
        .limit(25)
    )


def names_needed(items: Collection[Item], meeting: Meeting) -> set[UUID]:
    """Everybody whom the minutes name."""
    found = set(map(UUID, meeting.present)) | ({meeting.chair_id} if meeting.chair_id else set())
    for one in items:
        found |= one.out
    return found
