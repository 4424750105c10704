"""Proposals in any state, whole unless told otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import count

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grants.kernel.canonical import fingerprint
from grants.people.models import Group, Person
from grants.people.rules import GroupKind
from grants.priorities.models import Priority
from grants.proposals.models import BudgetLine, Proposal, ProposalSnapshot
from grants.proposals.rules.facts import Help, Level, Line, total_minor
from grants.proposals.rules.sections import Section
from grants.proposals.rules.states import ProposalState
from grants.rounds import queries as rounds
from grants.rounds.models import Round
from grants.rounds.rules.states import RoundState
from tests.builders.people import a_group, a_member, a_person
from tests.builders.rounds import a_round
from tests.support.clock import START

_numbers = count(1)
_S = ProposalState
_WARD = "E05014882"
_ROUND_STATE: dict[ProposalState, RoundState] = {
    _S.DRAFT: RoundState.OPEN,
    _S.AWAITING_SIGN_OFF: RoundState.OPEN,
    _S.SUBMITTED: RoundState.CLOSED,
    _S.MORE_INFO_REQUESTED: RoundState.CHECKING,
    _S.ELIGIBLE: RoundState.CHECKING,
    _S.INELIGIBLE: RoundState.CHECKING,
    _S.ON_BALLOT: RoundState.VOTING,
    _S.AWARDED: RoundState.ANNOUNCED,
    _S.RESERVE: RoundState.ANNOUNCED,
    _S.NOT_FUNDED: RoundState.ANNOUNCED,
    _S.NOT_SUBMITTED: RoundState.CLOSED,
    _S.WITHDRAWN: RoundState.CLOSED,
}
_NUMBERED = (_S.ON_BALLOT, _S.AWARDED, _S.RESERVE, _S.NOT_FUNDED)
_SCREENED = (_S.ELIGIBLE, *_NUMBERED)


def a_proposal(
    session: Session,
    round: Round | None = None,
    state: ProposalState = ProposalState.SUBMITTED,
    *,
    group: Group | None = None,
    priority: Priority | None = None,
    lines: Sequence[Line] | None = None,
    amount_minor: int = 120_000,
    writer: Person | None = None,
    signer: Person | None = None,
    **fields: object,
) -> Proposal:
    """A whole proposal in ``state``, in a round whose state fits it when none is given.

    Its group has a writer and (but for a group that is given) a second member who signs off. ``amount_minor`` becomes
    one line of cash, unless ``lines`` are given. Put in, it has a snapshot; on the ballot, a number.
    """
    round = round or a_round(session, _ROUND_STATE[state])
    if group is None:
        group = a_group(session)
        writer = a_member(session, group, writer)
        signer = a_member(session, group, signer)
    writer = writer or a_person(session)
    lines = list(lines) if lines is not None else [Line("Seeds, pots and soil", amount_minor)]
    number = next(_numbers)
    priority_id = priority.id if priority else rounds.priority_ids(session, round.id)[0]
    put_in = state not in (_S.DRAFT, _S.AWAITING_SIGN_OFF, _S.NOT_SUBMITTED)
    proposal = Proposal(
        **{
            "round_id": round.id,
            "group_id": group.id,
            "state": state,
            "started_by_id": writer.id,
            "started_at": round.opens_at + timedelta(days=1),
            "section_versions": {section.value: 1 for section in Section},
            "title": f"Grow your own {number}",
            "summary": "Raised beds behind the hall, where neighbours grow and cook food together.",
            "what": "We will build four raised beds and hold a cooking evening every week.",
            "starts_on": (round.decide_by + timedelta(days=30)).date(),
            "ends_on": (round.decide_by + timedelta(days=200)).date(),
            "communities": ["children", "older"],
            "seldom_heard": "Parents who work nights: we asked them at the school gate.",
            "for_whom": "Families on the estate, and older neighbours who live alone.",
            "ward_codes": [_WARD],
            "imd_deciles": [1],
            "venue_postcode": "TS18 1AA",
            "priority_id": priority_id,
            "answers_need": "People told us that fresh food is too dear and too far away.",
            "approaches": ["intergenerational"],
            "level": Level.COMMUNITY,
            "outcomes_hoped": "Families cook from fresh once a week more, and know their neighbours.",
            "outcomes_seen": "We ask at the table, at the start and at the end.",
            "second_hoped": "Older neighbours come, and come back.",
            "second_seen": "We count who comes a third time.",
            "equality": "The hall has a ramp, and two of us speak Somali.",
            "poverty": "Nothing: food, kit and the bus fare are free.",
            "at_risk": True,
            "safeguarding": "Two checked adults are always there; Ada is in charge of it.",
            "help_received": Help.NOBODY,
            "applied_for_minor": total_minor(lines),
            "partners": "The library lends us its kitchen.",
            "contact_name": "Rose Marwood",
            "contact_email": "rose@example.org",
            "contact_phone": "01642 555 0123",
            "writer_id": None if state in (_S.DRAFT, _S.MORE_INFO_REQUESTED) else writer.id,
            "asked_sections": ["budget"] if state is _S.MORE_INFO_REQUESTED else [],
            "asked_words": "What is the line for soil?" if state is _S.MORE_INFO_REQUESTED else None,
            "asked_until": round.voting_opens_at - timedelta(days=1) if state is _S.MORE_INFO_REQUESTED else None,
            "signed_off_by_id": signer.id if put_in and signer else None,
            "submitted_at": min(START, round.closes_at) - timedelta(days=1) if put_in else None,
            "screening_code": "eligible" if state in _SCREENED else "not_safe" if state is _S.INELIGIBLE else None,
            "screening_reason": "The plan has no adult with the children." if state is _S.INELIGIBLE else None,
            "number": _next_number(session, round) if state in _NUMBERED else None,
            "withdrawn_at": START - timedelta(hours=1) if state is _S.WITHDRAWN else None,
            **fields,
        }
    )
    session.add(proposal)
    session.flush()
    proposal.lines = [
        BudgetLine(
            position=at,
            what=line.what,
            amount_minor=line.amount_minor,
            in_kind=line.in_kind,
            lasting=line.lasting,
        )
        for at, line in enumerate(lines, 1)
    ]
    if put_in:
        a_snapshot(session, proposal)
    session.flush()
    return proposal


def _next_number(session: Session, round: Round) -> int:
    return 1 + int(session.scalar(select(func.max(Proposal.number)).where(Proposal.round_id == round.id)) or 0)


def a_snapshot(session: Session, proposal: Proposal, number: int = 1) -> ProposalSnapshot:
    """What was put in."""
    body = {"title": proposal.title, "applied_for_minor": proposal.applied_for_minor}
    snapshot = ProposalSnapshot(
        proposal_id=proposal.id,
        number=number,
        taken_at=proposal.submitted_at or START,
        why="submitted",
        body=body,
        sha256=fingerprint(body),
    )
    session.add(snapshot)
    session.flush()
    return snapshot


def an_unconstituted_group(session: Session, **fields: object) -> Group:
    """Neighbours without a constitution or a bank account: they need a host."""
    return a_group(session, kind=GroupKind.UNCONSTITUTED, has_bank_account=False, **fields)  # type: ignore[arg-type]
