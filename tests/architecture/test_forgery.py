"""A post that another site made is refused at every door, before anything is done."""

from __future__ import annotations

from flask import Flask

from grants.kernel.actors import Role
from tests.architecture.test_roles import calls
from tests.conftest import SignIn

WITHOUT_TOKEN = {"webhooks.stripe"}
"""Endpoints that prove who calls in another way: a provider's signature."""


def test_every_post_needs_its_token(app: Flask, as_: SignIn) -> None:
    visitor = as_(*Role)
    app.config.update(WTF_CSRF_ENABLED=True, PROPAGATE_EXCEPTIONS=False)
    taken = []
    for endpoint, method, path, _door in calls(app):
        if method != "GET" and endpoint not in WITHOUT_TOKEN:
            status = visitor.open(path, method=method).status_code
            if status != 400:
                taken.append(f"{method} {endpoint}: {status}")
    assert taken == []
