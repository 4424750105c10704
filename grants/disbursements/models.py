"""Payments on their way to groups, what the provider said of them, and money that came back."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from grants.awards.models import Award, Instalment
from grants.disbursements.rules import DisbursementState, RepaymentState
from grants.kernel.tables import Base, Identified, Minor, Utc, state_column

_LIVE = "state IN ('requested', 'on_hold', 'authorised', 'sent', 'paid')"


class Disbursement(Identified):
    """One attempt to pay one instalment: three people, one key, one effect."""

    __tablename__ = "disbursement"
    __table_args__ = (
        UniqueConstraint("instalment_id", "attempt"),
        UniqueConstraint("key"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("authorised_by_id IS NULL OR authorised_by_id <> requested_by_id", name="two_people"),
        CheckConstraint("first_by_id <> requested_by_id AND first_by_id <> authorised_by_id", name="another_seconds"),
        Index(
            "ix_disbursement_live", "instalment_id", unique=True, sqlite_where=text(_LIVE), postgresql_where=text(_LIVE)
        ),
    )

    award_id: Mapped[UUID] = mapped_column(ForeignKey("award.id"), index=True)
    instalment_id: Mapped[UUID] = mapped_column(ForeignKey("instalment.id"))
    attempt: Mapped[int] = mapped_column(default=1)
    amount_minor: Mapped[Minor]
    state: Mapped[DisbursementState] = state_column(DisbursementState, index=True)
    key: Mapped[str] = mapped_column(String(80))
    """Idempotency key: the instalment's id and the attempt."""
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("bank_account.id"))
    """Where it goes: the account that was verified when it was asked for. None: the group's account at a provider."""
    requested_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    requested_at: Mapped[datetime] = mapped_column(Utc())
    first_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    """Who authorised first, where the amount was above what they may let go alone."""
    first_at: Mapped[datetime | None] = mapped_column(Utc())
    authorised_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    authorised_at: Mapped[datetime | None] = mapped_column(Utc())
    tried_at: Mapped[datetime | None] = mapped_column(Utc())
    """When the provider was first asked; from then on only the provider knows whether money moved."""
    tries: Mapped[int] = mapped_column(default=0)
    """How often the provider was asked, under the one key."""
    gateway: Mapped[str | None] = mapped_column(String(20))
    """Who was first asked to pay it; whoever else the fund chooses later, this one goes on."""
    account_ref: Mapped[str | None] = mapped_column(String(80))
    """Where it was to go when the provider was first asked: the same key is always the same order."""
    trouble: Mapped[str | None] = mapped_column(String(300))
    """What kept us from knowing the outcome, the last time. Asked again by itself."""
    problem: Mapped[str | None] = mapped_column(String(300))
    """What a person must look at: the provider tells something that does not agree with the books."""
    refused: Mapped[bool] = mapped_column(default=False)
    """It failed by a definite no, or before it left: no money can have moved."""
    recalled_at: Mapped[datetime | None] = mapped_column(Utc())
    """When somebody asked the provider to fetch it back."""
    sent_at: Mapped[datetime | None] = mapped_column(Utc())
    provider_ref: Mapped[str | None] = mapped_column(String(80), index=True)
    paid_at: Mapped[datetime | None] = mapped_column(Utc())
    failure: Mapped[str | None] = mapped_column(String(300))

    award: Mapped[Award] = relationship()
    instalment: Mapped[Instalment] = relationship()


class ProviderEvent(Base):
    """Something a provider told us, once: the key is written in the transaction of its effect."""

    __tablename__ = "provider_event"

    provider: Mapped[str] = mapped_column(String(20), primary_key=True)
    event_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    kind: Mapped[str] = mapped_column(String(80))
    received_at: Mapped[datetime] = mapped_column(Utc())
    body: Mapped[dict[str, Any]] = mapped_column(JSON)


class MoneyReturn(Identified):
    """Unspent money that a group gave back; it goes to the contributions it came from."""

    __tablename__ = "money_return"
    __table_args__ = (
        UniqueConstraint("award_id", "reference"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
    )

    award_id: Mapped[UUID] = mapped_column(ForeignKey("award.id"))
    amount_minor: Mapped[Minor]
    reference: Mapped[str] = mapped_column(String(60))
    received_on: Mapped[date]
    recorded_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    recorded_at: Mapped[datetime] = mapped_column(Utc())


class Repayment(Identified):
    """Money that must come back of an award: all of it arrives, or two officers agree that it is lost."""

    __tablename__ = "repayment"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("received_minor >= 0 AND received_minor <= amount_minor", name="received_within"),
        CheckConstraint("written_off_by_id <> write_off_asked_by_id", name="two_people"),
        Index(
            "ix_repayment_open",
            "award_id",
            unique=True,
            sqlite_where=text("state = 'raised'"),
            postgresql_where=text("state = 'raised'"),
        ),
    )

    award_id: Mapped[UUID] = mapped_column(ForeignKey("award.id"), index=True)
    amount_minor: Mapped[Minor]
    received_minor: Mapped[Minor] = mapped_column(default=0)
    state: Mapped[RepaymentState] = state_column(RepaymentState, index=True)
    why: Mapped[str] = mapped_column(String(500))
    raised_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    raised_at: Mapped[datetime] = mapped_column(Utc())
    due_on: Mapped[date]
    write_off_reason: Mapped[str | None] = mapped_column(String(500))
    write_off_asked_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    write_off_asked_at: Mapped[datetime | None] = mapped_column(Utc())
    written_off_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    ended_at: Mapped[datetime | None] = mapped_column(Utc())

    award: Mapped[Award] = relationship()


class PaymentLimit(Identified):
    """How much an officer may authorise alone; ended, never changed."""

    __tablename__ = "payment_limit"
    __table_args__ = (
        CheckConstraint("limit_minor >= 0", name="limit_not_negative"),
        CheckConstraint("set_by_id <> person_id", name="set_by_another"),
        Index(
            "ix_payment_limit_live",
            "person_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    limit_minor: Mapped[Minor]
    set_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    set_at: Mapped[datetime] = mapped_column(Utc())
    ended_at: Mapped[datetime | None] = mapped_column(Utc())
