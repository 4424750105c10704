"""What residents raised, as lists and pages need it."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from grants.insights.rules import search_words
from grants.issues.access import CARETAKERS
from grants.issues.models import Issue, IssueSupport
from grants.issues.rules import LISTED, MERGE_TARGETS, PICKABLE, IssueState
from grants.kernel.asking import Who
from grants.kernel.trail import AuditEvent
from grants.people.queries import token_hash

R = TypeVar("R", bound=tuple[Any, ...])
PER_PAGE = 25


class Sort(StrEnum):
    """Orders of the public list."""

    NEWEST = "newest"
    SUPPORT = "support"


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a list: its rows, how many there are in all, and how many pages they fill."""

    rows: list[Issue]
    total: int
    page: int
    pages: int


def find(session: Session, issue_id: UUID) -> Issue | None:
    """The issue, whatever its state."""
    return session.get(Issue, issue_id)


def of_token(session: Session, token: str) -> Issue | None:
    """The issue behind a private link."""
    return session.scalar(select(Issue).where(Issue.author_token_hash == token_hash(token)))


def search(
    session: Session,
    *,
    words: str = "",
    ward_code: str | None = None,
    state: IssueState | None = None,
    sort: Sort = Sort.NEWEST,
    page: int = 1,
) -> Found:
    """The public list: issues that hold every word of ``words``, 25 to a page. Two queries."""
    states = {state} & LISTED if state else LISTED
    chosen = _filtered(select(Issue).where(Issue.state.in_(states)), words, ward_code)
    order = (
        (Issue.support_count.desc(), Issue.raised_at.desc(), Issue.id)
        if sort is Sort.SUPPORT
        else (Issue.raised_at.desc(), Issue.id)
    )
    counted = _filtered(select(func.count()).select_from(Issue).where(Issue.state.in_(states)), words, ward_code)
    return _page(session, chosen.order_by(*order), counted, page)


def queue(session: Session, state: IssueState = IssueState.RAISED, page: int = 1) -> Found:
    """What waits for a look (or was hidden), the oldest first, 25 to a page."""
    chosen = select(Issue).where(Issue.state == state).order_by(Issue.raised_at, Issue.id)
    return _page(session, chosen, select(func.count()).select_from(Issue).where(Issue.state == state), page)


def to_look_at(who: Who) -> Select[Any] | None:
    """For those who take care: how many issues wait for a look, where any do."""
    if not who.holds(*CARETAKERS):
        return None
    return select(func.count()).select_from(Issue).where(Issue.state == IssueState.RAISED).having(func.count() > 0)


def raised_by(session: Session, person_id: UUID, limit: int = 50) -> list[Issue]:
    """What this person raised, the newest first."""
    return list(
        session.scalars(
            select(Issue).where(Issue.raised_by_id == person_id).order_by(Issue.raised_at.desc(), Issue.id).limit(limit)
        )
    )


def merge_candidates(session: Session, issue: Issue, words: str = "", limit: int = 10) -> list[Issue]:
    """Issues into which this one could be merged: by ``words``, or else those most like its title.

    Likeness is the number of longer words of the title that the other holds; the same ward counts as one more.
    """
    others = select(Issue).where(Issue.state.in_(MERGE_TARGETS), Issue.id != issue.id)
    if words:
        return list(
            session.scalars(_filtered(others, words, None).order_by(Issue.raised_at.desc(), Issue.id).limit(limit))
        )
    keys = [word for word in search_words(issue.title, most=12) if len(word) > 3]
    like = or_(*(_holds(word) for word in keys), Issue.ward_code == issue.ward_code)
    near = list(session.scalars(others.where(like).order_by(Issue.raised_at.desc(), Issue.id).limit(100)))

    def likeness(other: Issue) -> int:
        text = f"{other.title} {other.body}".lower()
        return sum(word in text for word in keys) + (issue.ward_code is not None and other.ward_code == issue.ward_code)

    return sorted(near, key=likeness, reverse=True)[:limit]


def pickable(session: Session, limit: int = 100) -> list[Issue]:
    """Issues that a priority can rest on, those with most support first."""
    return list(
        session.scalars(
            select(Issue)
            .where(Issue.state.in_(PICKABLE))
            .order_by(Issue.support_count.desc(), Issue.raised_at.desc(), Issue.id)
            .limit(limit)
        )
    )


def by_ids(session: Session, ids: Collection[UUID]) -> list[Issue]:
    """These issues, those with most support first."""
    return list(session.scalars(select(Issue).where(Issue.id.in_(ids)).order_by(Issue.support_count.desc(), Issue.id)))


def supported(session: Session, issue_id: UUID, person_id: UUID | None) -> bool:
    """Whether this person said that the issue matters to them too."""
    if person_id is None:
        return False
    return session.get(IssueSupport, (issue_id, person_id)) is not None


def titles(session: Session, ids: Collection[UUID]) -> dict[UUID, str]:
    """Titles by id."""
    return dict(session.execute(select(Issue.id, Issue.title).where(Issue.id.in_(ids))).tuples().all())


STEPS_SHOWN = ("issue.raised", "issue.published", "issue.merged", "issue.answered", "issue.taken_up", "issue.closed")


def steps_of(session: Session, issue_id: UUID) -> list[AuditEvent]:
    """The public steps in an issue's life and the merging of others into it, the oldest first; at most 100."""
    merged = select(Issue.id).where(Issue.merged_into_id == issue_id)
    mine = AuditEvent.subject_id == issue_id
    joined = AuditEvent.subject_id.in_(merged) & (AuditEvent.verb == "issue.merged")
    return list(
        session.scalars(
            select(AuditEvent)
            .where(AuditEvent.subject_type == Issue.__tablename__, AuditEvent.verb.in_(STEPS_SHOWN), or_(mine, joined))
            .order_by(AuditEvent.at, AuditEvent.id)
            .limit(100)
        )
    )


def _holds(word: str) -> Any:
    return or_(Issue.title.icontains(word, autoescape=True), Issue.body.icontains(word, autoescape=True))


def _filtered(query: Select[R], words: str, ward_code: str | None) -> Select[R]:
    for word in search_words(words):
        query = query.where(_holds(word))
    return query.where(Issue.ward_code == ward_code) if ward_code else query


def _page(session: Session, chosen: Select[tuple[Issue]], counted: Select[tuple[int]], page: int) -> Found:
    total = session.scalar(counted) or 0
    pages = max(1, -(-total // PER_PAGE))
    page = min(max(1, page), pages)
    rows = list(session.scalars(chosen.limit(PER_PAGE).offset((page - 1) * PER_PAGE)))
    return Found(rows, total, page, pages)
