"""Awards, the split of each over the contributions, agreements with their signatures, instalments."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from grants.awards.rules import AgreementState, AwardState, ChangeKind, ChangeRequestState
from grants.kernel.tables import Base, Identified, Minor, Utc, state_column
from grants.people.models import Group
from grants.proposals.models import Proposal


class Award(Identified):
    """The promise: so much, to one group, for one proposal. Its pounds are in the ledger, per contribution."""

    __tablename__ = "award"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("disbursing_minor >= 0 AND disbursing_minor <= amount_minor", name="never_overpaid"),
        CheckConstraint("written_off_minor >= 0 AND written_off_minor <= amount_minor", name="written_off_within"),
        CheckConstraint("accepted_spend_minor >= 0 AND accepted_spend_minor <= amount_minor", name="spend_within"),
        Index(
            "ix_award_live",
            "proposal_id",
            unique=True,
            sqlite_where=text("state NOT IN ('declined', 'lapsed')"),
            postgresql_where=text("state NOT IN ('declined', 'lapsed')"),
        ),
    )

    proposal_id: Mapped[UUID] = mapped_column(ForeignKey("proposal.id"))
    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), index=True)
    fund_id: Mapped[UUID] = mapped_column(ForeignKey("fund.id"), index=True)
    group_id: Mapped[UUID] = mapped_column(ForeignKey("community_group.id"), index=True)
    priority_id: Mapped[UUID] = mapped_column(ForeignKey("priority.id"), index=True)
    payee_id: Mapped[UUID] = mapped_column(ForeignKey("community_group.id"))
    """Who holds the money: the group, or its confirmed host."""
    reference: Mapped[str] = mapped_column(String(18), unique=True)
    """Short public reference; comes back on bank statements."""
    amount_minor: Mapped[Minor]
    disbursing_minor: Mapped[Minor] = mapped_column(default=0)
    """Pence requested, on their way or paid; guarded by a conditional UPDATE and the CHECK above."""
    state: Mapped[AwardState] = state_column(AwardState, index=True)
    offered_at: Mapped[datetime] = mapped_column(Utc())
    answer_by: Mapped[datetime] = mapped_column(Utc())
    answered_at: Mapped[datetime | None] = mapped_column(Utc())
    answered_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    active_at: Mapped[datetime | None] = mapped_column(Utc())
    reason: Mapped[str | None] = mapped_column(String(500))
    """Why it was declined, put on hold or ended early: seen by the group and officers."""
    accepted_spend_minor: Mapped[Minor | None]
    """What the accepted report says was spent; the award closes when paid − returned equals it."""
    written_off_minor: Mapped[Minor] = mapped_column(default=0)
    """What should have come back and never will: two officers agreed."""

    proposal: Mapped[Proposal] = relationship()
    group: Mapped[Group] = relationship(foreign_keys=[group_id])
    payee: Mapped[Group] = relationship(foreign_keys=[payee_id])
    splits: Mapped[list["AwardSplit"]] = relationship(order_by="AwardSplit.contribution_id")
    instalments: Mapped[list["Instalment"]] = relationship(
        order_by="Instalment.number",
        primaryjoin="and_(Award.id == Instalment.award_id, Instalment.dropped_at.is_(None))",
    )
    """The parts that add up to it; what was taken off it is not among them."""
    agreements: Mapped[list["Agreement"]] = relationship(order_by="Agreement.version")


class AwardSplit(Base):
    """So many pence of the award come from this contribution: booked at commitment, and it sums to the award."""

    __tablename__ = "award_split"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("reduced_minor >= 0 AND reduced_minor <= amount_minor", name="reduced_within"),
    )

    award_id: Mapped[UUID] = mapped_column(ForeignKey("award.id"), primary_key=True)
    contribution_id: Mapped[UUID] = mapped_column(ForeignKey("contribution.id"), primary_key=True, index=True)
    amount_minor: Mapped[Minor]
    """All that was ever promised of it."""
    reduced_minor: Mapped[Minor] = mapped_column(default=0, server_default="0")
    """What of that was let go when the award was made smaller."""


class Agreement(Identified):
    """One version of the grant agreement; an edit makes a new version and voids the signatures."""

    __tablename__ = "agreement"
    __table_args__ = (UniqueConstraint("award_id", "version"),)

    award_id: Mapped[UUID] = mapped_column(ForeignKey("award.id"))
    version: Mapped[int]
    template: Mapped[int]
    """Which version of our template it was written from."""
    extra: Mapped[str] = mapped_column(String(2000), default="")
    """What was agreed beside the template's words."""
    text: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))
    state: Mapped[AgreementState] = state_column(AgreementState)
    sent_at: Mapped[datetime] = mapped_column(Utc())
    countersigned_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    countersigned_at: Mapped[datetime | None] = mapped_column(Utc())

    signatures: Mapped[list["Signature"]] = relationship(order_by="Signature.signed_at")


class Signature(Base):
    """A typed name under an agreement."""

    __tablename__ = "signature"

    agreement_id: Mapped[UUID] = mapped_column(ForeignKey("agreement.id"), primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"), primary_key=True)
    typed_name: Mapped[str] = mapped_column(String(120))
    signed_at: Mapped[datetime] = mapped_column(Utc())
    request_address: Mapped[str | None] = mapped_column(String(45))
    """The network address that the signature came from: evidence, seen by officers."""
    home: Mapped[str | None] = mapped_column(String(64))
    """A keyed mark of where the signer lives, of use only to see that two signers do not live together."""


class Instalment(Identified):
    """A part of an award: how much, from which day, on which condition."""

    __tablename__ = "instalment"
    __table_args__ = (
        UniqueConstraint("award_id", "number"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
    )

    award_id: Mapped[UUID] = mapped_column(ForeignKey("award.id"))
    number: Mapped[int]
    amount_minor: Mapped[Minor]
    due_on: Mapped[date]
    condition: Mapped[str] = mapped_column(String(200), default="")
    met_at: Mapped[datetime | None] = mapped_column(Utc())
    """When a steward found that the condition is met."""
    met_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    met_note: Mapped[str] = mapped_column(String(300), default="")
    asked_at: Mapped[datetime | None] = mapped_column(Utc())
    """When somebody first asked that it be paid: from then on no change touches it."""
    planned_at: Mapped[datetime | None] = mapped_column(Utc())
    """When it was planned anew, after it could not be paid: until it is asked for again a change may touch it."""
    dropped_at: Mapped[datetime | None] = mapped_column(Utc())
    """When it was taken off the award, because it could not be paid: it stands for the payments that were tried."""
    dropped_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    dropped_why: Mapped[str | None] = mapped_column(String(300))


class AgreementTemplate(Base):
    """The words that agreements are written from; a change is a new version. Version 1 stands in ``rules``."""

    __tablename__ = "agreement_template"

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    body: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(String(200))
    """What is different, in one line."""
    added_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    added_at: Mapped[datetime] = mapped_column(Utc())


class ChangeRequest(Identified):
    """A group asks to do something else than was agreed."""

    __tablename__ = "change_request"
    __table_args__ = (
        Index(
            "ix_change_request_open",
            "award_id",
            unique=True,
            sqlite_where=text("state NOT IN ('rejected', 'applied')"),
            postgresql_where=text("state NOT IN ('rejected', 'applied')"),
        ),
    )

    award_id: Mapped[UUID] = mapped_column(ForeignKey("award.id"), index=True)
    kind: Mapped[ChangeKind] = state_column(ChangeKind)
    wish: Mapped[str] = mapped_column(String(1000))
    reason: Mapped[str] = mapped_column(String(1000))
    state: Mapped[ChangeRequestState] = state_column(ChangeRequestState, index=True)
    asked_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    asked_at: Mapped[datetime] = mapped_column(Utc())
    answer: Mapped[str | None] = mapped_column(String(500))
    """The question, or why it was refused: the group reads this."""
    answered_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    answered_at: Mapped[datetime | None] = mapped_column(Utc())
    amount_minor: Mapped[Minor | None]
    """What the whole award is to be; None: as it is."""
    not_before: Mapped[date | None]
    """No part that is not asked for yet is to be paid before this day."""
    budget: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    """Every line of the budget anew: ``what`` and ``amount_minor``."""


class ChangeVersion(Base):
    """What a group had asked for before it said it anew, and the question that it was asked then."""

    __tablename__ = "change_version"

    change_id: Mapped[UUID] = mapped_column(ForeignKey("change_request.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[ChangeKind] = state_column(ChangeKind)
    wish: Mapped[str] = mapped_column(String(1000))
    reason: Mapped[str] = mapped_column(String(1000))
    amount_minor: Mapped[Minor | None]
    not_before: Mapped[date | None]
    budget: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    asked_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    asked_at: Mapped[datetime] = mapped_column(Utc())
    question: Mapped[str | None] = mapped_column(String(500))
    answered_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))


class AwardVersion(Base):
    """What holds for an award since a change was applied. Version 1 is the agreement as it was signed."""

    __tablename__ = "award_version"

    award_id: Mapped[UUID] = mapped_column(ForeignKey("award.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    change_id: Mapped[UUID | None] = mapped_column(ForeignKey("change_request.id"), unique=True)
    """None when no group asked for it: a part that could not be paid was taken off."""
    words: Mapped[str] = mapped_column(String(1000))
    was_minor: Mapped[Minor | None]
    """What the award was before; None when the sum stayed."""
    amount_minor: Mapped[Minor | None]
    budget: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    since: Mapped[datetime] = mapped_column(Utc())
    applied_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
