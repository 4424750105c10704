"""The steps in the life of an issue."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grants.issues import rules, service
from grants.issues.models import Issue, IssueSupport
from grants.issues.rules import AnswerKind, IssueAction, IssueDraft, IssueState
from grants.kernel.actors import NOBODY, Actor, Role
from grants.kernel.errors import NotAllowed, NotFound, RuleBroken, StepRefused
from grants.kernel.trail import AuditEvent
from grants.kernel.work import UnitOfWork
from grants.outbox.models import OutboxRow
from grants.people.models import Person
from grants.people.queries import actor_for, token_hash
from tests.builders.issues import a_supporter, an_issue
from tests.builders.people import a_person
from tests.support.work import work

DRAFT = IssueDraft("Dark path", "The lamps are out behind the shops.", touches="Children")


def actor_of(session: Session, person: Person) -> Actor:
    return actor_for(session, person.id, person.name)


def a_steward(session: Session) -> Actor:
    return actor_of(session, a_person(session, Role.STEWARD))


def letters(session: Session) -> list[dict[str, str]]:
    session.flush()
    return [row.payload for row in session.scalars(select(OutboxRow).order_by(OutboxRow.created_at))]


def trail(session: Session, subject_id: UUID) -> list[str]:
    session.flush()
    events = select(AuditEvent.verb).where(AuditEvent.subject_id == subject_id).order_by(AuditEvent.at)
    return list(session.scalars(events))


def supporters(session: Session, issue: Issue) -> set[UUID]:
    return set(session.scalars(select(IssueSupport.person_id).where(IssueSupport.issue_id == issue.id)))


def test_anybody_raises_an_issue_and_gets_a_private_link(session: Session) -> None:
    issue, token = service.raise_issue(work(session, NOBODY), DRAFT)
    assert (issue.state, issue.raised_by_id) == (IssueState.RAISED, None)
    assert issue.author_token_hash == token_hash(token)
    assert trail(session, issue.id) == ["issue.raised"]
    assert letters(session) == []


def test_the_first_letter_holds_the_link_and_nothing_that_was_typed(session: Session) -> None:
    draft = IssueDraft("Buy my pills", "Buy them now at pills.example", contact_email="jo@example.org")
    _, token = service.raise_issue(work(session, NOBODY), draft)
    (letter,) = letters(session)
    assert letter["to"] == "jo@example.org"
    assert f"/issues/yours/{token}" in letter["text"]
    assert "pills" not in letter["text"] + letter["subject"]


def test_the_trail_holds_neither_words_nor_address(session: Session) -> None:
    issue, _ = service.raise_issue(work(session), IssueDraft("Dark", "Lamps out", contact_email="jo@example.org"))
    session.flush()
    event = session.scalars(select(AuditEvent).where(AuditEvent.subject_id == issue.id)).one()
    assert event.body == {}
    assert event.why is None


@pytest.mark.parametrize(("title", "body", "field"), [(" ", "Words", "title"), ("Title", "\n", "body")])
def test_an_issue_without_words_is_refused(session: Session, title: str, body: str, field: str) -> None:
    with pytest.raises(RuleBroken) as refused:
        service.raise_issue(work(session), IssueDraft(title, body))
    assert refused.value.field == field


Step = Callable[[UnitOfWork, UUID, UUID], object]
STEPS: dict[IssueAction, Step] = {
    IssueAction.PUBLISH: lambda uow, id, _: service.publish(uow, id),
    IssueAction.HIDE: lambda uow, id, _: service.hide(uow, id, "It names a neighbour."),
    IssueAction.MERGE: lambda uow, id, other: service.merge(uow, id, other),
    IssueAction.ANSWER: lambda uow, id, _: service.answer(uow, id, AnswerKind.ANSWER, "We asked the council."),
    IssueAction.CLOSE: lambda uow, id, _: service.close(uow, id, "It is done."),
}


@pytest.mark.parametrize("action", STEPS)
@pytest.mark.parametrize("state", IssueState)
def test_every_step_from_every_state_goes_where_the_table_says(
    session: Session, state: IssueState, action: IssueAction
) -> None:
    issue, other = an_issue(session, state=state), an_issue(session)
    after = rules.STEPS.get((state, action))
    uow = work(session, a_steward(session))
    if after is None:
        with pytest.raises(StepRefused):
            STEPS[action](uow, issue.id, other.id)
    else:
        STEPS[action](uow, issue.id, other.id)
        assert issue.state is after
        assert len(trail(session, issue.id)) == 1


@pytest.mark.parametrize("state", IssueState)
def test_taking_up_moves_what_can_move_and_leaves_the_rest(session: Session, state: IssueState) -> None:
    issue = an_issue(session, state=state)
    service.take_up(work(session, a_steward(session)), issue.id)
    assert issue.state is rules.STEPS.get((state, IssueAction.TAKE_UP), state)


def test_taking_up_a_merged_issue_takes_up_the_other(session: Session) -> None:
    other = an_issue(session)
    issue = an_issue(session, state=IssueState.MERGED, merged_into_id=other.id)
    assert service.take_up(work(session, a_steward(session)), issue.id) is other
    assert (issue.state, other.state) == (IssueState.MERGED, IssueState.TAKEN_UP)


@pytest.mark.parametrize("action", STEPS)
def test_nobody_takes_a_step_with_their_own_issue(session: Session, action: IssueAction) -> None:
    person = a_person(session, Role.STEWARD, Role.CONNECTOR)
    state = next(s for s, a in rules.STEPS if a is action)
    issue, other = an_issue(session, state=state, raised_by_id=person.id), an_issue(session)
    with pytest.raises(NotAllowed, match="somebody else"):
        STEPS[action](work(session, actor_of(session, person)), issue.id, other.id)


@pytest.mark.parametrize("action", STEPS)
@pytest.mark.parametrize("role", [None, *sorted(set(Role) - {Role.STEWARD, Role.CONNECTOR})])
def test_only_stewards_and_connectors_take_steps(session: Session, action: IssueAction, role: Role | None) -> None:
    issue, other = an_issue(session), an_issue(session)
    actor = actor_of(session, a_person(session, role)) if role else NOBODY
    with pytest.raises(NotAllowed):
        STEPS[action](work(session, actor), issue.id, other.id)
    with pytest.raises(NotAllowed):
        service.take_up(work(session, actor), issue.id)


@pytest.mark.parametrize("words", ["", "  \n"])
def test_hiding_and_answering_need_words(session: Session, words: str) -> None:
    issue = an_issue(session)
    uow = work(session, a_steward(session))
    with pytest.raises(RuleBroken, match="why"):
        service.hide(uow, issue.id, words)
    with pytest.raises(RuleBroken, match="answer"):
        service.answer(uow, issue.id, AnswerKind.ANSWER, words)
    assert issue.state is IssueState.PUBLISHED


def test_nothing_is_closed_without_an_answer(any_session: Session) -> None:
    session = any_session
    issue = an_issue(session, state=IssueState.TAKEN_UP)
    with pytest.raises(RuleBroken, match="answer"):
        service.close(work(session, a_steward(session)), issue.id)
    assert issue.state is IssueState.TAKEN_UP
    service.close(work(session, a_steward(session)), issue.id, "The walks began.")
    assert (issue.state, issue.answer) == (IssueState.CLOSED, "The walks began.")


def test_closing_keeps_the_answer_that_was_given(session: Session) -> None:
    issue = an_issue(session, state=IssueState.ANSWERED, answer="The lamps were mended.")
    service.close(work(session, a_steward(session)), issue.id)
    assert issue.answer == "The lamps were mended."


def test_each_step_writes_to_the_address_that_was_left(session: Session) -> None:
    uow = work(session, a_steward(session))
    issue = an_issue(session, state=IssueState.RAISED, contact_email="jo@example.org")
    service.publish(uow, issue.id)
    service.answer(uow, issue.id, AnswerKind.QUICK_ACTION, "The lamps were mended.")
    service.take_up(uow, issue.id)
    service.close(uow, issue.id)
    subjects = {letter["subject"] for letter in letters(session)}
    assert subjects == {
        "Your issue is published",
        "Your issue has an answer",
        "Your issue is now part of a priority",
        "Your issue is closed",
    }
    assert {letter["to"] for letter in letters(session)} == {"jo@example.org"}


def test_an_author_with_an_account_is_written_to_there(session: Session) -> None:
    person = a_person(session)
    issue = an_issue(session, state=IssueState.RAISED, raised_by_id=person.id)
    service.hide(work(session, a_steward(session)), issue.id, "It names a neighbour.")
    (letter,) = letters(session)
    assert letter["to"] == person.email
    assert "It names a neighbour." in letter["text"]


def test_an_author_who_left_no_address_gets_no_letter(session: Session) -> None:
    issue = an_issue(session, state=IssueState.RAISED)
    service.publish(work(session, a_steward(session)), issue.id)
    assert letters(session) == []


def test_the_authors_of_merged_issues_read_the_answer_too(session: Session) -> None:
    into = an_issue(session, contact_email="jo@example.org")
    an_issue(session, state=IssueState.MERGED, merged_into_id=into.id, contact_email="ali@example.org")
    an_issue(session, contact_email="other@example.org")
    service.answer(work(session, a_steward(session)), into.id, AnswerKind.ANSWER, "The council will mend it in May.")
    assert {letter["to"] for letter in letters(session)} == {"jo@example.org", "ali@example.org"}
    assert all("mend it in May" in letter["text"] for letter in letters(session))


def test_an_address_is_forgotten_for_the_holder_of_the_link_only(session: Session) -> None:
    issue, token = service.raise_issue(work(session), IssueDraft("Dark", "No lamps", contact_email="jo@example.org"))
    with pytest.raises(NotFound):
        service.forget_contact(work(session), issue.id, token + "x")
    service.forget_contact(work(session), issue.id, token)
    assert issue.contact_email is None
    assert sorted(trail(session, issue.id)) == ["issue.contact_forgotten", "issue.raised"]
    before = len(letters(session))
    service.publish(work(session, a_steward(session)), issue.id)
    assert len(letters(session)) == before
    with pytest.raises(StepRefused):
        service.forget_contact(work(session), issue.id, token)


def test_support_counts_each_person_once_and_can_be_taken_back(any_session: Session) -> None:
    session = any_session
    issue = an_issue(session)
    resident = work(session, actor_of(session, a_person(session)))
    assert service.support(resident, issue.id)
    assert not service.support(resident, issue.id)
    assert issue.support_count == 1
    assert service.take_back_support(resident, issue.id)
    assert not service.take_back_support(resident, issue.id)
    assert issue.support_count == 0
    assert sorted(trail(session, issue.id)) == ["issue.support_taken_back", "issue.supported"]


def test_the_author_and_strangers_cannot_support(session: Session) -> None:
    author = a_person(session)
    issue = an_issue(session, raised_by_id=author.id)
    for actor in (actor_of(session, author), NOBODY):
        with pytest.raises(NotAllowed):
            service.support(work(session, actor), issue.id)


@pytest.mark.parametrize("state", sorted(set(IssueState) - rules.SUPPORTABLE))
def test_what_is_not_open_takes_no_support(session: Session, state: IssueState) -> None:
    issue = an_issue(session, state=state)
    with pytest.raises(StepRefused):
        service.support(work(session, actor_of(session, a_person(session))), issue.id)


def test_merging_moves_support_without_counting_anybody_twice(any_session: Session) -> None:
    session = any_session
    author, both, only, other_author = (a_person(session) for _ in range(4))
    issue = an_issue(session, raised_by_id=author.id)
    into = an_issue(session, raised_by_id=other_author.id)
    for person in (both, only, other_author):
        a_supporter(session, issue, person)
    a_supporter(session, into, both)
    steward = work(session, a_steward(session))
    assert service.merge(steward, issue.id, into.id) is into
    session.flush()
    session.expire_all()
    assert supporters(session, into) == {both.id, only.id, author.id}
    assert (into.support_count, issue.support_count) == (3, 0)
    assert supporters(session, issue) == set()
    event = session.scalars(select(AuditEvent).where(AuditEvent.verb == "issue.merged")).one()
    assert event.body == {"into": str(into.id), "support_moved_count": 2}


def test_what_was_merged_before_points_to_the_last_one(session: Session) -> None:
    first, second, third = (an_issue(session) for _ in range(3))
    steward = work(session, a_steward(session))
    service.merge(steward, first.id, second.id)
    service.merge(steward, second.id, third.id)
    session.flush()
    session.expire_all()
    assert {first.merged_into_id, second.merged_into_id} == {third.id}


@pytest.mark.parametrize("state", sorted(set(IssueState) - rules.MERGE_TARGETS))
def test_merging_into_what_is_not_open_is_refused(session: Session, state: IssueState) -> None:
    issue, into = an_issue(session), an_issue(session, state=state)
    with pytest.raises(RuleBroken) as refused:
        service.merge(work(session, a_steward(session)), issue.id, into.id)
    assert refused.value.field == "into"


def test_an_issue_is_not_merged_into_itself(session: Session) -> None:
    issue = an_issue(session)
    with pytest.raises(RuleBroken, match="itself"):
        service.merge(work(session, a_steward(session)), issue.id, issue.id)


def test_the_author_of_the_other_issue_may_merge_into_it(session: Session) -> None:
    connector = a_person(session, Role.CONNECTOR)
    issue, into = an_issue(session), an_issue(session, raised_by_id=connector.id)
    service.merge(work(session, actor_of(session, connector)), issue.id, into.id)
    assert issue.state is IssueState.MERGED
    assert session.scalar(select(func.count()).select_from(IssueSupport)) == 0
