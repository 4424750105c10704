"""Balances and entries, read only."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from grants.ledger.models import Account, Entry, Posting
from grants.ledger.rules import Pocket


@dataclass(frozen=True, slots=True)
class Pockets:
    """Where a contribution's (or a fund's) money is, in pence; ``received_minor`` is their sum."""

    available_minor: int = 0
    committed_minor: int = 0
    sending_minor: int = 0
    paid_minor: int = 0
    returned_minor: int = 0

    @property
    def received_minor(self) -> int:
        return sum(
            (self.available_minor, self.committed_minor, self.sending_minor, self.paid_minor, self.returned_minor)
        )


def pockets_of(
    session: Session, contribution_ids: Collection[UUID], as_at: datetime | None = None
) -> dict[UUID, Pockets]:
    """Every contribution's pockets, now from the balances, or as at a moment from the postings."""
    if as_at is None:
        rows = session.execute(
            select(Account.contribution_id, Account.pocket, Account.balance_minor).where(
                Account.contribution_id.in_(contribution_ids)
            )
        )
    else:
        rows = session.execute(
            select(Account.contribution_id, Account.pocket, func.coalesce(func.sum(Posting.amount_minor), 0))
            .join(Posting, Posting.account_id == Account.id)
            .where(Account.contribution_id.in_(contribution_ids), Posting.at <= as_at)
            .group_by(Account.contribution_id, Account.pocket)
        )
    found: dict[UUID, dict[str, int]] = {id: {} for id in contribution_ids}
    for contribution_id, pocket, balance in rows:
        found[contribution_id][f"{pocket}_minor"] = -int(balance)
    return {id: Pockets(**values) for id, values in found.items()}


def added_up(pockets: Collection[Pockets]) -> Pockets:
    """The sum of several contributions' pockets: a funder's, or the whole pot's."""
    return Pockets(**{f"{p.value}_minor": sum(getattr(one, f"{p.value}_minor") for one in pockets) for p in Pocket})


def award_pockets(
    session: Session, award_ids: Collection[UUID], as_at: datetime | None = None
) -> dict[UUID, dict[UUID, Pockets]]:
    """Per award, per contribution: pence committed, sending and paid out of that contribution for that award.

    ``available_minor`` here is minus what the award has taken out of the contribution's uncommitted money.
    """
    query = (
        select(Posting.award_id, Account.contribution_id, Account.pocket, func.sum(Posting.amount_minor))
        .join(Account, Posting.account_id == Account.id)
        .where(Posting.award_id.in_(award_ids), Account.contribution_id.is_not(None))
        .group_by(Posting.award_id, Account.contribution_id, Account.pocket)
    )
    if as_at is not None:
        query = query.where(Posting.at <= as_at)
    found: dict[UUID, dict[UUID, dict[str, int]]] = {id: {} for id in award_ids}
    for award_id, contribution_id, pocket, total in session.execute(query):
        found[award_id].setdefault(contribution_id, {})[f"{pocket}_minor"] = -int(total)
    return {a: {c: Pockets(**values) for c, values in per.items()} for a, per in found.items()}


def entries(session: Session, fund_id: UUID, *, limit: int = 200, offset: int = 0) -> list[Entry]:
    """A fund's entries, newest first, with their postings and accounts."""
    return list(
        session.scalars(
            select(Entry)
            .where(Entry.fund_id == fund_id)
            .options(selectinload(Entry.postings).joinedload(Posting.account))
            .order_by(Entry.at.desc(), Entry.key)
            .limit(limit)
            .offset(offset)
        )
    )


def entry(session: Session, key: str) -> Entry | None:
    """The entry of this event, if it stands in the books."""
    return session.scalar(select(Entry).where(Entry.key == key).options(selectinload(Entry.postings)))


def entries_by_key(session: Session, prefix: str, *, limit: int = 200) -> list[Entry]:
    """Entries whose key begins with ``prefix``, the earliest first, with their postings."""
    return list(
        session.scalars(
            select(Entry)
            .where(Entry.key.startswith(prefix, autoescape=True))
            .options(selectinload(Entry.postings))
            .order_by(Entry.at, Entry.key)
            .limit(limit)
        )
    )


def breaks(session: Session) -> list[str]:
    """Every invariant of the books that does not hold, in words; empty when all is well."""
    found = [
        f"entry {key} sums to {total} pence, not to nought"
        for key, total in session.execute(
            select(Entry.key, func.sum(Posting.amount_minor))
            .join(Posting, Posting.entry_id == Entry.id)
            .group_by(Entry.key)
            .having(func.sum(Posting.amount_minor) != 0)
            .order_by(Entry.key)
        )
    ]
    posted = func.coalesce(func.sum(Posting.amount_minor), 0)
    found += [
        f"account {code} says {balance} pence, its postings say {total}"
        for code, balance, total in session.execute(
            select(Account.code, Account.balance_minor, posted)
            .outerjoin(Posting, Posting.account_id == Account.id)
            .group_by(Account.code, Account.balance_minor)
            .having(posted != Account.balance_minor)
            .order_by(Account.code)
        )
    ]
    found += [
        f"account {code} stands {balance} pence on its wrong side"
        for code, balance in session.execute(
            select(Account.code, Account.balance_minor)
            .where(Account.guarded, Account.balance_minor * Account.side < 0)
            .order_by(Account.code)
        )
    ]
    return found
