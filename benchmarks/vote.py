"""A vote under load, beside a bare view and beside bare commits of the same rows on the same database.

A cast is the POST with cookie and token that writes mark and envelope, from its first byte to the last of its answer.
The page before it, from which the token comes, is asked for by every voter too, and told apart.
"""

from __future__ import annotations

import fcntl
import multiprocessing
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from sqlalchemy.engine import make_url

from grants.voting.rules.envelope import seal
from grants.web.db import PRAGMAS
from tests.support.load import Answer, Killer, Served, ask_all, get, granian
from tests.support.postgres import NoPostgres, a_database, start_server
from tests.support.schema import create_tables
from tests.support.voters import CHOICES, Scene, Voters, a_scene, counted, in_the_box

CONNECTIONS, LAST_MINUTE, WORKERS, THREADS = 16, 200, 2, 1
KILLED_EVERY = 1_000
FIRST_CASTS = 200
"""Of each server that was just begun, told apart: its workers make ready what they keep for the weeks of a vote."""
BARE_CLIENTS = {"sqlite": 2, "postgresql": 8}
"""As many as the database does best with."""
BARE_TIMES = 4
"""So many bare commits for each cast, half before and half after: they take as long. A disk is quick for a moment."""
Row = dict[str, Any]


def measure(rounds: int, ballots: int, threads: int) -> list[Row]:
    """Rows of each database: a new server's first casts, 16 connections, 200, and 16 with workers being killed."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        rows += _database("SQLite", f"sqlite:///{folder}/votes.db", Path(folder), rounds, ballots, threads)
    try:
        server = start_server(durable=True)
    except NoPostgres as missing:
        print(missing, file=sys.stderr)
        return rows
    try:
        with a_database(server) as name, tempfile.TemporaryDirectory() as folder:
            rows += _database("PostgreSQL", server.url(name), Path(folder), rounds, ballots, threads)
    finally:
        server.stop()
    return rows


def _database(name: str, url: str, folder: Path, rounds: int, ballots: int, threads: int) -> list[Row]:
    create_tables(url)
    scene = a_scene(url, folder)
    voters, told = Voters(scene), _Told(name)
    options: Any = {"workers": WORKERS, "threads": threads}
    bare: list[_Bare] = []
    commits: list[float] = []
    usual: list[_Run] = []
    crowded: list[_Run] = []
    first: list[_Run] = []
    for repetition in range(rounds + 1):
        with granian("benchmarks.bare:app", {}, folder / "bare.log", **options) as served:
            spent = served.cpu_seconds()
            answers, seconds, _ = _timed(lambda: ask_all(served.port, [get("/")] * 3 * ballots, CONNECTIONS))
            count = len(answers)
            bare.append(_Bare(count / seconds, (served.cpu_seconds() - spent) / count))
        commits.append(_bare_commits(scene, ballots))
        with granian("wsgi:app", scene.environ, folder / "server.log", **options) as served:
            first.append(_vote(voters, served, told, FIRST_CASTS, CONNECTIONS))
            usual.append(_vote(voters, served, told, ballots, CONNECTIONS))
            crowded.append(_vote(voters, served, told, ballots, LAST_MINUTE))
        commits.append(_bare_commits(scene, ballots))
        if not repetition:  # the first one warms up
            for figures in (bare, commits, first, usual, crowded):
                figures.clear()
    with granian("wsgi:app", scene.environ, folder / "server.log", respawn=True, **options) as served:
        killed = _vote(voters, served, told, max(ballots, 2 * KILLED_EVERY), CONNECTIONS, kill=True)
    voters.leave()
    told.check(scene)
    return [
        _row(name, f"{CONNECTIONS} connections, a new server's first {FIRST_CASTS}", first, bare, commits),
        _row(name, f"{CONNECTIONS} connections", usual, bare, commits),
        _row(name, f"{LAST_MINUTE} connections, the last minute", crowded, bare, commits),
        _row(name, f"{CONNECTIONS} connections, workers killed: {killed.killed}", [killed], bare, commits),
    ]


class _Told:
    """What voters were told, to be found in the database afterwards."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.codes: dict[str, str] = {}

    def check(self, scene: Scene) -> None:
        """Every acknowledged ballot is there once, as it was told, and nothing else is."""
        box = in_the_box(scene)
        if any(box.get(key) != code for key, code in self.codes.items()):
            raise SystemExit(f"{self.name}: an acknowledged ballot is not in the database")
        if counted(scene) != len(box):
            raise SystemExit(f"{self.name}: a ballot was counted twice, or not at all")


@dataclass(frozen=True)
class _Bare:
    """Bare views: how many a second, and the server's seconds of CPU for each."""

    per_second: float
    cpu: float


class _Run:
    """One crowd's casting: ballots a second, waits, pages a second, what went wrong, and whose CPU it took.

    ``cpu`` and ``driver``: seconds for each ballot, of the server's workers and of the crowd itself, which stands on
    the same machine; the database's own processes are not in them.
    """

    def __init__(
        self, answers: Sequence[Answer], seconds: float, pages: Sequence[Answer], killed: int, cpu: float, driver: float
    ) -> None:
        self.cpu, self.driver = cpu / len(answers), driver / len(answers)
        self.per_second = len(answers) / seconds
        self.waits = sorted(1000 * answer.seconds for answer in answers)
        self.pages = sorted(1000 * page.seconds for page in pages)
        self.errors = sum(1 for answer in answers if answer.status != 303)
        self.killed = killed


def _vote(voters: Voters, served: Served, told: _Told, ballots: int, connections: int, *, kill: bool = False) -> _Run:
    casts, pages = voters.at_the_button(served, ballots, CONNECTIONS)
    killer = Killer(served, KILLED_EVERY // 4) if kill else None
    requests = [cast.request for cast in casts]
    heard: Callable[[int], None] = killer or (lambda _: None)
    before = served.cpu_seconds()
    answers, seconds, own = _timed(lambda: ask_all(served.port, requests, connections, persist=kill, heard=heard))
    spent = served.cpu_seconds() - before
    told.codes |= voters.acknowledged(casts, answers)
    return _Run(answers, seconds, pages, killer.killed if killer else 0, spent, own)


def _timed(work: Callable[[], list[Answer]]) -> tuple[list[Answer], float, float]:
    """What it gave, how many seconds it took, and how many of our own CPU."""
    began, own = time.perf_counter(), time.process_time()
    answers = work()
    return answers, time.perf_counter() - began, time.process_time() - own


def _row(name: str, how: str, runs: Sequence[_Run], bare: Sequence[_Bare], commits: Sequence[float]) -> Row:
    middle = statistics.median(run.per_second for run in runs)
    cpu, floor = statistics.median(run.cpu for run in runs), statistics.median(one.cpu for one in bare)
    spread = (max(commits) - min(commits)) / statistics.median(commits)
    return {
        "database": name,
        "load": how,
        "cast_per_second": round(middle),
        "of_bare_commits": round(middle / statistics.median(commits), 2),
        "of_bare_views": round(middle / statistics.median(one.per_second for one in bare), 2),
        **{f"p{at}_ms": round(statistics.median(_share(run.waits, at) for run in runs), 1) for at in (50, 95, 99)},
        "page_p50_ms": round(statistics.median(_share(run.pages, 50) for run in runs), 1),
        "errors": sum(run.errors for run in runs),
        "bare_commits_per_second": round(statistics.median(commits)),
        "bare_views_per_second": round(statistics.median(one.per_second for one in bare)),
        **({} if runs[0].killed else {"cpu_us": round(1e6 * cpu), "cpu_of_bare_views": round(cpu / floor, 1)}),
        "driver_cpu_us": round(1e6 * statistics.median(run.driver for run in runs)),
        "spread_of_bare": round(spread, 2),
    }


def _share(waits: Sequence[float], percent: int) -> float:
    return waits[min(len(waits) * percent // 100, len(waits) - 1)]


# Bare commits: the same two rows for each ballot, of the same sizes, sealed beforehand, into the same tables with their
# keys, checks and foreign keys, by the database's own driver and nothing else. On SQLite with the application's own
# pragmas and behind its gate; on PostgreSQL as a plain client writes them, in a transaction of two statements.

_ROLL = "INSERT INTO roll (round_id, voter_key, channel, voted_on, ward_code) VALUES ({0}, {0}, {0}, {0}, {0})"
_ENVELOPE = "INSERT INTO envelope (round_id, voter_key, sealed, commitment) VALUES ({0}, {0}, {0}, {0})"


def _bare_commits(scene: Scene, ballots: int) -> float:
    """Bare commits a second."""
    count = BARE_TIMES * ballots // 2
    return count / _commit_bare(scene, count)


def _commit_bare(scene: Scene, ballots: int) -> float:
    kind = make_url(scene.url).get_backend_name()
    clients = BARE_CLIENTS[kind]
    jobs = [(kind, scene.url, scene.round_id, scene.public_key, ballots // clients) for _ in range(clients)]
    with multiprocessing.get_context("spawn").Pool(clients) as pool:
        return max(pool.starmap(_commit_share, jobs))


def _commit_share(kind: str, url: str, round_id: UUID, public_key: str, ballots: int) -> float:
    rows = []
    for _ in range(ballots):
        key, sealed = uuid4().hex * 2, seal(CHOICES, public_key, round_id)
        rows.append((key, sealed.envelope, sealed.commitment))
    return (_commit_sqlite if kind == "sqlite" else _commit_postgres)(url, round_id, rows)


def _commit_sqlite(url: str, round_id: UUID, rows: Sequence[tuple[str, bytes, str]]) -> float:
    name, today = make_url(url).database or "", datetime.now(UTC).date().isoformat()
    connection = sqlite3.connect(name, isolation_level=None, timeout=60)
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    roll, envelope = _ROLL.format("?"), _ENVELOPE.format("?")
    with Path(f"{name}.lock").open("w") as lock:
        began = time.perf_counter()
        for key, sealed, commitment in rows:
            fcntl.flock(lock, fcntl.LOCK_EX)
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(roll, (round_id.hex, key, "online", today, "E05014880"))
            connection.execute(envelope, (round_id.hex, key, sealed, commitment))
            connection.execute("COMMIT")
            fcntl.flock(lock, fcntl.LOCK_UN)
        seconds = time.perf_counter() - began
    connection.close()
    return seconds


def _commit_postgres(url: str, round_id: UUID, rows: Sequence[tuple[str, bytes, str]]) -> float:
    today = datetime.now(UTC).date()
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address) as connection:
        roll, envelope = _ROLL.format("%s"), _ENVELOPE.format("%s")
        began = time.perf_counter()
        for key, sealed, commitment in rows:
            connection.execute(roll, (round_id, key, "online", today, "E05014880"))
            connection.execute(envelope, (round_id, key, sealed, commitment))
            connection.commit()
        return time.perf_counter() - began
