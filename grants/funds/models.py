"""Funds, funders and their contributions."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from grants.funds.rules import ContributionState, PaysBy, UnspentState
from grants.kernel.tables import Identified, Minor, Utc, state_column
from grants.ports.payments import CheckoutStanding


class Fund(Identified):
    """The shared pot."""

    __tablename__ = "fund"
    __table_args__ = (UniqueConstraint("name"),)

    name: Mapped[str] = mapped_column(String(140))
    purpose: Mapped[str] = mapped_column(String(2000))
    elsewhere: Mapped[str | None] = mapped_column(String(4000))
    """Where else a group can turn, one place on each line; told to those who get nothing."""
    pays_by: Mapped[PaysBy | None] = state_column(PaysBy)
    """How groups are paid; None: as the installation does it."""
    fees_borne_by: Mapped[str | None] = mapped_column(String(140))
    """Who makes good what a payment company keeps; None: whoever keeps the account. Never the pot."""
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
    """The parts of ``rules.Restriction``, sets as lists, the day in ISO form; what is empty restricts nothing."""
    pledged_at: Mapped[datetime] = mapped_column(Utc())
    agreed_at: Mapped[datetime | None] = mapped_column(Utc())
    warned_for: Mapped[date | None]
    """The last day of which its stewards were warned."""

    fund: Mapped[Fund] = relationship()
    funder: Mapped[Funder] = relationship()


class Checkout(Identified):
    """Somebody pays part of a contribution through a provider's page. It counts once the provider says it is paid."""

    __tablename__ = "checkout"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        UniqueConstraint("provider", "provider_ref"),
        Index(
            "ix_checkout_live",
            "contribution_id",
            unique=True,
            sqlite_where=text("state IN ('open', 'waiting')"),
            postgresql_where=text("state IN ('open', 'waiting')"),
        ),
    )

    contribution_id: Mapped[UUID] = mapped_column(ForeignKey("contribution.id"), index=True)
    provider: Mapped[str] = mapped_column(String(20))
    amount_minor: Mapped[Minor]
    state: Mapped[CheckoutStanding] = state_column(CheckoutStanding)
    started_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    started_at: Mapped[datetime] = mapped_column(Utc())
    provider_ref: Mapped[str | None] = mapped_column(String(120))
    url: Mapped[str | None] = mapped_column(String(2000))
    payment_ref: Mapped[str | None] = mapped_column(String(80), index=True)
    """What the provider calls the money itself, in disputes and refunds."""
    paid_at: Mapped[datetime | None] = mapped_column(Utc())
    problem: Mapped[str | None] = mapped_column(String(300))

    contribution: Mapped[Contribution] = relationship()

    @property
    def key(self) -> str:
        """The idempotency key under which the page is opened."""
        return f"checkout:{self.id}"


class TakenBack(Identified):
    """Money of a checkout that went back to its payer: a payer's bank took it (a dispute), or we gave it (a refund)."""

    __tablename__ = "taken_back"
    __table_args__ = (CheckConstraint("amount_minor > 0", name="amount_positive"), UniqueConstraint("key"))

    checkout_id: Mapped[UUID] = mapped_column(ForeignKey("checkout.id"), index=True)
    contribution_id: Mapped[UUID] = mapped_column(ForeignKey("contribution.id"), index=True)
    key: Mapped[str] = mapped_column(String(80))
    """Ours for a refund; the provider's reference for a dispute."""
    disputed: Mapped[bool]
    amount_minor: Mapped[Minor]
    free_minor: Mapped[Minor] = mapped_column(default=0)
    """Of it, what nobody was promised: that went back, and nobody misses it."""
    short_minor: Mapped[Minor] = mapped_column(default=0)
    """Of it, what was promised already, is missing now and was not made good yet."""
    over: Mapped[bool] = mapped_column(default=False)
    undone_at: Mapped[datetime | None] = mapped_column(Utc())
    """The dispute was won or the refund failed: the money is ours again."""
    reason: Mapped[str] = mapped_column(String(500))
    asked_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    told_at: Mapped[datetime] = mapped_column(Utc())


class UnspentOffer(Identified):
    """Money that nobody was promised, offered back to its funder, who lets it stay or asks for it."""

    __tablename__ = "unspent_offer"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        Index(
            "ix_unspent_offer_open",
            "contribution_id",
            unique=True,
            sqlite_where=text("state IN ('offered', 'to_return')"),
            postgresql_where=text("state IN ('offered', 'to_return')"),
        ),
    )

    contribution_id: Mapped[UUID] = mapped_column(ForeignKey("contribution.id"), index=True)
    amount_minor: Mapped[Minor]
    """What was free when it was offered; once asked back, what goes back."""
    state: Mapped[UnspentState] = state_column(UnspentState)
    reason: Mapped[str] = mapped_column(String(500))
    offered_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    offered_at: Mapped[datetime] = mapped_column(Utc())
    answered_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    answered_at: Mapped[datetime | None] = mapped_column(Utc())
    spend_by: Mapped[date | None]
    """The last day that the funder set when it let the money stay."""

    contribution: Mapped[Contribution] = relationship()


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
    recorded_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    """None when a provider told of it."""
    recorded_at: Mapped[datetime] = mapped_column(Utc())
