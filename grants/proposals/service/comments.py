"""Questions about a public proposal, its group's answers, and keeping the talk decent."""

from uuid import UUID

from sqlalchemy import update

from grants.kernel.errors import NotAllowed, NotFound, RuleBroken, StepRefused
from grants.kernel.states import next_state
from grants.kernel.words import words_given
from grants.kernel.work import UnitOfWork
from grants.proposals import access, notices
from grants.proposals.models import CommentFlag, Proposal, ProposalComment
from grants.proposals.queries import published, questions, whole
from grants.proposals.rules.comments import COMMENT_AT_MOST, COMMENT_STEPS, FLAG_AT_MOST, CommentAction, CommentState
from grants.proposals.rules.states import ProposalState
from grants.rounds import queries as rounds
from grants.rounds.rules.states import RoundState


def ask(uow: UnitOfWork, proposal_id: UUID, words: str) -> ProposalComment:
    """Anybody with an account asks about a proposal while people vote; its group has a letter."""
    proposal = _talked_about(uow, proposal_id)
    if uow.actor.id is None:
        raise NotAllowed("Sign in to ask something.")
    if proposal.group_id in uow.actor.groups:
        raise NotAllowed("This is your own group's proposal: you answer the questions.")
    comment = _say(uow, proposal, words, None)
    uow.record("proposal.question_asked", proposal, comment=comment.id)
    notices.question(uow, proposal, comment.words)
    return comment


def answer(uow: UnitOfWork, comment_id: UUID, words: str) -> ProposalComment:
    """A member of the group who may write for it answers; whoever asked has a letter."""
    question = _shown(uow, comment_id)
    if question.answers_id is not None:
        raise RuleBroken("Answer the question, not an answer.")
    proposal = _talked_about(uow, question.proposal_id)
    access.ensure_may_edit(uow.actor, whole.parties(uow.session, proposal))
    comment = _say(uow, proposal, words, question.id)
    uow.record("proposal.question_answered", proposal, comment=comment.id)
    if question.author_id is not None:
        notices.question_answered(uow, proposal, question.author_id, comment.words)
    return comment


def flag(uow: UnitOfWork, comment_id: UUID, why: str) -> None:
    """Say that something should not stand there, once for each person; a steward looks at it."""
    comment = _shown(uow, comment_id)
    if uow.actor.id is None:
        raise NotAllowed("Sign in to tell us.")
    if comment.author_id == uow.actor.id:
        raise NotAllowed("This is your own.")
    why = words_given(why, "why", "Say what is wrong with it.", FLAG_AT_MOST)
    if uow.session.get(CommentFlag, (comment_id, uow.actor.id)) is not None:
        raise RuleBroken("You told us about this already. A steward looks at it.", field="why")
    uow.session.add(CommentFlag(comment_id=comment_id, person_id=uow.actor.id, why=why, flagged_at=uow.now))
    uow.session.flush()
    uow.record("proposal.comment_flagged", comment)


def hide(uow: UnitOfWork, comment_id: UUID, why: str) -> ProposalComment:
    """A steward who neither said it nor belongs to the group hides it, with a reason that everybody can read."""
    comment = _moderated(uow, comment_id)
    why = words_given(why, "why", "Say why it is hidden. Everybody can read this.", FLAG_AT_MOST)
    before = comment.state
    comment.state = next_state(COMMENT_STEPS, before, CommentAction.HIDE)
    comment.hidden_reason = why
    _settle(uow, comment_id)
    uow.record("proposal.comment_hidden", comment, before=before, after=comment.state, why=why)
    return comment


def keep(uow: UnitOfWork, comment_id: UUID) -> ProposalComment:
    """A steward lets stand what was flagged; or shows again what was hidden."""
    comment = _moderated(uow, comment_id)
    before = comment.state
    if before is CommentState.HIDDEN:
        comment.state = next_state(COMMENT_STEPS, before, CommentAction.SHOW)
        comment.hidden_reason = None
    _settle(uow, comment_id)
    uow.record("proposal.comment_kept", comment, before=before, after=comment.state)
    return comment


def _settle(uow: UnitOfWork, comment_id: UUID) -> None:
    uow.session.execute(
        update(CommentFlag)
        .where(CommentFlag.comment_id == comment_id, CommentFlag.settled_at.is_(None))
        .values(settled_at=uow.now)
    )


def _say(uow: UnitOfWork, proposal: Proposal, words: str, answers_id: UUID | None) -> ProposalComment:
    comment = ProposalComment(
        proposal_id=proposal.id,
        answers_id=answers_id,
        author_id=uow.actor.id,
        words=words_given(words, "words", "Write something first.", COMMENT_AT_MOST),
        said_at=uow.now,
        state=CommentState.SHOWN,
    )
    uow.add(comment)
    return comment


def _talked_about(uow: UnitOfWork, proposal_id: UUID) -> Proposal:
    proposal = whole.proposal(uow.session, proposal_id)
    if not published.is_public(proposal, uow.now):
        raise NotFound("There is no such proposal.")
    if proposal.state is not ProposalState.ON_BALLOT or rounds.phase(proposal.round, uow.now) is not RoundState.VOTING:
        raise StepRefused("Questions can be asked and answered while people vote.")
    return proposal


def _shown(uow: UnitOfWork, comment_id: UUID) -> ProposalComment:
    comment = questions.comment(uow.session, comment_id)
    if comment.state is not CommentState.SHOWN:
        raise NotFound("There is no such question.")
    if not published.is_public(whole.proposal(uow.session, comment.proposal_id), uow.now):
        raise NotFound("There is no such question.")
    return comment


def _moderated(uow: UnitOfWork, comment_id: UUID) -> ProposalComment:
    comment = uow.get(ProposalComment, comment_id, lock=True)
    proposal = whole.proposal(uow.session, comment.proposal_id)
    access.ensure_may_screen(uow.actor, whole.parties(uow.session, proposal))
    if comment.author_id == uow.actor.id:
        raise NotAllowed("Nobody moderates themselves. Ask another steward.")
    return comment
