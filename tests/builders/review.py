"""Panels, reviews in any state, and findings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy.orm import Session

from grants.kernel.actors import Role
from grants.people.models import Group, Person
from grants.proposals.models import Proposal
from grants.review.models import AddressMark, PanelFinding, PanelMember, PersonTie, Review, Score
from grants.review.rules import COUNTED, KnownTie, ReviewState, Tie, address_mark
from grants.rounds.models import Round
from grants.rounds.rules.panel import HEALTH_CREATION
from tests.builders.people import a_person
from tests.support.clock import START

CRITERIA = tuple(criterion.id for criterion in HEALTH_CREATION)
GOOD: Mapping[str, int | None] = dict.fromkeys(CRITERIA, 2)
_S = ReviewState


def a_panellist(session: Session, round: Round, person: Person | None = None, *, chair: bool = False) -> Person:
    """Somebody with the role, on the round's panel."""
    person = person or a_person(session, Role.PANELLIST)
    session.add(
        PanelMember(round_id=round.id, person_id=person.id, is_chair=chair, joined_at=START - timedelta(days=5))
    )
    session.flush()
    return person


def a_panel(session: Session, round: Round, size: int = 3) -> list[Person]:
    """A round's panel; the first is its chair."""
    return [a_panellist(session, round, chair=place == 0) for place in range(size)]


def a_review(
    session: Session,
    proposal: Proposal,
    panellist: Person | None = None,
    state: ReviewState = ReviewState.SUBMITTED,
    scores: Mapping[str, int | None] = GOOD,
    **fields: object,
) -> Review:
    """A review of ``proposal`` in ``state``; one that was begun has scores (None: "not enough information")."""
    if panellist is None:
        panellist = a_panellist(session, proposal.round)
    review = Review(
        **{
            "round_id": proposal.round_id,
            "proposal_id": proposal.id,
            "panellist_id": panellist.id,
            "state": state,
            "assigned_by_id": a_person(session, Role.STEWARD).id,
            "assigned_at": START - timedelta(days=4),
            "declared_at": None if state is _S.ASSIGNED else START - timedelta(days=3),
            "interest": {_S.RECUSED: "My sister runs it.", _S.AWAITING_RULING: "I know her from the bus."}.get(state),
            "tie": Tie.ACQUAINTED if state is _S.AWAITING_RULING else None,
            "submitted_at": START - timedelta(days=2) if state in COUNTED else None,
            "version": 1 if state in (_S.IN_PROGRESS, *COUNTED) else 0,
            **fields,
        }
    )
    session.add(review)
    session.flush()
    if state in (_S.IN_PROGRESS, *COUNTED):
        session.add_all(
            Score(review_id=review.id, criterion=criterion, value=value, reason=f"We read about {criterion}.")
            for criterion, value in scores.items()
        )
        session.flush()
    return review


def a_finding(session: Session, proposal: Proposal, *, passed: bool = True, **fields: object) -> PanelFinding:
    """What a panel of two found at the lock."""
    finding = PanelFinding(
        **{
            "proposal_id": proposal.id,
            "round_id": proposal.round_id,
            "passed": passed,
            "points": 20 if passed else 5,
            "points_most": 30,
            "reviews_count": 2,
            "by_criterion": {
                criterion: {"average": "2.0" if passed else "0.5", "counted": 2, "spread": 1} for criterion in CRITERIA
            },
            "note": "The panel passed this bid: 2 panellists gave it 20 of 30 points (66%). It needed 50%."
            if passed
            else "The panel did not pass this bid: 2 panellists gave it 5 of 30 points (16%). It needed 50%, "
            "so it is not on the ballot.",
            "locked_at": START - timedelta(days=1),
            **fields,
        }
    )
    session.add(finding)
    session.flush()
    return finding


def a_tie(session: Session, person: Person, kind: KnownTie, to: Person | Group) -> PersonTie:
    """Whom ``person`` lives with or works for, or a group that they signed for."""
    where = {"other_id": to.id} if isinstance(to, Person) else {"group_id": to.id}
    tie = PersonTie(person_id=person.id, kind=kind, noted_at=START - timedelta(days=20), **where)
    session.add(tie)
    session.flush()
    return tie


def lives_at(session: Session, who: Person | Group, house: str) -> AddressMark:
    """Where somebody lives or a group is."""
    where = {"person_id": who.id} if isinstance(who, Person) else {"group_id": who.id}
    made = AddressMark(mark=address_mark("test", house, "TS18 1AA"), noted_at=START - timedelta(days=20), **where)
    session.add(made)
    session.flush()
    return made
