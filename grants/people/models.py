"""People, their roles and sessions; groups, their members and hosts."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from grants.kernel.actors import Role
from grants.kernel.tables import Base, Identified, Utc, state_column
from grants.people.rules import GroupKind, HostingState


class Person(Identified):
    """Somebody with an account. Anonymised, never deleted."""

    __tablename__ = "person"
    __table_args__ = (UniqueConstraint("email"),)

    name: Mapped[str] = mapped_column(String(120))
    email: Mapped[str | None] = mapped_column(String(254))
    """Lower case; null once anonymised."""
    created_at: Mapped[datetime] = mapped_column(Utc())
    anonymised_at: Mapped[datetime | None] = mapped_column(Utc())

    roles: Mapped[list["RoleGrant"]] = relationship(foreign_keys="RoleGrant.person_id")
    memberships: Mapped[list["Membership"]] = relationship(back_populates="person")


class RoleGrant(Identified):
    """A role held by a person, everywhere or for one fund or funder (``scope_id``), from a moment to a moment."""

    __tablename__ = "role_grant"
    __table_args__ = (
        Index(
            "ix_role_grant_live",
            "person_id",
            "role",
            "scope_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index(  # nothing equals NULL, so the first index lets "everywhere" be held twice
            "ix_role_grant_live_everywhere",
            "person_id",
            "role",
            unique=True,
            sqlite_where=text("ended_at IS NULL AND scope_id IS NULL"),
            postgresql_where=text("ended_at IS NULL AND scope_id IS NULL"),
        ),
    )

    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    role: Mapped[Role] = state_column(Role)
    scope_id: Mapped[UUID | None]
    granted_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    granted_at: Mapped[datetime] = mapped_column(Utc())
    ended_at: Mapped[datetime | None] = mapped_column(Utc())


class SignInLink(Identified):
    """A single-use link by e-mail. Only its hash is kept."""

    __tablename__ = "sign_in_link"
    __table_args__ = (UniqueConstraint("token_hash"),)

    token_hash: Mapped[str] = mapped_column(String(64))
    email: Mapped[str] = mapped_column(String(254))
    next_path: Mapped[str] = mapped_column(String(300), default="/home")
    created_at: Mapped[datetime] = mapped_column(Utc())
    expires_at: Mapped[datetime] = mapped_column(Utc())
    used_at: Mapped[datetime | None] = mapped_column(Utc())


class SignInSession(Identified):
    """A browser that is signed in; revoked by ending it. Only the token's hash is kept."""

    __tablename__ = "sign_in_session"
    __table_args__ = (UniqueConstraint("token_hash"),)

    token_hash: Mapped[str] = mapped_column(String(64))
    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"), index=True)
    started_at: Mapped[datetime] = mapped_column(Utc())
    expires_at: Mapped[datetime] = mapped_column(Utc())
    ended_at: Mapped[datetime | None] = mapped_column(Utc())
    factor_at: Mapped[datetime | None] = mapped_column(Utc())
    """When a number of the second step was last given here."""


class Factor(Base):
    """Somebody's second step when signing in: the secret that their app makes numbers from (TOTP, RFC 6238)."""

    __tablename__ = "second_factor"

    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"), primary_key=True)
    sealed: Mapped[str] = mapped_column(Text)
    """The secret under a key of the ring (``kernel/keyring.py``), bound to this person."""
    last_step: Mapped[int | None] = mapped_column(BigInteger)
    """The half minute of the newest number taken, counted since 1970; none at or before it is taken again."""
    begun_at: Mapped[datetime] = mapped_column(Utc())
    confirmed_at: Mapped[datetime | None] = mapped_column(Utc())
    """When the first number was given; until then nothing is asked for."""


class RecoveryCode(Base):
    """A code on paper that stands in for the phone, once. Only its hash is kept."""

    __tablename__ = "recovery_code"

    person_id: Mapped[UUID] = mapped_column(ForeignKey("second_factor.person_id"), primary_key=True)
    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    used_at: Mapped[datetime | None] = mapped_column(Utc())


class Group(Identified):
    """A community group. A group without a bank account of its own applies through a host."""

    __tablename__ = "community_group"
    __table_args__ = (UniqueConstraint("name"),)

    name: Mapped[str] = mapped_column(String(120))
    kind: Mapped[GroupKind] = state_column(GroupKind)
    about: Mapped[str] = mapped_column(String(2000), default="")
    ward_code: Mapped[str | None] = mapped_column(String(9))
    org_id: Mapped[str | None] = mapped_column(String(60))
    """org-id.guide identifier (charity or company number), where there is one."""
    has_bank_account: Mapped[bool]
    can_host: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(Utc())

    memberships: Mapped[list["Membership"]] = relationship(back_populates="group")


class Membership(Identified):
    """A person in a group, with two rights: to edit and to sign off."""

    __tablename__ = "membership"
    __table_args__ = (
        Index(
            "ix_membership_live",
            "group_id",
            "person_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    group_id: Mapped[UUID] = mapped_column(ForeignKey("community_group.id"))
    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"), index=True)
    can_edit: Mapped[bool]
    can_sign_off: Mapped[bool]
    joined_at: Mapped[datetime] = mapped_column(Utc())
    ended_at: Mapped[datetime | None] = mapped_column(Utc())

    group: Mapped[Group] = relationship(back_populates="memberships")
    person: Mapped[Person] = relationship(back_populates="memberships")


class Hosting(Identified):
    """A host (accountable body) that holds the money for a group, once it has confirmed."""

    __tablename__ = "hosting"
    __table_args__ = (CheckConstraint("group_id <> host_id", name="not_own_host"),)

    group_id: Mapped[UUID] = mapped_column(ForeignKey("community_group.id"), index=True)
    host_id: Mapped[UUID] = mapped_column(ForeignKey("community_group.id"), index=True)
    state: Mapped[HostingState] = state_column(HostingState)
    asked_by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    asked_at: Mapped[datetime] = mapped_column(Utc())
    answered_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    answered_at: Mapped[datetime | None] = mapped_column(Utc())
    reason: Mapped[str | None] = mapped_column(String(500))

    group: Mapped[Group] = relationship(foreign_keys=[group_id])
    host: Mapped[Group] = relationship(foreign_keys=[host_id])
