"""Say yes or no to an ask, ask back, finish a round. The only writer of opinions and decisions on quick grants."""

from collections import defaultdict
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from grants.awards.service import offers
from grants.kernel.clock import LONDON, london_day
from grants.kernel.errors import Conflict, NotAllowed, NotEnoughMoney, RuleBroken, StepRefused
from grants.kernel.work import UnitOfWork
from grants.people import queries as people
from grants.proposals.models import Proposal
from grants.proposals.rules.states import ProposalState
from grants.proposals.service import bids as proposals
from grants.proposals.service import quick as asks
from grants.quick import access, notices, queries, rules
from grants.quick.models import QuickDecision, QuickOpinion
from grants.quick.queries import Ask
from grants.quick.rules import DECIDED, NoCode, Opinion, Says, Standing
from grants.rounds import service as rounds

LETTERS_FROM = 8
"""The hour in London from which whoever decides is reminded."""


def say(
    uow: UnitOfWork, proposal_id: UUID, says: Says, *, copy: int, code: NoCode | None = None, reason: str = ""
) -> Standing:
    """Say yes or no to an ask as it stands in ``copy``. What the second person says can decide it.

    Somebody without an interest, each person once. A yes needs the money to be there, at every turn; that there is not
    enough can be given as a reason only when it is so. A decision promises the money, tells the group and is written
    down in the same step. Raises ``Conflict`` when the ask, or what was said to it, is not what the page showed.
    """
    ask = _held(uow, proposal_id)
    person_id = _ensure_may(uow, ask)
    if copy != ask.copy:
        raise Conflict("The group has changed it since you opened this page. Read it again, then answer.")
    before = ask.opinions
    agrees = bool(before) and before[-1].says is says and len(before) == 1
    code, words = rules.checked_reason(says, code, reason, agrees=agrees)
    _ensure_true(uow, ask, says, code)
    opinion = Opinion(person_id, says, code, words)
    made = QuickOpinion(
        proposal_id=proposal_id,
        copy=copy,
        turn=len(before) + 1,
        person_id=person_id,
        says=says,
        code=code,
        reason=words,
        said_at=uow.now,
    )
    try:
        with uow.session.begin_nested():
            uow.add(made)
    except IntegrityError:
        raise Conflict("Somebody else answered in this moment. Look at what they said, then answer.") from None
    uow.record("quick.answered", ask.proposal, copy=copy, turn=made.turn, says=says.value, kind=code and code.value)
    opinions = (*before, opinion)
    verdict = rules.standing(opinions, others=bool(_others(uow, ask, opinions)) if len(opinions) == 2 else True)
    if verdict in DECIDED:
        _decide(uow, ask, verdict, opinions)
    return verdict


def _decide(uow: UnitOfWork, ask: Ask, verdict: Standing, opinions: tuple[Opinion, ...]) -> None:
    """Promise the money, write down what was decided, tell the group."""
    proposal, funded = ask.proposal, verdict is Standing.FUNDED
    code, reason = rules.told(opinions, verdict)
    assert proposal.submitted_at is not None  # it was put in
    if funded:
        rounds.take_from_pot(uow, proposal.round_id, proposal.applied_for_minor)
        offers.offer_one(uow, proposal)
    proposals.note_verdict(uow, proposal, "awarded" if funded else "not_funded")
    decision = QuickDecision(
        proposal_id=proposal.id,
        round_id=proposal.round_id,
        says=Says.YES if funded else Says.NO,
        code=code,
        reason=reason,
        awarded_minor=proposal.applied_for_minor if funded else 0,
        asked_at=proposal.submitted_at,
        decided_at=uow.now,
        days=rules.days_between(proposal.submitted_at, uow.now),
    )
    uow.add(decision)
    uow.record(
        "quick.decided",
        proposal,
        says=decision.says.value,
        kind=code and code.value,
        awarded_minor=decision.awarded_minor,
        days=decision.days,
        deciders=[str(one.person_id) for one in opinions],
    )
    notices.told(uow, proposal, decision)


def ask_back(uow: UnitOfWork, proposal_id: UUID, *, copy: int, words: str) -> Proposal:
    """Ask the group something instead of an answer: it can change its page, and what was said before counts no more."""
    ask = _held(uow, proposal_id)
    _ensure_may(uow, ask)
    if copy != ask.copy:
        raise Conflict("The group has changed it since you opened this page. Read it again, then ask.")
    return asks.request_more(uow, ask.proposal, words)


def finish(uow: UnitOfWork, round_id: UUID) -> None:
    """End a quick round that is over, once every ask has its answer. What is left of its pot is free again."""
    if size := queries.unanswered(uow.session, round_id):
        some = "1 ask waits" if size == 1 else f"{size} asks wait"
        raise StepRefused(f"{some} for an answer. Answer first, then finish the round.")
    rounds.mark_completed(uow, round_id)


def remind(uow: UnitOfWork) -> int:
    """Write to everybody for whom an ask waits, once a working day from eight in the morning. Safe to run twice.

    Returns how many letters were due.
    """
    if not uow.actor.is_clock:
        raise NotAllowed("The clock sends reminders.")
    today = london_day(uow.now)
    if today.weekday() > 4 or uow.now.astimezone(LONDON).hour < LETTERS_FROM:
        return 0
    waiting = queries.waiting(uow.session, None)
    closed = queries.interested(uow.session, waiting)
    for_whom: dict[UUID, list[Ask]] = defaultdict(list)
    by_fund = {fund: queries.deciders(uow.session, fund) for fund in {one.proposal.round.fund_id for one in waiting}}
    for one in waiting:
        for person_id in by_fund[one.proposal.round.fund_id] - closed[one.proposal.id]:
            if not one.has_said(person_id):
                for_whom[person_id].append(one)
    emails = people.emails(uow.session, for_whom)
    for person_id, email in sorted(emails.items()):
        notices.waits(uow, person_id, email, for_whom[person_id])
    return len(emails)


def _held(uow: UnitOfWork, proposal_id: UUID) -> Ask:
    """The ask, its row held, while it waits for an answer."""
    proposal = uow.get(Proposal, proposal_id, lock=True)
    ask = queries.ask(uow.session, proposal_id)
    if proposal.state is not ProposalState.SUBMITTED:
        raise StepRefused("This does not wait for an answer now: look at where it stands.")
    return ask


def _ensure_may(uow: UnitOfWork, ask: Ask) -> UUID:
    interested = uow.actor.id in queries.interested(uow.session, [ask])[ask.proposal.id]
    return access.ensure_may_decide(
        uow.actor,
        ask.proposal.round.fund_id,
        interested=interested,
        has_said=ask.has_said(uow.actor.id),
    )


def _ensure_true(uow: UnitOfWork, ask: Ask, says: Says, code: NoCode | None) -> None:
    """A yes only where the money is; "there is not enough money" only where it is not."""
    short = queries.why_no_money(uow.session, ask.proposal, uow.now)
    if says is Says.YES and short is not None:
        raise NotEnoughMoney(
            f"There is not enough money for a yes. {short} Say no for that reason, or ask them for less.",
            ask.proposal.applied_for_minor,
        )
    if code is NoCode.NO_MONEY and short is None:
        raise RuleBroken("There is enough money for this, so give another reason.", field="code")


def _others(uow: UnitOfWork, ask: Ask, opinions: tuple[Opinion, ...]) -> set[UUID]:
    """Who else may decide about it."""
    said = {one.person_id for one in opinions}
    closed = queries.interested(uow.session, [ask])[ask.proposal.id]
    return queries.deciders(uow.session, ask.proposal.round.fund_id) - closed - said
