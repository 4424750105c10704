"""Every award, as everybody may read it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Select, Uuid, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from grants.awards.models import Award, AwardSplit
from grants.awards.rules import HOLDS_MONEY, AwardState
from grants.funds.models import Fund
from grants.kernel.asking import ForIds, Prepared
from grants.kernel.statements import line_of
from grants.ledger.models import Account, Posting
from grants.ledger.queries import Pockets
from grants.ledger.rules import Pocket
from grants.people.models import Group
from grants.priorities.models import Priority
from grants.proposals.models import Proposal
from grants.rounds.models import Round

PAGE = 25
TITLE = func.coalesce(func.nullif(Proposal.title, ""), "A proposal without a title")


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
    values = {"round_id": wanted.round_id, "priority_id": wanted.priority_id}
    rows: Sequence[Sequence[Any]]
    if page is not None and not wanted.words.split():
        of_page, how_many = _one_page(bool(wanted.round_id), bool(wanted.priority_id))
        rows = of_page.told(session, **values, most=PAGE, after=(page - 1) * PAGE)
        [(total,)] = how_many.told(session, **values)
    else:
        query = _register(bool(wanted.round_id), bool(wanted.priority_id), wanted.words)
        total = session.scalar(_count(query), values) or 0
        if page is not None:
            query = query.limit(PAGE).offset((page - 1) * PAGE)
        rows = session.execute(query, values).all()
    moved = _moved(session, [row[0] for row in rows])
    found = []
    for *plain, state in rows:
        told: list[Any] = [*plain, *moved[plain[0]], state]
        found.append(RegisterRow(*told))
    return found, total


@cache
def _one_page(of_round: bool, of_priority: bool) -> tuple[Prepared, Prepared]:
    """A page of the register in which no words are looked for; and how many awards there are."""
    most, after = bindparam("most", None, type_=Integer()), bindparam("after", None, type_=Integer())
    return (
        Prepared(lambda: _register(of_round, of_priority).limit(most).offset(after)),
        Prepared(lambda: _count(_register(of_round, of_priority))),
    )


def _count(query: Select[Any]) -> Select[tuple[int]]:
    return select(func.count()).select_from(query.order_by(None).subquery())


def _register(of_round: bool, of_priority: bool, words: str = "") -> Select[Any]:
    where: list[ColumnElement[bool]] = [Award.state.in_(HOLDS_MONEY)]
    if of_round:
        where.append(Award.round_id == bindparam("round_id", None, type_=Uuid()))
    if of_priority:
        where.append(Award.priority_id == bindparam("priority_id", None, type_=Uuid()))
    for word in words.lower().split()[:6]:
        where.append(
            or_(
                func.lower(Proposal.title).contains(word, autoescape=True),
                func.lower(Group.name).contains(word, autoescape=True),
                func.lower(Award.reference).contains(word, autoescape=True),
            )
        )
    return (
        select(
            Award.id, Award.reference, TITLE, func.coalesce(Proposal.summary, ""), Group.id, Group.name,
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


def _moved(session: Session, award_ids: Sequence[UUID]) -> dict[UUID, tuple[int, int]]:
    """Per award: pence paid and not returned, and pence that went back to the pot, by the books' postings.

    What was let go because the award was made smaller is not among them: it is not in the award any more either.
    """
    found = dict.fromkeys(award_ids, (0, 0))
    rows, reduced = [
        prepared.rows(line_of(session.connection()), award_ids)
        if len(award_ids) <= PAGE
        else session.execute(build(award_ids)).tuples().all()
        for build, prepared in _BY_AWARD
    ]
    let_go = dict[UUID, int](reduced)
    for award_id, paid, went_back in rows:
        found[award_id] = (-int(paid), -int(went_back) - int(let_go.get(award_id, 0)))
    return found


def _posted(award_ids: Sequence[Any]) -> Select[Any]:
    back = and_(Account.pocket == Pocket.AVAILABLE.value, Posting.amount_minor < 0)
    return (
        select(
            Posting.award_id,
            func.coalesce(func.sum(Posting.amount_minor).filter(Account.pocket == Pocket.PAID.value), 0),
            func.coalesce(func.sum(Posting.amount_minor).filter(back), 0),
        )
        .join(Account, Account.id == Posting.account_id)
        .where(Posting.award_id.in_(award_ids))
        .group_by(Posting.award_id)
    )


def _reduced(award_ids: Sequence[Any]) -> Select[Any]:
    return (
        select(AwardSplit.award_id, func.sum(AwardSplit.reduced_minor))
        .where(AwardSplit.award_id.in_(award_ids), AwardSplit.reduced_minor > 0)
        .group_by(AwardSplit.award_id)
    )


_BY_AWARD = tuple((build, ForIds(build)) for build in (_posted, _reduced))


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
    [(count, awarded, back, reduced)] = _sums().told(session)
    return RegisterSum(count, int(awarded), -int(back) - int(reduced), all_pockets(session))


@cache
def _sums() -> Prepared:
    """(how many awards, pence awarded, pence that went back by the books, pence that were let go)."""
    standing = Award.state.in_(HOLDS_MONEY)
    back = (
        select(func.coalesce(func.sum(Posting.amount_minor), 0))
        .join(Account, Account.id == Posting.account_id)
        .join(Award, Award.id == Posting.award_id)
        .where(standing, Account.pocket == Pocket.AVAILABLE.value, Posting.amount_minor < 0)
    )
    reduced = (
        select(func.coalesce(func.sum(AwardSplit.reduced_minor), 0))
        .join(Award, Award.id == AwardSplit.award_id)
        .where(standing, AwardSplit.reduced_minor > 0)
    )
    return Prepared(
        lambda: select(
            select(func.count(Award.id)).where(standing).scalar_subquery(),
            select(func.coalesce(func.sum(Award.amount_minor), 0)).where(standing).scalar_subquery(),
            back.scalar_subquery(),
            reduced.scalar_subquery(),
        )
    )


def all_pockets(session: Session) -> Pockets:
    """Every contribution of every fund, by the balances of the accounts."""
    rows = _all_pockets().told(session)
    return Pockets(**{f"{pocket}_minor": -int(total) for pocket, total in rows})


@cache
def _all_pockets() -> Prepared:
    return Prepared(
        lambda: (
            select(Account.pocket, func.sum(Account.balance_minor))
            .where(Account.pocket.is_not(None))
            .group_by(Account.pocket)
        )
    )


def rounds_and_priorities(session: Session) -> tuple[list[tuple[UUID, str]], list[tuple[UUID, str]]]:
    """What the register can be narrowed to: rounds and priorities that have awards."""
    rounds, served = _rounds_awarded().told(session), _priorities_served().told(session)
    return [(id, title) for id, title in rounds], [(id, title) for id, title in served]


@cache
def _rounds_awarded() -> Prepared:
    return Prepared(
        lambda: (
            select(Round.id, Round.title)
            .where(Round.id.in_(select(Award.round_id).where(Award.state.in_(HOLDS_MONEY))))
            .order_by(Round.opens_at.desc(), Round.title)
            .limit(200)
        )
    )


@cache
def _priorities_served() -> Prepared:
    return Prepared(
        lambda: (
            select(Priority.id, Priority.title)
            .where(Priority.id.in_(select(Award.priority_id).where(Award.state.in_(HOLDS_MONEY))))
            .order_by(Priority.title)
            .limit(200)
        )
    )
