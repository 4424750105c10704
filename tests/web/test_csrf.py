"""A post needs the token of the very session that it comes with."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from time import time

import pytest
from flask import Flask
from flask.testing import FlaskClient
from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from grants.web.csrf import Protection

HOURS = 8
WHY = re.compile(r"<h1[^>]*>\s*(.*?)\s*</h1>", re.S)


@pytest.fixture
def visitor(app: Flask) -> FlaskClient:
    return app.test_client()


def token_for(visitor: FlaskClient) -> str:
    """What stands in a form of ours; the visit's own half is in the cookie."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', visitor.get("/sign-in").text)
    assert found
    return found.group(1)


def post(visitor: FlaskClient, token: str | None = None, **kwargs: object) -> int:
    data = {"email": "rose@example.org"} | ({"csrf_token": token} if token is not None else {})
    return visitor.post("/sign-in", data=data, **kwargs).status_code  # type: ignore[arg-type]


def test_a_post_with_its_token_goes_through_twice(visitor: FlaskClient) -> None:
    token = token_for(visitor)
    assert [post(visitor, token), post(visitor, token)] == [302, 302]


def test_the_token_may_come_in_a_header(visitor: FlaskClient) -> None:
    assert post(visitor, headers={"X-CSRFToken": token_for(visitor)}) == 302


@pytest.mark.parametrize("change", [lambda _: None, lambda _: "", lambda t: t[:-2] + "AA", lambda t: t.split(".")[0]])
def test_without_it_or_with_a_changed_one_nothing_happens(
    visitor: FlaskClient, change: Callable[[str], str | None]
) -> None:
    assert post(visitor, change(token_for(visitor))) == 400


def test_a_token_of_somebody_elses_visit_is_refused(app: Flask, visitor: FlaskClient) -> None:
    token_for(visitor)
    assert post(visitor, token_for(app.test_client())) == 400


def test_a_token_without_the_visit_is_refused(app: Flask, visitor: FlaskClient) -> None:
    assert post(app.test_client(), token_for(visitor)) == 400


def test_a_token_that_another_secret_signed_is_refused(visitor: FlaskClient) -> None:
    token_for(visitor)
    with visitor.session_transaction() as session:
        half = session["csrf_token"]
    assert post(visitor, URLSafeTimedSerializer("another secret", salt="wtf-csrf-token").dumps(half)) == 400


@pytest.mark.parametrize(("age", "status"), [(timedelta(hours=HOURS), 302), (timedelta(hours=HOURS, minutes=1), 400)])
def test_a_token_holds_for_eight_hours(
    visitor: FlaskClient, monkeypatch: pytest.MonkeyPatch, age: timedelta, status: int
) -> None:
    began = int(time())
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: began)
    token = token_for(visitor)
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: began + int(age.total_seconds()))
    assert post(visitor, token) == status


@pytest.mark.parametrize(
    ("comes_from", "status"),
    [
        ("https://seedbed.example/sign-in", 302),
        ("https://evil.example/", 400),
        ("", 400),
        ("http://seedbed.example/", 400),
    ],
)
def test_over_https_it_must_come_from_a_page_of_ours(
    make_app: Callable[..., Flask], sqlite_url: str, engine: object, comes_from: str, status: int
) -> None:
    base = "https://seedbed.example"
    client = make_app(sqlite_url, base_url=base).test_client()
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/sign-in", base_url=base).text)
    assert found
    headers = {"Referer": comes_from} if comes_from else {}
    data = {"email": "rose@example.org", "csrf_token": found.group(1)}
    assert client.post("/sign-in", base_url=base, data=data, headers=headers).status_code == status


def test_another_secret_asks_for_another_signer(app: Flask) -> None:
    protection = Protection()
    with app.app_context():
        first = protection._tokens()
        assert protection._tokens() is first
        app.secret_key, kept = "another secret of thirty-two letters", app.secret_key
        try:
            assert protection._tokens() is not first
        finally:
            app.secret_key = kept
