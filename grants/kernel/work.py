"""The unit of work: one person, one moment, one transaction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotFound
from grants.kernel.tables import Base, Identified
from grants.kernel.trail import AuditEvent

M = TypeVar("M", bound=Identified)


class Subject(Protocol):
    """Anything the trail can be about."""

    id: Any
    __tablename__: str


@dataclass(frozen=True, slots=True)
class UnitOfWork:
    """What a service is given. It never commits: whoever made the unit of work does, or nothing happened."""

    session: Session
    actor: Actor
    now: datetime

    def get(self, model: type[M], id: UUID, *, lock: bool = False) -> M:
        """The row, or ``NotFound``. ``lock`` holds it to the end of the transaction (SQLite has one writer anyway)."""
        query = select(model).where(model.id == id)
        if lock:
            query = query.with_for_update().execution_options(populate_existing=True)
        row = self.session.scalar(query)
        if row is None:
            raise NotFound(f"There is no such {model.__tablename__.replace('_', ' ')}.")
        return row

    def add(self, row: Base) -> None:
        """Put a new row in and give it its id."""
        self.session.add(row)
        self.session.flush()

    def record(
        self,
        verb: str,
        subject: Subject,
        *,
        before: str | None = None,
        after: str | None = None,
        why: str | None = None,
        role: Role | None = None,
        **body: Any,
    ) -> AuditEvent:
        """Write the step's trail entry. ``body`` takes ids, pence and hashes only: no names, no ballot content."""
        if subject.id is None:
            self.session.flush()
        event = AuditEvent(
            at=self.now,
            verb=verb,
            subject_type=subject.__tablename__,
            subject_id=subject.id,
            actor_id=self.actor.id,
            actor_role=role.value if role else self._role_word(),
            before=str(before) if before is not None else None,
            after=str(after) if after is not None else None,
            why=why,
            body={key: str(value) if isinstance(value, UUID) else value for key, value in body.items()},
        )
        self.session.add(event)
        return event

    def _role_word(self) -> str:
        if self.actor.is_clock:
            return "clock"
        if self.actor.id is None:
            return "anyone"
        return "+".join(sorted(role.value for role in self.actor.roles if role is not Role.RESIDENT))[:30] or "resident"
