"""What was heard, and where."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from grants.insights.models import Insight
from grants.insights.rules import search_words

R = TypeVar("R", bound=tuple[Any, ...])
PER_PAGE = 25


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a list: its rows, how many there are in all, and how many pages they fill."""

    rows: list[Insight]
    total: int
    page: int
    pages: int


def search(session: Session, words: str = "", ward_code: str | None = None, page: int = 1) -> Found:
    """The insights that hold every word of ``words``, newest first, 25 to a page. Two queries."""
    query = _filtered(select(Insight), words, ward_code)
    total = session.scalar(_filtered(select(func.count()).select_from(Insight), words, ward_code)) or 0
    pages = max(1, -(-total // PER_PAGE))
    page = min(max(1, page), pages)
    newest = query.order_by(Insight.recorded_at.desc(), Insight.id).limit(PER_PAGE).offset((page - 1) * PER_PAGE)
    return Found(list(session.scalars(newest)), total, page, pages)


def by_ids(session: Session, ids: Collection[UUID]) -> list[Insight]:
    """These insights, newest first."""
    return list(
        session.scalars(select(Insight).where(Insight.id.in_(ids)).order_by(Insight.recorded_at.desc(), Insight.id))
    )


def latest(session: Session, limit: int = 50) -> list[Insight]:
    """The insights recorded last, to choose from."""
    return list(session.scalars(select(Insight).order_by(Insight.recorded_at.desc(), Insight.id).limit(limit)))


def _filtered(query: Select[R], words: str, ward_code: str | None) -> Select[R]:
    for word in search_words(words):
        query = query.where(
            or_(Insight.text.icontains(word, autoescape=True), Insight.how_heard.icontains(word, autoescape=True))
        )
    return query.where(Insight.ward_code == ward_code) if ward_code else query
