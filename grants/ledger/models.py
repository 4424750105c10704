"""Account, entry, posting. Entries and postings are append-only in the database itself."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Table, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from grants.kernel.tables import Identified, Minor, Utc, make_append_only


class Account(Identified):
    """A named balance. A guarded account can never stand on its wrong side: the CHECK guards every pound."""

    __tablename__ = "ledger_account"
    __table_args__ = (
        UniqueConstraint("code"),
        CheckConstraint("side IN (1, -1)", name="side_known"),
        CheckConstraint("NOT guarded OR balance_minor * side >= 0", name="never_below_nought"),
    )

    code: Mapped[str] = mapped_column(String(80))
    side: Mapped[int]
    guarded: Mapped[bool]
    fund_id: Mapped[UUID] = mapped_column(index=True)
    contribution_id: Mapped[UUID | None] = mapped_column(index=True)
    pocket: Mapped[str | None] = mapped_column(String(16))
    balance_minor: Mapped[Minor] = mapped_column(default=0)
    """Signed pence, debit positive: the running sum of the postings."""


class Entry(Identified):
    """One event in the books. ``key`` names the event, so that the same event twice is one entry."""

    __tablename__ = "ledger_entry"
    __table_args__ = (UniqueConstraint("key"),)

    key: Mapped[str] = mapped_column(String(120))
    event: Mapped[str] = mapped_column(String(60))
    fund_id: Mapped[UUID] = mapped_column(index=True)
    at: Mapped[datetime] = mapped_column(Utc(), index=True)
    memo: Mapped[str] = mapped_column(String(200), default="")

    postings: Mapped[list["Posting"]] = relationship(back_populates="entry", order_by="Posting.position")


class Posting(Identified):
    """One line of an entry: signed pence, debit positive."""

    __tablename__ = "ledger_posting"
    __table_args__ = (
        CheckConstraint("amount_minor <> 0", name="amount_not_nought"),
        Index("ix_ledger_posting_account_at", "account_id", "at"),
    )

    entry_id: Mapped[UUID] = mapped_column(ForeignKey("ledger_entry.id"), index=True)
    position: Mapped[int]
    account_id: Mapped[UUID] = mapped_column(ForeignKey("ledger_account.id"))
    award_id: Mapped[UUID | None] = mapped_column(index=True)
    amount_minor: Mapped[Minor]
    at: Mapped[datetime] = mapped_column(Utc())

    entry: Mapped[Entry] = relationship(back_populates="postings")
    account: Mapped[Account] = relationship()


for _model in (Entry, Posting):
    assert isinstance(_model.__table__, Table)
    make_append_only(_model.__table__)
