"""Whose money went where: a funder's contributions, the awards they carry and what came of them."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from operator import itemgetter
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    BindParameter,
    ColumnElement,
    Integer,
    Select,
    Uuid,
    bindparam,
    exists,
    func,
    join,
    select,
)
from sqlalchemy.orm import Session

from grants.audit import access
from grants.audit.queries.register import PAGE, TITLE
from grants.audit.queries.trail import states_at
from grants.audit.rules import Promise, promises_then
from grants.awards.models import Award, AwardSplit, AwardVersion
from grants.awards.rules import HOLDS_MONEY
from grants.funds import queries as funds
from grants.funds.models import Contribution, Fund, Funder
from grants.funds.rules import ContributionState, Names, describe
from grants.kernel.actors import Actor
from grants.kernel.asking import NOTHING, ForIds, Prepared, TogetherForIds
from grants.kernel.errors import NotAllowed, NotFound
from grants.kernel.statements import line_of
from grants.kernel.trail import AuditEvent
from grants.ledger import queries as ledger
from grants.ledger.models import Account, Entry, Posting
from grants.ledger.queries import AS_AT, Pockets
from grants.ledger.rules import Pocket
from grants.people.models import Group
from grants.priorities.models import Priority
from grants.proposals.models import Proposal
from grants.reports.models import Measure, Report
from grants.reports.rules import ReportState
from grants.rounds.models import Round

AWAY = (Pocket.COMMITTED.value, Pocket.SENDING.value, Pocket.PAID.value)


@dataclass(frozen=True, slots=True)
class FunderRow:
    """A funder as its statement names it."""

    id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class ContributionRow:
    """A contribution as a statement tells it; pence."""

    id: UUID
    fund_id: UUID
    fund_name: str
    amount_minor: int
    state: ContributionState
    restriction: dict[str, Any]
    pledged_at: datetime
    agreed_at: datetime | None


def given_by(session: Session, funder_id: UUID) -> tuple[FunderRow, list[ContributionRow]] | None:
    """A funder, and all that it gave, in the order in which it was pledged; None when there is no such funder.

    One query. Not everybody may read all of it: ``readable``.
    """
    rows = _given().told(session, funder=funder_id)
    if not rows:
        return None
    given = [
        ContributionRow(id, fund_id, fund_name, amount_minor, state, limits or {}, pledged_at, agreed_at)
        for _, id, fund_id, fund_name, amount_minor, state, limits, pledged_at, agreed_at in rows
        if id is not None
    ]
    return FunderRow(funder_id, rows[0][0]), given


@cache
def _given() -> Prepared:
    return Prepared(
        lambda: select(
            Funder.name, Contribution.id, Contribution.fund_id, Fund.name, Contribution.amount_minor,
            Contribution.state, Contribution.restriction, Contribution.pledged_at, Contribution.agreed_at,
        )
        .select_from(Funder)
        .outerjoin(Contribution, Contribution.funder_id == Funder.id)
        .outerjoin(Fund, Fund.id == Contribution.fund_id)
        .where(Funder.id == bindparam("funder", None, type_=Uuid()))
        .order_by(Contribution.pledged_at, Contribution.id)
    )  # fmt: skip


def readable(
    actor: Actor, funder_id: UUID, found: tuple[FunderRow, list[ContributionRow]] | None
) -> tuple[FunderRow, list[ContributionRow], frozenset[UUID] | None]:
    """The funder, what it gave as far as this person may read it, and to which funds that is limited (None: to none).

    Somebody who may not read it is not told whether there is such a funder.
    """
    if found is None:
        if access.funds_kept(actor) is None:
            raise NotFound
        raise NotAllowed(access.CLOSED)
    funder, given = found
    kept = access.funds_in_statement(actor, funder_id, {one.fund_id for one in given})
    return funder, [one for one in given if kept is None or one.fund_id in kept], kept


def statement_for(
    session: Session, actor: Actor, funder_id: UUID
) -> tuple[FunderRow, list[ContributionRow], frozenset[UUID] | None]:
    """``readable`` of what the funder gave."""
    return readable(actor, funder_id, given_by(session, funder_id))


@dataclass(frozen=True, slots=True)
class Flow:
    """Pence of one contribution that stand with awards for one priority: promised, on their way or paid."""

    contribution_id: UUID
    priority_id: UUID
    priority_title: str
    amount_minor: int


def flows(session: Session, contribution_ids: Collection[UUID], as_at: datetime | None = None) -> list[Flow]:
    """Where the money of these contributions went, by priority."""
    asked = _FLOWS if as_at is None else _FLOWS_THEN
    rows = asked.rows(line_of(session.connection()), contribution_ids, as_at=as_at)
    return [Flow(c, p, title, int(minor)) for c, p, title, minor in rows]


def _flow_rows(contribution_ids: list[BindParameter[UUID]], *until: ColumnElement[bool]) -> Select[Any]:
    total = -func.sum(Posting.amount_minor)
    return (
        select(Account.contribution_id, Award.priority_id, Priority.title, total)
        .select_from(Posting)
        .join(Account, Account.id == Posting.account_id)
        .join(Award, Award.id == Posting.award_id)
        .join(Priority, Priority.id == Award.priority_id)
        .where(Account.contribution_id.in_(contribution_ids), Account.pocket.in_(AWAY), *until)
        .group_by(Account.contribution_id, Award.priority_id, Priority.title)
        .having(total > 0)
        .order_by(Priority.title, Account.contribution_id)
    )


_FLOWS = ForIds(_flow_rows)
_FLOWS_THEN = ForIds(lambda contribution_ids: _flow_rows(contribution_ids, Posting.at <= AS_AT))


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
    outcome: "Outcome | None"


@dataclass(frozen=True, slots=True)
class MeasureRow:
    """A number of an outcome, with what it is a number of, and of how many."""

    what: str
    numerator: int
    denominator: int | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the accepted report of an award tells."""

    report_id: UUID
    what_happened: str
    measures: tuple[MeasureRow, ...]


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
    """Where the money of these contributions went: the largest awards by name, the others gathered. Two queries."""
    asked = _STREAMS if as_at is None else _STREAMS_THEN
    named = asked.rows(line_of(session.connection()), contribution_ids, as_at=as_at)
    return _gathered(named, flows(session, contribution_ids, as_at))


def _gathered(named: Sequence[Sequence[Any]], flowing: Sequence[Flow]) -> list[Streamed]:
    """The largest awards, which are ``named``, and what of ``flowing`` is not theirs."""
    found = [Streamed(c, a, words, p, name, int(minor)) for c, a, words, p, name, minor in named]
    told: dict[tuple[UUID, UUID], int] = {}
    for one in found:
        key = one.contribution_id, one.priority_id
        told[key] = told.get(key, 0) + one.amount_minor
    found += [
        Streamed(one.contribution_id, None, None, one.priority_id, one.priority_title, one.amount_minor - minor)
        for one in flowing
        if (minor := told.get((one.contribution_id, one.priority_id), 0)) != one.amount_minor
    ]
    return sorted(
        (x for x in found if x.amount_minor > 0),
        key=lambda x: (-x.amount_minor, x.priority_title, x.contribution_id, x.award_id or NOTHING),
    )


def _stream_rows(contribution_ids: list[BindParameter[UUID]], *until: ColumnElement[bool]) -> Select[Any]:
    total = -func.sum(Posting.amount_minor)
    postings = join(Posting, Account, Account.id == Posting.account_id)
    where = (
        Account.contribution_id.in_(contribution_ids),
        Account.pocket.in_(AWAY),
        Posting.award_id.is_not(None),
        *until,
    )
    largest = (
        select(Posting.award_id)
        .select_from(postings)
        .where(*where)
        .group_by(Posting.award_id)
        .order_by(total.desc(), Posting.award_id)
        .limit(PICTURED)
        .cte("largest")
    )
    return (
        select(Account.contribution_id, Posting.award_id, TITLE, Award.priority_id, Priority.title, total)
        .select_from(postings)
        .join(largest, largest.c.award_id == Posting.award_id)
        .join(Award, Award.id == Posting.award_id)
        .join(Proposal, Proposal.id == Award.proposal_id)
        .join(Priority, Priority.id == Award.priority_id)
        .where(*where)
        .group_by(Account.contribution_id, Posting.award_id, Proposal.title, Award.priority_id, Priority.title)
    )


_STREAMS = ForIds(_stream_rows)
_STREAMS_THEN = ForIds(lambda contribution_ids: _stream_rows(contribution_ids, Posting.at <= AS_AT))


def shares(
    session: Session,
    contribution_ids: Collection[UUID],
    as_at: datetime | None = None,
    *,
    page: int | None = 1,
    size: int = PAGE,
) -> tuple[list[Share], int]:
    """The awards that these contributions pay for, newest first, one page (None: all), and how many there are.

    Now: those that hold money. As at a moment: whatever had been offered by then, in the state it was in. Five queries
    for a page, however many awards there are; a page behind the last is empty and its count is nought.
    """
    asked = _SHARES if as_at is None else _SHARES_THEN
    rows = asked.rows(
        line_of(session.connection()),
        contribution_ids,
        as_at=as_at,
        most=size if page is not None else ALL,
        before=(page - 1) * size if page is not None else 0,
    )
    wanted = set(contribution_ids)
    found: list[Share] = []
    for start in range(0, len(rows), TOGETHER):
        found += _shares(session, rows[start : start + TOGETHER], wanted, as_at)
    return found, rows[0][-1] if rows else 0


ALL = 1_000_000


MOST = bindparam("most", None, type_=Integer())
_NEWEST = (Award.offered_at.desc(), Award.reference)


def _these(contribution_ids: list[BindParameter[UUID]], standing: ColumnElement[bool]) -> CTE:
    """Which awards stand on the page: what is told of an award is looked up for those alone."""
    drawn = exists().where(AwardSplit.award_id == Award.id, AwardSplit.contribution_id.in_(contribution_ids))
    return (
        select(Award.id, func.count().over().label("total"))
        .where(drawn, standing)
        .order_by(*_NEWEST)
        .limit(MOST)
        .offset(bindparam("before", None, type_=Integer()))
        .cte("these")
    )


def _share_rows(contribution_ids: list[BindParameter[UUID]], these: CTE) -> Select[Any]:
    return (
        select(
            Award.id, Award.reference, TITLE, Group.id, Group.name, Priority.id, Priority.title,
            Round.id, Round.title, Award.offered_at, Award.amount_minor, Award.state,
            func.sum(AwardSplit.amount_minor - AwardSplit.reduced_minor), these.c.total,
        )
        .join(these, these.c.id == Award.id)
        .join(AwardSplit, AwardSplit.award_id == Award.id)
        .join(Proposal, Proposal.id == Award.proposal_id)
        .join(Group, Group.id == Award.group_id)
        .join(Priority, Priority.id == Award.priority_id)
        .join(Round, Round.id == Award.round_id)
        .where(AwardSplit.contribution_id.in_(contribution_ids))
        .group_by(Award.id, Proposal.title, Group.id, Priority.id, Round.id, these.c.total)
        .order_by(*_NEWEST)
    )  # fmt: skip


def _shares_of(standing: ColumnElement[bool]) -> ForIds:
    return ForIds(lambda contribution_ids: _share_rows(contribution_ids, _these(contribution_ids, standing)))


_SHARES = _shares_of(Award.state.in_(HOLDS_MONEY))
_SHARES_THEN = _shares_of(Award.offered_at <= AS_AT)
TOGETHER = 500
"""Awards whose money and reports are looked up at once: a database takes only so many names in one question."""


def _shares(
    session: Session, rows: Sequence[Any], contribution_ids: Collection[UUID], as_at: datetime | None
) -> Iterator[Share]:
    ids = [row[0] for row in rows]
    pockets = ledger.award_pockets(session, ids, as_at)
    states = states_at(session, "award", as_at, ids) if as_at else {}
    outcomes = _outcomes(session, ids, as_at)
    then = _before_changes(session, ids, as_at, contribution_ids) if as_at else {}
    for *plain, state, part_minor, _ in rows:
        id = plain[0]
        if id in then:
            plain[10], part_minor = then[id]
        mine = ledger.added_up([p for c, p in pockets[id].items() if c in contribution_ids])
        values: list[Any] = [*plain, states.get(id, state.value), int(part_minor), mine, outcomes.get(id)]
        yield Share(*values)


def _before_changes(
    session: Session, award_ids: Collection[UUID], as_at: datetime, contribution_ids: Collection[UUID]
) -> dict[UUID, tuple[int, int]]:
    """Awards whose sum changed after a moment: what each was then, and these contributions' part of it. Pence."""
    was: dict[UUID, int] = {}
    for award_id, minor in session.execute(
        select(AwardVersion.award_id, AwardVersion.was_minor)
        .where(AwardVersion.award_id.in_(award_ids), AwardVersion.since > as_at, AwardVersion.was_minor.is_not(None))
        .order_by(AwardVersion.award_id, AwardVersion.version)
    ):
        was.setdefault(award_id, minor)
    if not was:
        return {}
    parts = dict(
        session.execute(
            select(Posting.award_id, func.sum(Posting.amount_minor))
            .join(Account, Account.id == Posting.account_id)
            .join(Entry, Entry.id == Posting.entry_id)
            .where(
                Posting.award_id.in_(was),
                Posting.at <= as_at,
                Account.contribution_id.in_(contribution_ids),
                Account.pocket == Pocket.AVAILABLE.value,
                Entry.event.in_(("award.committed", "award.increased", "award.reduced")),
            )
            .group_by(Posting.award_id)
        )
        .tuples()
        .all()
    )
    return {id: (minor, int(parts.get(id, 0))) for id, minor in was.items()}


def _outcomes(session: Session, award_ids: Collection[UUID], as_at: datetime | None) -> dict[UUID, Outcome]:
    asked = _OUTCOMES if as_at is None else _OUTCOMES_THEN
    return _told_by(asked.rows(line_of(session.connection()), award_ids, as_at=as_at))


def _outcome_rows(*until: ColumnElement[bool]) -> Select[Any]:
    """A row for each number of each accepted report, or one for a report without numbers.

    The state is hidden from SQLite's planner, which would go through all accepted reports there are.
    """
    return (
        select(
            Report.award_id, Report.accepted_at, Report.id, Report.what_happened,
            Measure.position, Measure.what, Measure.numerator, Measure.denominator,
        )
        .outerjoin(Measure, Measure.report_id == Report.id)
        .where(func.coalesce(Report.state, Report.state) == ReportState.ACCEPTED, *until)
    )  # fmt: skip


_OUTCOMES = ForIds(lambda award_ids: _outcome_rows(Report.award_id.in_(award_ids)))
_OUTCOMES_THEN = ForIds(lambda award_ids: _outcome_rows(Report.award_id.in_(award_ids), Report.accepted_at <= AS_AT))


def _told_by(rows: Sequence[Sequence[Any]]) -> dict[UUID, Outcome]:
    """Of each award its latest outcome, with its numbers in their order."""
    counted: dict[UUID, list[tuple[int, MeasureRow]]] = {}
    for _, _, report_id, _, position, what, numerator, denominator in rows:
        numbers = counted.setdefault(report_id, [])
        if position is not None:
            numbers.append((position, MeasureRow(what, numerator, denominator)))
    return {
        row[0]: Outcome(row[2], row[3], tuple(one for _, one in sorted(counted[row[2]], key=itemgetter(0))))
        for row in sorted(rows, key=lambda row: (row[1], row[2]))
    }


@dataclass(frozen=True, slots=True)
class Now:
    """How the money of some contributions stands, and one page of the awards that they pay for."""

    pockets: dict[UUID, Pockets]
    streams: list[Streamed]
    shares: list[Share]
    count: int


def now_of(session: Session, contribution_ids: Sequence[UUID], *, page: int = 1, size: int = PAGE) -> Now:
    """What ``ledger.pockets_of``, ``streams`` and ``shares`` tell of this moment, in one query."""
    rows = _NOW.rows(line_of(session.connection()), contribution_ids, most=size, before=(page - 1) * size)
    pockets, awards, parts, reports, largest, flowing = rows
    wanted, of_award = set(contribution_ids), defaultdict[UUID, dict[str, int]](dict)
    for award_id, contribution_id, pocket, minor in parts:
        if contribution_id in wanted:
            mine = of_award[award_id]
            mine[f"{pocket}_minor"] = mine.get(f"{pocket}_minor", 0) - int(minor)
    outcomes = _told_by(reports)
    shares: list[Share] = []
    for *plain, state, part_minor, _ in awards:
        pocketed = Pockets(**of_award[plain[0]])
        values: list[Any] = [*plain, state.value, int(part_minor), pocketed, outcomes.get(plain[0])]
        shares.append(Share(*values))
    return Now(
        pockets=ledger.pockets_told(contribution_ids, pockets),
        streams=_gathered(largest, [Flow(c, p, title, int(minor)) for c, p, title, minor in flowing]),
        shares=shares,
        count=awards[0][-1] if awards else 0,
    )


def _now(contribution_ids: list[BindParameter[UUID]]) -> list[Select[Any]]:
    these = _these(contribution_ids, Award.state.in_(HOLDS_MONEY))
    return [
        select(Account.contribution_id, Account.pocket, Account.balance_minor).where(
            Account.contribution_id.in_(contribution_ids)
        ),
        _share_rows(contribution_ids, these).limit(MOST),
        # whose they are is looked at afterwards: SQLite would otherwise go through all postings of a contribution
        select(Posting.award_id, Account.contribution_id, Account.pocket, func.sum(Posting.amount_minor))
        .join(these, these.c.id == Posting.award_id)
        .join(Account, Account.id == Posting.account_id)
        .group_by(Posting.award_id, Account.contribution_id, Account.pocket),
        _outcome_rows().join(these, these.c.id == Report.award_id),
        _stream_rows(contribution_ids),
        _flow_rows(contribution_ids),
    ]


_NOW = TogetherForIds(_now)


@dataclass(frozen=True, slots=True)
class Given:
    """One contribution as a statement tells it, now or as it was: pence, its state's word, what it is for."""

    contribution: ContributionRow
    pockets: Pockets
    promised_minor: int
    agreed: bool
    state: str
    sentence: str
    spend_by: date | None

    @classmethod
    def of(
        cls, one: ContributionRow, pockets: Pockets, then: Promise | None, names: Names, as_at: datetime | None
    ) -> "Given":
        """``then``: how it stood at ``as_at`` by its trail, where that tells."""
        limits = (
            funds.restriction_in(then.restriction)
            if then and then.restriction
            else funds.restriction_in(one.restriction)
        )
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

    funder: FunderRow
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


def names_for(session: Session, given: Sequence[ContributionRow]) -> Names:
    """Words for the wards and priorities that these contributions name; one query, and none when none is named."""
    wards: dict[str, str] = {}
    wanted: set[UUID] = set()
    for one in given:
        wards.update(one.restriction.get("ward_names", {}))
        wanted |= funds.restriction_in(one.restriction).priority_ids
    if not wanted:
        return Names(wards=wards)
    titles = session.execute(select(Priority.id, Priority.title).where(Priority.id.in_(wanted)))
    return Names(wards=wards, priorities=dict(titles.tuples().all()))


def awards_at(session: Session, as_at: datetime, *, page: int = 1) -> tuple[list[Share], int]:
    """Every award that had been offered by a moment, as it stood then: one page, newest first, and how many."""
    everything = list(session.scalars(select(Contribution.id)))
    return shares(session, everything, as_at, page=page)
