"""What an earlier version wrote is still read: a town that it left goes up to today's tables, and its pages open.

``tests/landed`` keeps such towns, made by the ``grants demo load`` of their day under the keys of the tests
(``sqlite3 town.db .dump | xz -9e``). Another one is added when a release changes what is stored.
"""

from __future__ import annotations

import lzma
import re
import sqlite3
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from grants.audit.queries.checks import first_break
from grants.demo.people import DOMAIN
from grants.people.models import Person
from grants.rounds import queries as rounds
from grants.rounds.models import Round
from tests.support.sign_in import signed_in

ROOT = Path(__file__).parents[2]
LANDED = sorted((ROOT / "tests/landed").glob("*.sql.xz"))
READERS = ("", "sue", "ada", "fiona", "arthur", "priya", "nadia", "amina", "olga")
"""Nobody, then by the first part of their address: a steward, the administrator, a finance officer, an auditor, a
panellist, a funder, a group and a booth officer."""
PAGES = 30
LINK = re.compile(r'href="(/[^"#?]*)')


@pytest.mark.parametrize("landed", LANDED, ids=lambda path: path.name.partition(".")[0])
def test_a_town_that_an_earlier_version_left_goes_up_and_its_pages_open(
    landed: Path, make_app: Callable[..., Flask], tmp_path: Path
) -> None:
    with sqlite3.connect(tmp_path / "town.db") as connection:
        connection.executescript(lzma.decompress(landed.read_bytes()).decode())
    connection.close()
    url = f"sqlite:///{tmp_path / 'town.db'}"
    app = make_app(url)
    with app.app_context():
        upgrade(str(ROOT / "migrations"))
    with Session(create_engine(url)) as session:
        assert first_break(session) is None
        frozen = session.scalars(select(Round).where(Round.rule_book.is_not(None))).all()
        assert (
            {rounds.promises(round).sha256 for round in frozen} == {round.rule_book_hash for round in frozen} != set()
        )
        answers = {}
        for reader in READERS:
            client = app.test_client()
            if reader:
                who = session.scalars(select(Person).where(Person.email == f"{reader}@{DOMAIN}")).one()
                client = signed_in(app, session, who)
            answers.update({(reader, path): status for path, status in _look_around(client).items()})
    assert {seen: status for seen, status in answers.items() if status >= 500} == {}
    assert sum(status == 200 for status in answers.values()) > PAGES


def _look_around(client: FlaskClient) -> dict[str, int]:
    """What the pages answer that somebody comes to from the front page and their home, the nearest first."""
    answers: dict[str, int] = {}
    waiting = deque(["/home", "/"])
    while waiting and len(answers) < PAGES:
        path = waiting.popleft()
        if path in answers or path.startswith("/static"):
            continue
        answer = client.get(path)
        answers[path] = answer.status_code
        if answer.mimetype == "text/html":
            waiting.extend(LINK.findall(answer.get_data(as_text=True)))
    return answers
