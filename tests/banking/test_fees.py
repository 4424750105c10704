"""What a payment company keeps: it stands in the books, apart, and no funder's pound is smaller for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from html import unescape
from uuid import UUID

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.orm import Session

from grants.audit.queries.checks import first_break
from grants.banking import queries, service
from grants.banking.models import StatementLine
from grants.banking.rules import About
from grants.funds.models import Checkout, Fund
from grants.funds.rules import PaysBy
from grants.funds.service import pots
from grants.kernel.actors import CLOCK, Actor, Role
from grants.kernel.errors import Conflict, NotAllowed, StepRefused
from grants.kernel.tables import Base
from grants.ledger.models import Account, Entry, Posting
from grants.ledger.queries import pockets_of
from grants.people.queries import actor_for
from grants.ports.bank_run import BankLine
from grants.ports.payments import CheckoutStanding, StatementKind
from grants.ports.payments import StatementLine as Told
from grants.web.db import WRITES
from tests.builders.funds import a_contribution
from tests.builders.people import a_person
from tests.conftest import SignIn
from tests.funds.test_checkout import Paying
from tests.support.clock import START
from tests.support.schema import load_models
from tests.support.stripe import a_world
from tests.support.work import work

K = StatementKind


def told(number: int, kind: StatementKind, amount: int, fee: int = 0, ref: str = "") -> Told:
    return Told(f"txn_{number}", kind, amount, fee, ref, START + timedelta(minutes=number))


def a_paid_checkout(session: Session, amount: int = 10_000, ref: str = "pi_1") -> UUID:
    """Money that came through Stripe. Gives the fund's id."""
    one = a_contribution(session, amount_minor=amount)
    one.fund.pays_by = PaysBy.STRIPE
    session.add(
        Checkout(
            contribution_id=one.id,
            provider="stripe",
            amount_minor=amount,
            state=CheckoutStanding.PAID,
            started_by_id=a_person(session).id,
            started_at=START,
            payment_ref=ref,
        )
    )
    session.flush()
    return one.fund_id


def officer(session: Session, fund_id: UUID | None = None) -> Actor:
    return actor_for(session, a_person(session, Role.FINANCE_OFFICER, scope_id=fund_id).id, "")


def take(session: Session, *lines: Told) -> tuple[int, int]:
    return service.take_provider_lines(work(session, CLOCK), "stripe", lines)


def balances(session: Session, fund_id: UUID) -> dict[str, int]:
    """Where the fund's own accounts stand, by their last word; those at nought left out."""
    rows = session.execute(
        select(Account.code, Account.balance_minor).where(Account.fund_id == fund_id, Account.pocket.is_(None))
    )
    return {code.rsplit(":", 1)[-1]: minor for code, minor in rows if minor}


def test_a_fee_stands_apart_and_the_gift_is_credited_in_full(any_session: Session) -> None:
    fund_id = a_paid_checkout(any_session)
    assert take(any_session, told(1, K.MONEY_IN, 10_000, 170, "pi_1")) == (1, 0)
    assert balances(any_session, fund_id) == {"bank": 10_000, "elsewhere": -10_000, "provider": 9_830, "fees": 170}
    given = [one.contribution_id for one in any_session.scalars(select(Checkout))]
    assert pockets_of(any_session, given)[given[0]].available_minor == 10_000
    entry = any_session.scalars(select(Entry).where(Entry.event == "provider.moved")).one()
    assert entry.key == "provider:stripe:txn_1"
    assert first_break(any_session) is None


def test_a_line_that_is_read_again_is_one_entry(any_session: Session) -> None:
    fund_id = a_paid_checkout(any_session)
    line = told(1, K.MONEY_IN, 10_000, 170, "pi_1")
    assert [take(any_session, line), take(any_session, line, line)] == [(1, 0), (0, 0)]
    assert balances(any_session, fund_id)["fees"] == 170


def test_a_dispute_costs_a_fee_besides_and_a_fee_can_be_given_again(any_session: Session) -> None:
    fund_id = a_paid_checkout(any_session)
    take(any_session, told(1, K.MONEY_IN, 10_000, 170, "pi_1"), told(2, K.DISPUTE, -10_000, 2_000, "pi_1"))
    assert balances(any_session, fund_id) == {"bank": 10_000, "provider": -2_170, "fees": 2_170}
    take(any_session, told(3, K.DISPUTE, 10_000, -2_000, "pi_1"))
    assert balances(any_session, fund_id) == {"bank": 10_000, "elsewhere": -10_000, "provider": 9_830, "fees": 170}
    assert first_break(any_session) is None


def test_a_charge_of_its_own_goes_to_the_only_fund_that_stripe_works_for_and_else_an_officer_says_which(
    any_session: Session,
) -> None:
    fund_id = a_paid_checkout(any_session)
    assert take(any_session, told(1, K.FEE, 0, 200), told(2, K.OWN_BANK, 5_000)) == (2, 0)
    assert balances(any_session, fund_id) == {"bank": 10_000, "elsewhere": -5_000, "provider": 4_800, "fees": 200}
    other_id = a_paid_checkout(any_session, ref="pi_2")
    assert take(any_session, told(3, K.FEE, 0, 300)) == (1, 1)
    line = any_session.scalars(select(StatementLine).where(StatementLine.key == "txn_3")).one()
    with pytest.raises(NotAllowed):
        service.say_fund(work(any_session, officer(any_session, fund_id)), line.id, other_id)
    service.say_fund(work(any_session, officer(any_session, other_id)), line.id, other_id)
    assert balances(any_session, other_id) == {"bank": 10_000, "provider": -300, "fees": 300}
    with pytest.raises(Conflict):
        service.say_fund(work(any_session, officer(any_session)), line.id, fund_id)
    assert first_break(any_session) is None


def test_what_found_nothing_at_first_is_tried_when_it_is_read_again(session: Session) -> None:
    line = told(1, K.MONEY_IN, 10_000, 170, "pi_1")
    assert take(session, line) == (1, 1)
    assert queries.statement_minor(session, "stripe") == (9_830, 9_830)
    fund_id = a_paid_checkout(session)
    assert take(session, line) == (0, 0)
    assert balances(session, fund_id)["provider"] == 9_830
    assert queries.statement_minor(session, "stripe") == (9_830, 0)


def test_a_line_that_was_read_before_fees_stood_in_the_books_is_booked_when_it_is_read_again(session: Session) -> None:
    fund_id = a_paid_checkout(session)
    checkout_id = session.scalars(select(Checkout.id)).one()
    old = StatementLine(
        source="stripe", key="txn_1", on=START.date(), amount_minor=10_000, reference="pi_1", words="money in",
        about=About.MONEY_IN, about_id=checkout_id, taken_at=START,
    )  # fmt: skip
    session.add(old)
    session.flush()
    assert first_break(session) is None
    assert take(session, told(1, K.MONEY_IN, 10_000, 170, "pi_1")) == (0, 0)
    assert balances(session, fund_id)["fees"] == 170
    assert first_break(session) is None


def test_the_check_finds_a_line_that_says_something_else_than_the_books(session: Session) -> None:
    a_paid_checkout(session)
    take(session, told(1, K.MONEY_IN, 10_000, 170, "pi_1"))
    line = session.scalars(select(StatementLine)).one()
    line.fee_minor = 169
    session.flush()
    assert first_break(session) == (
        "provider:stripe:txn_1 is 9831 pence after 169 of fees by the payment company's statement, "
        "9830 pence after 170 of fees by the books"
    )


def test_whoever_bears_the_fees_makes_them_good_from_a_line_of_the_bank_and_never_more(any_session: Session) -> None:
    fund_id = a_paid_checkout(any_session)
    take(any_session, told(1, K.MONEY_IN, 10_000, 170, "pi_1"))
    teller = officer(any_session)
    lines = [BankLine(START.date(), 171, "FEES"), BankLine(START.date(), 100, "FEES"), BankLine(START.date(), 71, "F")]
    service.take_statement(work(any_session, teller), fund_id, lines)
    ids = {one.amount_minor: one.id for one in any_session.scalars(select(StatementLine))}
    with pytest.raises(StepRefused, match=r"more than the £1\.70 of fees"):
        service.make_fees_good(work(any_session, teller), ids[171])
    service.make_fees_good(work(any_session, teller), ids[100])
    with pytest.raises(StepRefused, match=r"more than the 70p|more than the £0\.70"):
        service.make_fees_good(work(any_session, teller), ids[71])
    assert balances(any_session, fund_id)["fees"] == 70
    (held,) = queries.held(any_session, "stripe", None, None, None)
    assert (held.in_minor, held.fees_minor, held.made_good_minor, held.due_minor) == (10_000, 170, 100, 70)
    assert first_break(any_session) is None


def test_what_stripe_sends_to_our_bank_finds_its_line_there(session: Session) -> None:
    fund_id = a_paid_checkout(session)
    take(session, told(1, K.MONEY_IN, 10_000, 170, "pi_1"), told(2, K.OWN_BANK, -9_830))
    line = BankLine(START.date(), 9_830, "STRIPE PAYOUT")
    assert service.take_statement(work(session, officer(session)), fund_id, [line, line]) == (2, 1, 0)
    assert balances(session, fund_id) == {"bank": 10_000, "elsewhere": -170, "fees": 170}


def test_fees_are_told_by_period(session: Session) -> None:
    a_paid_checkout(session)
    early = told(1, K.MONEY_IN, 10_000, 170, "pi_1")
    late = Told("txn_9", K.DISPUTE, -10_000, 2_000, "pi_1", START + timedelta(days=3))
    take(session, early, late)
    day = START.date()
    (first,) = queries.held(session, "stripe", None, None, day)
    (second,) = queries.held(session, "stripe", None, day + timedelta(days=1), None)
    assert (first.fees_minor, second.fees_minor, second.out_minor, second.due_minor) == (170, 2_000, 10_000, 2_170)
    assert queries.charged_lines(session, "stripe", None, day + timedelta(days=1), None)[1] == 1


@pytest.fixture(scope="module")
def tables() -> Iterator[Engine]:
    load_models()
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


happenings = st.lists(
    st.tuples(st.integers(1, 8), st.sampled_from([*K]), st.integers(-900, 900), st.integers(-40, 90)), max_size=14
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=happenings)
def test_whatever_stripe_states_in_whatever_order_the_books_hold_what_it_holds(
    tables: Engine, lines: list[tuple[int, StatementKind, int, int]]
) -> None:
    with tables.connect() as connection, connection.begin() as outer, Session(connection) as session:
        fund_id = a_paid_checkout(session, amount=500)
        kept: dict[int, Told] = {}
        for number, kind, amount, fee in lines:
            one = told(number, kind, 0 if kind is K.FEE else amount, fee, "pi_1")
            kept.setdefault(number, one)
            take(session, kept[number], kept[number])
        stated, outside = queries.statement_minor(session, "stripe")
        assert stated == sum(one.amount_minor - one.fee_minor for one in kept.values())
        stands = balances(session, fund_id)
        assert stands.get("provider", 0) == stated - outside
        assert stands["bank"] + stands.get("elsewhere", 0) + stands.get("provider", 0) + stands.get("fees", 0) == 500
        waiting = {one.key for one in queries.lines_to_explain(session, None)}
        assert outside == sum(
            one.amount_minor - one.fee_minor for one in kept.values() if f"txn_{one.id.rsplit('_')[-1]}" in waiting
        )
        assert first_break(session) is None
        outer.rollback()


def test_with_a_pretend_stripe_its_balance_its_statement_and_the_books_are_the_same(
    make_app: Callable[..., Flask], any_url: str
) -> None:
    with a_world(make_app, any_url) as world:
        paying = Paying(world)
        ref = paying.begin()
        world.double.pay(ref)
        world.relay()
        world.double.send()
        world.double.dispute(world.double.of("payment_intent")[0]["id"])
        world.double.send()
        with Session(world.engine) as session:
            session.connection(execution_options={WRITES: True})
            for fund in session.scalars(select(Fund)):
                fund.fees_borne_by = "The town council"
            session.commit()
        run = world.app.test_cli_runner().invoke(args=["payments", "compare"])
        assert run.output == "4 new lines, 1 of them about nothing that we know\n", "the first top-up is of either fund"
        page = unescape(world.officer.get("/statements/stripe").text)
        assert "in no fund’s books yet" in page
        with Session(world.engine) as session:
            line = session.scalars(select(StatementLine).where(StatementLine.about.is_(None))).one()
        shown = unescape(world.officer.get(f"/statements/{line.id}").text)
        assert "Which fund is it about?" in shown
        missing = world.officer.post(f"/statements/{line.id}", data={"what": "whose"})
        assert (missing.status_code, "Choose a fund" in missing.text) == (422, True)
        world.officer.post(f"/statements/{line.id}", data={"what": "whose", "whose-fund_id": str(paying.fund_id)})
        page = unescape(world.officer.get("/statements/stripe").text)
        assert "All three are the same" in page
        fee = 50_000 * 15 // 1_000 + 20 + 2_000
        assert f"The town council still has to make good £{fee / 100:.2f} of fees" in page
        assert (paying.balance("fees"), paying.available()) == (fee, 0)
        rows = world.officer.get("/statements/stripe/fees.csv?until=2000-01-01").text.splitlines()
        assert len(rows) == 1
        assert len(world.officer.get("/statements/stripe/fees.csv").text.splitlines()) == 3
        wrong = world.officer.get("/statements/stripe?since=2026-03-02&until=2026-03-01")
        assert "The last day must not be before the first" in wrong.text
        world.ensure_whole(paid=90_000)
        with Session(world.engine) as session:
            told_by_books = sum(
                session.scalars(
                    select(Posting.amount_minor)
                    .join(Account, Account.id == Posting.account_id)
                    .where(Account.code.endswith(":provider"))
                )
            )
        assert told_by_books == world.double.state.balance_minor


def test_a_fund_says_who_bears_its_fees_and_whoever_pays_reads_it(as_: SignIn, app_session: Session) -> None:
    app_session.connection(execution_options={WRITES: True})
    fund_id = a_contribution(app_session).fund_id
    app_session.commit()
    steward = as_(Role.STEWARD)
    answer = steward.post(f"/funds/{fund_id}/payments", data={"pays_by": "bank_run", "fees_borne_by": " The  council "})
    assert answer.status_code == 302
    app_session.rollback()
    assert app_session.get_one(Fund, fund_id).fees_borne_by == "The council"
    assert "The council" in steward.get(f"/funds/{fund_id}/payments").text
    pots.choose_payments(
        work(app_session, actor_for(app_session, a_person(app_session, Role.STEWARD).id, "")), fund_id, PaysBy.BANK_RUN
    )
    assert app_session.get_one(Fund, fund_id).fees_borne_by is None
