"""What is put into the bank of insights, and by whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.insights import service
from grants.insights.models import Insight
from grants.insights.rules import InsightDraft
from grants.kernel.actors import CLOCK, NOBODY, Actor, Role
from grants.kernel.errors import NotAllowed, RuleBroken
from grants.kernel.trail import AuditEvent
from tests.builders.actors import an_actor
from tests.builders.people import a_person
from tests.support.clock import START
from tests.support.work import work

DRAFT = InsightDraft(" People walk more where it is green. ", "A walk with 12 parents", "E05000001", date(2026, 3, 2))


@pytest.mark.parametrize("role", [Role.STEWARD, Role.CONNECTOR])
def test_stewards_and_connectors_add_what_they_heard(session: Session, role: Role) -> None:
    person = a_person(session, role)
    insight = service.add(work(session, an_actor(role, id=person.id)), DRAFT)
    session.flush()
    assert (insight.text, insight.recorded_at) == ("People walk more where it is green.", START)
    event = session.scalars(select(AuditEvent)).one()
    assert (event.verb, event.subject_id, event.body) == ("insight.added", insight.id, {})


@pytest.mark.parametrize(
    "actor", [NOBODY, CLOCK, *(an_actor(role) for role in sorted(set(Role) - {Role.STEWARD, Role.CONNECTOR}))]
)
def test_nobody_else_adds_to_the_bank(session: Session, actor: Actor) -> None:
    with pytest.raises(NotAllowed):
        service.add(work(session, actor), DRAFT)
    assert session.scalars(select(Insight)).all() == []


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"text": " "}, "text"), ({"how_heard": ""}, "how_heard"), ({"heard_on": date(2026, 3, 3)}, "heard_on")],
)
def test_what_cannot_be_is_refused(session: Session, changed: dict[str, object], field: str) -> None:
    with pytest.raises(RuleBroken) as refused:
        service.add(work(session, an_actor(Role.STEWARD)), replace(DRAFT, **changed))  # type: ignore[arg-type]
    assert refused.value.field == field
