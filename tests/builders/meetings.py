"""Panels' meetings, planned or open."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from grants.allocation.service import runs
from grants.meetings import service
from grants.meetings.models import Meeting
from grants.meetings.rules import AgendaOrder
from tests.builders.allocation import Counted, a_counted_round
from tests.builders.people import actor_of
from tests.support.clock import START
from tests.support.work import work

PLACE = "Tilery Village Hall"


def a_planned_meeting(
    session: Session, counted: Counted | None = None, order: AgendaOrder = AgendaOrder.RESULT
) -> tuple[Counted, Meeting]:
    """The meeting on four bids whose votes are worked out; of a panel of three, two must be free of an interest."""
    counted = counted or a_counted_round(session)
    steward = actor_of(session, counted.steward)
    runs.run(work(session, steward), counted.round.id)
    session.flush()
    when = START + timedelta(days=1)
    return counted, service.plan(work(session, steward), counted.round.id, when, PLACE, order)


def an_open_meeting(session: Session, counted: Counted | None = None) -> tuple[Counted, Meeting]:
    """The same, opened by its chair, with everybody there."""
    counted, meeting = a_planned_meeting(session, counted)
    chair = actor_of(session, counted.panel[0])
    service.begin(work(session, chair), counted.round.id)
    service.attend(work(session, chair), counted.round.id, [one.id for one in counted.panel])
    session.flush()
    return counted, meeting
