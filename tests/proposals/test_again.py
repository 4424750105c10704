"""A group that asks again: what it gave is not asked for again, and what it owes is named before it writes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from grants.kernel.clock import london_day
from grants.payees.models import GroupCheck
from grants.payees.rules.checks import CheckKind, GroupCheckState
from grants.proposals.models import Proposal
from grants.proposals.queries import whole
from grants.proposals.rules.sections import Section, gaps
from grants.proposals.rules.states import ProposalState
from grants.reports.rules import ReportState
from grants.rounds.rules.states import RoundState
from tests.builders.awards import an_award
from tests.builders.people import a_group, a_member, a_person
from tests.builders.proposals import a_proposal
from tests.builders.reports import a_report
from tests.builders.rounds import a_round
from tests.conftest import SignIn
from tests.proposals.test_views import text_of
from tests.support.clock import START

S = ProposalState


def gave(session: Session, bid: Proposal, kind: CheckKind, days: int, state: GroupCheckState) -> None:
    """A paper that is good for so many days after the bid's round closes."""
    session.add(
        GroupCheck(
            group_id=bid.group_id,
            kind=kind,
            state=state,
            given_by_id=a_person(session).id,
            given_at=START - timedelta(days=90),
            expires_on=london_day(bid.round.closes_at) + timedelta(days=days),
        )
    )
    session.flush()


@pytest.mark.parametrize(
    ("days", "state", "asked"),
    [
        (0, GroupCheckState.PASSED, False),
        (200, GroupCheckState.PASSED, False),
        (-1, GroupCheckState.PASSED, True),
        (200, GroupCheckState.FAILED, True),
        (200, GroupCheckState.GIVEN, True),
    ],
)
def test_how_a_group_keeps_people_safe_is_not_asked_again_while_it_is_in_date(
    session: Session, days: int, state: GroupCheckState, asked: bool
) -> None:
    bid = a_proposal(session, state=S.DRAFT, at_risk=True, safeguarding=None)
    gave(session, bid, CheckKind.SAFEGUARDING, days, state)
    found = gaps(Section.FAIRNESS, whole.facts(session, bid), whole.limits(session, bid.round))
    assert [gap.field for gap in found] == (["safeguarding"] if asked else [])


def test_papers_in_date_are_named_and_what_is_asked_for_later_too(app_session: Session, as_: SignIn) -> None:
    bid = a_proposal(app_session, state=S.DRAFT, amount_minor=120_000)
    gave(app_session, bid, CheckKind.CONSTITUTION, 400, GroupCheckState.PASSED)
    gave(app_session, bid, CheckKind.SAFEGUARDING, 400, GroupCheckState.PASSED)
    writer = as_(a_member(app_session, bid.group))
    page = text_of(writer.get(f"/proposals/{bid.id}"))
    assert "Your rules: we have it, good until" in page
    assert "We do not ask for these again." in page
    assert "If you get the money, we ask for: two people who look after the money." in page
    assert "You need not write it again" in text_of(writer.get(f"/proposals/{bid.id}/sections/fairness"))


def test_an_overdue_report_is_told_before_anything_is_written(
    app_session: Session, as_: SignIn, client: FlaskClient
) -> None:
    award, round = an_award(app_session), a_round(app_session, RoundState.OPEN)
    report = a_report(app_session, award, state=ReportState.SCHEDULED, due_on=london_day(START) - timedelta(days=1))
    member, other = as_(a_member(app_session, award.group)), as_(a_member(app_session, a_group(app_session)))
    pages = (
        f"/rounds/{round.id}/can-we-apply",
        f"/rounds/{round.id}/can-we-apply/may_apply",
        f"/rounds/{round.id}/proposals/new",
    )
    for url in pages:
        seen = member.get(url).get_data(as_text=True)
        assert "First, a report that is late" in seen
        assert f"/reports/{report.id}/edit" in seen
        for visitor in (other, client):
            assert "a report that is late" not in visitor.get(url).get_data(as_text=True)
    report.due_on = london_day(START)
    app_session.commit()
    assert "a report that is late" not in member.get(pages[0]).get_data(as_text=True)
