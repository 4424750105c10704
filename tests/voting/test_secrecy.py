"""After the close nothing ties a ballot to a voter: not in the tables, not in their order, not in a dump."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import Column, LargeBinary, func, select, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from grants.app import create_app
from grants.kernel.actors import NOBODY, Role
from grants.kernel.clock import SetClock
from grants.kernel.shares import join
from grants.kernel.tables import Base
from grants.people.models import Person
from grants.rounds.models import KeyShare, Round
from grants.rounds.rules.ballots import KeyKeeping, VotingMethod
from grants.rounds.rules.states import RoundState
from grants.voting import models, queries
from grants.voting.models import (
    Ballot,
    EmailCheck,
    Envelope,
    PaperCorrection,
    PaperEntry,
    RollMark,
    UnfinishedBallot,
    VoteReminder,
)
from grants.voting.rules.ballots import named
from grants.voting.rules.envelope import open_envelope
from grants.voting.rules.shares import read_share
from grants.voting.rules.states import Channel
from grants.voting.rules.voters import Voter
from grants.voting.service import casting, papers, unfinished
from grants.voting.service import votes as service
from grants.voting.service.papers import Keyed
from grants.web.db import WRITES, db, transaction
from tests.builders.people import a_person, actor_of
from tests.builders.voting import a_booth, a_code, a_vote, an_officer, give_key_to, some_papers
from tests.support.postgres import a_database, find_programs
from tests.support.schema import an_engine, load_models
from tests.support.settings import KEYS, settings_for
from tests.support.sign_in import signed_in
from tests.support.work import work
from tests.voting.test_service import a_vote_under_way

VOTERS, PAPERS, BIDS = 300, 3, 10


def known_votes() -> list[tuple[int, ...]]:
    """A different ballot for each voter, so that every ballot would tell whose it is; the last ones are on paper."""
    chance = random.Random(7)
    sets = [tuple(n for n in range(1, BIDS + 1) if number >> (n - 1) & 1) for number in range(2**BIDS)]
    return chance.sample([one for one in sets if len(one) >= 3], VOTERS + PAPERS)


class Held:
    """A vote that was cast by known people in a known order, and counted; with what lay in the envelopes."""

    def __init__(self, url: str, round_id: UUID, keys: list[str], votes: list[tuple[int, ...]]) -> None:
        self.url, self.round_id, self.keys, self.votes = url, round_id, keys, votes
        self.sealed: list[bytes] = []
        self.commitments: dict[str, str] = {}
        self.private_key = ""
        self.came: list[tuple[Any, ...]] = []
        self.marked_in = 0
        self.filled: set[str] = set()


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
        for _ in range(5):
            a_code(session, round)
        session.commit()
        vote = Held(url, round_id, [sha256(b"%d" % n).hexdigest() for n in range(VOTERS)], known_votes())
        for key, choices in zip(vote.keys, vote.votes, strict=False):
            with transaction(session, engine, NOBODY, opens_at) as uow:
                unfinished.keep(uow, round_id, Voter(key, VotingMethod.EMAIL_POSTCODE), dict.fromkeys(choices, 1))
                casting.cast(uow, round_id, Voter(key, VotingMethod.EMAIL_POSTCODE), choices)
        envelopes = session.execute(select(Envelope.sealed, Envelope.commitment, Envelope.voter_key)).all()
        vote.sealed = [row.sealed for row in envelopes] + list(session.scalars(select(UnfinishedBallot.sealed)))
        vote.commitments = {row.voter_key: row.commitment for row in envelopes}
        put_in_the_rest(session, vote)
        vote.filled = {str(secret) for secret in secrets() if held_in(session, secret)}
        on_sqlite = url.startswith("sqlite")
        vote.came = rows(url, f"SELECT voter_key FROM roll ORDER BY {'rowid' if on_sqlite else 'ctid'}")
        if not on_sqlite:
            vote.marked_in = len(rows(url, "SELECT DISTINCT xmin::text FROM roll"))
        vote.private_key = session.scalars(select(Round.ballot_private_key).where(Round.id == round_id)).one() or ""
    engine.dispose()
    app = create_app(settings_for(url, folder), SetClock(closes_at))
    assert app.test_cli_runner().invoke(args=["voting", "close-due"]).output.startswith("1 counted")
    with app.app_context():
        db.engine.dispose()
    return vote


def put_in_the_rest(session: Session, vote: Held) -> None:
    """Papers, keyed twice and one of them corrected; somebody waiting for a number, and somebody for a reminder."""
    session.rollback()
    session.connection(execution_options={WRITES: True})
    round = session.get_one(Round, vote.round_id)
    booth = a_booth(session, round, given=PAPERS)
    vote.keys += session.scalars(select(RollMark.voter_key).where(RollMark.channel == Channel.PAPER))
    first, second = (actor_of(session, an_officer(session, round, booth)) for _ in range(2))
    serials = some_papers(session, round, PAPERS)
    batch = papers.declare_batch(work(session, first), booth.id, paper_count=PAPERS, last=True)
    for actor in (first, second):
        for place, (serial, choices) in enumerate(zip(serials, vote.votes[VOTERS:], strict=True), start=1):
            papers.key_paper(work(session, actor), batch.id, place, Keyed(serial, " ".join(map(str, choices))))
        if actor is first:
            same = Keyed(serials[0], " ".join(map(str, vote.votes[VOTERS])))
            papers.correct_paper(work(session, actor), batch.id, 1, same, "Looked again.")
            papers.close_batch(work(session, actor), batch.id)
    papers.approve_batch(work(session, second), batch.id, vote_key=KEYS["vote_key"])
    session.execute(update(PaperEntry).values(likeness=b"by which officers' papers are compared"))
    session.execute(update(PaperCorrection).values(was_likeness=b"by which officers' papers are compared"))
    about = {"round_id": round.id, "voter_key": vote.keys[0], "address": b"sealed"}
    times = {"number_hash": "0", "ward_code": "E05014880", "expires_at": round.voting_closes_at}
    session.add_all([EmailCheck(**about, **times), VoteReminder(**about)])
    session.commit()


def secrets() -> list[Column[Any]]:
    """Every column of the vote that names a voter, or holds what was sealed: whatever tables there come to be."""
    tables = [mapper.local_table for mapper in Base.registry.mappers if mapper.class_.__module__ == models.__name__]
    columns = [column for table in tables for column in table.columns]
    found = [column for column in columns if column.name == "voter_key" or isinstance(column.type, LargeBinary)]
    return [column for column in found if column.table.name != "roll"]


def held_in(session: Session, column: Column[Any]) -> int:
    return session.scalar(select(func.count(column))) or 0


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
            len(queries.whole_board(session, held.round_id))
            == queries.turnout(session, held.round_id).total
            == VOTERS + PAPERS
        )
    engine.dispose()


def test_no_order_of_the_ballots_tells_the_order_of_voters(held: Held) -> None:
    """300 voters in a chance order correlate within 0.06 of nought (one standard error); 0.3 is five of them."""
    was = {str(list(choices)): place for place, choices in enumerate(held.votes)}
    places = ["rowid"] if held.url.startswith("sqlite") else ["ctid"]
    for place in [*places, "id"]:
        found = rows(held.url, f"SELECT choices FROM ballot ORDER BY {place}")
        order = [was[str(_list(choices))] for (choices,) in found]
        assert sorted(order) == list(range(VOTERS + PAPERS))
        assert abs(correlation(order)) < 0.3, place


def _list(choices: Any) -> list[int]:
    return list(json.loads(choices)) if isinstance(choices, str) else list(choices)


def test_the_check_of_orders_would_see_a_link() -> None:
    assert correlation(range(VOTERS)) == 1
    assert correlation(range(VOTERS)[::-1]) == -1


def test_ballots_and_marks_are_all_of_one_transaction(held: Held) -> None:
    if held.url.startswith("sqlite"):
        return  # it has no such thing
    ballots = {one for (one,) in rows(held.url, "SELECT DISTINCT xmin::text FROM ballot")}
    assert held.marked_in > VOTERS
    assert len(ballots) == 1
    for table in ("roll", "voting_code"):
        assert {one for (one,) in rows(held.url, f"SELECT DISTINCT xmin::text FROM {table}")} == ballots


def test_nothing_tells_afterwards_in_which_order_or_when_people_came(held: Held) -> None:
    """The roll stays, and by itself its rows would stand in the order of voting, each with its own transaction."""
    place = "rowid" if held.url.startswith("sqlite") else "ctid"
    came = [key for (key,) in held.came]
    assert came[:VOTERS] == held.keys[:VOTERS] != sorted(came[:VOTERS])
    for table, key in (("roll", "voter_key"), ("voting_code", "code_hash")):
        found = [one for (one,) in rows(held.url, f"SELECT {key} FROM {table} ORDER BY {place}")]
        assert found == sorted(found)
        assert found


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
    assert len(ids) == VOTERS + PAPERS
    assert not ids & elsewhere


def test_whatever_was_sealed_or_named_a_voter_is_gone(held: Held) -> None:
    assert held.filled == {str(secret) for secret in secrets()}  # a new table is to be filled in ``put_in_the_rest``
    engine = an_engine(held.url)
    with Session(engine) as session:
        assert {str(secret): held_in(session, secret) for secret in secrets()} == dict.fromkeys(held.filled, 0)
    engine.dispose()


def test_what_held_secrets_is_swept_out_of_the_files() -> None:
    left_behind = {"round", "roll", "voting_code"}  # the key that was wiped, the rows as they were before the mix
    assert {secret.table.name for secret in secrets()} | left_behind <= set(service.HELD_SECRETS)


def test_what_stays_of_a_voter_has_no_time() -> None:
    assert not [column for column in RollMark.__table__.columns if "time" in str(column.type).lower()]


def test_in_the_whole_database_each_part_of_a_vote_stands_in_one_table(held: Held) -> None:
    """A voter's key on the roll, a commitment on the board, choices on a ballot; nowhere else, and so never two."""
    parts = {
        "roll": set(held.keys),
        "board_entry": set(held.commitments.values()),
        "ballot": {json.dumps(list(choices)) for choices in held.votes if len(choices) > 4},
    }
    engine = an_engine(held.url)
    with engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            text = "\n".join(_written(value) for row in connection.execute(select(table)) for value in row)
            seen = {name for name, known in parts.items() if any(one in text for one in known)}
            assert seen == ({table.name} if table.name in parts else set()), table.name
    engine.dispose()


def _written(value: Any) -> str:
    return json.dumps(value) if isinstance(value, list | dict) else str(value)


def test_the_trail_tells_the_close_and_no_voter(held: Held) -> None:
    found = rows(held.url, "SELECT verb, body FROM audit_event")
    verbs = [verb for verb, _ in found]
    assert {"round.votes_counted", "voting.counted"} <= set(verbs)
    assert {verb for verb in verbs if verb.startswith(("voting.", "round."))} <= {
        "round.votes_counted",
        "voting.counted",
        "voting.batch_declared",
        "voting.booth_closed",
        "voting.batch_keyed",
        "voting.batch_approved",
        "voting.paper_corrected",
    }
    text = str(found)
    assert not any(key in text for key in held.keys)
    assert not any(commitment in text for commitment in held.commitments.values())


def test_the_wrapped_key_of_the_round_is_in_none_of_its_tables_files(held: Held) -> None:
    """An updated row leaves what it was in a database's files until they are rewritten, and no dump shows that."""
    assert held.private_key
    for name, file in table_files(held.url):
        assert held.private_key.encode() not in file, name
        assert not [sealed for sealed in held.sealed if sealed in file], name


def table_files(url: str) -> Iterator[tuple[str, bytes]]:
    """What the disk holds of the tables: SQLite's one file, or a file for each of PostgreSQL's."""
    if url.startswith("sqlite"):
        yield "all", Path(make_url(url).database or "").read_bytes()
        return
    with psycopg.connect(make_url(url).set(drivername="postgresql").render_as_string(False)) as postgres:
        postgres.execute("CHECKPOINT")
        for table in service.HELD_SECRETS:
            found = postgres.execute("SELECT pg_read_binary_file(pg_relation_filepath(%s))", [f'"{table}"']).fetchone()
            assert found is not None
            yield table, found[0]


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


class HeldByOfficers:
    """A vote of which three officers hold the key: what each of them was shown, and the files at two moments."""

    def __init__(self, url: str, folder: Path) -> None:
        load_models()
        engine = an_engine(url)
        self.url = url
        with Session(engine) as session:
            session.connection(execution_options={WRITES: True})
            officers = [a_person(session, Role.OFFICER) for _ in range(3)]
            ids, online = tuple(one.id for one in officers), (VotingMethod.CODE, VotingMethod.EMAIL_POSTCODE)
            kept = {"key_keeping": KeyKeeping.STRONG, "key_officers": ids, "vote_methods": online}
            round = a_vote_under_way(session, **kept)
            self.round_id, closes_at = round.id, round.voting_closes_at
            round.state = RoundState.CHECKING  # the shares are collected before the vote opens
            give_key_to(session, round, officers, collected=False)
            session.commit()
            self.wrapped = [one for one in session.scalars(select(KeyShare.waiting)) if one is not None]
        app = create_app(settings_for(url, folder), SetClock(closes_at))
        app.config["WTF_CSRF_ENABLED"] = False
        with Session(engine) as session:
            session.connection(execution_options={WRITES: True})
            pages = [signed_in(app, session, session.get_one(Person, person_id)) for person_id in ids]
        at = f"/rounds/{self.round_id}/key"
        told = [re.findall(r'app-share__group">(\w{4})<', page.post(f"{at}/collect").text) for page in pages]
        self.texts = [" ".join(groups) for groups in told]
        self.shares = dict(read_share(text, self.round_id) for text in self.texts)
        with Session(engine) as session:
            session.connection(execution_options={WRITES: True})
            session.get_one(Round, self.round_id).state = RoundState.VOTING
            for number in range(20):
                a_vote(session, session.get_one(Round, self.round_id), [1, 2, 3 + number % 2])
            session.commit()
            self.sealed = list(session.scalars(select(Envelope.sealed)))
        self.during = whole(url)
        self.brought = [
            page.post(f"{at}/hand-in", data={"share": text}).status_code
            for page, text in zip(pages[1:], self.texts[1:], strict=True)
        ]
        self.after = whole(url)
        with app.app_context():
            db.engine.dispose()
        engine.dispose()


def whole(url: str) -> bytes:
    """All that a thief of the database has."""
    if url.startswith("sqlite"):
        database = Path(make_url(url).database or "")
        return b"".join(file.read_bytes() for file in sorted(database.parent.glob(database.name + "*")))
    engine = an_engine(url)
    with engine.connect() as connection:
        rows = [tuple(row) for table in Base.metadata.sorted_tables for row in connection.execute(select(table))]
    engine.dispose()
    return b"\n".join(value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row)


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], ids=["sqlite", "postgres"]
)
def strong(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HeldByOfficers]:
    folder = tmp_path_factory.mktemp("strong")
    if request.param == "sqlite":
        file = shutil.copyfile(request.getfixturevalue("sqlite_template"), folder / "strong.db")
        yield HeldByOfficers(f"sqlite:///{file}", folder)
        return
    server = request.getfixturevalue("postgres_server")
    with a_database(server, request.getfixturevalue("postgres_template")) as name:
        yield HeldByOfficers(server.url(name), folder)


def test_while_people_vote_nothing_that_the_service_keeps_opens_a_vote(strong: HeldByOfficers) -> None:
    assert (len(strong.shares), len(strong.wrapped), len(strong.sealed)) == (3, 3, 20)
    private = join({number: strong.shares[number] for number in (1, 2)})
    assert open_envelope(strong.sealed[0], private, strong.round_id).choices  # two shares would
    assert all(sealed in strong.during for sealed in strong.sealed)
    for secret in (private, *strong.shares.values()):
        assert secret not in strong.during
        assert secret.hex().encode() not in strong.during
    assert not [wrapped for wrapped in strong.wrapped if wrapped in strong.during or wrapped[:24] in strong.during]
    assert not [group for text in strong.texts for group in [text[:24].encode()] if group in strong.during]


def test_after_two_officers_have_counted_no_share_and_no_envelope_is_left(strong: HeldByOfficers) -> None:
    assert strong.brought == [302, 302]
    assert not [sealed for sealed in strong.sealed if sealed in strong.after or sealed[:32] in strong.after]
    for share in strong.shares.values():
        assert share not in strong.after
    engine = an_engine(strong.url)
    with Session(engine) as session:
        assert session.scalar(select(func.count()).select_from(Ballot)) == 20
        held = session.execute(select(KeyShare.waiting, KeyShare.brought)).tuples().all()
        assert held == [(None, None)] * 3
        events = session.execute(text("SELECT verb, body FROM audit_event")).tuples().all()
    engine.dispose()
    assert {verb for verb, _ in events if verb.startswith(("voting.", "round."))} == {
        "round.share_collected",
        "round.share_typed",
        "round.votes_counted",
        "voting.counted",
    }
    assert not [text for text in strong.texts if text[:24] in str(events)]
