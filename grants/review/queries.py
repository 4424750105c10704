"""Panels, reviews and findings. Nothing here shows scores to anybody: the views ask ``access`` first."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, bindparam, exists, func, or_, select, union
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

from grants.kernel.actors import Role
from grants.kernel.asking import Prepared, Who
from grants.kernel.errors import NotFound
from grants.payees import queries as payees
from grants.people import queries as people
from grants.people.models import Group, Hosting, Membership, Person
from grants.people.rules import HostingState
from grants.proposals.models import Proposal, ProposalPartner
from grants.proposals.queries import hands
from grants.proposals.rules.states import ProposalState
from grants.review.models import AddressMark, PanelFinding, PanelMember, PersonTie, Review
from grants.review.rules import (
    COUNTED,
    SOMEBODY,
    THE_GROUP,
    THE_PLACE,
    Hard,
    KnownTie,
    Pair,
    ReviewState,
    without_article,
)
from grants.rounds.models import Round
from grants.rounds.rules.states import RoundState

UNDECIDED = (RoundState.CLOSED, RoundState.CHECKING, RoundState.VOTING, RoundState.PANEL)
"""States in which a round's reviews still weigh."""


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


def shut_out(session: Session, round_id: UUID) -> set[Pair]:
    """(proposal, member) of every member of a round's panel who may see nothing of a bid: interests that are known,
    those that were told, and loose ties on which nobody has ruled."""
    members = set(member_ids(session, round_id))
    every = session.scalars(select(Proposal).where(Proposal.round_id == round_id).limit(2_000)).all()
    return recused(session, round_id) | {pair for pair in interested(session, every) if pair[1] in members}


def interested(session: Session, proposals: Sequence[Proposal]) -> set[Pair]:
    """(proposal, person) of everybody with a hard interest."""
    return set(hard_interests(session, proposals))


def hard_interests(session: Session, proposals: Sequence[Proposal]) -> dict[Pair, set[Hard]]:
    """(proposal, person) → why, for everybody whom the system knows to be tied to a bid.

    Whoever wrote or signed it, and officers who had a hand in it; members of its group, of the host that holds its
    money and of its partners; whoever signed for one of these; members of another group with the same bank account;
    whoever lives with somebody of the group or shares its address; whoever works for one of them. Bounded queries,
    however many proposals. Addresses and accounts are compared by their marks.
    """
    found: dict[Pair, set[Hard]] = defaultdict(set)
    around = _around(session, proposals)
    every = {group_id for parts in around.values() for group_id in parts}
    shared: dict[UUID, set[UUID]] = defaultdict(set)  # group → groups with the same account
    for group_id, other_id in payees.same_account(session, every):
        shared[group_id].add(other_id)
    elsewhere = {other for others in shared.values() for other in others}
    belongs = _people_by_group(
        session.execute(
            select(Membership.group_id, Membership.person_id).where(
                Membership.group_id.in_(every | elsewhere), Membership.ended_at.is_(None)
            )
        ).tuples()
    )
    ties: dict[KnownTie, dict[UUID, set[UUID]]] = {kind: defaultdict(set) for kind in KnownTie}
    for kind, tied_to, person_id in session.execute(
        select(PersonTie.kind, PersonTie.group_id, PersonTie.person_id).where(PersonTie.group_id.in_(every))
    ):
        ties[kind][tied_to].add(person_id)
    signed = ties[KnownTie.SIGNATORY]
    for group_id, person_id in payees.who_runs(session, every | elsewhere):
        signed[group_id].add(person_id)
    for pair in hands.hands_of(session, [one.id for one in proposals]):
        found[pair].add(Hard.WROTE)
    partners = _asked_as_partners(session, proposals)
    inner: dict[UUID, set[UUID]] = {}  # proposal → whose neighbours and household count
    for one in proposals:
        wrote = {id for id in (one.started_by_id, one.writer_id, one.signed_off_by_id) if id is not None}
        for person_id in wrote:
            found[one.id, person_id].add(Hard.WROTE)
        for person_id in partners[one.id]:
            found[one.id, person_id].add(Hard.PARTNER)
        inner[one.id] = wrote | partners[one.id]
        for group_id, part in around[one.id].items():
            for person_id in belongs[group_id]:
                found[one.id, person_id].add(part)
            for person_id in signed[group_id]:
                found[one.id, person_id].add(Hard.SIGNATORY)
            for other_id in shared[group_id]:
                for person_id in belongs[other_id] | signed[other_id]:
                    found[one.id, person_id].add(Hard.ACCOUNT)
            for person_id in ties[KnownTie.EMPLOYER][group_id]:
                found[one.id, person_id].add(Hard.EMPLOYER)
            if part is not Hard.HOST:
                inner[one.id] |= belongs[group_id]
    _add_homes(session, found, around, inner)
    return found


def tied_to(person_id: Any) -> ColumnElement[bool]:
    """Whether one person has a hard interest in a ``Proposal``: ``hard_interests`` the other way round, in one query.

    From the person to the people and groups around them, and from these to the bid. These stand as tables of the
    statement, made once: written out at each use, they were most of what a home asks, and of what that cost.
    """
    mark = select(AddressMark.mark).where(AddressMark.person_id == person_id)
    told = PersonTie.kind == KnownTie.HOUSEHOLD
    near_people: Any = union(
        select(PersonTie.other_id).where(told, PersonTie.person_id == person_id),
        select(PersonTie.person_id).where(told, PersonTie.other_id == person_id),
        select(AddressMark.person_id).where(AddressMark.mark.in_(mark), AddressMark.person_id != person_id),
    )
    near_people = _made_once(near_people)

    def live(people: ColumnElement[bool]) -> Select[tuple[UUID]]:
        return select(Membership.group_id).where(people, Membership.ended_at.is_(None))

    mine = live(Membership.person_id == person_id), payees.run_by(person_id)
    others = select(PersonTie.group_id).where(
        PersonTie.person_id == person_id, PersonTie.kind.in_((KnownTie.SIGNATORY, KnownTie.EMPLOYER))
    )
    ties = _made_once(union(*mine, others, *map(payees.sharing_account_with, mine)))
    near = _made_once(
        union(
            live(Membership.person_id.in_(near_people)),
            select(AddressMark.group_id).where(AddressMark.mark.in_(mark), AddressMark.group_id.is_not(None)),
        )
    )
    known = or_(*(who == person_id for who in _WROTE), *(who.in_(near_people) for who in _WROTE))
    hosted = (Hosting.id == Proposal.hosting_id) | (
        (Hosting.group_id == Proposal.group_id) & (Hosting.state == HostingState.CONFIRMED)
    )
    host = exists().where(hosted, Hosting.host_id.in_(ties))
    named = exists().where(
        ProposalPartner.proposal_id == Proposal.id,
        func.lower(Group.name) == func.lower(ProposalPartner.name),
        Group.id.in_(ties) | Group.id.in_(near),
    )
    asked = exists().where(
        ProposalPartner.proposal_id == Proposal.id,
        Person.email == func.lower(ProposalPartner.email),
        (Person.id == person_id) | Person.id.in_(near_people),
    )
    return or_(
        known,
        Proposal.group_id.in_(ties),
        Proposal.group_id.in_(near),
        host,
        named,
        asked,
        Proposal.id.in_(hands.in_hands_of(person_id)),
    )


def _made_once(ids: Any) -> Select[Any]:
    """Ids that a statement names several times."""
    return select(*ids.cte().columns)


_WROTE = (Proposal.started_by_id, Proposal.writer_id, Proposal.signed_off_by_id)


def _people_by_group(rows: Iterable[tuple[UUID, UUID]]) -> dict[UUID, set[UUID]]:
    by_group: dict[UUID, set[UUID]] = defaultdict(set)
    for group_id, person_id in rows:
        by_group[group_id].add(person_id)
    return by_group


def _around(session: Session, proposals: Sequence[Proposal]) -> dict[UUID, dict[UUID, Hard]]:
    """Proposal → the groups behind it, each with what belonging to it makes somebody."""
    hosts: dict[UUID, set[UUID]] = defaultdict(set)
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
    named: dict[UUID, set[UUID]] = defaultdict(set)
    for proposal_id, group_id in session.execute(
        select(ProposalPartner.proposal_id, Group.id)
        .join(Group, func.lower(Group.name) == func.lower(ProposalPartner.name))
        .where(ProposalPartner.proposal_id.in_([one.id for one in proposals]))
    ):
        named[proposal_id].add(group_id)
    return {
        one.id: dict.fromkeys(named[one.id], Hard.PARTNER)
        | dict.fromkeys(hosts[one.group_id], Hard.HOST)
        | {one.group_id: Hard.GROUP}
        for one in proposals
    }


def _asked_as_partners(session: Session, proposals: Sequence[Proposal]) -> dict[UUID, set[UUID]]:
    """Proposal → people whose address is that of a partner in it."""
    asked: dict[UUID, set[UUID]] = defaultdict(set)
    for proposal_id, person_id in session.execute(
        select(ProposalPartner.proposal_id, Person.id)
        .join(Person, Person.email == func.lower(ProposalPartner.email))
        .where(ProposalPartner.proposal_id.in_([one.id for one in proposals]))
    ):
        asked[proposal_id].add(person_id)
    return asked


def _add_homes(
    session: Session,
    found: dict[Pair, set[Hard]],
    around: Mapping[UUID, Mapping[UUID, Hard]],
    inner: Mapping[UUID, set[UUID]],
) -> None:
    """Who lives with somebody of the group, as they told or by one address; and who shares the group's own address."""
    everybody = {person_id for ids in inner.values() for person_id in ids}
    lives_with: dict[UUID, set[UUID]] = defaultdict(set)
    for one, other in session.execute(
        select(PersonTie.person_id, PersonTie.other_id).where(
            PersonTie.kind == KnownTie.HOUSEHOLD,
            or_(PersonTie.person_id.in_(everybody), PersonTie.other_id.in_(everybody)),
        )
    ):
        lives_with[one].add(other)
        lives_with[other].add(one)
    groups = {id for parts in around.values() for id, part in parts.items() if part is not Hard.HOST}
    here, at = aliased(AddressMark), aliased(AddressMark)
    neighbours: dict[UUID, set[UUID]] = defaultdict(set)  # person or group → people at one address with them
    for person_id, group_id, other_id in session.execute(
        select(here.person_id, here.group_id, at.person_id)
        .join(at, at.mark == here.mark)
        .where(or_(here.person_id.in_(everybody), here.group_id.in_(groups)), at.person_id.is_not(None))
    ):
        neighbours[person_id or group_id].add(other_id)
    for proposal_id, ids in inner.items():
        for id in ids:
            for person_id in (lives_with[id] | neighbours[id]) - {id}:
                found[proposal_id, person_id].add(Hard.HOUSEHOLD)
        for group_id, part in around[proposal_id].items():
            if part is not Hard.HOST:
                for person_id in neighbours[group_id]:
                    found[proposal_id, person_id].add(Hard.ADDRESS)


def live_reviews(session: Session) -> list[Review]:
    """Reviews that count or may come to count, of rounds that nobody has decided; with their proposals."""
    return list(
        session.scalars(
            select(Review)
            .join(Round, Round.id == Review.round_id)
            .where(
                Review.state != ReviewState.RECUSED,
                # The clock closes a round before that is written down.
                Round.state.in_((RoundState.OPEN, *UNDECIDED)),
            )
            .options(joinedload(Review.proposal))
            .order_by(Review.round_id, Review.id)
            .limit(5_000)
        )
    )


def telling_words(session: Session, proposals: Sequence[Proposal]) -> dict[UUID, dict[str, str]]:
    """Proposal → names in it that would tell whose it is, each with what stands for it: the group, its host, partners,
    members, who is to be asked, where they meet. Constant queries."""
    around = _around(session, proposals)
    every = {group_id for parts in around.values() for group_id in parts}
    names = people.group_names(session, every)
    members: dict[UUID, set[str]] = defaultdict(set)
    for group_id, name in session.execute(
        select(Membership.group_id, Person.name)
        .join(Person, Person.id == Membership.person_id)
        .where(Membership.group_id.in_({one.group_id for one in proposals}), Membership.ended_at.is_(None))
    ):
        members[group_id].add(name)
    partners: dict[UUID, set[str]] = defaultdict(set)
    for proposal_id, name in session.execute(
        select(ProposalPartner.proposal_id, ProposalPartner.name).where(
            ProposalPartner.proposal_id.in_([one.id for one in proposals])
        )
    ):
        partners[proposal_id].add(name)
    instead = {Hard.GROUP: THE_GROUP, Hard.HOST: "its host", Hard.PARTNER: "a partner"}
    found: dict[UUID, dict[str, str]] = {}
    for one in proposals:
        words = dict.fromkeys(partners[one.id], "a partner")
        words |= {names[id]: instead[part] for id, part in around[one.id].items()}
        words |= {without_article(name): word for name, word in words.items()}
        words |= dict.fromkeys(members[one.group_id], SOMEBODY)
        words |= {one.contact_name: SOMEBODY} if one.contact_name else {}
        words |= {one.contact_email: SOMEBODY} if one.contact_email else {}
        words |= {one.venue_postcode: THE_PLACE} if one.venue_postcode else {}
        found[one.id] = words
    return found


def ties_of(session: Session, person_id: UUID) -> list[PersonTie]:
    """What is written down of somebody's ties, in the order of being told."""
    rows = select(PersonTie).where(PersonTie.person_id == person_id).order_by(PersonTie.noted_at, PersonTie.id)
    return list(session.scalars(rows.limit(200)))


def address_of(session: Session, *, person_id: UUID | None = None, group_id: UUID | None = None) -> AddressMark | None:
    """The mark of where a person lives or a group is, if they gave it."""
    where = AddressMark.person_id == person_id if person_id else AddressMark.group_id == group_id
    return session.scalar(select(AddressMark).where(where))


def have_told(session: Session, round_id: UUID) -> set[UUID]:
    """Panellists of a round who said where they live: whether, never where."""
    rows = select(AddressMark.person_id).join(PanelMember, PanelMember.person_id == AddressMark.person_id)
    return {id for id in session.scalars(rows.where(PanelMember.round_id == round_id)) if id is not None}


def findings(session: Session, round_id: UUID) -> dict[UUID, PanelFinding]:
    """What the panel found, by proposal; empty before the lock. Public only once the vote has opened."""
    return {finding.proposal_id: finding for finding in session.scalars(_findings(), {"round_id": round_id})}


@cache
def _findings() -> Select[tuple[PanelFinding]]:
    of_round = PanelFinding.round_id == bindparam("round_id")
    return select(PanelFinding).where(of_round).order_by(PanelFinding.proposal_id).limit(2_000)


def finding_of(session: Session, proposal_id: UUID) -> PanelFinding | None:
    """What the panel found of one proposal. Public only once the vote has opened."""
    return session.scalar(_finding(), {"proposal_id": proposal_id})


def notes(session: Session, round_id: UUID) -> dict[UUID, str]:
    """What the panel wrote beside each bid of ``findings``, for a page that tells no more of them."""
    return dict[UUID, str](_notes().told(session, round_id=round_id))


@cache
def _notes() -> Prepared:
    of_round = PanelFinding.round_id == bindparam("round_id", None, type_=Uuid())
    return Prepared(lambda: select(PanelFinding.proposal_id, PanelFinding.note).where(of_round).limit(2_000))


class FindingShown(NamedTuple):
    """What a bid's page says of what the panel found."""

    passed: bool
    points_most: int
    by_criterion: dict[str, Any]
    note: str


def finding_shown(session: Session, proposal_id: UUID) -> FindingShown | None:
    """What a page tells of ``finding_of``. Public only once the vote has opened."""
    return next((FindingShown(*row) for row in _shown_finding().told(session, proposal_id=proposal_id)), None)


@cache
def _shown_finding() -> Prepared:
    return Prepared(
        lambda: select(
            PanelFinding.passed, PanelFinding.points_most, PanelFinding.by_criterion, PanelFinding.note
        ).where(PanelFinding.proposal_id == bindparam("proposal_id", None, type_=Uuid()))
    )


@cache
def _finding() -> Select[tuple[PanelFinding]]:
    return select(PanelFinding).where(PanelFinding.proposal_id == bindparam("proposal_id"))


def to_rule_on(who: Who) -> Select[Any] | None:
    """Rounds in which this person rules on soft interests, and how many wait: as chair on everybody else's; as a
    steward of the fund on the chair's own. Id, title, when voting opens, how many."""
    if not who.holds(Role.PANELLIST, Role.STEWARD):
        return None
    chair = select(PanelMember.person_id).where(PanelMember.round_id == Round.id, PanelMember.is_chair.is_(True))
    chairs = chair.scalar_subquery()
    as_steward = (Review.panellist_id == chairs) & who.within(Round.fund_id, Role.STEWARD)
    mine = chairs == who.me
    return (
        select(Round.id, Round.title, Round.voting_opens_at, func.count())
        .join(Review, Review.round_id == Round.id)
        .where(
            Review.state == ReviewState.AWAITING_RULING,
            Review.panellist_id != who.me,
            Round.panel_locked_at.is_(None),
            mine | as_steward if who.holds(Role.STEWARD) else mine,
        )
        .group_by(Round.id, Round.title, Round.voting_opens_at)
        .order_by(Round.voting_opens_at, Round.id)
        .limit(25)
    )


def waiting(who: Who) -> Select[Any] | None:
    """Rounds in which this panellist has something to declare or score, the first due first.

    Id, title, when voting opens, the state, how many in it.
    """
    if not who.holds(Role.PANELLIST):
        return None
    return (
        select(Round.id, Round.title, Round.voting_opens_at, Review.state, func.count())
        .join(Review, Review.round_id == Round.id)
        .join(Proposal, Proposal.id == Review.proposal_id)
        .where(
            Review.panellist_id == who.me,
            Proposal.state == ProposalState.ELIGIBLE,
            Review.state.in_((ReviewState.ASSIGNED, ReviewState.CLEARED, ReviewState.IN_PROGRESS)),
            Round.panel_locked_at.is_(None),
            Round.state.in_((RoundState.CLOSED, RoundState.CHECKING)),
        )
        .group_by(Round.id, Round.title, Round.voting_opens_at, Review.state)
        .order_by(Round.voting_opens_at, Round.id, Review.state)
        .limit(50)
    )


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


def to_prepare(who: Who) -> Select[Any] | None:
    """For stewards: rounds whose panel is not locked. Id, title, when voting opens, seats, reviews that are open."""
    if not who.holds(Role.STEWARD):
        return None
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
    return (
        select(Round.id, Round.title, Round.voting_opens_at, seated, open_reviews)
        .where(
            Round.state == RoundState.CHECKING,
            Round.panel_locked_at.is_(None),
            who.within(Round.fund_id, Role.STEWARD),
        )
        .order_by(Round.voting_opens_at, Round.id)
        .limit(25)
    )
