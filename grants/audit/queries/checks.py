"""Whether the books and the registers say the same."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import and_, case, func, literal, or_, select, union_all
from sqlalchemy.orm import Session, joinedload, selectinload

from grants.audit.queries.register import register_sum
from grants.audit.queries.statements import AWAY
from grants.awards.models import Award, AwardSplit, Instalment
from grants.awards.rules import HOLDS_MONEY, AwardState
from grants.banking import queries as banking
from grants.disbursements.models import Disbursement, MoneyReturn, Repayment
from grants.disbursements.rules import LIVE, DisbursementState, RepaymentState
from grants.funds import queries as funds
from grants.funds.models import Contribution, Funder, Receipt
from grants.funds.rules import allows
from grants.kernel.clock import london_day
from grants.kernel.money import show_pounds
from grants.kernel.tables import guards_gone
from grants.ledger import queries as ledger
from grants.ledger.models import Account, Entry, Posting
from grants.ledger.rules import Check, Pocket
from grants.proposals.models import Proposal
from grants.proposals.queries import whole


def checks(session: Session) -> list[Check]:
    """Every invariant of the money, each with what breaks it; always in this order."""
    return [
        *ledger.checks(session),
        Check("What arrived of every contribution stands in the books", _receipts_differ(session)),
        Check("Every account belongs to a contribution of its fund", _homeless(session)),
        Check("Every receipt has one entry, and every entry of money in has its receipt", _receipts_alone(session)),
        Check("No contribution got more than was promised", _too_much(session)),
        Check("The split of every award adds up to the award", _splits_differ(session)),
        Check("Every award holds in the books what its split says, less what came back", _awards_differ(session)),
        Check("Money goes only where its funder allows", _restrictions_broken(session)),
        Check("Payments and returns agree with the books", _payments_differ(session)),
        Check("What an award counts as being paid is what its payments say", _counts_differ(session)),
        Check("The parts of every award add up to it, and each payment is of one part", _parts_differ(session)),
        Check(
            "A closed award is accounted for: paid, less what came back and was written off, is what was spent",
            _unsettled(session),
        ),
        Check("What a payment company moved and kept is what its statement says", banking.provider_differs(session)),
        Check("The public register adds up to the books", _register_differs(session)),
        Check("The database refuses to change, to take away and to replace what was entered", _refusals_gone(session)),
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


def _homeless(session: Session) -> tuple[str, ...]:
    rows = session.execute(
        select(Account.code, Contribution.id)
        .outerjoin(Contribution, Contribution.id == Account.contribution_id)
        .where(
            Account.contribution_id.is_not(None),
            or_(Contribution.id.is_(None), Contribution.fund_id != Account.fund_id),
        )
        .order_by(Account.code)
    )
    return tuple(
        f"account {code} belongs to {'no contribution' if id is None else 'a contribution to another fund'}"
        for code, id in rows
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
    total = func.coalesce(func.sum(AwardSplit.amount_minor - AwardSplit.reduced_minor), 0)
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
    away = case((Account.pocket.in_(AWAY), -Posting.amount_minor), else_=0)
    back = case(
        (and_(Account.pocket == Pocket.AVAILABLE.value, Posting.amount_minor < 0), -Posting.amount_minor), else_=0
    )
    none = literal(0)
    parts = union_all(
        select(
            AwardSplit.award_id.label("award_id"),
            AwardSplit.contribution_id.label("contribution_id"),
            AwardSplit.amount_minor.label("split"),
            none.label("away"),
            none.label("back"),
        ),
        select(Posting.award_id, Account.contribution_id, none, away, back)
        .join(Account, Account.id == Posting.account_id)
        .where(Posting.award_id.is_not(None), Account.contribution_id.is_not(None)),
    ).subquery()
    stands, due = func.sum(parts.c.away), func.sum(parts.c.split) - func.sum(parts.c.back)
    rows = session.execute(
        select(parts.c.award_id, Award.reference, parts.c.contribution_id, due, stands)
        .outerjoin(Award, Award.id == parts.c.award_id)
        .group_by(parts.c.award_id, Award.reference, Award.state, parts.c.contribution_id)
        .having(stands != case((Award.state.in_(HOLDS_MONEY), due), else_=0))
        .order_by(parts.c.award_id, parts.c.contribution_id)
    )
    return tuple(
        f"award {ref or id} should hold {meant} pence of contribution {contribution_id}, the books say {told}"
        for id, ref, contribution_id, meant, told in rows
    )


def _restrictions_broken(session: Session) -> tuple[str, ...]:
    rows = session.execute(
        select(Award.reference, Award.offered_at, Proposal, Contribution, Funder.name)
        .join(AwardSplit, AwardSplit.award_id == Award.id)
        .join(Contribution, Contribution.id == AwardSplit.contribution_id)
        .join(Funder, Funder.id == Contribution.funder_id)
        .join(Proposal, Proposal.id == Award.proposal_id)
        .where(Award.state.in_(HOLDS_MONEY), AwardSplit.amount_minor > AwardSplit.reduced_minor)
        .options(joinedload(Proposal.group), selectinload(Proposal.lines))
        .order_by(Award.reference, Contribution.id),
        execution_options={"yield_per": 200},
    )
    return tuple(
        f"award {ref} draws on {show_pounds(one.amount_minor)} of {name} (contribution {one.id}), which is not for it"
        for ref, offered_at, proposal, one, name in rows
        # a group may change its kind later: that was asked when the money was promised
        if not allows(
            replace(funds.restriction_of(one), group_kinds=frozenset()),
            whole.need(proposal, london_day(offered_at)),
        )
    )


def _payments_differ(session: Session) -> tuple[str, ...]:
    way = (DisbursementState.AUTHORISED, DisbursementState.SENT)
    none = literal(0)

    def where(column: Any, values: Sequence[Any], minor: Any) -> Any:
        return case((column.in_(values), minor), else_=0)

    sums = union_all(
        select(
            Disbursement.award_id.label("award_id"),
            where(Disbursement.state, (DisbursementState.PAID,), Disbursement.amount_minor).label("paid"),
            where(Disbursement.state, way, Disbursement.amount_minor).label("sending"),
            none.label("books_paid"),
            none.label("books_sending"),
        ),
        select(MoneyReturn.award_id, -MoneyReturn.amount_minor, none, none, none),
        select(
            Posting.award_id,
            none,
            none,
            where(Account.pocket, (Pocket.PAID.value,), -Posting.amount_minor),
            where(Account.pocket, (Pocket.SENDING.value,), -Posting.amount_minor),
        )
        .join(Account, Account.id == Posting.account_id)
        .where(Posting.award_id.is_not(None), Account.pocket.in_([Pocket.PAID.value, Pocket.SENDING.value])),
    ).subquery()
    paid, sending, books_paid, books_sending = (
        func.sum(sums.c[name]) for name in ("paid", "sending", "books_paid", "books_sending")
    )
    rows = session.execute(
        select(sums.c.award_id, Award.reference, paid, sending, books_paid, books_sending)
        .outerjoin(Award, Award.id == sums.c.award_id)
        .group_by(sums.c.award_id, Award.reference)
        .having(or_(paid != books_paid, sending != books_sending))
        .order_by(sums.c.award_id)
    )
    return tuple(
        f"award {ref or id}: paid {told} and on its way {on_its_way} pence by its payments, "
        f"{booked} and {booked_way} by the books"
        for id, ref, told, on_its_way, booked, booked_way in rows
    )


def _counts_differ(session: Session) -> tuple[str, ...]:
    live = func.coalesce(func.sum(Disbursement.amount_minor).filter(Disbursement.state.in_(LIVE)), 0)
    rows = session.execute(
        select(Award.reference, Award.disbursing_minor, live)
        .outerjoin(Disbursement, Disbursement.award_id == Award.id)
        .group_by(Award.id)
        .having(live != Award.disbursing_minor)
        .order_by(Award.reference)
    )
    return tuple(
        f"award {ref} counts {minor} pence as asked for, on their way or paid, its payments say {total}"
        for ref, minor, total in rows
    )


def _parts_differ(session: Session) -> tuple[str, ...]:
    total = func.sum(Instalment.amount_minor)
    parts = session.execute(
        select(Award.reference, Award.amount_minor, total)
        .join(Instalment, Instalment.award_id == Award.id)
        .where(Instalment.dropped_at.is_(None))
        .group_by(Award.id)
        .having(total != Award.amount_minor)
        .order_by(Award.reference)
    )
    payments = session.execute(
        select(Award.reference, Instalment.number, Instalment.amount_minor, Disbursement.amount_minor)
        .join(Disbursement, Disbursement.instalment_id == Instalment.id)
        .join(Award, Award.id == Disbursement.award_id)
        .where(
            Disbursement.state.in_(LIVE),
            or_(Disbursement.amount_minor != Instalment.amount_minor, Instalment.award_id != Disbursement.award_id),
        )
        .order_by(Award.reference, Instalment.number)
    )
    return (
        *(f"award {ref} is {minor} pence, its parts add up to {sums}" for ref, minor, sums in parts),
        *(
            f"award {ref}: a payment of {paid} pence is of part {number}, which is {minor} pence of its award"
            for ref, number, minor, paid in payments
        ),
    )


def _unsettled(session: Session) -> tuple[str, ...]:
    paid = func.coalesce(func.sum(-Posting.amount_minor).filter(Account.pocket == Pocket.PAID.value), 0)
    kept = (
        select(Posting.award_id.label("award_id"), paid.label("kept"))
        .join(Account, Account.id == Posting.account_id)
        .where(Posting.award_id.is_not(None))
        .group_by(Posting.award_id)
        .subquery()
    )
    lost = (
        select(
            Repayment.award_id.label("award_id"),
            func.sum(Repayment.amount_minor - Repayment.received_minor).label("lost"),
        )
        .where(Repayment.state == RepaymentState.WRITTEN_OFF)
        .group_by(Repayment.award_id)
        .subquery()
    )
    spent, gone = func.coalesce(Award.accepted_spend_minor, -1), func.coalesce(lost.c.lost, 0)
    stays = func.coalesce(kept.c.kept, 0) - Award.written_off_minor
    rows = session.execute(
        select(Award.reference, stays, Award.accepted_spend_minor, Award.written_off_minor, gone)
        .outerjoin(kept, kept.c.award_id == Award.id)
        .outerjoin(lost, lost.c.award_id == Award.id)
        .where(or_(Award.written_off_minor != gone, and_(Award.state == AwardState.CLOSED, stays != spent)))
        .order_by(Award.reference)
    )
    return tuple(
        f"award {ref} says {off} pence were written off, what was asked back says {lost_minor}"
        if off != lost_minor
        else f"award {ref} is closed with {kept_minor} pence, its accepted report says {spent_minor}"
        for ref, kept_minor, spent_minor, off, lost_minor in rows
    )


def _refusals_gone(session: Session) -> tuple[str, ...]:
    return tuple(
        f"table {table} can be changed: {guard} is gone or says something else"
        for table, guard in guards_gone(session.connection())
    )


def _register_differs(session: Session) -> tuple[str, ...]:
    sums = register_sum(session)
    if sums.agrees:
        return ()
    return (f"the register stands at {show_pounds(sums.stands_minor)}, the books at {show_pounds(sums.books_minor)}",)
