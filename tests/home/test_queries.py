"""What the first pages show of every stage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy.orm import Session

from grants.awards.rules import AwardState
from grants.home import queries
from grants.issues.rules import IssueState
from grants.priorities.rules import PriorityState
from grants.reports.rules import ReportState
from grants.rounds.rules.states import RoundState
from tests.builders.awards import an_award
from tests.builders.funds import a_contribution, a_fund
from tests.builders.issues import an_issue
from tests.builders.priorities import a_priority
from tests.builders.reports import a_report
from tests.builders.rounds import a_round
from tests.support.clock import START
from tests.support.statements import heard_by


@contextmanager
def asked(session: Session) -> Iterator[list[str]]:
    """The questions put to the database meanwhile."""
    session.flush()
    with heard_by(session.connection()) as heard:
        yield heard


def test_nothing_has_come_of_nothing(any_session: Session) -> None:
    assert queries.figures(any_session) == queries.Figures(0, 0, 0, 0, 0, 0)


def test_the_figures_count_what_is_public(any_session: Session) -> None:
    an_issue(any_session)
    an_issue(any_session, state=IssueState.ANSWERED)
    for state in (IssueState.HIDDEN, IssueState.RAISED, IssueState.MERGED):
        an_issue(any_session, state=state)
    a_priority(any_session, state=PriorityState.SUGGESTED)
    a_priority(any_session)
    found = queries.figures(any_session)
    assert (found.issues, found.priorities) == (2, 1)


def test_the_money_is_the_books(any_session: Session) -> None:
    fund = a_fund(any_session)
    given = a_contribution(any_session, fund, 1_000_000)
    award = an_award(any_session, amount_minor=90_000, contributions=[given])
    an_award(any_session, amount_minor=10_000, contributions=[given], group=award.group)
    before = queries.figures(any_session)
    assert (before.left_minor, before.paid_minor, before.groups_funded) == (900_000, 0, 1)


def test_an_offer_that_nobody_took_up_is_no_grant(any_session: Session) -> None:
    for state in (AwardState.OFFERED, AwardState.DECLINED, AwardState.LAPSED):
        an_award(any_session, state=state)
    assert queries.figures(any_session).groups_funded == 0


def test_the_figures_are_one_question(session: Session) -> None:
    for _ in range(3):
        an_award(session)
    with asked(session) as heard:
        queries.figures(session)
    assert len(heard) == 1


def test_rounds_to_vote_in_come_first_and_finished_ones_not_at_all(any_session: Session) -> None:
    for state in (RoundState.SCHEDULED, RoundState.DRAFT, RoundState.OPEN, RoundState.VOTING, RoundState.ANNOUNCED):
        a_round(any_session, state, title=state.value)
    found = queries.open_now(any_session, START)
    assert [(one.title, phase) for one, phase in found] == [
        ("voting", RoundState.VOTING),
        ("open", RoundState.OPEN),
        ("scheduled", RoundState.SCHEDULED),
    ]


def test_a_round_is_what_the_clock_says(any_session: Session) -> None:
    round = a_round(any_session, RoundState.OPEN)
    assert queries.open_now(any_session, round.closes_at - timedelta(seconds=1))
    assert queries.open_now(any_session, round.closes_at) == []


def test_what_was_done_stands_beside_what_was_said(any_session: Session) -> None:
    report = a_report(any_session, state=ReportState.ACCEPTED)
    a_report(any_session, state=ReportState.SUBMITTED)
    [done] = queries.done(any_session)
    award = report.award
    assert (done.award_id, done.group, done.amount_minor) == (award.id, award.group.name, award.amount_minor)
    assert done.words == report.what_happened


def test_answers_are_shown_newest_first_and_hidden_issues_never(any_session: Session) -> None:
    for days, state in ((3, IssueState.ANSWERED), (1, IssueState.CLOSED), (2, IssueState.ANSWERED)):
        an_issue(any_session, title=f"{days} days", state=state, answered_at=START - timedelta(days=days))
    an_issue(any_session, title="hidden", state=IssueState.HIDDEN)
    assert [one.said for one in queries.answered(any_session, limit=2)] == ["1 days", "2 days"]
