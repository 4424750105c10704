"""Meetings of panels: when and where, who was there, and what was said and recommended of each bid."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from grants.allocation.rules.states import Verdict
from grants.kernel.tables import Base, Identified, Utc, state_column
from grants.meetings.rules import AgendaOrder, MeetingState
from grants.proposals.models import Proposal


class Meeting(Identified):
    """The meeting at which a round's panel decides; one for each round. Its rows stand still once it is closed."""

    __tablename__ = "meeting"
    __table_args__ = (UniqueConstraint("round_id"),)

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"))
    state: Mapped[MeetingState] = state_column(MeetingState)
    starts_at: Mapped[datetime] = mapped_column(Utc())
    place: Mapped[str] = mapped_column(String(200))
    agenda_order: Mapped[AgendaOrder] = state_column(AgendaOrder)
    planned_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    chair_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    """Who opened it."""
    present: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Ids of the members who are there, the chair among them."""
    members_count: Mapped[int] = mapped_column(default=0)
    """How many sat on the panel when it closed."""
    opened_at: Mapped[datetime | None] = mapped_column(Utc())
    closed_at: Mapped[datetime | None] = mapped_column(Utc())


class AgendaBid(Base):
    """One bid of a meeting: its place on the agenda, the note of the discussion, and what the meeting recommends."""

    __tablename__ = "agenda_bid"
    __table_args__ = (
        UniqueConstraint("meeting_id", "position"),
        CheckConstraint("position > 0", name="position_from_one"),
        CheckConstraint("(verdict IS NULL) = (settled_at IS NULL)", name="settled_is_dated"),
    )

    meeting_id: Mapped[UUID] = mapped_column(ForeignKey("meeting.id"), primary_key=True)
    proposal_id: Mapped[UUID] = mapped_column(ForeignKey("proposal.id"), primary_key=True, index=True)
    position: Mapped[int]
    note: Mapped[str] = mapped_column(String(2000), default="")
    verdict: Mapped[Verdict | None] = state_column(Verdict, nullable=True)
    reason: Mapped[str] = mapped_column(String(1000), default="")
    """Why it is not what the votes say; everybody can read it."""
    conditions: Mapped[str] = mapped_column(String(1000), default="")
    took_part: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Ids of those present without an interest in it, when it was settled or the meeting closed."""
    settled_at: Mapped[datetime | None] = mapped_column(Utc())

    proposal: Mapped[Proposal] = relationship()
