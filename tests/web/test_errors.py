"""Every way in which an answer can fail has a page that says what to do, with a reference that the log knows."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from grants.config import Env
from grants.kernel.errors import Conflict, NotAllowed, NotFound, RuleBroken, StepRefused
from grants.web.errors import KNOWN
from grants.web.logs import JsonLines, log
from tests.conftest import SignIn
from tests.support.crawl import faults


class Refused(Exception):
    """As a driver would raise it."""

    def __init__(self, words: str, sqlstate: str | None = "unset") -> None:
        super().__init__(words)
        if sqlstate != "unset":
            self.sqlstate = sqlstate


def operational(words: str, sqlstate: str | None = "unset") -> OperationalError:
    return OperationalError("SELECT ?", {"email": "rose@example.org"}, Refused(words, sqlstate))


FAILURES: dict[str, tuple[Exception, int]] = {
    "rule": (RuleBroken("The pot is empty."), 422),
    "step": (StepRefused("The round has closed."), 422),
    "conflict": (Conflict("Somebody saved this before you."), 409),
    "not-allowed": (NotAllowed("Only a steward may do this."), 403),
    "not-found": (NotFound("There is no such round."), 404),
    "locked": (operational("database is locked"), 503),
    "deadlock": (operational("deadlock detected", "40P01"), 503),
    "unserialisable": (operational("could not serialize access", "40001"), 503),
    "no-connection": (NoConnectionFree("QueuePool limit reached"), 503),
    "no-file": (operational("unable to open database file"), 503),
    "no-server": (operational("connection refused", None), 503),
    "shut-down": (operational("terminating connection", "57P01"), 503),
    "no-table": (operational("no such table: person"), 500),
    "twice": (IntegrityError("INSERT", {"email": "rose@example.org"}, Refused("Key (email)=(rose@example.org)")), 500),
    "bug": (ValueError("invalid literal: rose@example.org"), 500),
}


@pytest.fixture(scope="module")
def heard() -> Iterator[io.StringIO]:
    """What goes to the log, as an installation writes it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    log.addHandler(handler)
    yield stream
    log.removeHandler(handler)


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[FlaskClient]:
    """An application with a page for every failure."""
    from grants.app import create_app
    from grants.web.db import db
    from tests.support.settings import settings_for

    folder = tmp_path_factory.mktemp("failing")
    file = folder / "app.db"
    file.write_bytes(sqlite_template.read_bytes())
    app = create_app(settings_for(f"sqlite:///{file}", folder, env=Env.PRODUCTION))
    app.add_url_rule("/fail/status/<int:code>", "fail_status", lambda code: abort(code))

    def fail(kind: str) -> str:
        raise FAILURES[kind][0]

    app.add_url_rule("/fail/<kind>", "fail", fail)
    yield app.test_client()
    with app.app_context():
        db.engine.dispose()


def reference_on(html: str) -> str:
    found = re.search(r"reference: <code>([A-Za-z0-9-]+)</code>", html)
    assert found, html
    return found[1]


def lines(heard: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in heard.getvalue().splitlines()]


def test_every_code_of_ours_has_a_page() -> None:
    files = {int(file.stem) for file in (Path(__file__).parents[2] / "templates" / "errors").glob("[0-9]*.html")}
    assert files == KNOWN


@pytest.mark.parametrize("code", sorted(KNOWN))
def test_a_page_has_our_design_and_a_reference_that_stands_in_the_log(
    failing: FlaskClient, heard: io.StringIO, code: int
) -> None:
    answer = failing.get(f"/fail/status/{code}")
    assert answer.status_code == code
    assert faults(answer.text) == []
    assert 'class="app-header"' in answer.text
    [line] = [line for line in lines(heard) if line["request_id"] == reference_on(answer.text)]
    assert line["status"] == code
    assert answer.headers["X-Request-ID"] == line["request_id"]


@pytest.mark.parametrize(("code", "like"), [(405, 400), (410, 400), (418, 400), (501, 500), (502, 500)])
def test_another_code_keeps_its_number_and_gets_the_page_of_its_kind(
    failing: FlaskClient, code: int, like: int
) -> None:
    answer = failing.get(f"/fail/status/{code}")
    assert answer.status_code == code
    heading = re.compile(r"<h1[^>]*>(.*?)</h1>")
    assert heading.findall(answer.text) == heading.findall(failing.get(f"/fail/status/{like}").text)


@pytest.mark.parametrize("kind", sorted(FAILURES))
def test_what_a_service_raises_becomes_a_page(failing: FlaskClient, heard: io.StringIO, kind: str) -> None:
    error, expected = FAILURES[kind]
    answer = failing.get(f"/fail/{kind}")
    assert answer.status_code == expected
    assert faults(answer.text) == []
    if expected < 500:
        assert str(error) in answer.text
    reference = reference_on(answer.text)
    events = [str(line["event"]) for line in lines(heard) if line["request_id"] == reference]
    assert events[-1] == "request"
    assert len(events) == (2 if expected >= 500 else 1)
    if expected == 503:
        assert int(answer.headers["Retry-After"]) > 0


def test_neither_page_nor_log_tells_what_an_error_said(failing: FlaskClient, heard: io.StringIO) -> None:
    told = [kind for kind, (_, status) in FAILURES.items() if status >= 500 and _tells(failing, kind)]
    assert told == []
    assert "rose@example.org" not in heard.getvalue()
    traces = [line["trace"] for line in lines(heard) if "trace" in line]
    assert any("test_errors.py" in str(trace) and "ValueError" in str(trace) for trace in traces)


def _tells(client: FlaskClient, kind: str) -> bool:
    return "rose@" in client.get(f"/fail/{kind}").text


def test_a_method_that_is_not_there_says_which_are(client: FlaskClient) -> None:
    answer = client.put("/sign-in")
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


def test_401_leads_to_the_door_and_back(client: FlaskClient) -> None:
    answer = client.get("/issues/yours?page=2")
    assert answer.status_code == 401
    assert 'href="/sign-in?next=/issues/yours%3Fpage%3D2"' in answer.text


def test_a_post_that_is_too_large_is_told_so(app: Flask, as_: SignIn) -> None:
    visitor = as_()
    limit = app.config["MAX_CONTENT_LENGTH"]
    answer = visitor.post("/issues/new", data=b"x" * (limit + 1), content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 413
    assert "That file is too big" in answer.text
    assert faults(answer.text) == []


def test_a_post_without_its_token_is_told_what_to_do(app: Flask, client: FlaskClient) -> None:
    app.config.update(WTF_CSRF_ENABLED=True)
    answer = client.post("/sign-in", data={"email": "rose@example.org"})
    assert answer.status_code == 400
    assert "reload it and try again" in answer.text
    assert faults(answer.text) == []


def test_without_a_database_there_is_still_a_page(
    make_app: Callable[..., Flask], sqlite_url: str, tmp_path: Path
) -> None:
    whole = make_app(sqlite_url)
    visitor = whole.test_client()
    with visitor.session_transaction() as cookie:
        cookie.update({"_user_id": "a token", "_fresh": True, "seen_at": 4e9})
    kept = visitor.get_cookie("seedbed", domain="localhost")
    assert kept is not None
    gone = make_app(f"sqlite:///{tmp_path / 'gone.db'}").test_client()
    (tmp_path / "gone.db").mkdir()  # nothing can be opened here
    gone.set_cookie("seedbed", kept.value)
    answer = gone.get("/issues/yours")
    assert answer.status_code == 503
    assert "Sorry, we are away for a moment" in answer.text


def test_a_foreign_name_gets_a_plain_no(make_app: Callable[..., Flask], sqlite_url: str) -> None:
    client = make_app(sqlite_url, trusted_hosts=("grants.example.org",)).test_client()
    assert client.get("/sign-in", base_url="http://grants.example.org").status_code == 200
    answer = client.get("/sign-in?next=/x", base_url="http://evil.example")
    assert answer.status_code == 400
    assert "evil" not in answer.text
    assert answer.headers["X-Request-ID"] in answer.text


def test_nobody_dresses_up_an_answer_in_our_error(failing: FlaskClient) -> None:
    answer = failing.get("/no/<script>alert(1)</script>?<b>")
    assert answer.status_code == 404
    assert "<script>alert" not in answer.text
