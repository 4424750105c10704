"""A ledger of a million entries verified and exported; the matching; a funder's page over ten thousand awards.

The rows are made up with bulk inserts, here only. Baselines of the same run: one pass over the same rows by the
database itself, and the same page with ten awards.
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import create_engine, insert, select
from sqlalchemy.orm import Session

from grants.app import create_app
from grants.awards.models import Award, AwardSplit
from grants.awards.rules import AwardState
from grants.funds.models import Contribution, Fund, Funder, Receipt
from grants.funds.rules import Need, Restriction, Source, allows, match
from grants.kernel.actors import Role
from grants.kernel.tables import Base
from grants.ledger.models import Account, Entry, Posting
from grants.ledger.rules import Pocket, bank_code, grants_code, pocket_code
from grants.proposals.models import Proposal
from grants.web.db import engine_options, load_models, prepare_engine
from tests.builders.awards import an_award
from tests.builders.funds import a_contribution, a_fund
from tests.builders.people import a_person
from tests.support.schema import do_not_wait_for_the_disk
from tests.support.settings import KEYS, settings_for
from tests.support.sign_in import signed_in
from tests.support.statements import statements

Row = dict[str, Any]
START = datetime(2024, 1, 1, tzinfo=UTC)
GIVERS = 30
GIVEN = 10**9
"""Pence that each of them gave."""


def measure(rounds: int, entries: int, awards: int) -> list[Row]:
    """Seconds, peak memory and ratios; ``entries`` in the ledger, ``awards`` of one funder."""
    with tempfile.TemporaryDirectory() as folder:
        return [*_ledger(Path(folder), entries), *_matching(rounds), *_page(Path(folder), rounds, awards)]


# ---------------------------------------------------------------- a million entries


def _ledger(folder: Path, entries: int) -> list[Row]:
    entries -= entries % (2 * GIVERS)  # each promise is let go again: there are no awards for one that stands
    url = f"sqlite:///{folder}/books.db"
    _fill(url, entries)
    began = time.perf_counter()
    with sqlite3.connect(folder / "books.db") as bare:
        bare.execute("PRAGMA cache_size=-2000")
        bare.execute(
            "SELECT sum(amount_minor), count(*), max(entry_id), max(account_id) FROM ledger_posting"
        ).fetchone()
    pass_s = time.perf_counter() - began
    rows: list[Row] = [{"part": "one pass over the postings by SQLite", "seconds": round(pass_s, 2), "passes": 1}]
    commands = {
        f"verify {entries:,} entries (grants books check)": ["check"],
        f"export {entries:,} entries, hledger": ["export", "--format", "hledger"],
        f"export {entries:,} entries, csv": ["export", "--format", "csv"],
    }
    small = _peak(["export", "--format", "csv", "--as-at", "2023-12-31"], url, folder)[1]
    for part, words in commands.items():
        seconds, peak = _peak(words, url, folder)
        rows.append(
            {
                "part": part,
                "seconds": round(seconds, 1),
                "passes": round(seconds / pass_s, 1),
                "peak_mb": peak,
                "over_an_empty_export_mb": peak - small,
            }
        )
    return rows


COMMAND = """
import sys
from grants.cli import main
try:
    main()
finally:
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print(int(peak.split()[1]) // 1024, file=sys.stderr)
"""


def _peak(words: list[str], url: str, folder: Path) -> tuple[float, int]:
    """Seconds and peak megabytes of one command in a process of its own; its output goes to nobody."""
    environ = {
        "GRANTS_ENV": "test",
        "GRANTS_DATABASE_URL": url,
        "GRANTS_FILES_FOLDER": str(folder),
        "PATH": "/usr/bin:/bin",
        **{f"GRANTS_{name.upper()}": value for name, value in KEYS.items()},
    }
    command = [sys.executable, "-c", COMMAND, "books", *words]
    began = time.perf_counter()
    done = subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environ, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return time.perf_counter() - began, int(done.stderr.split()[-1])


def _fill(url: str, entries: int) -> None:
    """One receipt of every funder, and then promises taken and let go: every rule of the books holds."""
    load_models()
    engine = create_engine(url, **engine_options(url))
    prepare_engine(engine)
    do_not_wait_for_the_disk(engine)
    Base.metadata.create_all(engine)
    chance = random.Random(2026)
    fund, funder = _id(chance), _id(chance)
    givers = [_id(chance) for _ in range(GIVERS)]
    accounts: dict[str, UUID] = {}
    sums: dict[UUID, int] = {}
    with Session(engine) as session:
        session.execute(insert(Fund), [{"id": fund, "name": "Pot", "purpose": "", "created_at": START, **_pays(Fund)}])
        session.execute(insert(Funder), [{"id": funder, "name": "Giver", "created_at": START}])
        session.execute(
            insert(Contribution),
            [
                {"id": id, "fund_id": fund, "funder_id": funder, "amount_minor": GIVEN, "state": "received",
                 "restriction": {}, "pledged_at": START, "agreed_at": START}
                for id in givers
            ],
        )  # fmt: skip
        made = [(bank_code(fund), 1, None, None), (grants_code(fund), 1, None, None)]
        made += [(pocket_code(id, pocket), -1, id, pocket.value) for id in givers for pocket in Pocket]
        for code, side, giver, pocket in made:
            accounts[code] = _id(chance)
            row = {"id": accounts[code], "code": code, "side": side, "guarded": True, "fund_id": fund,
                   "contribution_id": giver, "pocket": pocket, "balance_minor": 0}  # fmt: skip
            session.execute(insert(Account), [row])

        def lines() -> Iterator[tuple[Row, list[Row]]]:
            for number in range(entries):
                giver = givers[number % GIVERS]
                at = START + timedelta(seconds=30 * number)
                free, held = (accounts[pocket_code(giver, p)] for p in (Pocket.AVAILABLE, Pocket.COMMITTED))
                # First the same sum is let go and taken again, so that no account leaves its side for long.
                minor = 1 + number // (2 * GIVERS) % 997
                takes = (number // GIVERS) % 2 == 0
                entry = {"id": _id(chance), "key": f"award:{number:09d}", "fund_id": fund, "at": at, "memo": "",
                         "event": "award.committed" if takes else "award.released"}  # fmt: skip
                parts = ((free, minor), (held, -minor)) if takes else ((held, minor), (free, -minor))
                yield entry, [
                    {"id": _id(chance), "entry_id": entry["id"], "position": place, "account_id": account,
                     "award_id": None, "amount_minor": amount, "at": at}
                    for place, (account, amount) in enumerate(parts)
                ]  # fmt: skip

        before = START - timedelta(days=1)
        for giver in givers:
            receipt, entry_id = _id(chance), _id(chance)
            came = {"id": receipt, "contribution_id": giver, "amount_minor": GIVEN, "reference": "GIVEN",
                    "received_on": before.date(), "recorded_at": before}  # fmt: skip
            session.execute(insert(Receipt), [came])
            row = {"id": entry_id, "key": f"receipt:{receipt}", "fund_id": fund, "at": before, "memo": "GIVEN",
                   "event": "contribution.received"}  # fmt: skip
            session.execute(insert(Entry), [row])
            for place, (code, minor) in enumerate(
                ((bank_code(fund), GIVEN), (pocket_code(giver, Pocket.AVAILABLE), -GIVEN))
            ):
                posting = {"id": _id(chance), "entry_id": entry_id, "position": place, "account_id": accounts[code],
                           "award_id": None, "amount_minor": minor, "at": before}  # fmt: skip
                session.execute(insert(Posting), [posting])
                sums[accounts[code]] = sums.get(accounts[code], 0) + minor
        stream = lines()
        while batch := list(islice(stream, 20_000)):
            session.execute(insert(Entry), [entry for entry, _ in batch])
            postings = [line for _, told in batch for line in told]
            session.execute(insert(Posting), postings)
            for line in postings:
                sums[line["account_id"]] = sums.get(line["account_id"], 0) + line["amount_minor"]
            session.commit()  # or the log grows as large as the ledger
        for id, total in sums.items():
            session.execute(Account.__table__.update().where(Account.id == id).values(balance_minor=total))
        session.commit()
    engine.dispose()


def _pays(model: type[Fund]) -> Row:
    return {"pays_by": "bank_run"} if "pays_by" in model.__table__.columns else {}


def _id(chance: random.Random) -> UUID:
    return UUID(int=chance.getrandbits(128), version=4)


# ---------------------------------------------------------------- the matching


def _matching(rounds: int) -> list[Row]:
    """200 awards × 30 contributions beside networkx on the same graph (largest flow only: it promises no split)."""
    import networkx as nx

    chance = random.Random(7)
    needs = [
        Need(UUID(int=n + 1), chance.randint(20_000, 500_000), frozenset({f"W{chance.randint(1, 26)}"}),
             frozenset({chance.randint(1, 10)}), UUID(int=9_000 + chance.randint(1, 6)))
        for n in range(200)
    ]  # fmt: skip
    sources = [
        Source(UUID(int=n + 1_001), chance.randint(1_000_000, 6_000_000), _limits(chance), n) for n in range(GIVERS)
    ]
    ours = _seconds(lambda: match(needs, sources), rounds)

    def theirs() -> object:
        graph = nx.DiGraph()
        for source in sources:
            graph.add_edge("in", source.id, capacity=source.available_minor)
            for need in needs:
                if allows(source.restriction, need):
                    graph.add_edge(source.id, need.id)
        for need in needs:
            graph.add_edge(need.id, "out", capacity=need.amount_minor)
        return nx.maximum_flow_value(graph, "in", "out")

    other = _seconds(theirs, rounds)
    return [
        {"part": "networkx, largest flow of the same", "seconds": round(other, 4), "ratio": 1},
        {"part": "match 200 awards × 30 contributions", "seconds": round(ours, 4), "ratio": round(ours / other, 3)},
    ]


def _limits(chance: random.Random) -> Restriction:
    kind = chance.randint(0, 3)
    return (
        Restriction(),
        Restriction(ward_codes=frozenset(f"W{n}" for n in range(1, 14))),
        Restriction(imd_deciles=frozenset(range(1, chance.randint(3, 6)))),
        Restriction(priority_ids=frozenset({UUID(int=9_000 + chance.randint(1, 6))})),
    )[kind]


def _seconds(part: Callable[[], object], rounds: int) -> float:
    found = []
    for _ in range(max(rounds, 3)):
        began = time.process_time()
        part()
        found.append(time.process_time() - began)
    return statistics.median(found)


# ---------------------------------------------------------------- a funder's page


def _page(folder: Path, rounds: int, awards: int) -> list[Row]:
    """The page of a funder with ten awards and with ``awards``: CPU and queries afresh, and with parts kept."""
    url = f"sqlite:///{folder}/page.db"
    app = create_app(settings_for(url, folder))
    with app.app_context():
        engine = create_engine(url, **engine_options(url))
        prepare_engine(engine)
        Base.metadata.create_all(engine)
    with Session(engine) as session:
        fund = a_fund(session)
        one = a_contribution(session, fund, 10**10)
        client = signed_in(app, session, a_person(session, Role.AUDITOR))
        first = an_award(session, contributions=[one], amount_minor=1_000)
        address = f"/funders/{one.funder_id}"
        session.commit()
        bare = _visits(app, client, "/privacy", rounds)
        _more_awards(session, first, one, 9)
        few = _visits(app, client, address, rounds)
        _more_awards(session, first, one, awards - 10)
        many = _visits(app, client, address, rounds)
    engine.dispose()
    if few[1::2] != many[1::2]:
        raise SystemExit(f"the page's queries grow: {few[1::2]} with ten awards, {many[1::2]} with {awards}")
    return [
        {"part": part, "cpu_ms": round(told[0] * 1000, 1), "queries": told[1], "ratio": round(told[0] / bare[0], 1),
         "kept_cpu_ms": round(told[2] * 1000, 1), "kept_queries": told[3]}
        for part, told in (("a page of words", bare), ("a funder's page, 10 awards", few),
                           (f"a funder's page, {awards:,} awards", many))
    ]  # fmt: skip


def _visits(app: Any, client: Any, path: str, rounds: int) -> tuple[float, int, float, int]:
    """Seconds of CPU and queries of a look: made afresh, then with what is kept while nobody commits anything."""
    memory = app.extensions["kept_pages"]
    usual, memory.most = memory.most, 0
    afresh = _looks(app, client, path, rounds)
    memory.most = usual
    return *afresh, *_looks(app, client, path, rounds)


def _looks(app: Any, client: Any, path: str, rounds: int) -> tuple[float, int]:
    found = []
    for _ in range(max(rounds, 3) + 1):
        with statements(app) as heard:
            began = time.process_time()
            answer = client.get(path)
            found.append(time.process_time() - began)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
    return statistics.median(found[1:]), sum(one.startswith(("SELECT", "WITH")) for one in heard)


def _more_awards(session: Session, like: Award, one: Contribution, count: int) -> None:
    """So many awards more like this one: rows of the same shape, inserted in bulk."""
    chance = random.Random(count)
    codes = dict(session.execute(select(Account.code, Account.id)).tuples().all())
    free, held = codes[pocket_code(one.id, Pocket.AVAILABLE)], codes[pocket_code(one.id, Pocket.COMMITTED)]
    bid, award = _values(session.get_one(Proposal, like.proposal_id)), _values(like)
    bids, awards, splits, entries, postings = [], [], [], [], []
    for number in range(count):
        bid_id, award_id, entry_id = (_id(chance) for _ in range(3))
        at = like.offered_at - timedelta(minutes=number)
        bids.append({**bid, "id": bid_id, "number": None, "title": f"Bid {count}-{number}"})
        awards.append(
            {**award, "id": award_id, "proposal_id": bid_id, "reference": f"SB{count}-{number}", "offered_at": at,
             "state": AwardState.ACTIVE}
        )  # fmt: skip
        splits.append({"award_id": award_id, "contribution_id": one.id, "amount_minor": 1_000})
        entries.append({"id": entry_id, "key": f"award:{award_id}:commit", "event": "award.committed",
                        "fund_id": one.fund_id, "at": at, "memo": ""})  # fmt: skip
        postings += [
            {"id": _id(chance), "entry_id": entry_id, "position": place, "account_id": account, "award_id": award_id,
             "amount_minor": minor, "at": at}
            for place, (account, minor) in enumerate(((free, 1_000), (held, -1_000)))
        ]  # fmt: skip
    for model, rows in ((Proposal, bids), (Award, awards), (AwardSplit, splits), (Entry, entries), (Posting, postings)):
        if rows:
            session.execute(insert(model), rows)
    for account_id, minor in ((free, 1_000 * count), (held, -1_000 * count)):
        account = session.get_one(Account, account_id)
        account.balance_minor += minor
    session.commit()


def _values(row: Any) -> Row:
    return {column.key: getattr(row, column.key) for column in row.__mapper__.column_attrs}
