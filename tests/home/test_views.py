"""The first pages, the demonstration's mail, and the page of mail that failed."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grants.config import Env
from grants.kernel.actors import Role
from grants.outbox.models import OutboxRow
from grants.rounds.rules.states import RoundState
from grants.web.db import db
from tests.architecture.test_reading import statements
from tests.builders.people import a_group, a_hosting, a_member, a_person
from tests.builders.rounds import a_round
from tests.conftest import SignIn
from tests.support.clock import START
from tests.support.crawl import faults

PUBLIC = ("/", "/about", "/privacy", "/accessibility", "/secrecy")


@pytest.mark.parametrize("path", PUBLIC)
def test_everybody_may_read(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert faults(answer.get_data(as_text=True)) == []


def test_the_front_page_of_an_empty_place_says_what_to_do(client: FlaskClient) -> None:
    page = client.get("/").get_data(as_text=True)
    assert "No round is open just now" in page
    assert 'href="/issues/new"' in page


def test_while_one_round_votes_a_group_still_finds_the_round_that_takes_bids(
    client: FlaskClient, app_session: Session
) -> None:
    voting, taking = a_round(app_session, RoundState.VOTING), a_round(app_session)
    app_session.commit()
    hero = client.get("/").get_data(as_text=True).split('id="open-now"')[0]
    assert re.search(rf'href="/rounds/{voting.id}/vote"[^>]*>\s*Vote now', hero)
    assert f'href="/rounds/{taking.id}">Ask for a grant' in hero


def test_the_front_page_asks_a_bounded_number_of_questions(app: Flask, client: FlaskClient) -> None:
    with statements(app) as heard:
        client.get("/")
    assert len([s for s in heard if s.lstrip().lower().startswith("select")]) <= 6


def test_home_greets_and_lists_what_waits(as_: SignIn, app_session: Session) -> None:
    group = a_group(app_session, name="Walkers", has_bank_account=False)
    rose = a_member(app_session, group, a_person(app_session, name="Rose Khan"))
    page = as_(rose).get("/home").get_data(as_text=True)
    assert "Hello, Rose Khan" in page
    assert "Find a host for Walkers" in page
    assert f"/groups/{group.id}/host" in page


def test_home_of_somebody_with_nothing_to_do_says_so(as_: SignIn) -> None:
    assert "Nothing is waiting for you" in as_(Role.RESIDENT).get("/home").get_data(as_text=True)


def test_home_without_an_account_asks_to_sign_in(client: FlaskClient) -> None:
    assert client.get("/home").status_code == 401


def test_shortcuts_lead_only_to_pages_that_are_there(app: Flask, as_: SignIn) -> None:
    from grants.home.views import _is_built

    with app.app_context():
        assert _is_built("/you")
        assert not _is_built("/no-such-stage")
    for role in Role:
        page = as_(role).get("/home").get_data(as_text=True)
        assert ('href="/people"' in page) == (role is Role.ADMIN)


def test_a_name_is_never_markup(as_: SignIn, app_session: Session) -> None:
    mallory = a_person(app_session, name="<script>alert(1)</script>")
    assert "<script>alert" not in as_(mallory).get("/home").get_data(as_text=True)


def a_letter(session: Session, **fields: object) -> OutboxRow:
    row = OutboxRow(
        **{
            "kind": "mail",
            "key": f"letter:{session.scalar(select(func.count()).select_from(OutboxRow))}",
            "payload": {"to": "rose@example.org", "subject": "Hello Rose", "text": "Come in: seedbed:/rounds"},
            "created_at": START,
            "due_at": START,
            **fields,
        }
    )
    session.add(row)
    session.flush()
    return row


def test_the_demonstration_shows_its_mail_with_links_to_us_only(
    make_app: Callable[..., Flask], sqlite_url: str
) -> None:
    app = make_app(sqlite_url, env=Env.DEMO)
    with app.app_context(), Session(db.engine) as session:
        evil = "<b>Bold</b> https://evil.example seedbed://evil.example javascript:alert(1)"
        letter = a_letter(
            session, payload={"to": "r@example.org", "subject": "<i>Hi</i>", "text": f"{evil} seedbed:/rounds."}
        ).id
        session.commit()
    client = app.test_client()
    assert f"/demo/mail/{letter}" in client.get("/demo/mail").get_data(as_text=True)
    page = client.get(f"/demo/mail/{letter}").get_data(as_text=True)
    document = page.split('class="app-document"')[1].split("</div>")[0]
    assert document.count("<a ") == 1
    assert 'href="/rounds"' in document
    assert "<b>" not in page
    assert "<i>" not in page
    assert faults(page) == []


def test_of_many_letters_with_a_number_for_voting_the_newest_are_shown_unless_asked_for(
    make_app: Callable[..., Flask], sqlite_url: str
) -> None:
    app = make_app(sqlite_url, env=Env.DEMO)
    with app.app_context(), Session(db.engine) as session:
        for minute in range(40):
            a_letter(
                session,
                key=f"vote-number:{minute}",
                created_at=START + timedelta(minutes=minute),
                payload={"to": "v@example.org", "subject": f"{minute:06} is your number for voting", "text": ""},
            )
        a_letter(session, created_at=START, payload={"to": "r@example.org", "subject": "An offer", "text": ""})
        session.commit()
    client = app.test_client()
    page = client.get("/demo/mail").get_data(as_text=True)
    assert re.findall(r"(\d{6}) is your number", page) == ["000039", "000038", "000037"]
    assert "An offer" in page
    assert "Show 37 more of them too" in page
    every = client.get("/demo/mail?all=yes&page=2").get_data(as_text=True)
    assert len(re.findall(r"\d{6} is your number", every)) == 15
    assert "all=yes" in every
    assert faults(page) == []


@pytest.mark.parametrize("env", [env for env in Env if env is not Env.DEMO])
def test_nobody_else_shows_mail(make_app: Callable[..., Flask], sqlite_url: str, env: Env) -> None:
    app = make_app(sqlite_url, env=env)
    with app.app_context(), Session(db.engine) as session:
        letter = a_letter(session).id
        session.commit()
    assert app.test_client().get("/demo/mail").status_code == 404
    assert app.test_client().get(f"/demo/mail/{letter}").status_code == 404


def test_a_steward_sees_what_failed_and_lets_it_be_tried_again(as_: SignIn, app_session: Session) -> None:
    lost = a_letter(app_session, attempts=8, given_up_at=START, last_error="SMTPServerDisconnected")
    steward = as_(Role.STEWARD)
    assert "One thing could not be sent" in steward.get("/home").get_data(as_text=True)
    page = steward.get("/outbox").get_data(as_text=True)
    assert "Hello Rose" in page
    assert "SMTPServerDisconnected" in page
    steward.post(f"/outbox/{lost.id}/try-again")
    app_session.rollback()  # a fresh look
    app_session.refresh(lost)
    assert (lost.attempts, lost.given_up_at) == (0, None)


def test_a_host_sees_who_asks(as_: SignIn, app_session: Session) -> None:
    from grants.people.rules import HostingState

    hosting = a_hosting(app_session, state=HostingState.REQUESTED)
    hal = a_member(app_session, hosting.host)
    page = as_(hal).get("/home").get_data(as_text=True)
    assert f"{hosting.group.name} asks {hosting.host.name} to be its host" in page
