"""Raise an issue, look at it, support it, answer it."""

import secrets
from uuid import UUID

from sqlalchemy import delete, exists, func, insert, literal, or_, select, update

from grants.issues import access, notices, rules
from grants.issues.models import Issue, IssueSupport
from grants.issues.rules import AnswerKind, IssueAction, IssueDraft, IssueState
from grants.kernel.errors import NotFound, RuleBroken, StepRefused
from grants.kernel.states import next_state
from grants.kernel.words import words_given
from grants.kernel.work import UnitOfWork
from grants.people.queries import token_hash


def raise_issue(uow: UnitOfWork, draft: IssueDraft) -> tuple[Issue, str]:
    """Note what anybody says matters. Returns the row and the token of its author's private link, told only once."""
    token = secrets.token_urlsafe(24)
    issue = Issue(
        title=words_given(draft.title, "title", "Enter what it is about, in a few words"),
        body=words_given(draft.body, "body", "Tell us what the matter is"),
        ward_code=draft.ward_code,
        touches=draft.touches.strip(),
        state=IssueState.RAISED,
        raised_by_id=uow.actor.id,
        contact_email=draft.contact_email or None,
        author_token_hash=token_hash(token),
        raised_at=uow.now,
        support_count=0,
    )
    uow.add(issue)
    uow.record("issue.raised", issue, after=issue.state)
    notices.received(uow, issue, token)
    return issue, token


def publish(uow: UnitOfWork, issue_id: UUID) -> Issue:
    """Let everybody read it, after a look by somebody else than its author."""
    issue, after = _ready(uow, issue_id, IssueAction.PUBLISH)
    before, issue.state = issue.state, after
    issue.looked_at_by_id = uow.actor.id
    issue.hidden_reason = None
    uow.record("issue.published", issue, before=before, after=issue.state)
    notices.published(uow, issue)
    return issue


def hide(uow: UnitOfWork, issue_id: UUID, reason: str) -> Issue:
    """Take it out of sight; its author can read the reason, nobody else."""
    reason = words_given(reason, "reason", "Say why, so that its author understands")
    issue, after = _ready(uow, issue_id, IssueAction.HIDE)
    before, issue.state = issue.state, after
    issue.looked_at_by_id = uow.actor.id
    issue.hidden_reason = reason
    uow.record("issue.hidden", issue, before=before, after=issue.state)
    notices.hidden(uow, issue)
    return issue


def merge(uow: UnitOfWork, issue_id: UUID, into_id: UUID) -> Issue:
    """Put it together with another that says the same. Returns the other.

    Support moves: whoever supported either, or raised the merged one with an account, supports the other, once. What
    was merged into this one before points to the other from now on, so no chain is ever longer than one.
    """
    if issue_id == into_id:
        raise RuleBroken("Choose another issue: one cannot be merged into itself.", field="into")
    # Both rows are held in one order, so that two merges crossing each other wait instead of locking each other out.
    rows = {id: uow.get(Issue, id, lock=True) for id in sorted((issue_id, into_id))}
    issue, into = rows[issue_id], rows[into_id]
    access.ensure_may_look(uow.actor, issue.raised_by_id)
    if into.state not in rules.MERGE_TARGETS:
        raise RuleBroken("Choose an issue that is published and still open.", field="into")
    before = issue.state
    issue.state = next_state(rules.STEPS, before, IssueAction.MERGE)
    issue.looked_at_by_id = uow.actor.id
    issue.merged_into_id = into.id
    uow.session.flush()
    uow.session.execute(update(Issue).where(Issue.merged_into_id == issue.id).values(merged_into_id=into.id))
    moved = _move_support(uow, issue, into)
    uow.record("issue.merged", issue, before=before, after=issue.state, into=into.id, support_moved_count=moved)
    notices.merged(uow, issue, into)
    return into


def answer(uow: UnitOfWork, issue_id: UUID, kind: AnswerKind, words: str) -> Issue:
    """Tell its author and everybody what was done about it, or what there is to say."""
    words = words_given(words, "answer", "Write the answer")
    issue, after = _ready(uow, issue_id, IssueAction.ANSWER)
    before, issue.state = issue.state, after
    issue.answer_kind, issue.answer, issue.answered_at = kind, words, uow.now
    uow.record("issue.answered", issue, before=before, after=issue.state, kind=kind.value)
    notices.answered(uow, issue)
    return issue


def take_up(uow: UnitOfWork, issue_id: UUID) -> Issue:
    """Make it part of what the community agreed to act on: called when a priority is agreed.

    Safe to repeat. A merged issue takes the other with it; one that ended meanwhile stays as it is.
    """
    issue = uow.get(Issue, issue_id, lock=True)
    if issue.merged_into_id is not None:
        issue = uow.get(Issue, issue.merged_into_id, lock=True)
    access.ensure_takes_care(uow.actor)
    if (issue.state, IssueAction.TAKE_UP) not in rules.STEPS:
        return issue
    before = issue.state
    issue.state = next_state(rules.STEPS, before, IssueAction.TAKE_UP)
    uow.record("issue.taken_up", issue, before=before, after=issue.state)
    notices.taken_up(uow, issue)
    return issue


def close(uow: UnitOfWork, issue_id: UUID, words: str = "") -> Issue:
    """End it. One without an answer yet gets ``words`` as its answer; nothing ends without one."""
    issue, after = _ready(uow, issue_id, IssueAction.CLOSE)
    if words.strip() or not issue.answer:
        issue.answer = words_given(words, "answer", "Write the answer that its author will read")
        issue.answer_kind = issue.answer_kind or AnswerKind.ANSWER
        issue.answered_at = uow.now
    before, issue.state = issue.state, after
    uow.record("issue.closed", issue, before=before, after=issue.state)
    notices.closed(uow, issue)
    return issue


def support(uow: UnitOfWork, issue_id: UUID) -> bool:
    """ "This matters to me too", once for each person. False when it was said before."""
    issue = uow.get(Issue, issue_id, lock=True)
    access.ensure_may_support(uow.actor, issue.raised_by_id)
    if issue.state not in rules.SUPPORTABLE:
        raise StepRefused("This issue is no longer open, so it takes no more support.")
    assert uow.actor.id is not None
    if not _count_in(uow, issue.id, uow.actor.id):
        return False
    uow.session.execute(
        update(Issue).where(Issue.id == issue.id).values(support_count=Issue.support_count + 1),
        execution_options={"synchronize_session": False},
    )
    uow.session.refresh(issue)
    uow.record("issue.supported", issue)
    return True


def take_back_support(uow: UnitOfWork, issue_id: UUID) -> bool:
    """Take "this matters to me too" back. False when it had not been said."""
    issue = uow.get(Issue, issue_id, lock=True)
    access.ensure_may_support(uow.actor, issue.raised_by_id)
    gone = uow.session.scalar(
        delete(IssueSupport)
        .where(IssueSupport.issue_id == issue.id, IssueSupport.person_id == uow.actor.id)
        .returning(IssueSupport.person_id)
    )
    if gone is None:
        return False
    uow.session.execute(
        update(Issue).where(Issue.id == issue.id).values(support_count=Issue.support_count - 1),
        execution_options={"synchronize_session": False},
    )
    uow.session.refresh(issue)
    uow.record("issue.support_taken_back", issue)
    return True


def forget_contact(uow: UnitOfWork, issue_id: UUID, token: str) -> Issue:
    """Blank the author's e-mail address, at the wish of whoever holds the private link; no more letters go there."""
    issue = uow.get(Issue, issue_id, lock=True)
    if issue.author_token_hash != token_hash(token):
        raise NotFound
    if issue.contact_email is None:
        raise StepRefused("We have no e-mail address for this issue.")
    issue.contact_email = None
    uow.record("issue.contact_forgotten", issue)
    return issue


def forget_person(uow: UnitOfWork, person_id: UUID, email: str | None) -> None:
    """Blank the address that somebody left with issues; the issues stay, without a way back to them."""
    theirs = Issue.raised_by_id == person_id
    uow.session.execute(
        update(Issue)
        .where(Issue.contact_email.is_not(None), or_(theirs, Issue.contact_email == email) if email else theirs)
        .values(contact_email=None)
    )


def _ready(uow: UnitOfWork, issue_id: UUID, action: IssueAction) -> tuple[Issue, IssueState]:
    """The row, held, and its state after ``action``; somebody else than its author takes the step."""
    issue = uow.get(Issue, issue_id, lock=True)
    access.ensure_may_look(uow.actor, issue.raised_by_id)
    return issue, next_state(rules.STEPS, issue.state, action)


def _count_in(uow: UnitOfWork, issue_id: UUID, person_id: UUID) -> bool:
    """Write the support down unless it stands there; the row of the issue is held, so nobody comes between."""
    there = exists().where(IssueSupport.issue_id == issue_id, IssueSupport.person_id == person_id)
    row = select(literal(issue_id, Issue.id.type), literal(person_id, Issue.id.type)).where(~there)
    new = insert(IssueSupport).from_select(["issue_id", "person_id"], row).returning(IssueSupport.person_id)
    return uow.session.scalar(new) is not None


def _move_support(uow: UnitOfWork, issue: Issue, into: Issue) -> int:
    """Move support to ``into`` without counting anybody twice. Returns how many were new there."""
    had = into.support_count
    both = select(IssueSupport.person_id).where(IssueSupport.issue_id == into.id)
    movers = select(literal(into.id, Issue.id.type), IssueSupport.person_id).where(
        IssueSupport.issue_id == issue.id, IssueSupport.person_id.not_in(both)
    )
    if into.raised_by_id is not None:
        movers = movers.where(IssueSupport.person_id != into.raised_by_id)
    uow.session.execute(insert(IssueSupport).from_select(["issue_id", "person_id"], movers))
    uow.session.execute(delete(IssueSupport).where(IssueSupport.issue_id == issue.id))
    if issue.raised_by_id is not None and issue.raised_by_id != into.raised_by_id:
        _count_in(uow, into.id, issue.raised_by_id)
    issue.support_count = 0
    into.support_count = (
        uow.session.scalar(select(func.count()).select_from(IssueSupport).where(IssueSupport.issue_id == into.id)) or 0
    )
    return into.support_count - had
