"""One line of JSON for each request, and nothing in it that tells on anybody."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from grants.rounds.rules.states import RoundState
from grants.web.logs import JsonLines, log, trace
from tests.builders.rounds import a_round
from tests.conftest import SignIn

PRIVATE = ("rose", "s3cr3t", "ts18", "7xq", "203.0.113", "mozilla")


@pytest.fixture
def heard() -> Iterator[io.StringIO]:
    """What goes to the log, as an installation writes it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    log.addHandler(handler)
    yield stream
    log.removeHandler(handler)


def lines(heard: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in heard.getvalue().splitlines()]


def test_a_request_is_one_line(client: FlaskClient, heard: io.StringIO) -> None:
    answer = client.get("/sign-in")
    [line] = lines(heard)
    assert set(line) == {"at", "level", "event", "request_id", "method", "endpoint", "status", "ms"}
    assert (line["event"], line["method"], line["endpoint"], line["status"]) == (
        "request",
        "GET",
        "people.sign_in",
        200,
    )
    assert line["request_id"] == answer.headers["X-Request-ID"]


def test_files_are_not_logged(client: FlaskClient, heard: io.StringIO) -> None:
    client.get("/static/css/app.css").close()
    assert lines(heard) == []


def test_the_vote_leaves_no_line_that_could_be_counted(
    app_session: Session, client: FlaskClient, heard: io.StringIO
) -> None:
    round = a_round(app_session, RoundState.VOTING)
    app_session.commit()
    assert client.get(f"/rounds/{round.id}/vote").status_code == 200
    client.post(f"/rounds/{round.id}/vote/choose", data={"choices": "1"})
    assert lines(heard) == []


def test_nothing_that_was_sent_stands_in_the_log(as_: SignIn, client: FlaskClient, heard: io.StringIO) -> None:
    headers = {
        "User-Agent": "Mozilla/5.0",
        "X-Forwarded-For": "203.0.113.7",
        "Referer": "http://localhost/sign-in/s3cr3t-token",
    }
    for visitor in (client, as_()):
        visitor.get("/sign-in?next=/x&email=rose@example.org&code=7XQ", headers=headers)
        visitor.get("/sign-in/s3cr3t-token", headers=headers)
        visitor.post("/sign-in/s3cr3t-token", data={"name": "Rose"}, headers=headers)
        visitor.post("/sign-in", data={"email": "rose@example.org", "postcode": "TS18 1AB"}, headers=headers)
        visitor.post("/issues/new", data={"title": "Rose 7XQ", "email": "rose@example.org"}, headers=headers)
        visitor.get("/no/such/rose@example.org", headers=headers)
    assert len(lines(heard)) == 12
    told = heard.getvalue().lower()
    assert [word for word in PRIVATE if word in told] == []


def test_no_line_tells_who_is_signed_in(as_: SignIn, heard: io.StringIO) -> None:
    visitor = as_()
    with visitor.session_transaction() as cookie:
        token = cookie["_user_id"]
    visitor.get("/issues/yours")
    visitor.get("/issues/yours")
    first, second = lines(heard)
    assert token not in heard.getvalue()
    assert {name for name in first if first[name] == second[name]} <= {
        "level", "event", "method", "endpoint", "status", "ms", "at",
    }  # fmt: skip


def test_a_proxys_request_id_is_taken_up(client: FlaskClient, heard: io.StringIO) -> None:
    answer = client.get("/healthz", headers={"X-Request-ID": "abc-12345"})
    assert answer.headers["X-Request-ID"] == "abc-12345"
    assert lines(heard)[0]["request_id"] == "abc-12345"


@pytest.mark.parametrize("given", ["short", "x" * 65, 'a"b": "forged"', "rose@example.org", "{}}{}{}}{"])
def test_a_request_id_that_could_forge_a_line_is_not(client: FlaskClient, heard: io.StringIO, given: str) -> None:
    answer = client.get("/healthz", headers={"X-Request-ID": given})
    assert given not in answer.headers["X-Request-ID"]
    assert given not in heard.getvalue()


def test_a_trace_tells_where_and_of_which_kind() -> None:
    try:
        try:
            int("rose@example.org")
        except ValueError as cause:
            raise RuntimeError("for rose@example.org") from cause
    except RuntimeError as error:
        told = trace(error)
    assert told[1] == "ValueError"
    assert told[-1] == "RuntimeError"
    assert "test_logs.py" in told[0]
    assert "rose" not in str(told)


def test_a_developer_reads_what_an_error_said() -> None:
    try:
        int("rose")
    except ValueError:
        record = log.makeRecord("seedbed", logging.ERROR, "", 0, "error", (), sys.exc_info())
    assert "rose" in JsonLines(told=True).format(record)
    assert "rose" not in JsonLines().format(record)


def test_an_error_in_finishing_an_answer_tells_no_path(
    app: Flask, heard: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    class Broken(app.session_interface.__class__):  # type: ignore[misc,name-defined]
        def save_session(self, *_: object) -> None:
            raise ValueError("rose@example.org")

    kept, app.session_interface = app.session_interface, Broken()
    try:
        assert app.test_client().get("/sign-in/s3cr3t-token").status_code == 500
    finally:
        app.session_interface = kept
    told = heard.getvalue() + capfd.readouterr().err
    assert "ValueError" in told
    assert "s3cr3t" not in told
    assert "rose" not in told
