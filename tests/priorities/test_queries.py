"""Lists and results of priorities."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from grants.issues.rules import IssueState
from grants.kernel.actors import Role
from grants.priorities import queries, service
from grants.priorities.rules import PriorityState
from tests.builders.actors import an_actor
from tests.builders.insights import an_insight
from tests.builders.issues import an_issue
from tests.builders.people import a_person
from tests.builders.priorities import a_backing, a_priority
from tests.support.asking import asked
from tests.support.clock import START
from tests.support.work import work


def test_agreed_are_those_that_are_agreed_now_by_title(session: Session) -> None:
    food = a_priority(session, title="Food")
    active = a_priority(session, title="Active")
    for state in set(PriorityState) - {PriorityState.AGREED}:
        a_priority(session, state=state)
    assert queries.agreed(session) == [active, food]
    assert queries.titles(session, [food.id, active.id]) == {food.id: "Food", active.id: "Active"}


def test_in_place_of_a_merged_issue_stands_the_other_once(any_session: Session) -> None:
    session = any_session
    into = an_issue(session)
    merged = an_issue(session, state=IssueState.MERGED, merged_into_id=into.id)
    hidden = an_issue(session, state=IssueState.HIDDEN)
    priority = a_priority(session, issues=(into, merged, hidden))
    assert queries.issues_of(session, priority.id) == [into]


def test_an_issue_tells_what_it_is_part_of_also_through_what_was_merged_into_it(session: Session) -> None:
    into = an_issue(session)
    merged = an_issue(session, state=IssueState.MERGED, merged_into_id=into.id)
    agreed = a_priority(session, issues=(merged,))
    a_priority(session, issues=(into,), state=PriorityState.SUGGESTED)
    assert queries.of_issue(session, into.id) == [agreed]


def test_the_results_add_up_places_of_those_asked_about_together(any_session: Session) -> None:
    session = any_session
    a, b = (a_priority(session, title=title, state=PriorityState.SUGGESTED) for title in "AB")
    asking = service.consult(work(session, an_actor(Role.STEWARD)), [a.id, b.id], START + timedelta(days=1))
    apart = a_priority(session)
    one, two, three = (a_person(session) for _ in range(3))
    a_backing(session, b, one, 1)
    a_backing(session, a, one, 2)
    a_backing(session, b, two, 1)
    a_backing(session, apart, three, 1)
    results = queries.results(session, asking.id)
    assert results.turnout_count == 2
    assert [(p.title, s.points, s.places) for p, s in results.standings] == [("B", 6, (2, 0, 0)), ("A", 2, (0, 1, 0))]


def test_evidence_is_counted_for_each_priority(session: Session) -> None:
    with_much = a_priority(session, issues=(an_issue(session), an_issue(session)), insights=(an_insight(session),))
    with_none = a_priority(session)
    counts = queries.evidence_counts(session, [with_much.id, with_none.id])
    assert counts == {with_much.id: (2, 1), with_none.id: (0, 0)}


def test_what_was_asked_to_the_end_waits_for_a_meeting(session: Session) -> None:
    ended = a_priority(session, state=PriorityState.CONSULTED, consultation_closes_at=START)
    a_priority(session, state=PriorityState.CONSULTED, consultation_closes_at=START + timedelta(seconds=1))
    a_priority(session)
    waiting = asked(session, queries.waiting_for_a_meeting, an_actor(Role.STEWARD))
    assert [row[0] for row in waiting] == [ended.id]


def test_what_ended_before_anybody_was_asked_is_not_public(session: Session) -> None:
    quiet = a_priority(session, state=PriorityState.RETIRED, agreed_on=None)
    assert not queries.is_public(quiet)
    assert not queries.is_public(a_priority(session, state=PriorityState.SUGGESTED))
    assert queries.is_public(a_priority(session, state=PriorityState.RETIRED))
    assert queries.is_public(a_priority(session, state=PriorityState.CONSULTED))
