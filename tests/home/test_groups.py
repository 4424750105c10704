"""A group's own page: what comes next, who its people are, which papers are good until when."""

from __future__ import annotations

import re
from datetime import timedelta

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from grants.awards.rules import AwardState
from grants.home import queries
from grants.kernel.clock import london_day
from grants.payees.models import GroupCheck
from grants.payees.rules.checks import CheckKind, GroupCheckState
from grants.people.models import Group
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
from tests.support.statements import statements

S = ProposalState
TODAY = london_day(START)


def a_paper(session: Session, group: Group, kind: CheckKind, days: int, *, state: GroupCheckState) -> GroupCheck:
    check = GroupCheck(
        group_id=group.id,
        kind=kind,
        state=state,
        given_by_id=a_person(session).id,
        given_at=START - timedelta(days=30),
        expires_on=TODAY + timedelta(days=days),
    )
    session.add(check)
    session.flush()
    return check


def dues(session: Session, group: Group) -> list[tuple[str, bool]]:
    return [(one.text, one.ours) for one in queries.due_for_group(session, group.id, START)]


def test_what_comes_next_is_worked_out_from_dates_the_earliest_first(session: Session) -> None:
    group = a_group(session)
    a_member(session, group)
    draft = a_proposal(session, a_round(session, RoundState.OPEN), S.DRAFT, group=group)
    on_ballot = a_proposal(session, state=S.ON_BALLOT, group=group)
    a_proposal(session, state=S.NOT_FUNDED, group=group)
    a_paper(session, group, CheckKind.INSURANCE, 20, state=GroupCheckState.PASSED)
    a_paper(session, group, CheckKind.CONSTITUTION, 900, state=GroupCheckState.PASSED)
    found = dues(session, group)
    assert (f"Finish “{draft.title}”", True) in found
    assert (f"You hear about “{on_ballot.title}” by then", False) in found
    assert ("Your insurance runs out", False) in found
    assert len(found) == 3
    days = [one.day for one in queries.due_for_group(session, group.id, START)]
    assert days == sorted(days)


def test_an_offer_is_to_be_answered_and_a_late_report_is_named(session: Session) -> None:
    offered, active = an_award(session, state=AwardState.OFFERED), an_award(session, state=AwardState.ACTIVE)
    assert [ours for text, ours in dues(session, offered.group) if text.startswith("Say yes or no to £")] == [True]
    report = a_report(session, active, state=ReportState.SCHEDULED)
    report.due_on = TODAY - timedelta(days=3)
    session.flush()
    assert ("Tell what came of it", True) in dues(session, active.group)
    report.due_on = TODAY + timedelta(days=200)
    session.flush()
    assert ("Tell what came of it", False) in dues(session, active.group)


def test_a_member_sees_all_of_it_and_the_public_none(app_session: Session, as_: SignIn, client: FlaskClient) -> None:
    group = a_group(app_session, name="Hill Street Cooks")
    rose, away = a_member(app_session, group), a_member(app_session, group)
    a_proposal(app_session, a_round(app_session, RoundState.OPEN), S.DRAFT, group=group, title="Warm hands")
    a_paper(app_session, group, CheckKind.INSURANCE, 200, state=GroupCheckState.PASSED)
    member, url = as_(rose), f"/groups/{group.id}"
    page = text_of(member.get(url))
    for words in (
        "What comes next",
        "Finish “Warm hands”",
        "Your insurance",
        "What is in date we do not ask for again",
    ):
        assert words in page
    assert re.search(f"{away.name} Writes and signs off. Asked on [^,]+, has not signed in so far", page)
    for visitor in (client, as_(a_person(app_session))):
        seen = text_of(visitor.get(url))
        assert "Hill Street Cooks" in seen
        for words in ("What comes next", "Warm hands", "Your insurance", away.name):
            assert words not in seen


def test_a_group_with_nothing_to_do_is_told_so_and_where_to_go(app_session: Session, as_: SignIn) -> None:
    group, round = a_group(app_session), a_round(app_session, RoundState.OPEN)
    page = text_of(as_(a_member(app_session, group)).get(f"/groups/{group.id}"))
    assert "There is nothing that you must do now." in page
    assert f"The round {round.title} takes proposals until" in page


def test_the_page_costs_the_same_however_much_a_group_has(app_session: Session, as_: SignIn) -> None:
    group = a_group(app_session)
    client, url = as_(a_member(app_session, group)), f"/groups/{group.id}"
    round = a_round(app_session, RoundState.OPEN)
    a_proposal(app_session, round, S.DRAFT, group=group)
    app_session.commit()
    client.get(url)
    with statements(client.application) as one:
        client.get(url)
    for _ in range(6):
        a_member(app_session, group)
        a_proposal(app_session, round, S.DRAFT, group=group)
    app_session.commit()
    with statements(client.application) as many:
        client.get(url)
    assert len(many) == len(one)
