"""Bank runs, what waits for one, and lines of statements. Read only."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session, aliased, joinedload

from grants.awards.models import Award, AwardSplit, Instalment
from grants.awards.rules import AwardState
from grants.banking.models import BankRun, BankRunLine, ProviderReading, StatementLine
from grants.banking.rules import About, Expected, run_reference
from grants.disbursements.models import Disbursement, MoneyReturn
from grants.disbursements.rules import DisbursementState
from grants.funds.models import Checkout, Contribution, Fund, Funder, Receipt
from grants.funds.rules import ContributionState, PaysBy
from grants.kernel.actors import Role
from grants.kernel.asking import Who
from grants.kernel.clock import london_day
from grants.kernel.errors import NotFound
from grants.ledger.models import Account, Entry, Posting
from grants.ledger.rules import fees_code, provider_code
from grants.people.models import Group, Person
from grants.proposals.models import Proposal

PAGE = 50


@dataclass(frozen=True, slots=True)
class Waiting:
    """Payments of a fund that wait for a bank run: how many, and pence."""

    fund_id: UUID
    fund: str
    count: int
    total_minor: int


@dataclass(frozen=True, slots=True)
class RunLine:
    """One payment of a run, with whom it goes to and who let it go. Pence."""

    id: UUID
    disbursement_id: UUID
    award_id: UUID
    group_id: UUID
    payee_id: UUID
    position: int
    reference: str
    amount_minor: int
    title: str
    payee: str
    state: DisbursementState
    key: str
    failure: str | None
    asked_by: str
    authorised_by: str


def _by_run(default: str) -> ColumnElement[bool]:
    """Payments that wait for a bank run: let go, of an award under way, in a fund that is paid so."""
    chosen = Fund.pays_by == PaysBy.BANK_RUN
    return (
        (Disbursement.state == DisbursementState.AUTHORISED)
        & (Award.state == AwardState.ACTIVE)
        & or_(Disbursement.gateway.is_(None), Disbursement.gateway == PaysBy.BANK_RUN)
        & (or_(chosen, Fund.pays_by.is_(None)) if default == PaysBy.BANK_RUN else chosen)
        & Disbursement.id.not_in(select(BankRunLine.disbursement_id))
    )


def waiting(session: Session, default: str, fund_ids: Collection[UUID] | None) -> list[Waiting]:
    """Per fund, what waits for a bank run; of these funds (None: of all)."""
    rows = session.execute(
        select(Fund.id, Fund.name, func.count(Disbursement.id), func.sum(Disbursement.amount_minor))
        .join(Award, Award.fund_id == Fund.id)
        .join(Disbursement, Disbursement.award_id == Award.id)
        .where(_by_run(default), *((Fund.id.in_(fund_ids),) if fund_ids is not None else ()))
        .group_by(Fund.id, Fund.name)
        .order_by(Fund.name)
    )
    return [Waiting(id, name, count, int(total)) for id, name, count, total in rows]


def to_put_into_a_run(who: Who) -> Select[Any] | None:
    """For finance officers: how many payments wait for a bank run, (in funds that say so, also in those that say not).

    The second counts where bank runs are the usual way.
    """
    if not who.holds(Role.FINANCE_OFFICER):
        return None
    return (
        select(func.count().filter(_by_run("")), func.count())
        .select_from(Disbursement)
        .join(Award, Award.id == Disbursement.award_id)
        .join(Fund, Fund.id == Award.fund_id)
        .where(_by_run(PaysBy.BANK_RUN), who.within(Fund.id, Role.FINANCE_OFFICER))
        .having(func.count() > 0)
    )


def to_explain(who: Who) -> Select[Any] | None:
    """For finance officers: how many lines of statements nobody has explained, where there are any."""
    if not who.holds(Role.FINANCE_OFFICER):
        return None
    return (
        select(func.count())
        .select_from(StatementLine)
        .where(
            StatementLine.about.is_(None),
            StatementLine.set_aside_at.is_(None),
            StatementLine.fund_id.is_(None) | who.within(StatementLine.fund_id, Role.FINANCE_OFFICER),
        )
        .having(func.count() > 0)
    )


def waiting_ids(session: Session, default: str, fund_id: UUID) -> list[tuple[UUID, str, int]]:
    """The payments of one fund that wait, the earliest authorised first: id, our reference, pence. At most 500."""
    rows = session.execute(
        select(Disbursement.id, Award.reference, Instalment.number, Disbursement.amount_minor)
        .join(Award, Award.id == Disbursement.award_id)
        .join(Fund, Fund.id == Award.fund_id)
        .join(Instalment, Instalment.id == Disbursement.instalment_id)
        .where(_by_run(default), Fund.id == fund_id)
        .order_by(Disbursement.authorised_at, Disbursement.key)
        .limit(500)
    )
    return [(id, run_reference(reference, number), amount) for id, reference, number, amount in rows]


def runs(session: Session, fund_ids: Collection[UUID] | None, *, page: int = 1) -> list[BankRun]:
    """Runs, the newest first."""
    query = select(BankRun).options(joinedload(BankRun.fund)).order_by(BankRun.made_at.desc(), BankRun.batch)
    if fund_ids is not None:
        query = query.where(BankRun.fund_id.in_(fund_ids))
    return list(session.scalars(query.limit(PAGE).offset((page - 1) * PAGE)))


def run(session: Session, run_id: UUID) -> BankRun:
    """One run with its fund, or ``NotFound``."""
    found = session.scalar(select(BankRun).options(joinedload(BankRun.fund)).where(BankRun.id == run_id))
    if found is None:
        raise NotFound("There is no such bank run.")
    return found


def run_lines(session: Session, run_id: UUID) -> list[RunLine]:
    """A run's payments in order."""
    asked, let_go, payee = aliased(Person), aliased(Person), aliased(Group)
    rows = session.execute(
        select(
            BankRunLine.id,
            Disbursement.id,
            Award.id,
            Award.group_id,
            Award.payee_id,
            BankRunLine.position,
            BankRunLine.reference,
            BankRunLine.amount_minor,
            Proposal.title,
            payee.name,
            Disbursement.state,
            Disbursement.key,
            Disbursement.failure,
            asked.name,
            func.coalesce(let_go.name, ""),
        )
        .join(Disbursement, Disbursement.id == BankRunLine.disbursement_id)
        .join(Award, Award.id == Disbursement.award_id)
        .join(Proposal, Proposal.id == Award.proposal_id)
        .join(payee, payee.id == Award.payee_id)
        .join(asked, asked.id == Disbursement.requested_by_id)
        .outerjoin(let_go, let_go.id == Disbursement.authorised_by_id)
        .where(BankRunLine.run_id == run_id)
        .order_by(BankRunLine.position)
    )
    return [RunLine(*row) for row in rows]


def funder_codes(session: Session, award_ids: Collection[UUID]) -> dict[UUID, str]:
    """Per award, the open numbers (or names) of the funders whose money it is."""
    rows = session.execute(
        select(AwardSplit.award_id, Funder.org_id, Funder.name)
        .join(Contribution, Contribution.id == AwardSplit.contribution_id)
        .join(Funder, Funder.id == Contribution.funder_id)
        .where(AwardSplit.award_id.in_(award_ids))
        .order_by(AwardSplit.award_id, Funder.name)
    )
    found: dict[UUID, list[str]] = {}
    for award_id, org_id, name in rows:
        found.setdefault(award_id, []).append(org_id or name)
    return {id: "; ".join(dict.fromkeys(codes))[:120] for id, codes in found.items()}


def payment_keys(session: Session, batch: str, references: Collection[str]) -> dict[str, tuple[UUID, str, int, UUID]]:
    """A batch's lines by reference: the line's id, the payment's key, pence, the run's fund."""
    rows = session.execute(
        select(BankRunLine.reference, BankRunLine.id, Disbursement.key, BankRunLine.amount_minor, BankRun.fund_id)
        .join(BankRun, BankRun.id == BankRunLine.run_id)
        .join(Disbursement, Disbursement.id == BankRunLine.disbursement_id)
        .where(BankRun.batch == batch, BankRunLine.reference.in_(references))
    )
    return {reference: (id, key, amount, fund_id) for reference, id, key, amount, fund_id in rows}


# ------------------------------------------------------------------------------------------------------- statements


def lines_to_explain(session: Session, fund_ids: Collection[UUID] | None, *, limit: int = PAGE) -> list[StatementLine]:
    """Lines of statements that nobody has found anything for, the oldest first."""
    query = select(StatementLine).where(StatementLine.about.is_(None), StatementLine.set_aside_at.is_(None))
    if fund_ids is not None:
        query = query.where(or_(StatementLine.fund_id.in_(fund_ids), StatementLine.fund_id.is_(None)))
    return list(session.scalars(query.order_by(StatementLine.on, StatementLine.key).limit(limit)))


def line_counts(session: Session, fund_ids: Collection[UUID] | None) -> tuple[int, int]:
    """How many lines were matched, and how many wait to be explained."""
    query = select(
        func.count().filter(StatementLine.about.is_not(None)),
        func.count().filter(StatementLine.about.is_(None) & StatementLine.set_aside_at.is_(None)),
    )
    if fund_ids is not None:
        query = query.where(or_(StatementLine.fund_id.in_(fund_ids), StatementLine.fund_id.is_(None)))
    matched, open_count = session.execute(query).one()
    return int(matched), int(open_count)


def line(session: Session, line_id: UUID) -> StatementLine:
    """One line, or ``NotFound``."""
    found = session.get(StatementLine, line_id)
    if found is None:
        raise NotFound("There is no such line.")
    return found


def expected(session: Session, fund_id: UUID) -> list[Expected]:
    """What of a fund should stand on its bank statement and was not found there yet. Signed pence, in is positive."""
    found = select(StatementLine.about_id).where(StatementLine.about_id.is_not(None))
    out = (DisbursementState.SENT, DisbursementState.PAID)
    payments = session.execute(
        select(
            Disbursement.id,
            Disbursement.amount_minor,
            Disbursement.provider_ref,
            Award.reference,
            Disbursement.authorised_at,
        )
        .join(Award, Award.id == Disbursement.award_id)
        .where(
            Award.fund_id == fund_id,
            Disbursement.state.in_(out),
            Disbursement.gateway == PaysBy.BANK_RUN,
            Disbursement.id.not_in(found),
        )
        .order_by(Disbursement.id)
        .limit(5_000)
    )
    receipts = session.execute(
        select(Receipt.id, Receipt.amount_minor, Receipt.reference)
        .join(Contribution, Contribution.id == Receipt.contribution_id)
        .where(Contribution.fund_id == fund_id, Receipt.recorded_by_id.is_not(None), Receipt.id.not_in(found))
        .order_by(Receipt.id)
        .limit(5_000)
    )
    between = session.execute(
        select(StatementLine.id, -StatementLine.amount_minor, StatementLine.source)
        .where(
            StatementLine.fund_id == fund_id,
            StatementLine.source != "bank",
            StatementLine.about == About.OWN_BANK,
            StatementLine.id.not_in(found),
        )
        .order_by(StatementLine.id)
        .limit(5_000)
    )
    returns = session.execute(
        select(MoneyReturn.id, MoneyReturn.amount_minor, MoneyReturn.reference)
        .join(Award, Award.id == MoneyReturn.award_id)
        .where(Award.fund_id == fund_id, MoneyReturn.id.not_in(found))
        .order_by(MoneyReturn.id)
        .limit(5_000)
    )
    by_hand = select(MoneyReturn.id).where(
        MoneyReturn.award_id == Disbursement.award_id,
        MoneyReturn.amount_minor == Disbursement.amount_minor,
        MoneyReturn.id.not_in(found),
    )
    back = session.execute(
        select(Disbursement.id, Disbursement.amount_minor, Disbursement.provider_ref, Disbursement.authorised_at)
        .join(Award, Award.id == Disbursement.award_id)
        .where(
            Award.fund_id == fund_id,
            Disbursement.state == DisbursementState.PAID,
            Disbursement.gateway == PaysBy.BANK_RUN,
            ~by_hand.exists(),  # whoever wrote it down already has said what it is
        )
        .order_by(Disbursement.id)
        .limit(5_000)
    )
    return [
        *(came_back(id, amount, ref or "", let_go_at) for id, amount, ref, let_go_at in back),
        *(
            Expected(About.PAYMENT, id, -amount, ref or reference, london_day(let_go_at) if let_go_at else None)
            for id, amount, ref, reference, let_go_at in payments
        ),
        *(Expected(About.MONEY_IN, id, amount, reference) for id, amount, reference in receipts),
        *(Expected(About.RETURNED, id, amount, reference) for id, amount, reference in returns),
        *(Expected(About.OWN_BANK, id, amount, source) for id, amount, source in between),
    ]


def came_back(payment_id: UUID, amount_minor: int, reference: str, let_go_at: datetime | None) -> Expected:
    """A payment that a bank may send back whole, with our reference, days after it arrived."""
    return Expected(About.RETURNED, payment_id, amount_minor, reference, london_day(let_go_at) if let_go_at else None)


def awaited(session: Session, fund_id: UUID) -> list[Contribution]:
    """Contributions that money is still to come for, by funder."""
    return list(
        session.scalars(
            select(Contribution)
            .options(joinedload(Contribution.funder))
            .join(Funder, Funder.id == Contribution.funder_id)
            .where(Contribution.fund_id == fund_id, Contribution.state == ContributionState.AGREED)
            .order_by(Funder.name, Contribution.id)
            .limit(200)
        )
    )


# ------------------------------------------------------------------------------------- what a payment company holds


def funds_with(session: Session, provider: str) -> list[UUID]:
    """The funds that have anything to do with a provider: they pay through it, or somebody has paid into them so."""
    paid_in = (
        select(Contribution.fund_id)
        .join(Checkout, Checkout.contribution_id == Contribution.id)
        .where(Checkout.provider == provider)
    )
    paid_out = (
        select(Award.fund_id)
        .join(Disbursement, Disbursement.award_id == Award.id)
        .where(Disbursement.gateway == provider)
    )
    asked = or_(Fund.pays_by == provider, Fund.id.in_(paid_in), Fund.id.in_(paid_out))
    return list(session.scalars(select(Fund.id).where(asked).order_by(Fund.id)))


def latest_reading(session: Session, provider: str) -> ProviderReading | None:
    """When a provider's statement was last read, and what the provider held then."""
    return session.scalar(
        select(ProviderReading)
        .where(ProviderReading.provider == provider)
        .order_by(ProviderReading.read_at.desc(), ProviderReading.id)
        .limit(1)
    )


@dataclass(frozen=True, slots=True)
class Held:
    """What a payment company did with one fund's money: pence in, out and kept in a period; and how it stands now."""

    fund_id: UUID
    fund: str
    borne_by: str | None
    in_minor: int
    out_minor: int
    fees_minor: int
    made_good_minor: int
    holds_minor: int
    due_minor: int
    """Fees that nobody has made good yet."""


def held(
    session: Session, provider: str, fund_ids: Collection[UUID] | None, since: date | None, until: date | None
) -> list[Held]:
    """Per fund that it had to do with; what came, went and was kept between two London days, both included."""
    told = _of_days(select(StatementLine), since, until).subquery()
    ours = told.c.source == provider
    good = (told.c.source != provider) & (told.c.about == About.MADE_GOOD)
    rows = session.execute(
        select(
            Fund.id,
            Fund.name,
            Fund.fees_borne_by,
            func.coalesce(func.sum(told.c.amount_minor).filter(ours & (told.c.amount_minor > 0)), 0),
            func.coalesce(-func.sum(told.c.amount_minor).filter(ours & (told.c.amount_minor < 0)), 0),
            func.coalesce(func.sum(told.c.fee_minor).filter(ours), 0),
            func.coalesce(func.sum(told.c.amount_minor).filter(good), 0),
        )
        .outerjoin(told, (told.c.fund_id == Fund.id) & told.c.about.is_not(None))
        .where(
            Fund.id.in_(select(StatementLine.fund_id).where(StatementLine.source == provider)),
            *((Fund.id.in_(fund_ids),) if fund_ids is not None else ()),
        )
        .group_by(Fund.id)
        .order_by(Fund.name)
    ).all()
    codes = {code(row[0]): row[0] for row in rows for code in (provider_code, fees_code)}
    balances = dict(
        session.execute(select(Account.code, Account.balance_minor).where(Account.code.in_(codes))).tuples().all()
    )
    return [
        Held(
            fund_id=id,
            fund=name,
            borne_by=by,
            in_minor=int(came),
            out_minor=int(went),
            fees_minor=int(kept),
            made_good_minor=int(good_minor),
            holds_minor=balances.get(provider_code(id), 0),
            due_minor=balances.get(fees_code(id), 0),
        )
        for id, name, by, came, went, kept, good_minor in rows
    ]


def _of_days(
    query: Select[tuple[StatementLine]], since: date | None, until: date | None
) -> Select[tuple[StatementLine]]:
    if since is not None:
        query = query.where(StatementLine.on >= since)
    return query.where(StatementLine.on <= until) if until is not None else query


@dataclass(frozen=True, slots=True)
class Charged:
    """A line of which a provider kept something, or gave it again (below nought); ``fund`` None: not known yet."""

    on: date
    fund: str | None
    words: str
    reference: str
    amount_minor: int
    fee_minor: int
    key: str


def charged_lines(
    session: Session,
    provider: str,
    fund_ids: Collection[UUID] | None,
    since: date | None,
    until: date | None,
    *,
    limit: int = PAGE,
    offset: int = 0,
) -> tuple[list[Charged], int]:
    """One page of what a provider kept between two London days, the newest first; how many there are."""
    query = _of_days(select(StatementLine), since, until).where(
        StatementLine.source == provider, StatementLine.fee_minor != 0
    )
    if fund_ids is not None:
        query = query.where(or_(StatementLine.fund_id.in_(fund_ids), StatementLine.fund_id.is_(None)))
    count = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    rows = session.execute(
        query.add_columns(Fund.name)
        .outerjoin(Fund, Fund.id == StatementLine.fund_id)
        .order_by(StatementLine.on.desc(), StatementLine.key)
        .limit(limit)
        .offset(offset)
    )
    charged = [
        Charged(line.on, fund, line.words, line.reference, line.amount_minor, line.fee_minor or 0, line.key)
        for line, fund in rows
    ]
    return charged, count


def statement_minor(session: Session, provider: str) -> tuple[int, int]:
    """What a provider's statement adds up to as far as it was read, and what of it is in no fund's books. Pence."""
    net = StatementLine.amount_minor - func.coalesce(StatementLine.fee_minor, 0)
    booked = StatementLine.fund_id.is_not(None) & StatementLine.fee_minor.is_not(None)
    whole, outside = session.execute(
        select(func.coalesce(func.sum(net), 0), func.coalesce(func.sum(net).filter(~booked), 0)).where(
            StatementLine.source == provider
        )
    ).one()
    return int(whole), int(outside)


def provider_differs(session: Session) -> tuple[str, ...]:
    """Lines of providers' statements that stand in the books otherwise than on the statement, in words."""
    meant = {
        f"provider:{source}:{key}": (amount - fee, fee)
        for source, key, amount, fee in session.execute(
            select(StatementLine.source, StatementLine.key, StatementLine.amount_minor, StatementLine.fee_minor).where(
                StatementLine.source != "bank",
                StatementLine.about.is_not(None),
                StatementLine.fund_id.is_not(None),
                StatementLine.fee_minor.is_not(None),
                or_(StatementLine.amount_minor != 0, StatementLine.fee_minor != 0),
            )
        )
    }

    def part(word: str) -> Any:
        return func.coalesce(func.sum(Posting.amount_minor).filter(Account.code.endswith(f":{word}")), 0)

    rows = session.execute(
        select(Entry.key, part("provider"), part("fees"))
        .join(Posting, Posting.entry_id == Entry.id)
        .join(Account, Account.id == Posting.account_id)
        .where(Entry.event.in_(("provider.moved", "provider.charged")))
        .group_by(Entry.key)
    )
    stand = {key: (int(net), int(fee)) for key, net, fee in rows}
    return tuple(
        f"{key} is {_pair(meant.get(key))} by the payment company's statement, {_pair(stand.get(key))} by the books"
        for key in sorted(meant.keys() | stand.keys())
        if meant.get(key) != stand.get(key)
    )


def _pair(found: tuple[int, int] | None) -> str:
    return f"{found[0]} pence after {found[1]} of fees" if found else "nothing"
