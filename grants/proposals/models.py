"""Proposals, their budgets and the snapshots of what was put in."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, String, Table, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from grants.kernel.tables import Identified, Minor, Utc, make_append_only, state_column
from grants.people.models import Group, Hosting
from grants.priorities.models import Priority
from grants.proposals.rules import Level, ProposalState
from grants.rounds.models import Round


class Proposal(Identified):
    """What one group asks for in one round (360Giving: an application). Section fields are null until first saved."""

    __tablename__ = "proposal"
    __table_args__ = (
        CheckConstraint("applied_for_minor >= 0", name="applied_for_not_negative"),
        UniqueConstraint("round_id", "number"),
    )

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), index=True)
    group_id: Mapped[UUID] = mapped_column(ForeignKey("community_group.id"), index=True)
    state: Mapped[ProposalState] = state_column(ProposalState, index=True)
    number: Mapped[int | None]
    """Its number on the ballot, from 1."""
    started_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    started_at: Mapped[datetime] = mapped_column(Utc())
    section_versions: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """How often each section was saved: the second of two editors is told (409)."""

    # what
    title: Mapped[str] = mapped_column(String(140), default="")
    summary: Mapped[str | None] = mapped_column(String(300))
    """One or two sentences for the ballot."""
    what: Mapped[str | None] = mapped_column(Text)
    # for whom and where
    for_whom: Mapped[str | None] = mapped_column(Text)
    anywhere: Mapped[bool] = mapped_column(default=False)
    """Not tied to a place: then there are no wards, and money that is tied to a place cannot pay for it."""
    ward_codes: Mapped[list[str]] = mapped_column(JSON, default=list)
    imd_deciles: Mapped[list[int]] = mapped_column(JSON, default=list)
    """Deciles of the places where it happens, from the postcode given; what decile restrictions look at."""
    venue_postcode: Mapped[str | None] = mapped_column(String(8))
    # priority
    priority_id: Mapped[UUID | None] = mapped_column(ForeignKey("priority.id"), index=True)
    answers_need: Mapped[str | None] = mapped_column(Text)
    # approach
    approaches: Mapped[list[str]] = mapped_column(JSON, default=list)
    level: Mapped[Level | None] = state_column(Level, nullable=True)
    outcomes_hoped: Mapped[str | None] = mapped_column(Text)
    # budget: ``lines``; the total is kept here
    applied_for_minor: Mapped[Minor] = mapped_column(default=0)
    # partners
    partners: Mapped[str | None] = mapped_column(Text)
    hosting_id: Mapped[UUID | None] = mapped_column(ForeignKey("hosting.id"))
    # contact: seen by the group and officers only
    contact_name: Mapped[str | None] = mapped_column(String(120))
    contact_email: Mapped[str | None] = mapped_column(String(254))
    contact_phone: Mapped[str | None] = mapped_column(String(30))

    writer_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    """Who asked for sign-off; somebody else must give it."""
    sent_back_reason: Mapped[str | None] = mapped_column(String(1000))
    signed_off_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    submitted_at: Mapped[datetime | None] = mapped_column(Utc())
    screened_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    screening_code: Mapped[str | None] = mapped_column(String(40))
    screening_reason: Mapped[str | None] = mapped_column(String(1000))
    kept_off_reason: Mapped[str | None] = mapped_column(String(1000))
    """Why an eligible proposal did not come on the ballot."""
    withdrawn_at: Mapped[datetime | None] = mapped_column(Utc())
    withdrawn_reason: Mapped[str | None] = mapped_column(String(500))

    round: Mapped[Round] = relationship()
    group: Mapped[Group] = relationship()
    priority: Mapped[Priority | None] = relationship()
    hosting: Mapped[Hosting | None] = relationship()
    lines: Mapped[list["BudgetLine"]] = relationship(order_by="BudgetLine.position", cascade="all, delete-orphan")


class BudgetLine(Identified):
    """One line of a budget: cash asked for, or something given in kind."""

    __tablename__ = "budget_line"
    __table_args__ = (CheckConstraint("amount_minor > 0", name="amount_positive"),)

    proposal_id: Mapped[UUID] = mapped_column(ForeignKey("proposal.id"), index=True)
    position: Mapped[int]
    what: Mapped[str] = mapped_column(String(140))
    amount_minor: Mapped[Minor]
    in_kind: Mapped[bool] = mapped_column(default=False)


class ProposalSnapshot(Identified):
    """What was put in, as it was put in, but for who to contact. Rows are added, never changed."""

    __tablename__ = "proposal_snapshot"
    __table_args__ = (UniqueConstraint("proposal_id", "number"),)

    proposal_id: Mapped[UUID] = mapped_column(ForeignKey("proposal.id"))
    number: Mapped[int]
    taken_at: Mapped[datetime] = mapped_column(Utc())
    why: Mapped[str] = mapped_column(String(60))
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    sha256: Mapped[str] = mapped_column(String(64))


assert isinstance(ProposalSnapshot.__table__, Table)
make_append_only(ProposalSnapshot.__table__)
