"""Lists and pages of issues."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from grants.issues import queries, service
from grants.issues.queries import PER_PAGE, Sort
from grants.issues.rules import LISTED, IssueDraft, IssueState
from grants.kernel.actors import Role
from tests.builders.actors import an_actor
from tests.builders.issues import an_issue
from tests.builders.people import a_person
from tests.support.clock import START
from tests.support.work import work


@pytest.mark.parametrize("state", IssueState)
def test_the_public_list_holds_what_is_listed_only(session: Session, state: IssueState) -> None:
    an_issue(session, state=state)
    assert queries.search(session).total == (state in LISTED)
    assert queries.search(session, state=state).total == (state in LISTED)


def test_every_word_must_stand_in_the_title_or_the_body(any_session: Session) -> None:
    session = any_session
    dark = an_issue(session, title="Dark path", body="No lamps by the shops.")
    an_issue(session, title="Dark hall", body="No lamps.")
    assert queries.search(session, words="SHOPS dark").rows == [dark]
    assert queries.search(session, words="100%").rows == []


def test_a_ward_narrows_the_list(session: Session) -> None:
    here = an_issue(session, ward_code="E05000001")
    an_issue(session, ward_code="E05000002")
    assert queries.search(session, ward_code="E05000001").rows == [here]


def test_the_list_shows_the_newest_or_the_most_supported_first(session: Session) -> None:
    old = an_issue(session, support_count=9, raised_at=START - timedelta(days=2))
    new = an_issue(session)
    assert queries.search(session).rows == [new, old]
    assert queries.search(session, sort=Sort.SUPPORT).rows == [old, new]


def test_a_long_list_comes_in_pages_and_a_page_beyond_the_last_is_the_last(session: Session) -> None:
    for _ in range(PER_PAGE + 1):
        an_issue(session)
    first, last = queries.search(session), queries.search(session, page=99)
    assert (len(first.rows), first.pages, first.total) == (PER_PAGE, 2, PER_PAGE + 1)
    assert (len(last.rows), last.page) == (1, 2)
    assert not set(first.rows) & set(last.rows)
    assert queries.search(session, page=-3).page == 1


def test_the_queue_begins_with_what_waited_longest(session: Session) -> None:
    late = an_issue(session, state=IssueState.RAISED)
    early = an_issue(session, state=IssueState.RAISED, raised_at=START - timedelta(days=1))
    hidden = an_issue(session, state=IssueState.HIDDEN)
    assert queries.queue(session).rows == [early, late]
    assert queries.queue(session, IssueState.HIDDEN).rows == [hidden]


def test_the_likest_open_issue_is_offered_first_for_merging(any_session: Session) -> None:
    session = any_session
    issue = an_issue(session, title="Dark path behind shops", body="x", ward_code="E05000001")
    near = an_issue(session, title="The path behind the shops is dark", body="x")
    far = an_issue(session, title="A path", body="x")
    an_issue(session, title="Food is dear", body="x")
    an_issue(session, title="Dark path behind shops", body="x", state=IssueState.CLOSED)
    assert queries.merge_candidates(session, issue) == [near, far]
    assert queries.merge_candidates(session, issue, "dear")[0].title == "Food is dear"


def test_a_private_link_leads_to_its_issue_and_another_to_none(session: Session) -> None:
    issue, token = service.raise_issue(work(session), IssueDraft("Dark", "No lamps"))
    assert queries.of_token(session, token) is issue
    assert queries.of_token(session, token[:-1]) is None
    assert queries.of_token(session, issue.author_token_hash or "") is None


def test_the_story_of_an_issue_tells_public_steps_and_who_joined_it(session: Session) -> None:
    steward = an_actor(Role.STEWARD, id=a_person(session).id)
    into, _ = service.raise_issue(work(session), IssueDraft("Dark", "No lamps"))
    other, _ = service.raise_issue(work(session), IssueDraft("Very dark", "No lamps"))
    at = START
    for step in (
        lambda uow: service.publish(uow, into.id),
        lambda uow: service.merge(uow, other.id, into.id),
        lambda uow: service.hide(uow, into.id, "It names a neighbour."),
    ):
        at += timedelta(hours=1)
        step(work(session, steward, at))
    session.flush()
    assert [(e.verb, e.subject_id) for e in queries.steps_of(session, into.id)] == [
        ("issue.raised", into.id),
        ("issue.published", into.id),
        ("issue.merged", other.id),
    ]
