"""Outcome reports with their measures and pictures."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from grants.awards.models import Award
from grants.kernel.tables import Identified, Minor, Utc, state_column
from grants.reports.rules import ReportState


class Report(Identified):
    """What changed: one report on one award."""

    __tablename__ = "report"
    __table_args__ = (CheckConstraint("spent_minor IS NULL OR spent_minor >= 0", name="spent_not_negative"),)

    award_id: Mapped[UUID] = mapped_column(ForeignKey("award.id"), index=True)
    due_on: Mapped[date]
    state: Mapped[ReportState] = state_column(ReportState, index=True)
    what_happened: Mapped[str | None] = mapped_column(Text)
    learnt: Mapped[str | None] = mapped_column(Text)
    story: Mapped[str | None] = mapped_column(Text)
    story_consent: Mapped[bool] = mapped_column(default=False)
    """The people in the story agreed that it may be published."""
    spent_minor: Mapped[Minor | None]
    underspend_reason: Mapped[str | None] = mapped_column(String(1000))
    """Why less was spent than was paid."""
    lines: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    """What was spent on each line of the budget: ``what`` and ``amount_minor``."""
    version: Mapped[int] = mapped_column(default=0)
    """How often it was saved: the second of two editors is told (409)."""
    submitted_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    submitted_at: Mapped[datetime | None] = mapped_column(Utc())
    query_reason: Mapped[str | None] = mapped_column(String(1000))
    accepted_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    accepted_at: Mapped[datetime | None] = mapped_column(Utc())

    award: Mapped[Award] = relationship()
    measures: Mapped[list["Measure"]] = relationship(order_by="Measure.position", cascade="all, delete-orphan")
    pictures: Mapped[list["Picture"]] = relationship(order_by="Picture.added_at")


class Measure(Identified):
    """A number with what it is a number of: 27 of 62 people, and how it was counted."""

    __tablename__ = "measure"
    __table_args__ = (
        CheckConstraint("numerator >= 0 AND (denominator IS NULL OR denominator >= numerator)", name="part_of_whole"),
    )

    report_id: Mapped[UUID] = mapped_column(ForeignKey("report.id"), index=True)
    position: Mapped[int]
    what: Mapped[str] = mapped_column(String(200))
    numerator: Mapped[int]
    denominator: Mapped[int | None]
    source: Mapped[str] = mapped_column(String(200), default="")


class Picture(Identified):
    """A picture, re-encoded without location data and kept under a name of ours."""

    __tablename__ = "picture"

    report_id: Mapped[UUID] = mapped_column(ForeignKey("report.id"), index=True)
    stored_name: Mapped[str] = mapped_column(String(60))
    alt: Mapped[str] = mapped_column(String(200))
    consent: Mapped[bool]
    added_at: Mapped[datetime] = mapped_column(Utc())
