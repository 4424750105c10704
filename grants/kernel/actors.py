"""Who acts: a person with roles, or the clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID


class Role(StrEnum):
    """The field's roles. A grant may be limited to one fund, or for a funder to one funder."""

    RESIDENT = "resident"
    GROUP_MEMBER = "group_member"
    CONNECTOR = "connector"
    PANELLIST = "panellist"
    OFFICER = "officer"
    STEWARD = "steward"
    FINANCE_OFFICER = "finance_officer"
    FUNDER = "funder"
    AUDITOR = "auditor"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Grant:
    """A role held everywhere (``scope`` None) or for one fund or funder."""

    role: Role
    scope: UUID | None = None


@dataclass(frozen=True, slots=True)
class Rights:
    """What a member may do for a group."""

    edit: bool
    sign_off: bool


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is asking. ``id`` is None for somebody not signed in and for the clock."""

    id: UUID | None
    name: str = ""
    grants: frozenset[Grant] = frozenset()
    groups: Mapping[UUID, Rights] = field(default_factory=lambda: MappingProxyType({}))
    is_clock: bool = False

    @property
    def roles(self) -> frozenset[Role]:
        """Every role held anywhere; whoever is signed in is at least a resident."""
        held = {grant.role for grant in self.grants}
        if self.id is not None:
            held.add(Role.RESIDENT)
        if self.groups:
            held.add(Role.GROUP_MEMBER)
        return frozenset(held)

    def has(self, role: Role, scope: UUID | None = None) -> bool:
        """Whether the role is held, for this fund or funder when ``scope`` is given."""
        if role in (Role.RESIDENT, Role.GROUP_MEMBER):
            return role in self.roles
        return any(g.role is role and (g.scope is None or scope is None or g.scope == scope) for g in self.grants)

    def scopes(self, role: Role) -> frozenset[UUID] | None:
        """The funds or funders for which the role is held; None when it is held for all of them."""
        scopes = {g.scope for g in self.grants if g.role is role}
        return None if None in scopes else frozenset(s for s in scopes if s is not None)

    def can_edit_for(self, group_id: UUID) -> bool:
        """Whether they write for this group."""
        return group_id in self.groups and self.groups[group_id].edit

    def can_sign_off_for(self, group_id: UUID) -> bool:
        """Whether they sign off for this group."""
        return group_id in self.groups and self.groups[group_id].sign_off


class Wanted(StrEnum):
    """What somebody who came in by a link still has to do before they are let further."""

    NUMBER = "number"
    """Give the number from their app."""
    SET_UP = "set_up"
    """Set up a second step: their role asks for one."""


@dataclass(frozen=True, slots=True)
class Presence:
    """Somebody behind a session, and what they have shown in it beyond the link."""

    actor: Actor
    has_factor: bool = False
    """A second step is set up."""
    factor_at: datetime | None = None
    """When a number was last given in this session."""


NOBODY = Actor(id=None)
CLOCK = Actor(id=None, name="the clock", is_clock=True)
