"""Balances and entries, read only."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, selectinload

from grants.ledger import rules
from grants.ledger.models import Account, Entry, Posting
from grants.ledger.rules import Check, Pocket


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


def checks(session: Session) -> list[Check]:
    """Every invariant of the books themselves, each with what breaks it, in words, in an order that never changes."""
    return [
        Check("Every entry has two lines or more and sums to nought", _unbalanced(session)),
        Check("Every account stands where its postings put it", _drifted(session)),
        Check("No account stands on its wrong side", _wrong_side(session)),
        Check("Every entry keeps to one fund", _strayed(session)),
    ]


def breaks(session: Session) -> list[str]:
    """Every invariant of the books that does not hold, in words; empty when all is well."""
    return [words for check in checks(session) for words in check.breaks]


def _unbalanced(session: Session) -> tuple[str, ...]:
    total, lines = func.coalesce(func.sum(Posting.amount_minor), 0), func.count(Posting.id)
    rows = session.execute(
        select(Entry.key, total, lines)
        .outerjoin(Posting, Posting.entry_id == Entry.id)
        .group_by(Entry.key)
        .having(or_(total != 0, lines < 2))
        .order_by(Entry.key)
    )
    return tuple(
        f"entry {key} sums to {total} pence, not to nought" if total else f"entry {key} has {count} lines"
        for key, total, count in rows
    )


def _drifted(session: Session) -> tuple[str, ...]:
    posted = func.coalesce(func.sum(Posting.amount_minor), 0)
    rows = session.execute(
        select(Account.code, Account.balance_minor, posted)
        .outerjoin(Posting, Posting.account_id == Account.id)
        .group_by(Account.code, Account.balance_minor)
        .having(posted != Account.balance_minor)
        .order_by(Account.code)
    )
    return tuple(f"account {code} says {balance} pence, its postings say {total}" for code, balance, total in rows)


def _wrong_side(session: Session) -> tuple[str, ...]:
    rows = session.execute(
        select(Account.code, Account.balance_minor)
        .where(Account.guarded, Account.balance_minor * Account.side < 0)
        .order_by(Account.code)
    )
    return tuple(f"account {code} stands {balance} pence on its wrong side" for code, balance in rows)


def _strayed(session: Session) -> tuple[str, ...]:
    rows = session.execute(
        select(Entry.key, Account.code)
        .join(Posting, Posting.entry_id == Entry.id)
        .join(Account, Account.id == Posting.account_id)
        .where(Account.fund_id != Entry.fund_id)
        .order_by(Entry.key, Account.code)
    )
    return tuple(f"entry {key} touches account {code} of another fund" for key, code in rows)


@dataclass(frozen=True, slots=True)
class Balance:
    """One account of the trial balance: signed pence, debit positive, as at a moment or now."""

    account: Account
    balance_minor: int


def trial_balance(session: Session, fund_id: UUID, as_at: datetime | None = None) -> list[Balance]:
    """A fund's accounts with their balances, by code; together they make nought."""
    return trial_balances(session, [fund_id], as_at)


def trial_balances(session: Session, fund_ids: Collection[UUID], as_at: datetime | None = None) -> list[Balance]:
    """The same for several funds, in two queries at most: bank, grants and refunds first, then the contributions."""
    query = select(Account).where(Account.fund_id.in_(fund_ids))
    order = (Account.fund_id, Account.contribution_id.is_not(None), Account.code)
    accounts = list(session.scalars(query.order_by(*order)))
    if as_at is None:
        return [Balance(account, account.balance_minor) for account in accounts]
    rows = session.execute(
        select(Posting.account_id, func.sum(Posting.amount_minor))
        .join(Account, Account.id == Posting.account_id)
        .where(Account.fund_id.in_(fund_ids), Posting.at <= as_at)
        .group_by(Posting.account_id)
    )
    sums = {id: int(total) for id, total in rows}
    return [Balance(account, sums.get(account.id, 0)) for account in accounts]


def account(session: Session, account_id: UUID) -> Account | None:
    return session.get(Account, account_id)


@dataclass(frozen=True, slots=True)
class Line:
    """A posting on an account's page, with the account's balance after it (signed pence)."""

    posting: Posting
    entry: Entry
    balance_minor: int


def account_lines(session: Session, account_id: UUID, *, limit: int, offset: int = 0) -> tuple[list[Line], int]:
    """One page of an account's postings, newest first, and how many there are in all."""
    running = func.sum(Posting.amount_minor).over(
        partition_by=Posting.account_id, order_by=(Posting.at, Entry.key, Posting.position)
    )
    rows = session.execute(
        select(Posting, Entry, running)
        .join(Entry, Entry.id == Posting.entry_id)
        .where(Posting.account_id == account_id)
        .order_by(Posting.at.desc(), Entry.key.desc(), Posting.position.desc())
        .limit(limit)
        .offset(offset)
    )
    count = session.scalar(select(func.count(Posting.id)).where(Posting.account_id == account_id)) or 0
    return [Line(posting, entry, int(balance)) for posting, entry, balance in rows], count


def count_entries(session: Session, fund_id: UUID) -> int:
    return session.scalar(select(func.count(Entry.id)).where(Entry.fund_id == fund_id)) or 0


def lines_of(session: Session, key: str) -> list[rules.Line]:
    """The lines of the entry with this key, in order; empty when there is none. For an entry that reverses it."""
    rows = session.execute(
        select(Account.code, Posting.amount_minor, Posting.award_id)
        .join(Posting, Posting.account_id == Account.id)
        .join(Entry, Entry.id == Posting.entry_id)
        .where(Entry.key == key)
        .order_by(Posting.position)
    )
    return [rules.Line(code, amount, award_id) for code, amount, award_id in rows]
