"""Ballots cast through the real path (granian, two workers, 16 connections) beside bare commits of the same rows."""

from __future__ import annotations

import http.client
import multiprocessing
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import Session

from grants.app import create_app
from grants.kernel.tables import Base
from grants.proposals.rules import ProposalState
from grants.rounds.rules import RoundState, VotingMethod
from grants.voting.models import Envelope, RollMark
from grants.voting.rules.envelope import seal
from grants.voting.rules.states import Channel
from grants.voting.rules.voters import Hand, Voter
from grants.voting.service import casting
from grants.web.db import WRITES, engine_options, gate, load_models, prepare_engine
from tests.builders.proposals import a_proposal
from tests.builders.rounds import a_round, some_dates
from tests.builders.voting import a_ballot
from tests.support.postgres import NoPostgres, a_database, start_server
from tests.support.settings import KEYS, settings_for

CONNECTIONS, WORKERS, CHOICES = 16, 2, (1, 2, 3, 4, 5)
BARE_CLIENTS = {"sqlite": 2, "postgresql": 8}
"""As many as the database does best with."""
Row = dict[str, Any]


def measure(rounds: int, ballots: int) -> list[Row]:
    """A row for each database: ballots a second through the pages, bare commits a second, and their ratio."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        rows.append(_one("SQLite", f"sqlite:///{folder}/votes.db", Path(folder), rounds, ballots))
    try:
        server = start_server(durable=True)
    except NoPostgres as missing:
        print(missing, file=sys.stderr)
        return rows
    try:
        with a_database(server) as name, tempfile.TemporaryDirectory() as folder:
            rows.append(_one("PostgreSQL", server.url(name), Path(folder), rounds, ballots))
    finally:
        server.stop()
    return rows


def _one(name: str, url: str, folder: Path, rounds: int, ballots: int) -> Row:
    round_id, public_key = _scene(url)
    cast, bare, p99 = [], [], []
    with _serving(url, folder) as port:
        for repetition in range(rounds + 1):
            keys = [uuid4().hex * 2 for _ in range(ballots)]
            waits, seconds = _cast(url, folder, port, round_id, keys)
            if _count(url, keys) != len(keys):
                raise SystemExit(f"{name}: an acknowledged ballot is not in the database")
            others = [uuid4().hex * 2 for _ in range(ballots)]
            bare_seconds = _commit_bare(url, round_id, public_key, others)
            if repetition:  # the first one warms up
                cast.append(ballots / seconds)
                bare.append(ballots / bare_seconds)
                p99.append(sorted(waits)[int(len(waits) * 0.99)])
    ratio = statistics.median(one / other for one, other in zip(cast, bare, strict=True))
    return {
        "database": name,
        "cast_per_second": round(statistics.median(cast)),
        "bare_per_second": round(statistics.median(bare)),
        "ratio": round(ratio, 2),
        "p99_ms": round(1000 * statistics.median(p99), 1),
    }


def _scene(url: str) -> tuple[UUID, str]:
    load_models()
    engine = create_engine(url, **engine_options(url))
    prepare_engine(engine)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.connection(execution_options={WRITES: True})
        dates = some_dates(RoundState.VOTING, datetime.now(UTC))
        round = a_round(session, RoundState.VOTING, dates=dates)
        a_ballot(session, round, [a_proposal(session, round, ProposalState.ELIGIBLE) for _ in range(20)])
        found = round.id, round.ballot_public_key or ""
        session.commit()
    engine.dispose()
    return found


@contextmanager
def _serving(url: str, folder: Path) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    environ = {
        **os.environ,
        "GRANTS_ENV": "test",
        "GRANTS_DATABASE_URL": url,
        "GRANTS_FILES_FOLDER": str(folder / "files"),
        **{f"GRANTS_{name.upper()}": value for name, value in KEYS.items()},
    }
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--workers", str(WORKERS), "--port", str(port)]
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen([*command, "wsgi:app"], env=environ, stdout=log, stderr=log)
    try:
        for _ in range(300):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        time.sleep(2)
        yield port
    finally:
        server.terminate()
        server.wait(20)


def _cast(url: str, folder: Path, port: int, round_id: UUID, keys: Sequence[str]) -> tuple[list[float], float]:
    """Post every ballot over 16 connections from a process of its own; gives each wait and the whole time."""
    app = create_app(settings_for(url, folder))
    cookies = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    token = "t" * 40
    csrf = URLSafeTimedSerializer(str(app.secret_key), salt="wtf-csrf-token").dumps(token)
    now = datetime.now(UTC)
    posts = []
    for key in keys:
        hand = Hand("s", uuid4().hex, CHOICES).known(Voter(key, VotingMethod.EMAIL_POSTCODE, "E05014880"), now, False)
        cookie = cookies.dumps({"csrf_token": token, f"ballot:{round_id}": hand.to_cookie()})
        posts.append(cookie)
    pool = multiprocessing.get_context("spawn").Pool(1)
    with pool:
        return pool.apply(_post_all, (port, f"/rounds/{round_id}/vote/check", csrf, posts))


def _post_all(port: int, path: str, csrf: str, cookies: list[str]) -> tuple[list[float], float]:
    waits: list[float] = []
    wrong: list[int] = []
    body = f"do=cast&csrf_token={csrf}"
    queue = iter(cookies)
    lock = threading.Lock()

    def connection() -> None:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while True:
            with lock:
                cookie = next(queue, None)
            if cookie is None:
                return
            began = time.perf_counter()
            line.request(
                "POST",
                path,
                body,
                {"Cookie": f"seedbed={cookie}", "Content-Type": "application/x-www-form-urlencoded"},
            )
            answer = line.getresponse()
            answer.read()
            waits.append(time.perf_counter() - began)
            if answer.status != 303:
                wrong.append(answer.status)

    threads = [threading.Thread(target=connection) for _ in range(CONNECTIONS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    if wrong:
        raise SystemExit(f"{len(wrong)} ballots were not acknowledged: {set(wrong)}")
    return waits, seconds


def _commit_bare(url: str, round_id: UUID, public_key: str, keys: Sequence[str]) -> float:
    """The same two rows for each ballot, sealed beforehand, by processes that do nothing else."""
    clients = BARE_CLIENTS["sqlite" if url.startswith("sqlite") else "postgresql"]
    shares = [keys[n::clients] for n in range(clients)]
    with multiprocessing.get_context("spawn").Pool(clients) as pool:
        times = pool.starmap(_commit_share, [(url, round_id, public_key, share) for share in shares])
    return max(times)


def _commit_share(url: str, round_id: UUID, public_key: str, keys: Sequence[str]) -> float:
    load_models()
    engine = create_engine(url, **engine_options(url))
    prepare_engine(engine)
    today = datetime.now(UTC).date()
    rows = []
    for key in keys:
        sealed = seal(CHOICES, public_key, round_id)
        mark = {
            "round_id": round_id,
            "voter_key": key,
            "channel": Channel.ONLINE,
            "voted_on": today,
            "ward_code": "E05014880",
        }
        cover = {
            "round_id": round_id,
            "voter_key": key,
            "sealed": sealed.envelope,
            "commitment": sealed.commitment,
        }
        rows.append((mark, cover))
    with engine.connect().execution_options(**{WRITES: True}) as connection:
        began = time.perf_counter()
        for mark, cover in rows:
            with gate(engine), connection.begin():
                casting._MARK.run(connection, mark)
                casting._SEAL.run(connection, cover)
        seconds = time.perf_counter() - began
    engine.dispose()
    return seconds


def _count(url: str, keys: Sequence[str]) -> int:
    """How many of these voters have both a mark and an envelope."""
    engine = create_engine(url, **engine_options(url))
    found = 0
    with Session(engine) as session:
        for start in range(0, len(keys), 500):
            some = keys[start : start + 500]
            query = (
                select(func.count())
                .select_from(RollMark)
                .join(Envelope, (Envelope.round_id == RollMark.round_id) & (Envelope.voter_key == RollMark.voter_key))
            )
            found += session.scalar(query.where(RollMark.voter_key.in_(some))) or 0
    engine.dispose()
    return found
