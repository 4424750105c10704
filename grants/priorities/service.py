"""Suggest a priority, put it to the community, write down what was agreed, and what partners do."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select

from grants.insights.models import Insight
from grants.issues import service as issues
from grants.issues.models import Issue
from grants.issues.rules import PICKABLE, IssueState
from grants.kernel.clock import london_day
from grants.kernel.errors import RuleBroken, StepRefused
from grants.kernel.states import next_state
from grants.kernel.words import words_given
from grants.kernel.work import UnitOfWork
from grants.priorities import access, rules
from grants.priorities.models import (
    ConnectedAction,
    Consultation,
    Priority,
    PriorityBacking,
    PriorityInsight,
    PriorityIssue,
    PriorityVersion,
)
from grants.priorities.rules import ActionProgress, Agreement, PriorityAction, PriorityState, Revision, Suggestion


def suggest(uow: UnitOfWork, suggestion: Suggestion) -> Priority:
    """Suggest a priority from issues and insights. The issues are taken up only when it is agreed."""
    access.ensure_may_suggest(uow.actor)
    title, statement = rules.checked_words(suggestion.title, suggestion.statement)
    priority = Priority(
        title=title, statement=statement, state=PriorityState.SUGGESTED, version=1, suggested_at=uow.now
    )
    _ensure_it_rests_on_something(uow, suggestion)
    uow.add(priority)
    _rest_on(uow, priority, suggestion)
    uow.record(
        "priority.suggested",
        priority,
        after=priority.state,
        issues=sorted(str(id) for id in suggestion.issue_ids),
        insights=sorted(str(id) for id in suggestion.insight_ids),
    )
    return priority


def change_suggestion(uow: UnitOfWork, priority_id: UUID, suggestion: Suggestion) -> Priority:
    """Word a suggestion anew or let it rest on other things, before the community is asked."""
    access.ensure_may_suggest(uow.actor)
    priority = uow.get(Priority, priority_id, lock=True)
    if priority.state is not PriorityState.SUGGESTED:
        raise StepRefused("The community has been asked about this, so its words cannot change now.")
    priority.title, priority.statement = rules.checked_words(suggestion.title, suggestion.statement)
    _ensure_it_rests_on_something(uow, suggestion)
    uow.session.execute(delete(PriorityIssue).where(PriorityIssue.priority_id == priority.id))
    uow.session.execute(delete(PriorityInsight).where(PriorityInsight.priority_id == priority.id))
    _rest_on(uow, priority, suggestion)
    uow.record(
        "priority.suggestion_changed",
        priority,
        issues=sorted(str(id) for id in suggestion.issue_ids),
        insights=sorted(str(id) for id in suggestion.insight_ids),
    )
    return priority


def consult(uow: UnitOfWork, priority_ids: Collection[UUID], closes_at: datetime) -> Consultation:
    """Put suggested priorities to the community together, until ``closes_at``. Every one gets its own trail entry."""
    access.ensure_keeps_priorities(uow.actor)
    if not priority_ids:
        raise RuleBroken("Choose at least one priority to ask about", field="priorities")
    if closes_at <= uow.now:
        raise RuleBroken("The asking must end in the future", field="closes_at")
    consultation = Consultation(opened_at=uow.now, closes_at=closes_at)
    uow.add(consultation)
    for id in sorted(set(priority_ids)):
        priority = uow.get(Priority, id, lock=True)
        before = priority.state
        priority.state = next_state(rules.STEPS, before, PriorityAction.CONSULT)
        priority.consultation_id, priority.consultation_closes_at = consultation.id, closes_at
        uow.record("priority.consulted", priority, before=before, after=priority.state, consultation=consultation.id)
    return consultation


def choose(uow: UnitOfWork, consultation_id: UUID, choices: Sequence[UUID | None]) -> None:
    """Say what matters most: first, second and third choice, changeable until the asking ends.

    The trail says that this person took part, never what they chose.
    """
    person_id = access.ensure_may_choose(uow.actor)
    # Held: two answers of one person at once stand one after the other, and the later one counts.
    consultation = uow.get(Consultation, consultation_id, lock=True)
    if uow.now >= consultation.closes_at:
        raise StepRefused("This asking has ended, so choices cannot be made or changed any more.")
    offered = frozenset(
        uow.session.scalars(
            select(Priority.id).where(
                Priority.consultation_id == consultation.id, Priority.state == PriorityState.CONSULTED
            )
        )
    )
    chosen = rules.checked_choices(choices, offered)
    uow.session.execute(
        delete(PriorityBacking).where(PriorityBacking.person_id == person_id, PriorityBacking.priority_id.in_(offered))
    )
    uow.session.add_all(
        PriorityBacking(priority_id=id, person_id=person_id, place=place) for place, id in enumerate(chosen, 1)
    )
    uow.session.flush()
    uow.record("consultation.answered", consultation)


def agree(uow: UnitOfWork, priority_id: UUID, agreement: Agreement) -> Priority:
    """Write down that a meeting agreed it, when, and who from the community owns it; its issues are taken up."""
    access.ensure_keeps_priorities(uow.actor)
    priority = uow.get(Priority, priority_id, lock=True)
    before, after = priority.state, next_state(rules.STEPS, priority.state, PriorityAction.AGREE)
    closes_at = priority.consultation_closes_at
    if closes_at is None or closes_at > uow.now:
        raise StepRefused("The community is still being asked. Wait until that has ended.")
    agreed = rules.checked_agreement(agreement, london_day(uow.now), london_day(closes_at))
    priority.state = after
    priority.owner_name, priority.agreed_on, priority.meeting = agreed.owner_name, agreed.agreed_on, agreed.meeting
    priority.turnout_count = _turnout(uow, priority)
    _add_version(uow, priority)
    uow.record(
        "priority.agreed",
        priority,
        before=before,
        after=priority.state,
        agreed_on=agreed.agreed_on.isoformat(),
        version=priority.version,
        turnout_count=priority.turnout_count,
    )
    for issue_id in sorted(
        uow.session.scalars(select(PriorityIssue.issue_id).where(PriorityIssue.priority_id == priority.id))
    ):
        issues.take_up(uow, issue_id)
    return priority


def revise(uow: UnitOfWork, priority_id: UUID, revision: Revision) -> Priority:
    """A new version of what was agreed, with the reason; the earlier one stays to be read."""
    access.ensure_keeps_priorities(uow.actor)
    priority = uow.get(Priority, priority_id, lock=True)
    before, after = priority.state, next_state(rules.STEPS, priority.state, PriorityAction.REVISE)
    title, statement = rules.checked_words(revision.title, revision.statement)
    agreed = rules.checked_agreement(revision.agreement, london_day(uow.now), priority.agreed_on)
    why = revision.why.strip()
    if not why:
        raise RuleBroken("Say why it changes", field="why")
    if (title, statement, agreed.owner_name) == (priority.title, priority.statement, priority.owner_name):
        raise RuleBroken("Nothing has changed: change the title, the words or the owner", field="statement")
    priority.state = after
    priority.title, priority.statement, priority.version = title, statement, priority.version + 1
    priority.owner_name, priority.agreed_on, priority.meeting = agreed.owner_name, agreed.agreed_on, agreed.meeting
    _add_version(uow, priority, why)
    uow.record("priority.revised", priority, before=before, after=priority.state, version=priority.version)
    return priority


def retire(uow: UnitOfWork, priority_id: UUID, reason: str) -> Priority:
    """End it, with a reason for everybody to read."""
    access.ensure_keeps_priorities(uow.actor)
    reason = reason.strip()
    if not reason:
        raise RuleBroken("Say why it ends", field="reason")
    priority = uow.get(Priority, priority_id, lock=True)
    before = priority.state
    priority.state = next_state(rules.STEPS, before, PriorityAction.RETIRE)
    priority.retired_reason = reason
    uow.record("priority.retired", priority, before=before, after=priority.state)
    return priority


def add_action(
    uow: UnitOfWork, priority_id: UUID, *, partner: str, what: str, programme: str = "", progress: ActionProgress
) -> ConnectedAction:
    """Note what a partner does about an agreed priority beside the grants."""
    access.ensure_may_suggest(uow.actor)
    priority = uow.get(Priority, priority_id)
    if priority.state is not PriorityState.AGREED:
        raise StepRefused("Only a priority that is agreed takes connected action.")
    action = ConnectedAction(
        priority_id=priority.id,
        partner=words_given(partner, "partner", "Name the partner"),
        what=words_given(what, "what", "Say what they do"),
        programme=programme.strip(),
        progress=progress,
        noted_at=uow.now,
        updated_at=uow.now,
    )
    uow.add(action)
    uow.record("priority.action_added", priority, action=action.id, progress=progress.value)
    return action


def update_action(uow: UnitOfWork, action_id: UUID, *, what: str, progress: ActionProgress) -> ConnectedAction:
    """Note how far a partner's action has come."""
    access.ensure_may_suggest(uow.actor)
    action = uow.get(ConnectedAction, action_id, lock=True)
    priority = uow.get(Priority, action.priority_id)
    before = action.progress
    action.what, action.progress, action.updated_at = words_given(what, "what", "Say what they do"), progress, uow.now
    uow.record("priority.action_updated", priority, action=action.id, was=before.value, progress=progress.value)
    return action


def _ensure_it_rests_on_something(uow: UnitOfWork, suggestion: Suggestion) -> None:
    if not suggestion.issue_ids and not suggestion.insight_ids:
        raise RuleBroken("Choose at least one issue or insight that it rests on", field="issues")
    usable = select(func.count()).where(
        Issue.id.in_(suggestion.issue_ids), Issue.state.in_((*PICKABLE, IssueState.MERGED))
    )
    if uow.session.scalar(usable) != len(suggestion.issue_ids):
        raise RuleBroken("One of these issues is not open any more: choose again", field="issues")
    known = select(func.count()).where(Insight.id.in_(suggestion.insight_ids))
    if uow.session.scalar(known) != len(suggestion.insight_ids):
        raise RuleBroken("One of these insights is not in the bank: choose again", field="insights")


def _rest_on(uow: UnitOfWork, priority: Priority, suggestion: Suggestion) -> None:
    uow.session.add_all(PriorityIssue(priority_id=priority.id, issue_id=id) for id in suggestion.issue_ids)
    uow.session.add_all(PriorityInsight(priority_id=priority.id, insight_id=id) for id in suggestion.insight_ids)
    uow.session.flush()


def _turnout(uow: UnitOfWork, priority: Priority) -> int:
    """How many people took part in the asking in which this priority stood."""
    together = select(Priority.id).where(Priority.consultation_id == priority.consultation_id)
    return (
        uow.session.scalar(
            select(func.count(PriorityBacking.person_id.distinct())).where(PriorityBacking.priority_id.in_(together))
        )
        or 0
    )


def _add_version(uow: UnitOfWork, priority: Priority, why: str = "") -> None:
    assert priority.owner_name
    assert priority.agreed_on
    assert priority.meeting
    uow.add(
        PriorityVersion(
            priority_id=priority.id,
            version=priority.version,
            title=priority.title,
            statement=priority.statement,
            owner_name=priority.owner_name,
            agreed_on=priority.agreed_on,
            meeting=priority.meeting,
            why=why,
        )
    )
