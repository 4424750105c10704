"""Unspent money: offered back, carried over or returned, by decision; and the warning before a last day."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.funds import queries
from grants.funds.models import Contribution, UnspentOffer
from grants.funds.rules import MoneyDraft, UnspentState
from grants.funds.service import contributions, unspent
from grants.funds.views import last_days, unspent_to_answer, unspent_to_return
from grants.kernel.actors import CLOCK, Actor, Role
from grants.kernel.clock import london_day
from grants.kernel.errors import NotAllowed, RuleBroken, StepRefused
from grants.kernel.trail import AuditEvent
from grants.ledger import queries as books
from grants.outbox.models import OutboxRow
from tests.builders.actors import an_actor
from tests.builders.awards import an_award
from tests.builders.funds import a_contribution
from tests.builders.people import a_person
from tests.conftest import SignIn
from tests.funds.test_views import faults
from tests.support.clock import START
from tests.support.work import work

TODAY = london_day(START)
LAST = date(2026, 3, 31)


def actor(session: Session, role: Role, scope: object = None) -> Actor:
    return an_actor(role, id=a_person(session, role).id, scope=scope)  # type: ignore[arg-type]


def asked(session: Session, **fields: object) -> tuple[Contribution, UnspentOffer, Actor]:
    one = a_contribution(session, amount_minor=10_000, **fields)  # type: ignore[arg-type]
    an_award(session, amount_minor=2_500, contributions=[one])
    offer = unspent.offer_unspent(work(session, actor(session, Role.STEWARD)), one.id, "The round is over.")
    return one, offer, actor(session, Role.FUNDER, one.funder_id)


def test_what_nobody_was_promised_is_offered_once(any_session: Session) -> None:
    one, offer, _ = asked(any_session)
    assert (offer.amount_minor, offer.state) == (7_500, UnspentState.OFFERED)
    with pytest.raises(StepRefused, match="asked already"):
        unspent.offer_unspent(work(any_session, actor(any_session, Role.STEWARD)), one.id, "Again.")
    assert queries.sources(any_session, one.fund_id)[0].available_minor == 7_500
    unspent.withdraw_unspent(work(any_session, actor(any_session, Role.STEWARD)), offer.id)
    unspent.offer_unspent(work(any_session, actor(any_session, Role.STEWARD)), one.id, "Again.")


def test_only_its_own_funder_answers(session: Session) -> None:
    one, offer, _ = asked(session)
    for other in (an_actor(*(set(Role) - {Role.FUNDER})), an_actor(Role.FUNDER), an_actor(Role.FUNDER, scope=one.id)):
        for step in (lambda uow: unspent.carry_over(uow, offer.id, None), lambda uow: unspent.ask_back(uow, offer.id)):
            with pytest.raises(NotAllowed):
                step(work(session, other))
    for step in (
        lambda uow: unspent.offer_unspent(uow, one.id, "Why."),
        lambda uow: unspent.withdraw_unspent(uow, offer.id),
    ):
        with pytest.raises(NotAllowed):
            step(work(session, an_actor(Role.FUNDER, Role.FINANCE_OFFICER, Role.AUDITOR)))


def test_money_is_carried_over_to_a_later_day_even_when_some_is_promised(any_session: Session) -> None:
    one, offer, funder = asked(any_session, limits={"spend_by": LAST.isoformat()}, imd_deciles=[1])
    for early in (LAST - timedelta(days=1), TODAY - timedelta(days=1)):
        with pytest.raises(RuleBroken, match="not before"), any_session.begin_nested():
            unspent.carry_over(work(any_session, funder), offer.id, early)
    any_session.refresh(offer)
    later = LAST + timedelta(days=365)
    unspent.carry_over(work(any_session, funder), offer.id, later)
    limits = queries.restriction_of(one)
    assert (limits.spend_by, limits.imd_deciles) == (later, frozenset({1}))
    assert offer.state is UnspentState.CARRIED_OVER
    event = any_session.scalars(select(AuditEvent).where(AuditEvent.verb == "contribution.carried_over")).one()
    assert (event.body["was"], event.body["spend_by"]) == (LAST.isoformat(), later.isoformat())
    with pytest.raises(StepRefused):
        unspent.ask_back(work(any_session, funder), offer.id)


def test_money_that_is_asked_back_is_promised_to_nobody_and_returns_through_the_books(any_session: Session) -> None:
    one, offer, funder = asked(any_session)
    unspent.ask_back(work(any_session, funder), offer.id)
    any_session.flush()
    assert queries.sources(any_session, one.fund_id) == []
    officer = actor(any_session, Role.FINANCE_OFFICER)
    contributions.give_back(work(any_session, officer), one.id, MoneyDraft(7_000, "OUT 1", TODAY, "As they asked."))
    assert (offer.state, offer.amount_minor) == (UnspentState.TO_RETURN, 500)
    contributions.give_back(work(any_session, officer), one.id, MoneyDraft(500, "OUT 2", TODAY, "As they asked."))
    assert offer.state is UnspentState.RETURNED
    assert books.pockets_of(any_session, [one.id])[one.id].returned_minor == 7_500
    assert books.breaks(any_session) == []


def test_what_was_promised_since_does_not_go_back(any_session: Session) -> None:
    one, offer, funder = asked(any_session)
    an_award(any_session, amount_minor=7_000, contributions=[one])
    unspent.ask_back(work(any_session, funder), offer.id)
    assert offer.amount_minor == 500
    assert queries.sources(any_session, one.fund_id) == []


def test_stewards_are_warned_once_for_each_last_day(any_session: Session) -> None:
    steward = a_person(any_session, Role.STEWARD)
    near = a_contribution(any_session, amount_minor=500, limits={"spend_by": LAST.isoformat()})
    a_contribution(any_session, amount_minor=500, limits={"spend_by": "2026-12-31"})
    a_contribution(any_session, amount_minor=500, limits={"spend_by": None})
    spent = a_contribution(any_session, amount_minor=500, limits={"spend_by": LAST.isoformat()})
    an_award(any_session, amount_minor=500, contributions=[spent])
    clock = work(any_session, CLOCK)
    assert [unspent.warn_of_last_days(clock) for _ in range(2)] == [1, 0]
    letters = any_session.scalars(select(OutboxRow).where(OutboxRow.subject_id == near.id)).all()
    assert [(x.payload["to"], x.payload["subject"]) for x in letters] == [
        (steward.email, "£5 to promise by 31 March 2026")
    ]
    near.restriction = {**near.restriction, "spend_by": "2026-04-15"}
    any_session.flush()
    assert unspent.warn_of_last_days(clock) == 1
    with pytest.raises(NotAllowed):
        unspent.warn_of_last_days(work(any_session, an_actor(Role.STEWARD)))


def test_from_the_warning_to_the_answer_on_the_pages(as_: SignIn, app_session: Session) -> None:
    one = a_contribution(app_session, amount_minor=500_000, limits={"spend_by": LAST.isoformat()})
    steward = as_(Role.STEWARD)
    funder = as_(a_person(app_session, Role.FUNDER, scope_id=one.funder_id))
    path, funder_id = f"/funds/{one.fund_id}/contributions/{one.id}", one.funder_id
    app_session.commit()
    page = steward.get(path).text
    assert "£5,000 of this money must be promised to groups by 31 March 2026." in page
    assert faults(steward.get(f"{path}/unspent").text) == []
    assert steward.post(f"{path}/unspent", data={"reason": ""}).status_code == 422
    assert steward.post(f"{path}/unspent", data={"reason": "No bid fits."}).location == path
    offer = app_session.scalars(select(UnspentOffer)).one()
    answer = f"{path}/unspent/{offer.id}"
    app_session.rollback()
    assert faults(steward.get(path).text) == []
    assert answer in funder.get(path).text
    asked_page = funder.get(answer).text
    assert "No bid fits." in asked_page
    assert faults(asked_page) == []
    assert steward.get(answer).status_code == 403
    early = funder.post(answer, data={"answer": "stay", "spend_by": "2026-03-30"})
    assert (early.status_code, "not before the one that holds now" in early.text) == (422, True)
    assert funder.post(answer, data={"answer": "stay", "spend_by": "2027-03-31"}).location == path
    assert "until 31 March 2027" in funder.get(path).text
    assert "31 March 2027" in funder.get(f"/funders/{funder_id}").text


def test_the_work_lists_name_what_waits(app_session: Session, app: object) -> None:
    one, offer, funder = asked(app_session, limits={"spend_by": LAST.isoformat()})
    app_session.commit()
    with app.test_request_context():  # type: ignore[attr-defined]
        assert [x.text for x in unspent_to_answer(funder, START)] == ["Say what shall become of £75"]
        assert [x.text for x in unspent_to_answer(an_actor(Role.FUNDER, scope=one.id), START)] == []
        [near] = last_days(an_actor(Role.STEWARD), START)
        assert near.text.startswith("Promise £75 from")
        assert list(last_days(an_actor(Role.STEWARD, scope=one.id), START)) == []
        assert list(unspent_to_return(an_actor(Role.FINANCE_OFFICER), START)) == []
    unspent.ask_back(work(app_session, funder), offer.id)
    app_session.commit()
    with app.test_request_context():  # type: ignore[attr-defined]
        [to_pay] = unspent_to_return(an_actor(Role.FINANCE_OFFICER), START)
        assert to_pay.text.startswith("Pay £75 back to")
