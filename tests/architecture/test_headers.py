"""Every answer carries the headers that protect the reader."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

PATHS = ["/", "/healthz", "/sign-in", "/no/such/page", "/static/css/app.css"]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_is_protected(client: FlaskClient, path: str) -> None:
    with client.get(path) as answer:
        headers = answer.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] in ("same-origin", "strict-origin-when-cross-origin", "no-referrer")
    assert "Permissions-Policy" in headers
    policy = _directives(headers["Content-Security-Policy"])
    assert policy["default-src"] in (["'self'"], ["'none'"])
    assert policy["frame-ancestors"] == ["'none'"]
    assert policy["base-uri"] in (["'self'"], ["'none'"])
    assert policy["form-action"] == ["'self'"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "*" not in headers["Content-Security-Policy"]


def test_a_secure_address_asks_browsers_to_stay_secure(make_app: Callable[..., Flask], sqlite_url: str) -> None:
    secure = make_app(sqlite_url, base_url="https://seedbed.example").test_client()
    assert "max-age" in secure.get("/healthz").headers["Strict-Transport-Security"]


def _directives(policy: str) -> dict[str, list[str]]:
    return {words[0]: words[1:] for words in (part.split() for part in policy.split(";")) if words}
