"""What the first pages show of every stage: few queries, however much there is."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.orm import Session

from grants.awards.models import Award
from grants.awards.rules import AwardState
from grants.issues.models import Issue
from grants.issues.rules import IssueState
from grants.ledger.models import Account
from grants.ledger.rules import Pocket
from grants.people.models import Group
from grants.priorities.models import Priority
from grants.priorities.rules import PriorityState
from grants.proposals.models import Proposal
from grants.reports.models import Report
from grants.reports.rules import ReportState
from grants.rounds import queries as rounds
from grants.rounds.models import Round
from grants.rounds.rules import RoundState
from grants.voting.models import Tally

NOT_GRANTED = (AwardState.OFFERED, AwardState.DECLINED, AwardState.LAPSED)


@dataclass(frozen=True, slots=True)
class Figures:
    """What has come of it so far. Votes are those of counted rounds: while people vote, nothing is told."""

    issues: int
    priorities: int
    groups_funded: int
    votes: int
    left_minor: int
    paid_minor: int


def figures(session: Session) -> Figures:
    """All figures in one query."""
    row = session.execute(
        select(
            select(func.count()).where(Issue.state != IssueState.HIDDEN).scalar_subquery(),
            select(func.count()).where(Priority.state == PriorityState.AGREED).scalar_subquery(),
            select(func.count(Award.group_id.distinct())).where(Award.state.not_in(NOT_GRANTED)).scalar_subquery(),
            select(func.coalesce(func.sum(Tally.ballot_count), 0)).scalar_subquery(),
            _in_pocket(Pocket.AVAILABLE),
            _in_pocket(Pocket.PAID),
        )
    ).one()
    return Figures(*(int(value) for value in row))


def _in_pocket(pocket: Pocket) -> ScalarSelect[int]:
    # A pocket is a liability in the books, so its balance is negative.
    return select(func.coalesce(-func.sum(Account.balance_minor), 0)).where(Account.pocket == pocket).scalar_subquery()


def open_now(session: Session, now: datetime, *, limit: int = 4) -> list[tuple[Round, RoundState]]:
    """Rounds in which people can do something now, or soon: voting first, then open, then the next to open."""
    order = [RoundState.VOTING, RoundState.OPEN, RoundState.SCHEDULED]
    found = [(one, rounds.phase(one, now)) for one in rounds.public_rounds(session, limit=50)]
    live = [(one, phase) for one, phase in found if phase in order]
    return sorted(live, key=lambda pair: (order.index(pair[1]), pair[0].opens_at, pair[0].title))[:limit]


@dataclass(frozen=True, slots=True)
class Done:
    """You said, we did: a priority, and what a funded group reports of it."""

    award_id: UUID
    said: str
    did: str
    group: str
    amount_minor: int
    words: str
    at: datetime


def done(session: Session, *, limit: int = 3) -> list[Done]:
    """What was done lately, by accepted reports, newest first."""
    rows = session.execute(
        select(
            Award.id,
            Priority.title,
            Proposal.title,
            Group.name,
            Award.amount_minor,
            Report.what_happened,
            Report.accepted_at,
        )
        .join(Award, Report.award_id == Award.id)
        .join(Priority, Award.priority_id == Priority.id)
        .join(Proposal, Award.proposal_id == Proposal.id)
        .join(Group, Award.group_id == Group.id)
        .where(Report.state == ReportState.ACCEPTED, Report.accepted_at.is_not(None))
        .order_by(Report.accepted_at.desc(), Report.id)
        .limit(limit)
    )
    return [Done(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Answered:
    """You said, we did: an issue and its answer."""

    issue_id: UUID
    said: str
    answer: str
    at: datetime


def answered(session: Session, *, limit: int = 3) -> list[Answered]:
    """Issues that were answered lately, newest first."""
    rows = session.execute(
        select(Issue.id, Issue.title, Issue.answer, Issue.answered_at)
        .where(
            Issue.state.in_((IssueState.ANSWERED, IssueState.TAKEN_UP, IssueState.CLOSED)),
            Issue.answer.is_not(None),
            Issue.answered_at.is_not(None),
        )
        .order_by(Issue.answered_at.desc(), Issue.id)
        .limit(limit)
    )
    return [Answered(*row) for row in rows]
