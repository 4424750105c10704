"""Rounds as pages and later stages read them."""

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session, joinedload

from grants.funds import queries as funds
from grants.kernel.actors import Role
from grants.kernel.asking import Who
from grants.kernel.errors import NotFound, StepRefused
from grants.people.models import Person
from grants.priorities.models import Priority
from grants.rounds.access import KEY_HOLDERS
from grants.rounds.models import KeyShare, Round, RoundChange, RoundPriority
from grants.rounds.rules.book import RoundDraft, RuleBook
from grants.rounds.rules.dates import RoundDates, phase_at
from grants.rounds.rules.quick import QuickBook, QuickDraft
from grants.rounds.rules.states import RoundKind, RoundState

PER_PAGE = 25
HOLDS_MONEY = (
    RoundState.SCHEDULED,
    RoundState.OPEN,
    RoundState.CLOSED,
    RoundState.CHECKING,
    RoundState.VOTING,
    RoundState.PANEL,
    RoundState.DECIDED,
)
"""States in which a round's pot is set aside for it, and its awards are not in the books yet."""


def dates_of(round: Round) -> RoundDates:
    """The dates as they stand now, with every public change."""
    return RoundDates(
        opens_at=round.opens_at,
        closes_at=round.closes_at,
        voting_opens_at=round.voting_opens_at,
        voting_closes_at=round.voting_closes_at,
        decide_by=round.decide_by,
    )


def moments(round: Round) -> tuple[datetime | None, ...]:
    """When the clock alone changes what is told of the round."""
    return round.opens_at, round.closes_at, round.voting_opens_at, round.voting_closes_at, round.decide_by


def phase(round: Round, now: datetime) -> RoundState:
    """What the round is at this moment: what was written down, and what the clock says."""
    return phase_at(round.state, dates_of(round), now)


def takes_proposals(now: Any) -> ColumnElement[bool]:
    """The condition under which ``phase`` says that a round is open. ``now``: a moment, or its parameter."""
    written = (Round.state == RoundState.OPEN) | ((Round.state == RoundState.SCHEDULED) & (Round.opens_at <= now))
    open_still: ColumnElement[bool] = written & (Round.closes_at > now)
    return open_still


def to_publish_or_check(who: Who) -> Select[Any] | None:
    """For stewards: drafts, and rounds with a vote that have closed for proposals, the next to open first.

    Id, title, state, when it opens, when its vote opens.
    """
    if not who.holds(Role.STEWARD):
        return None
    by_clock = Round.state.in_((RoundState.SCHEDULED, RoundState.OPEN)) & (Round.closes_at <= who.now)
    closed = (Round.state == RoundState.CLOSED) | by_clock
    return (
        select(Round.id, Round.title, Round.state, Round.opens_at, Round.voting_opens_at)
        .where(
            (Round.state == RoundState.DRAFT) | (closed & (Round.kind != RoundKind.QUICK)),
            who.within(Round.fund_id, Role.STEWARD),
        )
        .order_by(Round.opens_at, Round.id)
        .limit(50)
    )


def rule_book(round: Round) -> RuleBook:
    """The frozen rule-book of a round with a panel and a vote.

    Refuses a round that was never scheduled (``StepRefused``), and a quick one (``NotFound``): whoever asks for it
    wants a panel or a vote.
    """
    book = promises(round)
    if isinstance(book, QuickBook):
        raise NotFound("This is a quick round: it has no panel and no vote.")
    return book


def promises(round: Round) -> RuleBook | QuickBook:
    """The frozen rule-book of a round of either kind. Refuses (``StepRefused``) one that was never scheduled."""
    if round.rule_book is None:
        raise StepRefused("This round has no rule-book yet: it has not been scheduled.")
    return _read(round.rule_book, is_quick(round))


@lru_cache(maxsize=64)
def _read(text: str, quick: bool) -> RuleBook | QuickBook:
    """A frozen text says the same each time it is read, and whether it says so in its one right form is work."""
    return QuickBook.from_json(text) if quick else RuleBook.from_json(text)


def is_quick(round: Round) -> bool:
    """Whether two people decide in days, without a panel and a vote."""
    return round.kind is RoundKind.QUICK


def decide_days(round: Round) -> int:
    """Working days in which a quick round answers."""
    return int(round.terms["decide_days"])


def left_minor(round: Round) -> int:
    """Pence of a quick round's pot that were not promised."""
    return round.pot_minor - round.promised_minor


def quick_draft_of(round: Round, priority_ids: Sequence[UUID]) -> QuickDraft:
    """What was written down about a quick round."""
    return QuickDraft.from_terms(
        round.terms,
        title=round.title,
        summary=round.summary,
        fund_id=round.fund_id,
        priority_ids=tuple(priority_ids),
        opens_at=round.opens_at,
        closes_at=round.closes_at,
        pot_minor=round.pot_minor,
        cap_minor=round.cap_minor,
    )


def preview_of(round: Round, priority_ids: Sequence[UUID]) -> RuleBook | QuickBook:
    """The rule-book that a draft would become."""
    if is_quick(round):
        return quick_draft_of(round, priority_ids).book()
    return draft_of(round, priority_ids).preview()


def draft_of(round: Round, priority_ids: Sequence[UUID]) -> RoundDraft:
    """What was written down about a round with a vote."""
    return RoundDraft.from_terms(
        round.terms,
        title=round.title,
        summary=round.summary,
        fund_id=round.fund_id,
        priority_ids=tuple(priority_ids),
        dates=dates_of(round),
        pot_minor=round.pot_minor,
        floor_minor=round.floor_minor,
        cap_minor=round.cap_minor,
    )


def round_with_fund(session: Session, round_id: UUID) -> Round:
    """The round with its fund, or ``NotFound``."""
    found = session.scalar(_round_with_fund(), {"round_id": round_id})
    if found is None:
        raise NotFound("There is no such round.")
    return found


@cache
def _round_with_fund() -> Select[tuple[Round]]:
    return select(Round).where(Round.id == bindparam("round_id")).options(joinedload(Round.fund, innerjoin=True))


def published(session: Session, round_id: UUID) -> Round:
    """A round with a panel and a vote when the public may know of it; ``NotFound`` for a draft and a quick round.

    What leads to ballots, panels and results asks this, so that a quick round has no such pages at all.
    """
    found = published_call(session, round_id)
    if is_quick(found):
        raise NotFound("This is a quick round: it has no panel and no vote.")
    return found


def published_call(session: Session, round_id: UUID) -> Round:
    """A round of either kind when the public may know of it; ``NotFound`` for a draft."""
    found = round_with_fund(session, round_id)
    if found.rule_book_hash is None:
        raise NotFound("There is no such round.")
    return found


def previewed(session: Session, token: str) -> Round:
    """The round behind a preview link, or ``NotFound``."""
    found = session.scalar(select(Round).where(Round.preview_token == token).options(joinedload(Round.fund)))
    if found is None or not secrets.compare_digest(found.preview_token, token):
        raise NotFound("There is no such page.")
    return found


def public_rounds(session: Session, *, limit: int = 100) -> list[Round]:
    """Every round that was scheduled, the latest first, with its fund."""
    return list(session.scalars(_public_rounds(), {"most": limit}))


@cache
def _public_rounds() -> Select[tuple[Round]]:
    return (
        select(Round)
        .where(Round.rule_book_hash.is_not(None))
        .options(joinedload(Round.fund, innerjoin=True))
        .order_by(Round.opens_at.desc(), Round.id)
        .limit(bindparam("most"))
    )


def in_states(
    session: Session, states: Collection[RoundState], fund_ids: Collection[UUID] | None = None, *, limit: int = 50
) -> list[Round]:
    """Rounds written down as being in these states, of these funds (None: of all), the next to open first."""
    query = select(Round).where(Round.state.in_(states)).options(joinedload(Round.fund))
    if fund_ids is not None:
        query = query.where(Round.fund_id.in_(fund_ids))
    return list(session.scalars(query.order_by(Round.opens_at, Round.id).limit(limit)))


def of_fund(session: Session, fund_id: UUID, *, limit: int = 50) -> list[Round]:
    """A fund's scheduled rounds, the latest first."""
    return list(
        session.scalars(
            select(Round)
            .where(Round.fund_id == fund_id, Round.rule_book_hash.is_not(None))
            .options(joinedload(Round.fund))
            .order_by(Round.opens_at.desc(), Round.id)
            .limit(limit)
        )
    )


def of_priority(session: Session, priority_id: UUID, *, limit: int = 25) -> list[Round]:
    """Scheduled rounds that fund activity against a priority, the latest first."""
    return list(
        session.scalars(
            select(Round)
            .join(RoundPriority, RoundPriority.round_id == Round.id)
            .where(RoundPriority.priority_id == priority_id, Round.rule_book_hash.is_not(None))
            .options(joinedload(Round.fund))
            .order_by(Round.opens_at.desc(), Round.id)
            .limit(limit)
        )
    )


def with_a_panel(session: Session, *, but_for: UUID, limit: int = 25) -> list[Round]:
    """Scheduled rounds of ours whose criteria another round could begin with, the latest first."""
    return list(
        session.scalars(
            select(Round)
            .where(Round.rule_book_hash.is_not(None), Round.imported_from.is_(None), Round.id != but_for)
            .order_by(Round.opens_at.desc(), Round.id)
            .limit(limit)
        )
    )


def priority_ids(session: Session, round_id: UUID) -> list[UUID]:
    """The priorities that a round funds activity against, by title."""
    return [priority.id for priority in priorities(session, round_id)]


def priorities(session: Session, round_id: UUID) -> list[Priority]:
    """The round's priorities, by title."""
    return list(
        session.scalars(
            select(Priority)
            .join(RoundPriority, RoundPriority.priority_id == Priority.id)
            .where(RoundPriority.round_id == round_id)
            .order_by(Priority.title, Priority.id)
        )
    )


def changes(session: Session, round_id: UUID) -> list[RoundChange]:
    """Dates that were moved after they were published, the latest first."""
    return list(
        session.scalars(
            select(RoundChange)
            .where(RoundChange.round_id == round_id)
            .order_by(RoundChange.made_at.desc(), RoundChange.date_name)
            .limit(100)
        )
    )


def room_minor(session: Session, fund_id: UUID, but_for: UUID | None = None) -> int:
    """Pence that a new round of this fund could promise: what funders have at least agreed to give, less what the
    books say is committed, on its way or paid, less the pots of other rounds that are not announced yet.

    What a quick round promised stands in the books already, so only the rest of its pot is set aside."""
    pot = funds.pot(session, fund_id)
    query = select(func.coalesce(func.sum(Round.pot_minor - Round.promised_minor), 0)).where(
        Round.fund_id == fund_id, Round.state.in_(HOLDS_MONEY)
    )
    if but_for is not None:
        query = query.where(Round.id != but_for)
    set_aside = int(session.scalar(query) or 0)
    spent = pot.committed_minor + pot.sending_minor + pot.paid_minor
    return funds.promised_minor(session, fund_id) - spent - set_aside


# Where returning officers hold the key.


def key_holders(session: Session, round_id: UUID) -> list[Row[tuple[UUID, datetime | None, datetime | None, str]]]:
    """The round's returning officers by the number of their share: (person, collected at, brought at, name)."""
    return list(
        session.execute(
            select(KeyShare.person_id, KeyShare.collected_at, KeyShare.brought_at, Person.name)
            .join(Person, Person.id == KeyShare.person_id)
            .where(KeyShare.round_id == round_id)
            .order_by(KeyShare.number)
        )
    )


def key_share_of(session: Session, round_id: UUID, person_id: UUID | None) -> KeyShare | None:
    """Whether, and how far, somebody is a returning officer of this round."""
    return session.get(KeyShare, (round_id, person_id)) if person_id is not None else None


def uncollected_shares(session: Session, round_id: UUID) -> int:
    """How many returning officers have not collected their share."""
    waits = (KeyShare.round_id == round_id, KeyShare.collected_at.is_(None))
    return session.scalar(select(func.count()).select_from(KeyShare).where(*waits)) or 0


def shares_to_see_to(who: Who) -> Select[Any] | None:
    """Shares that wait for this person: to be collected, or to be brought now that voting has closed.

    The round's id and title, whether the share was collected, when voting opens and closes.
    """
    if not who.holds(*KEY_HOLDERS):
        return None
    before_vote = (RoundState.SCHEDULED, RoundState.OPEN, RoundState.CLOSED, RoundState.CHECKING)
    closed = and_(Round.state == RoundState.VOTING, Round.voting_closes_at <= who.now, KeyShare.brought_at.is_(None))
    return (
        select(Round.id, Round.title, KeyShare.collected_at.is_not(None), Round.voting_opens_at, Round.voting_closes_at)
        .join(KeyShare, KeyShare.round_id == Round.id)
        .where(
            KeyShare.person_id == who.me,
            or_(and_(Round.state.in_(before_vote), KeyShare.collected_at.is_(None)), closed),
        )
        .order_by(Round.voting_opens_at, Round.id)
        .limit(50)
    )
