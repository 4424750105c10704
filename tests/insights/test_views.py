"""Pages of the bank of insights."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from grants.kernel.actors import Role
from tests.builders.insights import an_insight
from tests.conftest import SignIn
from tests.support.answers import sound
from tests.support.statements import statements


def test_anybody_reads_and_searches_the_bank(client: FlaskClient, app_session: Session) -> None:
    an_insight(app_session, text="Green <i>space</i> matters")
    an_insight(app_session, text="Set agendas do not build trust")
    app_session.commit()
    assert "Green <i>space</i> matters" in sound(client.get("/insights"))
    text = sound(client.get("/insights?words=trust"))
    assert "Set agendas" in text
    assert "Green" not in text
    assert "Try others" in sound(client.get("/insights?words=unicorn"))


def test_the_empty_bank_says_what_to_do(client: FlaskClient, as_: SignIn) -> None:
    assert "Raise an issue" in sound(client.get("/insights"))
    assert "Add the first thing that you heard" in sound(as_(Role.CONNECTOR).get("/insights"))


def test_a_connector_adds_what_was_heard(as_: SignIn) -> None:
    connector = as_(Role.CONNECTOR)
    wrong = connector.post("/insights/new", data={"text": "Green", "how_heard": "", "heard_on": ["30", "2", "2026"]})
    text = sound(wrong, 422)
    assert "Say where or how it was heard" in text
    assert "Enter a real date" in text
    late = connector.post("/insights/new", data={"text": "Green", "how_heard": "A walk", "heard_on": "2026-03-03"})
    assert "must be today or in the past" in sound(late, 422)
    done = connector.post("/insights/new", data={"text": "Green", "how_heard": "A walk", "heard_on": "2026-03-01"})
    assert done.location == "/insights"
    assert "1 March 2026" in sound(connector.get("/insights"))


def test_the_bank_asks_as_much_of_the_database_when_it_is_long(
    app: Flask, client: FlaskClient, app_session: Session
) -> None:
    an_insight(app_session)
    app_session.commit()
    with statements(app) as few:
        client.get("/insights")
    for _ in range(40):
        an_insight(app_session, ward_code="E05000001")
    app_session.commit()
    with statements(app) as many:
        client.get("/insights")
    assert len(few) == len(many)
