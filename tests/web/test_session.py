"""The session's cookie, and how long a visit lasts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from http.cookies import SimpleCookie

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session

from grants.kernel.clock import SetClock
from grants.people.models import SignInSession
from tests.builders.people import a_person
from tests.conftest import SignIn
from tests.support.clock import START


def cookie_of(answer_headers: list[tuple[str, str]]) -> SimpleCookie:
    cookie: SimpleCookie = SimpleCookie()
    for name, value in answer_headers:
        if name == "Set-Cookie":
            cookie.load(value)
    return cookie


@pytest.mark.parametrize(("base_url", "secure"), [("https://seedbed.example", True), ("http://127.0.0.1", False)])
def test_the_cookie_is_out_of_reach(
    make_app: Callable[..., Flask], sqlite_url: str, base_url: str, secure: bool
) -> None:
    client = make_app(sqlite_url, base_url=base_url).test_client()
    answer = client.get("/sign-in", base_url=base_url)
    cookie = cookie_of(list(answer.headers))["seedbed"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert bool(cookie["secure"]) is secure
    assert cookie["domain"] == ""
    assert cookie["max-age"] == cookie["expires"] == ""  # it ends with the browser


def test_a_changed_cookie_is_nobody(app: Flask, as_: SignIn) -> None:
    visitor = as_()
    assert a_page_of_ones_own(visitor) == 200
    cookie = visitor.get_cookie("seedbed")
    assert cookie is not None
    head, _, rest = cookie.value.partition(".")
    visitor.set_cookie("seedbed", f"{head[:-2]}AA.{rest}")
    assert a_page_of_ones_own(visitor) == 401


def a_page_of_ones_own(visitor: FlaskClient) -> int:
    return visitor.get("/issues/yours").status_code


def test_a_visit_ends_after_eight_idle_hours(as_: SignIn, clock: SetClock) -> None:
    visitor = as_()
    clock.set(START + timedelta(hours=8))
    assert a_page_of_ones_own(visitor) == 200
    clock.set(START + timedelta(hours=16, seconds=1))
    assert a_page_of_ones_own(visitor) == 401


def test_a_visit_goes_on_while_pages_are_read(as_: SignIn, clock: SetClock) -> None:
    visitor = as_()
    for hours in range(7, 36, 7):
        clock.set(START + timedelta(hours=hours))
        assert a_page_of_ones_own(visitor) == 200


def test_a_session_that_was_ended_elsewhere_is_over_at_once(as_: SignIn, app_session: Session) -> None:
    visitor = as_()
    assert a_page_of_ones_own(visitor) == 200
    app_session.execute(update(SignInSession).values(ended_at=START))
    app_session.commit()
    assert a_page_of_ones_own(visitor) == 401


def test_signing_out_ends_the_session_behind_a_kept_cookie(app: Flask, as_: SignIn) -> None:
    visitor = as_()
    kept = visitor.get_cookie("seedbed")
    assert kept is not None
    visitor.post("/sign-out")
    thief = app.test_client()
    thief.set_cookie("seedbed", kept.value)
    assert a_page_of_ones_own(thief) == 401


def test_coming_in_keeps_nothing_of_an_earlier_visit(app: Flask, as_: SignIn, app_session: Session) -> None:
    from grants.web import session as kit
    from tests.builders.people import a_sign_in

    person = a_person(app_session)
    token = a_sign_in(app_session, person)
    app_session.commit()
    with app.test_request_context("/"):
        from flask import session as cookie

        cookie.update({"csrf_token": "old", "draft": "theirs", "ballot:7": [1, 2]})
        kit.enter(token)
        assert "draft" not in cookie
        assert cookie.get("csrf_token") != "old"
        assert cookie["ballot:7"] == [1, 2]


def test_files_are_everybodys(app: Flask, as_: SignIn) -> None:
    for visitor in (app.test_client(), as_()):
        with visitor.get("/static/css/app.css") as answer:
            assert answer.vary.as_set() == {"accept-encoding"}
            assert "Set-Cookie" not in answer.headers
            assert "public" in answer.headers["Cache-Control"]


def test_a_page_for_somebody_is_kept_by_no_cache_on_the_way(as_: SignIn) -> None:
    answer = as_().get("/issues/yours")
    assert "cookie" in answer.vary.as_set()
    assert {"private", "no-cache"} <= {part.strip() for part in answer.headers["Cache-Control"].split(",")}
