"""Appeals: one for each decision that was told, kept with what came of it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from grants.appeals.rules import AppealState, Ground, Remedy
from grants.kernel.tables import Identified, Utc, state_column


class Appeal(Identified):
    """A group says that something went wrong in how one decision was made."""

    __tablename__ = "appeal"
    __table_args__ = (
        UniqueConstraint("decision_id"),
        CheckConstraint("(state = 'lodged') = (heard_at IS NULL)", name="heard_when_heard"),
        CheckConstraint("(state IN ('upheld', 'not_upheld')) = (judged_at IS NOT NULL)", name="judged_when_judged"),
        CheckConstraint("(state = 'upheld') = (remedy IS NOT NULL)", name="remedy_when_upheld"),
        CheckConstraint("judge_id IS NULL OR judge_id <> lodged_by_id", name="not_its_own_judge"),
    )

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), index=True)
    decision_id: Mapped[UUID] = mapped_column(ForeignKey("decision.id"))
    ground: Mapped[Ground] = state_column(Ground)
    words: Mapped[str] = mapped_column(String(2000))
    """What happened, as the group says it: read by the group, the desk and who may judge."""
    lodged_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    lodged_at: Mapped[datetime] = mapped_column(Utc())
    state: Mapped[AppealState] = state_column(AppealState, index=True)
    judge_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    heard_at: Mapped[datetime | None] = mapped_column(Utc())
    """When it was taken on, or found to be out of scope."""
    reason: Mapped[str | None] = mapped_column(String(1000))
    """What the judge wrote to the group at the last step."""
    public_words: Mapped[str | None] = mapped_column(String(500))
    """What everybody can read of it, without names."""
    judged_at: Mapped[datetime | None] = mapped_column(Utc())
    remedy: Mapped[Remedy | None] = state_column(Remedy, nullable=True)
    remedied_at: Mapped[datetime | None] = mapped_column(Utc())
    remedied_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    remedied_words: Mapped[str | None] = mapped_column(String(500))
    """What was done, for everybody to read."""
