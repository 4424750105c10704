"""Whether the books and the registers say the same."""

from dataclasses import replace
from uuid import UUID

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from grants.audit.queries.register import register_sum
from grants.audit.queries.statements import AWAY
from grants.awards.models import Award, AwardSplit
from grants.awards.rules import HOLDS_MONEY
from grants.disbursements.models import Disbursement, MoneyReturn
from grants.disbursements.rules import DisbursementState
from grants.funds import queries as funds
from grants.funds.models import Contribution, Funder, Receipt
from grants.funds.rules import allows
from grants.kernel.clock import london_day
from grants.kernel.money import show_pounds
from grants.ledger import queries as ledger
from grants.ledger.models import Account, Entry, Posting
from grants.ledger.rules import Check, Pocket
from grants.proposals import queries as proposals
from grants.proposals.models import Proposal


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
    awards = {id: (ref, state) for id, ref, state in session.execute(select(Award.id, Award.reference, Award.state))}
    split = {
        (award_id, contribution_id): minor
        for award_id, contribution_id, minor in session.execute(
            select(AwardSplit.award_id, AwardSplit.contribution_id, AwardSplit.amount_minor)
        )
    }
    away = func.sum(Posting.amount_minor).filter(Account.pocket.in_(AWAY))
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
        .where(Award.state.in_(HOLDS_MONEY), AwardSplit.amount_minor > AwardSplit.reduced_minor)
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
