"""What the community agreed, and how it came to that."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.priorities.models import Priority
from grants.priorities.rules import PriorityState


def find(session: Session, priority_id: UUID) -> Priority | None:
    """The priority, whatever its state."""
    return session.get(Priority, priority_id)


def agreed(session: Session) -> list[Priority]:
    """Every priority that is agreed now, by title."""
    return list(
        session.scalars(
            select(Priority).where(Priority.state == PriorityState.AGREED).order_by(Priority.title, Priority.id)
        )
    )


def titles(session: Session, ids: Collection[UUID]) -> dict[UUID, str]:
    """Titles by id."""
    return dict(session.execute(select(Priority.id, Priority.title).where(Priority.id.in_(ids))).tuples().all())
