"""Looking changes nothing: no GET writes."""

from __future__ import annotations

import pytest
from flask import Flask

from grants.kernel.actors import Role
from tests.architecture.test_roles import calls
from tests.conftest import SignIn
from tests.support.statements import statements, writes


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
        writing += [f"{endpoint}: {statement[:80]}" for statement in writes(heard)]
    assert writing == []
