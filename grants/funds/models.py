"""Funds, funders and their contributions."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from grants.funds.rules import ContributionState
from grants.kernel.tables import Identified, Minor, Utc, state_column


class Fund(Identified):
    """The shared pot."""

    __tablename__ = "fund"
    __table_args__ = (UniqueConstraint("name"),)

    name: Mapped[str] = mapped_column(String(140))
    purpose: Mapped[str] = mapped_column(String(2000))
    created_at: Mapped[datetime] = mapped_column(Utc())


class Funder(Identified):
    """Who gives."""

    __tablename__ = "funder"
    __table_args__ = (UniqueConstraint("name"),)

    name: Mapped[str] = mapped_column(String(140))
    org_id: Mapped[str | None] = mapped_column(String(60))
    created_at: Mapped[datetime] = mapped_column(Utc())


class Contribution(Identified):
    """Money promised by a funder to a fund, with what it may be spent on. Where its money is, the ledger says."""

    __tablename__ = "contribution"
    __table_args__ = (CheckConstraint("amount_minor > 0", name="amount_positive"),)

    fund_id: Mapped[UUID] = mapped_column(ForeignKey("fund.id"), index=True)
    funder_id: Mapped[UUID] = mapped_column(ForeignKey("funder.id"), index=True)
    amount_minor: Mapped[Minor]
    state: Mapped[ContributionState] = state_column(ContributionState)
    restriction: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """``{"ward_codes": [...], "imd_deciles": [...], "priority_ids": [...]}``; an empty list restricts nothing."""
    pledged_at: Mapped[datetime] = mapped_column(Utc())
    agreed_at: Mapped[datetime | None] = mapped_column(Utc())

    fund: Mapped[Fund] = relationship()
    funder: Mapped[Funder] = relationship()


class Receipt(Identified):
    """Money of a contribution that arrived, recorded by a finance officer against a bank reference."""

    __tablename__ = "receipt"
    __table_args__ = (
        UniqueConstraint("contribution_id", "reference"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
    )

    contribution_id: Mapped[UUID] = mapped_column(ForeignKey("contribution.id"))
    amount_minor: Mapped[Minor]
    reference: Mapped[str] = mapped_column(String(60))
    received_on: Mapped[date]
    recorded_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    recorded_at: Mapped[datetime] = mapped_column(Utc())
