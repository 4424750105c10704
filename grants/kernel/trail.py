"""The trail: one append-only entry for every step, and no personal data in it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Index, String, Table
from sqlalchemy.orm import Mapped, mapped_column

from grants.kernel.tables import Identified, Utc, make_append_only


class AuditEvent(Identified):
    """Who did what to which thing, from which state to which, why and when.

    ``body`` holds ids, amounts (pence) and hashes, never names, addresses or choices. ``actor_id`` is the pseudonymous
    id of a person, or null for the clock and for somebody not signed in.
    """

    __tablename__ = "audit_event"
    __table_args__ = (Index("ix_audit_event_subject", "subject_type", "subject_id", "at"),)

    at: Mapped[datetime] = mapped_column(Utc(), index=True)
    verb: Mapped[str] = mapped_column(String(60), index=True)
    subject_type: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[UUID] = mapped_column()
    actor_id: Mapped[UUID | None] = mapped_column(index=True)
    actor_role: Mapped[str] = mapped_column(String(30))
    before: Mapped[str | None] = mapped_column(String(32))
    after: Mapped[str | None] = mapped_column(String(32))
    why: Mapped[str | None] = mapped_column(String(1000))
    body: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


assert isinstance(AuditEvent.__table__, Table)
make_append_only(AuditEvent.__table__)
