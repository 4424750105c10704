"""Balances and entries, read only."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    String,
    bindparam,
    func,
    or_,
    select,
    text,
    type_coerce,
)
from sqlalchemy.orm import Session, selectinload

from grants.kernel.asking import ForIds
from grants.kernel.statements import line_of
from grants.kernel.tables import Utc
from grants.ledger import rules
from grants.ledger.models import Account, Entry, PeriodClose, Posting
from grants.ledger.rules import Check, JournalEntry, Pocket, Seal


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
        """All that ever came, in pence, wherever it is now."""
        return sum(
            (self.available_minor, self.committed_minor, self.sending_minor, self.paid_minor, self.returned_minor)
        )


AS_AT: BindParameter[datetime] = bindparam("as_at", None, type_=Utc())
_POCKETS = ForIds(
    lambda contribution_ids: select(Account.contribution_id, Account.pocket, Account.balance_minor).where(
        Account.contribution_id.in_(contribution_ids)
    )
)


def pockets_of(
    session: Session, contribution_ids: Collection[UUID], as_at: datetime | None = None
) -> dict[UUID, Pockets]:
    """Every contribution's pockets, now from the balances, or as at a moment from the postings."""
    rows: Iterable[Any]
    if as_at is None:
        rows = _POCKETS.rows(line_of(session.connection()), contribution_ids)
    else:
        rows = session.execute(
            select(Account.contribution_id, Account.pocket, func.coalesce(func.sum(Posting.amount_minor), 0))
            .join(Posting, Posting.account_id == Account.id)
            .where(Account.contribution_id.in_(contribution_ids), Posting.at <= as_at)
            .group_by(Account.contribution_id, Account.pocket)
        )
    return pockets_told(contribution_ids, rows)


def pockets_told(contribution_ids: Collection[UUID], rows: Iterable[Any]) -> dict[UUID, Pockets]:
    """The pockets of each contribution; ``rows``: contribution, pocket, balance in the books."""
    found: dict[UUID, dict[str, int]] = {id: {} for id in contribution_ids}
    for contribution_id, pocket, balance in rows:
        found[contribution_id][f"{pocket}_minor"] = -int(balance)
    return {id: Pockets(**values) for id, values in found.items()}


def added_up(pockets: Collection[Pockets]) -> Pockets:
    """The sum of several contributions' pockets: a funder's, or the whole pot's."""
    return Pockets(**{f"{p.value}_minor": sum(getattr(one, f"{p.value}_minor") for one in pockets) for p in Pocket})


def _of_awards(*until: ColumnElement[bool]) -> ForIds:
    return ForIds(
        lambda award_ids: (
            select(Posting.award_id, Account.contribution_id, Account.pocket, func.sum(Posting.amount_minor))
            .join(Account, Posting.account_id == Account.id)
            .where(Posting.award_id.in_(award_ids), Account.contribution_id.is_not(None), *until)
            .group_by(Posting.award_id, Account.contribution_id, Account.pocket)
        )
    )


_OF_AWARDS, _OF_AWARDS_THEN = _of_awards(), _of_awards(Posting.at <= AS_AT)


def award_pockets(
    session: Session, award_ids: Collection[UUID], as_at: datetime | None = None
) -> dict[UUID, dict[UUID, Pockets]]:
    """Per award, per contribution: pence committed, sending and paid out of that contribution for that award.

    ``available_minor`` here is minus what the award has taken out of the contribution's uncommitted money.
    """
    found: dict[UUID, dict[UUID, dict[str, int]]] = {id: {} for id in award_ids}
    asked = _OF_AWARDS if as_at is None else _OF_AWARDS_THEN
    for award_id, contribution_id, pocket, total in asked.rows(line_of(session.connection()), award_ids, as_at=as_at):
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


def entry_of_id(session: Session, entry_id: UUID) -> Entry | None:
    """One entry with its lines and their accounts."""
    return session.scalar(
        select(Entry).where(Entry.id == entry_id).options(selectinload(Entry.postings).joinedload(Posting.account))
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
        Check("Every entry keeps to one fund and one moment", _strayed(session)),
        Check("Every account is named after what it holds, and guarded", _misnamed(session)),
        Check("What a fund paid and gave back is what its contributions say", _fund_differs(session)),
        Check("Every closed period says what it said when it was closed", _unsealed(session)),
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
        select(Entry.key, Account.code, Account.fund_id != Entry.fund_id)
        .join(Posting, Posting.entry_id == Entry.id)
        .join(Account, Account.id == Posting.account_id)
        .where(or_(Account.fund_id != Entry.fund_id, Posting.at != Entry.at))
        .order_by(Entry.key, Account.code)
    )
    return tuple(
        f"entry {key} touches account {code} of another fund"
        if strayed
        else f"entry {key} has a line on account {code} of another moment"
        for key, code, strayed in rows
    )


def _misnamed(session: Session) -> tuple[str, ...]:
    """An account is found by its code, and told by its contribution and pocket: the two say the same."""
    rows = session.execute(
        select(Account.code, Account.fund_id, Account.contribution_id, Account.pocket, Account.side, Account.guarded)
        .order_by(Account.code)
        .execution_options(yield_per=5_000)
    )
    found: list[str] = []
    for code, fund_id, contribution_id, pocket, side, guarded in rows:
        if contribution_id is not None:
            named, stands = f"contribution:{contribution_id}:{pocket}", rules.Side.CREDIT
        else:
            named = f"fund:{fund_id}:{code.rsplit(':', 1)[-1]}"
            stands = rules.Side.CREDIT if code == rules.owed_code(fund_id) else rules.Side.DEBIT
        free = contribution_id is None and code.rsplit(":", 1)[-1] in rules.EITHER_SIDE
        if code != named:
            found.append(f"account {code} stands for {named}")
        elif side != stands or guarded is free:
            found.append(f"account {code} is not guarded against standing on its wrong side")
    return tuple(found)


def _fund_differs(session: Session) -> tuple[str, ...]:
    """The fund's grants against the pockets ``paid``, its refunds against ``returned``."""
    word = func.coalesce(Account.pocket, func.substr(Account.code, 43))  # behind "fund:", an id of 36 and ":"
    rows = session.execute(
        select(Account.fund_id, word, func.sum(Account.balance_minor))
        .group_by(Account.fund_id, word)
        .order_by(Account.fund_id)
    )
    sums = {(fund_id, name): int(total) for fund_id, name, total in rows}
    return tuple(
        f"fund {fund_id}: its account {fund_word} says {sums.get((fund_id, fund_word), 0)} pence, "
        f"its contributions' {pocket.value} say {-sums.get((fund_id, pocket.value), 0)}"
        for fund_id in dict.fromkeys(fund_id for fund_id, _ in sums)
        for fund_word, pocket in (("grants", Pocket.PAID), ("refunds", Pocket.RETURNED))
        if sums.get((fund_id, fund_word), 0) != -sums.get((fund_id, pocket.value), 0)
    )


# ---------------------------------------------------------------- closed periods


def last_close(session: Session, fund_id: UUID) -> PeriodClose | None:
    """The latest closed period of a fund."""
    return session.scalar(
        select(PeriodClose).where(PeriodClose.fund_id == fund_id).order_by(PeriodClose.ends_at.desc()).limit(1)
    )


def closes(session: Session, fund_ids: Collection[UUID]) -> list[PeriodClose]:
    """The closed periods of these funds, the earliest first."""
    return list(
        session.scalars(
            select(PeriodClose)
            .where(PeriodClose.fund_id.in_(fund_ids))
            .order_by(PeriodClose.fund_id, PeriodClose.ends_at)
            .limit(2_000)
        )
    )


def seal_of(session: Session, fund_id: UUID, after: datetime | None, until: datetime) -> Seal:
    """Every line of a fund that was entered after one moment and by another, sealed. Streams."""
    where = [Entry.fund_id == fund_id, Entry.at <= until]
    if after is not None:
        where.append(Entry.at > after)
    seal = Seal()
    rows = session.execute(
        select(
            Entry.at, Entry.key, Entry.event, Entry.memo,
            Posting.position, Account.code, Posting.award_id, Posting.amount_minor, Posting.at,
        )
        .join(Posting, Posting.entry_id == Entry.id)
        .join(Account, Account.id == Posting.account_id)
        .where(*where),
        execution_options={"yield_per": 5_000},
    )  # fmt: skip
    for at, *facts, posted_at in rows:
        seal.take(at.isoformat(), *facts, posted_at.isoformat())
    return seal


def _unsealed(session: Session) -> tuple[str, ...]:
    found: list[str] = []
    before: PeriodClose | None = None
    for close in session.scalars(select(PeriodClose).order_by(PeriodClose.fund_id, PeriodClose.ends_at)):
        after = before.ends_at if before is not None and before.fund_id == close.fund_id else None
        seal = seal_of(session, close.fund_id, after, close.ends_at)
        if (seal.lines, seal.hexdigest()) != (close.postings, close.seal):
            found.append(
                f"the books of fund {close.fund_id} to {close.through.isoformat()} were closed with "
                f"{close.postings} lines, and now there are {seal.lines}"
                + ("" if seal.lines != close.postings else " that say something else")
            )
        before = close
    return tuple(found)


# ---------------------------------------------------------------- for other people's tools


def hold_still(session: Session) -> None:
    """Have every query of this transaction see one moment of the books: call it before the first. SQLite does so."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))


def sums_at(session: Session, account_ids: Collection[UUID], as_at: datetime) -> dict[UUID, int]:
    """Where each of these accounts stood at a moment, by its postings (signed pence); left out when at nought."""
    rows = session.execute(
        select(Posting.account_id, func.sum(Posting.amount_minor))
        .where(Posting.account_id.in_(account_ids), Posting.at <= as_at)
        .group_by(Posting.account_id)
    )
    return {id: int(total) for id, total in rows if total}


def journal(
    session: Session,
    until: datetime,
    since: datetime | None = None,
    contribution_ids: Collection[UUID] | None = None,
    fund_ids: Collection[UUID] | None = None,
) -> Iterator[JournalEntry]:
    """Every entry (the lines of these contributions only, when some are named), the earliest first. Streams.

    Columns are read as plain text where that is quicker: a million entries take seconds, and no memory.
    """
    sqlite = session.get_bind().dialect.name == "sqlite"
    account = type_coerce(Posting.account_id, String) if sqlite else Posting.account_id
    query = (
        select(Entry.at, Entry.key, Entry.event, Entry.memo, account, Posting.amount_minor)
        .join(Posting, Posting.entry_id == Entry.id)
        .where(Entry.at <= until)
        .order_by(Entry.at, Entry.key, Posting.position)
    )
    if since is not None:
        query = query.where(Entry.at >= since)
    if fund_ids is not None:
        query = query.where(Entry.fund_id.in_(fund_ids))
    if contribution_ids is not None:
        mine = select(Account.id).where(Account.contribution_id.in_(contribution_ids))
        query = query.where(Posting.account_id.in_(mine))
    rows = session.execute(query, execution_options={"yield_per": 10_000})
    for (at, key, event, memo), lines in groupby(rows, itemgetter(0, 1, 2, 3)):
        told = [(id if sqlite else id.hex, minor) for *_, id, minor in lines]
        yield JournalEntry(at, key, event, memo, told)


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


def shortfall_minor(session: Session, fund_id: UUID) -> int:
    """Pence that are missing behind what a fund has promised, because a payer's bank took money back."""
    code = rules.shortfall_code(fund_id)
    return session.scalar(select(Account.balance_minor).where(Account.code == code)) or 0


def fees_minor(session: Session, fund_id: UUID) -> int:
    """Pence that a payment company kept of a fund's money and that nobody has made good yet."""
    code = rules.fees_code(fund_id)
    return session.scalar(select(Account.balance_minor).where(Account.code == code)) or 0


def account(session: Session, account_id: UUID) -> Account | None:
    """The account, or nothing."""
    return session.get(Account, account_id)


@dataclass(frozen=True, slots=True)
class Line:
    """A posting on an account's page, with the account's balance after it (signed pence)."""

    posting: Posting
    entry: Entry
    balance_minor: int


def account_lines(
    session: Session, account_id: UUID, as_at: datetime | None = None, *, limit: int, offset: int = 0
) -> tuple[list[Line], int]:
    """One page of an account's postings up to a moment, newest first, and how many there are in all."""
    where = [Posting.account_id == account_id]
    if as_at is not None:
        where.append(Posting.at <= as_at)
    running = func.sum(Posting.amount_minor).over(
        partition_by=Posting.account_id, order_by=(Posting.at, Entry.key, Posting.position)
    )
    rows = session.execute(
        select(Posting, Entry, running)
        .join(Entry, Entry.id == Posting.entry_id)
        .where(*where)
        .order_by(Posting.at.desc(), Entry.key.desc(), Posting.position.desc())
        .limit(limit)
        .offset(offset)
    )
    count = session.scalar(select(func.count(Posting.id)).where(*where)) or 0
    return [Line(posting, entry, int(balance)) for posting, entry, balance in rows], count


def count_entries(session: Session, fund_id: UUID) -> int:
    """How many entries a fund's books have."""
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
