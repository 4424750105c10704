"""Lodge an appeal, take it on, judge it, and note what was put right. The only writer of appeals."""

from uuid import UUID

from sqlalchemy.exc import IntegrityError

from grants.allocation import queries as decisions
from grants.allocation.models import Decision
from grants.allocation.rules.states import DecisionState, last_day_to_appeal
from grants.appeals import access, notices, queries
from grants.appeals.models import Appeal
from grants.appeals.rules import (
    PUBLIC_AT_MOST,
    REASON_AT_MOST,
    STEPS,
    WORDS_AT_MOST,
    AppealAction,
    AppealDraft,
    AppealState,
    Judgement,
    Remedy,
    in_time,
)
from grants.kernel.clock import show_day
from grants.kernel.errors import RuleBroken, StepRefused
from grants.kernel.states import next_state
from grants.kernel.words import words_given
from grants.kernel.work import UnitOfWork
from grants.proposals.models import Proposal
from grants.proposals.queries import whole
from grants.rounds import queries as rounds
from grants.rounds.models import Round

ALREADY = "Your group has appealed against this decision already."


def lodge(uow: UnitOfWork, decision_id: UUID, draft: AppealDraft) -> Appeal:
    """A member of the group appeals against how a decision was made, within the rule-book's days. Once each."""
    decision = uow.get(Decision, decision_id, lock=True)
    bid, round = whole.proposal(uow.session, decision.proposal_id), uow.get(Round, decision.round_id)
    access.ensure_may_lodge(uow.actor, bid.group_id)
    if decision.notified_at is None:
        raise StepRefused("There is nothing to appeal against before the results are announced.")
    if decision.state is DecisionState.SUPERSEDED:
        raise StepRefused("This decision was corrected. Appeal against the one that stands.")
    days = rounds.rule_book(round).appeal_days
    if not in_time(decision.notified_at, days, uow.now):
        raise StepRefused(
            f"An appeal could be made until the end of {show_day(last_day_to_appeal(decision.notified_at, days))}."
        )
    words = words_given(draft.words, "words", "Say what happened.", WORDS_AT_MOST)
    if queries.of_decision(uow.session, decision_id) is not None:
        raise StepRefused(ALREADY)
    assert uow.actor.id is not None  # a member
    appeal = Appeal(
        round_id=round.id,
        decision_id=decision_id,
        ground=draft.ground,
        words=words,
        lodged_by_id=uow.actor.id,
        lodged_at=uow.now,
        state=AppealState.LODGED,
    )
    try:
        with uow.session.begin_nested():
            uow.add(appeal)
    except IntegrityError as both:
        raise StepRefused(ALREADY) from both
    uow.record("appeal.lodged", appeal, after=appeal.state, decision=decision_id, ground=appeal.ground.value)
    ties = queries.involved(uow.session, [decision_id])[decision_id]
    free = [one for one in queries.judges(uow.session) if one.id not in ties]
    notices.lodged(uow, appeal, bid, round, free)
    return appeal


def hear(uow: UnitOfWork, appeal_id: UUID, *, accepted: bool, reason: str, public_words: str = "") -> Appeal:
    """Somebody uninvolved takes it on, or finds that it is not about how the decision was made, and says why."""
    appeal, bid, round = _to_judge(uow, appeal_id)
    before = appeal.state
    appeal.state = next_state(STEPS, before, AppealAction.ACCEPT if accepted else AppealAction.FIND_OUT_OF_SCOPE)
    appeal.reason = words_given(reason, "reason", "Say why, to the group.", REASON_AT_MOST)
    if not accepted:
        appeal.public_words = words_given(
            public_words, "public_words", "Say it in a sentence for everybody, without names.", PUBLIC_AT_MOST
        )
    appeal.judge_id, appeal.heard_at = uow.actor.id, uow.now
    verb = "appeal.accepted" if accepted else "appeal.found_out_of_scope"
    uow.record(verb, appeal, before=before, after=appeal.state, decision=appeal.decision_id)
    notices.stepped(uow, appeal, bid, round)
    return appeal


def judge(uow: UnitOfWork, appeal_id: UUID, found: Judgement) -> Appeal:
    """Somebody uninvolved decides, with a reason for the group and a sentence for everybody."""
    appeal, bid, round = _to_judge(uow, appeal_id)
    before = appeal.state
    appeal.state = next_state(STEPS, before, AppealAction.UPHOLD if found.upheld else AppealAction.NOT_UPHOLD)
    if found.upheld and found.remedy is None:
        raise RuleBroken("Say what is to be done.", field="remedy")
    appeal.reason = words_given(found.reason, "reason", "Say why, to the group.", REASON_AT_MOST)
    appeal.public_words = words_given(
        found.public_words, "public_words", "Say it in a sentence for everybody, without names.", PUBLIC_AT_MOST
    )
    appeal.remedy = found.remedy if found.upheld else None
    appeal.judge_id, appeal.judged_at = uow.actor.id, uow.now
    uow.record(
        "appeal.judged",
        appeal,
        before=before,
        after=appeal.state,
        decision=appeal.decision_id,
        remedy=appeal.remedy.value if appeal.remedy else None,
    )
    notices.stepped(uow, appeal, bid, round)
    return appeal


def note_remedy(uow: UnitOfWork, appeal_id: UUID, words: str) -> Appeal:
    """A steward says what was done about an appeal that was upheld. A correction must have been made by then."""
    appeal = uow.get(Appeal, appeal_id, lock=True)
    round, decision = uow.get(Round, appeal.round_id), uow.get(Decision, appeal.decision_id)
    access.ensure_may_remedy(uow.actor, round.fund_id)
    if appeal.state is not AppealState.UPHELD or appeal.remedied_at is not None:
        raise StepRefused("There is nothing to put right here, or it was done already.")
    if appeal.remedy is Remedy.CORRECT and decision.state is not DecisionState.SUPERSEDED:
        raise StepRefused("The decision stands as it was. Ask for its correction first; the chair must agree.")
    appeal.remedied_words = words_given(words, "words", "Say what was done.", PUBLIC_AT_MOST)
    appeal.remedied_at, appeal.remedied_by_id = uow.now, uow.actor.id
    standing = decisions.decision_for(uow.session, decision.proposal_id)
    uow.record("appeal.remedied", appeal, decision=standing.id if standing else None)
    notices.remedied(uow, appeal, whole.proposal(uow.session, decision.proposal_id))
    return appeal


def _to_judge(uow: UnitOfWork, appeal_id: UUID) -> tuple[Appeal, Proposal, Round]:
    """The appeal, held, for somebody who is not involved."""
    appeal = uow.get(Appeal, appeal_id, lock=True)
    decision = uow.get(Decision, appeal.decision_id)
    ties = queries.involved(uow.session, [appeal.decision_id])[appeal.decision_id]
    access.ensure_may_judge(uow.actor, ties.get(uow.actor.id, ()) if uow.actor.id is not None else ())
    return appeal, whole.proposal(uow.session, decision.proposal_id), uow.get(Round, appeal.round_id)
