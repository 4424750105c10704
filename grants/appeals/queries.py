"""Appeals, and who is too close to judge one: worked out from the history, for each person."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from grants.allocation.models import AllocationRun, Correction, Decision
from grants.appeals.access import JUDGES
from grants.appeals.models import Appeal
from grants.appeals.rules import AppealState, Ground, Tie
from grants.funds.models import Contribution
from grants.kernel.actors import Role
from grants.kernel.asking import Who
from grants.kernel.errors import NotFound
from grants.kernel.trail import AuditEvent
from grants.meetings.models import Meeting
from grants.people.models import Hosting, Membership, Person, RoleGrant
from grants.proposals.models import Proposal, ProposalPartner
from grants.review import queries as review
from grants.review.models import PanelMember, Review
from grants.rounds.models import Round

OPEN = (AppealState.LODGED, AppealState.ACCEPTED)


@dataclass(frozen=True, slots=True)
class Line:
    """An appeal in a list."""

    id: UUID
    decision_id: UUID
    proposal_id: UUID
    group_id: UUID
    title: str
    round_id: UUID
    round_title: str
    fund_id: UUID
    ground: Ground
    state: AppealState
    lodged_at: datetime
    remedied_at: datetime | None


@dataclass(frozen=True, slots=True)
class Public:
    """What everybody can read of an appeal."""

    ground: Ground
    state: AppealState
    public_words: str | None
    remedied_words: str | None


def appeal(session: Session, appeal_id: UUID) -> Appeal:
    """One appeal, or ``NotFound``."""
    found = session.get(Appeal, appeal_id)
    if found is None:
        raise NotFound("There is no such appeal.")
    return found


def of_decision(session: Session, decision_id: UUID) -> Appeal | None:
    """The appeal against a decision."""
    return session.scalar(select(Appeal).where(Appeal.decision_id == decision_id))


def of_proposal(session: Session, proposal_id: UUID) -> list[Appeal]:
    """Appeals against what was decided of a proposal, the latest first."""
    return list(
        session.scalars(
            select(Appeal)
            .join(Decision, Decision.id == Appeal.decision_id)
            .where(Decision.proposal_id == proposal_id)
            .order_by(Appeal.lodged_at.desc(), Appeal.id)
            .limit(20)
        )
    )


def lines(
    session: Session, states: Collection[AppealState] | None = None, *, to_remedy: bool = False, limit: int = 200
) -> list[Line]:
    """Appeals with what they are about, the oldest first. ``to_remedy``: upheld, and nothing was done about it yet."""
    query = _lines().limit(limit)
    if states is not None:
        query = query.where(Appeal.state.in_(states))
    if to_remedy:
        query = query.where(Appeal.state == AppealState.UPHELD, Appeal.remedied_at.is_(None))
    return [Line(*row) for row in session.execute(query)]


def to_judge(who: Who) -> Select[Any] | None:
    """For those who judge appeals: ``Line`` of each that is open and in which they had no part, the oldest first."""
    if not who.holds(*JUDGES):
        return None
    return _lines().where(Appeal.state.in_(OPEN), ~_had_part(who.me, who.me_in_words)).limit(25)


def _had_part(person_id: Any, in_words: Any) -> ColumnElement[bool]:
    """Whether one person is too close to judge: ``involved`` the other way round, in one query."""
    belonged = select(Membership.group_id).where(Membership.person_id == person_id)
    hosted = exists().where(Hosting.group_id == Proposal.group_id, Hosting.host_id.in_(belonged))
    partner = exists().where(
        ProposalPartner.proposal_id == Proposal.id,
        func.lower(Person.email) == func.lower(ProposalPartner.email),
        Person.id == person_id,
    )
    was_seated = exists().where(
        AuditEvent.verb == "panel.member_seated",
        AuditEvent.subject_id == Round.id,
        AuditEvent.body["person_id"].as_string() == in_words,
    )
    speaks = exists().where(
        Contribution.fund_id == Round.fund_id,
        RoleGrant.scope_id == Contribution.funder_id,
        RoleGrant.role == Role.FUNDER,
        RoleGrant.person_id == person_id,
    )
    decided, corrected = aliased(Decision), aliased(Decision)
    subject = AuditEvent.subject_id
    of_these = or_(
        subject == Proposal.id,
        subject == Round.id,
        exists().where(decided.id == subject, decided.proposal_id == Proposal.id),
        exists().where(Review.id == subject, Review.proposal_id == Proposal.id),
        exists().where(
            Correction.id == subject, corrected.id == Correction.decision_id, corrected.proposal_id == Proposal.id
        ),
        exists().where(AllocationRun.id == subject, AllocationRun.round_id == Round.id),
        exists().where(Meeting.id == subject, Meeting.round_id == Round.id),
    )
    return or_(
        review.tied_to(person_id),
        Proposal.group_id.in_(belonged),
        hosted,
        partner,
        exists().where(PanelMember.round_id == Round.id, PanelMember.person_id == person_id),
        exists().where(Review.round_id == Round.id, Review.panellist_id == person_id),
        was_seated,
        speaks,
        exists().where(AuditEvent.actor_id == person_id, of_these),
    )


def to_remedy(who: Who) -> Select[Any] | None:
    """For stewards: ``Line`` of each that was upheld and not put right."""
    if not who.holds(Role.STEWARD):
        return None
    upheld = (Appeal.state == AppealState.UPHELD, Appeal.remedied_at.is_(None))
    return _lines().where(*upheld, who.within(Round.fund_id, Role.STEWARD)).limit(25)


def _lines() -> Select[Any]:
    return (
        select(
            Appeal.id,
            Appeal.decision_id,
            Proposal.id,
            Proposal.group_id,
            Proposal.title,
            Round.id,
            Round.title,
            Round.fund_id,
            Appeal.ground,
            Appeal.state,
            Appeal.lodged_at,
            Appeal.remedied_at,
        )
        .join(Decision, Decision.id == Appeal.decision_id)
        .join(Proposal, Proposal.id == Decision.proposal_id)
        .join(Round, Round.id == Appeal.round_id)
        .order_by(Appeal.lodged_at, Appeal.id)
    )


def public_of_round(session: Session, round_id: UUID) -> list[Public]:
    """What everybody can read of a round's appeals; by ground and then as judged, so that no order tells of a group."""
    rows = session.execute(
        select(Appeal.ground, Appeal.state, Appeal.public_words, Appeal.remedied_words)
        .where(Appeal.round_id == round_id)
        .order_by(Appeal.ground, Appeal.state, Appeal.id)
        .limit(500)
    )
    return [Public(*row) for row in rows]


def count_of_round(session: Session, round_id: UUID) -> int:
    """How many appeals were lodged in a round."""
    return session.scalar(select(func.count()).select_from(Appeal).where(Appeal.round_id == round_id)) or 0


def involved(session: Session, decision_ids: Collection[UUID]) -> dict[UUID, dict[UUID, set[Tie]]]:
    """By decision: everybody who is too close to judge an appeal against it, and how. As many queries for many as for
    one.

    The person counts, not the role: from the rows as they stand and as they stood (memberships, hosts, panels, seats
    and roles that ended), and from the trail of the round, the proposal, its reviews and decisions.
    """
    rows = session.execute(
        select(Decision.id, Proposal, Round.id, Round.fund_id)
        .join(Proposal, Proposal.id == Decision.proposal_id)
        .join(Round, Round.id == Decision.round_id)
        .where(Decision.id.in_(decision_ids))
    ).all()
    ties: dict[UUID, dict[UUID, set[Tie]]] = {id: defaultdict(set) for id in decision_ids}
    of_bid, of_round = defaultdict[UUID, set[UUID]](set), defaultdict[UUID, set[UUID]](set)
    of_fund, of_group = defaultdict[UUID, set[UUID]](set), defaultdict[UUID, set[UUID]](set)
    for id, bid, round_id, fund_id in rows:
        of_bid[bid.id].add(id)
        of_round[round_id].add(id)
        of_fund[fund_id].add(id)
        of_group[bid.group_id].add(id)
        for person_id in (bid.started_by_id, bid.writer_id, bid.signed_off_by_id):
            if person_id is not None:
                ties[id][person_id].add(Tie.GROUP)

    def put(about: Collection[UUID], person_id: UUID, tie: Tie) -> None:
        for id in about:
            ties[id][person_id].add(tie)

    hosts = select(Hosting.group_id, Hosting.host_id).where(Hosting.group_id.in_(list(of_group)))
    for group_id, host_id in session.execute(hosts):
        of_group[host_id] |= of_group[group_id]
    belongs = select(Membership.group_id, Membership.person_id).where(Membership.group_id.in_(list(of_group)))
    for group_id, person_id in session.execute(belongs):
        put(of_group[group_id], person_id, Tie.GROUP)
    partners = (
        select(ProposalPartner.proposal_id, Person.id)
        .join(Person, func.lower(Person.email) == func.lower(ProposalPartner.email))
        .where(ProposalPartner.proposal_id.in_(of_bid))
    )
    for bid_id, person_id in session.execute(partners):
        put(of_bid[bid_id], person_id, Tie.PARTNER)
    for bid_id, person_id in review.interested(session, [bid for _, bid, _, _ in rows]):
        put(of_bid[bid_id], person_id, Tie.CLOSE)
    seats = select(PanelMember.round_id, PanelMember.person_id).where(PanelMember.round_id.in_(of_round))
    readers = select(Review.round_id, Review.panellist_id).where(Review.round_id.in_(of_round))
    for round_id, person_id in session.execute(seats.union(readers)):
        put(of_round[round_id], person_id, Tie.PANEL)
    seated = select(AuditEvent).where(AuditEvent.verb == "panel.member_seated", AuditEvent.subject_id.in_(of_round))
    for event in session.scalars(seated):
        put(of_round[event.subject_id], UUID(event.body["person_id"]), Tie.PANEL)
    speaks = (
        select(Contribution.fund_id, RoleGrant.person_id)
        .join(RoleGrant, RoleGrant.scope_id == Contribution.funder_id)
        .where(RoleGrant.role == Role.FUNDER, Contribution.fund_id.in_(of_fund))
        .distinct()
    )
    for fund_id, person_id in session.execute(speaks):
        put(of_fund[fund_id], person_id, Tie.FUNDER)
    subjects = _subjects(session, of_bid, of_round)
    acted = (
        select(AuditEvent.subject_id, AuditEvent.actor_id)
        .where(AuditEvent.subject_id.in_(list(subjects)), AuditEvent.actor_id.is_not(None))
        .distinct()
    )
    for subject_id, actor_id in session.execute(acted):
        put(subjects[subject_id], actor_id, Tie.ACTED)
    return {id: dict(found) for id, found in ties.items()}


def _subjects(
    session: Session, of_bid: dict[UUID, set[UUID]], of_round: dict[UUID, set[UUID]]
) -> dict[UUID, set[UUID]]:
    """What the trail may tell of: each thing with the decisions that it has to do with."""
    subjects = {**of_bid, **of_round}
    told = (
        select(Decision.id, Decision.proposal_id).where(Decision.proposal_id.in_(of_bid)),
        select(Review.id, Review.proposal_id).where(Review.proposal_id.in_(of_bid)),
        select(Correction.id, Decision.proposal_id)
        .join(Decision, Decision.id == Correction.decision_id)
        .where(Decision.proposal_id.in_(of_bid)),
    )
    for query in told:
        for id, bid_id in session.execute(query):
            subjects[id] = of_bid[bid_id]
    for id, round_id in session.execute(
        select(AllocationRun.id, AllocationRun.round_id)
        .where(AllocationRun.round_id.in_(of_round))
        .union(select(Meeting.id, Meeting.round_id).where(Meeting.round_id.in_(of_round)))
    ):
        subjects[id] = of_round[round_id]
    return subjects


def judges(session: Session) -> list[Person]:
    """Everybody who holds a role in which appeals are judged, of any fund, by name."""
    holds = select(RoleGrant.person_id).where(RoleGrant.role.in_(JUDGES), RoleGrant.ended_at.is_(None))
    return list(session.scalars(select(Person).where(Person.id.in_(holds)).order_by(Person.name, Person.id).limit(200)))
