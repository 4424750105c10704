"""Awards with all that stands behind them: a round, a proposal, money in the books, a signed agreement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from hashlib import sha256
from itertools import count

from sqlalchemy.orm import Session

from grants.allocation.models import AllocationRun, Decision
from grants.allocation.rules.states import DecisionState, Verdict
from grants.awards import queries
from grants.awards.models import Agreement, Award, AwardSplit, Instalment, Signature
from grants.awards.rules import HOLDS_MONEY, AgreementState, AwardState
from grants.funds.models import Contribution, Fund
from grants.kernel.money import share_out
from grants.ledger import service as ledger
from grants.ledger.rules import Line, Pocket, moved
from grants.payees.rules.checks import FOR_ONE_AWARD
from grants.people.models import Group, Person
from grants.priorities.models import Priority
from grants.priorities.rules import PriorityState
from grants.proposals.models import Proposal
from grants.proposals.rules.states import ProposalState
from grants.rounds.models import Round
from grants.rounds.rules.states import RoundState
from tests.builders.funds import a_contribution, a_fund
from tests.builders.payees import a_check, a_verified_account
from tests.builders.people import a_group, a_member, a_person
from tests.support.clock import START
from tests.support.work import work

_numbers = count(1)


def a_decided_round(
    session: Session, fund: Fund | None = None, *, state: RoundState = RoundState.DECIDED, **fields: object
) -> Round:
    """A round whose vote is over and whose panel has decided."""
    found = fund or a_fund(session)
    made = Round(
        **{
            "fund_id": found.id,
            "title": f"Good food, round {next(_numbers)}",
            "summary": "Small grants for food that neighbours can afford.",
            "state": state,
            "opens_at": START - timedelta(days=40),
            "closes_at": START - timedelta(days=25),
            "voting_opens_at": START - timedelta(days=20),
            "voting_closes_at": START - timedelta(days=6),
            "decide_by": START + timedelta(days=10),
            "pot_minor": 1_000_000,
            "floor_minor": 10_000,
            "cap_minor": 300_000,
            "terms": {},
            "rule_book": "{}",
            "rule_book_hash": "0" * 64,
            "preview_token": "t" * 43,
            **fields,
        }
    )
    session.add(made)
    session.flush()
    return made


def a_decided_proposal(
    session: Session,
    round: Round,
    *,
    group: Group | None = None,
    applied_for_minor: int = 90_000,
    state: ProposalState = ProposalState.AWARDED,
    **fields: object,
) -> Proposal:
    """A proposal that went through the vote; its group has two members who may sign off."""
    group = group or a_group_of_two(session)
    priority = Priority(
        title=f"Good food that we can afford {next(_numbers)}",
        statement="Everybody can get fresh food that they can afford, near where they live.",
        state=PriorityState.AGREED,
        owner_name="The food circle",
        agreed_on=date(2026, 2, 20),
        meeting="Community forum in the town hall",
        suggested_at=START - timedelta(days=90),
    )
    session.add(priority)
    session.flush()
    proposal = Proposal(
        **{
            "round_id": round.id,
            "group_id": group.id,
            "state": state,
            "number": next(_numbers),
            "started_by_id": a_person(session).id,
            "started_at": START - timedelta(days=39),
            "title": "Soup and seeds",
            "summary": "We cook together every week and grow what we cook.",
            "what": "A weekly table in the community centre.",
            "for_whom": "Families near the library.",
            "ward_codes": [],
            "imd_deciles": [],
            "priority_id": priority.id,
            "applied_for_minor": applied_for_minor,
            "submitted_at": START - timedelta(days=28),
            **fields,
        }
    )
    session.add(proposal)
    session.flush()
    return proposal


def a_group_of_two(session: Session, **fields: object) -> Group:
    """A group with two members who may sign off."""
    group = a_group(session, **fields)  # type: ignore[arg-type]
    for _ in range(2):
        a_member(session, group)
    return group


def a_decision(
    session: Session,
    proposal: Proposal,
    verdict: Verdict = Verdict.AWARDED,
    *,
    state: DecisionState = DecisionState.RATIFIED,
    rank: int = 1,
    awarded_minor: int | None = None,
    **fields: object,
) -> Decision:
    """What was decided of a proposal, ratified and not yet announced."""
    run = AllocationRun(
        round_id=proposal.round_id,
        rule="most_votes",
        inputs="{}",
        outcome="[]",
        checksum="0" * 64,
        pot_minor=1_000_000,
        spent_minor=0,
        run_at=START,
    )
    session.add(run)
    session.flush()
    amount = proposal.applied_for_minor if awarded_minor is None else awarded_minor
    decision = Decision(
        **{
            "round_id": proposal.round_id,
            "proposal_id": proposal.id,
            "run_id": run.id,
            "state": state,
            "verdict": verdict,
            "awarded_minor": amount if verdict is Verdict.AWARDED else 0,
            "rank": rank,
            "votes": 100 - rank,
            "reason_code": "funded",
            "reason": "It came first, and its cost fitted into the pot.",
            "decided_at": START,
            **fields,
        }
    )
    session.add(decision)
    session.flush()
    return decision


def an_award(
    session: Session,
    *,
    state: AwardState = AwardState.ACTIVE,
    amount_minor: int = 90_000,
    group: Group | None = None,
    payee: Group | None = None,
    proposal: Proposal | None = None,
    contributions: Sequence[Contribution] = (),
    parts: Sequence[int] = (),
    **fields: object,
) -> Award:
    """An award under way whose money is committed in the books; one instalment, due at ``START``.

    ``contributions``: what it draws on, in proportion to what was promised (one of £10,000 when none is given).
    ``parts``: the pence of each instalment. Awards beyond OFFERED have instalments and an agreement; beyond ACCEPTED
    the agreement is countersigned; beyond IN_SET_UP the bank account is verified.
    """
    number = next(_numbers)
    fund = contributions[0].fund if contributions else None
    if proposal is None:
        proposal = a_decided_proposal(
            session,
            a_decided_round(session, fund, state=RoundState.ANNOUNCED),
            group=group,
            title=f"Soup and seeds {number}",
        )
    fund_id = proposal.round.fund_id
    given = list(contributions) or [a_contribution(session, session.get(Fund, fund_id))]
    group_id = proposal.group_id
    award = Award(
        **{
            "proposal_id": proposal.id,
            "round_id": proposal.round_id,
            "fund_id": fund_id,
            "group_id": group_id,
            "priority_id": proposal.priority_id,
            "payee_id": payee.id if payee else group_id,
            "reference": f"SB-TEST{number:06d}",
            "amount_minor": amount_minor,
            "state": state,
            "offered_at": START - timedelta(days=2),
            "answer_by": START + timedelta(days=12),
            "answered_at": None if state in (AwardState.OFFERED, AwardState.LAPSED) else START - timedelta(days=1),
            **fields,
        }
    )
    session.add(award)
    session.flush()
    lines: list[Line] = []
    for contribution, part in zip(given, share_out(amount_minor, [c.amount_minor for c in given]), strict=True):
        if part:
            session.add(AwardSplit(award_id=award.id, contribution_id=contribution.id, amount_minor=part))
            lines += moved(contribution.id, part, Pocket.AVAILABLE, Pocket.COMMITTED, award.id)
    if state in HOLDS_MONEY:
        key = f"award:{award.id}:commit"
        ledger.post(work(session), key=key, event="award.committed", fund_id=fund_id, lines=lines)
    if state not in (AwardState.OFFERED, AwardState.LAPSED, AwardState.DECLINED):
        for place, part in enumerate(parts or [amount_minor], 1):
            session.add(Instalment(award_id=award.id, number=place, amount_minor=part, due_on=START.date()))
        signed = state is not AwardState.ACCEPTED
        an_agreement(session, award, state=AgreementState.COUNTERSIGNED if signed else AgreementState.SENT)
        if state not in (AwardState.ACCEPTED, AwardState.IN_SET_UP):
            a_verified_account(session, award.payee)
    session.flush()
    session.expire(award)
    return award


def an_agreement(
    session: Session,
    award: Award,
    *,
    state: AgreementState = AgreementState.SENT,
    version: int = 1,
    signers: Sequence[Person] = (),
) -> Agreement:
    """The agreement of an award, as it was sent to the group."""
    text = f"Grant agreement {award.reference}, version {version}."
    agreement = Agreement(
        award_id=award.id,
        version=version,
        template=1,
        text=text,
        sha256=sha256(text.encode()).hexdigest(),
        state=state,
        sent_at=START - timedelta(hours=20),
        countersigned_at=START if state is AgreementState.COUNTERSIGNED else None,
    )
    session.add(agreement)
    session.flush()
    for person in signers:
        session.add(Signature(agreement_id=agreement.id, person_id=person.id, typed_name=person.name, signed_at=START))
    session.flush()
    return agreement


def all_known(session: Session, award: Award) -> None:
    """Let everything that an award waits for be there: every check of its tier, and a verified bank account."""
    for need in queries.needs(session, award, START.date()):
        group = session.get_one(Group, need.group_id)
        a_check(session, group, need.kind, award_ref=award.id if need.kind in FOR_ONE_AWARD else None)
    a_verified_account(session, award.payee)
