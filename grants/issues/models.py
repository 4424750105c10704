"""Issues and who supports them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from grants.issues.rules import AnswerKind, IssueState
from grants.kernel.tables import Base, Identified, Utc, state_column


class Issue(Identified):
    """What a resident says matters or is wrong, in their own words."""

    __tablename__ = "issue"
    __table_args__ = (
        CheckConstraint("merged_into_id IS NULL OR merged_into_id <> id", name="not_merged_into_itself"),
        CheckConstraint("state NOT IN ('answered', 'closed') OR answer IS NOT NULL", name="no_end_without_an_answer"),
        CheckConstraint("state <> 'hidden' OR hidden_reason IS NOT NULL", name="hidden_says_why"),
        CheckConstraint("support_count >= 0", name="support_count_not_negative"),
    )

    title: Mapped[str] = mapped_column(String(140))
    body: Mapped[str] = mapped_column(String(3000))
    ward_code: Mapped[str | None] = mapped_column(String(9), index=True)
    touches: Mapped[str] = mapped_column(String(300), default="")
    """Whom it touches, in the author's words."""
    state: Mapped[IssueState] = state_column(IssueState, index=True)
    raised_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    contact_email: Mapped[str | None] = mapped_column(String(254))
    author_token_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    """Behind the private link with which an author without an account sees the answer."""
    raised_at: Mapped[datetime] = mapped_column(Utc(), index=True)
    looked_at_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    merged_into_id: Mapped[UUID | None] = mapped_column(ForeignKey("issue.id"), index=True)
    hidden_reason: Mapped[str | None] = mapped_column(String(500))
    answer_kind: Mapped[AnswerKind | None] = state_column(AnswerKind)
    answer: Mapped[str | None] = mapped_column(String(3000))
    answered_at: Mapped[datetime | None] = mapped_column(Utc())
    support_count: Mapped[int] = mapped_column(default=0)


class IssueSupport(Base):
    """One person's "this matters to me too"."""

    __tablename__ = "issue_support"

    issue_id: Mapped[UUID] = mapped_column(ForeignKey("issue.id"), primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"), primary_key=True)
