"""What pages read of quick grants: in order, page by page, in as many queries however much there is."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from sqlalchemy.orm import Session

from grants.proposals.rules.states import ProposalState
from grants.quick import queries
from grants.quick.rules import Standing
from grants.rounds.rules.states import RoundState
from tests.builders.people import a_member
from tests.builders.quick import a_decider, a_quick_grant, a_quick_round, a_refusal, an_ask, an_opinion
from tests.conftest import SignIn
from tests.support.clock import START
from tests.support.statements import statements


def test_what_waits_longest_stands_first_with_its_last_day_and_what_was_said(any_session: Session) -> None:
    round = a_quick_round(any_session)
    young = an_ask(any_session, round, put_in_at=START - timedelta(days=1))
    old = an_ask(any_session, round, put_in_at=START - timedelta(days=6))
    an_ask(any_session, round, ProposalState.MORE_INFO_REQUESTED)
    an_opinion(any_session, old)
    found = queries.waiting(any_session, None)
    assert [(one.proposal.id, one.standing) for one in found] == [
        (old.id, Standing.SECOND),
        (young.id, Standing.FIRST),
    ]
    assert [one.by.isoformat() for one in found] == ["2026-03-03", "2026-03-06"]
    assert [one.proposal.id for one in queries.waiting(any_session, [round.fund_id])] == [old.id, young.id]
    assert queries.waiting(any_session, []) == []


def test_what_is_mine_leaves_out_what_i_answered_and_what_i_belong_to(session: Session) -> None:
    round, me = a_quick_round(session), a_decider(session)
    answered, ours, free = (an_ask(session, round) for _ in range(3))
    an_opinion(session, answered, me)
    a_member(session, ours.group, me)
    assert [one.proposal.id for one in queries.mine(session, me.id, None)] == [free.id]


def test_grants_come_page_by_page_the_latest_first(session: Session) -> None:
    round = a_quick_round(session)
    made = [a_quick_grant(session, round, days=days).proposal_id for days in (1, 2, 3)]
    a_refusal(session, round)
    assert queries.granted_count(session, round.id) == 3
    assert [one.proposal_id for one in queries.granted(session, round.id, size=2)] == made[:0:-1]
    (last,) = queries.granted(session, round.id, page=2, size=2)
    assert (last.proposal_id, last.days, last.stands) == (made[0], 1, True)


def test_pages_ask_the_database_no_more_often_for_more_of_it(app: Flask, app_session: Session, as_: SignIn) -> None:
    round = a_quick_round(app_session)
    steward, closed = a_decider(app_session), a_quick_round(app_session, RoundState.CLOSED)
    paths = (
        "/quick-asks",
        f"/rounds/{round.id}/quick-grants",
        f"/rounds/{round.id}",
        f"/rounds/{round.id}/desk",
        "/home",
    )
    counted: list[list[int]] = []
    for size in (2, 6):
        for _ in range(size):
            an_opinion(app_session, an_ask(app_session, round))
            a_quick_grant(app_session, round)
            a_refusal(app_session, closed)
        desk, sizes = as_(steward), []
        for path in paths:
            desk.get(path)
            with statements(app) as heard:
                assert desk.get(path).status_code == 200
            sizes.append(len(heard))
        counted.append(sizes)
    assert counted[0] == counted[1]
