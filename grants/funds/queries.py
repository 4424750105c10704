"""Funds, contributions and what of their money is where. Read only."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, case, func, or_, select
from sqlalchemy.orm import Session, joinedload

from grants.funds.models import Checkout, Contribution, Fund, Funder, Receipt, TakenBack, UnspentOffer
from grants.funds.rules import (
    WARN_BEFORE,
    ContributionState,
    Names,
    Restriction,
    Source,
    UnspentState,
    WayBack,
    way_back,
)
from grants.kernel.actors import Role
from grants.kernel.asking import Who
from grants.kernel.errors import NotFound
from grants.kernel.money import show_pounds
from grants.ledger import queries as ledger
from grants.ledger.models import Account, Entry
from grants.ledger.queries import Pockets
from grants.ledger.rules import Pocket
from grants.outbox import queries as outbox
from grants.priorities.models import Priority
from grants.priorities.rules import PriorityState


def funds(session: Session) -> list[Fund]:
    """Every fund, by name."""
    return list(session.scalars(select(Fund).order_by(Fund.name).limit(200)))


def fund(session: Session, fund_id: UUID) -> Fund:
    """The fund, or ``NotFound``."""
    found = session.get(Fund, fund_id)
    if found is None:
        raise NotFound("There is no such fund.")
    return found


def funders(session: Session) -> list[Funder]:
    """Every funder, by name."""
    return list(session.scalars(select(Funder).order_by(Funder.name).limit(500)))


def funder(session: Session, funder_id: UUID) -> Funder:
    """The funder, or ``NotFound``."""
    found = session.get(Funder, funder_id)
    if found is None:
        raise NotFound("There is no such funder.")
    return found


def contribution(session: Session, contribution_id: UUID, fund_id: UUID | None = None) -> Contribution:
    """One contribution (of this fund, when one is named) with its fund and funder, or ``NotFound``."""
    found = session.scalar(_contributions().where(Contribution.id == contribution_id))
    if found is None or fund_id not in (None, found.fund_id):
        raise NotFound("There is no such contribution.")
    return found


def contributions(session: Session, fund_id: UUID) -> list[Contribution]:
    """A fund's contributions with their funders, in the order in which they were pledged."""
    return list(session.scalars(_contributions().where(Contribution.fund_id == fund_id)))


def contributions_of_funder(session: Session, funder_id: UUID) -> list[Contribution]:
    """What one funder gave, over all funds, in the order in which it was pledged."""
    return list(session.scalars(_contributions().where(Contribution.funder_id == funder_id)))


def _contributions() -> Select[tuple[Contribution]]:
    return (
        select(Contribution)
        .options(joinedload(Contribution.funder), joinedload(Contribution.fund))
        .order_by(Contribution.pledged_at, Contribution.id)
    )


def restriction_of(contribution: Contribution) -> Restriction:
    """What this contribution may be spent on, as the rules want it."""
    return restriction_in(contribution.restriction or {})


def restriction_in(kept: Mapping[str, Any]) -> Restriction:
    """A restriction as it is kept, as the rules want it."""
    return Restriction(
        ward_codes=frozenset(kept.get("ward_codes", ())),
        imd_deciles=frozenset(kept.get("imd_deciles", ())),
        priority_ids=frozenset(UUID(id) for id in kept.get("priority_ids", ())),
        beneficiaries=frozenset(kept.get("beneficiaries", ())),
        group_kinds=frozenset(kept.get("group_kinds", ())),
        spending=kept.get("spending") or "",
        spend_by=date.fromisoformat(kept["spend_by"]) if kept.get("spend_by") else None,
    )


def sources(session: Session, fund_id: UUID) -> list[Source]:
    """What of each contribution is received and uncommitted at this moment, by the ledger.

    ``order``: by the bank's day of the first money that came, then as it was recorded, then as it was pledged.
    What a funder asked back is not given again, nor what stands in for money that a payer's bank took. Contributions
    with nothing left are left out. Pence.
    Whoever is about to promise the money locks the fund's row first, so that no restriction changes under the split.
    """
    given = contributions(session, fund_id)
    pockets = ledger.pockets_of(session, [one.id for one in given])
    firsts = session.execute(
        select(Receipt.contribution_id, func.min(Receipt.received_on), func.min(Receipt.recorded_at))
        .where(Receipt.contribution_id.in_([one.id for one in given]))
        .group_by(Receipt.contribution_id)
    )
    came = {id: (on, at) for id, on, at in firsts}
    going = dict(
        session.execute(
            select(UnspentOffer.contribution_id, UnspentOffer.amount_minor).where(
                UnspentOffer.state == UnspentState.TO_RETURN,
                UnspentOffer.contribution_id.in_([one.id for one in given]),
            )
        )
        .tuples()
        .all()
    )
    short = short_minor(session, [one.id for one in given])
    free = {one.id: pockets[one.id].available_minor - going.get(one.id, 0) - short[one.id] for one in given}
    never = (date.max, datetime.max.replace(tzinfo=UTC))
    given.sort(key=lambda one: came.get(one.id, never))  # what came on the same day and moment stays as pledged
    return [
        Source(one.id, free[one.id], restriction_of(one), order) for order, one in enumerate(given) if free[one.id] > 0
    ]


def short_minor(session: Session, contribution_ids: Collection[UUID]) -> dict[UUID, int]:
    """Pence of each contribution that its payer's bank took back although they were promised, not made good yet."""
    rows = session.execute(
        select(TakenBack.contribution_id, func.sum(TakenBack.short_minor))
        .where(TakenBack.contribution_id.in_(contribution_ids), TakenBack.short_minor > 0)
        .group_by(TakenBack.contribution_id)
    )
    found = dict.fromkeys(contribution_ids, 0)
    return {**found, **{id: int(minor) for id, minor in rows}}


def free_minor(session: Session, contribution_id: UUID) -> int:
    """Pence of a contribution that nobody was promised and that are really there."""
    pockets = ledger.pockets_of(session, [contribution_id])[contribution_id]
    return max(0, pockets.available_minor - short_minor(session, [contribution_id])[contribution_id])


def why_no_more(session: Session, contribution_id: UUID, free_minor: int) -> str:
    """Why only so many pence of a contribution can go back, in words: promised, or taken back by the payer's bank."""
    short = short_minor(session, [contribution_id])[contribution_id]
    only = "None of this money is free"
    if free_minor:
        only = f"Only {show_pounds(free_minor)} of this money can go back, so enter that or less"
    taken = f"the payer’s bank took back {show_pounds(short)} that nobody has made good yet, and " if short else ""
    rest = "the rest" if free_minor or short else "it"
    return f"{only}: {taken}{rest} is with groups, promised to them, or has gone back."


def held_up(session: Session, fund_id: UUID) -> str:
    """A sentence about free money of a fund that stands in for what payers' banks took back; empty when there is none.

    It follows a refusal, whose figures leave this money out.
    """
    ids = list(session.scalars(select(Contribution.id).where(Contribution.fund_id == fund_id)))
    short, pockets = short_minor(session, ids), ledger.pockets_of(session, ids)
    idle = sum(min(pockets[id].available_minor, short[id]) for id in ids)
    if not idle:
        return ""
    return (
        f" {show_pounds(idle)} that is promised to nobody cannot be used: it stands in for money that a payer’s bank "
        "took back. A finance officer can write down, on the page of that contribution, money that makes it good."
    )


def behind_minor(session: Session, contribution_ids: Collection[UUID]) -> dict[UUID, int]:
    """Pence of each contribution that are really there and have not been sent: less than promised when it is short."""
    pockets, short = ledger.pockets_of(session, contribution_ids), short_minor(session, contribution_ids)
    return {id: max(0, one.available_minor + one.committed_minor - short[id]) for id, one in pockets.items()}


def promised_minor(session: Session, fund_id: UUID) -> int:
    """Pence that funders have at least agreed to give, less what was given back to them."""
    agreed = session.scalar(
        select(func.coalesce(func.sum(Contribution.amount_minor), 0)).where(
            Contribution.fund_id == fund_id, Contribution.state != ContributionState.PLEDGED
        )
    )
    return int(agreed or 0) - pot(session, fund_id).returned_minor


def pot(session: Session, fund_id: UUID) -> Pockets:
    """Where the fund's money is, all contributions together."""
    return pots(session, [fund_id])[fund_id]


def pots(session: Session, fund_ids: Collection[UUID]) -> dict[UUID, Pockets]:
    """Where each fund's money is; two queries however many funds."""
    rows = session.execute(select(Contribution.id, Contribution.fund_id).where(Contribution.fund_id.in_(fund_ids)))
    fund_of = dict(rows.tuples().all())
    pockets = ledger.pockets_of(session, list(fund_of))
    return {
        fund_id: ledger.added_up([pockets[id] for id, its_fund in fund_of.items() if its_fund == fund_id])
        for fund_id in fund_ids
    }


def names_for(session: Session) -> Names:
    """Words for every ward and priority that a restriction may name."""
    wards: dict[str, str] = {}
    for kept in session.scalars(select(Contribution.restriction).order_by(Contribution.pledged_at)):
        wards.update((kept or {}).get("ward_names", {}))
    titles = session.execute(select(Priority.id, Priority.title))
    return Names(wards=wards, priorities=dict(titles.tuples().all()))


def received_minor(session: Session, contribution_ids: Collection[UUID]) -> dict[UUID, int]:
    """Pence that arrived of each contribution, by its receipts."""
    rows = session.execute(
        select(Receipt.contribution_id, func.sum(Receipt.amount_minor))
        .where(Receipt.contribution_id.in_(contribution_ids))
        .group_by(Receipt.contribution_id)
    )
    return dict.fromkeys(contribution_ids, 0) | {id: int(total) for id, total in rows}


def receipts(session: Session, contribution_id: UUID) -> list[Receipt]:
    """Money of one contribution that arrived, the earliest first."""
    return list(
        session.scalars(
            select(Receipt)
            .where(Receipt.contribution_id == contribution_id)
            .order_by(Receipt.received_on, Receipt.recorded_at, Receipt.id)
            .limit(500)
        )
    )


@dataclass(frozen=True, slots=True)
class GivenBack:
    """Money that went back to a funder: pence, the bank reference, when it was recorded."""

    amount_minor: int
    reference: str
    entry: Entry


def given_back(session: Session, contribution_id: UUID) -> list[GivenBack]:
    """What went back to the funder of one contribution, the earliest first."""
    found = ledger.entries_by_key(session, refund_key(contribution_id, ""))
    return [GivenBack(max(p.amount_minor for p in e.postings), e.memo, e) for e in found]


def refund_key(contribution_id: UUID, reference: str) -> str:
    """The ledger's key of one refund: one bank reference, one refund."""
    return f"refund:{contribution_id}:{reference}"


def waiting(who: Who, state: ContributionState, role: Role) -> Select[Any] | None:
    """Contributions in this state, of the funds for which the role is held, the oldest first; at most 50.

    Fund, id, pence, pence that arrived, funder, the fund's name.
    """
    if not who.holds(role):
        return None
    arrived = (
        select(func.coalesce(func.sum(Receipt.amount_minor), 0))
        .where(Receipt.contribution_id == Contribution.id)
        .scalar_subquery()
    )
    return (
        select(Contribution.fund_id, Contribution.id, Contribution.amount_minor, arrived, Funder.name, Fund.name)
        .join(Funder, Funder.id == Contribution.funder_id)
        .join(Fund, Fund.id == Contribution.fund_id)
        .where(Contribution.state == state, who.within(Contribution.fund_id, role))
        .order_by(Contribution.pledged_at, Contribution.id)
        .limit(50)
    )


def promised(who: Who) -> Select[Any] | None:
    """For stewards: what funders promised and have not agreed."""
    return waiting(who, ContributionState.PLEDGED, Role.STEWARD)


def awaited(who: Who) -> Select[Any] | None:
    """For finance officers: what was agreed and has not arrived whole."""
    return waiting(who, ContributionState.AGREED, Role.FINANCE_OFFICER)


def priorities_to_choose(session: Session, kept: Collection[UUID] = ()) -> dict[UUID, str]:
    """Titles of the agreed priorities, and of those in ``kept`` whatever became of them."""
    rows = session.execute(
        select(Priority.id, Priority.title)
        .where(or_(Priority.state == PriorityState.AGREED, Priority.id.in_(kept)))
        .order_by(Priority.title)
    )
    return dict(rows.tuples().all())


def unspent(session: Session, contribution_id: UUID) -> list[UnspentOffer]:
    """What was asked about the unspent money of a contribution, the newest first."""
    return list(
        session.scalars(
            select(UnspentOffer)
            .where(UnspentOffer.contribution_id == contribution_id)
            .order_by(UnspentOffer.offered_at.desc(), UnspentOffer.id)
            .limit(50)
        )
    )


def unspent_offer(session: Session, offer_id: UUID, contribution_id: UUID) -> UnspentOffer:
    """One question about unspent money, or ``NotFound``."""
    found = session.get(UnspentOffer, offer_id)
    if found is None or found.contribution_id != contribution_id:
        raise NotFound("There is no such offer.")
    return found


def _unspent(state: UnspentState) -> Select[Any]:
    return (
        select(UnspentOffer.id, UnspentOffer.amount_minor, Contribution.fund_id, Contribution.id, Funder.name)
        .join(Contribution, Contribution.id == UnspentOffer.contribution_id)
        .join(Funder, Funder.id == Contribution.funder_id)
        .where(UnspentOffer.state == state)
        .order_by(UnspentOffer.offered_at, UnspentOffer.id)
        .limit(50)
    )


def unspent_to_answer(who: Who) -> Select[Any] | None:
    """For funders: what is asked about their unspent money, the oldest first. Id, pence, fund, contribution, funder."""
    speaks_for = who.scopes(Role.FUNDER)
    return _unspent(UnspentState.OFFERED).where(Contribution.funder_id.in_(speaks_for)) if speaks_for else None


def unspent_to_return(who: Who) -> Select[Any] | None:
    """For finance officers: what funders want back, likewise."""
    if not who.holds(Role.FINANCE_OFFICER):
        return None
    return _unspent(UnspentState.TO_RETURN).where(who.within(Contribution.fund_id, Role.FINANCE_OFFICER))


@dataclass(frozen=True, slots=True)
class Ending:
    """A contribution whose last day is near or past, and the pence of it that nobody was promised yet."""

    contribution: Contribution
    spend_by: date
    free_minor: int


def ending(session: Session, today: date, fund_ids: Collection[UUID] | None = None) -> list[Ending]:
    """Free money that must be promised within ``WARN_BEFORE``, or should have been, the soonest first; two queries."""
    last = Contribution.restriction["spend_by"].as_string()
    query = _contributions().where(
        Contribution.state != ContributionState.PLEDGED, last <= (today + WARN_BEFORE).isoformat()
    )
    if fund_ids is not None:
        query = query.where(Contribution.fund_id.in_(fund_ids))
    near = list(session.scalars(query.limit(200)))
    pockets = ledger.pockets_of(session, [one.id for one in near])
    found = [
        Ending(one, date.fromisoformat(one.restriction["spend_by"]), pockets[one.id].available_minor)
        for one in near
        if pockets[one.id].available_minor
    ]
    return sorted(found, key=lambda one: (one.spend_by, one.contribution.id))


def near_their_end(who: Who) -> Select[Any] | None:
    """For stewards: free money as in ``ending``, the soonest first. Fund, id, free pence, funder, last day in words."""
    if not who.holds(Role.STEWARD):
        return None
    last = Contribution.restriction["spend_by"].as_string()
    return (
        select(Contribution.fund_id, Contribution.id, -Account.balance_minor, Funder.name, last)
        .join(Funder, Funder.id == Contribution.funder_id)
        .join(Account, (Account.contribution_id == Contribution.id) & (Account.pocket == Pocket.AVAILABLE))
        .where(
            Contribution.state != ContributionState.PLEDGED,
            last <= who.day_in_words(WARN_BEFORE),
            Account.balance_minor != 0,
            who.within(Contribution.fund_id, Role.STEWARD),
        )
        .order_by(last, Contribution.id)
        .limit(200)
    )


@dataclass(frozen=True, slots=True)
class FunderTotals:
    """One funder: how many contributions, and pence promised (agreed or received)."""

    funder: Funder
    count: int
    promised_minor: int


def funders_with_totals(session: Session) -> list[FunderTotals]:
    """Every funder with what they promised, by name."""
    agreed = case((Contribution.state != ContributionState.PLEDGED, Contribution.amount_minor), else_=0)
    rows = session.execute(
        select(Funder, func.count(Contribution.id), func.coalesce(func.sum(agreed), 0))
        .outerjoin(Contribution, Contribution.funder_id == Funder.id)
        .group_by(Funder.id)
        .order_by(Funder.name)
        .limit(500)
    )
    return [FunderTotals(funder, count, int(total)) for funder, count, total in rows]


def checkouts(session: Session, contribution_id: UUID) -> list[Checkout]:
    """What was paid, or begun to be, through a provider's page, the newest first."""
    return list(
        session.scalars(
            select(Checkout)
            .where(Checkout.contribution_id == contribution_id)
            .order_by(Checkout.started_at.desc(), Checkout.id)
            .limit(50)
        )
    )


def checkout(session: Session, checkout_id: UUID, contribution_id: UUID) -> Checkout:
    """One of them, of this contribution, or ``NotFound``."""
    found = session.get(Checkout, checkout_id)
    if found is None or found.contribution_id != contribution_id:
        raise NotFound("There is no such payment.")
    return found


def taken_back(session: Session, contribution_id: UUID) -> list[TakenBack]:
    """What of such payments went back to the payer, the earliest first."""
    return list(
        session.scalars(
            select(TakenBack)
            .where(TakenBack.contribution_id == contribution_id)
            .order_by(TakenBack.told_at, TakenBack.id)
            .limit(50)
        )
    )


def ways_back(session: Session, taken: Iterable[TakenBack]) -> dict[UUID, WayBack]:
    """How far each refund is of which the provider has not said yet that it is done."""
    going = [one for one in taken if not (one.disputed or one.over or one.undone_at)]
    unsent = outbox.unsent(session, [one.key for one in going]) if going else {}
    return {
        one.id: way_back(
            handed_over=one.key not in unsent,
            tries=unsent[one.key].attempts if one.key in unsent else 0,
            given_up=one.key in unsent and unsent[one.key].given_up_at is not None,
        )
        for one in going
    }


def one_taken_back(session: Session, taken_back_id: UUID, contribution_id: UUID) -> TakenBack:
    """One of them, of this contribution, or ``NotFound``."""
    found = session.get(TakenBack, taken_back_id)
    if found is None or found.contribution_id != contribution_id:
        raise NotFound("There is no such payment.")
    return found
