"""What is in the outbox."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.outbox.models import OutboxRow


def mail(session: Session, *, limit: int = 100, offset: int = 0) -> list[OutboxRow]:
    """Letters, newest first: for the demonstration's mailbox."""
    return list(
        session.scalars(
            select(OutboxRow)
            .where(OutboxRow.kind == "mail")
            .order_by(OutboxRow.created_at.desc(), OutboxRow.key)
            .limit(limit)
            .offset(offset)
        )
    )


def letter(session: Session, id: UUID) -> OutboxRow | None:
    return session.scalar(select(OutboxRow).where(OutboxRow.id == id, OutboxRow.kind == "mail"))


def failing(session: Session, *, limit: int = 100) -> list[OutboxRow]:
    """What could not be sent yet or at all, oldest first."""
    return list(
        session.scalars(
            select(OutboxRow)
            .where(OutboxRow.sent_at.is_(None), OutboxRow.last_error.is_not(None))
            .order_by(OutboxRow.created_at, OutboxRow.key)
            .limit(limit)
        )
    )
