"""What keeps a visit safe, whatever the stage: redirects, hosts, proxies, health, queues at a deadline."""

from __future__ import annotations

import ast
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask, jsonify, request
from flask.testing import FlaskClient
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from grants.config import Env
from grants.kernel.actors import CLOCK, Role
from grants.kernel.clock import SetClock
from grants.people.models import RoleGrant
from grants.web.db import db as kit
from grants.web.db import gate, transaction, working_as
from tests.builders.people import a_person
from tests.support.clock import START
from tests.support.schema import an_engine

ROOT = Path(__file__).parents[2]
ELSEWHERE = [
    "https://evil.example/",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "http:evil.example",
    "javascript:alert(1)",
    "evil.example",
    " //evil.example",
]


# Nothing leads elsewhere.


@pytest.mark.parametrize("path", ELSEWHERE)
def test_signing_in_leads_to_no_other_site(
    make_app: Callable[..., Flask], sqlite_url: str, engine: Engine, path: str
) -> None:
    app = make_app(sqlite_url, env=Env.DEMO)
    app.config["WTF_CSRF_ENABLED"] = False
    with Session(engine) as session:
        person = a_person(session, email="rose@demo.seedbed.example")
        session.commit()
        found = person.id
    answer = app.test_client().post(f"/sign-in/as/{found}", data={"next": path})
    assert (answer.status_code, answer.location) == (302, "/home")


OURS = ("own_path(", "url_for(")


def test_no_view_redirects_to_what_a_request_says() -> None:
    """What came with a request goes through ``own_path``, or stands in a ``url_for`` that keeps to our own pages."""
    loose = []
    for file in sorted((ROOT / "grants").rglob("*.py")):
        tree = ast.parse(file.read_text())
        ours = (*OURS, *(f"{function}(" for function in makers_of_addresses(tree)))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "redirect":
                target = ast.unparse(node.args[0])
                from_outside = any(word in target for word in ("request.", "form.", "referrer"))
                if from_outside and not target.startswith(ours):
                    loose.append(f"{file.relative_to(ROOT)}:{node.lineno}: {target}")
    assert loose == []


def makers_of_addresses(tree: ast.Module) -> list[str]:
    """Functions of a module that give nothing but addresses of ours."""
    found = []
    for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        given = [node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value]
        if given and all(ast.unparse(value).startswith(OURS) for value in given):
            found.append(function.name)
    return found


# Whose name, whose address.


def where_from(make_app: Callable[..., Flask], url: str, **settings: object) -> FlaskClient:
    app = make_app(url, **settings)
    app.add_url_rule(
        "/where", "where", lambda: jsonify(addr=request.remote_addr, scheme=request.scheme, host=request.host)
    )
    return app.test_client()


FORWARDED = {
    "X-Forwarded-For": "198.51.100.1, 203.0.113.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "grants.example.org",
}


def test_without_a_proxy_nobody_says_who_they_are(make_app: Callable[..., Flask], sqlite_url: str) -> None:
    client = where_from(make_app, sqlite_url)
    told = client.get("/where", headers=FORWARDED).get_json()
    assert told == {"addr": "127.0.0.1", "scheme": "http", "host": "localhost"}


def test_a_proxy_is_believed_for_the_last_step_only(make_app: Callable[..., Flask], sqlite_url: str) -> None:
    client = where_from(make_app, sqlite_url, proxies=1)
    told = client.get("/where", headers=FORWARDED).get_json()
    assert told == {"addr": "203.0.113.7", "scheme": "https", "host": "grants.example.org"}


def test_two_proxies_are_believed_for_two_steps(make_app: Callable[..., Flask], sqlite_url: str) -> None:
    client = where_from(make_app, sqlite_url, proxies=2)
    headers = {**FORWARDED, "X-Forwarded-Proto": "https, http", "X-Forwarded-Host": "grants.example.org, inner"}
    told = client.get("/where", headers=headers).get_json()
    assert told == {"addr": "198.51.100.1", "scheme": "https", "host": "grants.example.org"}


def test_a_host_that_is_not_ours_is_refused_behind_a_proxy_too(make_app: Callable[..., Flask], sqlite_url: str) -> None:
    client = where_from(make_app, sqlite_url, proxies=1, trusted_hosts=("grants.example.org",))
    assert client.get("/where", headers=FORWARDED).status_code == 200
    assert client.get("/where", headers={**FORWARDED, "X-Forwarded-Host": "evil.example"}).status_code == 400


def test_a_post_over_https_must_come_from_a_page_of_ours(make_app: Callable[..., Flask], sqlite_url: str) -> None:
    client = make_app(sqlite_url, base_url="https://grants.example.org").test_client()
    base = "https://grants.example.org"
    page = client.get("/sign-in", base_url=base).text
    token = page.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    sent = {"email": "rose@example.org", "csrf_token": token}
    for referrer, status in (("https://evil.example/", 400), (None, 400), (f"{base}/sign-in", 302)):
        headers = {"Referer": referrer} if referrer else {}
        assert client.post("/sign-in", base_url=base, data=sent, headers=headers).status_code == status


def test_a_token_of_another_visit_is_refused(make_app: Callable[..., Flask], sqlite_url: str) -> None:
    app = make_app(sqlite_url)
    theirs, mine = app.test_client(), app.test_client()
    token = theirs.get("/sign-in").text.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    mine.get("/sign-in")
    assert mine.post("/sign-in", data={"email": "a@example.org", "csrf_token": token}).status_code == 400
    assert theirs.post("/sign-in", data={"email": "a@example.org", "csrf_token": token}).status_code == 302


# The demonstration stays where it belongs.


@pytest.mark.parametrize("env", [Env.PRODUCTION, Env.DEVELOPMENT, Env.TEST])
def test_the_demonstrations_doors_are_not_there_elsewhere(
    make_app: Callable[..., Flask], sqlite_url: str, env: Env
) -> None:
    app = make_app(sqlite_url, env=env)
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    assert client.post("/sign-in/as/00000000-0000-0000-0000-000000000007").status_code == 404
    page = client.get("/sign-in").text
    assert "app-demo" not in page
    assert "/sign-in/as/" not in page


@pytest.mark.parametrize("command", ["load", "build", "reset", "serve"])
def test_production_refuses_the_demonstrations_commands(
    make_app: Callable[..., Flask], sqlite_url: str, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("GRANTS_ENV", "production")
    app = make_app(sqlite_url, env=Env.PRODUCTION)
    from grants.demo.cli import demo

    app.cli.add_command(demo)
    done = app.test_cli_runner().invoke(args=["demo", command])
    assert done.exit_code == 1
    assert "refused" in done.output or "only loaded where" in done.output


# Health.


def test_health_is_told_with_and_without_a_database(
    make_app: Callable[..., Flask], sqlite_url: str, tmp_path: Path
) -> None:
    whole = make_app(sqlite_url).test_client().get("/healthz")
    assert (whole.status_code, whole.get_json()) == (200, {"status": "ok"})
    (tmp_path / "gone.db").mkdir()  # nothing can be opened here
    gone = make_app(f"sqlite:///{tmp_path / 'gone.db'}").test_client().get("/healthz")
    assert (gone.status_code, gone.get_json()) == (503, {"status": "no database"})


def test_health_is_told_without_a_server(make_app: Callable[..., Flask], free_port: int) -> None:
    client = make_app(f"postgresql+psycopg://nobody@127.0.0.1:{free_port}/none").test_client()
    assert client.get("/healthz").status_code == 503
    assert client.get("/issues/yours").status_code == 401
    assert client.get("/issues").status_code == 503


@pytest.fixture
def free_port() -> int:
    """A port at which nobody listens."""
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


# A deadline is told by the moment at which a thing is done.


def test_what_queued_past_a_deadline_carries_the_later_moment(app: Flask, clock: SetClock) -> None:
    begun = threading.Event()
    moments: list[datetime] = []

    def act() -> None:
        with app.app_context():
            begun.set()
            with working_as(CLOCK) as uow:
                moments.append(uow.now)

    with app.app_context(), gate(kit.engine):
        waiting = threading.Thread(target=act)
        waiting.start()
        assert begun.wait(5)
        waiting.join(0.2)
        assert waiting.is_alive()
        clock.set(START + timedelta(minutes=1))
    waiting.join(5)
    assert moments == [START + timedelta(minutes=1)]


def test_the_clock_is_read_after_the_transaction_has_begun(any_url: str) -> None:
    engine = an_engine(any_url)
    seen: list[bool] = []
    with Session(engine) as session:

        def read() -> datetime:
            seen.append(session.in_transaction())
            return START

        with transaction(session, engine, CLOCK, read) as uow:
            assert uow.now == START
    engine.dispose()
    assert seen == [True]


# A role is held once.


def test_a_role_for_everything_is_held_once(any_session: Session) -> None:
    person = a_person(any_session, Role.STEWARD)
    any_session.add(RoleGrant(person_id=person.id, role=Role.STEWARD, granted_at=START))
    with pytest.raises(IntegrityError):
        any_session.flush()


def test_a_role_that_ended_can_be_given_again(any_session: Session) -> None:
    person = a_person(any_session, Role.STEWARD)
    [held] = any_session.query(RoleGrant).filter_by(person_id=person.id)
    held.ended_at = START
    any_session.flush()
    any_session.add(RoleGrant(person_id=person.id, role=Role.STEWARD, granted_at=START))
    any_session.flush()
    assert any_session.query(RoleGrant).filter_by(person_id=person.id).count() == 2
