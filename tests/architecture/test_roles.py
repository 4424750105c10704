"""Every endpoint, for every role: a closed door says so before anything else is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from grants.kernel.actors import Role
from grants.web.doors import Door
from tests.architecture.test_doors import WITHOUT_DOOR
from tests.conftest import SignIn

NO_SUCH = {"UUIDConverter": UUID(int=7), "IntegerConverter": 7, "UnicodeConverter": "none", "PathConverter": "none"}
WHO = [None, *Role]
ENDS_THE_VISIT = {"people.leave_everywhere", "people.sign_out"}


def calls(app: Flask) -> Iterator[tuple[str, str, str, Door]]:
    """Endpoint, method, an address with ids of nothing, and the door of every rule."""
    with app.test_request_context():
        for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.endpoint == "people.sign_out"):  # last
            door = getattr(app.view_functions[rule.endpoint], "door", None)
            if rule.endpoint in WITHOUT_DOOR or door is None:
                continue
            for method in sorted((rule.methods or set()) & {"GET", "POST", "PUT", "PATCH", "DELETE"}):
                yield rule.endpoint, method, app.url_for(rule.endpoint, **_ids(rule)), door


def _ids(rule: Rule) -> dict[str, Any]:
    return {name: NO_SUCH[type(converter).__name__] for name, converter in rule._converters.items()}


@pytest.mark.parametrize("role", WHO, ids=lambda role: role or "nobody")
def test_every_door_is_closed_to_whom_it_should_be(
    app: Flask, client: FlaskClient, as_: SignIn, role: Role | None
) -> None:
    visitor = as_(role) if role else client
    held = {role, Role.RESIDENT} if role else set()
    wrong = []
    for endpoint, method, path, door in calls(app):
        if door.demo_only:
            expected = {404}
        elif door.anonymous or (role and (not door.roles or door.roles & held)):
            continue
        else:
            expected = {403} if role else {401}
        status = visitor.open(path, method=method).status_code
        if status not in expected:
            wrong.append(f"{method} {endpoint}: {status}, not {expected}")
    assert wrong == []


@pytest.mark.parametrize("role", WHO, ids=lambda role: role or "nobody")
def test_no_open_door_breaks_on_what_is_not_there(
    app: Flask, client: FlaskClient, as_: SignIn, role: Role | None
) -> None:
    visitor = as_(role) if role else client
    held = {role, Role.RESIDENT} if role else set()
    app.config["PROPAGATE_EXCEPTIONS"] = False
    broken = []
    for endpoint, method, path, door in calls(app):
        if endpoint in ENDS_THE_VISIT:
            continue
        if door.anonymous or (role and (not door.roles or door.roles & held)):
            status = visitor.open(path, method=method).status_code
            if status >= 500 or (method == "GET" and status == 401):
                broken.append(f"{method} {endpoint}: {status}")
    assert broken == []
