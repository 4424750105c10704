"""Looking changes nothing: no GET writes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from grants.kernel.actors import Role
from grants.web.db import db
from tests.architecture.test_roles import calls
from tests.conftest import SignIn

WRITES = re.compile(r"\s*(insert|update|delete|replace|create|drop|alter)\b", re.IGNORECASE)


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """Every statement that reaches the application's database meanwhile."""
    heard: list[str] = []

    def hear(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        heard.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", hear)
    try:
        yield heard
    finally:
        event.remove(engine, "before_cursor_execute", hear)


@pytest.mark.parametrize("role", list(Role), ids=str)
def test_no_get_writes(app: Flask, as_: SignIn, role: Role) -> None:
    visitor = as_(role)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    writing = []
    for endpoint, method, path, _door in calls(app):
        if method != "GET":
            continue
        with statements(app) as heard:
            visitor.get(path)
        writing += [f"{endpoint}: {statement[:80]}" for statement in heard if WRITES.match(statement)]
    assert writing == []
