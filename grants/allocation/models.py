"""Runs of the sharing rule, stored with all that went in, and the decisions taken on them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, LargeBinary, String, Table, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from grants.allocation.rules.states import DecisionState, Verdict
from grants.kernel.tables import Base, Identified, Minor, Utc, make_append_only, state_column


class AllocationRun(Identified):
    """One replayable run: canonical inputs, canonical outcome, one checksum over both.

    The ballots are kept once for the round, in ``PackedBallots``.
    """

    __tablename__ = "allocation_run"

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), index=True)
    rule: Mapped[str] = mapped_column(String(40))
    inputs: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(Text)
    checksum: Mapped[str] = mapped_column(String(64))
    pot_minor: Mapped[Minor]
    spent_minor: Mapped[Minor]
    run_at: Mapped[datetime] = mapped_column(Utc())
    run_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    took_ms: Mapped[int] = mapped_column(default=0)
    """How long the sharing itself took."""
    facts: Mapped[str | None] = mapped_column(Text)
    """What pages tell of it beside the outcome, see ``rules.facts``."""
    untried_count: Mapped[int] = mapped_column(default=0)
    """Of how many bids the clock is still to try what would have been enough."""


class PackedBallots(Base):
    """All ballots of a round as they were cast, merged and packed when the pot is first shared. Never changed."""

    __tablename__ = "packed_ballots"

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), primary_key=True)
    ballots: Mapped[bytes] = mapped_column(LargeBinary)
    """See ``rules.packed``."""
    sha256: Mapped[str] = mapped_column(String(64))
    voters: Mapped[int]
    packed_at: Mapped[datetime] = mapped_column(Utc())


assert isinstance(PackedBallots.__table__, Table)
make_append_only(PackedBallots.__table__)


class PanelMeeting(Base):
    """The meeting at which the panel decided a round: who took part, under whose chair."""

    __tablename__ = "panel_meeting"

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), primary_key=True)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("allocation_run.id"))
    chair_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    took_part: Mapped[list[str]] = mapped_column(JSON)
    """Ids of the panellists who took part, the chair among them."""
    decided_at: Mapped[datetime] = mapped_column(Utc())


class Correction(Identified):
    """A steward asks for a decision to be put right after the announcement; the panel's chair agrees or not."""

    __tablename__ = "decision_correction"
    __table_args__ = (
        Index(
            "ix_decision_correction_open",
            "decision_id",
            unique=True,
            sqlite_where=text("answered_at IS NULL"),
            postgresql_where=text("answered_at IS NULL"),
        ),
    )

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), index=True)
    decision_id: Mapped[UUID] = mapped_column(ForeignKey("decision.id"))
    verdict: Mapped[Verdict] = state_column(Verdict)
    reason: Mapped[str] = mapped_column(String(1000))
    asked_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    asked_at: Mapped[datetime] = mapped_column(Utc())
    answered_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    answered_at: Mapped[datetime | None] = mapped_column(Utc())
    agreed: Mapped[bool | None]


class Decision(Identified):
    """What was decided of one proposal, with a reason in plain words; superseded by a new row, never edited."""

    __tablename__ = "decision"
    __table_args__ = (
        CheckConstraint("awarded_minor >= 0", name="awarded_not_negative"),
        CheckConstraint("(verdict = 'awarded') = (awarded_minor > 0)", name="award_has_amount"),
        CheckConstraint("NOT departs OR departure_reason IS NOT NULL", name="departure_has_reason"),
        CheckConstraint("conditions IS NULL OR verdict = 'awarded'", name="conditions_on_an_award"),
        Index(
            "ix_decision_standing",
            "proposal_id",
            unique=True,
            sqlite_where=text("state <> 'superseded'"),
            postgresql_where=text("state <> 'superseded'"),
        ),
    )

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), index=True)
    proposal_id: Mapped[UUID] = mapped_column(ForeignKey("proposal.id"))
    run_id: Mapped[UUID] = mapped_column(ForeignKey("allocation_run.id"))
    state: Mapped[DecisionState] = state_column(DecisionState)
    verdict: Mapped[Verdict] = state_column(Verdict)
    awarded_minor: Mapped[Minor]
    rank: Mapped[int | None]
    votes: Mapped[int]
    reason_code: Mapped[str] = mapped_column(String(40))
    reason: Mapped[str] = mapped_column(String(2000))
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    departs: Mapped[bool] = mapped_column(default=False)
    departure_reason: Mapped[str | None] = mapped_column(String(1000))
    conditions: Mapped[str | None] = mapped_column(String(1000))
    """What the panel asks of the group if it takes the award; everybody can read it."""
    letter: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """What the group was told, as it was sent (``rules.letter``): its members and the desk can read it."""
    feedback_asked_at: Mapped[datetime | None] = mapped_column(Utc())
    decided_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    decided_at: Mapped[datetime | None] = mapped_column(Utc())
    notified_at: Mapped[datetime | None] = mapped_column(Utc())
    let_go_at: Mapped[datetime | None] = mapped_column(Utc())
    """When the group said no, or did not answer in time: its money can go to others."""
    follows_id: Mapped[UUID | None] = mapped_column(ForeignKey("decision.id"))
    """The decision that this one supersedes, for a departure or a correction."""
