"""Questions on a proposal's page, their answers, and what people flagged."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Select, Uuid, bindparam, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from grants.kernel.actors import Role
from grants.kernel.asking import Prepared, Who
from grants.kernel.errors import NotFound
from grants.proposals.models import CommentFlag, Proposal, ProposalComment
from grants.proposals.rules.comments import CommentState
from grants.proposals.rules.states import ProposalState
from grants.rounds.models import Round


@dataclass(frozen=True, slots=True)
class Said:
    """A question on a proposal's page with its answers, or an answer."""

    id: UUID
    answers_id: UUID | None
    words: str
    said_at: datetime
    state: CommentState
    hidden_reason: str | None
    answers: list["Said"] = field(default_factory=list)


def questions(session: Session, proposal_id: UUID, *, limit: int = 100) -> list[Said]:
    """The questions about a proposal with their answers, hidden ones too, the first first."""
    said = [Said(*row) for row in _said().told(session, proposal_id=proposal_id, most=limit)]
    asked = {one.id: one for one in said if one.answers_id is None}
    for one in said:
        if one.answers_id is not None:
            asked[one.answers_id].answers.append(one)
    return list(asked.values())


@cache
def _said() -> Prepared:
    """So many questions and all their answers, in the order in which they were written."""
    comment, asked = ProposalComment, aliased(ProposalComment)
    first = (
        select(asked.id)
        .where(asked.proposal_id == bindparam("proposal_id", None, type_=Uuid()), asked.answers_id.is_(None))
        .order_by(asked.said_at, asked.id)
        .limit(bindparam("most", None, type_=Integer()))
    ).cte("first")
    of_these = select(first.c.id)
    return Prepared(
        lambda: (
            select(comment.id, comment.answers_id, comment.words, comment.said_at, comment.state, comment.hidden_reason)
            .where(or_(comment.id.in_(of_these), comment.answers_id.in_(of_these)))
            .order_by(comment.said_at, comment.id)
        )
    )


def comment(session: Session, comment_id: UUID) -> ProposalComment:
    """A question or an answer, or ``NotFound``."""
    found = session.get(ProposalComment, comment_id)
    if found is None:
        raise NotFound("There is no such question.")
    return found


def unanswered_questions(who: Who) -> Select[Any] | None:
    """Proposals of groups somebody writes for with questions that nobody has answered. Id, title, how many."""
    mine = who.edits
    if not mine:
        return None
    answer = aliased(ProposalComment)
    return (
        select(Proposal.id, Proposal.title, func.count(ProposalComment.id))
        .join(ProposalComment, ProposalComment.proposal_id == Proposal.id)
        .where(
            Proposal.group_id.in_(mine),
            Proposal.state == ProposalState.ON_BALLOT,
            ProposalComment.answers_id.is_(None),
            ProposalComment.state == CommentState.SHOWN,
            ~exists().where(answer.answers_id == ProposalComment.id),
        )
        .group_by(Proposal.id, Proposal.title)
        .order_by(Proposal.title, Proposal.id)
        .limit(25)
    )


def flagged(who: Who) -> Select[Any] | None:
    """For stewards: proposals with flags that no moderator has looked at. Id, title, how many."""
    if not who.holds(Role.STEWARD):
        return None
    return (
        select(Proposal.id, Proposal.title, func.count())
        .join(ProposalComment, ProposalComment.proposal_id == Proposal.id)
        .join(CommentFlag, CommentFlag.comment_id == ProposalComment.id)
        .join(Round, Round.id == Proposal.round_id)
        .where(CommentFlag.settled_at.is_(None), who.within(Round.fund_id, Role.STEWARD))
        .group_by(Proposal.id, Proposal.title)
        .order_by(Proposal.title, Proposal.id)
        .limit(25)
    )


def flags_of(session: Session, proposal_id: UUID) -> dict[UUID, list[str]]:
    """Comment → why people flagged it, for a moderator; those that were settled are left out."""
    rows = session.execute(
        select(CommentFlag.comment_id, CommentFlag.why)
        .join(ProposalComment, ProposalComment.id == CommentFlag.comment_id)
        .where(ProposalComment.proposal_id == proposal_id, CommentFlag.settled_at.is_(None))
        .order_by(CommentFlag.flagged_at, CommentFlag.person_id)
        .limit(200)
    )
    found: dict[UUID, list[str]] = {}
    for comment_id, why in rows:
        found.setdefault(comment_id, []).append(why)
    return found
