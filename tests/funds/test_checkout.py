"""Money that comes through Stripe's own page, and money that goes back: credited once, and never a silent negative."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import unescape
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.demo.stripe_double import Fault
from grants.funds.models import Checkout, Contribution, Receipt, TakenBack
from grants.funds.rules import ContributionState
from grants.kernel.actors import Role
from grants.ledger.models import Account
from grants.ledger.queries import pockets_of
from grants.people.models import RoleGrant
from grants.ports.payments import CheckoutStanding
from grants.web.db import WRITES
from tests.builders.funds import a_contribution
from tests.builders.people import a_person
from tests.support.sign_in import signed_in
from tests.support.stripe import World, a_world

CS = CheckoutStanding


class Paying:
    """A funder before an agreed contribution of £500, in a world with a pretend Stripe."""

    def __init__(self, world: World) -> None:
        self.world = world
        with Session(world.engine) as session:
            session.connection(execution_options={WRITES: True})
            one = a_contribution(session, amount_minor=50_000, received_minor=0, state=ContributionState.AGREED)
            person = a_person(session)
            session.add(
                RoleGrant(person_id=person.id, role=Role.FUNDER, scope_id=one.funder_id, granted_at=world.clock.now())
            )
            self.id, self.fund_id = one.id, one.fund_id
            self.funder = signed_in(world.app, session, person)
        self.path = f"/funds/{self.fund_id}/contributions/{self.id}"

    def begin(self, pounds: str = "500") -> str:
        """The funder begins to pay. Gives Stripe's reference of its page."""
        answer = self.funder.post(f"{self.path}/pay", data={"amount": pounds}, follow_redirects=True)
        assert "Go on to Stripe" in answer.text
        found = self.one(Checkout).provider_ref
        assert found is not None
        return found

    def one(self, kind: type) -> object:
        with Session(self.world.engine) as session:
            return session.scalars(select(kind).where(kind.contribution_id == self.id)).one()

    def contribution(self) -> Contribution:
        with Session(self.world.engine) as session:
            return session.get_one(Contribution, self.id)

    def available(self) -> int:
        with Session(self.world.engine) as session:
            return pockets_of(session, [self.id])[self.id].available_minor

    def balance(self, word: str) -> int:
        with Session(self.world.engine) as session:
            code = f"fund:{self.fund_id}:{word}"
            return session.scalar(select(Account.balance_minor).where(Account.code == code)) or 0

    def page(self) -> str:
        return unescape(self.funder.get(self.path).text)


@pytest.fixture
def paying(make_app: Callable[..., Flask], any_url: str) -> Iterator[Paying]:
    with a_world(make_app, any_url) as world:
        yield Paying(world)


def whole(paying: Paying) -> None:
    paying.world.ensure_whole(paid=0)


def officer_of(paying: Paying) -> FlaskClient:
    return paying.world.officer


def test_a_card_payment_is_in_the_pot_once_stripe_says_that_it_is_paid(paying: Paying) -> None:
    ref = paying.begin()
    assert paying.available() == 0
    paying.world.double.pay(ref)
    assert paying.available() == 0, "to come back from Stripe's page credits nothing"
    paying.world.double.send(*paying.world.double.state.events * 2)
    assert paying.available() == 50_000
    assert paying.contribution().state is ContributionState.RECEIVED
    assert paying.one(Receipt).recorded_by_id is None
    whole(paying)


def test_a_direct_debit_counts_when_it_has_come_through_and_not_when_it_is_begun(paying: Paying) -> None:
    ref = paying.begin()
    paying.world.double.pay(ref, "debit")
    paying.world.double.send()
    assert (paying.one(Checkout).state, paying.available()) == (CS.WAITING, 0)
    assert "is being paid already" in unescape(paying.funder.post(f"{paying.path}/pay", data={"amount": "500"}).text)
    paying.world.double.settle(ref)
    paying.world.double.send()
    assert (paying.one(Checkout).state, paying.available()) == (CS.PAID, 50_000)
    whole(paying)


@pytest.mark.parametrize("ending", ["fails", "expires"])
def test_what_was_not_paid_credits_nothing_and_can_be_begun_again(paying: Paying, ending: str) -> None:
    ref = paying.begin()
    if ending == "fails":
        paying.world.double.pay(ref, "debit")
        paying.world.double.settle(ref, works=False)
    else:
        paying.world.double.expire(ref)
    for event in reversed(list(paying.world.double.state.events)):
        paying.world.double.send(event)
    assert paying.available() == 0
    assert paying.one(Checkout).state in (CS.FAILED, CS.EXPIRED)
    answer = paying.funder.post(f"{paying.path}/pay", data={"amount": "200"}, follow_redirects=True)
    assert "Everything is ready to pay £200.00" in answer.text


def test_begun_twice_it_is_one_page_under_one_key(paying: Paying) -> None:
    paying.world.double.fail("checkout.sessions.create", Fault.TIMEOUT_AFTER)
    first = paying.funder.post(f"{paying.path}/pay", data={"amount": "500"})
    assert "Nothing was paid. Try again in a minute." in unescape(first.text)
    paying.begin()
    assert len(paying.world.double.of("checkout.session")) == 1


def test_another_amount_than_was_asked_is_not_credited_and_shown(paying: Paying) -> None:
    ref = paying.begin()
    paying.world.double.fail("checkout", Fault.OTHER_AMOUNT)
    paying.world.double.pay(ref)
    paying.world.double.send()
    assert paying.available() == 0
    assert "The provider tells of £499, and £500 was asked. Nothing was credited." in paying.page()
    whole(paying)


def test_a_dispute_takes_what_is_free_and_gives_it_again_when_it_is_won(paying: Paying) -> None:
    ref = paying.begin()
    double = paying.world.double
    double.pay(ref)
    double.send()
    dispute = double.dispute(double.thing(ref)["payment_intent"])
    double.send(*double.state.events * 2)
    assert (paying.available(), paying.balance("shortfall")) == (0, 0)
    assert "£500.00 went back to the payer" in paying.page()
    whole(paying)
    double.close_dispute(dispute, won=True)
    double.send()
    assert paying.available() == 50_000
    whole(paying)


def test_a_dispute_over_promised_money_is_a_shortfall_that_everybody_sees_and_can_be_made_good(paying: Paying) -> None:
    ref = paying.begin()
    world, double = paying.world, paying.world.double
    double.pay(ref)
    double.send()
    world.promise(paying.id, 40_000)
    double.dispute(double.thing(ref)["payment_intent"])
    double.send()
    assert (paying.available(), paying.balance("shortfall"), paying.balance("bank")) == (0, 40_000, 0)
    assert "This fund is short of £400.00" in unescape(paying.funder.get(f"/funds/{paying.fund_id}").text)
    whole(paying)
    taken = paying.one(TakenBack)
    assert isinstance(taken, TakenBack)
    answer = officer_of(paying).post(
        f"{paying.path}/missing/{taken.id}", data={"amount": "400", "reference": "COUNCIL 7"}, follow_redirects=True
    )
    assert "Written down" in answer.text
    assert (paying.balance("shortfall"), paying.balance("bank")) == (0, 40_000)
    whole(paying)


def test_a_refund_leaves_the_pot_at_once_and_goes_the_way_the_money_came(paying: Paying) -> None:
    ref = paying.begin()
    world, double = paying.world, paying.world.double
    double.pay(ref)
    double.send()
    checkout = paying.one(Checkout)
    assert isinstance(checkout, Checkout)
    refund(paying, checkout.id, "120")
    assert (paying.available(), double.of("refund")) == (38_000, [])
    double.fail("refunds.create", Fault.DROP_AFTER)
    world.relay("refund")
    world.later(hours=1)
    world.relay("refund")
    assert [one["amount"] for one in double.of("refund")] == [12_000]
    double.send()
    assert (paying.available(), paying.balance("refunds")) == (38_000, 12_000)
    whole(paying)


@pytest.mark.parametrize("pounds", ["120", "500"])
def test_a_refund_whose_answer_was_lost_is_looked_for_a_day_later_before_it_is_given_again(
    paying: Paying, pounds: str
) -> None:
    """Stripe has forgotten the key by then: the same order would give the money back twice, or be refused as given."""
    ref = paying.begin()
    world, double = paying.world, paying.world.double
    double.pay(ref)
    double.send()
    checkout = paying.one(Checkout)
    assert isinstance(checkout, Checkout)
    refund(paying, checkout.id, pounds)
    double.fail("refunds.create", Fault.TIMEOUT_AFTER)
    world.relay("refund")
    double.forget_keys()
    world.later(days=2)
    assert world.relay("refund") == (1, 0)
    double.send()
    assert [one["amount"] for one in double.of("refund")] == [int(pounds) * 100]
    assert (paying.available(), paying.balance("refunds")) == (50_000 - int(pounds) * 100, int(pounds) * 100)
    whole(paying)


def test_the_page_says_how_far_a_refund_is_and_how_to_ask_again_when_nobody_knows(paying: Paying) -> None:
    ref = paying.begin()
    world, double = paying.world, paying.world.double
    double.pay(ref)
    double.send()
    checkout = paying.one(Checkout)
    assert isinstance(checkout, Checkout)
    refund(paying, checkout.id, "120")
    assert "£120.00 has been on its way back to the payer since 2 March 2026. Given twice." in paying.page()
    double.fail("refunds.create", Fault.ERROR_BEFORE)
    world.relay("refund")
    assert "Stripe was asked once, and the answer is not known yet." in paying.page()
    for _ in range(8):
        world.later(hours=5)
        world.relay("refund")
    page = unescape(officer_of(paying).get(paying.path).text)
    assert "nobody knows whether the money went. Look at this payment in the pages of Stripe." in page
    assert "Ask Stripe again now" in page
    double.forget_keys()
    taken = paying.one(TakenBack)
    assert isinstance(taken, TakenBack)
    again = f"{paying.path}/back/{taken.id}/again"
    assert "Stripe is asked again within moments." in officer_of(paying).post(again, follow_redirects=True).text
    assert world.relay("refund") == (1, 0)
    assert "Stripe has it, and has not said yet that it arrived." in unescape(officer_of(paying).get(paying.path).text)
    double.send()
    assert "£120.00 went back to the payer on 2 March 2026. Given twice." in unescape(
        officer_of(paying).get(paying.path).text
    )
    assert "What became of this money is known." in unescape(officer_of(paying).post(again, follow_redirects=True).text)
    whole(paying)


def test_a_refund_that_stripe_refuses_is_in_the_pot_again(paying: Paying) -> None:
    ref = paying.begin()
    double = paying.world.double
    double.pay(ref)
    double.send()
    double.thing(double.thing(ref)["payment_intent"])["status"] = "processing"
    checkout = paying.one(Checkout)
    assert isinstance(checkout, Checkout)
    refund(paying, checkout.id, "120")
    assert paying.available() == 38_000
    paying.world.relay("refund")
    assert (paying.available(), paying.balance("refunds")) == (50_000, 0)
    whole(paying)


def refund(paying: Paying, checkout_id: UUID, pounds: str) -> None:
    answer = officer_of(paying).post(
        f"{paying.path}/paid/{checkout_id}/refund",
        data={"amount": pounds, "reason": "Given twice."},
        follow_redirects=True,
    )
    assert "It goes back within moments" in answer.text
