"""Every page that a reader can reach is sound, whoever the reader is."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from grants.kernel.actors import Role
from tests.conftest import SignIn
from tests.support.crawl import crawl, faults


@pytest.mark.parametrize("role", [None, *Role], ids=lambda role: role or "nobody")
def test_every_page_is_sound(app: Flask, client: FlaskClient, as_: SignIn, role: Role | None) -> None:
    visitor = as_(role) if role else client
    app.config.update(WTF_CSRF_ENABLED=True, PROPAGATE_EXCEPTIONS=False)
    visits = crawl(app, visitor, ("/", "/home", "/sign-in"))
    assert len(visits) > 3
    broken = [f"{v.status} {v.path} (linked from {v.found_on})" for v in visits if v.status >= 400]
    unsound = [f"{v.path}: {fault}" for v in visits if v.html for fault in faults(v.html)]
    assert broken + unsound == []


@pytest.mark.parametrize("status", [404])
def test_an_error_page_is_sound(client: FlaskClient, status: int) -> None:
    answer = client.get("/no/such/page")
    assert answer.status_code == status
    assert faults(answer.get_data(as_text=True)) == []
