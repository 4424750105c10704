"""Statements, the trail, the register and the checks: everything told from the rows that the stages wrote."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from grants.audit import access
from grants.audit.rules import (
    Promise,
    Step,
    ToldAccount,
    ToldBooks,
    account_words,
    last_states,
    promises_then,
    told_names,
)
from grants.awards.models import Agreement, Award, AwardSplit
from grants.awards.rules import HOLDS_MONEY, AwardState
from grants.disbursements.models import Disbursement, MoneyReturn
from grants.disbursements.rules import DisbursementState
from grants.funds import queries as funds
from grants.funds.models import Contribution, Fund, Funder, Receipt
from grants.funds.rules import ContributionState, Names, Need, allows, describe
from grants.kernel.actors import Actor
from grants.kernel.clock import london_day
from grants.kernel.errors import NotAllowed, NotFound
from grants.kernel.money import show_pounds
from grants.kernel.trail import AuditEvent
from grants.ledger import queries as ledger
from grants.ledger.models import Account, Entry, Posting
from grants.ledger.queries import Pockets
from grants.ledger.rules import Check, JournalEntry, Pocket
from grants.people.models import Group
from grants.priorities.models import Priority
from grants.proposals import queries as proposals
from grants.proposals.models import Proposal
from grants.proposals.rules.states import ProposalState
from grants.reports.models import Report
from grants.reports.rules import ReportState
from grants.rounds.models import Round

PAGE = 25
TRAIL_PAGE = 50
_AWAY = (Pocket.COMMITTED.value, Pocket.SENDING.value, Pocket.PAID.value)
_TITLE = func.coalesce(func.nullif(Proposal.title, ""), "A proposal without a title")


# ---------------------------------------------------------------- the trail


@dataclass(frozen=True, slots=True)
class TrailFilter:
    """What part of the trail is wanted; empty parts want all."""

    verb: str = ""
    subject_type: str = ""
    subject_ids: tuple[UUID, ...] = ()
    actor_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


def trail(session: Session, wanted: TrailFilter, *, page: int = 1) -> tuple[list[AuditEvent], int]:
    """One page of the trail, newest first, and how many entries there are in all."""
    where: list[ColumnElement[bool]] = []
    if wanted.verb:
        exact = AuditEvent.verb == wanted.verb
        where.append(exact if "." in wanted.verb else AuditEvent.verb.startswith(f"{wanted.verb}.", autoescape=True))
    if wanted.subject_type:
        where.append(AuditEvent.subject_type == wanted.subject_type)
    if wanted.subject_ids:
        where.append(AuditEvent.subject_id.in_(wanted.subject_ids))
    if wanted.actor_id:
        where.append(AuditEvent.actor_id == wanted.actor_id)
    if wanted.since:
        where.append(AuditEvent.at >= wanted.since)
    if wanted.until:
        where.append(AuditEvent.at <= wanted.until)
    events = session.scalars(
        select(AuditEvent)
        .where(*where)
        .order_by(AuditEvent.at.desc(), AuditEvent.verb, AuditEvent.id)
        .limit(TRAIL_PAGE)
        .offset((page - 1) * TRAIL_PAGE)
    )
    return list(events), session.scalar(select(func.count(AuditEvent.id)).where(*where)) or 0


def parts_of_award(session: Session, award_id: UUID) -> tuple[UUID, ...]:
    """The award itself, with its agreements, payments and reports: what its trail is about."""
    found = [award_id]
    for part in (Agreement, Disbursement, Report):
        found += session.scalars(select(part.id).where(part.award_id == award_id).order_by(part.id))
    return tuple(found)


def verbs(session: Session) -> list[str]:
    """Every verb that stands in the trail."""
    return list(session.scalars(select(AuditEvent.verb).distinct().order_by(AuditEvent.verb)))


def states_at(
    session: Session, subject_type: str, as_at: datetime, ids: Collection[UUID] | None = None
) -> dict[UUID, str]:
    """The state each thing of this kind was in at a moment, by the trail; what was not there yet is left out."""
    where = [AuditEvent.subject_type == subject_type, AuditEvent.after.is_not(None), AuditEvent.at <= as_at]
    if ids is not None:
        where.append(AuditEvent.subject_id.in_(ids))
    last = (
        select(AuditEvent.subject_id, func.max(AuditEvent.at).label("at"))
        .where(*where)
        .group_by(AuditEvent.subject_id)
        .subquery()
    )
    rows = session.execute(
        select(AuditEvent.subject_id, AuditEvent.at, AuditEvent.before, AuditEvent.after)
        .join(last, and_(last.c.subject_id == AuditEvent.subject_id, last.c.at == AuditEvent.at))
        .where(*where)
        .order_by(AuditEvent.id)
    )
    return last_states([Step(id, at, before, after) for id, at, before, after in rows if after is not None])


KINDS = ("round", "proposal", "award", "disbursement", "report", "contribution", "priority", "issue")


def counts_at(session: Session, as_at: datetime) -> dict[str, dict[str, int]]:
    """Per kind of thing, how many stood in which state at a moment, by the trail."""
    found: dict[str, dict[str, int]] = {}
    for kind in KINDS:
        counted: dict[str, int] = {}
        for state in states_at(session, kind, as_at).values():
            counted[state] = counted.get(state, 0) + 1
        if counted:
            found[kind] = dict(sorted(counted.items()))
    return found


# ---------------------------------------------------------------- whose money went where


def statement_for(
    session: Session, actor: Actor, funder_id: UUID
) -> tuple[Funder, list[Contribution], frozenset[UUID] | None]:
    """The funder, what it gave as far as this person may read it, and to which funds that is limited (None: to none).

    Somebody who may not read it is not told whether there is such a funder.
    """
    given = funds.contributions_of_funder(session, funder_id)
    try:
        funder = given[0].funder if given else funds.funder(session, funder_id)
    except NotFound:
        if access.funds_kept(actor) is None:
            raise
        raise NotAllowed(access.CLOSED) from None
    kept = access.funds_in_statement(actor, funder_id, {one.fund_id for one in given})
    return funder, [one for one in given if kept is None or one.fund_id in kept], kept


@dataclass(frozen=True, slots=True)
class Flow:
    """Pence of one contribution that stand with awards for one priority: promised, on their way or paid."""

    contribution_id: UUID
    priority_id: UUID
    priority_title: str
    amount_minor: int


def flows(session: Session, contribution_ids: Collection[UUID], as_at: datetime | None = None) -> list[Flow]:
    """Where the money of these contributions went, by priority."""
    total = -func.sum(Posting.amount_minor)
    query = (
        select(Account.contribution_id, Award.priority_id, Priority.title, total)
        .select_from(Posting)
        .join(Account, Account.id == Posting.account_id)
        .join(Award, Award.id == Posting.award_id)
        .join(Priority, Priority.id == Award.priority_id)
        .where(Account.contribution_id.in_(contribution_ids), Account.pocket.in_(_AWAY))
        .group_by(Account.contribution_id, Award.priority_id, Priority.title)
        .having(total > 0)
        .order_by(Priority.title, Account.contribution_id)
    )
    if as_at is not None:
        query = query.where(Posting.at <= as_at)
    return [Flow(c, p, title, int(minor)) for c, p, title, minor in session.execute(query)]


@dataclass(frozen=True, slots=True)
class Share:
    """An award that some contributions have a part in. ``pockets``: where their part of it is."""

    award_id: UUID
    reference: str
    title: str
    group_id: UUID
    group_name: str
    priority_id: UUID
    priority_title: str
    round_id: UUID
    round_title: str
    offered_at: datetime
    amount_minor: int
    state: str
    part_minor: int
    pockets: Pockets
    outcome: Report | None


PICTURED = 8


@dataclass(frozen=True, slots=True)
class Streamed:
    """Pence of one contribution that stand with one award; ``award_id`` None: with all the smaller ones together."""

    contribution_id: UUID
    award_id: UUID | None
    award_title: str | None
    priority_id: UUID
    priority_title: str
    amount_minor: int


def streams(session: Session, contribution_ids: Collection[UUID], as_at: datetime | None = None) -> list[Streamed]:
    """Where the money of these contributions went: the largest awards by name, the others gathered. One query."""
    where: list[ColumnElement[bool]] = [
        Account.contribution_id.in_(contribution_ids),
        Account.pocket.in_(_AWAY),
        Posting.award_id.is_not(None),
    ]
    if as_at is not None:
        where.append(Posting.at <= as_at)
    parts = (
        select(Posting.award_id, Account.contribution_id, (-func.sum(Posting.amount_minor)).label("minor"))
        .join(Account, Account.id == Posting.account_id)
        .where(*where)
        .group_by(Posting.award_id, Account.contribution_id)
        .cte("parts")
    )
    largest = (
        select(parts.c.award_id)
        .group_by(parts.c.award_id)
        .order_by(func.sum(parts.c.minor).desc(), parts.c.award_id)
        .limit(PICTURED)
        .cte("largest")
    )
    title = case((largest.c.award_id.is_not(None), _TITLE))
    total = func.sum(parts.c.minor)
    rows = session.execute(
        select(parts.c.contribution_id, largest.c.award_id, title, Award.priority_id, Priority.title, total)
        .select_from(parts)
        .join(Award, Award.id == parts.c.award_id)
        .join(Proposal, Proposal.id == Award.proposal_id)
        .join(Priority, Priority.id == Award.priority_id)
        .outerjoin(largest, largest.c.award_id == parts.c.award_id)
        .group_by(parts.c.contribution_id, largest.c.award_id, title, Award.priority_id, Priority.title)
        .having(total > 0)
        .order_by(total.desc(), Priority.title)
    )
    return [Streamed(c, a, words, p, name, int(minor)) for c, a, words, p, name, minor in rows]


def shares(
    session: Session,
    contribution_ids: Collection[UUID],
    as_at: datetime | None = None,
    *,
    page: int | None = 1,
    size: int = PAGE,
) -> tuple[list[Share], int]:
    """The awards that these contributions pay for, newest first, one page (None: all), and how many there are.

    Now: those that hold money. As at a moment: whatever had been offered by then, in the state it was in. Five queries,
    however many awards there are; a page behind the last is empty and its count is nought.
    """
    part = func.sum(AwardSplit.amount_minor)
    query = (
        select(
            Award.id, Award.reference, _TITLE, Group.id, Group.name, Priority.id, Priority.title,
            Round.id, Round.title, Award.offered_at, Award.amount_minor, Award.state, part,
            func.count().over(),
        )
        .join(AwardSplit, AwardSplit.award_id == Award.id)
        .join(Proposal, Proposal.id == Award.proposal_id)
        .join(Group, Group.id == Award.group_id)
        .join(Priority, Priority.id == Award.priority_id)
        .join(Round, Round.id == Award.round_id)
        .where(AwardSplit.contribution_id.in_(contribution_ids), _standing(as_at))
        .group_by(Award.id, Proposal.title, Group.id, Priority.id, Round.id)
        .order_by(Award.offered_at.desc(), Award.reference)
    )  # fmt: skip
    if page is not None:
        query = query.limit(size).offset((page - 1) * size)
    rows = session.execute(query).all()
    total = rows[0][-1] if rows else 0
    ids = [row[0] for row in rows]
    wanted = set(contribution_ids)
    pockets = ledger.award_pockets(session, ids, as_at)
    states = states_at(session, "award", as_at, ids) if as_at else {}
    outcomes = _outcomes(session, ids, as_at)
    found = []
    for *plain, state, part_minor, _ in rows:
        id = plain[0]
        mine = ledger.added_up([p for c, p in pockets[id].items() if c in wanted])
        values: list[Any] = [*plain, states.get(id, state.value), int(part_minor), mine, outcomes.get(id)]
        found.append(Share(*values))
    return found, total


def _standing(as_at: datetime | None) -> ColumnElement[bool]:
    return Award.state.in_(HOLDS_MONEY) if as_at is None else Award.offered_at <= as_at


def _outcomes(session: Session, award_ids: Collection[UUID], as_at: datetime | None) -> dict[UUID, Report]:
    query = (
        select(Report)
        .where(Report.award_id.in_(award_ids), Report.state == ReportState.ACCEPTED)
        .options(joinedload(Report.measures))
        .order_by(Report.accepted_at)
    )
    if as_at is not None:
        query = query.where(Report.accepted_at <= as_at)
    return {report.award_id: report for report in session.scalars(query).unique()}


@dataclass(frozen=True, slots=True)
class Given:
    """One contribution as a statement tells it, now or as it was: pence, its state's word, what it is for."""

    contribution: Contribution
    pockets: Pockets
    promised_minor: int
    agreed: bool
    state: str
    sentence: str
    spend_by: date | None

    @classmethod
    def of(
        cls, one: Contribution, pockets: Pockets, then: Promise | None, names: Names, as_at: datetime | None
    ) -> "Given":
        """``then``: how it stood at ``as_at`` by its trail, where that tells."""
        limits = funds.restriction_in(then.restriction) if then and then.restriction else funds.restriction_of(one)
        agreed = one.agreed_at is not None and (as_at is None or one.agreed_at <= as_at)
        amount = then.amount_minor if then and then.amount_minor is not None else one.amount_minor
        return cls(
            contribution=one,
            pockets=pockets,
            promised_minor=amount,
            agreed=agreed,
            state=then.state if then and then.state else one.state.value,
            sentence=describe(limits, names),
            spend_by=limits.spend_by,
        )


@dataclass(frozen=True, slots=True)
class Told:
    """What a statement tells of a funder before anything of awards. ``limited``: the reader keeps only some funds."""

    funder: Funder
    given: list[Given]
    ids: list[UUID]
    total: Pockets
    limited: bool

    @property
    def promised_minor(self) -> int:
        return sum(one.promised_minor for one in self.given if one.agreed)


@dataclass(frozen=True, slots=True)
class Moved:
    """What one kind of event did to the money of some contributions: pence into (or out of) each pocket."""

    event: str
    pockets: Pockets


def moved_between(
    session: Session, contribution_ids: Collection[UUID], since: datetime | None, until: datetime
) -> list[Moved]:
    """What happened to the money of these contributions between two moments, by kind of event, in order of first."""
    where = [Account.contribution_id.in_(contribution_ids), Posting.at <= until]
    if since is not None:
        where.append(Posting.at >= since)
    first = func.min(Posting.at)
    rows = session.execute(
        select(Entry.event, Account.pocket, -func.sum(Posting.amount_minor), first)
        .join(Posting, Posting.entry_id == Entry.id)
        .join(Account, Account.id == Posting.account_id)
        .where(*where)
        .group_by(Entry.event, Account.pocket)
        .order_by(first, Entry.event)
    )
    found: dict[str, dict[str, int]] = {}
    for event, pocket, minor, _ in rows:
        found.setdefault(event, {})[f"{pocket}_minor"] = int(minor)
    return [Moved(event, Pockets(**values)) for event, values in found.items()]


@dataclass(frozen=True, slots=True)
class Movement:
    """One line of a contribution's accounts: signed pence, into the pocket positive."""

    at: datetime
    event: str
    memo: str
    award: str | None
    contribution_id: UUID
    pocket: str
    amount_minor: int


def movements(
    session: Session, contribution_ids: Collection[UUID], since: datetime | None, until: datetime
) -> Iterator[Movement]:
    """Every line of these contributions' accounts between two moments, the earliest first. Streams."""
    query = (
        select(
            Entry.at, Entry.event, Entry.memo, Award.reference,
            Account.contribution_id, Account.pocket, -Posting.amount_minor,
        )
        .join(Posting, Posting.entry_id == Entry.id)
        .join(Account, Account.id == Posting.account_id)
        .outerjoin(Award, Award.id == Posting.award_id)
        .where(Account.contribution_id.in_(contribution_ids), Entry.at <= until)
        .order_by(Entry.at, Entry.key, Posting.position)
    )  # fmt: skip
    if since is not None:
        query = query.where(Entry.at >= since)
    for row in session.execute(query, execution_options={"yield_per": 2_000}):
        yield Movement(*row)


def promises_at(session: Session, contribution_ids: Collection[UUID], as_at: datetime) -> dict[UUID, Promise]:
    """How each of these contributions stood at a moment, by its trail; what was not there yet is left out."""
    rows = session.execute(
        select(AuditEvent.at, AuditEvent.subject_id, AuditEvent.verb, AuditEvent.after, AuditEvent.body)
        .where(
            AuditEvent.subject_type == "contribution",
            AuditEvent.subject_id.in_(contribution_ids),
            AuditEvent.at <= as_at,
        )
        .order_by(AuditEvent.at, AuditEvent.id)
    )
    states = list(ContributionState)
    told = sorted(rows, key=lambda row: (row.at, states.index(ContributionState(row.after)) if row.after else -1))
    return promises_then([(row.subject_id, row.verb, row.after, row.body or {}) for row in told])


def names_for(session: Session, given: Sequence[Contribution]) -> Names:
    """Words for the wards and priorities that these contributions name; one query, and none when none is named."""
    wards: dict[str, str] = {}
    wanted: set[UUID] = set()
    for one in given:
        wards.update((one.restriction or {}).get("ward_names", {}))
        wanted |= funds.restriction_of(one).priority_ids
    if not wanted:
        return Names(wards=wards)
    titles = session.execute(select(Priority.id, Priority.title).where(Priority.id.in_(wanted)))
    return Names(wards=wards, priorities=dict(titles.tuples().all()))


def awards_at(session: Session, as_at: datetime, *, page: int = 1) -> tuple[list[Share], int]:
    """Every award that had been offered by a moment, as it stood then: one page, newest first, and how many."""
    everything = list(session.scalars(select(Contribution.id)))
    return shares(session, everything, as_at, page=page)


# ---------------------------------------------------------------- the public register


@dataclass(frozen=True, slots=True)
class RegisterRow:
    """One award in public, in pence. ``back_minor``: what came back or was let go; the rest stands in the books."""

    award_id: UUID
    reference: str
    title: str
    summary: str
    group_id: UUID
    group_name: str
    group_org_id: str
    priority_id: UUID
    priority_title: str
    round_id: UUID
    round_title: str
    fund_name: str
    awarded_on: datetime
    awarded_minor: int
    paid_minor: int
    back_minor: int
    state: AwardState

    @property
    def stands_minor(self) -> int:
        return self.awarded_minor - self.back_minor


@dataclass(frozen=True, slots=True)
class RegisterFilter:
    """What part of the register is wanted."""

    round_id: UUID | None = None
    priority_id: UUID | None = None
    words: str = ""


def register(session: Session, wanted: RegisterFilter, *, page: int | None = 1) -> tuple[list[RegisterRow], int]:
    """The awards that hold or held money, newest first: one page (None: all), and how many there are."""
    query = _register(wanted)
    total = session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    if page is not None:
        query = query.limit(PAGE).offset((page - 1) * PAGE)
    rows = session.execute(query).all()
    moved = _moved(session, [row[0] for row in rows])
    found = []
    for *plain, state in rows:
        values: list[Any] = [*plain, *moved[plain[0]], state]
        found.append(RegisterRow(*values))
    return found, total


def _register(wanted: RegisterFilter) -> Select[tuple[object, ...]]:
    where: list[ColumnElement[bool]] = [Award.state.in_(HOLDS_MONEY)]
    if wanted.round_id:
        where.append(Award.round_id == wanted.round_id)
    if wanted.priority_id:
        where.append(Award.priority_id == wanted.priority_id)
    for word in wanted.words.lower().split()[:6]:
        where.append(
            or_(
                func.lower(Proposal.title).contains(word, autoescape=True),
                func.lower(Group.name).contains(word, autoescape=True),
                func.lower(Award.reference).contains(word, autoescape=True),
            )
        )
    return (
        select(
            Award.id, Award.reference, _TITLE, func.coalesce(Proposal.summary, ""), Group.id, Group.name,
            func.coalesce(Group.org_id, ""), Priority.id, Priority.title, Round.id, Round.title, Fund.name,
            Award.offered_at, Award.amount_minor, Award.state,
        )
        .join(Proposal, Proposal.id == Award.proposal_id)
        .join(Group, Group.id == Award.group_id)
        .join(Priority, Priority.id == Award.priority_id)
        .join(Round, Round.id == Award.round_id)
        .join(Fund, Fund.id == Award.fund_id)
        .where(*where)
        .order_by(Award.offered_at.desc(), Award.reference)
    )  # fmt: skip


def _moved(session: Session, award_ids: Collection[UUID]) -> dict[UUID, tuple[int, int]]:
    """Per award: pence paid and not returned, and pence that went back to the pot, by the books' postings."""
    back = and_(Account.pocket == Pocket.AVAILABLE.value, Posting.amount_minor < 0)
    rows = session.execute(
        select(
            Posting.award_id,
            func.coalesce(func.sum(Posting.amount_minor).filter(Account.pocket == Pocket.PAID.value), 0),
            func.coalesce(func.sum(Posting.amount_minor).filter(back), 0),
        )
        .join(Account, Account.id == Posting.account_id)
        .where(Posting.award_id.in_(award_ids))
        .group_by(Posting.award_id)
    )
    found = dict.fromkeys(award_ids, (0, 0))
    for award_id, paid, went_back in rows:
        found[award_id] = (-int(paid), -int(went_back))
    return found


@dataclass(frozen=True, slots=True)
class RegisterSum:
    """The register added up beside the books. Pence."""

    count: int
    awarded_minor: int
    back_minor: int
    books: Pockets

    @property
    def stands_minor(self) -> int:
        return self.awarded_minor - self.back_minor

    @property
    def books_minor(self) -> int:
        """What the contributions' accounts say is promised, on its way or paid."""
        return self.books.committed_minor + self.books.sending_minor + self.books.paid_minor

    @property
    def agrees(self) -> bool:
        return self.stands_minor == self.books_minor


def register_sum(session: Session) -> RegisterSum:
    """All awards of the register, less what came back, beside the balances of the contributions' accounts."""
    standing = Award.state.in_(HOLDS_MONEY)
    count, awarded = session.execute(
        select(func.count(Award.id), func.coalesce(func.sum(Award.amount_minor), 0)).where(standing)
    ).one()
    back = session.scalar(
        select(func.coalesce(func.sum(Posting.amount_minor), 0))
        .join(Account, Account.id == Posting.account_id)
        .join(Award, Award.id == Posting.award_id)
        .where(standing, Account.pocket == Pocket.AVAILABLE.value, Posting.amount_minor < 0)
    )
    return RegisterSum(count, int(awarded), -int(back or 0), all_pockets(session))


def all_pockets(session: Session) -> Pockets:
    """Every contribution of every fund, by the balances of the accounts."""
    rows = session.execute(
        select(Account.pocket, func.sum(Account.balance_minor))
        .where(Account.pocket.is_not(None))
        .group_by(Account.pocket)
    )
    return Pockets(**{f"{pocket}_minor": -int(total) for pocket, total in rows})


def rounds_and_priorities(session: Session) -> tuple[list[tuple[UUID, str]], list[tuple[UUID, str]]]:
    """What the register can be narrowed to: rounds and priorities that have awards."""
    standing = Award.state.in_(HOLDS_MONEY)
    rounds = session.execute(
        select(Round.id, Round.title)
        .where(Round.id.in_(select(Award.round_id).where(standing)))
        .order_by(Round.opens_at.desc(), Round.title)
        .limit(200)
    )
    served = session.execute(
        select(Priority.id, Priority.title)
        .where(Priority.id.in_(select(Award.priority_id).where(standing)))
        .order_by(Priority.title)
        .limit(200)
    )
    return list(rounds.tuples()), list(served.tuples())


# ---------------------------------------------------------------- the books in words


def funder_names(session: Session, contribution_ids: Collection[UUID]) -> dict[UUID, str]:
    """The funder's name for each contribution."""
    rows = session.execute(
        select(Contribution.id, Funder.name)
        .join(Funder, Funder.id == Contribution.funder_id)
        .where(Contribution.id.in_(contribution_ids))
    )
    return dict(rows.tuples().all())


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
        select(Award.id, Award.reference, _TITLE)
        .join(Proposal, Proposal.id == Award.proposal_id)
        .where(Award.id.in_(award_ids))
        .order_by(Award.reference)
    )
    found = [About("award", id, f"{title} ({reference})") for id, reference, title in awards]
    names = funder_names(session, given)
    return found + [About("contribution", id, f"Contribution of {names[id]}") for id in given if id in names]


@dataclass(frozen=True, slots=True)
class OpenBid:
    """A bid that waits for money: what it asks of the pot, in which round."""

    id: UUID
    title: str
    group_name: str
    round_title: str
    need: Need


_WAITS = (ProposalState.SUBMITTED, ProposalState.ELIGIBLE, ProposalState.ON_BALLOT, ProposalState.RESERVE)


def open_bids(session: Session, fund_id: UUID, on: date) -> list[OpenBid]:
    """The bids of a fund's rounds that could still be paid for, the newest round first; at most 200."""
    rows = session.scalars(
        select(Proposal)
        .join(Round, Round.id == Proposal.round_id)
        .where(Round.fund_id == fund_id, Proposal.state.in_(_WAITS), Proposal.priority_id.is_not(None))
        .options(joinedload(Proposal.group), joinedload(Proposal.round), selectinload(Proposal.lines))
        .order_by(Round.opens_at.desc(), Proposal.number, Proposal.title, Proposal.id)
        .limit(200)
    )
    return [
        OpenBid(
            one.id,
            one.title or "A proposal without a title",
            one.group.name,
            one.round.title,
            proposals.need(one, on),
        )
        for one in rows
    ]


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


# ---------------------------------------------------------------- the checks


def checks(session: Session) -> list[Check]:
    """Every invariant of the money, each with what breaks it; always in this order."""
    return [
        *ledger.checks(session),
        Check("What arrived of every contribution stands in the books", _receipts_differ(session)),
        Check("Every receipt has one entry, and every entry of money in has its receipt", _receipts_alone(session)),
        Check("No contribution got more than was promised", _too_much(session)),
        Check("The split of every award adds up to the award", _splits_differ(session)),
        Check("Every award holds in the books what its split says, less what came back", _awards_differ(session)),
        Check("Money goes only where its funder allows", _restrictions_broken(session)),
        Check("Payments and returns agree with the books", _payments_differ(session)),
        Check("The public register adds up to the books", _register_differs(session)),
    ]


def first_break(session: Session) -> str | None:
    """The first thing that does not hold, in words; None when all is well."""
    return next((words for check in checks(session) for words in check.breaks), None)


def _receipts_differ(session: Session) -> tuple[str, ...]:
    ids = list(session.scalars(select(Contribution.id).order_by(Contribution.id)))
    arrived, pockets = funds.received_minor(session, ids), ledger.pockets_of(session, ids)
    return tuple(
        f"contribution {id} got {arrived[id]} pence by its receipts, {pockets[id].received_minor} by its accounts"
        for id in ids
        if arrived[id] != pockets[id].received_minor
    )


def _receipts_alone(session: Session) -> tuple[str, ...]:
    receipts = {
        f"receipt:{id}": minor for id, minor in session.execute(select(Receipt.id, Receipt.amount_minor)).tuples()
    }
    rows = session.execute(
        select(Entry.key, func.coalesce(func.sum(Posting.amount_minor).filter(Posting.amount_minor > 0), 0))
        .outerjoin(Posting, Posting.entry_id == Entry.id)
        .where(Entry.event == "contribution.received")
        .group_by(Entry.key)
    )
    entries = {key: int(minor) for key, minor in rows}
    return tuple(
        f"{key} is {receipts.get(key, 'no')} pence in the list of receipts, {entries.get(key, 'no')} in the books"
        for key in sorted(receipts.keys() | entries.keys())
        if receipts.get(key) != entries.get(key)
    )


def _too_much(session: Session) -> tuple[str, ...]:
    got = func.sum(Receipt.amount_minor)
    rows = session.execute(
        select(Contribution.id, Contribution.amount_minor, got)
        .join(Receipt, Receipt.contribution_id == Contribution.id)
        .group_by(Contribution.id)
        .having(got > Contribution.amount_minor)
        .order_by(Contribution.id)
    )
    return tuple(f"contribution {id} promised {minor} pence and got {total}" for id, minor, total in rows)


def _splits_differ(session: Session) -> tuple[str, ...]:
    total = func.coalesce(func.sum(AwardSplit.amount_minor), 0)
    rows = session.execute(
        select(Award.reference, Award.amount_minor, total)
        .outerjoin(AwardSplit, AwardSplit.award_id == Award.id)
        .where(Award.state.in_(HOLDS_MONEY))
        .group_by(Award.id)
        .having(total != Award.amount_minor)
        .order_by(Award.reference)
    )
    return tuple(f"award {ref} is {minor} pence, its split sums to {parts}" for ref, minor, parts in rows)


def _awards_differ(session: Session) -> tuple[str, ...]:
    awards = {id: (ref, state) for id, ref, state in session.execute(select(Award.id, Award.reference, Award.state))}
    split = {
        (award_id, contribution_id): minor
        for award_id, contribution_id, minor in session.execute(
            select(AwardSplit.award_id, AwardSplit.contribution_id, AwardSplit.amount_minor)
        )
    }
    away = func.sum(Posting.amount_minor).filter(Account.pocket.in_(_AWAY))
    back = func.sum(Posting.amount_minor).filter(
        and_(Account.pocket == Pocket.AVAILABLE.value, Posting.amount_minor < 0)
    )
    rows = session.execute(
        select(Posting.award_id, Account.contribution_id, func.coalesce(away, 0), func.coalesce(back, 0))
        .join(Account, Account.id == Posting.account_id)
        .where(Posting.award_id.is_not(None), Account.contribution_id.is_not(None))
        .group_by(Posting.award_id, Account.contribution_id)
    )
    books = {(award_id, contribution_id): (-int(a), -int(b)) for award_id, contribution_id, a, b in rows}
    found = []
    for award_id, contribution_id in sorted(split.keys() | books.keys(), key=str):
        ref, state = awards.get(award_id, (str(award_id), None))
        stands, went_back = books.get((award_id, contribution_id), (0, 0))
        due = split.get((award_id, contribution_id), 0) - went_back
        if stands != (due if state in HOLDS_MONEY else 0):
            found.append(
                f"award {ref} should hold {due} pence of contribution {contribution_id}, the books say {stands}"
            )
    return tuple(found)


def _restrictions_broken(session: Session) -> tuple[str, ...]:
    rows = session.execute(
        select(Award.reference, Award.offered_at, Proposal, Contribution, Funder.name)
        .join(AwardSplit, AwardSplit.award_id == Award.id)
        .join(Contribution, Contribution.id == AwardSplit.contribution_id)
        .join(Funder, Funder.id == Contribution.funder_id)
        .join(Proposal, Proposal.id == Award.proposal_id)
        .where(Award.state.in_(HOLDS_MONEY))
        .options(joinedload(Proposal.group), selectinload(Proposal.lines))
        .order_by(Award.reference, Contribution.id)
    )
    return tuple(
        f"award {ref} draws on {show_pounds(one.amount_minor)} of {name} (contribution {one.id}), which is not for it"
        for ref, offered_at, proposal, one, name in rows
        # a group may change its kind later: that was asked when the money was promised
        if not allows(
            replace(funds.restriction_of(one), group_kinds=frozenset()),
            proposals.need(proposal, london_day(offered_at)),
        )
    )


def _payments_differ(session: Session) -> tuple[str, ...]:
    way = (DisbursementState.AUTHORISED, DisbursementState.SENT)
    paid, sending = DisbursementState.PAID, func.sum(Disbursement.amount_minor)
    told: dict[UUID, list[int]] = {}
    rows = session.execute(
        select(
            Disbursement.award_id,
            func.coalesce(sending.filter(Disbursement.state == paid), 0),
            func.coalesce(sending.filter(Disbursement.state.in_(way)), 0),
        ).group_by(Disbursement.award_id)
    )
    for award_id, minor, on_its_way in rows:
        told[award_id] = [int(minor), int(on_its_way)]
    for award_id, minor in session.execute(
        select(MoneyReturn.award_id, func.sum(MoneyReturn.amount_minor)).group_by(MoneyReturn.award_id)
    ):
        told.setdefault(award_id, [0, 0])[0] -= int(minor)
    books: dict[UUID, list[int]] = {}
    for award_id, pocket, total in session.execute(
        select(Posting.award_id, Account.pocket, func.sum(Posting.amount_minor))
        .join(Account, Account.id == Posting.account_id)
        .where(Posting.award_id.is_not(None), Account.pocket.in_([Pocket.PAID.value, Pocket.SENDING.value]))
        .group_by(Posting.award_id, Account.pocket)
    ):
        books.setdefault(award_id, [0, 0])[0 if pocket == Pocket.PAID.value else 1] = -int(total)
    names = dict(session.execute(select(Award.id, Award.reference)).tuples().all())
    return tuple(
        f"award {names.get(id, id)}: paid {told.get(id, [0, 0])[0]} and on its way {told.get(id, [0, 0])[1]} pence "
        f"by its payments, {books.get(id, [0, 0])[0]} and {books.get(id, [0, 0])[1]} by the books"
        for id in sorted(told.keys() | books.keys(), key=str)
        if told.get(id, [0, 0]) != books.get(id, [0, 0])
    )


def _register_differs(session: Session) -> tuple[str, ...]:
    sums = register_sum(session)
    if sums.agrees:
        return ()
    return (f"the register stands at {show_pounds(sums.stands_minor)}, the books at {show_pounds(sums.books_minor)}",)
