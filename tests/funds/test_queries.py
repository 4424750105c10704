"""What of each contribution is where."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.funds import queries
from grants.funds.models import Receipt
from grants.funds.rules import ContributionState, Restriction, Source
from grants.kernel.actors import Role
from grants.ledger.queries import Pockets
from tests.builders.actors import an_actor
from tests.builders.funds import a_contribution, a_fund, a_funder
from tests.support.asking import asked
from tests.support.clock import START


def test_only_money_that_is_here_can_be_given(any_session: Session) -> None:
    fund = a_fund(any_session)
    then = START - timedelta(days=80)
    late = a_contribution(any_session, fund, 5_000, received_minor=3_000, ward_codes=["E1"], imd_deciles=[2], at=then)
    early = a_contribution(any_session, fund, 800, at=START - timedelta(days=90))
    a_contribution(any_session, fund, 700, state=ContributionState.AGREED)
    a_contribution(any_session, fund, 700, state=ContributionState.PLEDGED)
    a_contribution(any_session, a_fund(any_session), 900)
    expected = [
        Source(early.id, 800, Restriction(), 0),
        Source(late.id, 3_000, Restriction(frozenset({"E1"}), frozenset({2})), 1),
    ]
    assert queries.sources(any_session, fund.id) == expected
    assert queries.promised_minor(any_session, fund.id) == 5_000 + 800 + 700
    assert queries.pot(any_session, fund.id) == Pockets(available_minor=3_800)


def test_what_came_first_by_the_bank_s_day_is_spent_first(any_session: Session) -> None:
    fund = a_fund(any_session)
    pledged_early = a_contribution(any_session, fund, 100, at=START - timedelta(days=30))
    came_early = a_contribution(any_session, fund, 100, at=START - timedelta(days=20))
    receipts = {one.contribution_id: one for one in any_session.scalars(select(Receipt))}
    receipts[came_early.id].received_on -= timedelta(days=40)
    any_session.flush()
    assert [one.id for one in queries.sources(any_session, fund.id)] == [came_early.id, pledged_early.id]


def test_funders_are_listed_with_what_they_promised(session: Session) -> None:
    giver, quiet = a_funder(session, name="A giver"), a_funder(session, name="B quiet")
    a_contribution(session, amount_minor=500, funder=giver)
    a_contribution(session, amount_minor=300, funder=giver, state=ContributionState.PLEDGED)
    rows = queries.funders_with_totals(session)
    assert [(r.funder.name, r.count, r.promised_minor) for r in rows] == [("A giver", 2, 500), (quiet.name, 0, 0)]


def test_what_waits_is_bounded_by_fund(session: Session) -> None:
    here = a_contribution(session, state=ContributionState.PLEDGED)
    elsewhere = a_contribution(session, state=ContributionState.PLEDGED)
    one_fund, all_funds = an_actor(Role.STEWARD, scope=here.fund_id), an_actor(Role.STEWARD)
    assert [row[1] for row in asked(session, queries.promised, one_fund)] == [here.id]
    assert {row[1] for row in asked(session, queries.promised, all_funds)} == {here.id, elsewhere.id}
    assert asked(session, queries.promised, an_actor(Role.FINANCE_OFFICER)) == []
