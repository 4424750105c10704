"""Priorities, their versions, and the action connected to them."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import count

from sqlalchemy.orm import Session

from grants.insights.models import Insight
from grants.issues.models import Issue
from grants.people.models import Person
from grants.priorities.models import (
    ConnectedAction,
    Consultation,
    Priority,
    PriorityBacking,
    PriorityInsight,
    PriorityIssue,
    PriorityVersion,
)
from grants.priorities.rules import ActionProgress, PriorityState
from tests.support.clock import START

_numbers = count(1)
MEETING = "Community forum in the town hall"


def a_priority(
    session: Session,
    *,
    title: str = "",
    state: PriorityState = PriorityState.AGREED,
    issues: tuple[Issue, ...] = (),
    insights: tuple[Insight, ...] = (),
    **fields: object,
) -> Priority:
    """A priority that was agreed, with its first version; other states have what belongs to them."""
    agreed = state in (PriorityState.AGREED, PriorityState.RETIRED)
    asked = state is not PriorityState.SUGGESTED
    if state is PriorityState.CONSULTED and "consultation_id" not in fields:
        closes_at = fields.setdefault("consultation_closes_at", START - timedelta(days=12))
        asking = Consultation(opened_at=START - timedelta(days=25), closes_at=closes_at)
        session.add(asking)
        session.flush()
        fields["consultation_id"] = asking.id
    priority = Priority(
        **{
            "title": title or f"Good food that we can afford {next(_numbers)}",
            "statement": "Everybody can get fresh food that they can afford, near where they live.",
            "state": state,
            "version": 1,
            "owner_name": "The food circle" if agreed else None,
            "agreed_on": date(2026, 2, 20) if agreed else None,
            "meeting": MEETING if agreed else None,
            "suggested_at": START - timedelta(days=30),
            "consultation_closes_at": START - timedelta(days=12) if asked else None,
            "turnout_count": 0 if agreed else None,
            "retired_reason": "It is done." if state is PriorityState.RETIRED else None,
            **fields,
        }
    )
    session.add(priority)
    session.flush()
    session.add_all(PriorityIssue(priority_id=priority.id, issue_id=issue.id) for issue in issues)
    session.add_all(PriorityInsight(priority_id=priority.id, insight_id=insight.id) for insight in insights)
    if agreed:
        session.add(
            PriorityVersion(
                priority_id=priority.id,
                version=1,
                title=priority.title,
                statement=priority.statement,
                owner_name=priority.owner_name or "",
                agreed_on=priority.agreed_on or date(2026, 2, 20),
                meeting=priority.meeting or MEETING,
            )
        )
    session.flush()
    return priority


def a_backing(session: Session, priority: Priority, person: Person, place: int = 1) -> PriorityBacking:
    """The place that somebody gave to a priority."""
    backing = PriorityBacking(priority_id=priority.id, person_id=person.id, place=place)
    session.add(backing)
    session.flush()
    return backing


def a_connected_action(session: Session, priority: Priority, **fields: object) -> ConnectedAction:
    """What a partner does about a priority, planned."""
    action = ConnectedAction(
        **{
            "priority_id": priority.id,
            "partner": "Good Food Local",
            "what": "A stall with fruit at the school gate on Fridays.",
            "progress": ActionProgress.PLANNED,
            "noted_at": START,
            "updated_at": START,
            **fields,
        }
    )
    session.add(action)
    session.flush()
    return action
