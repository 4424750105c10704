"""What pages cost: CPU of the server beside a bare Flask view of the same run, queries, the first view, memory.

The demonstration town is served by granian; one round of it is filled up with 100 bids, and then with 10,000. Each page
is measured made afresh, by a server that keeps none; what visitors without an account see also as it is kept for as
long as nobody commits anything (docs/decisions/0061), and so is a funder's page, whose parts are kept. While people
write, the truth lies between the two.
"""

from __future__ import annotations

import gzip
import os
import re
import socket
import statistics
import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import create_engine, func, insert, select
from sqlalchemy.orm import Session

from grants.allocation.models import AllocationRun
from grants.app import create_app
from grants.config import Env
from grants.demo.people import DOMAIN
from grants.funds.models import Contribution
from grants.people.models import Person
from grants.proposals.models import Proposal
from grants.proposals.queries import published
from grants.proposals.rules.states import PUBLIC
from grants.rounds.models import Round
from grants.web.db import WRITES, engine_options, prepare_engine
from tests.support.load import Served, ask_all, get, granian
from tests.support.settings import KEYS, settings_for
from tests.support.sign_in import signed_in
from tests.support.statements import statements
from tests.support.town import load_town

Row = dict[str, Any]
FEW, MANY = 100, 10_000
WARM_UP, ASKED, KEPT_ASKED, BARE_ASKED, CONNECTIONS = 12, 120, 1_000, 3_000, 4
KEEPING_NONE = {"GRANTS_PAGE_MEMORY": "0"}
FLAT_AFTER, FLAT_FOR = 2_000, 8_000
IN_PARTS = ("a funder's page",)
"""What somebody signed in sees of which parts are kept that are the same for all who may see them."""
ROLES = ("rosa", "amina", "carl", "olga", "sue", "priya", "fiona", "nadia", "arthur", "ada")
"""Somebody of each role, by the first part of their address."""
NAMED = re.compile(rb"""(?:href|src)="(/static/[^"]+)"[^>]*>|url\(["']?([^"')]+)["']?\)|from["' ]+(\./[^"']+)["']""")


def measure(rounds: int, quick: bool) -> list[Row]:
    """A row for each page; then one for the first view of each public page, and one for memory (unless ``quick``)."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        town = load_town(folder).copy_to(folder / "mine")
        environ = {
            "GRANTS_ENV": "demo",
            "GRANTS_DATABASE_URL": town.url,
            "GRANTS_FILES_FOLDER": str(town.files),
            **{f"GRANTS_{name.upper()}": value for name, value in KEYS.items()},
        }
        tour = _Tour(town.url, folder)
        rows = tour.served(environ, rounds)
        tour.fill_up(MANY)
        rows += tour.served(environ, rounds, only="the public list")
        with granian("wsgi:app", environ, folder / "server.log", workers=1, threads=1) as served:  # as README says
            rows += [_first_view(served, what, path) for what, path, who in tour.pages if not who]
            if not quick:
                rows.append(_memory(served, [get(path, cookie) for path, cookie in tour.visits()]))
    return rows


class _Tour:
    """The pages to look at, and who looks."""

    def __init__(self, url: str, folder: Path) -> None:
        self.app = create_app(settings_for(url, folder, env=Env.DEMO, page_memory=0))
        self.engine = create_engine(url, **engine_options(url))
        prepare_engine(self.engine)
        self.clients: dict[str, Any] = {"": self.app.test_client()}
        self.bids = 0
        with Session(self.engine) as session:
            session.connection(execution_options={WRITES: True})
            for who in ROLES:
                person = session.scalars(select(Person).where(Person.email == f"{who}@{DOMAIN}")).one()
                self.clients[who] = signed_in(self.app, session, person)
            shared = session.scalars(select(AllocationRun.round_id).join(Round).where(Round.announced_at.is_not(None)))
            results = shared.first()
            self.round_id = _fullest_round(session)
            bid = published.public_ids(session, self.round_id)[0]
            funder = session.scalars(
                select(Contribution.funder_id)
                .group_by(Contribution.funder_id)
                .order_by(func.sum(Contribution.amount_minor).desc())
            ).first()
            session.commit()
        self.fill_up(FEW)
        self.pages: list[tuple[str, str, str]] = [
            ("the front page", "/", ""),
            ("a page of words", "/privacy", ""),
            ("the public list", f"/rounds/{self.round_id}/proposals", ""),
            ("a bid's page", f"/proposals/{bid}", ""),
            ("a results page", f"/rounds/{results}/results", ""),
            ("the public register", "/register", ""),
            ("a funder's page", f"/funders/{funder}", "arthur"),
            *((f"home of {who}", "/home", who) for who in ROLES),
        ]

    def fill_up(self, count: int) -> None:
        """So many public bids in the round: copies of its first."""
        with Session(self.engine) as session:
            session.connection(execution_options={WRITES: True})
            standing = published.public_ids(session, self.round_id)
            like = session.get_one(Proposal, standing[0])
            plain = {column.key: getattr(like, column.key) for column in like.__mapper__.column_attrs}
            more = range(count - len(standing))
            if more:
                rows = [{**plain, "id": uuid4(), "number": None, "title": f"Bid {count}-{at}"} for at in more]
                session.execute(insert(Proposal), rows)
            session.commit()
        self.bids = count

    def cookie(self, who: str) -> str:
        kept = self.clients[who].get_cookie("seedbed")
        return kept.value if kept else ""

    def visits(self) -> list[tuple[str, str]]:
        return [(path, self.cookie(who)) for _, path, who in self.pages]

    def queries(self, path: str, who: str) -> int:
        """How often a page asks the database, the second time it is looked at."""
        self.clients[who].get(path)
        with statements(self.app) as heard:
            answer = self.clients[who].get(path)
        assert answer.status_code == 200, f"{path} for {who or 'anybody'}: {answer.status_code}"
        return sum(1 for one in heard if one.startswith(("SELECT", "WITH")))

    def served(self, environ: dict[str, str], rounds: int, only: str = "") -> list[Row]:
        """CPU of each page, beside the median of a bare view that is served before each of them."""
        chosen = [page for page in self.pages if not only or page[0] == only]
        floors: list[float] = []
        costs: dict[str, list[float]] = {what: [] for what, _, _ in chosen}
        kept: dict[str, list[float]] = {what: [] for what, _, _ in chosen}
        for _ in range(rounds):
            with (
                tempfile.TemporaryDirectory() as logs,
                granian("benchmarks.bare:app", {}, Path(logs) / "bare.log", workers=1) as bare,
                granian("wsgi:app", {**environ, **KEEPING_NONE}, Path(logs) / "afresh.log", workers=1) as afresh,
                granian("wsgi:app", environ, Path(logs) / "keeping.log", workers=1) as keeping,
            ):
                for what, path, who in chosen:
                    floors.append(_cost(bare, get("/"), BARE_ASKED))
                    costs[what].append(_cost(afresh, get(path, self.cookie(who)), ASKED))
                    if not who or what in IN_PARTS:
                        kept[what].append(_cost(keeping, get(path, self.cookie(who)), KEPT_ASKED))
        floor = statistics.median(floors)
        return [
            {
                "page": f"{what}, {self.bids:,} bids" if what == "the public list" else what,
                "cpu_ms": round(1000 * statistics.median(costs[what]), 1),
                "bare_views": round(statistics.median(costs[what]) / floor, 1),
                "queries": self.queries(path, who),
                "kept_bare_views": round(statistics.median(kept[what]) / floor, 1) if kept[what] else "not kept",
            }
            for what, path, who in chosen
        ]


def _fullest_round(session: Session) -> UUID:
    """The round whose bids are public, and most of them."""
    found = session.scalars(
        select(Proposal.round_id)
        .join(Round, Round.id == Proposal.round_id)
        .where(Proposal.state.in_(PUBLIC))
        .group_by(Proposal.round_id)
        .order_by(func.count().desc())
    ).first()
    assert found
    return found


def _cost(served: Served, request: bytes, times: int) -> float:
    """Seconds of CPU that the server's workers spend on one such request."""
    answers = ask_all(served.port, [request] * WARM_UP, CONNECTIONS)
    assert all(answer.status == 200 for answer in answers), answers[0].status
    before = served.cpu_seconds()
    ask_all(served.port, [request] * times, CONNECTIONS)
    return (served.cpu_seconds() - before) / times


def _first_view(served: Served, what: str, path: str) -> Row:
    """What a browser that was never here before fetches: the page, and all that it and its style sheets name."""
    seen: dict[str, int] = {}
    unkept: list[str] = []
    waiting = [path]
    while waiting:
        at = waiting.pop()
        head, body = _fetch(served, at)
        seen[at] = len(head) + len(body)
        packed = b"content-encoding: gzip" in head.lower()
        if at != path and b"immutable" not in head:
            unkept.append(at)
        text = gzip.decompress(body) if packed else body
        base = at.split("?")[0].rsplit("/", 1)[0]
        for named in NAMED.findall(text):
            name = next(part for part in named if part).decode().replace("&amp;", "&")
            if name.startswith("data:") or name.endswith((".woff", ".eot")):
                continue
            found = name if name.startswith("/") else os.path.normpath(f"{base}/{name}")
            if found.startswith("/static/") and found not in seen and found not in waiting:
                waiting.append(found)
    return {
        "first_view": what,
        "kb": round(sum(seen.values()) / 1000, 1),
        "of_which_the_page_kb": round(seen[path] / 1000, 1),
        "files": len(seen),
        "not_kept_for_a_year": len(unkept),
    }


def _fetch(served: Served, path: str) -> tuple[bytes, bytes]:
    with socket.create_connection(("127.0.0.1", served.port), 30) as line:
        words = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
        line.sendall(words.encode())
        got = b""
        while some := line.recv(262_144):
            got += some
    head, _, body = got.partition(b"\r\n\r\n")
    assert head[9:12] == b"200", f"{path}: {head[:40]!r}"
    if b"transfer-encoding: chunked" in head.lower():
        body = _joined(body)
    return head, body


def _joined(body: bytes) -> bytes:
    parts = []
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        parts.append(rest[:length])
        body = rest[length + 2 :] if length else b""
    return b"".join(parts)


def _memory(served: Served, requests: list[bytes]) -> Row:
    """Resident megabytes of one worker after so many pages of every kind, and how much of it came late."""

    def ask(count: int) -> float:
        ask_all(served.port, [requests[at % len(requests)] for at in range(count)], CONNECTIONS)
        return _resident(served)

    early = ask(FLAT_AFTER)
    late = ask(FLAT_FOR)
    return {
        "memory": f"a worker after {FLAT_AFTER + FLAT_FOR:,} pages",
        "mb": round(late, 1),
        f"more_than_after_{FLAT_AFTER}": round(late - early, 1),
    }


def _resident(served: Served) -> float:
    """The largest worker's resident memory, in megabytes."""
    found = []
    for worker in served.workers():
        line = next(x for x in Path(f"/proc/{worker}/status").read_text().splitlines() if x.startswith("VmRSS"))
        found.append(int(line.split()[1]) / 1024)
    return max(found)
