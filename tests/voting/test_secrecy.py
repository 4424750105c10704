"""After the close nothing ties a ballot to a voter: not in the tables, not in their order, not in a dump."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import select
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from grants.app import create_app
from grants.kernel.actors import NOBODY
from grants.kernel.clock import SetClock
from grants.kernel.tables import Base
from grants.rounds.models import Round
from grants.rounds.rules import VotingMethod
from grants.voting import queries
from grants.voting.models import Ballot, Envelope, UnfinishedBallot
from grants.voting.rules.ballots import named
from grants.voting.rules.voters import Voter
from grants.voting.service import casting, unfinished
from grants.web.db import WRITES, db, transaction
from tests.support.postgres import a_database, find_programs
from tests.support.schema import an_engine, load_models
from tests.support.settings import KEYS, settings_for
from tests.voting.test_service import a_vote_under_way

VOTERS, BIDS = 300, 10


def known_votes() -> list[tuple[int, ...]]:
    """A different ballot for each voter, so that every ballot would tell whose it is."""
    chance = random.Random(7)
    sets = [tuple(n for n in range(1, BIDS + 1) if number >> (n - 1) & 1) for number in range(2**BIDS)]
    return chance.sample([one for one in sets if len(one) >= 3], VOTERS)


class Held:
    """A vote that was cast by known people in a known order, and counted; with what lay in the envelopes."""

    def __init__(self, url: str, round_id: UUID, keys: list[str], votes: list[tuple[int, ...]]) -> None:
        self.url, self.round_id, self.keys, self.votes = url, round_id, keys, votes
        self.sealed: list[bytes] = []
        self.commitments: dict[str, str] = {}
        self.private_key = ""


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], ids=["sqlite", "postgres"]
)
def held(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    """The same vote on each database, held once for all these tests."""
    folder = tmp_path_factory.mktemp("held")
    if request.param == "sqlite":
        file = shutil.copyfile(request.getfixturevalue("sqlite_template"), folder / "held.db")
        yield hold_a_vote(f"sqlite:///{file}", folder)
        return
    server = request.getfixturevalue("postgres_server")
    with a_database(server, request.getfixturevalue("postgres_template")) as name:
        yield hold_a_vote(server.url(name), folder)


def hold_a_vote(url: str, folder: Path) -> Held:
    """Cast, one by one, and count by the command."""
    load_models()
    engine = an_engine(url)
    with Session(engine) as session:
        session.connection(execution_options={WRITES: True})
        round = a_vote_under_way(session, bids=BIDS)
        round_id, opens_at, closes_at = round.id, round.voting_opens_at, round.voting_closes_at
        session.commit()
        vote = Held(url, round_id, [f"{n:064x}" for n in range(VOTERS)], known_votes())
        for key, choices in zip(vote.keys, vote.votes, strict=True):
            with transaction(session, engine, NOBODY, opens_at) as uow:
                unfinished.keep(uow, round_id, Voter(key, VotingMethod.EMAIL_POSTCODE), dict.fromkeys(choices, 1))
                casting.cast(uow, round_id, Voter(key, VotingMethod.EMAIL_POSTCODE), choices)
        envelopes = session.execute(select(Envelope.sealed, Envelope.commitment, Envelope.voter_key)).all()
        vote.sealed = [row.sealed for row in envelopes] + list(session.scalars(select(UnfinishedBallot.sealed)))
        vote.commitments = {row.voter_key: row.commitment for row in envelopes}
        vote.private_key = session.scalars(select(Round.ballot_private_key).where(Round.id == round_id)).one() or ""
    engine.dispose()
    app = create_app(settings_for(url, folder), SetClock(closes_at))
    assert app.test_cli_runner().invoke(args=["voting", "close-due"]).output.startswith("1 counted")
    with app.app_context():
        db.engine.dispose()
    return vote


def rows(url: str, statement: str) -> list[tuple[Any, ...]]:
    """What a curious administrator's own query gives."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(make_url(url).database or "")) as connection:
            return connection.execute(statement).fetchall()
    with psycopg.connect(make_url(url).set(drivername="postgresql").render_as_string(False)) as postgres:
        return postgres.execute(statement).fetchall()  # type: ignore[arg-type]


def correlation(order: Sequence[int]) -> float:
    """Spearman's: how much of the order of voting is left in this order of their places (1 or -1: all of it)."""
    size = len(order)
    apart = sum((place - was) ** 2 for place, was in enumerate(order))
    return 1 - 6 * apart / (size * (size**2 - 1))


def test_the_ballots_are_those_that_were_cast(held: Held) -> None:
    engine = an_engine(held.url)
    with Session(engine) as session:
        assert sorted(map(named, queries.cast_ballots(session, held.round_id))) == sorted(held.votes)
        assert (
            len(queries.whole_board(session, held.round_id)) == queries.turnout(session, held.round_id).total == VOTERS
        )
    engine.dispose()


def test_no_order_of_the_ballots_tells_the_order_of_voters(held: Held) -> None:
    """300 voters in a chance order correlate within 0.06 of nought (one standard error); 0.3 is five of them."""
    was = {str(list(choices)): place for place, choices in enumerate(held.votes)}
    places = ["rowid"] if held.url.startswith("sqlite") else ["ctid"]
    for place in [*places, "id"]:
        found = rows(held.url, f"SELECT choices FROM ballot ORDER BY {place}")
        order = [was[str(_list(choices))] for (choices,) in found]
        assert sorted(order) == list(range(VOTERS))
        assert abs(correlation(order)) < 0.3, place


def _list(choices: Any) -> list[int]:
    return list(json.loads(choices)) if isinstance(choices, str) else list(choices)


def test_the_check_of_orders_would_see_a_link() -> None:
    assert correlation(range(VOTERS)) == 1
    assert correlation(range(VOTERS)[::-1]) == -1


def test_all_ballots_came_in_one_transaction_and_none_of_a_voter(held: Held) -> None:
    if held.url.startswith("sqlite"):
        return  # it has no such thing
    ballots = {one for (one,) in rows(held.url, "SELECT DISTINCT xmin::text FROM ballot")}
    marks = {one for (one,) in rows(held.url, "SELECT DISTINCT xmin::text FROM roll")}
    assert len(ballots) == 1
    assert len(marks) == VOTERS
    assert not ballots & marks


def test_no_value_beside_a_ballot_stands_anywhere_else(held: Held) -> None:
    assert set(Ballot.__table__.columns.keys()) == {"id", "round_id", "choices"}
    engine = an_engine(held.url)
    with engine.connect() as connection:
        ids = {str(one).replace("-", "") for one in connection.scalars(select(Ballot.id))}
        elsewhere: set[str] = set()
        for table in Base.metadata.sorted_tables:
            if table.name == "ballot":
                continue
            for row in connection.execute(select(table)):
                elsewhere |= {str(value).replace("-", "") for value in row}
    engine.dispose()
    assert len(ids) == VOTERS
    assert not ids & elsewhere


def test_no_table_holds_a_key_and_its_commitment(held: Held) -> None:
    engine = an_engine(held.url)
    keys, commitments = set(held.keys), set(held.commitments.values())
    with engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            for row in connection.execute(select(table)):
                values = {str(value) for value in row}
                assert not (values & keys and values & commitments), table.name
    engine.dispose()


def test_the_trail_tells_the_close_and_no_voter(held: Held) -> None:
    found = rows(held.url, "SELECT verb, body FROM audit_event")
    verbs = [verb for verb, _ in found]
    assert sorted(verbs) == ["round.votes_counted", "voting.counted"]
    text = str(found)
    assert not any(key in text for key in held.keys)
    assert not any(commitment in text for commitment in held.commitments.values())


def test_a_dump_holds_no_envelope_and_no_key(held: Held) -> None:
    if held.url.startswith("sqlite"):
        database = Path(make_url(held.url).database or "")
        dump = b"".join(file.read_bytes() for file in database.parent.glob(database.name + "*"))
        assert not [sealed for sealed in held.sealed if sealed in dump or sealed[:32] in dump]
    else:
        programs = find_programs()
        if programs is None or not (programs / "pg_dump").exists():
            pytest.skip("no pg_dump here")
        address = make_url(held.url).set(drivername="postgresql").render_as_string(False)
        done = subprocess.run(
            [programs / "pg_dump", address], capture_output=True, check=True, env={**os.environ, "LC_ALL": "C"}
        )
        dump = done.stdout
        assert b"COPY public.ballot" in dump
        assert not [sealed for sealed in held.sealed if sealed.hex().encode() in dump]
    assert held.private_key.encode() not in dump
    assert KEYS["vote_key"].encode() not in dump
    assert all(key.encode() in dump for key in held.keys)  # the roll stays: that somebody voted is no secret
