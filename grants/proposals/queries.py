"""Proposals as pages and later stages read them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Select, String, Uuid, bindparam, cast, exists, func, or_, select
from sqlalchemy.orm import Session, aliased, joinedload, selectinload
from sqlalchemy.orm.attributes import set_committed_value

from grants.funds.rules import Need
from grants.insights import queries as insights
from grants.insights.models import Insight
from grants.kernel.actors import Role
from grants.kernel.asking import Prepared, Who
from grants.kernel.clock import london_day
from grants.kernel.errors import NotFound
from grants.payees import queries as payees
from grants.payees.queries import PaperHeld
from grants.payees.rules.checks import CheckKind
from grants.people import queries as people
from grants.people.models import Group, Hosting, Membership
from grants.people.rules import GroupKind, HostingState
from grants.proposals.access import Parties
from grants.proposals.models import (
    BudgetLine,
    CommentFlag,
    EligibilityCount,
    ExclusiveBid,
    ExclusiveSet,
    Proposal,
    ProposalComment,
    ProposalFile,
    ProposalHand,
    ProposalInsight,
    ProposalPartner,
    ProposalSnapshot,
    SectionEffort,
)
from grants.proposals.rules.comments import CommentState
from grants.proposals.rules.facts import Community, Facts, Line
from grants.proposals.rules.files import SPOKEN, FileState
from grants.proposals.rules.hands import Hand
from grants.proposals.rules.measures import Bid
from grants.proposals.rules.partners import Partner
from grants.proposals.rules.screening import only_one_of
from grants.proposals.rules.sections import Limits
from grants.proposals.rules.states import PUBLIC, ProposalState
from grants.rounds import queries as rounds
from grants.rounds.models import Round
from grants.rounds.rules.states import RoundKind, RoundState

PER_PAGE = 25
SHOWN = frozenset({RoundState.VOTING, RoundState.PANEL, RoundState.DECIDED, RoundState.ANNOUNCED, RoundState.COMPLETED})
"""Phases of a round in which everybody may read its proposals."""
OPEN_STATES = (ProposalState.DRAFT, ProposalState.AWAITING_SIGN_OFF)
TAKES_PART = (
    ProposalState.ELIGIBLE,
    ProposalState.ON_BALLOT,
    ProposalState.AWARDED,
    ProposalState.RESERVE,
    ProposalState.NOT_FUNDED,
)
"""States in which a proposal takes, or has taken, part in its round's vote."""
IN_HAND = (ProposalState.SUBMITTED, ProposalState.MORE_INFO_REQUESTED, ProposalState.ELIGIBLE)
"""Put in, and not on the ballot so far."""
PUT_IN = tuple(state for state in ProposalState if state not in (*OPEN_STATES, ProposalState.NOT_SUBMITTED))


def parties(session: Session, proposal: Proposal, *, with_host: bool = True) -> Parties:
    """Whose proposal it is, with the host that holds the group's money now and the officers who helped with it.

    The host says nothing of somebody who belongs to no group: then it need not be looked up (``with_host``).
    """
    hosting = people.confirmed_hosting(session, proposal.group_id) if with_host else None
    return Parties(
        proposal.group_id,
        hosting.host_id if hosting else None,
        proposal.round.fund_id,
        typist_id=next((one.person_id for one in proposal.hands if one.part is Hand.TYPED), None),
        hands=frozenset(one.person_id for one in proposal.hands),
    )


@cache  # a statement that is built once knows its key: SQLAlchemy need not work it out for each page
def _one_whole() -> Select[Any]:
    lists = [exists().where(part.proposal_id == Proposal.id) for part, _, _ in _LISTS.values()]
    return (
        select(Proposal, *lists)
        .options(
            joinedload(Proposal.round, innerjoin=True).joinedload(Round.fund, innerjoin=True),
            joinedload(Proposal.group, innerjoin=True),
            joinedload(Proposal.priority),
        )
        .where(Proposal.id == bindparam("proposal_id"))
    )


_LISTS: dict[str, tuple[Any, tuple[Any, ...], tuple[Any, ...]]] = {
    "lines": (BudgetLine, (BudgetLine.position,), ()),
    "joint": (ProposalPartner, (ProposalPartner.position,), ()),
    "hands": (ProposalHand, (ProposalHand.at, ProposalHand.id), ()),
    "files": (ProposalFile, (ProposalFile.added_at, ProposalFile.id), ()),
    "evidence": (ProposalInsight, (), (joinedload(ProposalInsight.insight, innerjoin=True),)),
}
"""The lists of a proposal: of what, in which order, and what is read with it."""


@cache
def _list_of(name: str) -> Select[Any]:
    part, order, options = _LISTS[name]
    return select(part).where(part.proposal_id == bindparam("proposal_id")).order_by(*order).options(*options)


def proposal(session: Session, proposal_id: UUID) -> Proposal:
    """The proposal with its round, group, priority, and budget, or ``NotFound``.

    Its lists are asked for by statements that are made ready once, and only where there is something in them:
    loaders of SQLAlchemy would work out theirs afresh for each page, at four times the cost.
    """
    row = session.execute(_one_whole(), {"proposal_id": proposal_id}).one_or_none()
    if row is None:
        raise NotFound("There is no such proposal.")
    found: Proposal = row[0]
    for name, filled in zip(_LISTS, row[1:], strict=True):
        if name not in found.__dict__:  # what this session has read or changed stands
            parts = session.scalars(_list_of(name), {"proposal_id": proposal_id}).all() if filled else []
            set_committed_value(found, name, parts)
    return found


def signers(session: Session, proposal: Proposal, writer_id: UUID | None) -> list[Membership]:
    """Who may sign off what this writer asks to have signed off, by name: of its group, or for a group of one that
    wrote it itself, of its host. In a quick round anybody else of the group, or who signs off for its host."""
    members = people.members(session, proposal.group_id)
    if rounds.is_quick(proposal.round):
        hosting = people.confirmed_hosting(session, proposal.group_id)
        of_host = [one for one in people.members(session, hosting.host_id) if one.can_sign_off] if hosting else []
        found = {one.person_id: one for one in [*of_host, *members] if one.person_id != writer_id}
        return sorted(found.values(), key=lambda one: (one.person.name, one.person_id))
    if is_alone(members, writer_id):
        hosting = people.confirmed_hosting(session, proposal.group_id)
        members = people.members(session, hosting.host_id) if hosting else []
    return [one for one in members if one.can_sign_off and one.person_id != writer_id]


def is_alone(members: Sequence[Membership], writer_id: UUID | None) -> bool:
    """Whether a group has one member only, who wrote it: then its host signs off. What an officer typed in for
    somebody who is alone, that somebody confirms."""
    return len(members) == 1 and writer_id in (None, members[0].person_id)


def is_public(proposal: Proposal, now: datetime) -> bool:
    """Whether everybody may read it: put in, eligible, and its round's proposals are open to all.

    One that was withdrawn stays listed only when it had come as far as the ballot. Of a quick round's asks, those that
    were granted.
    """
    if rounds.is_quick(proposal.round):
        return proposal.state is ProposalState.AWARDED
    if proposal.state is ProposalState.WITHDRAWN and proposal.number is None:
        return False
    return proposal.state in PUBLIC and open_to_all(proposal.round, now)


def open_to_all(round: Round, now: datetime) -> bool:
    """Whether a round's proposals may be read by everybody: from the moment at which its vote opens.

    Not before: panellists say whether they have an interest before they see a proposal's text, and what they found
    is told when the vote opens (docs/decisions/0014). Asks of a quick round are told one by one, elsewhere.
    """
    return not rounds.is_quick(round) and rounds.phase(round, now) in SHOWN


def of_round(session: Session, round_id: UUID, states: Collection[ProposalState] | None = None) -> list[Proposal]:
    """A round's proposals in these states (None: in all), by number on the ballot, then by title; at most 2,000.

    Each with its group and its priority.
    """
    query = (
        select(Proposal)
        .where(Proposal.round_id == round_id)
        .options(joinedload(Proposal.group), joinedload(Proposal.priority))
        .order_by(func.coalesce(Proposal.number, 1_000_000), Proposal.title, Proposal.id)
        .limit(2_000)
    )
    if states is not None:
        query = query.where(Proposal.state.in_(states))
    return list(session.scalars(query))


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A bid that did not win, or that its group withdrew, and no more of it than results tell."""

    id: UUID
    title: str
    state: ProposalState
    number: int | None
    kept_off_reason: str | None


def left_out(session: Session, round_id: UUID) -> list[LeftOut]:
    """A round's bids that did not win or were withdrawn, by number on the ballot, then by title; at most 2,000."""
    return [LeftOut(*row) for row in _left_out().told(session, round_id=round_id)]


@cache
def _left_out() -> Prepared:
    return Prepared(
        lambda: (
            select(Proposal.id, Proposal.title, Proposal.state, Proposal.number, Proposal.kept_off_reason)
            .where(
                Proposal.round_id == bindparam("round_id", None, type_=Uuid()),
                Proposal.state.in_((ProposalState.NOT_FUNDED, ProposalState.WITHDRAWN)),
            )
            .order_by(func.coalesce(Proposal.number, 1_000_000), Proposal.title, Proposal.id)
            .limit(2_000)
        )
    )


def eligible(session: Session, round_id: UUID) -> list[Proposal]:
    """Proposals that passed the eligibility check and are not on the ballot so far, by title."""
    return of_round(session, round_id, (ProposalState.ELIGIBLE,))


def exclusive_sets(session: Session, round_id: UUID) -> list[ExclusiveSet]:
    """A round's sets of bids of which only one can win, each with its bids; lifted ones too, the first first."""
    return list(session.scalars(_exclusive_sets(), {"round_id": round_id}))


@cache
def _exclusive_sets() -> Select[tuple[ExclusiveSet]]:
    return (
        select(ExclusiveSet)
        .where(ExclusiveSet.round_id == bindparam("round_id"))
        .options(selectinload(ExclusiveSet.bids))
        .order_by(ExclusiveSet.set_at, ExclusiveSet.id)
        .limit(500)
    )


def exclusions(session: Session, round_id: UUID) -> dict[UUID, tuple[UUID, ...]]:
    """Proposal → the sets that stand and in which another bid takes part too, in order; the others are left out."""
    return _excluding(session, round_id, _standing_sets(session, round_id))


def _excluding(session: Session, round_id: UUID, sets: Sequence[ExclusiveSet]) -> dict[UUID, tuple[UUID, ...]]:
    standing = [(one.id, [bid.proposal_id for bid in one.bids]) for one in sets]
    if not standing:
        return {}
    gone = select(Proposal.id).where(Proposal.round_id == round_id, Proposal.state.not_in(TAKES_PART))
    out, found = set(session.scalars(gone)), dict[UUID, tuple[UUID, ...]]()
    for set_id, bids in sorted(standing):
        if len(left := [id for id in bids if id not in out]) > 1:
            for id in left:
                found[id] = (*found.get(id, ()), set_id)
    return found


def only_one_words(session: Session, round_id: UUID) -> dict[UUID, str]:
    """Proposal → what everybody is told of those beside which it cannot win; proposals without any are left out."""
    sets: dict[UUID, tuple[str, dict[UUID, str]]] = {}
    for set_id, reason, proposal_id, title in _one_of_sets().told(session, round_id=round_id):
        sets.setdefault(set_id, (reason, {}))[1][proposal_id] = title
    words: dict[UUID, list[str]] = {}
    for reason, bids in (sets[id] for id in sorted(sets)):
        for mine in bids if len(bids) > 1 else ():
            others = [title for id, title in bids.items() if id != mine]
            words.setdefault(mine, []).append(only_one_of(others, reason))
    return {id: " ".join(told) for id, told in words.items()}


@cache
def _one_of_sets() -> Prepared:
    """(set, its reason, a bid of it that takes part, its title) of a round's sets that stand."""
    return Prepared(
        lambda: (
            select(ExclusiveSet.id, ExclusiveSet.reason, Proposal.id, Proposal.title)
            .join(ExclusiveBid, ExclusiveBid.set_id == ExclusiveSet.id)
            .join(Proposal, Proposal.id == ExclusiveBid.proposal_id)
            .where(
                ExclusiveSet.round_id == bindparam("round_id", None, type_=Uuid()),
                ExclusiveSet.lifted_at.is_(None),
                Proposal.state.in_(TAKES_PART),
            )
            .order_by(ExclusiveSet.id, Proposal.id)
            .limit(10_000)
        )
    )


def _standing_sets(session: Session, round_id: UUID) -> list[ExclusiveSet]:
    return [one for one in exclusive_sets(session, round_id) if one.lifted_at is None]


def counts(session: Session, round_id: UUID) -> dict[ProposalState, int]:
    """How many proposals of a round are in each state; states without any are left out."""
    rows = session.execute(
        select(Proposal.state, func.count()).where(Proposal.round_id == round_id).group_by(Proposal.state)
    )
    return {state: int(size) for state, size in rows}


def unscreened_count(session: Session, round_id: UUID) -> int:
    """How many proposals that were put in still wait for their eligibility check, or for an answer to a question."""
    found = counts(session, round_id)
    return found.get(ProposalState.SUBMITTED, 0) + found.get(ProposalState.MORE_INFO_REQUESTED, 0)


def public_ids(session: Session, round_id: UUID) -> list[UUID]:
    """Ids of a round's public proposals, by id; at most 2,000. Ask only once they are ``open_to_all``."""
    return list(session.scalars(_public(round_id)))


def _public(round_id: object) -> Select[tuple[UUID]]:
    return (
        select(Proposal.id)
        .where(
            Proposal.round_id == round_id,
            Proposal.state.in_(PUBLIC),
            (Proposal.state != ProposalState.WITHDRAWN) | Proposal.number.is_not(None),
        )
        .order_by(Proposal.id)
        .limit(2_000)
    )


def listed_ids(session: Session, round_id: UUID) -> list[str]:
    """The same ids as text, for a list that shows few of them at a time."""
    return [id for (id,) in _listed_ids().told(session, round_id=round_id)]


@cache
def _listed_ids() -> Prepared:
    return Prepared(
        lambda: _public(bindparam("round_id", None, type_=Uuid())).with_only_columns(cast(Proposal.id, String))
    )


@dataclass(frozen=True, slots=True)
class Card:
    """No more of a proposal than a list shows."""

    id: UUID
    state: ProposalState
    title: str
    summary: str | None
    applied_for_minor: int
    number: int | None
    kept_off_reason: str | None
    group_name: str


def cards(session: Session, ids: Sequence[UUID]) -> list[Card]:
    """These proposals in the order of ``ids``: a page of a list, so at most ``PER_PAGE``."""
    if not ids:
        return []
    given = {f"id_{at}": ids[min(at, len(ids) - 1)] for at in range(PER_PAGE)}
    found = {row[0]: Card(*row) for row in _cards().told(session, **given)}
    return [found[id] for id in ids if id in found]


@cache
def _cards() -> Prepared:
    ids = [bindparam(f"id_{at}", None, type_=Uuid()) for at in range(PER_PAGE)]
    return Prepared(
        lambda: select(
            Proposal.id, Proposal.state, Proposal.title, Proposal.summary, Proposal.applied_for_minor, Proposal.number,
            Proposal.kept_off_reason, Group.name,
        )
        .join(Group, Group.id == Proposal.group_id)
        .where(Proposal.id.in_(ids))
        .order_by(Proposal.id)
    )  # fmt: skip


def by_ids(session: Session, ids: Collection[UUID]) -> list[Proposal]:
    """These proposals with group and priority, in the order of ``ids``."""
    if not ids:
        return []
    query = (
        select(Proposal)
        .where(Proposal.id.in_(ids))
        .options(joinedload(Proposal.group), joinedload(Proposal.priority))
        .order_by(Proposal.id)
    )
    found = {one.id: one for one in session.scalars(query)}
    return [found[id] for id in ids if id in found]


def of_groups(
    session: Session,
    group_ids: Collection[UUID],
    states: Collection[ProposalState] | None = None,
    *,
    round_id: UUID | None = None,
    limit: int = 50,
) -> list[Proposal]:
    """These groups' proposals, the latest first, each with its round."""
    if not group_ids:
        return []
    query = (
        select(Proposal)
        .where(Proposal.group_id.in_(group_ids))
        .options(joinedload(Proposal.round), joinedload(Proposal.group))
        .order_by(Proposal.started_at.desc(), Proposal.id)
        .limit(limit)
    )
    if states is not None:
        query = query.where(Proposal.state.in_(states))
    if round_id is not None:
        query = query.where(Proposal.round_id == round_id)
    return list(session.scalars(query))


def public_of_priority(session: Session, priority_id: UUID, now: datetime, *, limit: int = 25) -> list[Proposal]:
    """Public proposals that answer a priority, the latest first."""
    return _public_where(session, Proposal.priority_id == priority_id, now, limit)


def public_of_group(session: Session, group_id: UUID, now: datetime, *, limit: int = 25) -> list[Proposal]:
    """A group's public proposals, the latest first."""
    return _public_where(session, Proposal.group_id == group_id, now, limit)


def _public_where(session: Session, condition: object, now: datetime, limit: int) -> list[Proposal]:
    query = (
        select(Proposal)
        .join(Proposal.round)
        .where(
            condition,  # type: ignore[arg-type]
            Proposal.state.in_(PUBLIC),
            or_(
                Round.panel_locked_at.is_not(None),
                (Round.kind == RoundKind.QUICK) & (Proposal.state == ProposalState.AWARDED),
            ),
        )
        .options(joinedload(Proposal.round), joinedload(Proposal.group), joinedload(Proposal.priority))
        .order_by(Proposal.submitted_at.desc(), Proposal.id)
        .limit(limit)
    )
    return [one for one in session.scalars(query) if is_public(one, now)]


def to_screen(who: Who) -> Select[Any] | None:
    """For stewards: rounds that have closed for proposals, and how many proposals wait there.

    Id, title, when voting opens, how many.
    """
    if not who.holds(Role.STEWARD):
        return None
    waiting = (
        select(Proposal.round_id, func.count().label("size"))
        .where(Proposal.state == ProposalState.SUBMITTED)
        .group_by(Proposal.round_id)
        .subquery()
    )
    return (
        select(Round.id, Round.title, Round.voting_opens_at, waiting.c.size)
        .join(waiting, waiting.c.round_id == Round.id)
        .where(
            Round.closes_at <= who.now,
            Round.state != RoundState.CANCELLED,
            Round.kind == RoundKind.STANDARD,
            who.within(Round.fund_id, Role.STEWARD),
        )
        .order_by(Round.closes_at, Round.id)
        .limit(25)
    )


def _unfinished(*where: ColumnElement[bool]) -> Select[Any]:
    """Id, title, state, group, its name, writer, why it came back, the round's kind, when it closes."""
    return (
        select(
            Proposal.id,
            Proposal.title,
            Proposal.state,
            Proposal.group_id,
            Group.name,
            Proposal.writer_id,
            Proposal.sent_back_reason,
            Round.kind,
            Round.closes_at,
        )
        .join(Round, Round.id == Proposal.round_id)
        .join(Group, Group.id == Proposal.group_id)
        .where(*where)
        .order_by(Proposal.started_at.desc(), Proposal.id)
        .limit(25)
    )


def unfinished(who: Who) -> Select[Any] | None:
    """Proposals of somebody's groups that are being written or signed off, in rounds that are open, latest first."""
    mine = [*who.edits, *who.signs]
    if not mine:
        return None
    return _unfinished(Proposal.group_id.in_(mine), Proposal.state.in_(OPEN_STATES), rounds.takes_proposals(who.now))


def typed_in(who: Who) -> Select[Any] | None:
    """The same of what an officer types in, or typed in, for groups."""
    if not who.holds(Role.STEWARD, Role.CONNECTOR):
        return None
    typed = select(ProposalHand.proposal_id).where(ProposalHand.person_id == who.me, ProposalHand.part == Hand.TYPED)
    return _unfinished(Proposal.id.in_(typed), Proposal.state.in_(OPEN_STATES), rounds.takes_proposals(who.now))


def hosted_waiting(who: Who) -> Select[Any] | None:
    """Proposals of groups of one that wait for sign-off by a host for which somebody signs, and not a group of theirs;
    the latest first."""
    hosts = who.signs
    if not hosts:
        return None
    size = (
        select(func.count())
        .where(Membership.group_id == Proposal.group_id, Membership.ended_at.is_(None))
        .correlate(Proposal)
        .scalar_subquery()
    )
    held = select(Hosting.id).where(Hosting.host_id.in_(hosts), Hosting.state == HostingState.CONFIRMED)
    return _unfinished(
        Proposal.state == ProposalState.AWAITING_SIGN_OFF,
        Proposal.hosting_id.in_(held),
        Proposal.group_id.not_in(who.groups),
        size == 1,
        rounds.takes_proposals(who.now),
    )


def to_tell_more(who: Who) -> Select[Any] | None:
    """Proposals of somebody's groups about which a question was asked. Id, title, group's name, until when."""
    mine = [*who.edits, *who.signs]
    if not mine:
        return None
    return (
        select(Proposal.id, Proposal.title, Group.name, Proposal.asked_until)
        .join(Group, Group.id == Proposal.group_id)
        .where(
            Proposal.group_id.in_(mine),
            Proposal.state == ProposalState.MORE_INFO_REQUESTED,
            Proposal.asked_until > who.now,
        )
        .order_by(Proposal.asked_until, Proposal.id)
        .limit(25)
    )


def past_deadline(session: Session, now: datetime, *, limit: int = 500) -> list[UUID]:
    """Ids of unfinished proposals whose round has closed for proposals."""
    query = (
        select(Proposal.id)
        .join(Proposal.round)
        .where(
            Proposal.state.in_(OPEN_STATES),
            Round.closes_at <= now,
            Round.state.not_in((RoundState.DRAFT, RoundState.CANCELLED)),
        )
        .order_by(Proposal.id)
        .limit(limit)
    )
    return list(session.scalars(query))


def unanswered(session: Session, now: datetime, *, limit: int = 500) -> list[UUID]:
    """Ids of proposals about which something was asked and not answered in time."""
    query = select(Proposal.id).where(Proposal.state == ProposalState.MORE_INFO_REQUESTED, Proposal.asked_until <= now)
    return list(session.scalars(query.order_by(Proposal.id).limit(limit)))


def snapshots(session: Session, proposal_id: UUID) -> list[ProposalSnapshot]:
    """What was put in, each time it was put in, the first first."""
    return list(
        session.scalars(
            select(ProposalSnapshot)
            .where(ProposalSnapshot.proposal_id == proposal_id)
            .order_by(ProposalSnapshot.number)
            .limit(100)
        )
    )


def needs_host(group: Group) -> bool:
    """Whether somebody else must hold the group's money: it is not constituted, or has no bank account."""
    return not group.has_bank_account or group.kind is GroupKind.UNCONSTITUTED


def facts(session: Session, proposal: Proposal, *, hosted: bool | None = None) -> Facts:
    """All that the proposal says, as the rules want it. ``hosted``: whether a host holds its group's money now, where
    that is known already."""
    needs = needs_host(proposal.group)
    if hosted is None:
        hosted = needs and people.confirmed_hosting(session, proposal.group_id) is not None
    return Facts(
        title=proposal.title,
        summary=proposal.summary or "",
        what=proposal.what or "",
        spoken=any(one.kind in SPOKEN and one.state is not FileState.INFECTED for one in proposal.files),
        starts_on=proposal.starts_on,
        ends_on=proposal.ends_on,
        for_whom=proposal.for_whom or "",
        communities=tuple(proposal.communities),
        seldom_heard=proposal.seldom_heard or "",
        anywhere=proposal.anywhere,
        ward_codes=tuple(proposal.ward_codes),
        venue_postcode=proposal.venue_postcode or "",
        imd_deciles=tuple(proposal.imd_deciles),
        priority_id=proposal.priority_id,
        answers_need=proposal.answers_need or "",
        approaches=tuple(proposal.approaches),
        level=proposal.level,
        insight_ids=tuple(sorted(one.insight_id for one in proposal.evidence)),
        outcomes_hoped=proposal.outcomes_hoped or "",
        outcomes_seen=proposal.outcomes_seen or "",
        second_hoped=proposal.second_hoped or "",
        second_seen=proposal.second_seen or "",
        equality=proposal.equality or "",
        poverty=proposal.poverty or "",
        at_risk=proposal.at_risk,
        safeguarding=proposal.safeguarding or "",
        policy_held=bool(proposal.at_risk) and not proposal.safeguarding and policy(session, proposal) is not None,
        smaller_minor=proposal.smaller_minor,
        smaller_achieves=proposal.smaller_achieves or "",
        lines=tuple(Line(line.what, line.amount_minor, line.in_kind, line.lasting) for line in proposal.lines),
        partners=proposal.partners or "",
        joint=tuple(Partner(one.name, one.role, one.email or "", one.share_minor, one.state) for one in proposal.joint),
        needs_host=needs,
        hosted=needs and hosted,
        contact_name=proposal.contact_name or "",
        contact_email=proposal.contact_email or "",
        contact_phone=proposal.contact_phone or "",
        help_received=proposal.help_received,
    )


def policy(session: Session, proposal: Proposal) -> PaperHeld | None:
    """How its group keeps people safe, as it told for an earlier grant, if that is in date until the round closes."""
    held = payees.papers(session, proposal.group_id, london_day(proposal.round.closes_at))
    return next((one for one in held if one.kind is CheckKind.SAFEGUARDING and one.in_date), None)


def limits(session: Session, round: Round) -> Limits:
    """What the round asks of every proposal."""
    return Limits(round.floor_minor, round.cap_minor, frozenset(rounds.priority_ids(session, round.id)))


def need(proposal: Proposal, on: date) -> Need:
    """What it would ask of the pot, promised on a London day."""
    return Need(
        id=proposal.id,
        amount_minor=proposal.applied_for_minor,
        ward_codes=frozenset(proposal.ward_codes),
        imd_deciles=frozenset(proposal.imd_deciles),
        priority_id=proposal.priority_id,
        beneficiaries=frozenset(proposal.communities) - {Community.EVERYBODY.value},
        group_kind=proposal.group.kind.value,
        spending=frozenset("capital" if line.lasting else "revenue" for line in proposal.lines if not line.in_kind),
        on=on,
    )


def partner_by_token(session: Session, token: str) -> ProposalPartner | None:
    """The partner who was written to with this link, with the proposal; nothing once they have answered."""
    return session.scalar(
        select(ProposalPartner)
        .where(ProposalPartner.token_hash == people.token_hash(token))
        .options(joinedload(ProposalPartner.proposal).joinedload(Proposal.group))
    )


def heard(proposal: Proposal) -> list[Insight]:
    """What communities said that a proposal answers, newest first; it was loaded with the proposal."""
    by_id = sorted((one.insight for one in proposal.evidence), key=lambda one: one.id)
    return sorted(by_id, key=lambda one: one.recorded_at, reverse=True)


def insights_of(session: Session, ids: Collection[UUID]) -> list[Insight]:
    """What communities said that a proposal answers, newest first."""
    return insights.by_ids(session, ids) if ids else []


def reusable(session: Session, group_id: UUID, round_id: UUID) -> list[Proposal]:
    """Earlier proposals of a group from which a new one could take over what it says, the latest first."""
    return [
        one
        for one in of_groups(session, [group_id], limit=10)
        if one.round_id != round_id and one.section_versions and one.title
    ]


def eligibility_counts(session: Session, round_id: UUID) -> list[tuple[str, int]]:
    """How the questions before a proposal ended, the most frequent first."""
    query = select(EligibilityCount.outcome, EligibilityCount.times).where(EligibilityCount.round_id == round_id)
    return [(outcome, times) for outcome, times in session.execute(query.order_by(EligibilityCount.times.desc()))]


def file(session: Session, file_id: UUID) -> ProposalFile:
    """A file of a proposal, or ``NotFound``."""
    found = session.get(ProposalFile, file_id)
    if found is None:
        raise NotFound("There is no such file.")
    return found


@dataclass(frozen=True, slots=True)
class Said:
    """A question on a proposal's page with its answers, or an answer."""

    id: UUID
    answers_id: UUID | None
    words: str
    said_at: datetime
    state: CommentState
    hidden_reason: str | None
    answers: list["Said"] = field(default_factory=list)


def questions(session: Session, proposal_id: UUID, *, limit: int = 100) -> list[Said]:
    """The questions about a proposal with their answers, hidden ones too, the first first."""
    said = [Said(*row) for row in _said().told(session, proposal_id=proposal_id, most=limit)]
    asked = {one.id: one for one in said if one.answers_id is None}
    for one in said:
        if one.answers_id is not None:
            asked[one.answers_id].answers.append(one)
    return list(asked.values())


@cache
def _said() -> Prepared:
    """So many questions and all their answers, in the order in which they were written."""
    comment, asked = ProposalComment, aliased(ProposalComment)
    first = (
        select(asked.id)
        .where(asked.proposal_id == bindparam("proposal_id", None, type_=Uuid()), asked.answers_id.is_(None))
        .order_by(asked.said_at, asked.id)
        .limit(bindparam("most", None, type_=Integer()))
    ).cte("first")
    of_these = select(first.c.id)
    return Prepared(
        lambda: (
            select(comment.id, comment.answers_id, comment.words, comment.said_at, comment.state, comment.hidden_reason)
            .where(or_(comment.id.in_(of_these), comment.answers_id.in_(of_these)))
            .order_by(comment.said_at, comment.id)
        )
    )


def comment(session: Session, comment_id: UUID) -> ProposalComment:
    """A question or an answer, or ``NotFound``."""
    found = session.get(ProposalComment, comment_id)
    if found is None:
        raise NotFound("There is no such question.")
    return found


def unanswered_questions(who: Who) -> Select[Any] | None:
    """Proposals of groups somebody writes for with questions that nobody has answered. Id, title, how many."""
    mine = who.edits
    if not mine:
        return None
    answer = aliased(ProposalComment)
    return (
        select(Proposal.id, Proposal.title, func.count(ProposalComment.id))
        .join(ProposalComment, ProposalComment.proposal_id == Proposal.id)
        .where(
            Proposal.group_id.in_(mine),
            Proposal.state == ProposalState.ON_BALLOT,
            ProposalComment.answers_id.is_(None),
            ProposalComment.state == CommentState.SHOWN,
            ~exists().where(answer.answers_id == ProposalComment.id),
        )
        .group_by(Proposal.id, Proposal.title)
        .order_by(Proposal.title, Proposal.id)
        .limit(25)
    )


def flagged(who: Who) -> Select[Any] | None:
    """For stewards: proposals with flags that no moderator has looked at. Id, title, how many."""
    if not who.holds(Role.STEWARD):
        return None
    return (
        select(Proposal.id, Proposal.title, func.count())
        .join(ProposalComment, ProposalComment.proposal_id == Proposal.id)
        .join(CommentFlag, CommentFlag.comment_id == ProposalComment.id)
        .join(Round, Round.id == Proposal.round_id)
        .where(CommentFlag.settled_at.is_(None), who.within(Round.fund_id, Role.STEWARD))
        .group_by(Proposal.id, Proposal.title)
        .order_by(Proposal.title, Proposal.id)
        .limit(25)
    )


def flags_of(session: Session, proposal_id: UUID) -> dict[UUID, list[str]]:
    """Comment → why people flagged it, for a moderator; those that were settled are left out."""
    rows = session.execute(
        select(CommentFlag.comment_id, CommentFlag.why)
        .join(ProposalComment, ProposalComment.id == CommentFlag.comment_id)
        .where(ProposalComment.proposal_id == proposal_id, CommentFlag.settled_at.is_(None))
        .order_by(CommentFlag.flagged_at, CommentFlag.person_id)
        .limit(200)
    )
    found: dict[UUID, list[str]] = {}
    for comment_id, why in rows:
        found.setdefault(comment_id, []).append(why)
    return found


def effort(session: Session, round_id: UUID) -> dict[str, tuple[int, int]]:
    """Section → how often it was saved, and seconds in all."""
    rows = session.execute(
        select(SectionEffort.section, SectionEffort.saves, SectionEffort.seconds)
        .where(SectionEffort.round_id == round_id)
        .order_by(SectionEffort.section)
    )
    return {section: (saves, seconds) for section, saves, seconds in rows}


def asked_in(session: Session, round_id: UUID) -> int:
    """What all proposals that were put in ask for, in pence."""
    total = select(func.coalesce(func.sum(Proposal.applied_for_minor), 0)).where(
        Proposal.round_id == round_id, Proposal.state.in_(PUT_IN)
    )
    return int(session.scalar(total) or 0)


def outcomes(session: Session, round_id: UUID, wards: Mapping[str, str]) -> list[Bid]:
    """What the measures look at of every proposal that was put in; ``wards``: names by code. At most 2,000."""
    rows = session.execute(
        select(Proposal.ward_codes, Proposal.imd_deciles, Group.kind, Proposal.help_received, Proposal.state)
        .join(Proposal.group)
        .where(Proposal.round_id == round_id, Proposal.state.in_(PUT_IN))
        .order_by(Proposal.id)
        .limit(2_000)
    )
    return [
        Bid(
            wards=tuple(wards.get(code, "Elsewhere") for code in codes),
            deciles=tuple(deciles),
            kind=kind,
            help_received=help_received,
            won=state is ProposalState.AWARDED,
        )
        for codes, deciles, kind, help_received, state in rows
    ]


def abandoned(session: Session, round_id: UUID) -> list[dict[str, Any]]:
    """For each proposal of a round that was begun and never put in: how often each section was saved. No names."""
    rows = session.scalars(
        select(Proposal.section_versions)
        .where(Proposal.round_id == round_id, Proposal.state == ProposalState.NOT_SUBMITTED)
        .order_by(Proposal.id)
        .limit(2_000)
    )
    return list(rows)


def typed_by(
    session: Session, person_id: UUID, states: Collection[ProposalState], *, limit: int = 25
) -> list[Proposal]:
    """Proposals in these states that an officer types in, or typed in, for their groups; the latest first."""
    query = (
        select(Proposal)
        .join(Proposal.hands)
        .where(ProposalHand.person_id == person_id, ProposalHand.part == Hand.TYPED, Proposal.state.in_(states))
        .options(joinedload(Proposal.round), joinedload(Proposal.group))
        .order_by(Proposal.started_at.desc(), Proposal.id)
        .limit(limit)
    )
    return list(session.scalars(query))


def to_confirm(session: Session, round_id: UUID) -> list[Proposal]:
    """Typed-in proposals of a round that wait for their group's word, the earliest first; each with who typed it."""
    query = (
        select(Proposal)
        .join(Proposal.hands)
        .where(
            Proposal.round_id == round_id,
            Proposal.state.in_((ProposalState.AWAITING_SIGN_OFF, ProposalState.MORE_INFO_REQUESTED)),
            ProposalHand.part == Hand.TYPED,
            Proposal.writer_id == ProposalHand.person_id,
        )
        .options(joinedload(Proposal.group), joinedload(Proposal.round), selectinload(Proposal.hands))
        .order_by(Proposal.started_at, Proposal.id)
        .limit(100)
    )
    return list(session.scalars(query))


def to_sum_up(session: Session, round_id: UUID) -> list[ProposalFile]:
    """Recordings of a round's proposals that were put in, of which nobody wrote down what they say; each with its
    proposal's id."""
    query = (
        select(ProposalFile)
        .join(Proposal, Proposal.id == ProposalFile.proposal_id)
        .where(
            Proposal.round_id == round_id,
            Proposal.state.in_(IN_HAND),
            ProposalFile.kind.in_(SPOKEN),
            ProposalFile.state == FileState.CLEAN,
            ProposalFile.summary.is_(None),
        )
        .order_by(ProposalFile.added_at, ProposalFile.id)
        .limit(100)
    )
    return list(session.scalars(query))


def hands_of(session: Session, proposal_ids: Collection[UUID]) -> list[tuple[UUID, UUID]]:
    """(proposal, officer) of everybody who had a hand in one of these for its group."""
    if not proposal_ids:
        return []
    query = select(ProposalHand.proposal_id, ProposalHand.person_id).where(ProposalHand.proposal_id.in_(proposal_ids))
    return [(proposal_id, person_id) for proposal_id, person_id in session.execute(query)]


def in_hands_of(person_id: Any) -> Select[tuple[UUID]]:
    """Ids of proposals in which this person had a hand as an officer."""
    return select(ProposalHand.proposal_id).where(ProposalHand.person_id == person_id)
