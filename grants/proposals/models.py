"""Proposals, their budgets and the snapshots of what was put in."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Table, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from grants.insights.models import Insight
from grants.kernel.tables import Base, Identified, Minor, Utc, make_append_only, state_column
from grants.people.models import Group, Hosting
from grants.priorities.models import Priority
from grants.proposals.rules.comments import CommentState
from grants.proposals.rules.facts import Help, Level
from grants.proposals.rules.files import FileKind, FileState
from grants.proposals.rules.hands import Hand, Source
from grants.proposals.rules.partners import PartnerState
from grants.proposals.rules.states import ProposalState
from grants.rounds.models import Round


class Proposal(Identified):
    """What one group asks for in one round (360Giving: an application). Section fields are null until first saved."""

    __tablename__ = "proposal"
    __table_args__ = (
        CheckConstraint("applied_for_minor >= 0", name="applied_for_not_negative"),
        UniqueConstraint("round_id", "number"),
    )

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), index=True)
    group_id: Mapped[UUID] = mapped_column(ForeignKey("community_group.id"), index=True)
    state: Mapped[ProposalState] = state_column(ProposalState, index=True)
    number: Mapped[int | None]
    """Its number on the ballot, from 1."""
    started_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    started_at: Mapped[datetime] = mapped_column(Utc())
    section_versions: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """How often each section was saved: the second of two editors is told (409)."""

    # what
    title: Mapped[str] = mapped_column(String(140), default="")
    summary: Mapped[str | None] = mapped_column(String(300))
    """One or two sentences for the ballot."""
    what: Mapped[str | None] = mapped_column(Text)
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    # for whom and where
    for_whom: Mapped[str | None] = mapped_column(Text)
    communities: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Communities of identity: ``rules.Community``."""
    seldom_heard: Mapped[str | None] = mapped_column(Text)
    """How people who are seldom heard have a say in it."""
    anywhere: Mapped[bool] = mapped_column(default=False)
    """Not tied to a place: then there are no wards, and money that is tied to a place cannot pay for it."""
    ward_codes: Mapped[list[str]] = mapped_column(JSON, default=list)
    imd_deciles: Mapped[list[int]] = mapped_column(JSON, default=list)
    """Deciles of the places where it happens, from the postcode given; what decile restrictions look at."""
    venue_postcode: Mapped[str | None] = mapped_column(String(8))
    # priority
    priority_id: Mapped[UUID | None] = mapped_column(ForeignKey("priority.id"), index=True)
    answers_need: Mapped[str | None] = mapped_column(Text)
    # approach
    approaches: Mapped[list[str]] = mapped_column(JSON, default=list)
    level: Mapped[Level | None] = state_column(Level, nullable=True)
    outcomes_hoped: Mapped[str | None] = mapped_column(Text)
    outcomes_seen: Mapped[str | None] = mapped_column(Text)
    second_hoped: Mapped[str | None] = mapped_column(Text)
    second_seen: Mapped[str | None] = mapped_column(Text)
    # fairness
    equality: Mapped[str | None] = mapped_column(Text)
    poverty: Mapped[str | None] = mapped_column(Text)
    at_risk: Mapped[bool | None]
    """Whether children, or adults who are at risk, take part."""
    safeguarding: Mapped[str | None] = mapped_column(Text)
    # budget: ``lines``; the total is kept here
    applied_for_minor: Mapped[Minor] = mapped_column(default=0)
    smaller_minor: Mapped[Minor | None]
    smaller_achieves: Mapped[str | None] = mapped_column(Text)
    # partners
    partners: Mapped[str | None] = mapped_column(Text)
    hosting_id: Mapped[UUID | None] = mapped_column(ForeignKey("hosting.id"))
    # contact: seen by the group and officers only
    contact_name: Mapped[str | None] = mapped_column(String(120))
    contact_email: Mapped[str | None] = mapped_column(String(254))
    contact_phone: Mapped[str | None] = mapped_column(String(30))
    help_received: Mapped[Help | None] = state_column(Help, nullable=True)

    writer_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    """Who asked for sign-off; somebody else must give it."""
    sent_back_reason: Mapped[str | None] = mapped_column(String(1000))
    signed_off_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    submitted_at: Mapped[datetime | None] = mapped_column(Utc())
    asked_sections: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Sections that were opened again by the latest question of whoever checks it (``rules.Section``)."""
    asked_words: Mapped[str | None] = mapped_column(String(1000))
    asked_until: Mapped[datetime | None] = mapped_column(Utc())
    asked_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    screened_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    screening_code: Mapped[str | None] = mapped_column(String(40))
    screening_reason: Mapped[str | None] = mapped_column(String(1000))
    kept_off_reason: Mapped[str | None] = mapped_column(String(1000))
    """Why an eligible proposal did not come on the ballot."""
    withdrawn_at: Mapped[datetime | None] = mapped_column(Utc())
    withdrawn_reason: Mapped[str | None] = mapped_column(String(500))

    round: Mapped[Round] = relationship()
    group: Mapped[Group] = relationship()
    priority: Mapped[Priority | None] = relationship()
    hosting: Mapped[Hosting | None] = relationship()
    lines: Mapped[list["BudgetLine"]] = relationship(order_by="BudgetLine.position", cascade="all, delete-orphan")
    joint: Mapped[list["ProposalPartner"]] = relationship(
        back_populates="proposal", order_by="ProposalPartner.position", cascade="all, delete-orphan"
    )
    files: Mapped[list["ProposalFile"]] = relationship(order_by="ProposalFile.added_at, ProposalFile.id")
    evidence: Mapped[list["ProposalInsight"]] = relationship(cascade="all, delete-orphan")
    hands: Mapped[list["ProposalHand"]] = relationship(order_by="ProposalHand.at, ProposalHand.id")


class BudgetLine(Identified):
    """One line of a budget: cash asked for, or something given in kind."""

    __tablename__ = "budget_line"
    __table_args__ = (CheckConstraint("amount_minor > 0", name="amount_positive"),)

    proposal_id: Mapped[UUID] = mapped_column(ForeignKey("proposal.id"), index=True)
    position: Mapped[int]
    what: Mapped[str] = mapped_column(String(140))
    amount_minor: Mapped[Minor]
    in_kind: Mapped[bool] = mapped_column(default=False)
    lasting: Mapped[bool] = mapped_column(default=False)
    """Something that lasts: capital, for money that is kept for it."""


class ProposalPartner(Identified):
    """Who does it together with the group, and whether they have said yes to exactly this."""

    __tablename__ = "proposal_partner"
    __table_args__ = (CheckConstraint("share_minor >= 0", name="share_not_negative"), UniqueConstraint("token_hash"))

    proposal_id: Mapped[UUID] = mapped_column(ForeignKey("proposal.id"), index=True)
    position: Mapped[int]
    name: Mapped[str] = mapped_column(String(120))
    role: Mapped[str] = mapped_column(String(500))
    email: Mapped[str | None] = mapped_column(String(254))
    """Where they are asked; blanked when somebody is forgotten."""
    share_minor: Mapped[Minor] = mapped_column(default=0)
    state: Mapped[PartnerState] = state_column(PartnerState)
    token_hash: Mapped[str | None] = mapped_column(String(64))
    """Of the link in the latest letter to them; gone once they have answered."""
    asked_at: Mapped[datetime | None] = mapped_column(Utc())
    answered_at: Mapped[datetime | None] = mapped_column(Utc())
    answered_by: Mapped[str | None] = mapped_column(String(120))
    """The name that whoever answered gave."""

    proposal: Mapped[Proposal] = relationship(back_populates="joint")


class ProposalHand(Identified):
    """An officer who typed a bid in for its group, saw the signed copy, or wrote down what a recording says.

    Rows are added, never changed: whoever had a hand in a bid never checks or judges it.
    """

    __tablename__ = "proposal_hand"
    __table_args__ = (
        Index(
            "ix_proposal_hand_typist",
            "proposal_id",
            unique=True,
            sqlite_where=text("part = 'typed'"),
            postgresql_where=text("part = 'typed'"),
        ),
        CheckConstraint("(part = 'typed') = (source IS NOT NULL)", name="typed_from_something"),
    )

    proposal_id: Mapped[UUID] = mapped_column(ForeignKey("proposal.id"), index=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"), index=True)
    part: Mapped[Hand] = state_column(Hand)
    source: Mapped[Source | None] = state_column(Source, nullable=True)
    words: Mapped[str | None] = mapped_column(String(300))
    """Who of the group told or wrote it; who signed the copy, and where it is kept."""
    at: Mapped[datetime] = mapped_column(Utc())


class ProposalInsight(Base):
    """A piece of what communities said that a proposal answers."""

    __tablename__ = "proposal_insight"

    proposal_id: Mapped[UUID] = mapped_column(ForeignKey("proposal.id"), primary_key=True)
    insight_id: Mapped[UUID] = mapped_column(ForeignKey("insight.id"), primary_key=True, index=True)

    insight: Mapped[Insight] = relationship(viewonly=True)


class ProposalFile(Identified):
    """A picture, a paper or a recording, under a name of ours. Nobody opens it before it was found clean."""

    __tablename__ = "proposal_file"
    __table_args__ = (CheckConstraint("size > 0", name="size_positive"), UniqueConstraint("stored_name"))

    proposal_id: Mapped[UUID] = mapped_column(ForeignKey("proposal.id"), index=True)
    kind: Mapped[FileKind] = state_column(FileKind)
    state: Mapped[FileState] = state_column(FileState)
    stored_name: Mapped[str] = mapped_column(String(40))
    size: Mapped[int]
    """Bytes."""
    label: Mapped[str] = mapped_column(String(600))
    """What it shows, or what is said in it."""
    added_at: Mapped[datetime] = mapped_column(Utc())
    summary: Mapped[str | None] = mapped_column(Text)
    """What a recording says, written down by an officer for those who cannot hear it."""


class ProposalComment(Identified):
    """A question about a public proposal, or its group's answer to one. The page names nobody who asks."""

    __tablename__ = "proposal_comment"

    proposal_id: Mapped[UUID] = mapped_column(ForeignKey("proposal.id"), index=True)
    answers_id: Mapped[UUID | None] = mapped_column(ForeignKey("proposal_comment.id"), index=True)
    """The question that it answers; nothing for a question."""
    author_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    words: Mapped[str] = mapped_column(String(1000))
    said_at: Mapped[datetime] = mapped_column(Utc())
    state: Mapped[CommentState] = state_column(CommentState)
    hidden_reason: Mapped[str | None] = mapped_column(String(300))

    answers: Mapped[list["ProposalComment"]] = relationship(order_by="ProposalComment.said_at, ProposalComment.id")


class CommentFlag(Base):
    """Somebody says that a question or an answer should not stand there."""

    __tablename__ = "comment_flag"

    comment_id: Mapped[UUID] = mapped_column(ForeignKey("proposal_comment.id"), primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"), primary_key=True)
    why: Mapped[str] = mapped_column(String(300))
    flagged_at: Mapped[datetime] = mapped_column(Utc())
    settled_at: Mapped[datetime | None] = mapped_column(Utc())
    """When a moderator looked, and hid it or let it stand."""


class ExclusiveSet(Identified):
    """Bids of a round of which only one can win: two plans for one site. Set and lifted with reasons, never deleted."""

    __tablename__ = "exclusive_set"
    __table_args__ = (CheckConstraint("(lifted_at IS NULL) = (lifted_reason IS NULL)", name="lifted_with_a_reason"),)

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), index=True)
    reason: Mapped[str] = mapped_column(String(500))
    """Everybody can read it."""
    set_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    set_at: Mapped[datetime] = mapped_column(Utc())
    after_vote: Mapped[bool] = mapped_column(default=False)
    """Voters did not know of it: it was set when they had voted."""
    lifted_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    lifted_at: Mapped[datetime | None] = mapped_column(Utc())
    lifted_reason: Mapped[str | None] = mapped_column(String(500))
    lifted_after_vote: Mapped[bool] = mapped_column(default=False)
    """Voters had read that only one of these can be funded."""

    bids: Mapped[list["ExclusiveBid"]] = relationship(order_by="ExclusiveBid.proposal_id")


class ExclusiveBid(Base):
    """One bid of an exclusive set."""

    __tablename__ = "exclusive_bid"

    set_id: Mapped[UUID] = mapped_column(ForeignKey("exclusive_set.id"), primary_key=True)
    proposal_id: Mapped[UUID] = mapped_column(ForeignKey("proposal.id"), primary_key=True, index=True)


class SectionEffort(Base):
    """How long a section of the form takes in a round, over everybody. It adds up, and knows nobody."""

    __tablename__ = "section_effort"

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), primary_key=True)
    section: Mapped[str] = mapped_column(String(20), primary_key=True)
    saves: Mapped[int]
    seconds: Mapped[int]


class EligibilityCount(Base):
    """How often the questions before a proposal ended in one way. It counts answers, and knows nobody."""

    __tablename__ = "eligibility_count"
    __table_args__ = (CheckConstraint("times > 0", name="times_positive"),)

    round_id: Mapped[UUID] = mapped_column(ForeignKey("round.id"), primary_key=True)
    outcome: Mapped[str] = mapped_column(String(40), primary_key=True)
    """``rules.Hurdle``, or ``may_apply``."""
    times: Mapped[int]


class ProposalSnapshot(Identified):
    """What was put in, as it was put in, but for who to contact. Rows are added, never changed."""

    __tablename__ = "proposal_snapshot"
    __table_args__ = (UniqueConstraint("proposal_id", "number"),)

    proposal_id: Mapped[UUID] = mapped_column(ForeignKey("proposal.id"))
    number: Mapped[int]
    taken_at: Mapped[datetime] = mapped_column(Utc())
    why: Mapped[str] = mapped_column(String(60))
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    sha256: Mapped[str] = mapped_column(String(64))


assert isinstance(ProposalSnapshot.__table__, Table)
make_append_only(ProposalSnapshot.__table__)
