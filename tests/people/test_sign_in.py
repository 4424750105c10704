"""Coming in by a letter, and going out."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grants.config import Env
from grants.kernel.actors import NOBODY, Role
from grants.kernel.clock import SetClock
from grants.kernel.errors import NotFound, RuleBroken
from grants.kernel.trail import AuditEvent
from grants.outbox.models import OutboxRow
from grants.people.models import Person, SignInLink, SignInSession
from grants.people.queries import presence_of_session, token_hash
from grants.people.service import accounts as service
from grants.web.db import db, transaction
from tests.builders.people import a_person
from tests.conftest import SignIn
from tests.support.clock import START
from tests.support.race import race
from tests.support.schema import an_engine
from tests.support.work import work

TOKEN = re.compile(r"seedbed:/sign-in/([\w-]+)")


def token_for(session: Session, email: str, next_path: str = "") -> str:
    """Ask for a link and read the letter."""
    service.request_link(work(session), email, next_path)
    session.flush()
    letters = session.scalars(select(OutboxRow).order_by(OutboxRow.created_at)).all()
    letter = [row for row in letters if row.payload["to"] == email.lower()][-1]
    found = TOKEN.search(letter.payload["text"])
    assert found
    return found[1]


def test_the_link_lets_its_reader_in_once(any_session: Session) -> None:
    rose = a_person(any_session, name="Rose", email="rose@example.org")
    token = token_for(any_session, "Rose@Example.org")
    entry = service.enter_by_link(work(any_session), token)
    presence = presence_of_session(any_session, entry.token, START)
    assert presence is not None
    assert presence.actor.id == rose.id
    with pytest.raises(RuleBroken, match="used already"):
        service.enter_by_link(work(any_session), token)


def test_the_link_is_over_after_twenty_minutes(any_session: Session) -> None:
    a_person(any_session, email="rose@example.org")
    token = token_for(any_session, "rose@example.org")
    with pytest.raises(RuleBroken):
        service.enter_by_link(work(any_session, now=START + timedelta(minutes=20)), token)
    assert service.enter_by_link(work(any_session, now=START + timedelta(minutes=19, seconds=59)), token)


def test_a_new_address_makes_an_account_with_the_name_given(any_session: Session) -> None:
    token = token_for(any_session, "new@example.org")
    with pytest.raises(RuleBroken) as broken:
        service.enter_by_link(work(any_session), token, " ")
    assert broken.value.field == "name"


def test_an_account_is_made_when_the_link_is_confirmed(any_session: Session) -> None:
    token = token_for(any_session, "new@example.org")
    assert any_session.scalar(select(func.count()).select_from(Person)) == 0
    service.enter_by_link(work(any_session), token, "Nora New")
    person = any_session.scalars(select(Person)).one()
    assert (person.name, person.email) == ("Nora New", "new@example.org")


def test_only_hashes_of_tokens_are_kept(session: Session) -> None:
    a_person(session, email="rose@example.org")
    token = token_for(session, "rose@example.org")
    entry = service.enter_by_link(work(session), token)
    session.flush()
    assert session.scalars(select(SignInLink.token_hash)).one() == token_hash(token)
    assert session.scalars(select(SignInSession.token_hash)).one() == token_hash(entry.token)


def test_the_trail_tells_neither_address_nor_name(session: Session) -> None:
    service.enter_by_link(work(session), token_for(session, "new@example.org"), "Nora New")
    session.flush()
    told = " ".join(f"{e.verb} {e.why} {e.body}" for e in session.scalars(select(AuditEvent)))
    assert "people.link_requested" in told
    assert "people.account_made" in told
    assert "people.signed_in" in told
    assert "example.org" not in told
    assert "Nora" not in told


def test_a_session_ends_after_fourteen_days(session: Session) -> None:
    a_person(session, email="rose@example.org")
    entry = service.enter_by_link(work(session), token_for(session, "rose@example.org"))
    assert presence_of_session(session, entry.token, START + timedelta(days=14) - timedelta(seconds=1))
    assert presence_of_session(session, entry.token, START + timedelta(days=14)) is None


def test_coming_in_again_ends_the_session_before(session: Session) -> None:
    a_person(session, email="rose@example.org")
    first = service.enter_by_link(work(session), token_for(session, "rose@example.org"))
    service.enter_by_link(work(session), token_for(session, "rose@example.org"), replaces=first.token)
    assert presence_of_session(session, first.token, START) is None


def test_nobody_real_can_be_come_in_as(session: Session) -> None:
    real = a_person(session, email="rose@example.org")
    with pytest.raises(NotFound):
        service.enter_as(work(session), real.id)


# The pages.


def letter_token(session: Session) -> str:
    text = session.scalars(select(OutboxRow).order_by(OutboxRow.created_at.desc(), OutboxRow.id)).first()
    assert text is not None
    found = TOKEN.search(text.payload["text"])
    assert found
    return found[1]


def test_a_resident_comes_in_through_the_pages(client: FlaskClient, app_session: Session) -> None:
    client.post("/sign-in", data={"email": "new@example.org", "next": "/groups"})
    token = letter_token(app_session)
    page = client.get(f"/sign-in/{token}").get_data(as_text=True)
    assert "Your name" in page
    came = client.post(f"/sign-in/{token}", data={"name": "Nora New"})
    assert (came.status_code, came.location) == (302, "/groups")
    assert "Sign out" in client.get("/sign-in/sent").get_data(as_text=True)


def test_the_answer_tells_nobody_whether_an_address_is_known(client: FlaskClient, app_session: Session) -> None:
    a_person(app_session, email="known@example.org")
    app_session.commit()
    answers = [
        client.post("/sign-in", data={"email": email}, follow_redirects=True)
        for email in ("known@example.org", "unknown@example.org")
    ]
    assert answers[0].status_code == answers[1].status_code == 200
    assert answers[0].data == answers[1].data
    assert b"If that address can be used, we have sent a link" in answers[0].data
    assert app_session.scalar(select(func.count()).select_from(OutboxRow)) == 2


def test_a_mail_scanner_uses_nothing_up(client: FlaskClient, app_session: Session) -> None:
    a_person(app_session, email="rose@example.org")
    app_session.commit()
    client.post("/sign-in", data={"email": "rose@example.org"})
    token = letter_token(app_session)
    for _ in range(3):
        assert client.get(f"/sign-in/{token}").status_code == 200
        assert client.head(f"/sign-in/{token}").status_code == 200
    assert client.post(f"/sign-in/{token}").location == "/home"


def test_a_used_link_says_so(client: FlaskClient, app_session: Session) -> None:
    a_person(app_session, email="rose@example.org")
    app_session.commit()
    client.post("/sign-in", data={"email": "rose@example.org"})
    token = letter_token(app_session)
    client.post(f"/sign-in/{token}")
    for answer in (client.get(f"/sign-in/{token}"), client.post(f"/sign-in/{token}")):
        assert answer.status_code == 410
        assert b"This link is over" in answer.data


def test_no_other_site_is_led_to(client: FlaskClient, app_session: Session) -> None:
    a_person(app_session, email="rose@example.org")
    app_session.commit()
    client.post("/sign-in", data={"email": "rose@example.org", "next": "//evil.example/home"})
    assert client.post(f"/sign-in/{letter_token(app_session)}").location == "/home"


def test_the_session_is_made_anew_on_coming_in(client: FlaskClient, app: Flask, app_session: Session) -> None:
    a_person(app_session, email="rose@example.org")
    app_session.commit()
    with client.session_transaction() as cookie:
        cookie.update({"left_by_somebody": "x", "ballot:1": "y"})
    client.post("/sign-in", data={"email": "rose@example.org"})
    client.post(f"/sign-in/{letter_token(app_session)}")
    with client.session_transaction() as cookie:
        assert "left_by_somebody" not in cookie
        assert cookie["ballot:1"] == "y"
        assert cookie["_user_id"]


def test_signing_out_ends_the_session_for_good(as_: SignIn, app_session: Session) -> None:
    rose = a_person(app_session)
    browser = as_(rose)
    with browser.session_transaction() as cookie:
        kept = dict(cookie)
    browser.post("/sign-out")
    with browser.session_transaction() as cookie:
        cookie.update(kept)  # somebody who kept the cookie
    assert "Sign out" not in browser.get("/sign-in").get_data(as_text=True)


def test_signing_out_needs_a_post(as_: SignIn, app_session: Session) -> None:
    assert as_(a_person(app_session)).get("/sign-out").status_code == 405


def test_an_idle_session_is_over(as_: SignIn, app_session: Session, clock: SetClock) -> None:
    browser = as_(a_person(app_session))
    clock.advance(timedelta(hours=8, seconds=1))
    assert "Sign out" not in browser.get("/sign-in").get_data(as_text=True)


def test_many_requests_for_one_address_are_refused(make_app: Callable[..., Flask], sqlite_url: str) -> None:
    app = make_app(sqlite_url, rate_limits=True)
    app.config.update(WTF_CSRF_ENABLED=False)
    client = app.test_client()
    answers = [client.post("/sign-in", data={"email": e}).status_code for e in ["rose@example.org"] * 6]
    assert answers == [302] * 6
    assert client.post("/sign-in", data={"email": " ROSE@example.org "}).status_code == 429
    assert client.post("/sign-in", data={"email": "other@example.org"}).status_code == 302
    with app.app_context():
        keys = " ".join(db.session.scalars(select(db.metadata.tables["rate_count"].c.key)))
    assert "rose" not in keys


def test_many_requests_from_one_place_are_refused(make_app: Callable[..., Flask], sqlite_url: str) -> None:
    app = make_app(sqlite_url, rate_limits=True)
    app.config.update(WTF_CSRF_ENABLED=False)
    client = app.test_client()
    answers = [client.post("/sign-in", data={"email": f"p{n}@example.org"}).status_code for n in range(31)]
    assert answers == [302] * 30 + [429]


def test_the_demonstration_offers_its_people(make_app: Callable[..., Flask], sqlite_url: str) -> None:
    app = make_app(sqlite_url, env=Env.DEMO)
    app.config.update(WTF_CSRF_ENABLED=False)
    with app.app_context():
        with Session(db.engine) as session:
            made = a_person(session, name="Dilys Demo", email="dilys@demo.seedbed.example").id
            real = a_person(session, name="Rita Real").id
            a_person(session, Role.OFFICER, name="Abel Booth", email="abel@demo.seedbed.example")
            session.commit()
        client = app.test_client()
    page = client.get("/sign-in").get_data(as_text=True)
    assert page.index("Resident") < page.index("Dilys Demo") < page.index("Booth officer") < page.index("Abel Booth")
    assert "Rita Real" not in page
    assert client.post(f"/sign-in/as/{real}").status_code == 404
    assert client.post(f"/sign-in/as/{made}", data={"next": "//evil.example"}).location == "/home"
    assert "Sign out" in client.get("/sign-in").get_data(as_text=True)


@pytest.mark.parametrize("env", [env for env in Env if env is not Env.DEMO])
def test_nobody_else_offers_people(make_app: Callable[..., Flask], sqlite_url: str, env: Env) -> None:
    app = make_app(sqlite_url, env=env)
    app.config.update(WTF_CSRF_ENABLED=False)
    with app.app_context():
        with Session(db.engine) as session:
            made = a_person(session, name="Dilys Demo", email="dilys@demo.seedbed.example").id
            session.commit()
        client = app.test_client()
    assert "Dilys Demo" not in client.get("/sign-in").get_data(as_text=True)
    assert client.post(f"/sign-in/as/{made}").status_code == 404
    assert "Sign out" not in client.get("/sign-in").get_data(as_text=True)


# Two browsers, one link.


def come_in(ready: Callable[[], None], url: str, token: str) -> str:
    """One racer: the service as the page calls it."""
    engine = an_engine(url)
    with Session(engine) as session:
        session.scalar(select(1))
        ready()
        try:
            with transaction(session, engine, NOBODY, START) as uow:
                service.enter_by_link(uow, token, "Nora New")
            return "in"
        except RuleBroken:
            return "told"
        finally:
            engine.dispose()


@pytest.mark.race
def test_of_two_that_use_one_link_at_once_one_comes_in(any_url: str, tmp_path: Path) -> None:
    engine = an_engine(any_url)
    with Session(engine) as session, transaction(session, engine, NOBODY, START):
        token = token_for(session, "new@example.org")
    finishes = race(come_in, [(any_url, token)] * 4)
    assert [f.error for f in finishes if f.error] == []
    assert sorted(f.gave for f in finishes) == ["in", "told", "told", "told"]
    with Session(engine) as session:
        assert session.scalar(select(func.count()).select_from(SignInSession)) == 1
    engine.dispose()
