"""The trail: who did what when, and how things stood at a moment by it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from grants.audit.rules import Step, last_states
from grants.awards.models import Agreement
from grants.disbursements.models import Disbursement
from grants.kernel.trail import AuditEvent
from grants.reports.models import Report

TRAIL_PAGE = 50


@dataclass(frozen=True, slots=True)
class TrailFilter:
    """What part of the trail is wanted; empty parts want all."""

    verb: str = ""
    subject_type: str = ""
    subject_ids: tuple[UUID, ...] = ()
    actor_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


def trail(session: Session, wanted: TrailFilter, *, page: int = 1) -> tuple[list[AuditEvent], int]:
    """One page of the trail, newest first, and how many entries there are in all."""
    where: list[ColumnElement[bool]] = []
    if wanted.verb:
        exact = AuditEvent.verb == wanted.verb
        where.append(exact if "." in wanted.verb else AuditEvent.verb.startswith(f"{wanted.verb}.", autoescape=True))
    if wanted.subject_type:
        where.append(AuditEvent.subject_type == wanted.subject_type)
    if wanted.subject_ids:
        where.append(AuditEvent.subject_id.in_(wanted.subject_ids))
    if wanted.actor_id:
        where.append(AuditEvent.actor_id == wanted.actor_id)
    if wanted.since:
        where.append(AuditEvent.at >= wanted.since)
    if wanted.until:
        where.append(AuditEvent.at <= wanted.until)
    events = session.scalars(
        select(AuditEvent)
        .where(*where)
        .order_by(AuditEvent.at.desc(), AuditEvent.verb, AuditEvent.id)
        .limit(TRAIL_PAGE)
        .offset((page - 1) * TRAIL_PAGE)
    )
    return list(events), session.scalar(select(func.count(AuditEvent.id)).where(*where)) or 0


def parts_of_award(session: Session, award_id: UUID) -> tuple[UUID, ...]:
    """The award itself, with its agreements, payments and reports: what its trail is about."""
    found = [award_id]
    for part in (Agreement, Disbursement, Report):
        found += session.scalars(select(part.id).where(part.award_id == award_id).order_by(part.id))
    return tuple(found)


def verbs(session: Session) -> list[str]:
    """Every verb that stands in the trail."""
    return list(session.scalars(select(AuditEvent.verb).distinct().order_by(AuditEvent.verb)))


def states_at(
    session: Session, subject_type: str, as_at: datetime, ids: Collection[UUID] | None = None
) -> dict[UUID, str]:
    """The state each thing of this kind was in at a moment, by the trail; what was not there yet is left out."""
    where = [AuditEvent.subject_type == subject_type, AuditEvent.after.is_not(None), AuditEvent.at <= as_at]
    if ids is not None:
        where.append(AuditEvent.subject_id.in_(ids))
    last = (
        select(AuditEvent.subject_id, func.max(AuditEvent.at).label("at"))
        .where(*where)
        .group_by(AuditEvent.subject_id)
        .subquery()
    )
    rows = session.execute(
        select(AuditEvent.subject_id, AuditEvent.at, AuditEvent.before, AuditEvent.after)
        .join(last, and_(last.c.subject_id == AuditEvent.subject_id, last.c.at == AuditEvent.at))
        .where(*where)
        .order_by(AuditEvent.id)
    )
    return last_states([Step(id, at, before, after) for id, at, before, after in rows if after is not None])


KINDS = ("round", "proposal", "award", "disbursement", "report", "contribution", "priority", "issue")


def counts_at(session: Session, as_at: datetime) -> dict[str, dict[str, int]]:
    """Per kind of thing, how many stood in which state at a moment, by the trail."""
    found: dict[str, dict[str, int]] = {}
    for kind in KINDS:
        counted: dict[str, int] = {}
        for state in states_at(session, kind, as_at).values():
            counted[state] = counted.get(state, 0) + 1
        if counted:
            found[kind] = dict(sorted(counted.items()))
    return found
