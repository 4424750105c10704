"""Bank accounts, sealed, accounts at payment providers, and what was found out about groups."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from grants.kernel.tables import Identified, Utc, state_column
from grants.payees.rules.accounts import BankAccountState, NameAnswer
from grants.payees.rules.checks import CheckKind, GroupCheckState
from grants.people.models import Group
from grants.ports.accounts import Modulus
from grants.ports.payments import AccountStanding

_LIVE = "state NOT IN ('refused', 'replaced')"


class BankAccount(Identified):
    """Where a group's money goes, as it was given once. An edit is a new row; payments name the row that they go to."""

    __tablename__ = "bank_account"
    __table_args__ = (
        UniqueConstraint("group_id", "version"),
        Index("ix_bank_account_live", "group_id", unique=True, sqlite_where=text(_LIVE), postgresql_where=text(_LIVE)),
        CheckConstraint("confirmed_by_id IS NULL OR confirmed_by_id <> given_by_id", name="two_people"),
        CheckConstraint(
            "verified_by_id IS NULL OR (verified_by_id <> given_by_id AND verified_by_id <> confirmed_by_id)",
            name="a_third_verifies",
        ),
        CheckConstraint("state <> 'verified' OR confirmed_by_id IS NOT NULL", name="verified_is_confirmed"),
    )

    group_id: Mapped[UUID] = mapped_column(ForeignKey("community_group.id"))
    version: Mapped[int]
    state: Mapped[BankAccountState] = state_column(BankAccountState, index=True)
    sealed: Mapped[str] = mapped_column(Text)
    """Name, sort code and number under a key of the ring (``kernel/keyring.py``), bound to this row."""
    last_four: Mapped[str] = mapped_column(String(4))
    """All of the number that is ever shown."""
    mark: Mapped[str | None] = mapped_column(String(64), index=True)
    """The same for two groups with one account; tells nothing else. Under the ring's key: rotating renews it."""
    modulus: Mapped[Modulus] = state_column(Modulus)
    given_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    given_at: Mapped[datetime] = mapped_column(Utc())
    confirmed_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    confirmed_at: Mapped[datetime | None] = mapped_column(Utc())
    paper: Mapped[str | None] = mapped_column(String(40))
    """Our name of the file that shows the statement."""
    paper_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    paper_at: Mapped[datetime | None] = mapped_column(Utc())
    verified_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    verified_at: Mapped[datetime | None] = mapped_column(Utc())
    ended_at: Mapped[datetime | None] = mapped_column(Utc())
    reason: Mapped[str | None] = mapped_column(String(500))
    """Why an officer refused it: the group reads this."""

    group: Mapped[Group] = relationship()
    name_checks: Mapped[list["NameCheck"]] = relationship(order_by="NameCheck.checked_at")


class NameCheck(Identified):
    """One confirmation of payee: what the account's bank said of the name, who asked, when."""

    __tablename__ = "name_check"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("bank_account.id"), index=True)
    answer: Mapped[NameAnswer] = state_column(NameAnswer)
    note: Mapped[str] = mapped_column(String(300), default="")
    """Why a close match is good enough."""
    checked_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    checked_at: Mapped[datetime] = mapped_column(Utc())


class GroupCheck(Identified):
    """One answer about a group: given by a member, judged by an officer. Later rounds use it while it is in date."""

    __tablename__ = "group_check"
    __table_args__ = (
        Index("ix_group_check_about", "group_id", "kind"),
        CheckConstraint("judged_by_id <> waiver_asked_by_id", name="another_waives"),
        CheckConstraint(
            "state <> 'waived' OR (award_ref IS NOT NULL AND reason IS NOT NULL)", name="waived_for_one_with_reason"
        ),
    )

    group_id: Mapped[UUID] = mapped_column(ForeignKey("community_group.id"))
    kind: Mapped[CheckKind] = state_column(CheckKind)
    state: Mapped[GroupCheckState] = state_column(GroupCheckState, index=True)
    award_ref: Mapped[UUID | None] = mapped_column(index=True)
    """The one award that it is for; none: for all while it is in date."""
    words: Mapped[str] = mapped_column(String(1000), default="")
    paper: Mapped[str | None] = mapped_column(String(40))
    given_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    given_at: Mapped[datetime] = mapped_column(Utc())
    waiver_asked_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    judged_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    judged_at: Mapped[datetime | None] = mapped_column(Utc())
    reason: Mapped[str | None] = mapped_column(String(500))
    expires_on: Mapped[date | None]

    group: Mapped[Group] = relationship()


class PayoutAccount(Identified):
    """A group's account at a payment provider, in which it receives money. The provider keeps its details, not we."""

    __tablename__ = "payout_account"
    __table_args__ = (
        UniqueConstraint("group_id", "provider", name="uq_payout_account_one"),
        UniqueConstraint("provider", "account_ref"),
    )

    group_id: Mapped[UUID] = mapped_column(ForeignKey("community_group.id"))
    provider: Mapped[str] = mapped_column(String(20))
    key: Mapped[str] = mapped_column(String(80))
    """Idempotency key under which it is opened: opened twice, it is one."""
    account_ref: Mapped[str | None] = mapped_column(String(80))
    standing: Mapped[AccountStanding] = state_column(AccountStanding)
    opened_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    opened_at: Mapped[datetime] = mapped_column(Utc())
    told_at: Mapped[datetime | None] = mapped_column(Utc())
