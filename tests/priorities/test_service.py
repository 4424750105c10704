"""The steps in the life of a priority."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.issues.rules import IssueState
from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotAllowed, RuleBroken, StepRefused
from grants.kernel.trail import AuditEvent
from grants.kernel.work import UnitOfWork
from grants.people.models import Person
from grants.priorities import queries, rules, service
from grants.priorities.models import PriorityBacking, PriorityVersion
from grants.priorities.rules import (
    ActionProgress,
    Agreement,
    PriorityAction,
    PriorityState,
    Revision,
    Suggestion,
)
from tests.builders.actors import an_actor
from tests.builders.insights import an_insight
from tests.builders.issues import an_issue
from tests.builders.people import a_person
from tests.builders.priorities import a_connected_action, a_priority
from tests.support.clock import START
from tests.support.work import work

STEWARD, CONNECTOR = an_actor(Role.STEWARD), an_actor(Role.CONNECTOR)
AGREED = Agreement("The food circle", date(2026, 3, 2), "Community forum in the town hall")
CHANGED = Revision("Good food", "Everybody eats well.", AGREED, "Parents asked for it.")
WEEK = timedelta(days=7)


def as_actor(person: Person) -> Actor:
    return an_actor(id=person.id)


def trail(session: Session, subject_id: UUID) -> list[str]:
    session.flush()
    events = select(AuditEvent.verb).where(AuditEvent.subject_id == subject_id).order_by(AuditEvent.at)
    return list(session.scalars(events))


def a_suggestion(session: Session) -> Suggestion:
    return Suggestion("Good food", "Everybody eats well.", frozenset({an_issue(session).id}))


Step = Callable[[UnitOfWork, UUID], object]
STEPS: dict[PriorityAction, Step] = {
    PriorityAction.CONSULT: lambda uow, id: service.consult(uow, [id], uow.now + WEEK),
    PriorityAction.AGREE: lambda uow, id: service.agree(uow, id, AGREED),
    PriorityAction.REVISE: lambda uow, id: service.revise(uow, id, CHANGED),
    PriorityAction.RETIRE: lambda uow, id: service.retire(uow, id, "It is done."),
}


@pytest.mark.parametrize("action", STEPS)
@pytest.mark.parametrize("state", PriorityState)
def test_every_step_from_every_state_goes_where_the_table_says(
    session: Session, state: PriorityState, action: PriorityAction
) -> None:
    priority = a_priority(session, state=state)
    after = rules.STEPS.get((state, action))
    uow = work(session, STEWARD)
    if after is None:
        with pytest.raises(StepRefused):
            STEPS[action](uow, priority.id)
    else:
        STEPS[action](uow, priority.id)
        assert priority.state is after
        assert len(trail(session, priority.id)) == 1


@pytest.mark.parametrize("action", STEPS)
@pytest.mark.parametrize("role", sorted(set(Role) - {Role.STEWARD}))
def test_only_stewards_take_steps(session: Session, action: PriorityAction, role: Role) -> None:
    priority = a_priority(session)
    with pytest.raises(NotAllowed):
        STEPS[action](work(session, an_actor(role)), priority.id)


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.STEWARD, Role.CONNECTOR}))
def test_residents_and_others_neither_suggest_nor_note_what_partners_do(session: Session, role: Role) -> None:
    uow, priority = work(session, an_actor(role)), a_priority(session)
    action = a_connected_action(session, priority)
    for refused in (
        lambda: service.suggest(uow, a_suggestion(session)),
        lambda: service.change_suggestion(uow, priority.id, a_suggestion(session)),
        lambda: service.add_action(
            uow, priority.id, partner="Catalyst", what="A stall", progress=ActionProgress.PLANNED
        ),
        lambda: service.update_action(uow, action.id, what="A stall", progress=ActionProgress.DONE),
    ):
        with pytest.raises(NotAllowed):
            refused()


def test_a_suggestion_rests_on_issues_and_insights_which_stay_as_they_are(any_session: Session) -> None:
    session = any_session
    issue, insight = an_issue(session), an_insight(session)
    suggestion = Suggestion(" Good food ", "Everybody eats well.", frozenset({issue.id}), frozenset({insight.id}))
    priority = service.suggest(work(session, CONNECTOR), suggestion)
    assert (priority.title, priority.state) == ("Good food", PriorityState.SUGGESTED)
    assert queries.issues_of(session, priority.id) == [issue]
    assert queries.insights_of(session, priority.id) == [insight]
    assert issue.state is IssueState.PUBLISHED
    event = session.scalars(select(AuditEvent).where(AuditEvent.verb == "priority.suggested")).one()
    assert event.body == {"issues": [str(issue.id)], "insights": [str(insight.id)]}


def test_a_suggestion_that_rests_on_nothing_or_on_what_is_not_there_is_refused(session: Session) -> None:
    hidden = an_issue(session, state=IssueState.HIDDEN)
    for issues, insights, field in (
        (set(), set(), "issues"),
        ({hidden.id}, set(), "issues"),
        ({uuid4()}, set(), "issues"),
        (set(), {uuid4()}, "insights"),
    ):
        with pytest.raises(RuleBroken) as refused:
            service.suggest(work(session, STEWARD), Suggestion("T", "W", frozenset(issues), frozenset(insights)))
        assert refused.value.field == field


def test_a_suggestion_changes_until_the_community_is_asked(session: Session) -> None:
    priority = service.suggest(work(session, STEWARD), a_suggestion(session))
    insight = an_insight(session)
    changed = Suggestion("Cheap food", "Food costs less.", insight_ids=frozenset({insight.id}))
    service.change_suggestion(work(session, CONNECTOR), priority.id, changed)
    assert (priority.title, queries.issues_of(session, priority.id)) == ("Cheap food", [])
    service.consult(work(session, STEWARD), [priority.id], START + WEEK)
    with pytest.raises(StepRefused, match="cannot change now"):
        service.change_suggestion(work(session, STEWARD), priority.id, changed)


def test_asking_needs_something_to_ask_about_and_an_end_in_the_future(session: Session) -> None:
    priority = a_priority(session, state=PriorityState.SUGGESTED)
    for ids, closes_at, field in (([], START + WEEK, "priorities"), ([priority.id], START, "closes_at")):
        with pytest.raises(RuleBroken) as refused:
            service.consult(work(session, STEWARD), ids, closes_at)
        assert refused.value.field == field


def asked(session: Session, count: int = 3) -> tuple[UUID, list[UUID]]:
    """An asking about so many suggestions, for a week."""
    ids = [a_priority(session, state=PriorityState.SUGGESTED).id for _ in range(count)]
    return service.consult(work(session, STEWARD), ids, START + WEEK).id, ids


def test_a_resident_chooses_and_chooses_anew_until_the_asking_ends(any_session: Session) -> None:
    session = any_session
    asking, (a, b, c) = asked(session)
    resident = as_actor(a_person(session))
    service.choose(work(session, resident), asking, [a, b, c])
    service.choose(work(session, resident, START + WEEK - timedelta(seconds=1)), asking, [c, None, None])
    assert queries.choices_of(session, asking, resident.id) == {1: c}
    with pytest.raises(StepRefused, match="ended"):
        service.choose(work(session, resident, START + WEEK), asking, [a, None, None])


def test_the_trail_tells_who_took_part_and_not_what_they_chose(session: Session) -> None:
    asking, (a, b, _) = asked(session)
    resident = as_actor(a_person(session))
    service.choose(work(session, resident), asking, [a, b, None])
    session.flush()
    event = session.scalars(select(AuditEvent).where(AuditEvent.verb == "consultation.answered")).one()
    assert (event.subject_id, event.actor_id, event.body, event.why) == (asking, resident.id, {}, None)


def test_choosing_what_is_not_asked_about_is_refused(session: Session) -> None:
    asking, _ = asked(session)
    other = a_priority(session)
    with pytest.raises(RuleBroken, match="from the list"):
        service.choose(work(session, as_actor(a_person(session))), asking, [other.id, None, None])


def test_agreeing_records_owner_meeting_and_turnout_and_takes_the_issues_up(any_session: Session) -> None:
    session = any_session
    issue, ended = an_issue(session), an_issue(session, state=IssueState.ANSWERED)
    suggestion = Suggestion("Good food", "Everybody eats well.", frozenset({issue.id, ended.id}))
    priority = service.suggest(work(session, CONNECTOR), suggestion)
    other = a_priority(session, state=PriorityState.SUGGESTED)
    asking = service.consult(work(session, STEWARD), [priority.id, other.id], START + WEEK)
    for first in (priority.id, other.id):
        service.choose(work(session, as_actor(a_person(session))), asking.id, [first, None, None])
    then = START + 2 * WEEK
    agreement = replace(AGREED, agreed_on=then.date())
    service.agree(work(session, STEWARD, then), priority.id, agreement)
    assert (priority.owner_name, priority.meeting, priority.agreed_on) == (
        "The food circle",
        "Community forum in the town hall",
        then.date(),
    )
    assert priority.turnout_count == 2
    assert (issue.state, ended.state) == (IssueState.TAKEN_UP, IssueState.TAKEN_UP)
    (version,) = queries.versions(session, priority.id)
    assert (version.version, version.title, version.why) == (1, "Good food", "")


def test_nothing_is_agreed_while_the_community_is_being_asked(session: Session) -> None:
    _, (id, *_) = asked(session)
    with pytest.raises(StepRefused, match="still being asked"):
        service.agree(work(session, STEWARD), id, AGREED)
    with pytest.raises(RuleBroken) as refused:
        service.agree(work(session, STEWARD, START + WEEK), id, AGREED)
    assert refused.value.field == "agreed_on"


def test_the_day_of_the_meeting_is_the_day_in_london(session: Session) -> None:
    summer_midnight = START.replace(month=7, day=1, hour=23, minute=30)
    priority = a_priority(session, state=PriorityState.CONSULTED)
    agreement = replace(AGREED, agreed_on=date(2026, 7, 2))
    assert service.agree(work(session, STEWARD, summer_midnight), priority.id, agreement).agreed_on == date(2026, 7, 2)


def test_a_change_is_a_new_version_and_the_first_stays(any_session: Session) -> None:
    session = any_session
    priority = a_priority(session, title="Good food that we can afford")
    service.revise(work(session, STEWARD), priority.id, CHANGED)
    newest, first = queries.versions(session, priority.id)
    assert (priority.version, priority.title, newest.version, newest.why) == (
        2,
        "Good food",
        2,
        "Parents asked for it.",
    )
    assert (first.title, first.version) == ("Good food that we can afford", 1)


def test_a_change_needs_a_reason_and_must_change_something(session: Session) -> None:
    priority = a_priority(session)
    assert priority.owner_name
    same = Revision(priority.title, priority.statement, replace(AGREED, owner_name=priority.owner_name), "Because.")
    for revision, field in ((replace(CHANGED, why=" "), "why"), (same, "statement")):
        with pytest.raises(RuleBroken) as refused:
            service.revise(work(session, STEWARD), priority.id, revision)
        assert refused.value.field == field


def test_an_ending_needs_a_reason(session: Session) -> None:
    priority = a_priority(session)
    with pytest.raises(RuleBroken) as refused:
        service.retire(work(session, STEWARD), priority.id, " ")
    assert refused.value.field == "reason"


def test_partners_join_in_and_tell_the_news(session: Session) -> None:
    priority = a_priority(session)
    action = service.add_action(
        work(session, CONNECTOR), priority.id, partner=" Catalyst ", what="A stall", progress=ActionProgress.PLANNED
    )
    later = START + WEEK
    service.update_action(work(session, STEWARD, later), action.id, what="Two stalls", progress=ActionProgress.DONE)
    assert (action.partner, action.what, action.progress) == ("Catalyst", "Two stalls", ActionProgress.DONE)
    assert (action.noted_at, action.updated_at) == (START, later)
    assert trail(session, priority.id) == ["priority.action_added", "priority.action_updated"]


@pytest.mark.parametrize("state", sorted(set(PriorityState) - {PriorityState.AGREED}))
def test_only_what_is_agreed_takes_connected_action(session: Session, state: PriorityState) -> None:
    priority = a_priority(session, state=state)
    with pytest.raises(StepRefused):
        service.add_action(
            work(session, STEWARD), priority.id, partner="Catalyst", what="A stall", progress=ActionProgress.PLANNED
        )


def test_one_person_has_one_set_of_choices(session: Session) -> None:
    asking, (a, b, _) = asked(session)
    resident = as_actor(a_person(session))
    for choices in ([a, b, None], [b, a, None], [a, None, None]):
        service.choose(work(session, resident), asking, choices)
    rows = session.scalars(select(PriorityBacking).where(PriorityBacking.person_id == resident.id)).all()
    assert [(row.priority_id, row.place) for row in rows] == [(a, 1)]
    assert session.scalars(select(PriorityVersion)).all() == []
