"""What two people said to an ask, and what was decided. Rows are added, never changed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Table, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from grants.kernel.tables import Base, Identified, Minor, Utc, make_append_only, state_column
from grants.quick.rules import NoCode, Says


class QuickOpinion(Identified):
    """What one person said to an ask, as it stood in one copy of it. Of an older copy it counts no more."""

    __tablename__ = "quick_opinion"
    __table_args__ = (
        UniqueConstraint("proposal_id", "copy", "turn"),
        UniqueConstraint("proposal_id", "copy", "person_id"),
        CheckConstraint("turn IN (1, 2, 3)", name="three_at_most"),
        CheckConstraint("(says = 'no') = (code IS NOT NULL)", name="no_has_a_kind"),
    )

    proposal_id: Mapped[UUID] = mapped_column(ForeignKey("proposal.id"))
    copy: Mapped[int]
    """The number of the snapshot that was read."""
    turn: Mapped[int]
    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"), index=True)
    says: Mapped[Says] = state_column(Says)
    code: Mapped[NoCode | None] = state_column(NoCode, nullable=True)
    reason: Mapped[str] = mapped_column(String(1000))
    said_at: Mapped[datetime] = mapped_column(Utc())


class QuickDecision(Base):
    """What became of an ask: with the reason that the group was told, and how long it took."""

    __tablename__ = "quick_decision"
    __table_args__ = (
        CheckConstraint("(says = 'yes') = (awarded_minor > 0) AND awarded_minor >= 0", name="yes_has_amount"),
        CheckConstraint("(says = 'no') = (code IS NOT NULL)", name="no_has_a_kind"),
        CheckConstraint("days >= 0", name="days_not_negative"),
        Index("ix_quick_decision_round", "round_id", "decided_at"),
    )

    proposal_id: Mapped[UUID] = mapped_column(ForeignKey("proposal.id"), primary_key=True)
    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"))
    says: Mapped[Says] = state_column(Says)
    code: Mapped[NoCode | None] = state_column(NoCode, nullable=True)
    reason: Mapped[str] = mapped_column(String(2100))
    """What the two who decided said. Of a yes everybody can read it; of a no the group."""
    awarded_minor: Mapped[Minor]
    asked_at: Mapped[datetime] = mapped_column(Utc())
    """When it was first put in."""
    decided_at: Mapped[datetime] = mapped_column(Utc())
    days: Mapped[int]
    """London days from the one to the other."""


for _model in (QuickOpinion, QuickDecision):
    assert isinstance(_model.__table__, Table)
    make_append_only(_model.__table__)
