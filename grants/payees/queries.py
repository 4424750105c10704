"""Bank accounts, without their numbers. Read only; whoever may open one asks the service, which writes that down."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from grants.payees.models import BankAccount
from grants.payees.rules.accounts import ENDED, BankAccountState


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


def accounts_of(session: Session, group_id: UUID) -> list[BankAccount]:
    """Every account that a group ever gave, the newest first."""
    return list(
        session.scalars(
            select(BankAccount).where(BankAccount.group_id == group_id).order_by(BankAccount.version.desc()).limit(50)
        )
    )


def live_accounts(session: Session, group_ids: Collection[UUID]) -> dict[UUID, BankAccount]:
    """The accounts of several groups, by group."""
    rows = session.scalars(
        select(BankAccount).where(BankAccount.group_id.in_(group_ids), BankAccount.state.not_in(ENDED))
    )
    return {row.group_id: row for row in rows}
