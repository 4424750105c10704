"""Who reviews what, their interests and their scores; what the panel found once locked."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from grants.kernel.tables import Base, Identified, Utc, state_column
from grants.proposals.models import Proposal
from grants.review.rules import KnownTie, ReviewState, Tie


class PanelMember(Base):
    """A person who sits on a round's panel; one of them is its chair."""

    __tablename__ = "panel_member"
    __table_args__ = (
        Index(
            "ix_panel_member_chair",
            "round_id",
            unique=True,
            sqlite_where=text("is_chair = 1"),
            postgresql_where=text("is_chair"),
        ),
    )

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"), primary_key=True, index=True)
    is_chair: Mapped[bool] = mapped_column(default=False)
    joined_at: Mapped[datetime] = mapped_column(Utc())
    term_ends_on: Mapped[date | None]
    """Until when this person serves; nothing is given to them after that day."""
    trained_on: Mapped[date | None]
    """When they had the training for panellists."""


class Review(Identified):
    """One panellist's review of one proposal. Its text is invisible to them before CLEARED."""

    __tablename__ = "review"
    __table_args__ = (UniqueConstraint("proposal_id", "panellist_id"),)

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), index=True)
    proposal_id: Mapped[UUID] = mapped_column(ForeignKey("proposal.id"))
    panellist_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"), index=True)
    state: Mapped[ReviewState] = state_column(ReviewState)
    assigned_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    assigned_at: Mapped[datetime] = mapped_column(Utc())
    declared_at: Mapped[datetime | None] = mapped_column(Utc())
    interest: Mapped[str | None] = mapped_column(String(500))
    tie: Mapped[Tie | None] = state_column(Tie, nullable=True)
    """What soft interest was declared; the chair rules on it."""
    ruling: Mapped[str | None] = mapped_column(String(500))
    ruled_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    ruled_at: Mapped[datetime | None] = mapped_column(Utc())
    submitted_at: Mapped[datetime | None] = mapped_column(Utc())
    taken_out_at: Mapped[datetime | None] = mapped_column(Utc())
    """When an interest came to light that the panellist had not told of; ``interest`` says which kind."""
    version: Mapped[int] = mapped_column(default=0)

    proposal: Mapped[Proposal] = relationship()
    scores: Mapped[list["Score"]] = relationship(order_by="Score.criterion")


class AddressMark(Identified):
    """Where a person lives or a group is, as a keyed mark: of use only to see that two are at one address."""

    __tablename__ = "address_mark"
    __table_args__ = (
        CheckConstraint("(person_id IS NULL) <> (group_id IS NULL)", name="of_one"),
        UniqueConstraint("person_id"),
        UniqueConstraint("group_id"),
    )

    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    group_id: Mapped[UUID | None] = mapped_column(ForeignKey("community_group.id"))
    mark: Mapped[str] = mapped_column(String(64), index=True)
    noted_at: Mapped[datetime] = mapped_column(Utc())


class PersonTie(Identified):
    """Whom somebody lives with, works for, or has signed for: told by themselves, or noted when they signed."""

    __tablename__ = "person_tie"
    __table_args__ = (
        CheckConstraint(
            "(kind = 'household' AND other_id IS NOT NULL AND group_id IS NULL) OR "
            "(kind <> 'household' AND other_id IS NULL AND group_id IS NOT NULL)",
            name="to_somebody",
        ),
        CheckConstraint("other_id IS NULL OR other_id <> person_id", name="to_another"),
        UniqueConstraint("person_id", "kind", "other_id"),
        UniqueConstraint("person_id", "kind", "group_id"),
    )

    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    kind: Mapped[KnownTie] = state_column(KnownTie)
    other_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"), index=True)
    group_id: Mapped[UUID | None] = mapped_column(ForeignKey("community_group.id"), index=True)
    noted_at: Mapped[datetime] = mapped_column(Utc())


class Score(Base):
    """A score on one criterion; ``value`` null means "not enough information", which is missing, not nought.

    ``answered`` is false while only a reason was typed and no step chosen so far.
    """

    __tablename__ = "score"
    __table_args__ = (
        CheckConstraint("value IS NULL OR value BETWEEN 0 AND 3", name="value_on_scale"),
        CheckConstraint("answered OR value IS NULL", name="value_is_an_answer"),
    )

    review_id: Mapped[UUID] = mapped_column(ForeignKey("review.id"), primary_key=True)
    criterion: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[int | None]
    answered: Mapped[bool] = mapped_column(default=True)
    reason: Mapped[str] = mapped_column(String(1000), default="")


class PanelFinding(Base):
    """What the panel found of one proposal at the lock, before the vote: pass or fail by the rule-book."""

    __tablename__ = "panel_finding"
    __table_args__ = (CheckConstraint("points BETWEEN 0 AND points_most", name="points_within"),)

    proposal_id: Mapped[UUID] = mapped_column(ForeignKey("proposal.id"), primary_key=True)
    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), index=True)
    passed: Mapped[bool]
    points: Mapped[int]
    points_most: Mapped[int]
    """What the panel gave, and the most it could have given; "not enough information" is left out of both."""
    reviews_count: Mapped[int]
    by_criterion: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Criterion → {"average": "2.5" or null, "counted": n, "spread": n}."""
    note: Mapped[str] = mapped_column(String(2000), default="")
    """Plain words that stand on the ballot."""
    locked_at: Mapped[datetime] = mapped_column(Utc())

    @property
    def percent(self) -> int | None:
        """Points in whole percent, rounded down as the pass mark is met; nothing when nobody could score."""
        return 100 * self.points // self.points_most if self.points_most else None
