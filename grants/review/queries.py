"""Panels, reviews and findings. Nothing here shows scores to anybody: the views ask ``access`` first."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import func, or_, select, true
from sqlalchemy.orm import Session, joinedload, selectinload

from grants.kernel.actors import Role
from grants.kernel.errors import NotFound
from grants.people import queries as people
from grants.people.models import Hosting, Membership, Person
from grants.people.rules import HostingState
from grants.proposals import queries as bids
from grants.proposals.models import Proposal
from grants.proposals.rules.states import ProposalState
from grants.review.models import PanelFinding, PanelMember, Review
from grants.review.rules import COUNTED, Pair, ReviewState
from grants.rounds.models import Round
from grants.rounds.rules import RoundState


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody on a panel, with how many bids they have and how many they have handed in."""

    person_id: UUID
    name: str
    is_chair: bool
    assigned: int
    done: int
    recused: int
    term_ends_on: date | None = None
    trained_on: date | None = None


def members(session: Session, round_id: UUID) -> list[Member]:
    """Who sits on a round's panel, the chair first, then by name."""
    rows = session.execute(
        select(
            PanelMember.person_id,
            Person.name,
            PanelMember.is_chair,
            PanelMember.term_ends_on,
            PanelMember.trained_on,
        )
        .join(Person, Person.id == PanelMember.person_id)
        .where(PanelMember.round_id == round_id)
        .order_by(PanelMember.is_chair.desc(), Person.name, Person.id)
    ).all()
    states = session.execute(
        select(Review.panellist_id, Review.state, func.count())
        .where(Review.round_id == round_id)
        .group_by(Review.panellist_id, Review.state)
    )
    count: dict[UUID, dict[ReviewState, int]] = defaultdict(dict)
    for panellist_id, state, size in states:
        count[panellist_id][state] = size
    return [
        Member(
            person_id=id,
            name=name,
            is_chair=is_chair,
            assigned=sum(size for state, size in count[id].items() if state is not ReviewState.RECUSED),
            done=sum(size for state, size in count[id].items() if state in COUNTED),
            recused=count[id].get(ReviewState.RECUSED, 0),
            term_ends_on=term_ends_on,
            trained_on=trained_on,
        )
        for id, name, is_chair, term_ends_on, trained_on in rows
    ]


def member_ids(session: Session, round_id: UUID) -> list[UUID]:
    """Ids of everybody on a round's panel, by id."""
    rows = select(PanelMember.person_id).where(PanelMember.round_id == round_id).order_by(PanelMember.person_id)
    return list(session.scalars(rows))


def member(session: Session, round_id: UUID, person_id: UUID) -> PanelMember | None:
    """Somebody's seat on a round's panel."""
    return session.get(PanelMember, (round_id, person_id))


def is_panellist(session: Session, round_id: UUID, person_id: UUID | None) -> bool:
    """Whether this person sits on the round's panel."""
    return person_id is not None and member(session, round_id, person_id) is not None


def chair_id(session: Session, round_id: UUID) -> UUID | None:
    """Who chairs the round's panel."""
    return session.scalar(
        select(PanelMember.person_id).where(PanelMember.round_id == round_id, PanelMember.is_chair.is_(True))
    )


def could_sit(session: Session, round: Round) -> list[tuple[UUID, str]]:
    """(id, name) of panellists of the round's fund who are not on its panel, by name."""
    ids = {id for id, _ in people.emails_of_role(session, Role.PANELLIST, round.fund_id)}
    names = people.names(session, ids - set(member_ids(session, round.id)))
    return sorted(names.items(), key=lambda one: (one[1], one[0]))


def review(session: Session, review_id: UUID) -> Review:
    """The review with its scores, its proposal and the proposal's group, or ``NotFound``."""
    found = session.scalar(
        select(Review)
        .where(Review.id == review_id)
        .options(
            selectinload(Review.scores),
            joinedload(Review.proposal).options(
                joinedload(Proposal.group),
                joinedload(Proposal.priority),
                joinedload(Proposal.round).joinedload(Round.fund),
                selectinload(Proposal.lines),
            ),
        )
    )
    if found is None:
        raise NotFound("There is no such review.")
    return found


def of_panellist(session: Session, round_id: UUID, person_id: UUID) -> list[Review]:
    """One panellist's reviews in a round, each with its proposal and group, by title."""
    return list(
        session.scalars(
            select(Review)
            .join(Review.proposal)
            .where(Review.round_id == round_id, Review.panellist_id == person_id)
            .options(joinedload(Review.proposal).joinedload(Proposal.group))
            .order_by(Proposal.title, Proposal.id)
        )
    )


def of_round(session: Session, round_id: UUID) -> list[Review]:
    """Every review of a round with its scores, by proposal and panellist; at most 5,000."""
    return list(
        session.scalars(
            select(Review)
            .where(Review.round_id == round_id)
            .options(selectinload(Review.scores))
            .order_by(Review.proposal_id, Review.panellist_id)
            .limit(5_000)
        )
    )


def reviews_of(session: Session, proposal_id: UUID) -> list[Review]:
    """The reviews of one proposal that count, with their scores, in the order of their random ids."""
    return list(
        session.scalars(
            select(Review)
            .where(Review.proposal_id == proposal_id, Review.state.in_(COUNTED))
            .options(selectinload(Review.scores))
            .order_by(Review.id)
        )
    )


def words_by_criterion(session: Session, proposal_id: UUID) -> dict[str, list[str]]:
    """Criterion → what panellists gave as their reasons, without their names: for the bid's own group."""
    words: dict[str, list[str]] = defaultdict(list)
    for one in reviews_of(session, proposal_id):
        for score in one.scores:
            if score.reason.strip():
                words[score.criterion].append(score.reason.strip())
    return dict(words)


def recused(session: Session, round_id: UUID) -> set[Pair]:
    """(proposal, panellist) of everybody who has an interest, or has told of one on which nobody has ruled."""
    rows = session.execute(
        select(Review.proposal_id, Review.panellist_id).where(
            Review.round_id == round_id, Review.state.in_((ReviewState.RECUSED, ReviewState.AWAITING_RULING))
        )
    )
    return set(rows.tuples())


def interested(session: Session, proposals: Sequence[Proposal]) -> set[Pair]:
    """(proposal, person) of everybody with a hard interest: whoever wrote or signed the bid, officers who had a hand
    in it for its group, members of the group, and members of the host that holds its money. Bounded queries, however
    many proposals."""
    hosts: dict[UUID, set[UUID]] = defaultdict(set)  # group or hosting → hosts
    group_ids = {one.group_id for one in proposals}
    hosting_ids = {one.hosting_id for one in proposals if one.hosting_id is not None}
    for hosting in session.scalars(
        select(Hosting).where(
            or_(
                Hosting.id.in_(hosting_ids),
                Hosting.group_id.in_(group_ids) & (Hosting.state == HostingState.CONFIRMED),
            )
        )
    ):
        hosts[hosting.group_id].add(hosting.host_id)
    belongs: dict[UUID, set[UUID]] = defaultdict(set)
    every = group_ids | {host for found in hosts.values() for host in found}
    for group_id, person_id in session.execute(
        select(Membership.group_id, Membership.person_id).where(
            Membership.group_id.in_(every), Membership.ended_at.is_(None)
        )
    ):
        belongs[group_id].add(person_id)
    pairs: set[Pair] = set(bids.hands_of(session, [one.id for one in proposals]))
    for one in proposals:
        people_in = {one.started_by_id, one.writer_id, one.signed_off_by_id}
        for group_id in {one.group_id, *hosts[one.group_id]}:
            people_in |= belongs[group_id]
        pairs |= {(one.id, person_id) for person_id in people_in if person_id is not None}
    return pairs


def findings(session: Session, round_id: UUID) -> dict[UUID, PanelFinding]:
    """What the panel found, by proposal; empty before the lock. Public only once the vote has opened."""
    rows = session.scalars(
        select(PanelFinding).where(PanelFinding.round_id == round_id).order_by(PanelFinding.proposal_id).limit(2_000)
    )
    return {finding.proposal_id: finding for finding in rows}


def finding_of(session: Session, proposal_id: UUID) -> PanelFinding | None:
    """What the panel found of one proposal. Public only once the vote has opened."""
    return session.get(PanelFinding, proposal_id)


def to_rule_on(session: Session, person_id: UUID, fund_ids: Collection[UUID] | None) -> list[tuple[Round, int]]:
    """Rounds in which this person rules on soft interests, and how many wait: as chair on everybody else's; as a
    steward of these funds (None: of all; empty: of none) on the chair's own."""
    chair = select(PanelMember.person_id).where(PanelMember.round_id == Round.id, PanelMember.is_chair.is_(True))
    chairs = chair.scalar_subquery()
    as_steward = (Review.panellist_id == chairs) & (Round.fund_id.in_(fund_ids) if fund_ids is not None else true())
    rows = session.execute(
        select(Round, func.count())
        .join(Review, Review.round_id == Round.id)
        .where(
            Review.state == ReviewState.AWAITING_RULING,
            Review.panellist_id != person_id,
            Round.panel_locked_at.is_(None),
            (chairs == person_id) | as_steward,
        )
        .group_by(Round.id)
        .order_by(Round.voting_opens_at, Round.id)
        .limit(25)
    )
    return [(round, int(size)) for round, size in rows]


def waiting(session: Session, person_id: UUID) -> list[tuple[Round, ReviewState, int]]:
    """Rounds in which this panellist has something to declare or score, and how many of each; the first due first."""
    rows = session.execute(
        select(Round, Review.state, func.count())
        .join(Review, Review.round_id == Round.id)
        .join(Proposal, Proposal.id == Review.proposal_id)
        .where(
            Review.panellist_id == person_id,
            Proposal.state == ProposalState.ELIGIBLE,
            Review.state.in_((ReviewState.ASSIGNED, ReviewState.CLEARED, ReviewState.IN_PROGRESS)),
            Round.panel_locked_at.is_(None),
            Round.state.in_((RoundState.CLOSED, RoundState.CHECKING)),
        )
        .group_by(Round.id, Review.state)
        .order_by(Round.voting_opens_at, Round.id, Review.state)
        .limit(50)
    )
    return [(round, state, size) for round, state, size in rows]


def seats(session: Session, person_id: UUID, states: Collection[RoundState]) -> list[tuple[Round, bool]]:
    """Rounds in these states on whose panel somebody sits, and whether they chair it."""
    rows = session.execute(
        select(Round, PanelMember.is_chair)
        .join(PanelMember, PanelMember.round_id == Round.id)
        .where(PanelMember.person_id == person_id, Round.state.in_(states))
        .order_by(Round.voting_opens_at, Round.id)
        .limit(50)
    )
    return [(round, is_chair) for round, is_chair in rows]


def to_prepare(session: Session, fund_ids: Collection[UUID] | None) -> list[tuple[Round, int, int]]:
    """Rounds of these funds (None: of all) whose panel is not locked: how many sit on it, how many reviews are open."""
    seated = select(func.count()).where(PanelMember.round_id == Round.id).scalar_subquery()
    open_reviews = (
        select(func.count())
        .select_from(Review)
        .join(Proposal, Proposal.id == Review.proposal_id)
        .where(
            Review.round_id == Round.id,
            Review.state.in_(
                (ReviewState.ASSIGNED, ReviewState.AWAITING_RULING, ReviewState.CLEARED, ReviewState.IN_PROGRESS)
            ),
            Proposal.state == ProposalState.ELIGIBLE,
        )
        .scalar_subquery()
    )
    query = (
        select(Round, seated, open_reviews)
        .where(Round.state == RoundState.CHECKING, Round.panel_locked_at.is_(None))
        .order_by(Round.voting_opens_at, Round.id)
        .limit(25)
    )
    if fund_ids is not None:
        query = query.where(Round.fund_id.in_(fund_ids))
    return [(round, int(sitting), int(left)) for round, sitting, left in session.execute(query)]
