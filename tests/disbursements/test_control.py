"""Who may let money go, what stops it, and what must come back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from grants.adapters.memory_payments import MemoryGateway
from grants.awards.models import Award
from grants.awards.rules import AwardState
from grants.awards.service import offers, readiness, settling, standing
from grants.disbursements import queries
from grants.disbursements.models import Disbursement
from grants.disbursements.rules import LIMIT_MINOR, DisbursementState, RepaymentState
from grants.disbursements.service import holds, paying, returns
from grants.funds.models import Contribution
from grants.funds.queries import sources
from grants.funds.rules import MoneyDraft
from grants.funds.service import contributions, taken_back
from grants.kernel.actors import CLOCK, Actor, Role
from grants.kernel.errors import Conflict, NotAllowed, NotEnoughMoney, RuleBroken, SeedbedError, StepRefused
from grants.ledger.models import Account
from grants.ledger.queries import award_pockets, breaks
from grants.payees import queries as payees
from grants.payees.rules.accounts import BankAccountState
from grants.web.db import WRITES, transaction
from tests.builders.awards import a_decided_proposal, a_decided_round, a_decision, an_award
from tests.builders.disbursements import a_disbursement
from tests.builders.funds import a_contribution, a_taken_back
from tests.builders.payees import RING, a_bank_account
from tests.builders.people import a_member, a_person, actor_of
from tests.disbursements.test_service import deliver
from tests.payees.test_service import Numbers
from tests.support.clock import START
from tests.support.race import race
from tests.support.schema import an_engine, load_models
from tests.support.work import work

S = DisbursementState


def officer(session: Session, *roles: Role) -> Actor:
    return actor_of(session, a_person(session, *(roles or (Role.FINANCE_OFFICER,))))


def pockets(session: Session, award: Award) -> tuple[int, int, int]:
    """Pence committed, sending and paid."""
    found = list(award_pockets(session, [award.id])[award.id].values())
    return (
        sum(one.committed_minor for one in found),
        sum(one.sending_minor for one in found),
        sum(one.paid_minor for one in found),
    )


def new_account(session: Session, award: Award) -> None:
    member = actor_of(session, a_member(session, award.payee))
    holds.give_account(work(session, member), RING, Numbers(), award.payee_id, "The Tea Table", "99-00-12", "12345678")


# three people


def test_requester_authoriser_and_verifier_are_three_people(session: Session) -> None:
    award = an_award(session)
    account = payees.verified_account(session, award.payee_id)
    assert account is not None
    verifier = a_person(session, Role.FINANCE_OFFICER)
    account.verified_by_id = verifier.id
    session.flush()
    with pytest.raises(NotAllowed, match="you verified the bank account"):
        paying.request(work(session, actor_of(session, verifier)), award.instalments[0].id)
    payment = paying.request(work(session, officer(session)), award.instalments[0].id)
    with pytest.raises(NotAllowed, match="you verified the bank account"):
        paying.authorise(work(session, actor_of(session, verifier)), payment.id)
    paying.authorise(work(session, officer(session)), payment.id)
    assert (payment.state, payment.account_id) == (S.AUTHORISED, account.id)


def test_whoever_wrote_the_bid_has_no_hand_in_its_money(session: Session) -> None:
    award = an_award(session)
    writer = a_person(session, Role.FINANCE_OFFICER)
    award.proposal.started_by_id = writer.id
    session.flush()
    with pytest.raises(NotAllowed, match="you have an interest"):
        paying.request(work(session, actor_of(session, writer)), award.instalments[0].id)


# limits


def test_above_an_officers_limit_a_second_officer_authorises(any_session: Session) -> None:
    session = any_session
    award = an_award(session, amount_minor=LIMIT_MINOR + 1, contributions=[a_contribution(session)])
    payment = paying.request(work(session, officer(session)), award.instalments[0].id)
    first = officer(session)
    paying.authorise(work(session, first), payment.id)
    assert (payment.state, payment.first_by_id, payment.authorised_by_id) == (S.REQUESTED, first.id, None)
    assert pockets(session, award) == (LIMIT_MINOR + 1, 0, 0)
    with pytest.raises(NotAllowed, match="You have authorised this payment already"):
        paying.authorise(work(session, first), payment.id)
    paying.authorise(work(session, officer(session)), payment.id)
    assert payment.state is S.AUTHORISED
    assert pockets(session, award) == (0, LIMIT_MINOR + 1, 0)


def test_an_admin_sets_a_limit_and_never_their_own(any_session: Session) -> None:
    session = any_session
    person = a_person(session, Role.FINANCE_OFFICER)
    assert queries.limit_of(session, person.id) == LIMIT_MINOR
    paying.set_limit(work(session, officer(session, Role.ADMIN)), person.id, 100)
    paying.set_limit(work(session, officer(session, Role.ADMIN)), person.id, 200)
    assert queries.limit_of(session, person.id) == 200
    assert [(one.person_id, one.limit_minor) for one in queries.limits(session)] == [(person.id, 200)]
    admin = a_person(session, Role.ADMIN, Role.FINANCE_OFFICER)
    with pytest.raises(NotAllowed, match="Nobody sets their own limit"):
        paying.set_limit(work(session, actor_of(session, admin)), admin.id, 10**9)
    with pytest.raises(NotAllowed, match="Only an admin"):
        paying.set_limit(work(session, actor_of(session, person)), admin.id, 1)
    payment = a_disbursement(session, an_award(session))
    paying.authorise(work(session, actor_of(session, person)), payment.id)
    assert payment.state is S.REQUESTED


# conditions and accounts


def test_a_part_with_a_condition_is_paid_only_when_it_is_met(session: Session) -> None:
    award = an_award(session)
    part = award.instalments[0]
    part.condition = "You have told us how the first part went."
    session.flush()
    assert queries.due_count(session, START.date()) == 0
    assert [one.condition for one in queries.blocked(session, START.date())] == [part.condition]
    with pytest.raises(StepRefused, match="Something must happen before"):
        paying.request(work(session, officer(session)), part.id)
    readiness.meet_condition(work(session, officer(session, Role.STEWARD)), part.id, "They told us.")
    assert queries.due_count(session, START.date()) == 1
    assert queries.blocked(session, START.date()) == []
    paying.request(work(session, officer(session)), part.id)


def test_nothing_is_asked_for_without_a_verified_account(session: Session) -> None:
    award = an_award(session)
    new_account(session, award)
    assert [one.can_be_paid for one in queries.blocked(session, START.date())] == [False]
    with pytest.raises(StepRefused, match="not verified"):
        paying.request(work(session, officer(session)), award.instalments[0].id)


def test_a_change_of_details_stops_every_unpaid_payment(any_session: Session) -> None:
    session = any_session
    given = a_contribution(session)
    award = an_award(session, contributions=[given], parts=[40_000, 30_000, 20_000])
    asked = paying.request(work(session, officer(session)), award.instalments[0].id)
    let_go = paying.request(work(session, officer(session)), award.instalments[1].id)
    gone = paying.request(work(session, officer(session)), award.instalments[2].id)
    for one in (let_go, gone):
        paying.authorise(work(session, officer(session)), one.id)
    session.flush()
    deliver(session, gone, MemoryGateway())
    new_account(session, award)
    assert [one.state for one in (asked, let_go, gone)] == [S.ON_HOLD, S.ON_HOLD, S.SENT]
    assert pockets(session, award) == (70_000, 20_000, 0)
    assert breaks(session) == []
    gateway = MemoryGateway()
    deliver(session, let_go, gateway)
    assert gateway.sent == {}


def test_a_payment_on_hold_goes_on_to_the_new_account_and_is_authorised_afresh(session: Session) -> None:
    award = an_award(session)
    payment = paying.request(work(session, officer(session)), award.instalments[0].id)
    new_account(session, award)
    with pytest.raises(StepRefused, match="not verified"):
        holds.release(work(session, officer(session)), payment.id)
    standing = payees.account(session, award.payee_id)
    assert standing is not None
    standing.state = BankAccountState.REPLACED
    session.flush()
    verified = a_bank_account(session, award.payee)
    releasing = officer(session)
    holds.release(work(session, releasing), payment.id)
    assert (payment.state, payment.account_id, payment.requested_by_id) == (S.REQUESTED, verified.id, releasing.id)
    with pytest.raises(NotAllowed, match="you asked for it"):
        paying.authorise(work(session, releasing), payment.id)


def test_what_was_authorised_and_then_stopped_is_asked_for_anew_under_a_new_key(session: Session) -> None:
    award = an_award(session)
    payment = paying.request(work(session, officer(session)), award.instalments[0].id)
    paying.authorise(work(session, officer(session)), payment.id)
    holds.hold(work(session, officer(session, Role.STEWARD)), payment.id, "The group rang.")
    assert pockets(session, award) == (90_000, 0, 0)
    with pytest.raises(StepRefused, match="Take it back and ask for it once more"):
        holds.release(work(session, officer(session)), payment.id)
    paying.cancel(work(session, officer(session)), payment.id, "To be asked for anew.")
    again = paying.request(work(session, officer(session)), award.instalments[0].id)
    paying.authorise(work(session, officer(session)), again.id)
    assert (again.attempt, again.state, pockets(session, award)) == (2, S.AUTHORISED, (0, 90_000, 0))
    assert breaks(session) == []


def test_what_was_handed_to_the_provider_cannot_be_stopped(session: Session) -> None:
    payment = a_disbursement(session, state=S.AUTHORISED, tried_at=START)
    with pytest.raises(StepRefused, match="handed to the provider"):
        holds.hold(work(session, officer(session)), payment.id, "Wait.")


def test_details_that_are_refused_stop_payments_too(session: Session) -> None:
    award = an_award(session)
    payment = paying.request(work(session, officer(session)), award.instalments[0].id)
    account = payees.verified_account(session, award.payee_id)
    assert account is not None
    holds.refuse_account(work(session, officer(session)), account.id, "The bank called us.")
    assert payment.state is S.ON_HOLD


def test_no_payment_leaves_for_an_account_that_changed_behind_the_desks_back(session: Session) -> None:
    award = an_award(session)
    payment = paying.request(work(session, officer(session)), award.instalments[0].id)
    paying.authorise(work(session, officer(session)), payment.id)
    standing = payees.account(session, award.payee_id)
    assert standing is not None
    standing.state = BankAccountState.REPLACED
    session.flush()
    gateway = MemoryGateway()
    deliver(session, payment, gateway)
    assert (gateway.sent, payment.state) == ({}, S.ON_HOLD)


# what must come back


def test_what_was_asked_back_is_counted_in_until_all_of_it_came(any_session: Session) -> None:
    session = any_session
    award = an_award(session)
    a_disbursement(session, award, state=S.PAID)
    settling.complete(work(session, CLOCK), award.id, 60_000)
    desk = officer(session)
    with pytest.raises(RuleBroken, match="no more than £900"):
        returns.raise_repayment(work(session, desk), award.id, 90_001, "Too much.")
    asked = returns.raise_repayment(work(session, desk), award.id, 30_000, "It was not spent.")
    with pytest.raises(StepRefused, match="asked back for this award already"):
        returns.raise_repayment(work(session, desk), award.id, 1, "Again.")
    returns.record_return(work(session, desk), award.id, 10_000, "BACK 1", START.date())
    assert (asked.state, asked.received_minor, award.state) == (RepaymentState.RAISED, 10_000, AwardState.COMPLETED)
    returns.record_return(work(session, desk), award.id, 20_000, "BACK 2", START.date())
    assert (asked.state, award.state) == (RepaymentState.RECEIVED, AwardState.CLOSED)
    assert breaks(session) == []


def test_a_debt_is_written_off_by_two_people_and_the_award_closes(any_session: Session) -> None:
    session = any_session
    award = an_award(session)
    a_disbursement(session, award, state=S.PAID)
    settling.complete(work(session, CLOCK), award.id, 60_000)
    one = officer(session)
    asked = returns.raise_repayment(work(session, one), award.id, 30_000, "It was not spent.")
    returns.record_return(work(session, one), award.id, 10_000, "BACK 1", START.date())
    with pytest.raises(StepRefused, match="Nobody has asked"):
        returns.answer_write_off(work(session, officer(session)), asked.id, agreed=True)
    returns.ask_write_off(work(session, one), asked.id, "The group is gone.")
    with pytest.raises(NotAllowed, match="You asked for this yourself"):
        returns.answer_write_off(work(session, one), asked.id, agreed=True)
    with pytest.raises(Conflict):
        returns.ask_write_off(work(session, officer(session)), asked.id, "Gone.")
    assert award.state is AwardState.COMPLETED
    returns.answer_write_off(work(session, officer(session, Role.STEWARD)), asked.id, agreed=True)
    assert (asked.state, award.written_off_minor, award.state) == (
        RepaymentState.WRITTEN_OFF,
        20_000,
        AwardState.CLOSED,
    )
    assert pockets(session, award) == (0, 0, 80_000)
    assert breaks(session) == []


def test_a_write_off_that_is_refused_may_be_asked_for_again(session: Session) -> None:
    award = an_award(session)
    a_disbursement(session, award, state=S.PAID)
    asked = returns.raise_repayment(work(session, officer(session)), award.id, 30_000, "Misspent.")
    returns.ask_write_off(work(session, officer(session)), asked.id, "The group is gone.")
    returns.answer_write_off(work(session, officer(session)), asked.id, agreed=False)
    assert (asked.state, asked.write_off_asked_by_id) == (RepaymentState.RAISED, None)
    returns.ask_write_off(work(session, officer(session)), asked.id, "It is still gone.")


def test_the_database_too_wants_two_people_for_a_write_off(any_session: Session) -> None:
    award = an_award(any_session)
    a_disbursement(any_session, award, state=S.PAID)
    asked = returns.raise_repayment(work(any_session, officer(any_session)), award.id, 1, "A penny.")
    asked.write_off_asked_by_id = asked.written_off_by_id = a_person(any_session).id
    with pytest.raises(IntegrityError):
        any_session.flush()
    any_session.rollback()


# at the same moment


def act(ready: Callable[[], None], url: str, what: str, who: str, id: str) -> str:
    """One racer: an officer who authorises, or a member who gives other bank details."""
    from uuid import UUID

    from grants.people.queries import actor_for

    load_models()
    engine = an_engine(url)
    try:
        with Session(engine) as session:
            actor = actor_for(session, UUID(who), "A racer")
            session.rollback()
            ready()
            with transaction(session, engine, actor, START + timedelta(minutes=1)) as uow:
                if what == "authorise":
                    paying.authorise(uow, UUID(id))
                else:
                    holds.give_account(uow, RING, Numbers(), UUID(id), "The Tea Table", "99-00-12", "12345678")
        return "done"
    except SeedbedError as refused:
        return refused.message
    finally:
        engine.dispose()


@pytest.mark.race
def test_an_authorisation_and_a_change_of_details_at_once_leave_nothing_on_its_way(any_url: str) -> None:
    load_models()
    engine = an_engine(any_url)
    with Session(engine) as session:
        session.connection(execution_options={WRITES: True})
        award = an_award(session)
        payment = a_disbursement(session, award)
        member, desk = a_member(session, award.payee), a_person(session, Role.FINANCE_OFFICER)
        entries: list[Any] = [
            (any_url, "authorise", str(desk.id), str(payment.id)),
            (any_url, "change", str(member.id), str(award.payee_id)),
        ]
        session.commit()
    finishes = race(act, entries)
    assert [finish.error for finish in finishes] == [None, None]
    assert finishes[1].gave == "done"
    with Session(engine) as session:
        [payment] = session.scalars(select(Disbursement)).all()
        assert payment.state is S.ON_HOLD
        assert (
            sum(one.sending_minor for one in award_pockets(session, [payment.award_id])[payment.award_id].values()) == 0
        )
        assert breaks(session) == []
    engine.dispose()


# when a payer's bank took money back


def test_what_a_payers_bank_took_back_is_not_sent_until_somebody_makes_it_good(any_session: Session) -> None:
    session = any_session
    given = a_contribution(session, amount_minor=90_000)
    award = an_award(session, contributions=[given], parts=[50_000, 40_000])
    one, two = (paying.request(work(session, officer(session)), part.id) for part in award.instalments)
    taken = a_taken_back(session, given, 40_000)
    paying.authorise(work(session, officer(session)), one.id)
    with pytest.raises(NotEnoughMoney, match="£400 of this payment is missing") as short, session.begin_nested():
        paying.authorise(work(session, officer(session)), two.id)
    assert short.value.shortfall_minor == 40_000
    session.expire_all()
    assert two.state is S.REQUESTED
    taken_back.make_good(work(session, officer(session)), taken.id, 40_000, "FROM THE COUNCIL")
    paying.authorise(work(session, officer(session)), two.id)
    assert breaks(session) == []


def test_after_a_dispute_over_money_that_was_paid_out_each_refusal_says_what_is_missing_and_why(
    any_session: Session,
) -> None:
    session = any_session
    given = a_contribution(session, amount_minor=90_000)
    award = an_award(session, amount_minor=90_000, parts=[90_000], contributions=[given])
    a_disbursement(session, award, state=S.PAID)
    a_taken_back(session, given, 60_000)
    assert on_account(session, given, "owed", "bank") == (60_000, 0)
    returns.record_return(work(session, officer(session)), award.id, 70_000, "BACK 1", START.date())
    # What the account's keeper laid out is repaid first; £100 is really there, £600 stands in for what was taken.
    assert on_account(session, given, "owed", "bank") == (0, 10_000)
    with pytest.raises(
        RuleBroken, match="Only £100 of this money can go back, so enter that or less: the payer’s bank took back £600"
    ):
        contributions.give_back(
            work(session, officer(session)), given.id, MoneyDraft(10_001, "OUT 2", START.date(), "Unspent.")
        )
    with pytest.raises(NotEnoughMoney, match="£600 that is promised to nobody cannot be used"), session.begin_nested():
        an_offer(session, given, 10_001)
    session.expire_all()
    assert breaks(session) == []


def test_money_received_by_hand_first_repays_what_was_laid_out_and_what_goes_back_is_written_down_as_it_went(
    any_session: Session,
) -> None:
    session = any_session
    given = a_contribution(session, amount_minor=50_000)
    other = a_contribution(session, fund=given.fund, amount_minor=30_000)
    award = an_award(session, amount_minor=50_000, parts=[50_000], contributions=[given])
    a_disbursement(session, award, state=S.PAID)
    a_taken_back(session, given, 50_000)
    assert on_account(session, given, "owed", "bank") == (20_000, 0)
    late = a_contribution(session, fund=given.fund, amount_minor=25_000, received_minor=0)
    contributions.receive(work(session, officer(session)), late.id, MoneyDraft(25_000, "IN 1", START.date()))
    assert on_account(session, given, "owed", "bank") == (0, 5_000)
    # The other funder's money is its own, though somebody else's dispute emptied the account: what went is laid out.
    contributions.give_back(
        work(session, officer(session)), other.id, MoneyDraft(30_000, "OUT 3", START.date(), "Unspent.")
    )
    assert on_account(session, given, "owed", "bank") == (25_000, 0)
    assert breaks(session) == []


def on_account(session: Session, given: Contribution, *names: str) -> tuple[int, ...]:
    """Pence on accounts of the contribution's fund; nought on one that was never opened."""
    codes = dict(session.execute(select(Account.code, Account.balance_minor)).tuples().all())
    return tuple(abs(codes.get(f"fund:{given.fund_id}:{name}", 0)) for name in names)


def an_offer(session: Session, given: Contribution, amount_minor: int) -> None:
    """Have a steward offer so much to a group of a decided round."""
    round = a_decided_round(session, given.fund, pot_minor=10**6)
    a_decision(session, a_decided_proposal(session, round, applied_for_minor=amount_minor), rank=1)
    offers.offer_all(work(session, officer(session, Role.STEWARD)), round.id)


def test_what_stands_in_for_money_that_was_taken_back_is_neither_promised_again_nor_given_back(
    session: Session,
) -> None:
    given = a_contribution(session, amount_minor=90_000)
    award = an_award(session, amount_minor=90_000, contributions=[given])
    a_taken_back(session, given, 60_000)
    standing.terminate(work(session, officer(session, Role.STEWARD)), award.id, "The hall closed.")
    session.flush()
    (free,) = sources(session, given.fund_id)
    assert free.available_minor == 30_000
    with pytest.raises(
        RuleBroken, match="Only £300 of this money can go back, so enter that or less: the payer’s bank took back £600"
    ):
        contributions.give_back(
            work(session, officer(session)), given.id, MoneyDraft(30_001, "OUT 1", START.date(), "Unspent.")
        )
