"""Bank runs and their lines, and lines of statements."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from grants.banking.rules import About, RunState
from grants.disbursements.models import Disbursement
from grants.funds.models import Fund
from grants.kernel.tables import Identified, Minor, Utc, state_column


class BankRun(Identified):
    """Payments that go to a finance office together, with the control totals of their file."""

    __tablename__ = "bank_run"
    __table_args__ = (UniqueConstraint("batch"),)

    fund_id: Mapped[UUID] = mapped_column(ForeignKey("fund.id"), index=True)
    batch: Mapped[str] = mapped_column(String(20))
    state: Mapped[RunState] = state_column(RunState)
    pay_by: Mapped[date]
    made_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    made_at: Mapped[datetime] = mapped_column(Utc())
    count: Mapped[int]
    total_minor: Mapped[Minor]
    sha256: Mapped[str | None] = mapped_column(String(64))
    """Of the lines of the file, once it was made; the same file ever after."""
    handed_over_at: Mapped[datetime | None] = mapped_column(Utc())
    handed_over_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))

    fund: Mapped[Fund] = relationship()
    lines: Mapped[list["BankRunLine"]] = relationship(back_populates="run", order_by="BankRunLine.position")


class BankRunLine(Identified):
    """One payment in a run; a payment is in one run."""

    __tablename__ = "bank_run_line"
    __table_args__ = (UniqueConstraint("disbursement_id"), UniqueConstraint("run_id", "reference"))

    run_id: Mapped[UUID] = mapped_column(ForeignKey("bank_run.id"))
    disbursement_id: Mapped[UUID] = mapped_column(ForeignKey("disbursement.id"))
    position: Mapped[int]
    reference: Mapped[str] = mapped_column(String(18))
    amount_minor: Mapped[Minor]
    told_at: Mapped[datetime | None] = mapped_column(Utc())

    run: Mapped[BankRun] = relationship(back_populates="lines")
    payment: Mapped[Disbursement] = relationship()


class StatementLine(Identified):
    """One line of a statement of the bank or of Stripe, once, and what it is about when that was found."""

    __tablename__ = "statement_line"
    __table_args__ = (
        UniqueConstraint("source", "key"),
        CheckConstraint("(about IS NULL) = (about_id IS NULL)", name="about_whole"),
        Index("ix_statement_line_open", "fund_id", "about", "set_aside_at"),
    )

    source: Mapped[str] = mapped_column(String(20))
    """The word ``bank``, or the provider's name."""
    fund_id: Mapped[UUID | None] = mapped_column(ForeignKey("fund.id"))
    """Of a provider's statement, which is of the whole installation, None until it is known which fund it is about."""
    key: Mapped[str] = mapped_column(String(120))
    """The provider's id of the line; for a bank, a hash of the fund, day, amount, text and which of equal ones."""
    on: Mapped[date]
    amount_minor: Mapped[Minor]
    fee_minor: Mapped[Minor | None]
    """What a provider kept besides; None at a bank, and for what was read before fees stood in the books."""
    kind: Mapped[str | None] = mapped_column(String(20))
    """What a provider calls it (``ports.payments.StatementKind``)."""
    reference: Mapped[str] = mapped_column(String(120))
    words: Mapped[str] = mapped_column(String(200), default="")
    about: Mapped[About | None] = state_column(About)
    about_id: Mapped[UUID | None]
    matched_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    set_aside_at: Mapped[datetime | None] = mapped_column(Utc())
    set_aside_why: Mapped[str | None] = mapped_column(String(300))
    taken_at: Mapped[datetime] = mapped_column(Utc())


class ProviderReading(Identified):
    """A provider's statement was read: when, and what the provider said that it held for us then."""

    __tablename__ = "provider_reading"
    __table_args__ = (Index("ix_provider_reading_latest", "provider", "read_at"),)

    provider: Mapped[str] = mapped_column(String(20))
    read_at: Mapped[datetime] = mapped_column(Utc())
    balance_minor: Mapped[Minor]
