"""What the first pages show of every stage: few queries, however much there is."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from uuid import UUID

from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.orm import Session, contains_eager

from grants.awards.models import Award, Instalment
from grants.awards.rules import AwardState
from grants.disbursements.models import Disbursement
from grants.disbursements.rules import DisbursementState
from grants.issues.models import Issue
from grants.issues.rules import LISTED, IssueState
from grants.kernel.asking import Prepared
from grants.kernel.clock import london_day
from grants.kernel.money import show_pounds
from grants.ledger.models import Account
from grants.ledger.rules import Pocket
from grants.payees import queries as payees
from grants.payees.models import BankAccount, GroupCheck
from grants.people.models import Group, Membership, Person, SignInSession
from grants.priorities.models import Priority
from grants.priorities.rules import PriorityState
from grants.proposals.models import Proposal, ProposalFile
from grants.proposals.queries import lists as proposal_lists
from grants.proposals.rules.states import IN_HAND, OPEN_STATES, ProposalState
from grants.reports.models import Picture, Report
from grants.reports.rules import ReportState
from grants.rounds import queries as rounds
from grants.rounds.models import Round
from grants.rounds.rules.states import RoundState
from grants.voting.models import Tally


def kept_files(session: Session) -> set[str]:
    """The name of every file that something belongs to: papers, pictures, and what is in proposals."""
    columns = (ProposalFile.stored_name, Picture.stored_name, BankAccount.paper, GroupCheck.paper)
    return {name for column in columns for name in session.scalars(select(column)) if name is not None}


NOT_GRANTED = (AwardState.OFFERED, AwardState.DECLINED, AwardState.LAPSED)


@dataclass(frozen=True, slots=True)
class Figures:
    """What has come of it so far. Votes are those of counted rounds: while people vote, nothing is told."""

    issues: int
    priorities: int
    groups_funded: int
    votes: int
    left_minor: int
    paid_minor: int


def figures(session: Session) -> Figures:
    """All figures in one query."""
    [row] = _figures().told(session)
    return Figures(*(int(value) for value in row))


@cache
def _figures() -> Prepared:
    return Prepared(
        lambda: select(
            select(func.count()).where(Issue.state.in_(LISTED)).scalar_subquery(),
            select(func.count()).where(Priority.state == PriorityState.AGREED).scalar_subquery(),
            select(func.count(Award.group_id.distinct())).where(Award.state.not_in(NOT_GRANTED)).scalar_subquery(),
            select(func.coalesce(func.sum(Tally.ballot_count), 0))
            .where(Tally.round_id.in_(select(Round.id).where(Round.imported_from.is_(None))))
            .scalar_subquery(),
            _in_pocket(Pocket.AVAILABLE),
            _in_pocket(Pocket.PAID),
        )
    )


def _in_pocket(pocket: Pocket) -> ScalarSelect[int]:
    # A pocket is a liability in the books, so its balance is negative.
    return select(func.coalesce(-func.sum(Account.balance_minor), 0)).where(Account.pocket == pocket).scalar_subquery()


def open_now(session: Session, now: datetime, *, limit: int = 4) -> list[tuple[Round, RoundState]]:
    """Rounds in which people can do something now, or soon: voting first, then open, then the next to open."""
    order = [RoundState.VOTING, RoundState.OPEN, RoundState.SCHEDULED]
    found = [(one, rounds.phase(one, now)) for one in rounds.public_rounds(session, limit=50)]
    live = [(one, phase) for one, phase in found if phase in order]
    return sorted(live, key=lambda pair: (order.index(pair[1]), pair[0].opens_at, pair[0].title))[:limit]


@dataclass(frozen=True, slots=True)
class Done:
    """You said, we did: a priority, and what a funded group reports of it."""

    award_id: UUID
    said: str
    did: str
    group: str
    amount_minor: int
    words: str
    at: datetime


def done(session: Session, *, limit: int = 3) -> list[Done]:
    """What was done lately, by accepted reports, newest first."""
    return [Done(*row) for row in _done(limit).told(session)]


@cache
def _done(limit: int) -> Prepared:
    return Prepared(
        lambda: (
            select(
                Award.id,
                Priority.title,
                Proposal.title,
                Group.name,
                Award.amount_minor,
                Report.what_happened,
                Report.accepted_at,
            )
            .join(Award, Report.award_id == Award.id)
            .join(Priority, Award.priority_id == Priority.id)
            .join(Proposal, Award.proposal_id == Proposal.id)
            .join(Group, Award.group_id == Group.id)
            .where(Report.state == ReportState.ACCEPTED, Report.accepted_at.is_not(None))
            .order_by(Report.accepted_at.desc(), Report.id)
            .limit(limit)
        )
    )


@dataclass(frozen=True, slots=True)
class Answered:
    """You said, we did: an issue and its answer."""

    issue_id: UUID
    said: str
    answer: str
    at: datetime


def answered(session: Session, *, limit: int = 3) -> list[Answered]:
    """Issues that were answered lately, newest first."""
    return [Answered(*row) for row in _answered(limit).told(session)]


@cache
def _answered(limit: int) -> Prepared:
    return Prepared(
        lambda: (
            select(Issue.id, Issue.title, Issue.answer, Issue.answered_at)
            .where(
                Issue.state.in_((IssueState.ANSWERED, IssueState.TAKEN_UP, IssueState.CLOSED)),
                Issue.answer.is_not(None),
                Issue.answered_at.is_not(None),
            )
            .order_by(Issue.answered_at.desc(), Issue.id)
            .limit(limit)
        )
    )


@dataclass(frozen=True, slots=True)
class Due:
    """Something that comes next for a group. ``ours``: they have to do it; otherwise it is for them to know.

    ``on``: a London day, or a moment where the hour matters.
    """

    text: str
    detail: str
    href: str
    on: date | datetime
    ours: bool = True

    @property
    def day(self) -> date:
        return london_day(self.on) if isinstance(self.on, datetime) else self.on


def due_for_group(session: Session, group_id: UUID, now: datetime) -> list[Due]:
    """What comes next for a group, the earliest first: bids, offers, money, reports, papers that run out.

    Every day is worked out from the dates of rounds, awards and papers. A bounded number of queries.
    """
    today = london_day(now)
    found = [
        *_of_bids(session, group_id, now),
        *_of_awards(session, group_id, now),
        *_of_papers(session, group_id, today),
    ]
    return sorted(found, key=lambda one: (one.day, not one.ours, one.text))


def _of_bids(session: Session, group_id: UUID, now: datetime) -> Iterator[Due]:
    for one in proposal_lists.of_groups(session, [group_id], _UNDER_WAY, limit=20):
        href, title, phase = f"/proposals/{one.id}", one.title or "your proposal", rounds.phase(one.round, now)
        if one.state in OPEN_STATES and phase is RoundState.OPEN:
            word = "Finish" if one.state is ProposalState.DRAFT else "Sign off"
            yield Due(f"{word} “{title}”", one.round.title, href, one.round.closes_at)
        elif one.state is ProposalState.MORE_INFO_REQUESTED and one.asked_until is not None and now < one.asked_until:
            yield Due(f"Answer a question about “{title}”", one.round.title, href, one.asked_until)
        elif one.state in (ProposalState.SUBMITTED, ProposalState.ELIGIBLE) and now < one.round.voting_opens_at:
            yield Due(f"People can vote on “{title}”", one.round.title, href, one.round.voting_opens_at, ours=False)
        elif one.state is ProposalState.ON_BALLOT and now < one.round.decide_by:
            yield Due(f"You hear about “{title}” by then", one.round.title, href, one.round.decide_by, ours=False)


def _of_awards(session: Session, group_id: UUID, now: datetime) -> Iterator[Due]:
    offers = session.execute(
        select(Award.id, Proposal.title, Award.amount_minor, Award.answer_by)
        .join(Proposal, Proposal.id == Award.proposal_id)
        .where(Award.group_id == group_id, Award.state == AwardState.OFFERED, Award.answer_by > now)
        .order_by(Award.answer_by, Award.id)
        .limit(10)
    )
    for award_id, title, amount_minor, answer_by in offers:
        yield Due(
            f"Say yes or no to {show_pounds(amount_minor)}", f"For “{title}”", f"/awards/{award_id}/answer", answer_by
        )
    live = select(Disbursement.id).where(
        Disbursement.instalment_id == Instalment.id,
        Disbursement.state.not_in((DisbursementState.FAILED, DisbursementState.RETURNED, DisbursementState.CANCELLED)),
    )
    parts = session.execute(
        select(Award.id, Proposal.title, Instalment.amount_minor, Instalment.due_on)
        .join(Award, Award.id == Instalment.award_id)
        .join(Proposal, Proposal.id == Award.proposal_id)
        .where(
            Award.group_id == group_id,
            Award.state.in_((AwardState.ACCEPTED, AwardState.IN_SET_UP, AwardState.ACTIVE)),
            ~live.exists(),
            Instalment.dropped_at.is_(None),
        )
        .order_by(Instalment.due_on, Instalment.id)
        .limit(10)
    )
    for award_id, title, amount_minor, due_on in parts:
        yield Due(
            f"{show_pounds(amount_minor)} falls due to you", f"For “{title}”", f"/awards/{award_id}", due_on, ours=False
        )
    reports = session.execute(
        select(Report.id, Proposal.title, Report.due_on, Report.state)
        .join(Award, Award.id == Report.award_id)
        .join(Proposal, Proposal.id == Award.proposal_id)
        .where(Award.group_id == group_id, Report.state.in_(_TO_REPORT))
        .order_by(Report.due_on, Report.id)
        .limit(10)
    )
    for report_id, title, due_on, state in reports:
        word = "Answer what was asked about your report" if state is ReportState.QUERIED else "Tell what came of it"
        soon = state is not ReportState.SCHEDULED or due_on <= london_day(now) + REPORT_SOON
        yield Due(word, f"“{title}”", f"/reports/{report_id}", due_on, ours=soon)


_UNDER_WAY = (*OPEN_STATES, *IN_HAND, ProposalState.ON_BALLOT)
_TO_REPORT = (ReportState.SCHEDULED, ReportState.DRAFT, ReportState.QUERIED)
REPORT_SOON = timedelta(days=30)
"""A report that is due later is good to know of, and nothing to do now."""
RUNS_OUT = timedelta(days=60)
"""How long before a paper runs out its group is told."""


def _of_papers(session: Session, group_id: UUID, today: date) -> Iterator[Due]:
    for one in payees.papers(session, group_id, today):
        if one.expires_on is not None and one.expires_on <= today + RUNS_OUT:
            word = "has run out" if one.expires_on < today else "runs out"
            yield Due(
                f"{one.title} {word}", "We ask for a newer one with your next grant", "", one.expires_on, ours=False
            )


def people_of_group(session: Session, group_id: UUID) -> list[tuple[Membership, bool]]:
    """Who belongs to a group, by name, and whether they have ever signed in: others were asked and have not come."""
    came = select(SignInSession.id).where(SignInSession.person_id == Membership.person_id).exists()
    rows = session.execute(
        select(Membership, came)
        .join(Membership.person)
        .options(contains_eager(Membership.person))
        .where(Membership.group_id == group_id, Membership.ended_at.is_(None))
        .order_by(Person.name, Membership.id)
        .limit(100)
    )
    return [(member, bool(seen)) for member, seen in rows]
