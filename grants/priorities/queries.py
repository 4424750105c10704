"""What the community agreed, and how it came to that."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from grants.insights.models import Insight
from grants.issues.models import Issue
from grants.issues.rules import LISTED
from grants.kernel.actors import Role
from grants.kernel.asking import Who
from grants.kernel.trail import AuditEvent
from grants.priorities import rules
from grants.priorities.models import (
    ConnectedAction,
    Consultation,
    Priority,
    PriorityBacking,
    PriorityInsight,
    PriorityIssue,
    PriorityVersion,
)
from grants.priorities.rules import PriorityState, Standing

LONGEST_LIST = 200


def find(session: Session, priority_id: UUID) -> Priority | None:
    """The priority, whatever its state."""
    return session.get(Priority, priority_id)


def agreed(session: Session) -> list[Priority]:
    """Every priority that is agreed now, by title."""
    return list(
        session.scalars(
            select(Priority).where(Priority.state == PriorityState.AGREED).order_by(Priority.title, Priority.id)
        )
    )


def titles(session: Session, ids: Collection[UUID]) -> dict[UUID, str]:
    """Titles by id."""
    return dict(session.execute(select(Priority.id, Priority.title).where(Priority.id.in_(ids))).tuples().all())


def all_of(session: Session) -> list[Priority]:
    """Every priority in every state, by title; at most 200."""
    return list(session.scalars(select(Priority).order_by(Priority.title, Priority.id).limit(LONGEST_LIST)))


def suggested(session: Session) -> list[Priority]:
    """What was suggested and not yet put to the community, by title; at most 200."""
    return list(
        session.scalars(
            select(Priority)
            .where(Priority.state == PriorityState.SUGGESTED)
            .order_by(Priority.title, Priority.id)
            .limit(LONGEST_LIST)
        )
    )


def evidence_counts(session: Session, ids: Collection[UUID]) -> dict[UUID, tuple[int, int]]:
    """How many issues and how many insights each priority rests on. Two queries."""
    issues = _counted(session, select(PriorityIssue.priority_id, func.count()), PriorityIssue, ids)
    insights = _counted(session, select(PriorityInsight.priority_id, func.count()), PriorityInsight, ids)
    return {id: (issues.get(id, 0), insights.get(id, 0)) for id in ids}


def _counted(
    session: Session,
    query: Select[tuple[UUID, int]],
    link: type[PriorityIssue] | type[PriorityInsight],
    ids: Collection[UUID],
) -> dict[UUID, int]:
    return dict(session.execute(query.where(link.priority_id.in_(ids)).group_by(link.priority_id)).tuples().all())


def issues_of(session: Session, priority_id: UUID) -> list[Issue]:
    """The issues that it rests on, those with most support first; in place of a merged one stands the other."""
    picked = select(func.coalesce(Issue.merged_into_id, Issue.id)).join(
        PriorityIssue, PriorityIssue.issue_id == Issue.id
    )
    return list(
        session.scalars(
            select(Issue)
            .where(Issue.id.in_(picked.where(PriorityIssue.priority_id == priority_id)), Issue.state.in_(LISTED))
            .order_by(Issue.support_count.desc(), Issue.title, Issue.id)
            .limit(LONGEST_LIST)
        )
    )


def insights_of(session: Session, priority_id: UUID) -> list[Insight]:
    """The insights that it rests on, the newest first."""
    return list(
        session.scalars(
            select(Insight)
            .join(PriorityInsight, PriorityInsight.insight_id == Insight.id)
            .where(PriorityInsight.priority_id == priority_id)
            .order_by(Insight.recorded_at.desc(), Insight.id)
            .limit(LONGEST_LIST)
        )
    )


def of_issue(session: Session, issue_id: UUID) -> list[Priority]:
    """The priorities that rest on this issue, or on one that was merged into it, and that everybody may read."""
    joined = select(PriorityIssue.priority_id).join(Issue, Issue.id == PriorityIssue.issue_id)
    rests = joined.where(or_(Issue.id == issue_id, Issue.merged_into_id == issue_id))
    found = session.scalars(select(Priority).where(Priority.id.in_(rests)).order_by(Priority.title, Priority.id))
    return [priority for priority in found if is_public(priority)]


def is_public(priority: Priority) -> bool:
    """Whether everybody may read it: it was put to the community or agreed."""
    return priority.state in rules.PUBLIC or priority.consultation_id is not None or priority.agreed_on is not None


def versions(session: Session, priority_id: UUID) -> list[PriorityVersion]:
    """What was agreed each time, the latest first."""
    return list(
        session.scalars(
            select(PriorityVersion)
            .where(PriorityVersion.priority_id == priority_id)
            .order_by(PriorityVersion.version.desc())
            .limit(LONGEST_LIST)
        )
    )


def actions(session: Session, priority_id: UUID) -> list[ConnectedAction]:
    """What partners do about it, the latest news first."""
    return list(
        session.scalars(
            select(ConnectedAction)
            .where(ConnectedAction.priority_id == priority_id)
            .order_by(ConnectedAction.updated_at.desc(), ConnectedAction.id)
            .limit(LONGEST_LIST)
        )
    )


def action(session: Session, action_id: UUID) -> ConnectedAction | None:
    """One partner's action."""
    return session.get(ConnectedAction, action_id)


def consultation(session: Session, consultation_id: UUID) -> Consultation | None:
    """One asking of the community."""
    return session.get(Consultation, consultation_id)


def asked_about(session: Session, consultation_id: UUID) -> list[Priority]:
    """The priorities that were put to the community together, by title."""
    return list(
        session.scalars(
            select(Priority)
            .where(Priority.consultation_id == consultation_id)
            .order_by(Priority.title, Priority.id)
            .limit(LONGEST_LIST)
        )
    )


def waiting_for_a_meeting(who: Who) -> Select[Any] | None:
    """For stewards: priorities about which the asking has ended and no meeting has agreed yet, the earliest first.

    Id, title, the moment when the asking ended.
    """
    if not who.holds(Role.STEWARD):
        return None
    return (
        select(Priority.id, Priority.title, Priority.consultation_closes_at)
        .where(Priority.state == PriorityState.CONSULTED, Priority.consultation_closes_at <= who.now)
        .order_by(Priority.consultation_closes_at, Priority.title, Priority.id)
        .limit(LONGEST_LIST)
    )


def choices_of(session: Session, consultation_id: UUID, person_id: UUID | None) -> dict[int, UUID]:
    """What this person chose: place → priority."""
    rows = session.execute(
        select(PriorityBacking.place, PriorityBacking.priority_id)
        .join(Priority, Priority.id == PriorityBacking.priority_id)
        .where(Priority.consultation_id == consultation_id, PriorityBacking.person_id == person_id)
    )
    return dict(rows.tuples().all())


@dataclass(frozen=True, slots=True)
class Results:
    """How an asking came out. Only to be shown once it has ended."""

    standings: list[tuple[Priority, Standing]]
    turnout_count: int


def results(session: Session, consultation_id: UUID) -> Results:
    """Points and places of every priority asked about, and how many people took part. Three queries."""
    asked = {priority.id: priority for priority in asked_about(session, consultation_id)}
    counts = session.execute(
        select(PriorityBacking.priority_id, PriorityBacking.place, func.count())
        .where(PriorityBacking.priority_id.in_(asked))
        .group_by(PriorityBacking.priority_id, PriorityBacking.place)
    )
    ordered = rules.standings(asked, {(id, place): count for id, place, count in counts})
    turnout = session.scalar(
        select(func.count(PriorityBacking.person_id.distinct())).where(PriorityBacking.priority_id.in_(asked))
    )
    return Results([(asked[one.priority_id], one) for one in ordered], turnout or 0)


STEPS_SHOWN = (
    "priority.suggested",
    "priority.consulted",
    "priority.agreed",
    "priority.revised",
    "priority.retired",
    "priority.action_added",
    "priority.action_updated",
)


def steps_of(session: Session, priority_id: UUID) -> list[AuditEvent]:
    """The public steps in its life, the oldest first; at most 200."""
    return list(
        session.scalars(
            select(AuditEvent)
            .where(
                AuditEvent.subject_type == Priority.__tablename__,
                AuditEvent.subject_id == priority_id,
                AuditEvent.verb.in_(STEPS_SHOWN),
            )
            .order_by(AuditEvent.at, AuditEvent.id)
            .limit(LONGEST_LIST)
        )
    )
