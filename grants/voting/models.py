"""The roll knows that somebody voted; the ballots know what. Nothing that outlives the close joins the two."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from grants.kernel.tables import Base, Identified, Minor, Utc, state_column
from grants.voting.rules.paper import Invalid, PaperBatchState
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
    handed_to: Mapped[str | None] = mapped_column(String(140))
    """Which connector has them, or which place; written down when they are handed over."""
    handed_on: Mapped[date | None]
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
    address: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Sealed, and only where the voter asks to be reminded."""


class UnfinishedBallot(Base):
    """What a voter has marked and not cast, sealed like a ballot; it never counts, and is destroyed at the close."""

    __tablename__ = "unfinished_ballot"

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), primary_key=True)
    voter_key: Mapped[str] = mapped_column(String(64), primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class VoteReminder(Base):
    """An address to remind, of a voter who asked for it: sealed, and destroyed at the close."""

    __tablename__ = "vote_reminder"

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), primary_key=True)
    voter_key: Mapped[str] = mapped_column(String(64), primary_key=True)
    address: Mapped[bytes] = mapped_column(LargeBinary)
    reminded_at: Mapped[datetime | None] = mapped_column(Utc())
    planned_at: Mapped[datetime | None] = mapped_column(Utc())
    """The count (``ReminderPlan``) that they are in."""


class ReminderPlan(Base):
    """Reminders that a steward had counted before they go out; one a day for each round, destroyed at the close."""

    __tablename__ = "reminder_plan"
    __table_args__ = (CheckConstraint("letters >= 0", name="letters_not_negative"),)

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), primary_key=True)
    planned_at: Mapped[datetime] = mapped_column(Utc())
    planned_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    letters: Mapped[int]
    """How many, rounded down to fives: what is shown, and all that is kept."""
    sent_at: Mapped[datetime | None] = mapped_column(Utc())


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
    paper_given: Mapped[int] = mapped_column(default=0)
    """How many people were given a paper."""
    paper_count: Mapped[int] = mapped_column(default=0)
    """How many of the ballots came on paper."""
    paper_invalid: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """Why papers did not count → how many of them."""
    ballots_hash: Mapped[str] = mapped_column(String(64))
    """Of all ballots as they were cast."""
    approvals: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Ballot number (as text) → how many ballots named it; lines that were set aside are left out."""


# In person and on paper. A mark on the roll says that somebody was given a paper; nothing here says which.


class Booth(Identified):
    """A place with a box, where officers check people in and give them a paper. Closed once, when its box is opened."""

    __tablename__ = "booth"

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), index=True)
    name: Mapped[str] = mapped_column(String(140))
    place: Mapped[str] = mapped_column(String(200))
    made_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    made_at: Mapped[datetime] = mapped_column(Utc())
    closed_at: Mapped[datetime | None] = mapped_column(Utc())


class BoothShift(Base):
    """An officer's day at a booth."""

    __tablename__ = "booth_shift"

    booth_id: Mapped[UUID] = mapped_column(ForeignKey("booth.id"), primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"), primary_key=True, index=True)
    on_day: Mapped[date] = mapped_column(primary_key=True)


class BoothDay(Base):
    """How many people were given a paper at a booth on a day, and how many of them had voted online. Never who."""

    __tablename__ = "booth_day"
    __table_args__ = (
        CheckConstraint("given >= 0 AND voided >= 0", name="counts_not_negative"),
        CheckConstraint("undone >= 0 AND undone <= given", name="undone_at_most_given"),
    )

    booth_id: Mapped[UUID] = mapped_column(ForeignKey("booth.id"), primary_key=True)
    on_day: Mapped[date] = mapped_column(primary_key=True)
    given: Mapped[int]
    voided: Mapped[int]
    undone: Mapped[int] = mapped_column(default=0, server_default="0")
    """How many of those who were given one were checked in by mistake, and got none after all."""


class PaperRun(Identified):
    """Ballot papers that were printed together."""

    __tablename__ = "paper_run"

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), index=True)
    sheet_count: Mapped[int]
    large_print: Mapped[bool]
    made_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    made_at: Mapped[datetime] = mapped_column(Utc())


class PaperSheet(Base):
    """The number of a paper that we printed. Whoever is given the paper is not written down."""

    __tablename__ = "paper_sheet"

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), primary_key=True)
    serial: Mapped[str] = mapped_column(String(9), primary_key=True)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("paper_run.id"), index=True)


class PaperBatch(Identified):
    """Papers from one box: so many were counted, one person keys them, and another checks."""

    __tablename__ = "paper_batch"
    __table_args__ = (
        UniqueConstraint("round_id", "number"),
        CheckConstraint("declared_count > 0", name="declared_positive"),
        CheckConstraint("approved_by_id IS NULL OR approved_by_id <> keyed_by_id", name="two_people"),
        CheckConstraint("(state = 'set_aside') = (set_aside_at IS NOT NULL)", name="set_aside_has_time"),
    )

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"))
    number: Mapped[int]
    booth_id: Mapped[UUID] = mapped_column(ForeignKey("booth.id"), index=True)
    declared_count: Mapped[int]
    state: Mapped[PaperBatchState] = state_column(PaperBatchState)
    declared_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    declared_at: Mapped[datetime] = mapped_column(Utc())
    keyed_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    """Who keys it first: whoever keys its first paper."""
    checked_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    """Who keys it once more."""
    approved_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    approved_at: Mapped[datetime | None] = mapped_column(Utc())
    cover_hash: Mapped[str | None] = mapped_column(String(64))
    """Where officers hold the key: by which the letters of the cover sheet are known again. Gone with the count."""
    set_aside_at: Mapped[datetime | None] = mapped_column(Utc())
    set_aside_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    set_aside_why: Mapped[str | None] = mapped_column(String(500))
    instead_of_id: Mapped[UUID | None] = mapped_column(ForeignKey("paper_batch.id"))
    """The batch of the same papers that was set aside."""


class PaperEntry(Base):
    """What one person read on one paper. Its marks are sealed with the round's key, and destroyed at the count."""

    __tablename__ = "paper_entry"
    __table_args__ = (
        Index(
            "ix_paper_entry_serial",
            "round_id",
            "keying",
            "serial",
            unique=True,
            sqlite_where=text("invalid IS NULL AND NOT aside"),
            postgresql_where=text("invalid IS NULL AND NOT aside"),
        ),
        CheckConstraint("keying IN (1, 2)", name="keying_known"),
    )

    batch_id: Mapped[UUID] = mapped_column(ForeignKey("paper_batch.id"), primary_key=True)
    keying: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    """Which paper of the pile, from 1 on: both people go through it in the same order."""
    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"))
    serial: Mapped[str | None] = mapped_column(String(9))
    invalid: Mapped[Invalid | None] = state_column(Invalid)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    likeness: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Where officers hold the key: by which it is compared with the other reading (``rules.covers``)."""
    aside: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Its batch was declared anew."""


class PaperCorrection(Identified):
    """What stood there before somebody corrected it: a keyed paper, or (``place`` 0) the declared number of papers."""

    __tablename__ = "paper_correction"

    batch_id: Mapped[UUID] = mapped_column(ForeignKey("paper_batch.id"), index=True)
    keying: Mapped[int]
    place: Mapped[int]
    was_serial: Mapped[str | None] = mapped_column(String(9))
    was_invalid: Mapped[Invalid | None] = state_column(Invalid)
    was_count: Mapped[int | None]
    was_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    was_likeness: Mapped[bytes | None] = mapped_column(LargeBinary)
    why: Mapped[str] = mapped_column(String(500))
    made_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    made_at: Mapped[datetime] = mapped_column(Utc())


class HelpCount(Base):
    """How often somebody helped people to cast their vote on a day: that they helped, never whom, never with what."""

    __tablename__ = "vote_help"

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), primary_key=True)
    helper_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"), primary_key=True)
    on_day: Mapped[date] = mapped_column(primary_key=True)
    times: Mapped[int]
