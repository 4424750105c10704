"""Quick rounds, their asks, and what two people said to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count

from sqlalchemy.orm import Session

from grants.funds.models import Fund
from grants.kernel.actors import Role
from grants.kernel.clock import london_day
from grants.people.models import Group, Person
from grants.priorities.models import Priority
from grants.proposals.models import Proposal
from grants.proposals.rules.asks import ASK_KEY
from grants.proposals.rules.facts import Line
from grants.proposals.rules.states import ProposalState
from grants.quick.models import QuickDecision, QuickOpinion
from grants.quick.rules import NoCode, Says
from grants.rounds.models import Round, RoundPriority
from grants.rounds.rules.quick import QuickDraft
from grants.rounds.rules.states import RoundKind, RoundState
from tests.builders.awards import an_award
from tests.builders.funds import a_contribution, a_fund
from tests.builders.people import a_group, a_member, a_person
from tests.builders.priorities import a_priority
from tests.builders.proposals import a_proposal
from tests.support.clock import START

_numbers = count(1)
_DAYS = {
    RoundState.DRAFT: (7, 60),
    RoundState.SCHEDULED: (7, 60),
    RoundState.OPEN: (-30, 60),
    RoundState.CLOSED: (-60, -1),
    RoundState.COMPLETED: (-90, -30),
    RoundState.CANCELLED: (7, 60),
}


def a_quick_draft(session: Session, fund: Fund, state: RoundState = RoundState.DRAFT, **fields: object) -> QuickDraft:
    """£2,000 in all, up to £500 each, answered in five working days."""
    opens, closes = _DAYS[state]
    return QuickDraft(
        **{  # type: ignore[arg-type]
            "title": f"Quick grants {next(_numbers)}",
            "summary": "Small sums for good neighbours.",
            "fund_id": fund.id,
            "priority_ids": fields.pop("priority_ids", None) or (a_priority(session).id,),
            "opens_at": START + timedelta(days=opens),
            "closes_at": START + timedelta(days=closes),
            "pot_minor": 200_000,
            "cap_minor": 50_000,
            "who_may_apply": "Neighbours who do something together.",
            **fields,
        }
    )


def a_quick_round(
    session: Session,
    state: RoundState = RoundState.OPEN,
    *,
    fund: Fund | None = None,
    priorities: Sequence[Priority] = (),
    promised_minor: int = 0,
    **fields: object,
) -> Round:
    """A quick round in ``state`` at ``START``, of a fund with £20,000 when none is given."""
    if fund is None:
        fund = a_fund(session)
        a_contribution(session, fund, 2_000_000)
    draft = a_quick_draft(session, fund, state, priority_ids=tuple(one.id for one in priorities), **fields)
    round = Round(
        kind=RoundKind.QUICK,
        fund_id=fund.id,
        title=draft.title,
        summary=draft.summary,
        state=RoundState.DRAFT,
        opens_at=draft.dates.opens_at,
        closes_at=draft.dates.closes_at,
        voting_opens_at=draft.dates.voting_opens_at,
        voting_closes_at=draft.dates.voting_closes_at,
        decide_by=draft.dates.decide_by,
        pot_minor=draft.pot_minor,
        promised_minor=promised_minor,
        floor_minor=draft.book().floor_minor,
        cap_minor=draft.cap_minor,
        terms=draft.terms(),
        preview_token=f"quick-{next(_numbers)}".ljust(43, "x"),
    )
    session.add(round)
    session.flush()
    session.add_all(RoundPriority(round_id=round.id, priority_id=id) for id in draft.priority_ids)
    session.flush()
    if state is not RoundState.DRAFT:
        book = draft.book()
        round.rule_book, round.rule_book_hash = book.to_canonical_json(), book.sha256
        round.scheduled_at = draft.opens_at - timedelta(days=7)
        round.state = state
    if state is RoundState.CANCELLED:
        round.cancelled_reason = "The hall is flooded."
    session.flush()
    return round


def an_ask(
    session: Session,
    round: Round | None = None,
    state: ProposalState = ProposalState.SUBMITTED,
    *,
    amount_minor: int = 20_000,
    put_in_at: datetime = START - timedelta(days=1),
    group: Group | None = None,
    writer: Person | None = None,
    signer: Person | None = None,
    **fields: object,
) -> Proposal:
    """An ask of £200 in ``state``, put in the day before ``START``; whole, by a writer and another member."""
    round = round or a_quick_round(session)
    if group is None:
        group = a_group(session)
        writer = a_member(session, group, writer)
        signer = a_member(session, group, signer)
    put_in = state not in (ProposalState.DRAFT, ProposalState.AWAITING_SIGN_OFF)
    defaults: dict[str, object] = {
        "title": f"A bench for our street party {next(_numbers)}",
        "summary": None,
        "what": "We put a bench on the green, and hold a party round it.",
        "section_versions": {ASK_KEY: 1},
        "starts_on": london_day(START + timedelta(days=30)),
        "ends_on": london_day(START + timedelta(days=30)),
        "communities": [],
        "number": None,
        "screening_code": None,
        "screening_reason": None,
        "submitted_at": put_in_at if put_in else None,
        "asked_sections": [],
        "asked_until": START + timedelta(days=14) if state is ProposalState.MORE_INFO_REQUESTED else None,
    }
    return a_proposal(
        session,
        round,
        state,
        group=group,
        writer=writer,
        signer=signer,
        lines=[Line("A bench", amount_minor)],
        **{**defaults, **fields},
    )


def a_decider(session: Session, role: Role = Role.STEWARD) -> Person:
    """Somebody who may decide about quick grants, and has nothing to do with any group."""
    return a_person(session, role)


def an_opinion(
    session: Session,
    ask: Proposal,
    person: Person | None = None,
    says: Says = Says.YES,
    *,
    turn: int = 1,
    copy: int = 1,
    code: NoCode | None = None,
    reason: str = "It brings the street together.",
    said_at: datetime = START,
) -> QuickOpinion:
    """What somebody said to an ask."""
    opinion = QuickOpinion(
        proposal_id=ask.id,
        copy=copy,
        turn=turn,
        person_id=(person or a_decider(session)).id,
        says=says,
        code=code or (NoCode.OTHER if says is Says.NO else None),
        reason=reason,
        said_at=said_at,
    )
    session.add(opinion)
    session.flush()
    return opinion


def a_refusal(
    session: Session, round: Round, *, days: int = 2, code: NoCode = NoCode.ELSEWHERE, **fields: object
) -> QuickDecision:
    """An ask that was answered with a no."""
    ask = an_ask(session, round, ProposalState.NOT_FUNDED, **fields)  # type: ignore[arg-type]
    assert ask.submitted_at is not None
    decision = QuickDecision(
        proposal_id=ask.id,
        round_id=round.id,
        says=Says.NO,
        code=code,
        reason="The library has one that you can borrow.",
        awarded_minor=0,
        asked_at=ask.submitted_at,
        decided_at=ask.submitted_at + timedelta(days=days),
        days=days,
    )
    session.add(decision)
    session.flush()
    return decision


def a_quick_grant(session: Session, round: Round, *, days: int = 2, **fields: object) -> QuickDecision:
    """An ask that two people said yes to, with its award."""
    ask = an_ask(session, round, ProposalState.AWARDED, **fields)  # type: ignore[arg-type]
    assert ask.submitted_at is not None
    money = a_contribution(session, round.fund, ask.applied_for_minor)
    an_award(session, proposal=ask, amount_minor=ask.applied_for_minor, contributions=[money])
    decision = QuickDecision(
        proposal_id=ask.id,
        round_id=round.id,
        says=Says.YES,
        code=None,
        reason="It brings the street together.",
        awarded_minor=ask.applied_for_minor,
        asked_at=ask.submitted_at,
        decided_at=ask.submitted_at + timedelta(days=days),
        days=days,
    )
    session.add(decision)
    session.flush()
    return decision
