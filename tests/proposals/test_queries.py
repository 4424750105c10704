"""What a proposal asks of the pot."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.proposals.models import BudgetLine, Proposal
from grants.proposals.queries import whole
from grants.proposals.rules.facts import Line
from tests.builders.proposals import a_proposal
from tests.support.clock import START
from tests.support.statements import heard_by


def test_what_a_proposal_asks_of_the_pot_says_for_whom_by_whom_and_what_it_buys(session: Session) -> None:
    lines = [Line("A shed", 90_000, lasting=True), Line("Seeds", 10_000), Line("Time", 5_000, in_kind=True)]
    mixed = a_proposal(session, lines=lines, communities=["young", "everybody"])
    need = whole.need(mixed, START.date())
    assert (need.beneficiaries, need.spending) == ({"young"}, {"capital", "revenue"})
    assert (need.group_kind, need.on) == (mixed.group.kind.value, START.date())
    lasting = a_proposal(session, lines=lines[:1] + lines[2:])
    assert whole.need(lasting, START.date()).spending == {"capital"}


def test_a_proposal_comes_with_its_lists_and_only_those_with_something_in_them_are_asked_for(
    any_session: Session,
) -> None:
    made = a_proposal(any_session, lines=[Line("Seeds", 10_000), Line("A shed", 90_000), Line("Time", 5_000)]).id
    any_session.flush()
    any_session.expunge_all()
    with heard_by(any_session.connection()) as heard:
        found = whole.proposal(any_session, made)
        lists = [[one.what for one in found.lines], found.joint, found.hands, found.files, found.evidence]
        assert found.round.fund.name
        assert found.group.name
    assert lists == [["Seeds", "A shed", "Time"], [], [], [], []]
    assert len(heard) == 2
    lazily = any_session.get_one(Proposal, made, populate_existing=True)
    any_session.expire(lazily, ["lines"])
    assert [one.what for one in lazily.lines] == lists[0]


def test_what_a_session_has_changed_of_a_proposal_stands_when_it_is_looked_at_again(session: Session) -> None:
    made = a_proposal(session, lines=[Line("Seeds", 10_000), Line("A shed", 90_000)])
    session.commit()
    found = whole.proposal(session, made.id)
    found.lines.pop()
    assert [one.what for one in whole.proposal(session, made.id).lines] == ["Seeds"]
    session.flush()
    assert [one.what for one in session.scalars(select(BudgetLine).filter_by(proposal_id=made.id))] == ["Seeds"]
