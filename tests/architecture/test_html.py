"""Every page that a reader of the town can reach is sound, whoever the reader is."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from grants.kernel.actors import Role
from tests.support.crawl import crawl, faults
from tests.support.readers import READERS, reader
from tests.support.statements import statements, writes

STARTS = ("/", "/home", "/sign-in")


@pytest.mark.parametrize("role", READERS, ids=lambda role: role or "nobody")
def test_every_page_is_sound(town_app: Flask, role: Role | None) -> None:
    visitor = reader(town_app, role)
    with statements(town_app) as heard:
        visits = crawl(town_app, visitor, STARTS if role else STARTS[::2])
    assert len(visits) > 20
    assert writes(heard) == []
    broken = [f"{v.status} {v.path} (linked from {v.found_on})" for v in visits if v.status >= 400]
    unsound = [f"{v.path}: {fault}" for v in visits if v.html for fault in faults(v.html)]
    assert broken + unsound == []


def test_an_error_page_is_sound(client: FlaskClient) -> None:
    answer = client.get("/no/such/page")
    assert answer.status_code == 404
    assert faults(answer.get_data(as_text=True)) == []
