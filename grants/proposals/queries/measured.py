"""What the measures of a round count."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grants.people.models import Group
from grants.proposals.models import EligibilityCount, Proposal, SectionEffort
from grants.proposals.rules.measures import Bid
from grants.proposals.rules.states import PUT_IN, ProposalState


def eligibility_counts(session: Session, round_id: UUID) -> list[tuple[str, int]]:
    """How the questions before a proposal ended, the most frequent first."""
    query = select(EligibilityCount.outcome, EligibilityCount.times).where(EligibilityCount.round_id == round_id)
    return [(outcome, times) for outcome, times in session.execute(query.order_by(EligibilityCount.times.desc()))]


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
