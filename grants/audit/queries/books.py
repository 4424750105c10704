"""The books in words and as other people's programs read them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session, joinedload

from grants.audit.queries.register import TITLE
from grants.audit.rules import ToldAccount, ToldBooks, account_words, told_names
from grants.awards.models import Award
from grants.funds import queries as funds
from grants.funds.models import Contribution, Fund, Funder
from grants.kernel.clock import london_day
from grants.ledger import queries as ledger
from grants.ledger.models import Account, Entry
from grants.ledger.rules import JournalEntry, Pocket
from grants.proposals.models import Proposal


def funder_names(session: Session, contribution_ids: Collection[UUID]) -> dict[UUID, str]:
    """The funder's name for each contribution."""
    rows = session.execute(
        select(Contribution.id, Funder.name)
        .join(Funder, Funder.id == Contribution.funder_id)
        .where(Contribution.id.in_(contribution_ids))
    )
    return dict(rows.tuples().all())


def givers(session: Session, fund_ids: Collection[UUID] | None) -> list[tuple[UUID, str]]:
    """Who gave to these funds (None: to any), with their names."""
    query = select(Funder.id, Funder.name).join(Contribution, Contribution.funder_id == Funder.id).distinct()
    if fund_ids is not None:
        query = query.where(Contribution.fund_id.in_(fund_ids))
    return list(session.execute(query.order_by(Funder.name, Funder.id)).tuples())


@dataclass(frozen=True, slots=True)
class About:
    """A thing that an entry is about: its kind and id (as the trail has them), and how it is called."""

    kind: str
    id: UUID
    words: str


def about_entry(session: Session, entry: Entry) -> list[About]:
    """The awards and contributions that the lines of an entry are about."""
    award_ids = sorted({line.award_id for line in entry.postings if line.award_id})
    given = sorted({line.account.contribution_id for line in entry.postings if line.account.contribution_id})
    awards = session.execute(
        select(Award.id, Award.reference, TITLE)
        .join(Proposal, Proposal.id == Award.proposal_id)
        .where(Award.id.in_(award_ids))
        .order_by(Award.reference)
    )
    found = [About("award", id, f"{title} ({reference})") for id, reference, title in awards]
    names = funder_names(session, given)
    return found + [About("contribution", id, f"Contribution of {names[id]}") for id in given if id in names]


def contributions_at(session: Session, fund_ids: Collection[UUID], as_at: datetime) -> list[Contribution]:
    """The contributions to these funds that had been pledged by a moment, in the order of pledging."""
    return list(
        session.scalars(
            select(Contribution)
            .where(Contribution.fund_id.in_(fund_ids), Contribution.pledged_at <= as_at)
            .options(joinedload(Contribution.funder), joinedload(Contribution.fund))
            .order_by(Contribution.pledged_at, Contribution.id)
            .limit(500)
        )
    )


def books_told(
    session: Session,
    until: datetime,
    since: datetime | None = None,
    funder_id: UUID | None = None,
    fund_ids: Collection[UUID] | None = None,
) -> ToldBooks:
    """The books between two moments for other people's tools: all of them, or one funder's share; pence.

    A funder's share: the pockets of its contributions, and of the fund's bank, grants and refunds as much as belongs
    to them. Entries stream, so the session must stay open until they are read.
    """
    given = None
    if funder_id is not None:
        given = [one.id for one in funds.contributions_of_funder(session, funds.funder(session, funder_id).id)]
    accounts = _accounts(session, given, fund_ids)
    ends = ledger.sums_at(session, [one.id for one in accounts], until)
    begins = ledger.sums_at(session, [one.id for one in accounts], since - _INSTANT) if since else {}
    if given is not None:
        ends, begins = _with_share(accounts, ends), _with_share(accounts, begins)
    titles = dict(session.execute(select(Fund.id, Fund.name)).tuples().all())
    names = funder_names(session, [one.contribution_id for one in accounts if one.contribution_id])
    funder_of = {one.id: names[one.contribution_id] for one in accounts if one.contribution_id}
    told = told_names([(one.code, titles[one.fund_id], funder_of.get(one.id)) for one in accounts])
    first = session.scalar(select(func.min(Entry.at)))
    start = since or first or until
    entries = ledger.journal(session, until, since, given, fund_ids)
    if given is not None:
        entries = _shared(accounts, entries)
    return ToldBooks(
        title="The books of " + (", ".join(sorted({titles[one.fund_id] for one in accounts})) or "no fund"),
        accounts={
            one.id.hex: ToldAccount(
                told[one.code],
                f"{titles[one.fund_id]}: {account_words(one.code, one.pocket, funder_of.get(one.id, ''))}",
                begins.get(one.id, 0),
                ends.get(one.id, 0),
            )
            for one in accounts
        },
        since=london_day(start),
        until=london_day(until),
        entries=entries,
    )


_INSTANT = timedelta(microseconds=1)


def _accounts(
    session: Session, contribution_ids: Collection[UUID] | None, fund_ids: Collection[UUID] | None
) -> list[Account]:
    """Every account, or those of these contributions with the accounts of their funds, by code."""
    query = select(Account).order_by(Account.contribution_id.is_not(None), Account.code)
    if fund_ids is not None:
        query = query.where(Account.fund_id.in_(fund_ids))
    if contribution_ids is not None:
        its_funds = select(Contribution.fund_id).where(Contribution.id.in_(contribution_ids))
        query = query.where(
            or_(
                Account.contribution_id.in_(contribution_ids),
                and_(Account.contribution_id.is_(None), Account.fund_id.in_(its_funds)),
            )
        )
    return list(session.scalars(query))


def _fund_accounts(accounts: Sequence[Account]) -> dict[tuple[UUID, str], UUID]:
    """A fund's own accounts by fund and word (bank, grants, refunds)."""
    return {(one.fund_id, one.code.rsplit(":", 1)[-1]): one.id for one in accounts if one.pocket is None}


def _share(moved: Mapping[str, int]) -> dict[str, int]:
    """What of a fund's own accounts belongs to these changes of pockets (signed pence, credit negative).

    Money paid stands in grants, money given back in refunds; what is left of what came in is in the bank.
    """
    grants, refunds = -moved.get(Pocket.PAID.value, 0), -moved.get(Pocket.RETURNED.value, 0)
    shares = {"bank": -sum(moved.values()) - grants - refunds, "grants": grants, "refunds": refunds}
    return {word: minor for word, minor in shares.items() if minor}


def _with_share(accounts: Sequence[Account], sums: Mapping[UUID, int]) -> dict[UUID, int]:
    """Sums of pockets, with what of their funds' own accounts belongs to them."""
    own = _fund_accounts(accounts)
    found: dict[UUID, int] = {}
    moved: dict[UUID, dict[str, int]] = {}
    for one in accounts:
        if one.pocket is not None:
            found[one.id] = sums.get(one.id, 0)
            per = moved.setdefault(one.fund_id, {})
            per[one.pocket] = per.get(one.pocket, 0) + found[one.id]
    for fund_id, per in moved.items():
        for word, minor in _share(per).items():
            found[own[fund_id, word]] = minor
    return found


def _shared(accounts: Sequence[Account], entries: Iterable[JournalEntry]) -> Iterator[JournalEntry]:
    """Entries of some contributions' pockets, each made whole with its share of the fund's own accounts."""
    own = {(fund_id.hex, word): id.hex for (fund_id, word), id in _fund_accounts(accounts).items()}
    facts = {one.id.hex: (one.fund_id.hex, one.pocket) for one in accounts if one.pocket is not None}
    for entry in entries:
        moved: dict[str, int] = {}
        fund = ""
        for id, minor in entry.lines:
            fund, pocket = facts[id]
            moved[pocket] = moved.get(pocket, 0) + minor
        entry.lines += [(own[fund, word], minor) for word, minor in _share(moved).items()]
        yield entry
