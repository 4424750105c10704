"""Kinds of group, roles that can be given, the lives of sign-in links and of hostings."""

import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import pyotp

from grants.kernel.actors import Presence, Rights, Role, Wanted
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


# The second step when signing in: numbers from an app (TOTP, RFC 6238) and recovery codes.

MUST_HAVE_FACTOR = frozenset(
    {Role.PANELLIST, Role.STEWARD, Role.FINANCE_OFFICER, Role.FUNDER, Role.AUDITOR, Role.ADMIN}
)
"""Roles that decide about money, move it, give power over it, or read everything."""
FRESH = timedelta(minutes=15)
"""How long a number is good for where money moves."""
STEP_SECONDS = 30
DRIFT = 1
"""A phone's clock may be so many steps before or after ours."""
CODE_COUNT = 10
_CODE_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_CODE_LENGTH = 12


def wanted(presence: Presence, *, required: bool) -> Wanted | None:
    """What somebody who came in by a link still has to do; ``required`` where the roles above must have a factor."""
    if presence.has_factor:
        return None if presence.factor_at is not None else Wanted.NUMBER
    return Wanted.SET_UP if required and presence.actor.roles & MUST_HAVE_FACTOR else None


def is_fresh(presence: Presence, now: datetime) -> bool:
    """Whether money may move on what was shown in this session; whoever has no factor is not asked for one."""
    if not presence.has_factor:
        return True
    return presence.factor_at is not None and now - presence.factor_at <= FRESH


def new_secret() -> str:
    """160 random bits as an app reads them: 32 letters (base 32)."""
    return pyotp.random_base32(32)


def step_of(number: str, secret: str, now: datetime) -> int | None:
    """The half minute (since 1970) to which a number belongs, one before or after ``now`` at most; None for no such.

    Source: RFC 6238, 5.2 (one step of delay) and 6 (drift).

    >>> from datetime import UTC
    >>> at = datetime.fromtimestamp(1_000_000_000, UTC)
    >>> step_of(pyotp.TOTP("A" * 32).at(at), "A" * 32, at)
    33333333
    """
    digits, here = number_from(number), int(now.timestamp()) // STEP_SECONDS
    app = pyotp.TOTP(secret)
    found = [
        step for step in range(here - DRIFT, here + DRIFT + 1) if hmac.compare_digest(app.generate_otp(step), digits)
    ]
    return found[-1] if found else None


def number_from(text: str) -> str:
    """Six digits, however they are typed. Raises ``RuleBroken``.

    >>> number_from(" 123 456 ")
    '123456'
    """
    digits = re.sub(r"[\s-]", "", text)
    if not re.fullmatch(r"[0-9]{6}", digits):
        raise RuleBroken("Enter the 6 digits that your app shows", "number")
    return digits


def app_address(secret: str, email: str) -> str:
    """What an app reads from the picture: the secret, and the words under which it is listed."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="Seedbed")


def in_fours(text: str) -> str:
    """Letters as people read them out.

    >>> in_fours("ABCDEFGH")
    'ABCD EFGH'
    """
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def new_codes() -> list[str]:
    """Recovery codes, three groups of four each: 60 random bits, which nobody guesses."""
    return ["-".join(_four() for _ in range(_CODE_LENGTH // 4)) for _ in range(CODE_COUNT)]


def _four() -> str:
    return "".join(secrets.choice(_CODE_ALPHABET) for _ in range(4))


def hash_of_code(code: str, pepper: bytes, person_id: UUID) -> str:
    """What is kept of a recovery code: HMAC-SHA256 (64 hex digits) under the service's secret, bound to the person.

    Capitals, blanks and hyphens make no difference. Raises ``RuleBroken`` for what cannot be one.
    """
    letters = re.sub(r"[\s-]", "", code).upper()
    if len(letters) != _CODE_LENGTH or set(letters) - set(_CODE_ALPHABET):
        raise RuleBroken("Check the code: it has 12 letters and digits, like ABCD-2345-EFGH", "code")
    return hmac.digest(pepper, f"recovery code\n{person_id}\n{letters}".encode(), "sha256").hex()


def pepper_from(secret_key: str) -> bytes:
    """The secret under which recovery codes are hashed: drawn from the installation's own, for this use only."""
    return hmac.digest(secret_key.encode(), b"seedbed recovery pepper v1", "sha256")


VERB_WORDS = {
    "people.account_made": "Made an account",
    "people.anonymised": "Was forgotten at their own wish",
    "people.factor_begun": "Began to set up a second step",
    "people.factor_codes_made": "Made new recovery codes",
    "people.factor_confirmed": "Set up a second step",
    "people.factor_number_given": "Gave the number of the second step",
    "people.factor_sealed_again": "The second step was sealed under another key",
    "people.factor_taken_off": "The second step was taken off",
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
