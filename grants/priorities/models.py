"""Priorities, their versions, what they rest on, and the action connected to them."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from grants.kernel.tables import Base, Identified, Utc, state_column
from grants.priorities.rules import ActionProgress, PriorityState


class Consultation(Identified):
    """Some priorities put to the community together, until a moment; people say which matters most to them."""

    __tablename__ = "consultation"

    opened_at: Mapped[datetime] = mapped_column(Utc())
    closes_at: Mapped[datetime] = mapped_column(Utc(), index=True)


class Priority(Identified):
    """What the community agreed to act on, and who owns it. The row shows the present version."""

    __tablename__ = "priority"
    __table_args__ = (
        CheckConstraint(
            "state <> 'agreed' OR (owner_name IS NOT NULL AND agreed_on IS NOT NULL AND meeting IS NOT NULL)",
            name="agreed_has_owner_and_meeting",
        ),
        CheckConstraint("state <> 'retired' OR retired_reason IS NOT NULL", name="retired_says_why"),
    )

    title: Mapped[str] = mapped_column(String(140))
    statement: Mapped[str] = mapped_column(String(3000))
    """What we want to be different, in plain words."""
    state: Mapped[PriorityState] = state_column(PriorityState, index=True)
    version: Mapped[int] = mapped_column(default=1)
    owner_name: Mapped[str | None] = mapped_column(String(140))
    """The group or the people from the community that own it, as they wish to be named."""
    agreed_on: Mapped[date | None]
    meeting: Mapped[str | None] = mapped_column(String(200))
    turnout_count: Mapped[int | None]
    """How many people took part when it was put to the community."""
    suggested_at: Mapped[datetime] = mapped_column(Utc())
    consultation_id: Mapped[UUID | None] = mapped_column(ForeignKey("consultation.id"), index=True)
    consultation_closes_at: Mapped[datetime | None] = mapped_column(Utc())
    retired_reason: Mapped[str | None] = mapped_column(String(500))


class PriorityVersion(Identified):
    """What was agreed, as it was agreed. Rows are added, never changed."""

    __tablename__ = "priority_version"
    __table_args__ = (UniqueConstraint("priority_id", "version"),)

    priority_id: Mapped[UUID] = mapped_column(ForeignKey("priority.id"))
    version: Mapped[int]
    title: Mapped[str] = mapped_column(String(140))
    statement: Mapped[str] = mapped_column(String(3000))
    owner_name: Mapped[str] = mapped_column(String(140))
    agreed_on: Mapped[date]
    meeting: Mapped[str] = mapped_column(String(200))
    why: Mapped[str] = mapped_column(String(500), default="")


class PriorityIssue(Base):
    """An issue that a priority rests on."""

    __tablename__ = "priority_issue"

    priority_id: Mapped[UUID] = mapped_column(ForeignKey("priority.id"), primary_key=True)
    issue_id: Mapped[UUID] = mapped_column(ForeignKey("issue.id"), primary_key=True, index=True)


class PriorityInsight(Base):
    """An insight that a priority rests on."""

    __tablename__ = "priority_insight"

    priority_id: Mapped[UUID] = mapped_column(ForeignKey("priority.id"), primary_key=True)
    insight_id: Mapped[UUID] = mapped_column(ForeignKey("insight.id"), primary_key=True, index=True)


class PriorityBacking(Base):
    """One person's place for a priority when it was put to the community (1 is first)."""

    __tablename__ = "priority_backing"
    __table_args__ = (CheckConstraint("place >= 1", name="place_from_one"),)

    priority_id: Mapped[UUID] = mapped_column(ForeignKey("priority.id"), primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"), primary_key=True, index=True)
    place: Mapped[int]


class ConnectedAction(Identified):
    """What a partner does about a priority beside the grants."""

    __tablename__ = "connected_action"

    priority_id: Mapped[UUID] = mapped_column(ForeignKey("priority.id"), index=True)
    partner: Mapped[str] = mapped_column(String(140))
    what: Mapped[str] = mapped_column(String(1000))
    programme: Mapped[str] = mapped_column(String(140), default="")
    progress: Mapped[ActionProgress] = state_column(ActionProgress)
    noted_at: Mapped[datetime] = mapped_column(Utc())
    updated_at: Mapped[datetime] = mapped_column(Utc())
