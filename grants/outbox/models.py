"""One row for each thing that is to leave."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from grants.kernel.tables import Identified, Utc


class OutboxRow(Identified):
    """Written in the business transaction, sent after it. ``key`` is unique: asked for twice, it leaves once."""

    __tablename__ = "outbox"
    __table_args__ = (UniqueConstraint("key"), Index("ix_outbox_due", "sent_at", "due_at"))

    kind: Mapped[str] = mapped_column(String(20))
    key: Mapped[str] = mapped_column(String(120))
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    subject_id: Mapped[UUID | None] = mapped_column(index=True)
    created_at: Mapped[datetime] = mapped_column(Utc())
    due_at: Mapped[datetime] = mapped_column(Utc())
    claimed_until: Mapped[datetime | None] = mapped_column(Utc())
    sent_at: Mapped[datetime | None] = mapped_column(Utc())
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(String(300))
    given_up_at: Mapped[datetime | None] = mapped_column(Utc())
