"""Issues and who supports them."""

from __future__ import annotations

from itertools import count

from sqlalchemy.orm import Session

from grants.issues.models import Issue, IssueSupport
from grants.issues.rules import AnswerKind, IssueState
from grants.people.models import Person
from tests.builders.people import a_person
from tests.support.clock import START

_numbers = count(1)
_ANSWERED = {IssueState.ANSWERED, IssueState.CLOSED}


def an_issue(session: Session, *, state: IssueState = IssueState.PUBLISHED, title: str = "", **fields: object) -> Issue:
    """A published issue of somebody without an account, in no particular ward."""
    answered = state in _ANSWERED
    issue = Issue(
        **{
            "title": title or f"Dark path behind the shops, number {next(_numbers)}",
            "body": "The lights went out in October, and nobody walks there after school any more.",
            "touches": "Children and older people",
            "state": state,
            "raised_at": START,
            "answer_kind": AnswerKind.QUICK_ACTION if answered else None,
            "answer": "The lamps were mended on Monday." if answered else None,
            "answered_at": START if answered else None,
            "hidden_reason": "It names a neighbour." if state is IssueState.HIDDEN else None,
            "support_count": 0,
            **fields,
        }
    )
    session.add(issue)
    session.flush()
    return issue


def a_supporter(session: Session, issue: Issue, person: Person | None = None) -> Person:
    """Somebody to whom the issue matters too."""
    person = person or a_person(session)
    session.add(IssueSupport(issue_id=issue.id, person_id=person.id))
    issue.support_count += 1
    session.flush()
    return person
