"""Kinds of group, roles that can be given, the lives of sign-in links and of hostings."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from grants.kernel.actors import Rights, Role
from grants.kernel.errors import RuleBroken

LINK_LIFE = timedelta(minutes=20)
SESSION_LIFE = timedelta(days=14)
FIRST_PAGE = "/home"
DEMO_ADDRESS = "@demo.seedbed.example"
"""The people of the demonstration have addresses that end so; nobody real can have one."""
GONE = "Someone who left"


class GroupKind(StrEnum):
    """What a group is in law; an unconstituted one needs a host."""

    UNCONSTITUTED = "unconstituted"
    ASSOCIATION = "association"
    CIC = "community_interest_company"
    CHARITY = "charity"
    PARTNERSHIP = "partnership"
    PUBLIC_BODY = "public_body"


KIND_WORDS = {
    GroupKind.UNCONSTITUTED: "A group of neighbours, without written rules",
    GroupKind.ASSOCIATION: "A club or association with written rules",
    GroupKind.CIC: "A community interest company",
    GroupKind.CHARITY: "A registered charity",
    GroupKind.PARTNERSHIP: "Several organisations working together",
    GroupKind.PUBLIC_BODY: "A school, a surgery or another public body",
}


class HostingState(StrEnum):
    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    DECLINED = "declined"
    ENDED = "ended"


class HostingAction(StrEnum):
    CONFIRM = "confirm"
    DECLINE = "decline"
    END = "end"


HOSTING_STEPS = {
    (HostingState.REQUESTED, HostingAction.CONFIRM): HostingState.CONFIRMED,
    (HostingState.REQUESTED, HostingAction.DECLINE): HostingState.DECLINED,
    (HostingState.REQUESTED, HostingAction.END): HostingState.ENDED,
    (HostingState.CONFIRMED, HostingAction.END): HostingState.ENDED,
}

ROLE_WORDS = {
    Role.RESIDENT: "Resident: raises issues, supports, votes",
    Role.GROUP_MEMBER: "Group member: writes proposals for a group",
    Role.CONNECTOR: "Connector: listens where people meet, and helps issues in",
    Role.PANELLIST: "Panellist: scores proposals against the rule-book",
    Role.OFFICER: "Booth officer: checks people in where they vote in person, and keys papers",
    Role.STEWARD: "Steward: runs the fund, checks proposals, makes offers",
    Role.FINANCE_OFFICER: "Finance officer: records money in, lets money out",
    Role.FUNDER: "Funder: gives money, and reads where each pound went",
    Role.AUDITOR: "Auditor: reads everything, changes nothing",
    Role.ADMIN: "Admin: gives and takes roles",
}
EVERYWHERE = (
    Role.CONNECTOR,
    Role.PANELLIST,
    Role.OFFICER,
    Role.STEWARD,
    Role.FINANCE_OFFICER,
    Role.AUDITOR,
    Role.ADMIN,
)
"""Roles that can be held for the whole of Seedbed."""
FOR_ONE_FUND = (Role.PANELLIST, Role.OFFICER, Role.STEWARD, Role.FINANCE_OFFICER)
"""Roles that can be held for one fund only; a funder's is always for one funder."""


@dataclass(frozen=True, slots=True)
class GroupDraft:
    """What a group says about itself."""

    name: str
    kind: GroupKind
    about: str = ""
    ward_code: str | None = None
    has_bank_account: bool = False
    org_id: str | None = None


def check_grant(role: Role, scope_id: UUID | None, held: Collection[Role], *, in_a_group: bool) -> None:
    """Refuse a role that cannot be given so, or that does not go with what the person holds already.

    Whoever audits must not be part of what is audited: an auditor holds no other role and is in no group.
    """
    if scope_id is None and role is Role.FUNDER:
        raise RuleBroken("Choose which funder this person speaks for.", "scope")
    if role not in ((*FOR_ONE_FUND, Role.FUNDER) if scope_id else EVERYWHERE):
        raise RuleBroken("Choose a role from the list.", "role")
    others = set(held) - {Role.RESIDENT, Role.GROUP_MEMBER}
    if role is Role.AUDITOR and in_a_group:
        raise RuleBroken("This person is in a group. An auditor cannot be part of a group that may apply.", "role")
    if role is Role.AUDITOR and others - {Role.AUDITOR}:
        raise RuleBroken("An auditor changes nothing. End this person's other roles first.", "role")
    if role is not Role.AUDITOR and Role.AUDITOR in others:
        raise RuleBroken("This person is an auditor, and an auditor can hold no other role.", "role")


def check_may_join(held: Collection[Role]) -> None:
    """An auditor cannot be an applicant."""
    if Role.AUDITOR in held:
        raise RuleBroken("This person audits the fund, so they cannot join a group.", "email")


def check_editor_left(others: Collection[Rights], *, then: Rights | None = None) -> None:
    """A group always keeps somebody who may edit. ``others`` stay; ``then`` is what the member has after the change."""
    if not any(rights.edit for rights in (*others, *([then] if then else ()))):
        raise RuleBroken("A group needs at least one member who can edit. Let somebody else edit first.", "rights")


_EMAIL = re.compile(r"[^@\s,;<>()]+@[^@\s,;<>()]+\.[^@\s,;<>().]{2,}")


def clean_email(text: str) -> str:
    """An address as it is kept. Raises ``RuleBroken`` for what is none.

    >>> clean_email(" Rose@Example.ORG ")
    'rose@example.org'
    """
    email = text.strip().lower()
    if len(email) > 254 or not email.isprintable() or not _EMAIL.fullmatch(email):
        raise RuleBroken("Enter an e-mail address in the right form, like name@example.org", "email")
    return email


def clean_name(text: str, field: str = "name") -> str:
    """A name on one line, 1 to 120 characters. Raises ``RuleBroken``.

    >>> clean_name("  Rose   Khan ")
    'Rose Khan'
    """
    name = " ".join(text.split())
    if not name:
        raise RuleBroken("Enter a name", field)
    if len(name) > 120 or not name.isprintable():
        raise RuleBroken("Enter a name of 120 characters or fewer", field)
    return name


def own_path(text: str | None) -> str:
    """Where to go after signing in: a path of ours, or the first page. Nothing leads to another site.

    >>> own_path("/rounds?page=2"), own_path("//evil.example"), own_path("https://evil.example"), own_path(None)
    ('/rounds?page=2', '/home', '/home', '/home')
    """
    path = text or ""
    ours = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    if not ours or " " in path or len(path) > 300 or path.partition("?")[0] in ("/sign-in", "/sign-out"):
        return FIRST_PAGE
    return path


VERB_WORDS = {
    "people.account_made": "Made an account",
    "people.anonymised": "Was forgotten at their own wish",
    "people.group_changed": "What the group says about itself was changed",
    "people.group_started": "The group was started",
    "people.host_allowed": "Can be asked to be a host",
    "people.host_asked": "A host was asked",
    "people.host_confirmed": "The host said yes",
    "people.host_declined": "The host said no",
    "people.host_disallowed": "Can no longer be asked to be a host",
    "people.host_ended": "The hosting ended",
    "people.link_requested": "A link to sign in was asked for",
    "people.member_added": "A member was added",
    "people.member_left": "A member left",
    "people.member_removed": "A member was removed",
    "people.renamed": "Changed their name",
    "people.rights_changed": "A member's rights were changed",
    "people.role_ended": "A role ended",
    "people.role_given": "A role was given",
    "people.signed_in": "Signed in",
    "people.signed_out": "Signed out",
    "people.signed_out_everywhere": "Signed out on every device",
}
"""Each verb of this stage in the trail, as people read it."""
