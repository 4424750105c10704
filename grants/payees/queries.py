"""Where groups are paid, without numbers. Read only; whoever may open one asks the service, which writes that down."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, aliased, selectinload

from grants.kernel.asking import Who
from grants.kernel.clock import london_day
from grants.payees.access import OFFICERS
from grants.payees.models import BankAccount, GroupCheck, PayoutAccount
from grants.payees.rules.accounts import ENDED, BankAccountState
from grants.payees.rules.checks import (
    FOR_ONE_AWARD,
    PAPER_WORDS,
    CheckKind,
    GroupCheckState,
    Known,
    about,
    holds,
    needed,
)
from grants.people.models import Group
from grants.ports.payments import AccountStanding


def account(session: Session, group_id: UUID) -> BankAccount | None:
    """The account that a group's money goes to, whatever is known of it; None when none was given."""
    return session.scalar(
        select(BankAccount)
        .where(BankAccount.group_id == group_id, BankAccount.state.not_in(ENDED))
        .options(selectinload(BankAccount.name_checks))
    )


def verified_account(session: Session, group_id: UUID) -> BankAccount | None:
    """The account, if everything about it was checked."""
    return session.scalar(
        select(BankAccount).where(BankAccount.group_id == group_id, BankAccount.state == BankAccountState.VERIFIED)
    )


def recipient(session: Session, group_id: UUID, provider: str) -> PayoutAccount | None:
    """The account at this provider in which a group is paid, however far it is."""
    return session.scalar(
        select(PayoutAccount).where(PayoutAccount.group_id == group_id, PayoutAccount.provider == provider)
    )


def recipient_of_ref(session: Session, provider: str, account_ref: str) -> UUID | None:
    """Whose account a provider calls by this reference, as the id of ours."""
    return session.scalar(
        select(PayoutAccount.id).where(PayoutAccount.provider == provider, PayoutAccount.account_ref == account_ref)
    )


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a group is paid: at a provider where one pays, else in its own bank account."""

    provider: str | None
    account: BankAccount | None
    recipient: PayoutAccount | None

    @property
    def verified_by_id(self) -> UUID | None:
        """Who of us verified the bank account that it goes to; a provider checks its accounts itself."""
        return self.account.verified_by_id if self.account is not None else None

    @property
    def ready(self) -> bool:
        """Whether money may go there: a verified bank account, or the provider says that it can pay."""
        if self.provider is None:
            return self.account is not None
        return self.recipient is not None and self.recipient.standing is AccountStanding.READY


def destination(session: Session, group_id: UUID, provider: str | None) -> Destination:
    """Where a group is paid. ``provider``: who pays it into an account of its own there; None: nobody but its bank."""
    if provider is None:
        return Destination(None, verified_account(session, group_id), None)
    return Destination(provider, None, recipient(session, group_id, provider))


def verified_groups() -> Select[tuple[UUID]]:
    """Ids of groups whose bank account is verified."""
    return select(BankAccount.group_id).where(BankAccount.state == BankAccountState.VERIFIED)


def ready_groups(provider: str) -> Select[tuple[UUID]]:
    """Ids of groups that this provider can pay."""
    return select(PayoutAccount.group_id).where(
        PayoutAccount.provider == provider, PayoutAccount.standing == AccountStanding.READY
    )


def accounts_of(session: Session, group_id: UUID) -> list[BankAccount]:
    """Every account that a group ever gave, the newest first."""
    return list(
        session.scalars(
            select(BankAccount).where(BankAccount.group_id == group_id).order_by(BankAccount.version.desc()).limit(50)
        )
    )


def who_runs(session: Session, group_ids: Collection[UUID]) -> list[tuple[UUID, UUID]]:
    """(group, person) of everybody who gave or confirmed the account that one of these groups has now."""
    rows = session.execute(
        select(BankAccount.group_id, BankAccount.given_by_id, BankAccount.confirmed_by_id).where(
            BankAccount.group_id.in_(group_ids), BankAccount.state.not_in(ENDED)
        )
    )
    return [(group_id, person) for group_id, *both in rows for person in both if person is not None]


def same_account(session: Session, group_ids: Collection[UUID]) -> list[tuple[UUID, UUID]]:
    """(group, other): groups of ``group_ids``, each with another group whose money goes to the same account."""
    other = aliased(BankAccount)
    rows = session.execute(
        select(BankAccount.group_id, other.group_id)
        .join(other, other.mark == BankAccount.mark)
        .where(
            BankAccount.group_id.in_(group_ids),
            BankAccount.state.not_in(ENDED),
            other.state.not_in(ENDED),
            other.group_id != BankAccount.group_id,
        )
        .limit(1_000)
    )
    return [(group_id, other_id) for group_id, other_id in rows]


def run_by(person_id: Any) -> Select[tuple[UUID]]:
    """Ids of groups whose present account this person gave or confirmed."""
    both = (BankAccount.given_by_id == person_id) | (BankAccount.confirmed_by_id == person_id)
    return select(BankAccount.group_id).where(both, BankAccount.state.not_in(ENDED))


def sharing_account_with(groups: Any) -> Select[tuple[UUID]]:
    """Ids of groups whose money goes to the same account as that of another among ``groups`` (a select)."""
    other = aliased(BankAccount)
    return (
        select(BankAccount.group_id)
        .join(other, (other.mark == BankAccount.mark) & (other.group_id != BankAccount.group_id))
        .where(other.group_id.in_(groups), BankAccount.state.not_in(ENDED), other.state.not_in(ENDED))
    )


def answers(session: Session, group_ids: Collection[UUID]) -> list[GroupCheck]:
    """Everything that was said and judged about these groups, the newest first."""
    return list(
        session.scalars(
            select(GroupCheck)
            .where(GroupCheck.group_id.in_(group_ids))
            .order_by(GroupCheck.given_at.desc(), GroupCheck.id)
            .limit(1000)
        )
    )


@dataclass(frozen=True, slots=True)
class Need:
    """One check that an award asks for: of whom, whether it holds, and what was said of it, newest first."""

    kind: CheckKind
    group_id: UUID
    holds: bool
    answers: list[GroupCheck]

    @property
    def newest(self) -> GroupCheck | None:
        """The answer that was given last, if any."""
        return self.answers[0] if self.answers else None


def needs_of(
    session: Session, award_id: UUID, amount_minor: int, group_id: UUID, payee_id: UUID, today: date
) -> list[Need]:
    """Every check that an award of so many pence asks for, and where it stands. One query."""
    said = answers(session, {group_id, payee_id})
    found = []
    for kind in needed(amount_minor, hosted=payee_id != group_id):
        whom = about(kind, group_id, payee_id)
        here = [one for one in said if one.kind is kind and one.group_id == whom and one.award_ref in (None, award_id)]
        known = [Known(one.state, one.award_ref, one.expires_on) for one in here]
        found.append(Need(kind, whom, holds(known, award_id, today), here))
    return found


@dataclass(frozen=True, slots=True)
class PaperHeld:
    """A paper or an answer that a group gave, for every later grant while it is in date."""

    kind: CheckKind
    title: str
    state: GroupCheckState
    given_on: date
    expires_on: date | None
    in_date: bool
    paper_id: UUID | None
    """The check whose paper can be opened; nothing where it was told in words."""


def papers(session: Session, group_id: UUID, today: date) -> list[PaperHeld]:
    """What a group has given that counts for all its grants: the newest of each kind that was not turned down, in the
    order of the kinds. One query."""
    found: dict[CheckKind, PaperHeld] = {}
    for one in answers(session, {group_id}):
        if one.award_ref is not None or one.kind in FOR_ONE_AWARD or one.kind in found:
            continue
        if one.state not in (GroupCheckState.GIVEN, GroupCheckState.PASSED):
            continue
        found[one.kind] = PaperHeld(
            one.kind,
            PAPER_WORDS[one.kind],
            one.state,
            london_day(one.given_at),
            one.expires_on,
            one.state is GroupCheckState.PASSED and (one.expires_on is None or one.expires_on >= today),
            one.id if one.paper else None,
        )
    return [found[kind] for kind in CheckKind if kind in found]


def check(session: Session, check_id: UUID) -> GroupCheck | None:
    """One answer to a check, or nothing."""
    return session.get(GroupCheck, check_id)


def is_waived(session: Session, award_id: UUID, kind: CheckKind) -> bool:
    """Whether two officers waived a check for this award."""
    found = select(GroupCheck.id).where(
        GroupCheck.award_ref == award_id, GroupCheck.kind == kind, GroupCheck.state == GroupCheckState.WAIVED
    )
    return session.scalar(found.limit(1)) is not None


def by_id(session: Session, account_id: UUID) -> BankAccount | None:
    """The account, or nothing."""
    return session.get(BankAccount, account_id)


def to_check(who: Who) -> Select[Any] | None:
    """For officers: accounts that wait for one, shown by a statement or with a checked name; the oldest first.

    The group's id and name; who gave it, who confirmed it, whose paper shows it.
    """
    if not who.holds(*OFFICERS):
        return None
    waiting = (BankAccountState.EVIDENCED, BankAccountState.NAME_CHECKED)
    gave = (BankAccount.given_by_id, BankAccount.confirmed_by_id, BankAccount.paper_by_id)
    return (
        select(BankAccount.group_id, Group.name, *gave)
        .join(Group, Group.id == BankAccount.group_id)
        .where(BankAccount.state.in_(waiting))
        .order_by(BankAccount.given_at, BankAccount.id)
        .limit(50)
    )


def to_confirm(who: Who) -> Select[Any] | None:
    """Accounts of groups somebody signs off for that somebody else gave and nobody has confirmed. Group, its name."""
    mine = who.signs
    if not mine:
        return None
    return (
        select(BankAccount.group_id, Group.name)
        .join(Group, Group.id == BankAccount.group_id)
        .where(
            BankAccount.group_id.in_(mine),
            BankAccount.state.not_in(ENDED),
            BankAccount.confirmed_by_id.is_(None),
            BankAccount.given_by_id != who.me,
        )
        .order_by(BankAccount.given_at, BankAccount.id)
        .limit(50)
    )


def groups_to_judge() -> Select[tuple[UUID]]:
    """Ids of groups that gave an answer, or for which a waiver was asked, that waits for an officer."""
    waiting = (GroupCheckState.GIVEN, GroupCheckState.WAIVER_ASKED)
    return select(GroupCheck.group_id).where(GroupCheck.state.in_(waiting))
