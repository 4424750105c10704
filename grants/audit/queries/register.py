"""Every award, as everybody may read it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from grants.awards.models import Award, AwardSplit
from grants.awards.rules import HOLDS_MONEY, AwardState
from grants.funds.models import Fund
from grants.kernel.asking import Prepared
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


def _moved(session: Session, award_ids: Collection[UUID]) -> dict[UUID, tuple[int, int]]:
    """Per award: pence paid and not returned, and pence that went back to the pot, by the books' postings.

    What was let go because the award was made smaller is not among them: it is not in the award any more either.
    """
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
    reduced = dict(
        session.execute(
            select(AwardSplit.award_id, func.sum(AwardSplit.reduced_minor))
            .where(AwardSplit.award_id.in_(award_ids), AwardSplit.reduced_minor > 0)
            .group_by(AwardSplit.award_id)
        )
        .tuples()
        .all()
    )
    for award_id, paid, went_back in rows:
        found[award_id] = (-int(paid), -int(went_back) - int(reduced.get(award_id, 0)))
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
        select(
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
        select(Account.pocket, func.sum(Account.balance_minor))
        .where(Account.pocket.is_not(None))
        .group_by(Account.pocket)
    )


def rounds_and_priorities(session: Session) -> tuple[list[tuple[UUID, str]], list[tuple[UUID, str]]]:
    """What the register can be narrowed to: rounds and priorities that have awards."""
    rounds, served = _narrowing()
    return [(id, title) for id, title in rounds.told(session)], [(id, title) for id, title in served.told(session)]


@cache
def _narrowing() -> tuple[Prepared, Prepared]:
    standing = Award.state.in_(HOLDS_MONEY)
    rounds = (
        select(Round.id, Round.title)
        .where(Round.id.in_(select(Award.round_id).where(standing)))
        .order_by(Round.opens_at.desc(), Round.title)
        .limit(200)
    )
    served = (
        select(Priority.id, Priority.title)
        .where(Priority.id.in_(select(Award.priority_id).where(standing)))
        .order_by(Priority.title)
        .limit(200)
    )
    return Prepared(rounds), Prepared(served)
