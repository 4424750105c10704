"""Pages that are kept show what stands in the database now, say nothing of one visitor to another, and do not outlive
their moment."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, event, select, update
from sqlalchemy.orm import Session

from grants.kernel.clock import SetClock
from grants.people.models import Person
from grants.proposals.models import Proposal, ProposalComment
from grants.proposals.rules.comments import CommentState
from grants.proposals.rules.states import ProposalState
from grants.rounds.models import Round
from grants.rounds.rules.states import RoundState
from grants.web.db import WRITES, db, reading
from grants.web.kept import Look, Memory
from tests.builders.proposals import a_proposal
from tests.builders.rounds import a_round
from tests.builders.voting import a_ballot
from tests.support.clock import START
from tests.support.schema import an_engine
from tests.support.sign_in import signed_in
from tests.support.statements import statements

TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


@dataclass
class Place:
    """An application in whose one round people vote for one bid, and somebody else's connection to its database."""

    app: Flask
    clock: SetClock
    other: Engine
    round: Round
    bid: Proposal

    @property
    def page(self) -> str:
        return f"/proposals/{self.bid.id}"

    @property
    def list(self) -> str:
        return f"/rounds/{self.round.id}/proposals"

    def text(self, path: str, client: FlaskClient | None = None) -> str:
        return (client or self.app.test_client()).get(path).get_data(as_text=True)

    def asks(self, path: str, client: FlaskClient | None = None) -> int:
        """How many statements a look takes through the application's sessions."""
        with statements(self.app) as heard:
            (client or self.app.test_client()).get(path)
        return len(heard)

    def change(self, **values: object) -> None:
        """Somebody else changes the bid, and commits."""
        with Session(self.other) as session:
            session.connection(execution_options={WRITES: True})
            session.execute(update(Proposal).where(Proposal.id == self.bid.id).values(**values))
            session.commit()


def a_place(make_app: Callable[..., Flask], url: str, **settings: object) -> Iterator[Place]:
    app, clock, other = make_app(url, **settings), SetClock(START), an_engine(url)
    app.extensions["clock"] = clock
    with Session(other, expire_on_commit=False) as session:
        session.connection(execution_options={WRITES: True})
        round = a_round(session, RoundState.VOTING)
        bid = a_proposal(session, round, ProposalState.ON_BALLOT, title="Seeds for all")
        a_ballot(session, round, [bid])
        session.commit()
        session.expunge_all()
    yield Place(app, clock, other, round, bid)
    other.dispose()


@pytest.fixture
def place(make_app: Callable[..., Flask], any_url: str) -> Iterator[Place]:
    """On both databases."""
    yield from a_place(make_app, any_url)


@pytest.fixture
def sqlite_place(make_app: Callable[..., Flask], sqlite_url: str) -> Iterator[Place]:
    yield from a_place(make_app, sqlite_url)


def test_a_page_is_made_once_and_a_change_shows_at_once(place: Place) -> None:
    for path in (place.page, place.list):
        assert place.asks(path) > 0
        assert place.asks(path) == 0
        assert "Seeds for all" in place.text(path)
    place.change(title="Herbs for all")
    for path in (place.page, place.list):
        assert "Herbs for all" in place.text(path)
        assert "Seeds for all" not in place.text(path)
        assert place.asks(path) == 0


OTHER_PROCESS = {
    "sqlite": "import sqlite3, sys; c = sqlite3.connect(sys.argv[1])",
    "postgresql": "import psycopg, sys; c = psycopg.connect(sys.argv[1])",
}


def test_a_change_by_another_process_shows_at_once(place: Place) -> None:
    assert "Seeds for all" in place.text(place.page)
    dialect = place.other.dialect.name
    url = place.other.url.set(drivername="postgresql")
    where = place.other.url.database if dialect == "sqlite" else url.render_as_string(hide_password=False)
    does = "; c.execute(\"UPDATE proposal SET title = 'Plums for all'\"); c.commit()"
    subprocess.run([sys.executable, "-c", OTHER_PROCESS[dialect] + does, str(where)], check=True, timeout=60)
    assert "Plums for all" in place.text(place.page)


def test_what_was_begun_before_the_page_and_is_committed_after_it_shows(place: Place) -> None:
    """An entry's number may be given out long before its commit: no highest number can stand for what has happened."""
    with Session(place.other) as slow:
        slow.connection(execution_options={WRITES: True})
        slow.execute(update(Proposal).values(title="Late for all"))
        if place.other.dialect.name == "postgresql":
            _a_later_transaction_ends_earlier(place)
        assert "Seeds for all" in place.text(place.page)
        assert place.asks(place.page) == 0
        slow.commit()
    assert "Late for all" in place.text(place.page)


def _a_later_transaction_ends_earlier(place: Place) -> None:
    with Session(place.other) as quick:
        quick.execute(update(Round).values(summary="Said meanwhile"))
        quick.commit()


def test_a_change_while_the_page_is_made_is_not_lost(place: Place) -> None:
    changed: list[str] = []

    def meanwhile(*_: object) -> None:
        if not changed:
            changed.append("once")
            place.change(title="Meanwhile for all")

    with place.app.app_context():
        engine = db.engine
    event.listen(engine, "after_cursor_execute", meanwhile)
    place.text(place.page)
    event.remove(engine, "after_cursor_execute", meanwhile)
    assert changed
    assert "Meanwhile for all" in place.text(place.page)


def test_what_is_hidden_or_taken_out_is_gone_at_once(place: Place) -> None:
    with Session(place.other) as session:
        session.connection(execution_options={WRITES: True})
        said = ProposalComment(proposal_id=place.bid.id, words="A rude word", said_at=START, state=CommentState.SHOWN)
        session.add(said)
        session.commit()
        assert "A rude word" in place.text(place.page)
        assert "A rude word" in place.text(place.page)
        session.connection(execution_options={WRITES: True})
        said.state, said.hidden_reason = CommentState.HIDDEN, "It is rude."
        session.commit()
    assert "A rude word" not in place.text(place.page)
    place.text(place.list)
    place.change(state=ProposalState.INELIGIBLE)
    assert place.app.test_client().get(place.page).status_code == 404
    assert "Seeds for all" not in place.text(place.list)


def test_a_page_of_somebody_who_is_signed_in_is_not_kept(sqlite_place: Place) -> None:
    place = sqlite_place
    place.text(place.page)
    with Session(place.other) as session:
        session.connection(execution_options={WRITES: True})
        person = session.get_one(Proposal, place.bid.id).writer_id
        assert person
        client = signed_in(place.app, session, session.get_one(Person, person))
    assert "For the group and officers only" in place.text(place.page, client)
    assert place.asks(place.page, client) > 0
    answer = place.app.test_client().get(place.page)
    assert "For the group and officers only" not in answer.get_data(as_text=True)
    assert "Sign out" not in answer.get_data(as_text=True)
    assert "ETag" not in client.get(place.page).headers


@pytest.mark.parametrize(
    "cookie",
    [
        {"_flashes": [("success", "Only for you")]},
        {"kiosk": {"round": "", "seen": START.timestamp()}},
        {"_user_id": "unknown"},
        {"something": "new"},
    ],
    ids=["a message", "a kiosk", "a session that ended", "what nobody knows yet"],
)
def test_a_visitor_of_whom_something_is_known_has_a_page_of_their_own(
    sqlite_place: Place, cookie: dict[str, object]
) -> None:
    place, client = sqlite_place, sqlite_place.app.test_client()
    place.text("/")
    assert place.asks("/") == 0
    with client.session_transaction() as kept:
        kept.update(cookie)
    own = place.asks("/", client)
    assert own > 0
    assert "Only for you" not in place.text("/")
    assert "app-device" not in place.text("/")


def test_each_visitor_has_a_token_of_their_own_in_a_kept_page(sqlite_place: Place) -> None:
    place = sqlite_place
    one, two = place.app.test_client(), place.app.test_client()
    tokens = [TOKEN.findall(place.text(place.page, client)) for client in (one, two)]
    assert all(len(found) == 1 for found in tokens)
    assert tokens[0] != tokens[1]
    where = f"/rounds/{place.round.id}/vote/add"
    path = re.search(r'action="([^"]+)"', place.text(place.page).split("Add it to my ballot")[0].rsplit("<form", 1)[1])
    assert path, where
    data = {"csrf_token": tokens[1][0], "number": "1"}
    assert one.post(path[1], data=data).status_code == 400
    assert two.post(path[1], data=data).status_code == 302
    assert place.asks(place.page, two) > 0  # who has chosen something has a page of their own
    assert "It is on your ballot" not in place.text(place.page, one)


def test_nothing_is_served_after_the_moment_at_which_it_changes(sqlite_place: Place) -> None:
    place = sqlite_place
    closes = place.round.voting_closes_at
    odd = closes.replace(second=7)
    with Session(place.other) as session:
        session.connection(execution_options={WRITES: True})
        session.execute(update(Round).values(voting_closes_at=odd))
        session.commit()
    place.clock.set(odd - timedelta(seconds=1))
    for path in (place.page, "/"):
        place.text(path)
        assert place.asks(path) == 0
    assert "Add it to my ballot" in place.text(place.page)
    place.clock.set(odd)
    assert "Add it to my ballot" not in place.text(place.page)
    assert place.asks("/") > 0


def test_how_long_something_still_takes_is_told_as_it_is(sqlite_place: Place) -> None:
    place = sqlite_place
    closes = place.round.voting_closes_at
    place.clock.set(closes - timedelta(hours=2))
    assert "in 2 hours" in place.text("/")
    place.clock.advance(timedelta(seconds=1))
    assert "in 1 hour" in place.text("/")
    place.clock.set(closes - timedelta(minutes=3))
    assert "in 3 minutes" in place.text("/")
    place.clock.set(closes - timedelta(minutes=5))  # and a clock that is put back
    assert "in 5 minutes" in place.text("/")


def test_no_page_outlives_its_minute(sqlite_place: Place) -> None:
    place = sqlite_place
    place.clock.set(datetime(2026, 3, 2, 12, 30, 40, tzinfo=UTC))
    place.text("/register")
    place.clock.advance(timedelta(seconds=19))
    assert place.asks("/register") == 0
    place.clock.advance(timedelta(seconds=1))
    assert place.asks("/register") > 0


def test_a_browser_that_has_the_page_is_told_so(sqlite_place: Place) -> None:
    place, client = sqlite_place, sqlite_place.app.test_client()
    first = client.get("/")
    again = client.get("/", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert again.headers["Cache-Control"] == first.headers["Cache-Control"] == "private, no-cache"
    with Session(place.other) as session:
        session.connection(execution_options={WRITES: True})
        session.execute(update(Round).values(voting_closes_at=place.round.voting_closes_at + timedelta(days=7)))
        session.commit()
    later = client.get("/", headers={"If-None-Match": first.headers["ETag"]})
    assert later.status_code == 200
    assert later.data != first.data


def test_what_somebody_typed_into_an_address_is_not_kept(sqlite_place: Place) -> None:
    place = sqlite_place
    place.text("/register?page=1")
    assert place.asks("/register?page=1") == 0
    used = place.app.extensions["kept_pages"].used
    for path in ("/register?words=something", "/?words=something", "/register?page=" + "1" * 300):
        place.text(path)
        assert place.asks(path) > 0
    assert place.app.extensions["kept_pages"].used == used


def test_a_page_is_not_kept_that_was_begun_on_what_was_read_before(sqlite_place: Place) -> None:
    place = sqlite_place
    with place.app.app_context():
        reading().scalar(select(Proposal.title))
        place.change(title="After the first look")
        assert "Seeds for all" in place.text(place.page)  # what a request's own transaction sees stands still
    assert "After the first look" in place.text(place.page)


def test_pages_are_made_afresh_where_no_memory_is_given_to_them(
    make_app: Callable[..., Flask], sqlite_url: str
) -> None:
    for place in a_place(make_app, sqlite_url, page_memory=0):
        for path, most in ((place.page, 12), (place.list, 6)):
            assert 0 < place.asks(path) == place.asks(path) <= most + 1  # and BEGIN
        assert len(TOKEN.findall(place.text(place.page))) == 1


def test_the_longest_unused_goes_first_and_nothing_large_is_kept() -> None:
    memory, look = Memory(8_000), Look("here", START)
    later = START + timedelta(minutes=1)

    def stands() -> list[str]:
        return [key for key in "abcdefghij" if memory.find(look, key)]

    memory.find(look, "a")
    for key in "abcdefgh":
        memory.keep(look, key, key, 400, later)
    assert stands() == list("abcdefgh")
    memory.keep(look, "i", "i", 400, later)
    assert stands() == list("bcdefghi")
    memory.keep(look, "j", "j", 1_000, later)
    assert stands() == list("bcdefghi")
    assert memory.used == 8_000
    assert memory.find(Look("elsewhere", START), "b") is None
    assert (memory.used, stands()) == (0, [])
