"""What needs somebody: one query for all stages together, however much waits, on both databases."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from grants.awards.rules import AwardState
from grants.funds.rules import ContributionState
from grants.kernel.actors import Actor, Grant, Rights, Role
from grants.kernel.asking import Together, Who
from grants.kernel.statements import line_of
from grants.people import queries as people
from grants.people.models import Group, Person
from grants.rounds.rules.states import RoundState
from grants.web import needs
from grants.web.needs import all_needs, rows_for
from tests.builders.awards import an_award
from tests.builders.funds import a_contribution
from tests.builders.issues import an_issue
from tests.builders.people import a_group, a_member, a_person, actor_of
from tests.builders.priorities import a_priority
from tests.builders.rounds import a_round
from tests.support.clock import START
from tests.support.sign_in import signed_in
from tests.support.statements import statements

ALL = frozenset(Grant(role) for role in Role)
NARROW = frozenset(Grant(role, uuid4()) for role in Role)


def somebody(grants: frozenset[Grant], groups: int) -> Actor:
    held = {uuid4(): Rights(edit=True, sign_off=True) for _ in range(groups)}
    return Actor(id=uuid4(), name="Somebody", grants=grants, groups=MappingProxyType(held))


@pytest.mark.parametrize("actor", [somebody(ALL, 3), somebody(NARROW, 1), somebody(frozenset(), 0)])
def test_every_stage_is_asked_together_on_both_databases(any_session: Session, app: Flask, actor: Actor) -> None:
    who = Who(actor)
    queries = [query for need in needs._needs if (query := need.asks(who)) is not None]
    rows = Together(lambda: queries).rows(line_of(any_session.connection()), who.values(actor, START))
    assert rows == [[] for _ in queries]
    assert len(queries) > 30 or not actor.grants


def test_those_with_the_same_roles_and_as_many_groups_share_a_statement(
    app: Flask, app_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.extensions, "needs", {})
    first, second = a_group(app_session), a_group(app_session)
    two = [actor_of(app_session, a_member(app_session, group)) for group in (first, second)]
    app_session.commit()
    with app.test_request_context():
        found = [rows_for([people.my_groups], actor, START) for actor in two]
        assert found == [[[(first.id, first.name)]], [[(second.id, second.name)]]]
        assert len(app.extensions["needs"]) == 1


def test_no_more_shapes_are_kept_than_it_is_said(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "MOST_SHAPES", 3)
    monkeypatch.setitem(app.extensions, "needs", {})
    with app.test_request_context():
        for role in Role:
            rows_for([people.my_groups], somebody(frozenset({Grant(role)}), 1), START)
    assert len(app.extensions["needs"]) == 3


def test_what_falls_due_first_stands_first(app: Flask, app_session: Session) -> None:
    group = a_group(app_session)
    signer = actor_of(app_session, a_member(app_session, group))
    late, soon = (
        an_award(app_session, state=AwardState.OFFERED, group=group, answer_by=START + timedelta(days=days))
        for days in (9, 2)
    )
    app_session.commit()
    with app.test_request_context():
        found, [groups] = all_needs(signer, START, people.my_groups)
    assert [need.href for need in found if need.due_at] == [f"/awards/{one.id}/answer" for one in (soon, late)]
    assert groups == [(group.id, group.name)]


def _work(session: Session, person: Person, group: Group, much: int) -> None:
    for _ in range(much):
        an_issue(session)
        a_priority(session)
        a_contribution(session, amount_minor=100_00, state=ContributionState.PLEDGED)
        a_contribution(session, amount_minor=100_00, received_minor=50_00)
        for state in (RoundState.DRAFT, RoundState.CLOSED, RoundState.CHECKING, RoundState.PANEL):
            a_round(session, state)
        an_award(session, state=AwardState.OFFERED, group=group)
        an_award(session, state=AwardState.ACCEPTED, group=group)
        a_member(session, a_group(session), person)
    session.commit()


def test_every_home_takes_two_queries_with_little_and_with_much(app: Flask, app_session: Session) -> None:
    group = a_group(app_session)
    people_of = {role: a_person(app_session, role) for role in Role}
    for person in people_of.values():
        a_member(app_session, group, person)
    clients = {role: signed_in(app, app_session, person) for role, person in people_of.items()}
    for much in (0, 1, 4):
        for person in people_of.values():
            _work(app_session, person, group, much if person is people_of[Role.STEWARD] else 0)
        for role, client in clients.items():
            client.get("/home")
            with statements(app) as heard:
                assert client.get("/home").status_code == 200
            asked = [one for one in heard if one.startswith(("SELECT", "WITH"))]
            assert len(asked) <= 2, f"{role} with {much}: {asked}"
