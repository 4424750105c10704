"""Rounds: dates, terms and the frozen rule-book."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from grants.funds.models import Fund
from grants.kernel.tables import Base, Identified, Minor, Utc, state_column
from grants.rounds.rules import RoundState


class Round(Identified):
    """One call against a fund. While a draft, ``terms`` may change; scheduling freezes them into ``rule_book``."""

    __tablename__ = "round"
    __table_args__ = (
        CheckConstraint("opens_at < closes_at AND closes_at <= voting_opens_at", name="apply_before_vote"),
        CheckConstraint(
            "voting_opens_at < voting_closes_at AND voting_closes_at <= decide_by", name="vote_before_decide"
        ),
        CheckConstraint("pot_minor > 0", name="pot_positive"),
        CheckConstraint("floor_minor > 0 AND floor_minor <= cap_minor", name="floor_below_cap"),
        CheckConstraint("state IN ('draft', 'cancelled') OR rule_book_hash IS NOT NULL", name="scheduled_is_frozen"),
    )

    fund_id: Mapped[UUID] = mapped_column(ForeignKey("fund.id"), index=True)
    title: Mapped[str] = mapped_column(String(140))
    summary: Mapped[str] = mapped_column(String(2000))
    state: Mapped[RoundState] = state_column(RoundState, index=True)
    """As last written down; ``rules.phase_at`` says what it is at this moment."""
    opens_at: Mapped[datetime] = mapped_column(Utc())
    closes_at: Mapped[datetime] = mapped_column(Utc())
    voting_opens_at: Mapped[datetime] = mapped_column(Utc())
    voting_closes_at: Mapped[datetime] = mapped_column(Utc())
    decide_by: Mapped[datetime] = mapped_column(Utc())
    pot_minor: Mapped[Minor]
    floor_minor: Mapped[Minor]
    cap_minor: Mapped[Minor]
    terms: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """What else the rule-book will say, while it is being drafted."""
    rule_book: Mapped[str | None] = mapped_column(Text)
    """Canonical JSON, frozen when the round was scheduled."""
    rule_book_hash: Mapped[str | None] = mapped_column(String(64))
    ballot_public_key: Mapped[str | None] = mapped_column(String(64))
    ballot_private_key: Mapped[str | None] = mapped_column(String(200))
    """Wrapped by the installation's vote key; destroyed at the close."""
    preview_token: Mapped[str] = mapped_column(String(43))
    panel_locked_at: Mapped[datetime | None] = mapped_column(Utc())
    votes_counted_at: Mapped[datetime | None] = mapped_column(Utc())
    announced_at: Mapped[datetime | None] = mapped_column(Utc())
    cancelled_reason: Mapped[str | None] = mapped_column(String(500))

    fund: Mapped[Fund] = relationship()


class RoundPriority(Base):
    """A priority that a round funds activity against."""

    __tablename__ = "round_priority"

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), primary_key=True)
    priority_id: Mapped[UUID] = mapped_column(ForeignKey("priority.id"), primary_key=True, index=True)
