"""Where groups are paid, and what is known of them."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from grants.kernel.keyring import KeyRing
from grants.payees import queries
from grants.payees.models import BankAccount, GroupCheck, PayoutAccount
from grants.payees.rules.accounts import BankAccountState, Details
from grants.payees.rules.checks import CheckKind, GroupCheckState
from grants.people.models import Group
from grants.ports.accounts import Modulus
from grants.ports.payments import AccountStanding
from tests.builders.people import a_person
from tests.support.clock import START
from tests.support.settings import KEYS

RING = KeyRing.parse(KEYS["bank_keys"])
DETAILS = Details("The Tea Table", "990012", "66374958")
"""Digits that fit together by the packaged tables, and that no bank has."""


def a_bank_account(
    session: Session,
    group: Group,
    *,
    state: BankAccountState = BankAccountState.VERIFIED,
    details: Details = DETAILS,
    **fields: object,
) -> BankAccount:
    """The account of a group: given by one, confirmed by another, verified by a third, unless told otherwise."""
    id = uuid4()
    given = state is BankAccountState.PROVIDED
    account = BankAccount(
        **{
            "id": id,
            "group_id": group.id,
            "version": len(queries.accounts_of(session, group.id)) + 1,
            "state": state,
            "sealed": RING.seal(details.to_bytes(), b"seedbed bank account v1\n" + id.bytes),
            "last_four": details.account_number[-4:],
            "modulus": Modulus.PASS,
            "given_by_id": a_person(session).id,
            "given_at": START - timedelta(days=9),
            "confirmed_by_id": None if given else a_person(session).id,
            "confirmed_at": None if given else START - timedelta(days=8),
            "paper": None if given else "0" * 32 + ".pdf",
            "paper_at": None if given else START - timedelta(days=8),
            **fields,
        }
    )
    if state is BankAccountState.VERIFIED and account.verified_by_id is None:
        account.verified_by_id, account.verified_at = a_person(session).id, START - timedelta(days=7)
    session.add(account)
    session.flush()
    return account


def a_verified_account(session: Session, group: Group) -> BankAccount:
    """The account of a group, verified: the one that it has, or a new one."""
    return queries.verified_account(session, group.id) or a_bank_account(session, group)


def a_check(
    session: Session,
    group: Group,
    kind: CheckKind = CheckKind.CONSTITUTION,
    *,
    state: GroupCheckState = GroupCheckState.PASSED,
    award_ref: UUID | None = None,
    **fields: object,
) -> GroupCheck:
    """An answer about a group, judged by an officer unless it only waits."""
    judged = state not in (GroupCheckState.GIVEN, GroupCheckState.WAIVER_ASKED)
    made = GroupCheck(
        **{
            "group_id": group.id,
            "kind": kind,
            "state": state,
            "award_ref": award_ref,
            "words": "We have it.",
            "given_by_id": a_person(session).id,
            "given_at": START - timedelta(days=6),
            "judged_by_id": a_person(session).id if judged else None,
            "judged_at": START - timedelta(days=5) if judged else None,
            **fields,
        }
    )
    session.add(made)
    session.flush()
    return made


def a_recipient(
    session: Session, group: Group, standing: AccountStanding = AccountStanding.READY, **fields: object
) -> PayoutAccount:
    """The account of a group at a payment company, which can pay it unless told otherwise."""
    made = PayoutAccount(
        **{
            "group_id": group.id,
            "provider": "stripe",
            "key": f"account:{group.id}",
            "account_ref": f"acct_{group.id.hex[:12]}",
            "standing": standing,
            "opened_by_id": a_person(session).id,
            "opened_at": START - timedelta(days=9),
            **fields,
        }
    )
    session.add(made)
    session.flush()
    return made
