"""The payments desk, the provider's events, and the pretend bank."""

from __future__ import annotations

import hmac
import json
from hashlib import sha256
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from grants.awards.rules import AwardState
from grants.disbursements.models import Disbursement
from grants.disbursements.rules import DisbursementState
from grants.kernel.actors import CLOCK, Role
from grants.outbox import service as outbox
from tests.builders.awards import an_award
from tests.builders.disbursements import a_disbursement
from tests.builders.people import a_member, a_person
from tests.conftest import SignIn
from tests.support.statements import statements
from tests.support.work import work

S = DisbursementState


def state_of(session: Session, payment: Disbursement) -> S:
    session.rollback()
    return session.get_one(Disbursement, payment.id).state


def test_two_people_take_a_payment_to_the_bank(as_: SignIn, app_session: Session) -> None:
    award = an_award(app_session)
    asking, letting_go = as_(Role.FINANCE_OFFICER), as_(Role.FINANCE_OFFICER)
    assert award.proposal.title in asking.get("/payments").text
    asked = asking.post("/payments/ask", data={"ids": str(award.instalments[0].id)})
    assert "Asked for: 1 payment" in asked.text
    waiting = asking.get("/payments?show=authorise").text
    assert "Somebody else must authorise it" in waiting
    app_session.rollback()
    payment = app_session.query(Disbursement).one()
    own = asking.post("/payments/authorise", data={"ids": str(payment.id)})
    assert (own.status_code, "you asked for it" in own.text) == (422, True)
    assert state_of(app_session, payment) is S.REQUESTED
    assert "Authorised: 1 payment" in letting_go.post("/payments/authorise", data={"ids": str(payment.id)}).text
    assert state_of(app_session, payment) is S.AUTHORISED


def test_in_bulk_every_row_keeps_all_its_guards_and_says_what_became_of_it(as_: SignIn, app_session: Session) -> None:
    good, held, mine, inside = (a_disbursement(app_session) for _ in range(4))
    held.award.state = AwardState.ON_HOLD
    person = a_member(app_session, inside.award.group, a_person(app_session, Role.FINANCE_OFFICER))
    mine.requested_by_id = person.id
    officer = as_(person)
    ids = [str(one.id) for one in (good, held, mine, inside)] + [str(uuid4())]
    page = officer.post("/payments/authorise", data={"ids": ids})
    assert page.status_code == 200
    assert "Authorised: 1 payment" in page.text
    for words in ("can only be read", "you asked for it", "you belong to the group", "There is no such disbursement"):
        assert words in page.text
    assert [state_of(app_session, one) for one in (good, held, mine, inside)] == [S.AUTHORISED] + [S.REQUESTED] * 3


def test_in_bulk_nothing_goes_above_the_award(as_: SignIn, app_session: Session) -> None:
    award = an_award(app_session, amount_minor=90_000, parts=[50_000, 40_000])
    award.disbursing_minor = 45_000
    page = as_(Role.FINANCE_OFFICER).post("/payments/ask", data={"ids": [str(p.id) for p in award.instalments]})
    assert "above the award" in page.text
    assert "Asked for: 1 payment" in page.text
    app_session.rollback()
    assert app_session.query(Disbursement).count() == 1


def test_nothing_ticked_is_said(as_: SignIn, app_session: Session) -> None:
    an_award(app_session)
    page = as_(Role.FINANCE_OFFICER).post("/payments/ask", data={})
    assert (page.status_code, "Tick at least one payment" in page.text) == (422, True)
    assert as_(Role.FINANCE_OFFICER).post("/payments/ask", data={"ids": "no id"}).status_code == 422


def test_a_request_is_taken_back_with_a_reason(as_: SignIn, app_session: Session) -> None:
    payment = a_disbursement(app_session)
    officer = as_(Role.FINANCE_OFFICER)
    assert "Authorise this payment" in officer.get(f"/payments/{payment.id}").text
    officer.post(f"/payments/{payment.id}", data={"reason": "The wrong part."})
    assert state_of(app_session, payment) is S.CANCELLED


def test_money_that_came_back_is_written_down(as_: SignIn, app_session: Session) -> None:
    payment = a_disbursement(app_session, state=S.PAID)
    payment.award.state, payment.award.accepted_spend_minor = AwardState.COMPLETED, 80_000
    officer = as_(Role.FINANCE_OFFICER)
    path = f"/payments/returns/{payment.award_id}"
    assert 'value="100"' in officer.get(path).text
    done = {"amount": "100", "reference": "RET 1", "received_on": "2026-03-02"}
    assert "Written down" in officer.post(path, data=done, follow_redirects=True).text
    assert "between £0.01 and £800" in officer.post(path, data={**done, "amount": "801", "reference": "R"}).text


def test_the_desk_takes_as_many_queries_for_twenty_as_for_two(as_: SignIn, app_session: Session, app: Flask) -> None:
    counts = []
    for more in (2, 10):
        for _ in range(more):
            a_disbursement(app_session)
            an_award(app_session)
        officer = as_(Role.FINANCE_OFFICER)
        with statements(app) as heard:
            for show in ("ask", "authorise"):
                assert officer.get(f"/payments?show={show}").status_code == 200
        counts.append(len(heard))
    assert counts[0] == counts[1]


# events


def tell(app: Flask, client: FlaskClient, facts: object, signature: str | None = None) -> TestResponse:
    body = json.dumps(facts).encode()
    key = hmac.new(app.config["SECRET_KEY"].encode(), b"webhook:memory", sha256).digest()
    signed = hmac.new(key, body, sha256).hexdigest() if signature is None else signature
    return client.post("/webhooks/memory", data=body, headers={"X-Seedbed-Signature": signed})


def paid(payment: Disbursement) -> dict[str, object]:
    return {"id": "evt_1", "told": "paid", "key": payment.key, "amount_minor": payment.amount_minor}


def test_a_signed_event_settles_a_payment_once(app: Flask, client: FlaskClient, app_session: Session) -> None:
    payment = a_disbursement(app_session, state=S.SENT)
    app_session.commit()
    app.config["WTF_CSRF_ENABLED"] = True  # a provider has no token
    facts = paid(payment)
    answers = [tell(app, client, facts) for _ in range(3)]
    assert [(answer.status_code, answer.json) for answer in answers] == [
        (200, {"new": True}),
        (200, {"new": False}),
        (200, {"new": False}),
    ]
    assert state_of(app_session, payment) is S.PAID


@pytest.mark.parametrize("signature", ["", "0" * 64, "é"])
def test_a_wrong_signature_changes_nothing(
    app: Flask, client: FlaskClient, app_session: Session, signature: str
) -> None:
    payment = a_disbursement(app_session, state=S.SENT)
    app_session.commit()
    assert tell(app, client, paid(payment), signature).status_code == 400
    assert state_of(app_session, payment) is S.SENT


def test_what_is_no_event_of_ours_is_refused_with_words(app: Flask, client: FlaskClient, app_session: Session) -> None:
    payment = a_disbursement(app_session, state=S.SENT)
    app_session.commit()
    facts = paid(payment)
    assert tell(app, client, {**facts, "told": "stolen"}).status_code == 400
    assert tell(app, client, {**facts, "key": ""}).status_code == 400
    assert tell(app, client, {**facts, "key": "pay:none:1"}).status_code == 404
    assert tell(app, client, []).status_code == 400
    assert state_of(app_session, payment) is S.SENT


# the demonstration


def test_the_pretend_bank_takes_a_payment_and_says_what_became_of_it(
    app: Flask, client: FlaskClient, app_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = a_disbursement(app_session, state=S.AUTHORISED), a_disbursement(app_session, state=S.SENT)
    outbox.put(work(app_session, CLOCK), "payment", {"disbursement_id": str(first.id)}, key=first.key)
    app_session.commit()
    monkeypatch.setitem(app.config, "DEMO", True)
    assert "1 payment waits in the outbox" in client.get("/demo/bank").text
    assert "1 handed to the bank" in client.post("/demo/bank/collect", follow_redirects=True).text
    assert state_of(app_session, first) is S.SENT
    client.post(f"/demo/bank/{first.id}/arrived")
    client.post(f"/demo/bank/{second.id}/came-back")
    assert (state_of(app_session, first), state_of(app_session, second)) == (S.PAID, S.FAILED)


def test_there_is_no_pretend_bank_outside_a_demonstration(client: FlaskClient) -> None:
    assert client.get("/demo/bank").status_code == 404
