"""Payments, what waits to be paid, and what came back. Read only."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, case, func, or_, select
from sqlalchemy.orm import Session, aliased

from grants.awards.models import Award, Instalment
from grants.awards.rules import AwardState
from grants.disbursements.models import Disbursement, MoneyReturn, PaymentLimit, Repayment
from grants.disbursements.rules import LIMIT_MINOR, LIVE, DisbursementState, RepaymentState
from grants.funds.models import Fund
from grants.funds.rules import ONBOARDS
from grants.kernel.actors import Role
from grants.kernel.asking import Who
from grants.outbox.models import OutboxRow
from grants.payees.models import BankAccount
from grants.payees.queries import ready_groups, verified_groups
from grants.people.models import Group, Person, RoleGrant
from grants.proposals.models import Proposal

PAGE = 25
DESK = (Role.FINANCE_OFFICER, Role.STEWARD)


@dataclass(frozen=True, slots=True)
class PaymentLine:
    """A payment in a list, with who asked and who authorised. Pence."""

    id: UUID
    award_id: UUID
    fund_id: UUID
    group_id: UUID
    payee_id: UUID
    title: str
    group_name: str
    payee_name: str
    reference: str
    part: int
    attempt: int
    amount_minor: int
    state: DisbursementState
    key: str
    requested_by_id: UUID
    requested_by: str
    requested_at: datetime
    account_last_four: str | None
    verified_by_id: UUID | None
    first_by_id: UUID | None
    first_by: str | None
    first_at: datetime | None
    authorised_by: str | None
    authorised_at: datetime | None
    tried_at: datetime | None
    sent_at: datetime | None
    paid_at: datetime | None
    failure: str | None


@dataclass(frozen=True, slots=True)
class DueLine:
    """An instalment that can be asked for. Pence."""

    instalment_id: UUID
    award_id: UUID
    fund_id: UUID
    title: str
    group_name: str
    payee_name: str
    reference: str
    part: int
    amount_minor: int
    due_on: date
    condition: str


def _payments(*where: ColumnElement[bool]) -> Select[Any]:
    asked, first, let_go, payee = aliased(Person), aliased(Person), aliased(Person), aliased(Group)
    return (
        select(
            Disbursement.id,
            Disbursement.award_id,
            Award.fund_id,
            Award.group_id,
            Award.payee_id,
            Proposal.title,
            Group.name,
            payee.name,
            Award.reference,
            Instalment.number,
            Disbursement.attempt,
            Disbursement.amount_minor,
            Disbursement.state,
            Disbursement.key,
            Disbursement.requested_by_id,
            asked.name,
            Disbursement.requested_at,
            BankAccount.last_four,
            BankAccount.verified_by_id,
            Disbursement.first_by_id,
            first.name,
            Disbursement.first_at,
            let_go.name,
            Disbursement.authorised_at,
            Disbursement.tried_at,
            Disbursement.sent_at,
            Disbursement.paid_at,
            Disbursement.failure,
        )
        .join(Award, Award.id == Disbursement.award_id)
        .join(Proposal, Proposal.id == Award.proposal_id)
        .join(Group, Group.id == Award.group_id)
        .join(payee, payee.id == Award.payee_id)
        .join(Instalment, Instalment.id == Disbursement.instalment_id)
        .join(asked, asked.id == Disbursement.requested_by_id)
        .outerjoin(BankAccount, BankAccount.id == Disbursement.account_id)
        .outerjoin(first, first.id == Disbursement.first_by_id)
        .outerjoin(let_go, let_go.id == Disbursement.authorised_by_id)
        .where(*where)
        .order_by(Disbursement.requested_at.desc(), Disbursement.key)
    )


def _in(funds: Collection[UUID] | None) -> tuple[ColumnElement[bool], ...]:
    return () if funds is None else (Award.fund_id.in_(funds),)


def listed(
    session: Session,
    states: Collection[DisbursementState],
    funds: Collection[UUID] | None = None,
    *,
    page: int = 1,
    size: int = PAGE,
) -> list[PaymentLine]:
    """One page of payments in these states, newest first; of these funds when any are named."""
    query = _payments(Disbursement.state.in_(states), *_in(funds))
    return [PaymentLine(*row) for row in session.execute(query.limit(size).offset((page - 1) * size))]


def counts(session: Session, funds: Collection[UUID] | None = None) -> dict[DisbursementState, int]:
    """How many payments stand in each state."""
    rows = session.execute(
        select(Disbursement.state, func.count())
        .join(Award, Award.id == Disbursement.award_id)
        .where(*_in(funds))
        .group_by(Disbursement.state)
    )
    found = dict(rows.tuples().all())
    return {state: found.get(state, 0) for state in DisbursementState}


def payment(session: Session, disbursement_id: UUID) -> PaymentLine | None:
    """The payment as its page shows it, or nothing."""
    row = session.execute(_payments(Disbursement.id == disbursement_id)).one_or_none()
    return PaymentLine(*row) if row is not None else None


def of_award(session: Session, award_id: UUID) -> list[PaymentLine]:
    """An award's payments, newest first."""
    return [PaymentLine(*row) for row in session.execute(_payments(Disbursement.award_id == award_id).limit(50))]


def _payable() -> ColumnElement[bool]:
    """Whether money can go where the award's payee is paid: ``queries.destination`` of the awards, for many."""
    way = select(Fund.pays_by).where(Fund.id == Award.fund_id).correlate(Award).scalar_subquery()
    ways = [(way == name, Award.payee_id.in_(ready_groups(name))) for name in sorted(ONBOARDS)]
    return case(*ways, else_=Award.payee_id.in_(verified_groups()))


def _due(today: Any, funds: Collection[UUID] | None) -> tuple[ColumnElement[bool], ...]:
    asked = select(Disbursement.instalment_id).where(Disbursement.state.in_(LIVE))
    return (
        Award.state == AwardState.ACTIVE,
        Instalment.dropped_at.is_(None),
        Instalment.due_on <= today,
        Instalment.id.not_in(asked),
        (Instalment.condition == "") | Instalment.met_at.is_not(None),
        _payable(),
        *_in(funds),
    )


def due(
    session: Session, today: date, funds: Collection[UUID] | None = None, *, page: int = 1, size: int = PAGE
) -> list[DueLine]:
    """Instalments that can be asked for (day come, condition met, account verified), the oldest first."""
    payee = aliased(Group)
    rows = session.execute(
        select(
            Instalment.id,
            Award.id,
            Award.fund_id,
            Proposal.title,
            Group.name,
            payee.name,
            Award.reference,
            Instalment.number,
            Instalment.amount_minor,
            Instalment.due_on,
            Instalment.condition,
        )
        .join(Award, Award.id == Instalment.award_id)
        .join(Proposal, Proposal.id == Award.proposal_id)
        .join(Group, Group.id == Award.group_id)
        .join(payee, payee.id == Award.payee_id)
        .where(*_due(today, funds))
        .order_by(Instalment.due_on, Award.reference, Instalment.number)
        .limit(size)
        .offset((page - 1) * size)
    )
    return [DueLine(*row) for row in rows]


def due_count(session: Session, today: date, funds: Collection[UUID] | None = None) -> int:
    """How many instalments can be asked for."""
    return (
        session.scalar(
            select(func.count())
            .select_from(Instalment)
            .join(Award, Award.id == Instalment.award_id)
            .where(*_due(today, funds))
        )
        or 0
    )


def to_ask_for(who: Who) -> Select[Any] | None:
    """For the desk: how many instalments can be asked for, where any can."""
    if not who.holds(*DESK):
        return None
    return (
        select(func.count())
        .select_from(Instalment)
        .join(Award, Award.id == Instalment.award_id)
        .where(*_due(who.today, None), who.within(Award.fund_id, *DESK))
        .having(func.count() > 0)
    )


def to_authorise(who: Who) -> Select[Any] | None:
    """For finance officers: how many payments wait for somebody other than who asked for them, where any do."""
    if not who.holds(Role.FINANCE_OFFICER):
        return None
    return (
        select(func.count())
        .select_from(Disbursement)
        .join(Award, Award.id == Disbursement.award_id)
        .where(
            Disbursement.state == DisbursementState.REQUESTED,
            Disbursement.requested_by_id != who.me,
            Disbursement.first_by_id.is_distinct_from(who.me),
            who.within(Award.fund_id, Role.FINANCE_OFFICER),
        )
        .having(func.count() > 0)
    )


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the handing over of one payment stands. ``given_up``: it is not asked again by itself."""

    gateway: str | None
    tries: int
    tried_at: datetime | None
    next_at: datetime | None
    given_up: bool
    trouble: str | None
    problem: str | None
    refused: bool
    recalled_at: datetime | None
    provider_ref: str | None
    award_over: bool


def delivery(session: Session, disbursement_id: UUID) -> Delivery:
    """How a payment's way to its provider stands, with what waits in the outbox for it."""
    row = session.execute(
        select(Disbursement, OutboxRow.due_at, OutboxRow.given_up_at, OutboxRow.sent_at, Award.state)
        .join(Award, Award.id == Disbursement.award_id)
        .outerjoin(OutboxRow, OutboxRow.key == Disbursement.key)
        .where(Disbursement.id == disbursement_id)
    ).one()
    payment, due_at, given_up_at, sent_at, award_state = row
    return Delivery(
        payment.gateway,
        payment.tries,
        payment.tried_at,
        due_at if sent_at is None and given_up_at is None else None,
        given_up_at is not None and sent_at is None,
        payment.trouble,
        payment.problem,
        payment.refused,
        payment.recalled_at,
        payment.provider_ref,
        award_state in (AwardState.COMPLETED, AwardState.CLOSED, AwardState.TERMINATED),
    )


def attempts(session: Session, disbursement_id: UUID) -> list[PaymentLine]:
    """Every attempt to pay the same part, the newest first."""
    part = select(Disbursement.instalment_id).where(Disbursement.id == disbursement_id).scalar_subquery()
    return [PaymentLine(*row) for row in session.execute(_payments(Disbursement.instalment_id == part).limit(50))]


def troubled_count(session: Session, funds: Collection[UUID] | None = None) -> int:
    """Payments that a person must look at: the provider disagrees with the books, or is not asked again by itself."""
    return (
        session.scalar(
            select(func.count())
            .select_from(Disbursement)
            .join(Award, Award.id == Disbursement.award_id)
            .outerjoin(OutboxRow, OutboxRow.key == Disbursement.key)
            .where(*_troubled(), *_in(funds))
        )
        or 0
    )


def to_look_at(who: Who) -> Select[Any] | None:
    """For the desk: how many payments a person must look at, where there are any."""
    if not who.holds(*DESK):
        return None
    return (
        select(func.count())
        .select_from(Disbursement)
        .join(Award, Award.id == Disbursement.award_id)
        .outerjoin(OutboxRow, OutboxRow.key == Disbursement.key)
        .where(*_troubled(), who.within(Award.fund_id, *DESK))
        .having(func.count() > 0)
    )


def troubled(session: Session, funds: Collection[UUID] | None = None, *, limit: int = PAGE) -> list[PaymentLine]:
    """Those payments, the newest first."""
    query = _payments(*_troubled(), *_in(funds)).outerjoin(OutboxRow, OutboxRow.key == Disbursement.key)
    return [PaymentLine(*row) for row in session.execute(query.limit(limit))]


def _troubled() -> tuple[ColumnElement[bool], ...]:
    unsent = OutboxRow.given_up_at.is_not(None) & OutboxRow.sent_at.is_(None)
    return (or_(Disbursement.problem.is_not(None), unsent & (Disbursement.state == DisbursementState.AUTHORISED)),)


def pays_by(session: Session, disbursement_id: UUID) -> str | None:
    """How the fund of this payment pays its groups, if it has chosen."""
    return session.scalar(
        select(Fund.pays_by)
        .join(Award, Award.fund_id == Fund.id)
        .join(Disbursement, Disbursement.award_id == Award.id)
        .where(Disbursement.id == disbursement_id)
    )


def returns_of(session: Session, award_id: UUID) -> list[MoneyReturn]:
    """What a group gave back of an award, in order."""
    return list(
        session.scalars(
            select(MoneyReturn)
            .where(MoneyReturn.award_id == award_id)
            .order_by(MoneyReturn.received_on, MoneyReturn.id)
        )
    )


def returned_minor(session: Session, award_id: UUID) -> int:
    """Pence that came back of an award."""
    query = select(func.coalesce(func.sum(MoneyReturn.amount_minor), 0)).where(MoneyReturn.award_id == award_id)
    return int(session.scalar(query) or 0)


def repayments(session: Session, award_id: UUID) -> list[Repayment]:
    """What was asked back of an award, the newest first."""
    return list(
        session.scalars(
            select(Repayment).where(Repayment.award_id == award_id).order_by(Repayment.raised_at.desc(), Repayment.id)
        )
    )


def repayment(session: Session, repayment_id: UUID) -> Repayment | None:
    """What must come back, or nothing."""
    return session.get(Repayment, repayment_id)


def open_repayment(session: Session, award_id: UUID) -> Repayment | None:
    """What is still owed of an award, if anything was asked back."""
    return session.scalar(
        select(Repayment).where(Repayment.award_id == award_id, Repayment.state == RepaymentState.RAISED)
    )


def limit_of(session: Session, person_id: UUID) -> int:
    """Pence that an officer may authorise alone."""
    found = session.scalar(
        select(PaymentLimit.limit_minor).where(PaymentLimit.person_id == person_id, PaymentLimit.ended_at.is_(None))
    )
    return LIMIT_MINOR if found is None else found


@dataclass(frozen=True, slots=True)
class OfficerLimit:
    """A finance officer and what they may authorise alone. Pence; ``set_at`` is None for the usual limit."""

    person_id: UUID
    name: str
    limit_minor: int
    set_at: datetime | None


def limits(session: Session) -> list[OfficerLimit]:
    """Everybody who may authorise payments, by name, with their limits."""
    rows = session.execute(
        select(Person.id, Person.name, func.coalesce(PaymentLimit.limit_minor, LIMIT_MINOR), PaymentLimit.set_at)
        .where(
            Person.id.in_(
                select(RoleGrant.person_id).where(RoleGrant.role == Role.FINANCE_OFFICER, RoleGrant.ended_at.is_(None))
            )
        )
        .outerjoin(PaymentLimit, (PaymentLimit.person_id == Person.id) & PaymentLimit.ended_at.is_(None))
        .order_by(Person.name, Person.id)
        .limit(200)
    )
    return [OfficerLimit(*row) for row in rows]


def write_offs_to_answer(who: Who) -> Select[Any] | None:
    """For the desk: debts that somebody else wants to write off. The award, and why."""
    if not who.holds(*DESK):
        return None
    return (
        select(Repayment.award_id, Repayment.write_off_reason)
        .where(
            Repayment.state == RepaymentState.RAISED,
            Repayment.write_off_asked_by_id.is_not(None),
            Repayment.write_off_asked_by_id != who.me,
        )
        .order_by(Repayment.write_off_asked_at, Repayment.id)
        .limit(50)
    )


@dataclass(frozen=True, slots=True)
class Blocked:
    """An instalment whose day has come and that cannot be asked for. ``condition`` is empty when it is met, or none."""

    award_id: UUID
    title: str
    payee_id: UUID
    payee_name: str
    part: int
    amount_minor: int
    instalment_id: UUID
    condition: str
    pays_by: str | None
    """How its fund pays."""
    can_be_paid: bool


def is_given_up(session: Session, payment_id: UUID) -> bool:
    """Whether the part that a payment tried is still in its award, and nothing pays it now."""
    part_id = select(Disbursement.instalment_id).where(Disbursement.id == payment_id).scalar_subquery()
    live = select(Disbursement.id).where(Disbursement.instalment_id == Instalment.id, Disbursement.state.in_(LIVE))
    found = session.scalar(
        select(Instalment.id)
        .join(Award, Award.id == Instalment.award_id)
        .where(
            Instalment.id == part_id,
            Instalment.dropped_at.is_(None),
            Award.state == AwardState.ACTIVE,
            ~live.exists(),
        )
    )
    return found is not None


def blocked(session: Session, today: date, funds: Collection[UUID] | None = None, *, limit: int = 50) -> list[Blocked]:
    """Instalments whose day has come, and what they still wait for: a condition, or an account that can be paid."""
    payee, can_be_paid = aliased(Group), _payable()
    asked = select(Disbursement.instalment_id).where(Disbursement.state.in_(LIVE))
    open_condition = (Instalment.condition != "") & Instalment.met_at.is_(None)
    rows = session.execute(
        select(
            Award.id,
            Proposal.title,
            payee.id,
            payee.name,
            Instalment.number,
            Instalment.amount_minor,
            Instalment.id,
            case((open_condition, Instalment.condition), else_=""),
            Fund.pays_by,
            can_be_paid,
        )
        .join(Award, Award.id == Instalment.award_id)
        .join(Proposal, Proposal.id == Award.proposal_id)
        .join(payee, payee.id == Award.payee_id)
        .join(Fund, Fund.id == Award.fund_id)
        .where(
            Award.state == AwardState.ACTIVE,
            Instalment.dropped_at.is_(None),
            Instalment.due_on <= today,
            Instalment.id.not_in(asked),
            open_condition | ~can_be_paid,
            *_in(funds),
        )
        .order_by(Instalment.due_on, Award.reference, Instalment.number)
        .limit(limit)
    )
    return [Blocked(*row) for row in rows]
