"""What happens to a fund and its money, and what is refused."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.funds import queries
from grants.funds.models import Contribution
from grants.funds.rules import (
    ContributionDraft,
    ContributionState,
    FundDraft,
    FunderDraft,
    MoneyDraft,
    Restriction,
)
from grants.funds.service import contributions, pots
from grants.kernel.actors import Actor, Role
from grants.kernel.clock import london_day
from grants.kernel.errors import RuleBroken, StepRefused
from grants.kernel.trail import AuditEvent
from grants.ledger import queries as books
from grants.ledger import service as ledger
from grants.ledger.models import Entry
from grants.ledger.queries import Pockets
from grants.ledger.rules import Pocket, moved
from tests.builders.actors import an_actor
from tests.builders.funds import a_contribution, a_fund, a_funder
from tests.builders.people import a_person
from tests.support.clock import START
from tests.support.work import work

TODAY = london_day(START)


def an_officer(session: Session) -> Actor:
    return an_actor(Role.FINANCE_OFFICER, id=a_person(session).id)


def verbs(session: Session) -> list[str]:
    session.flush()
    return sorted(session.scalars(select(AuditEvent.verb)))


def pockets(session: Session, contribution: Contribution) -> Pockets:
    return books.pockets_of(session, [contribution.id])[contribution.id]


def commit(session: Session, contribution: Contribution, amount_minor: int) -> None:
    ledger.post(
        work(session),
        key=f"test:{amount_minor}",
        event="award.offered",
        fund_id=contribution.fund_id,
        lines=moved(contribution.id, amount_minor, Pocket.AVAILABLE, Pocket.COMMITTED, UUID(int=1)),
    )


def test_starting_a_fund_opens_its_accounts(any_session: Session) -> None:
    fund = pots.start_fund(work(any_session, an_actor(Role.ADMIN)), FundDraft("The town's pot", "For neighbours."))
    assert queries.pot(any_session, fund.id) == Pockets()
    assert verbs(any_session) == ["fund.started"]
    with pytest.raises(RuleBroken, match="this name"):
        pots.start_fund(work(any_session, an_actor(Role.ADMIN)), FundDraft("the town's POT", "Again."))


def test_a_fund_may_keep_its_own_name(session: Session) -> None:
    fund, other = a_fund(session, name="One"), a_fund(session, name="Two")
    steward = an_actor(Role.STEWARD, scope=fund.id)
    pots.change_fund(work(session, steward), fund.id, FundDraft("One", "Better words."))
    assert fund.purpose == "Better words."
    with pytest.raises(RuleBroken) as broken:
        pots.change_fund(work(session, steward), fund.id, FundDraft(other.name, "Stolen."))
    assert broken.value.field == "name"


def test_a_funder_is_added_once(session: Session) -> None:
    uow = work(session, an_actor(Role.STEWARD))
    assert pots.add_funder(uow, FunderDraft("The council", "")).org_id is None
    with pytest.raises(RuleBroken, match="this name"):
        pots.add_funder(uow, FunderDraft("The Council"))


def test_a_pledge_has_no_accounts_and_an_agreed_one_has(any_session: Session) -> None:
    fund, funder = a_fund(any_session), a_funder(any_session)
    steward = an_actor(Role.STEWARD, scope=fund.id)
    restriction = Restriction(ward_codes=frozenset({"E05001"}), imd_deciles=frozenset({1, 2}))
    draft = ContributionDraft(funder.id, 250_000, restriction, {"E05001": "Parkfield", "E05002": "Hartburn"})
    one = contributions.pledge(work(any_session, steward), fund.id, draft)
    assert (one.state, one.pledged_at, one.agreed_at) == (ContributionState.PLEDGED, START, None)
    assert queries.restriction_of(one) == restriction
    assert queries.names_for(any_session).wards == {"E05001": "Parkfield"}
    assert queries.promised_minor(any_session, fund.id) == 0
    contributions.agree(work(any_session, steward), one.id)
    assert (one.state, one.agreed_at) == (ContributionState.AGREED, START)
    assert queries.promised_minor(any_session, fund.id) == 250_000
    assert queries.sources(any_session, fund.id) == []
    assert verbs(any_session) == ["contribution.agreed", "contribution.pledged"]
    with pytest.raises(StepRefused):
        contributions.agree(work(any_session, steward), one.id)


@pytest.mark.parametrize(
    "restriction", [Restriction(imd_deciles=frozenset({0})), Restriction(priority_ids=frozenset({UUID(int=9)}))]
)
def test_a_restriction_names_only_what_there_is(session: Session, restriction: Restriction) -> None:
    fund, funder = a_fund(session), a_funder(session)
    with pytest.raises(RuleBroken):
        contributions.pledge(
            work(session, an_actor(Role.STEWARD)), fund.id, ContributionDraft(funder.id, 100, restriction)
        )


def test_money_arrives_in_parts_until_it_is_all_here(any_session: Session) -> None:
    one = a_contribution(any_session, amount_minor=10_000, state=ContributionState.AGREED)
    officer = an_officer(any_session)
    first = contributions.receive(work(any_session, officer), one.id, MoneyDraft(4_000, " bacs  17 ", TODAY))
    assert (first.reference, first.recorded_by_id, one.state) == ("BACS 17", officer.id, ContributionState.AGREED)
    assert pockets(any_session, one).available_minor == 4_000
    entry = any_session.scalars(select(Entry)).one()
    assert (entry.key, entry.event, entry.memo) == (f"receipt:{first.id}", "contribution.received", "BACS 17")
    contributions.receive(work(any_session, officer), one.id, MoneyDraft(6_000, "BACS 18", TODAY))
    assert one.state is ContributionState.RECEIVED
    assert queries.received_minor(any_session, [one.id]) == {one.id: 10_000}
    assert books.breaks(any_session) == []
    events = any_session.scalars(select(AuditEvent).order_by(AuditEvent.after)).all()
    assert [(e.verb, e.before, e.after, e.body["amount_minor"]) for e in events] == [
        ("contribution.received", "agreed", "agreed", 4_000),
        ("contribution.received", "agreed", "received", 6_000),
    ]
    with pytest.raises(StepRefused, match="here already"):
        contributions.receive(work(any_session, officer), one.id, MoneyDraft(1, "BACS 19", TODAY))


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (MoneyDraft(10_001, "BACS 1", TODAY), "amount"),
        (MoneyDraft(0, "BACS 1", TODAY), "amount"),
        (MoneyDraft(-5, "BACS 1", TODAY), "amount"),
        (MoneyDraft(100, "BACS 1", TODAY + timedelta(days=1)), "on"),
        (MoneyDraft(100, "  ", TODAY), "reference"),
        (MoneyDraft(100, "here ALREADY", TODAY), "reference"),
    ],
)
def test_money_that_cannot_be_is_refused(session: Session, draft: MoneyDraft, field: str) -> None:
    one = a_contribution(session, amount_minor=11_000, state=ContributionState.AGREED)
    contributions.receive(work(session, an_officer(session)), one.id, MoneyDraft(1_000, "HERE ALREADY", TODAY))
    with pytest.raises(RuleBroken) as broken:
        contributions.receive(work(session, an_officer(session)), one.id, draft)
    assert broken.value.field == field
    assert pockets(session, one).received_minor == 1_000


def test_the_day_on_the_statement_is_a_london_day(session: Session) -> None:
    one = a_contribution(session, amount_minor=500, state=ContributionState.AGREED)
    half_past_midnight_in_london = START.replace(month=7, day=1, hour=23, minute=30)
    uow = work(session, an_officer(session), half_past_midnight_in_london)
    contributions.receive(uow, one.id, MoneyDraft(500, "BACS 1", date(2026, 7, 2)))
    assert one.state is ContributionState.RECEIVED


def test_two_contributions_may_have_the_same_reference(session: Session) -> None:
    officer = an_officer(session)
    for one in (
        a_contribution(session, amount_minor=500, state=ContributionState.AGREED),
        a_contribution(session, amount_minor=500, state=ContributionState.AGREED),
    ):
        contributions.receive(work(session, officer), one.id, MoneyDraft(500, "Q1", TODAY))
        assert one.state is ContributionState.RECEIVED


def test_money_of_a_pledge_is_not_received(session: Session) -> None:
    one = a_contribution(session, state=ContributionState.PLEDGED)
    with pytest.raises(StepRefused):
        contributions.receive(work(session, an_officer(session)), one.id, MoneyDraft(100, "BACS 1", TODAY))


def test_a_promise_grows_or_shrinks_to_what_is_here(session: Session) -> None:
    steward = an_actor(Role.STEWARD)
    one = a_contribution(session, amount_minor=10_000, received_minor=4_000)
    contributions.change_amount(work(session, steward), one.id, 12_000, "They found more.")
    assert (one.amount_minor, one.state) == (12_000, ContributionState.AGREED)
    with pytest.raises(RuleBroken, match="£40 has arrived"):
        contributions.change_amount(work(session, steward), one.id, 3_999, "Less.")
    contributions.change_amount(work(session, steward), one.id, 4_000, "No more will come.")
    assert one.state is ContributionState.RECEIVED
    with pytest.raises(StepRefused):
        contributions.change_amount(work(session, steward), one.id, 20_000, "More after all.")


def test_a_restriction_changes_only_while_nothing_is_promised(any_session: Session) -> None:
    steward = an_actor(Role.STEWARD)
    one = a_contribution(any_session, amount_minor=10_000, imd_deciles=[1])
    wider = Restriction(imd_deciles=frozenset({1, 2}))
    contributions.change_restriction(work(any_session, steward), one.id, wider, {}, "The funder asked.")
    assert queries.restriction_of(one) == wider
    commit(any_session, one, 1)
    with pytest.raises(StepRefused, match="can no longer change"):
        contributions.change_restriction(work(any_session, steward), one.id, Restriction(), {}, "Again.")
    assert queries.restriction_of(one) == wider


def test_money_goes_back_only_while_it_is_promised_to_nobody(any_session: Session) -> None:
    fund = a_fund(any_session)
    one = a_contribution(any_session, fund, 10_000)
    commit(any_session, one, 7_000)
    officer = an_officer(any_session)
    contributions.give_back(work(any_session, officer), one.id, MoneyDraft(1_000, "out 1", TODAY, "They asked for it."))
    assert pockets(any_session, one) == Pockets(available_minor=2_000, committed_minor=7_000, returned_minor=1_000)
    assert queries.promised_minor(any_session, fund.id) == 9_000
    with pytest.raises(RuleBroken, match="Only £20"):
        contributions.give_back(work(any_session, officer), one.id, MoneyDraft(2_001, "OUT 2", TODAY, "More."))
    with pytest.raises(RuleBroken, match="recorded already"):
        contributions.give_back(work(any_session, officer), one.id, MoneyDraft(10, "OUT 1", TODAY, "Twice."))
    with pytest.raises(RuleBroken, match="Say why"):
        contributions.give_back(work(any_session, officer), one.id, MoneyDraft(10, "OUT 2", TODAY))
    assert [(g.amount_minor, g.reference) for g in queries.given_back(any_session, one.id)] == [(1_000, "OUT 1")]
    assert books.breaks(any_session) == []
