"""Reports and outcomes. Read only."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, bindparam, func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from grants.awards.models import Award
from grants.awards.rules import AwardState
from grants.kernel.actors import Role
from grants.kernel.asking import Prepared, Who
from grants.people.models import Group
from grants.priorities.models import Priority
from grants.proposals.models import Proposal
from grants.reports.models import Measure, Picture, Report
from grants.reports.rules import ReportState

PAGE = 24


@dataclass(frozen=True, slots=True)
class OutcomeLine:
    """An accepted report in a list: who did what, and what changed. Pence."""

    award_id: UUID
    title: str
    group_name: str
    priority_title: str
    amount_minor: int
    what_happened: str
    what: str | None
    numerator: int | None
    denominator: int | None
    accepted_at: datetime


@dataclass(frozen=True, slots=True)
class ReportLine:
    """A report that waits for somebody."""

    id: UUID
    award_id: UUID
    fund_id: UUID
    title: str
    group_name: str
    due_on: date
    state: ReportState


def report(session: Session, report_id: UUID) -> Report | None:
    """A report with all its parts."""
    return session.scalar(_whole().where(Report.id == report_id))


def of_award(session: Session, award_id: UUID) -> Report | None:
    """An award's report, if one is scheduled."""
    return session.scalar(_whole().where(Report.award_id == award_id).order_by(Report.due_on).limit(1))


def _whole() -> Select[tuple[Report]]:
    return select(Report).options(
        joinedload(Report.award).joinedload(Award.proposal),
        joinedload(Report.award).joinedload(Award.group),
        selectinload(Report.measures),
        selectinload(Report.pictures),
    )


def picture(session: Session, picture_id: UUID) -> tuple[Picture, Report] | None:
    """A picture with its report."""
    row = session.execute(
        select(Picture, Report)
        .join(Report, Report.id == Picture.report_id)
        .options(joinedload(Report.award))
        .where(Picture.id == picture_id)
    ).one_or_none()
    return (row[0], row[1]) if row is not None else None


def _outcomes(*where: ColumnElement[bool]) -> Select[Any]:
    return (
        select(
            Award.id,
            Proposal.title,
            Group.name,
            Priority.title,
            Award.amount_minor,
            func.coalesce(Report.what_happened, ""),
            Measure.what,
            Measure.numerator,
            Measure.denominator,
            Report.accepted_at,
        )
        .join(Award, Award.id == Report.award_id)
        .join(Proposal, Proposal.id == Award.proposal_id)
        .join(Group, Group.id == Award.group_id)
        .join(Priority, Priority.id == Award.priority_id)
        .outerjoin(Measure, (Measure.report_id == Report.id) & (Measure.position == 1))
        .where(Report.state == ReportState.ACCEPTED, *where)
        .order_by(Report.accepted_at.desc(), Report.id)
    )


def outcomes(session: Session, *, page: int = 1, size: int = PAGE) -> tuple[list[OutcomeLine], int]:
    """One page of accepted reports, the newest first, and how many there are in all."""
    total = session.scalar(select(func.count()).select_from(Report).where(Report.state == ReportState.ACCEPTED))
    rows = session.execute(_outcomes().limit(size).offset((page - 1) * size))
    return [OutcomeLine(*row) for row in rows], total or 0


def outcomes_of_priority(session: Session, priority_id: UUID, *, limit: int = 50) -> list[OutcomeLine]:
    """What changed for a priority, the newest first."""
    return [OutcomeLine(*row) for row in session.execute(_outcomes(Award.priority_id == priority_id).limit(limit))]


def outcomes_of_group(session: Session, group_id: UUID, *, limit: int = 50) -> list[OutcomeLine]:
    """What a group has changed, the newest first."""
    return [OutcomeLine(*row) for row in session.execute(_outcomes(Award.group_id == group_id).limit(limit))]


def outcome_of_proposal(session: Session, proposal_id: UUID) -> OutcomeLine | None:
    """What came of an award, as the proposal's page tells it, or nothing."""
    found = _of_proposal().told(session, proposal_id=proposal_id)
    return OutcomeLine(*found[0]) if found else None


@cache
def _of_proposal() -> Prepared:
    return Prepared(lambda: _outcomes(Award.proposal_id == bindparam("proposal_id", None, type_=Uuid())).limit(1))


def _lines(*where: ColumnElement[bool]) -> Select[Any]:
    return (
        select(Report.id, Report.award_id, Award.fund_id, Proposal.title, Group.name, Report.due_on, Report.state)
        .join(Award, Award.id == Report.award_id)
        .join(Proposal, Proposal.id == Award.proposal_id)
        .join(Group, Group.id == Award.group_id)
        .where(*where)
        .order_by(Report.due_on, Report.id)
    )


def to_write(session: Session, group_ids: Collection[UUID], until: date) -> list[ReportLine]:
    """Reports that these groups owe by that day, and those that came back with a question."""
    rows = session.execute(_lines(*_to_write(group_ids, until)).limit(50))
    return [ReportLine(*row) for row in rows]


def to_write_for(who: Who) -> Select[Any] | None:
    """Reports that groups somebody writes for owe within four weeks, and those that came back with a question."""
    mine = who.edits
    return _lines(*_to_write(mine, who.day(timedelta(days=28)))).limit(50) if mine else None


def _to_write(group_ids: Any, until: Any) -> tuple[ColumnElement[bool], ...]:
    return (
        Award.group_id.in_(group_ids),
        (Report.state == ReportState.QUERIED)
        | (Report.state.in_((ReportState.SCHEDULED, ReportState.DRAFT)) & (Report.due_on <= until)),
    )


def to_accept(who: Who) -> Select[Any] | None:
    """For stewards: reports that wait for one, the one due first at the top."""
    if not who.holds(Role.STEWARD):
        return None
    return _lines(Report.state == ReportState.SUBMITTED, who.within(Award.fund_id, Role.STEWARD)).limit(50)


def listed(
    session: Session, states: Collection[ReportState], *, page: int = 1, size: int = 25
) -> tuple[list[ReportLine], int]:
    """One page of reports in these states, the one due first at the top, and how many there are in all."""
    total = session.scalar(select(func.count()).select_from(Report).where(Report.state.in_(states)))
    rows = session.execute(_lines(Report.state.in_(states)).limit(size).offset((page - 1) * size))
    return [ReportLine(*row) for row in rows], total or 0


def unwritten(session: Session, until: date, *, limit: int = 500) -> list[Report]:
    """Reports due by that day that are not handed in, of awards that are not over."""
    return list(
        session.scalars(
            _whole()
            .join(Award, Award.id == Report.award_id)
            .where(
                Report.state.in_((ReportState.SCHEDULED, ReportState.DRAFT)),
                Report.due_on <= until,
                Award.state.in_((AwardState.ACTIVE, AwardState.ON_HOLD)),
            )
            .order_by(Report.due_on, Report.id)
            .limit(limit)
        )
    )


def without_report(session: Session, *, limit: int = 500) -> list[UUID]:
    """Awards under way that have no report yet."""
    return list(
        session.scalars(
            select(Award.id)
            .where(Award.state == AwardState.ACTIVE, Award.id.not_in(select(Report.award_id)))
            .order_by(Award.offered_at, Award.id)
            .limit(limit)
        )
    )
