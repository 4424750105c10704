"""Asks that wait, and what was granted: each page in a bounded number of queries."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session, aliased, joinedload

from grants.awards.models import Award
from grants.awards.rules import HOLDS_MONEY
from grants.funds import queries as funds
from grants.funds.rules import explain, match
from grants.kernel.actors import Role
from grants.kernel.asking import Who
from grants.kernel.clock import london_day
from grants.kernel.errors import NotFound
from grants.kernel.money import show_pounds
from grants.people import queries as people
from grants.people.models import Group
from grants.priorities.models import Priority
from grants.proposals.models import Proposal, ProposalSnapshot
from grants.proposals.queries import whole
from grants.proposals.rules.states import ProposalState
from grants.quick import rules
from grants.quick.access import DECIDERS
from grants.quick.models import QuickDecision, QuickOpinion
from grants.quick.rules import NoCode, Opinion, Says, Standing
from grants.review import queries as review
from grants.rounds import queries as rounds
from grants.rounds.models import Round
from grants.rounds.rules.states import RoundKind

PER_PAGE = 24
MOST_WAITING = 200
UNANSWERED = (ProposalState.SUBMITTED, ProposalState.MORE_INFO_REQUESTED)


@dataclass(frozen=True, slots=True)
class Ask:
    """An ask that is in, with what was said about it as it stands. ``by``: the last day to answer it."""

    proposal: Proposal
    copy: int
    put_in_at: datetime
    by: date
    opinions: tuple[Opinion, ...]

    @property
    def standing(self) -> Standing:
        """What it waits for."""
        return rules.standing(self.opinions)

    def has_said(self, person_id: UUID | None) -> bool:
        """Whether this person has answered it as it stands."""
        return any(one.person_id == person_id for one in self.opinions)


def waiting(session: Session, fund_ids: Collection[UUID] | None) -> list[Ask]:
    """Asks of these funds (None: of all) that wait for an answer, the longest first; at most 200. Four queries."""
    fund = [] if fund_ids is None else [Round.fund_id.in_(fund_ids)]
    found = _asks(session, Proposal.state == ProposalState.SUBMITTED, *fund)
    return sorted(found, key=lambda one: (one.put_in_at, one.proposal.id))


def mine_wait(who: Who) -> Select[Any] | None:
    """For those who decide: asks in their funds about which they can say something now, as ``mine``; longest first.

    Title, when it was put in, working days in which the round answers.
    """
    if not who.holds(*DECIDERS) or who.holds(Role.AUDITOR):
        return None
    each = aliased(ProposalSnapshot)
    newest = select(func.max(each.number)).where(each.proposal_id == Proposal.id).correlate(Proposal).scalar_subquery()
    said = exists().where(
        QuickOpinion.proposal_id == Proposal.id,
        QuickOpinion.copy == ProposalSnapshot.number,
        QuickOpinion.person_id == who.me,
    )
    return (
        select(Proposal.title, ProposalSnapshot.taken_at, Round.terms["decide_days"].as_integer())
        .join(Round, Round.id == Proposal.round_id)
        .join(ProposalSnapshot, ProposalSnapshot.proposal_id == Proposal.id)
        .where(
            Proposal.state == ProposalState.SUBMITTED,
            Round.kind == RoundKind.QUICK,
            who.within(Round.fund_id, *DECIDERS),
            ProposalSnapshot.number == newest,
            ~said,
            ~review.tied_to(who.me),
        )
        .order_by(ProposalSnapshot.taken_at, Proposal.id)
        .limit(MOST_WAITING)
    )


def ask(session: Session, proposal_id: UUID) -> Ask:
    """One ask that was put in, or ``NotFound``."""
    found = _asks(session, Proposal.id == proposal_id)
    if not found:
        raise NotFound("There is no such ask.")
    return found[0]


def of_groups(session: Session, group_ids: Collection[UUID]) -> list[Ask]:
    """These groups' asks that wait for an answer, the longest first."""
    if not group_ids:
        return []
    return _asks(session, Proposal.state == ProposalState.SUBMITTED, Proposal.group_id.in_(group_ids))


def _asks(session: Session, *where: ColumnElement[bool]) -> list[Ask]:
    latest = (
        select(ProposalSnapshot.proposal_id, func.max(ProposalSnapshot.number).label("number"))
        .join(Proposal, Proposal.id == ProposalSnapshot.proposal_id)
        .join(Round, Round.id == Proposal.round_id)
        .where(Round.kind == RoundKind.QUICK, *where)
        .group_by(ProposalSnapshot.proposal_id)
        .subquery()
    )
    rows = session.execute(
        select(Proposal, ProposalSnapshot.number, ProposalSnapshot.taken_at)
        .join(Proposal.round)
        .join(latest, latest.c.proposal_id == Proposal.id)
        .join(
            ProposalSnapshot,
            (ProposalSnapshot.proposal_id == Proposal.id) & (ProposalSnapshot.number == latest.c.number),
        )
        .where(Round.kind == RoundKind.QUICK, *where)
        .options(
            joinedload(Proposal.round),
            joinedload(Proposal.group),
            joinedload(Proposal.priority),
        )
        .order_by(ProposalSnapshot.taken_at, Proposal.id)
        .limit(MOST_WAITING)
    ).all()
    said = _opinions(session, {proposal.id: number for proposal, number, _ in rows})
    return [
        Ask(
            proposal,
            number,
            taken_at,
            rules.answer_by(taken_at, rounds.decide_days(proposal.round)),
            tuple(said[proposal.id]),
        )
        for proposal, number, taken_at in rows
    ]


def _opinions(session: Session, copies: dict[UUID, int]) -> dict[UUID, list[Opinion]]:
    found: dict[UUID, list[Opinion]] = defaultdict(list)
    if not copies:
        return found
    query = (
        select(QuickOpinion)
        .where(QuickOpinion.proposal_id.in_(copies))
        .order_by(QuickOpinion.proposal_id, QuickOpinion.copy, QuickOpinion.turn)
    )
    for one in session.scalars(query):
        if one.copy == copies[one.proposal_id]:
            found[one.proposal_id].append(Opinion(one.person_id, one.says, one.code, one.reason))
    return found


def said(session: Session, proposal_id: UUID) -> list[QuickOpinion]:
    """All that was ever said to an ask, of older copies too, the first first: for auditors and whoever decides."""
    query = select(QuickOpinion).where(QuickOpinion.proposal_id == proposal_id)
    return list(session.scalars(query.order_by(QuickOpinion.copy, QuickOpinion.turn).limit(100)))


def names(session: Session, ids: Collection[UUID]) -> dict[UUID, str]:
    """Names of those who said something."""
    return people.names(session, ids)


def deciders(session: Session, fund_id: UUID) -> set[UUID]:
    """Ids of everybody who may decide about the fund's quick grants, whatever their interests."""
    auditors = {one.id for one in people.holders_of_any(session, [Role.AUDITOR], [fund_id])}
    return {one.id for one in people.holders_of_any(session, DECIDERS, [fund_id])} - auditors


def interested(session: Session, asks: Sequence[Ask]) -> dict[UUID, set[UUID]]:
    """Proposal → everybody with a hard interest in it, as the panel's rules have it. Bounded queries."""
    found: dict[UUID, set[UUID]] = defaultdict(set)
    if asks:
        for proposal_id, person_id in review.interested(session, [one.proposal for one in asks]):
            found[proposal_id].add(person_id)
    return found


def mine(session: Session, person_id: UUID, fund_ids: Collection[UUID] | None) -> list[Ask]:
    """Asks of these funds (None: of all) about which this person can say something now, the longest first."""
    asks = [one for one in waiting(session, fund_ids) if not one.has_said(person_id)]
    closed = interested(session, asks)
    return [one for one in asks if person_id not in closed[one.proposal.id]]


def why_no_money(session: Session, proposal: Proposal, now: datetime) -> str | None:
    """Why the pot, or what funders allow, cannot bear this ask now, in words; nothing when it can."""
    left, asked = rounds.left_minor(proposal.round), proposal.applied_for_minor
    if asked > left:
        return f"{show_pounds(left)} of this round’s pot is left, and they ask for {show_pounds(asked)}."
    fund_id = proposal.round.fund_id
    shortfall = match([whole.need(proposal, london_day(now))], funds.sources(session, fund_id)).shortfall
    if shortfall is None:
        return None
    return explain(shortfall, funds.names_for(session)) + funds.held_up(session, fund_id)


# ----------------------------------------------------------------------------------------------- what was granted


def decision(session: Session, proposal_id: UUID) -> QuickDecision | None:
    """What was decided about an ask; of a no only its group and officers read the words."""
    return session.get(QuickDecision, proposal_id)


@dataclass(frozen=True, slots=True)
class Grant:
    """A quick grant as everybody sees it. Pence; ``days`` from the day it was put in to the answer."""

    proposal_id: UUID
    title: str
    group_id: UUID
    group_name: str
    priority_id: UUID
    priority_title: str
    awarded_minor: int
    reason: str
    decided_at: datetime
    days: int
    stands: bool
    """False when the group did not take it: the money is free again."""


def granted(session: Session, round_id: UUID, *, page: int = 1, size: int = PER_PAGE) -> list[Grant]:
    """One page of a round's quick grants, the latest first."""
    rows = session.execute(
        select(
            QuickDecision.proposal_id,
            Proposal.title,
            Group.id.label("group_id"),
            Group.name.label("group_name"),
            Priority.id.label("priority_id"),
            Priority.title.label("priority_title"),
            QuickDecision.awarded_minor,
            QuickDecision.reason,
            QuickDecision.decided_at,
            QuickDecision.days,
            Award.state.label("stands"),
        )
        .join(Proposal, Proposal.id == QuickDecision.proposal_id)
        .join(Group, Group.id == Proposal.group_id)
        .join(Priority, Priority.id == Proposal.priority_id)
        .join(Award, Award.proposal_id == Proposal.id)
        .where(QuickDecision.round_id == round_id, QuickDecision.says == Says.YES)
        .order_by(QuickDecision.decided_at.desc(), QuickDecision.proposal_id)
        .limit(size)
        .offset((page - 1) * size)
    )
    return [Grant(**{**row._mapping, "stands": row.stands in HOLDS_MONEY}) for row in rows]


def granted_count(session: Session, round_id: UUID) -> int:
    """How many asks of a round were granted."""
    query = select(func.count()).where(QuickDecision.round_id == round_id, QuickDecision.says == Says.YES)
    return int(session.scalar(query) or 0)


@dataclass(frozen=True, slots=True)
class Counted:
    """What is counted of quick grants. Pence; ``median``: days to an answer, in words of a number."""

    funded: int
    funded_minor: int
    refused: tuple[tuple[NoCode, int], ...]
    waiting: int
    median: str | None

    @property
    def refused_count(self) -> int:
        return sum(size for _, size in self.refused)


def counted(session: Session, *, round_id: UUID | None = None, fund_id: UUID | None = None) -> Counted:
    """Numbers of one round, or of all quick rounds of a fund. Two queries."""
    if round_id is not None:
        where = [Round.id == round_id]
    else:
        where = [Round.fund_id == fund_id, Round.kind == RoundKind.QUICK]
    rows = session.execute(
        select(QuickDecision.says, QuickDecision.code, QuickDecision.awarded_minor, QuickDecision.days, Award.state)
        .join(Round, Round.id == QuickDecision.round_id)
        .outerjoin(Award, Award.proposal_id == QuickDecision.proposal_id)
        .where(*where)
        .order_by(QuickDecision.decided_at.desc())
        .limit(10_000)
    ).all()
    waits = session.scalar(
        select(func.count())
        .select_from(Proposal)
        .join(Proposal.round)
        .where(Round.kind == RoundKind.QUICK, Proposal.state.in_(UNANSWERED), *where)
    )
    stands = [row for row in rows if row.says is Says.YES and row.state in HOLDS_MONEY]
    codes = Counter(row.code for row in rows if row.says is Says.NO)
    return Counted(
        len(stands),
        sum(row.awarded_minor for row in stands),
        tuple((code, codes[code]) for code in NoCode if codes[code]),
        int(waits or 0),
        rules.median(row.days for row in rows),
    )


def unanswered(session: Session, round_id: UUID) -> int:
    """How many asks of a round wait for an answer of ours or of theirs."""
    query = select(func.count()).where(Proposal.round_id == round_id, Proposal.state.in_(UNANSWERED))
    return int(session.scalar(query) or 0)
