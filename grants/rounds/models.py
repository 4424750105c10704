"""Rounds: dates, terms and the frozen rule-book."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DDL, JSON, CheckConstraint, ForeignKey, LargeBinary, String, Table, Text, UniqueConstraint, event
from sqlalchemy.orm import Mapped, mapped_column, relationship

from grants.funds.models import Fund
from grants.kernel.money import POUNDS
from grants.kernel.tables import Base, Identified, Minor, Utc, make_append_only, state_column
from grants.rounds.rules.states import RoundKind, RoundState


class Round(Identified):
    """One call against a fund. While a draft, ``terms`` may change; scheduling freezes them into ``rule_book``."""

    __tablename__ = "round"
    __table_args__ = (
        CheckConstraint("opens_at < closes_at AND closes_at <= voting_opens_at", name="apply_before_vote"),
        CheckConstraint(
            "(voting_opens_at < voting_closes_at OR (kind = 'quick' AND voting_opens_at = voting_closes_at)) "
            "AND voting_closes_at <= decide_by",
            name="vote_before_decide",
        ),
        CheckConstraint("promised_minor >= 0 AND promised_minor <= pot_minor", name="promised_within_pot"),
        CheckConstraint("pot_minor > 0", name="pot_positive"),
        CheckConstraint("floor_minor > 0 AND floor_minor <= cap_minor", name="floor_below_cap"),
        CheckConstraint("state IN ('draft', 'cancelled') OR rule_book_hash IS NOT NULL", name="scheduled_is_frozen"),
    )

    fund_id: Mapped[UUID] = mapped_column(ForeignKey("fund.id"), index=True)
    kind: Mapped[RoundKind] = state_column(RoundKind, default=RoundKind.STANDARD, server_default="standard")
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
    promised_minor: Mapped[Minor] = mapped_column(default=0, server_default="0")
    """Of a quick round's pot: what was promised so far, ask by ask. A conditional UPDATE guards it, and the CHECK."""
    floor_minor: Mapped[Minor]
    cap_minor: Mapped[Minor]
    terms: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """What else the rule-book will say, while it is being drafted."""
    rule_book: Mapped[str | None] = mapped_column(Text)
    """Canonical JSON, frozen when the round was scheduled."""
    rule_book_hash: Mapped[str | None] = mapped_column(String(64))
    ballot_public_key: Mapped[str | None] = mapped_column(String(64))
    ballot_private_key: Mapped[str | None] = mapped_column(String(200))
    """Wrapped by the installation's vote key; destroyed at the close. Nothing where returning officers hold it."""
    preview_token: Mapped[str] = mapped_column(String(43))
    drafted_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    scheduled_at: Mapped[datetime | None] = mapped_column(Utc())
    panel_locked_at: Mapped[datetime | None] = mapped_column(Utc())
    votes_counted_at: Mapped[datetime | None] = mapped_column(Utc())
    announced_at: Mapped[datetime | None] = mapped_column(Utc())
    imported_from: Mapped[str | None] = mapped_column(String(200))
    """The file of a finished election elsewhere that this round shows; nobody applied, voted or is paid here."""
    cancelled_reason: Mapped[str | None] = mapped_column(String(500))

    fund: Mapped[Fund] = relationship()

    @property
    def currency(self) -> str:
        """What its money is: pounds, but for an election elsewhere, whose rule-book says it."""
        if self.imported_from is None or self.rule_book is None:
            return POUNDS
        return str(json.loads(self.rule_book).get("currency", POUNDS))


class RoundPriority(Base):
    """A priority that a round funds activity against."""

    __tablename__ = "round_priority"

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), primary_key=True)
    priority_id: Mapped[UUID] = mapped_column(ForeignKey("priority.id"), primary_key=True, index=True)


class KeyShare(Base):
    """One returning officer's share of a round's private key, while it waits to be collected or to be joined."""

    __tablename__ = "key_share"
    __table_args__ = (
        UniqueConstraint("round_id", "number"),
        CheckConstraint("number IN (1, 2, 3)", name="number_known"),
        CheckConstraint("waiting IS NULL OR collected_at IS NULL", name="collected_is_deleted"),
    )

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"), primary_key=True, index=True)
    number: Mapped[int]
    fingerprint: Mapped[str] = mapped_column(String(64))
    """By which a share that is typed is known again (``kernel.shares.share_fingerprint``)."""
    waiting: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The share, wrapped by the installation's vote key, until its officer has seen it."""
    collected_at: Mapped[datetime | None] = mapped_column(Utc())
    brought: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The share as its officer typed it after the close, wrapped, until another officer brings theirs."""
    brought_at: Mapped[datetime | None] = mapped_column(Utc())


class RoundChange(Identified):
    """A date of a scheduled round that was moved, with the public reason. Rows are added, never changed."""

    __tablename__ = "round_change"

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), index=True)
    date_name: Mapped[str] = mapped_column(String(20))
    before_at: Mapped[datetime] = mapped_column(Utc())
    after_at: Mapped[datetime] = mapped_column(Utc())
    reason: Mapped[str] = mapped_column(String(500))
    made_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    made_at: Mapped[datetime] = mapped_column(Utc())


FROZEN = (
    "fund_id",
    "kind",
    "title",
    "pot_minor",
    "floor_minor",
    "cap_minor",
    "terms",
    "rule_book",
    "rule_book_hash",
    "ballot_public_key",
)
"""What the database itself refuses to change once the rule-book's hash is there."""


def frozen_ddl() -> dict[str, tuple[str, ...]]:
    """Statements per dialect: a scheduled round's terms and priorities stand still; its deadlines never come sooner.

    The private key can only be destroyed.
    """
    changed = {
        "sqlite": " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in FROZEN),
        "postgresql": " OR ".join(f"NEW.{name}::text IS DISTINCT FROM OLD.{name}::text" for name in FROZEN),
    }
    sooner = "NEW.closes_at < OLD.closes_at OR NEW.voting_closes_at < OLD.voting_closes_at"
    kept = "NEW.ballot_private_key IS NOT NULL AND NEW.ballot_private_key <> coalesce(OLD.ballot_private_key, '')"
    when = {
        dialect: f"OLD.rule_book_hash IS NOT NULL AND ({what} OR {sooner} OR ({kept}))"
        for dialect, what in changed.items()
    }
    refusal = "a scheduled round is frozen"
    return {
        "sqlite": (
            f"CREATE TRIGGER round_frozen BEFORE UPDATE ON round WHEN {when['sqlite']} "
            f"BEGIN SELECT RAISE(ABORT, '{refusal}'); END",
            *(
                f"CREATE TRIGGER round_priority_frozen_{verb.lower()} BEFORE {verb} ON round_priority "  # noqa: S608 - our words
                f"WHEN (SELECT rule_book_hash FROM round WHERE id = {row}.round_id) IS NOT NULL "
                f"BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
                for verb, row in (("INSERT", "NEW"), ("UPDATE", "OLD"), ("DELETE", "OLD"))
            ),
        ),
        "postgresql": (
            "CREATE OR REPLACE FUNCTION round_frozen() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{refusal}'; END $$",
            f"CREATE TRIGGER round_frozen BEFORE UPDATE ON round FOR EACH ROW WHEN ({when['postgresql']}) "
            "EXECUTE FUNCTION round_frozen()",
            "CREATE OR REPLACE FUNCTION round_priority_frozen() RETURNS trigger LANGUAGE plpgsql AS "  # noqa: S608
            "$$ BEGIN IF (SELECT rule_book_hash FROM round WHERE id = "
            "CASE WHEN TG_OP = 'INSERT' THEN NEW.round_id ELSE OLD.round_id END) IS NOT NULL "
            f"THEN RAISE EXCEPTION '{refusal}'; END IF; "
            "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$",
            "CREATE TRIGGER round_priority_frozen BEFORE INSERT OR UPDATE OR DELETE ON round_priority "
            "FOR EACH ROW EXECUTE FUNCTION round_priority_frozen()",
        ),
    }


def _install() -> None:
    for dialect, statements in frozen_ddl().items():
        for statement in statements:
            table = (
                RoundPriority.__table__
                if "ON round_priority" in statement or "round_priority_frozen()" in statement
                else Round.__table__
            )
            event.listen(table, "after_create", DDL(statement.replace("%", "%%")).execute_if(dialect=dialect))


_install()
assert isinstance(RoundChange.__table__, Table)
make_append_only(RoundChange.__table__)
