"""One proposal whole: what it says, whose it is, and as the rules want it."""

from collections.abc import Collection, Sequence
from datetime import date
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, exists, select
from sqlalchemy.orm import Session, joinedload
from sqlalchemy.orm.attributes import set_committed_value

from grants.funds.rules import Need
from grants.insights import queries as insights
from grants.insights.models import Insight
from grants.kernel.clock import london_day
from grants.kernel.errors import NotFound
from grants.payees import queries as payees
from grants.payees.queries import PaperHeld
from grants.payees.rules.checks import CheckKind
from grants.people import queries as people
from grants.people.models import Group, Membership
from grants.people.rules import GroupKind
from grants.proposals.access import Parties
from grants.proposals.models import (
    BudgetLine,
    Proposal,
    ProposalFile,
    ProposalHand,
    ProposalInsight,
    ProposalPartner,
    ProposalSnapshot,
)
from grants.proposals.rules.facts import Community, Facts, Line
from grants.proposals.rules.files import SPOKEN, FileState
from grants.proposals.rules.hands import Hand
from grants.proposals.rules.partners import Partner
from grants.proposals.rules.sections import Limits
from grants.rounds import queries as rounds
from grants.rounds.models import Round


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


def file(session: Session, file_id: UUID) -> ProposalFile:
    """A file of a proposal, or ``NotFound``."""
    found = session.get(ProposalFile, file_id)
    if found is None:
        raise NotFound("There is no such file.")
    return found
