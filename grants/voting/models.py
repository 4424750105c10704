"""The roll knows that somebody voted; the ballots know what. Nothing that outlives the close joins the two."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from grants.kernel.tables import Base, Identified, Minor, Utc, state_column
from grants.voting.rules.states import Channel, CodeState, Refusal


class BallotLine(Base):
    """One proposal on a round's frozen ballot; ``lot`` breaks ties (1 goes first)."""

    __tablename__ = "ballot_line"

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    proposal_id: Mapped[UUID] = mapped_column(ForeignKey("proposal.id"), unique=True)
    cost_minor: Mapped[Minor]
    lot: Mapped[int]
    set_aside_reason: Mapped[str | None] = mapped_column(String(200))
    """Why the count leaves it out; written at the close."""


class CodeBatch(Identified):
    """Voting codes made together, to be handed out by one route; the codes themselves can be downloaded once."""

    __tablename__ = "code_batch"

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), index=True)
    label: Mapped[str] = mapped_column(String(140))
    code_count: Mapped[int]
    made_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    made_at: Mapped[datetime] = mapped_column(Utc())
    voided_at: Mapped[datetime | None] = mapped_column(Utc())


class VotingCode(Identified):
    """A single-use voting code, as a keyed hash."""

    __tablename__ = "voting_code"
    __table_args__ = (Index("ix_voting_code_round_hash", "round_id", "code_hash", unique=True),)

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"))
    batch_id: Mapped[UUID] = mapped_column(ForeignKey("code_batch.id"), index=True)
    code_hash: Mapped[str] = mapped_column(String(64))
    state: Mapped[CodeState] = state_column(CodeState)


class EmailCheck(Identified):
    """A short number sent to an address, to show that the voter reads it. Deleted once used or out of date."""

    __tablename__ = "email_check"

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"))
    voter_key: Mapped[str] = mapped_column(String(64), index=True)
    number_hash: Mapped[str] = mapped_column(String(64))
    ward_code: Mapped[str] = mapped_column(String(9))
    expires_at: Mapped[datetime] = mapped_column(Utc())
    tries: Mapped[int] = mapped_column(default=0)
    used_at: Mapped[datetime | None] = mapped_column(Utc())


class RefusalCount(Base):
    """How often somebody was turned away on a day, and why; never who."""

    __tablename__ = "vote_refusal"

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), primary_key=True)
    on_day: Mapped[date] = mapped_column(primary_key=True)
    reason: Mapped[Refusal] = state_column(Refusal, primary_key=True)
    times: Mapped[int]


class RollMark(Base):
    """This voter has voted: a day, no time. The key is a keyed hash of the code or of the address."""

    __tablename__ = "roll"

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), primary_key=True)
    voter_key: Mapped[str] = mapped_column(String(64), primary_key=True)
    channel: Mapped[Channel] = state_column(Channel)
    voted_on: Mapped[date]
    ward_code: Mapped[str | None] = mapped_column(String(9))


class Envelope(Base):
    """A sealed ballot waiting for the close. Always of one length; casting again replaces it."""

    __tablename__ = "envelope"

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), primary_key=True)
    voter_key: Mapped[str] = mapped_column(String(64), primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    commitment: Mapped[str] = mapped_column(String(64))


class BoardEntry(Base):
    """A commitment on the public board, sorted by itself: each voter finds theirs, and their number is the roll's."""

    __tablename__ = "board_entry"

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), primary_key=True)
    commitment: Mapped[str] = mapped_column(String(64), primary_key=True)


class Ballot(Identified):
    """One person's choices, shuffled at the close: by number, ticks as numbers, else as [number, points or place]."""

    __tablename__ = "ballot"

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), index=True)
    choices: Mapped[list[Any]] = mapped_column(JSON)


class Tally(Base):
    """The close of a round's vote: how many voted, and the hash of the published ballots."""

    __tablename__ = "tally"
    __table_args__ = (CheckConstraint("ballot_count >= 0", name="count_not_negative"),)

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), primary_key=True)
    closed_at: Mapped[datetime] = mapped_column(Utc())
    ballot_count: Mapped[int]
    blank_count: Mapped[int]
    ballots_hash: Mapped[str] = mapped_column(String(64))
    """Of all ballots as they were cast."""
    approvals: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Ballot number (as text) → how many ballots named it; lines that were set aside are left out."""
