"""A fund that pays through a payment company: the group's account there stands in the place of its bank account."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from grants.awards import queries as award_queries
from grants.awards.models import Award
from grants.awards.rules import AgreementState, AwardState
from grants.awards.service import agreements, readiness
from grants.disbursements import queries
from grants.disbursements.rules import DisbursementState
from grants.disbursements.service import heard, holds, paying
from grants.funds.models import Fund
from grants.funds.rules import PaysBy
from grants.kernel.actors import CLOCK, Actor, Role
from grants.kernel.errors import NotAllowed, StepRefused
from grants.payees.rules.checks import CheckKind
from grants.people.models import Group
from grants.ports.payments import AccountStanding
from tests.builders.awards import an_agreement, an_award
from tests.builders.funds import a_contribution, a_fund
from tests.builders.payees import RING, a_bank_account, a_check, a_recipient
from tests.builders.people import a_member, a_person, actor_of
from tests.conftest import SignIn
from tests.payees.test_service import Numbers
from tests.support.clock import START
from tests.support.work import work

S, HOW = DisbursementState, pytest.mark.parametrize("pays_by", [PaysBy.BANK_RUN, PaysBy.MEMORY, None])
COMPANY = "The account with the payment company"


def officer(session: Session, role: Role = Role.FINANCE_OFFICER) -> Actor:
    return actor_of(session, a_person(session, role))


def set_up(session: Session, pays_by: PaysBy | None) -> Award:
    """An award that everybody has signed, for which nothing is missing but where it is paid."""
    fund = a_fund(session, pays_by=pays_by)
    award = an_award(
        session, state=AwardState.ACCEPTED, amount_minor=50_000, contributions=[a_contribution(session, fund)]
    )
    a_check(session, award.group, CheckKind.SAFEGUARDING)
    signers = [a_person(session), a_person(session)]
    sent = an_agreement(session, award, version=2, state=AgreementState.SIGNED, signers=signers)
    agreements.countersign(work(session, officer(session, Role.STEWARD)), sent.id)
    return award


def ready(session: Session, award: Award) -> Award:
    """Under way, with an account at the company and none at a bank."""
    recipient = a_recipient(session, award.payee, AccountStanding.CHECKING)
    heard.account_stands(work(session, CLOCK), recipient.id, AccountStanding.READY)
    assert award.state is AwardState.ACTIVE
    return award


def test_an_award_paid_through_the_company_starts_when_it_says_that_it_can_pay(any_session: Session) -> None:
    award = set_up(any_session, PaysBy.STRIPE)
    assert award_queries.lacking(any_session, award, START.date()) == [COMPANY]
    a_bank_account(any_session, award.payee)
    assert award_queries.lacking(any_session, award, START.date()) == [COMPANY], "a bank account does not stand for it"
    ready(any_session, award)
    assert award_queries.lacking(any_session, award, START.date()) == []


@HOW
def test_an_account_at_the_company_does_not_stand_for_a_bank_account(session: Session, pays_by: PaysBy | None) -> None:
    award = set_up(session, pays_by)
    a_recipient(session, award.payee)
    assert award_queries.lacking(session, award, START.date()) == ["The bank account"]
    assert readiness.activate_due(work(session, CLOCK)) == 0
    a_bank_account(session, award.payee)
    assert readiness.activate_due(work(session, CLOCK)) == 1


def test_a_group_without_a_bank_account_is_paid_through_the_company(any_session: Session) -> None:
    award = ready(any_session, set_up(any_session, PaysBy.STRIPE))
    assert queries.due_count(any_session, START.date()) == 1
    payment = paying.request(work(any_session, officer(any_session)), award.instalments[0].id)
    paying.authorise(work(any_session, officer(any_session)), payment.id)
    assert (payment.state, payment.account_id) == (S.AUTHORISED, None)


def test_nothing_is_asked_for_while_the_company_cannot_pay_the_group(any_session: Session) -> None:
    award = ready(any_session, set_up(any_session, PaysBy.STRIPE))
    recipient = award_queries.destination(any_session, award).recipient
    assert recipient is not None
    heard.account_stands(work(any_session, CLOCK), recipient.id, AccountStanding.STARTED)
    a_bank_account(any_session, award.payee)
    assert queries.due_count(any_session, START.date()) == 0
    assert [(one.pays_by, one.can_be_paid) for one in queries.blocked(any_session, START.date())] == [("stripe", False)]
    with pytest.raises(StepRefused, match="account with the payment company is not ready"):
        paying.request(work(any_session, officer(any_session)), award.instalments[0].id)


def test_when_the_company_stops_a_group_its_payments_wait_and_go_on_once_it_can_be_paid(session: Session) -> None:
    award = ready(session, set_up(session, PaysBy.STRIPE))
    recipient = award_queries.destination(session, award).recipient
    assert recipient is not None
    payment = paying.request(work(session, officer(session)), award.instalments[0].id)
    heard.account_stands(work(session, CLOCK), recipient.id, AccountStanding.STOPPED)
    assert (payment.state, payment.failure) == (S.ON_HOLD, "The provider says that it cannot pay this group any more.")
    with pytest.raises(StepRefused, match="not ready"):
        holds.release(work(session, officer(session)), payment.id)
    heard.account_stands(work(session, CLOCK), recipient.id, AccountStanding.READY)
    holds.release(work(session, officer(session)), payment.id)
    paying.authorise(work(session, officer(session)), payment.id)
    assert payment.state is S.AUTHORISED


def test_new_bank_details_do_not_stop_what_goes_to_the_company(session: Session) -> None:
    award = ready(session, set_up(session, PaysBy.STRIPE))
    payment = paying.request(work(session, officer(session)), award.instalments[0].id)
    member = actor_of(session, a_member(session, award.payee))
    numbers = (award.payee_id, "The Tea Table", "99-00-12", "12345678")
    holds.give_account(work(session, member), RING, Numbers(), *numbers)
    assert payment.state is S.REQUESTED


def test_when_the_fund_chooses_another_way_what_was_asked_for_is_let_go_afresh(session: Session) -> None:
    award = ready(session, set_up(session, PaysBy.STRIPE))
    a_bank_account(session, award.payee)
    payment = paying.request(work(session, officer(session)), award.instalments[0].id)
    session.get_one(Fund, award.fund_id).pays_by = PaysBy.BANK_RUN
    session.flush()
    with pytest.raises(StepRefused, match="has changed since"):
        paying.authorise(work(session, officer(session)), payment.id)
    holds.hold(work(session, officer(session)), payment.id, "The fund pays by bank run now.")
    holds.release(work(session, officer(session)), payment.id)
    assert payment.account_id is not None


def test_nobody_but_the_company_says_how_an_account_stands(session: Session) -> None:
    recipient = a_recipient(session, set_up(session, PaysBy.STRIPE).payee, AccountStanding.CHECKING)
    with pytest.raises(NotAllowed, match="Only the provider"):
        heard.account_stands(work(session, officer(session)), recipient.id, AccountStanding.READY)


def test_the_page_of_what_is_missing_names_where_the_group_is_paid(as_: SignIn, app_session: Session) -> None:
    award = set_up(app_session, PaysBy.STRIPE)
    member = a_member(app_session, app_session.get_one(Group, award.group_id))
    app_session.commit()
    page = as_(member).get(f"/awards/{award.id}/needs").text
    assert "The account with Stripe" in page
    assert "The bank account" not in page
    a_recipient(app_session, award.payee, AccountStanding.CHECKING)
    app_session.commit()
    assert "Stripe is checking it" in as_(member).get(f"/awards/{award.id}/needs").text
