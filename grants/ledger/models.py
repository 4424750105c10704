"""Account, entry, posting, closed period. All but accounts are append-only in the database itself."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import DDL, CheckConstraint, ForeignKey, Index, String, Table, UniqueConstraint, event
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


class PeriodClose(Identified):
    """The books of a fund are closed to the end of a London day: nothing dated so early can be entered, ever again."""

    __tablename__ = "ledger_close"
    __table_args__ = (
        UniqueConstraint("fund_id", "through"),
        Index("ix_ledger_close_fund_ends", "fund_id", "ends_at"),
    )

    fund_id: Mapped[UUID] = mapped_column()
    through: Mapped[date]
    ends_at: Mapped[datetime] = mapped_column(Utc())
    """The last moment of ``through`` in London."""
    closed_at: Mapped[datetime] = mapped_column(Utc())
    closed_by_id: Mapped[UUID | None]
    postings: Mapped[int]
    """How many lines were entered since the close before."""
    seal: Mapped[str] = mapped_column(String(64))
    """What those lines said (``rules.Seal``): an edit behind the application's back shows."""


_CLOSED = {
    "sqlite": (
        "CREATE TRIGGER ledger_close_refuses BEFORE INSERT ON ledger_entry WHEN EXISTS "
        "(SELECT 1 FROM ledger_close WHERE fund_id = NEW.fund_id AND ends_at >= NEW.at) "
        "BEGIN SELECT RAISE(ABORT, 'this period of the books is closed'); END",
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION ledger_close_refuses() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF EXISTS (SELECT 1 FROM ledger_close WHERE fund_id = NEW.fund_id AND ends_at >= NEW.at) "
        "THEN RAISE EXCEPTION 'this period of the books is closed'; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER ledger_close_refuses BEFORE INSERT ON ledger_entry "
        "FOR EACH ROW EXECUTE FUNCTION ledger_close_refuses()",
    ),
}

for _model in (Entry, Posting, PeriodClose):
    assert isinstance(_model.__table__, Table)
    make_append_only(_model.__table__)
for _dialect, _statements in _CLOSED.items():
    for _statement in _statements:  # what it looks into is made by then, or soon after: neither database asks earlier
        event.listen(Entry.__table__, "after_create", DDL(_statement).execute_if(dialect=_dialect))
