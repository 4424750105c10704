"""Public pages that are kept in a worker's memory for as long as nothing whatever has happened (docs/decisions/0061).

A page is kept only for visitors of whom nothing is known, and is given out only while the database stands exactly where
it stood when the page was begun: one commit of anybody, in any process, and it is made afresh. Nor does it outlive the
minute of the clock in which it was made, or a moment that was named while it was made.
"""

from __future__ import annotations

import os
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from hashlib import sha256
from threading import Lock
from typing import Any, TypeVar, cast

from flask import Flask, Response, current_app, g, make_response, request, session
from sqlalchemy import Engine, event

from grants.web import csrf
from grants.web.db import db, now
from grants.web.moments import good_until

F = TypeVar("F", bound=Callable[..., Any])
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
ROW = 600
"""Bytes that an entry takes beside what it says."""
LARGEST = 8
"""No entry takes more than this part of the whole."""
NEUTRAL = frozenset({"csrf_token", "order"})
"""What a visitor's cookie may hold: a page that makes use of it says so (``individual``), or makes a token."""
WHERE_POSTGRES_STANDS = "SELECT pg_current_snapshot()::text, pg_postmaster_start_time()::text"


@dataclass(frozen=True, slots=True)
class Look:
    """Where the database stood, and what time it was, before anything of an answer was read."""

    at: Hashable
    moment: datetime


@dataclass(frozen=True, slots=True)
class _Entry:
    value: Any
    made: datetime
    until: datetime
    size: int


@dataclass(frozen=True, slots=True)
class _Page:
    """``tag`` is empty when each visitor's own token goes into its places."""

    body: bytes
    content_type: str
    tag: str


class Memory:
    """What is kept, the longest unused thrown away first; all of it when the database has moved on."""

    def __init__(self, most: int) -> None:
        self.most, self.used = most, 0
        self._at: Hashable = None
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._lock = Lock()

    def find(self, look: Look, key: Hashable) -> tuple[Any, datetime] | None:
        """What was kept under ``key``, and until when it holds; None when nothing is kept that holds at this look."""
        with self._lock:
            self._settle(look)
            entry = self._entries.get(key)
            if entry is None or not entry.made <= look.moment < entry.until:
                return None
            self._entries.move_to_end(key)
            return entry.value, entry.until

    def keep(self, look: Look, key: Hashable, value: Any, size: int, until: datetime) -> None:
        """Keep it, unless somebody has meanwhile found the database elsewhere."""
        size += ROW
        with self._lock:
            if look.at != self._at or size * LARGEST > self.most:
                return
            if old := self._entries.pop(key, None):
                self.used -= old.size
            self._entries[key] = _Entry(value, look.moment, until, size)
            self.used += size
            while self.used > self.most:
                self.used -= self._entries.popitem(last=False)[1].size

    def _settle(self, look: Look) -> None:
        if look.at != self._at:
            self._entries.clear()
            self._at, self.used = look.at, 0


class Watch:
    """Says where the database stands: the same answer twice means that in between nobody has committed anything."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._line: sqlite3.Connection | None = None
        self._file: Hashable = None
        self._pid = self._times = 0

    def stands_at(self, engine: Engine) -> Hashable:
        """None when that cannot be told: then nothing is kept."""
        if engine.dialect.name == "postgresql":
            return _postgres_stands_at(engine)
        name = engine.url.database
        if engine.dialect.name != "sqlite" or not name or name == ":memory:" or engine.url.query:
            return None
        if _identity(name) is None:
            return None  # to look for it would make it
        try:
            with self._lock:
                if self._line is None or self._file != _file(name):
                    self._open(engine, name)
                return self._times, *self._ask()
        except (sqlite3.Error, OSError):
            return None

    def _open(self, engine: Engine, name: str) -> None:
        if not self._times:
            event.listen(engine, "engine_disposed", self._close)
        if self._line is not None and self._pid == os.getpid():
            self._line.close()  # a connection that came over a fork is left alone
        # a connection is told of the commits of all others, so this one never makes any
        self._line = sqlite3.connect(name, timeout=1, check_same_thread=False)
        self._ask()
        self._file, self._pid, self._times = _file(name), os.getpid(), self._times + 1

    def _ask(self) -> list[tuple[int]]:
        return [] if self._line is None else self._line.execute("PRAGMA data_version").fetchall()

    def _close(self, _engine: Engine) -> None:
        with self._lock:
            if self._line is not None:
                self._line.close()
            self._line = None


def _file(name: str) -> Hashable:
    """Which files these are, and who looks: what was put in their place is seen."""
    return os.getpid(), _identity(name), _identity(f"{name}-shm")


def _identity(name: str) -> tuple[int, int] | None:
    """Which file this is, so that one that was put in its place is seen; None when there is none."""
    try:
        found = os.stat(name)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _postgres_stands_at(engine: Engine) -> Hashable:
    """The snapshot names every transaction that has ended, so it is another after each commit."""
    pooled = engine.raw_connection()
    try:
        driver: Any = pooled.driver_connection
        driver.autocommit = True  # one journey, and no transaction that would have to end
        try:
            return tuple(driver.execute(WHERE_POSTGRES_STANDS).fetchone())
        finally:
            driver.autocommit = False
    except engine.dialect.loaded_dbapi.Error:
        return None
    finally:
        pooled.close()


def individual() -> None:
    """Say that what is made now is for this visitor only."""
    g.individual = True


def kept(*, args: Iterable[str] = ()) -> Callable[[F], F]:
    """Keep a public page for visitors of whom nothing is known. Stands below the door.

    ``args`` names what may stand in the query: an address with anything else in it is answered afresh, so that
    nothing that somebody typed is kept.
    """
    allowed = frozenset(args)

    def wear(view: F) -> F:
        @wraps(view)
        def answered(*given: Any, **named: Any) -> Any:
            look = _look()
            if look is None or not _nobody_in_particular(allowed):
                return view(*given, **named)
            memory: Memory = current_app.extensions["kept_pages"]
            key = request.url_root, request.full_path
            if found := memory.find(look, key):
                return _answer(found[0])
            with csrf.leaving_places():
                answer = make_response(view(*given, **named))
            page = _whole(answer)
            if page is None:
                if csrf.has_places():
                    answer.set_data(csrf.fill_in(answer.get_data()))
                return answer
            memory.keep(look, key, page, len(page.body), g.good_until)
            return _answer(page)

        return cast(F, answered)

    return wear


def kept_in_parts(view: F) -> F:
    """For a page that is each visitor's own, of parts that are everybody's (``parts``). Stands below the door."""

    @wraps(view)
    def answered(*given: Any, **named: Any) -> Any:
        _look()
        return view(*given, **named)

    return cast(F, answered)


def parts(
    kind: Hashable, ids: Sequence[K], make: Callable[[Sequence[K]], dict[K, V]], size: Callable[[V], int]
) -> list[V]:
    """What ``make`` says of each of ``ids``, in their order, made only for those that are not kept.

    What it says nothing of is left out. It may depend on ``kind``, the id, the database and the minute of the clock,
    and on nobody who looks. ``size``: about so many bytes one takes.
    """
    look: Look | None = g.get("look")
    if look is None:
        made = make(list(ids))
        return [made[id] for id in ids if id in made]
    memory: Memory = current_app.extensions["kept_pages"]
    found = {id: entry for id in ids if (entry := memory.find(look, (kind, id)))}
    good_until(*{until for _, until in found.values()})
    values = {id: value for id, (value, _) in found.items()}
    lacking = [id for id in ids if id not in values]
    if lacking:
        for id, value in make(lacking).items():
            values[id] = value
            memory.keep(look, (kind, id), value, size(value), g.good_until)
    return [values[id] for id in ids if id in values]


def _look() -> Look | None:
    """Where the database stands, asked before the page reads anything of it: what is committed later makes it another.

    None when nothing may be kept: memory is off, or the request has begun to read already.
    """
    for name in ("look", "individual"):
        g.pop(name, None)
    if not current_app.extensions["kept_pages"].most or current_app.debug:
        return None
    if db.session.registry.has() and db.session().in_transaction():
        return None
    at = current_app.extensions["kept_pages_watch"].stands_at(db.engine)
    if at is None:
        return None
    moment = now()
    g.look, g.good_until = Look(at, moment), moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return cast(Look, g.look)


def _nobody_in_particular(allowed: frozenset[str]) -> bool:
    """Whether this is a plain look by a visitor who is not signed in, votes nowhere, and is told nothing."""
    return (
        request.method == "GET"
        and session.keys() <= NEUTRAL
        and request.args.keys() <= allowed
        and len(request.query_string) <= 200
    )


def _whole(answer: Response) -> _Page | None:
    """The page as it can be kept, or None when it says or does anything for one visitor."""
    if answer.status_code != 200 or not answer.is_sequence or answer.mimetype != "text/html":
        return None
    if any(name.lower() not in ("content-type", "content-length") for name, _ in answer.headers):
        return None
    if session.modified or "csrf_token" in g or g.get("individual"):
        return None
    body = answer.get_data()
    tag = "" if csrf.has_places() else sha256(body).hexdigest()[:24]
    return _Page(body, answer.headers["Content-Type"], tag)


def _answer(page: _Page) -> Response:
    """The page with the visitor's token in its places; where it has none, 304 for a browser that has it already."""
    body = page.body if page.tag else csrf.fill_in(page.body)
    fresh = bool(page.tag) and request.if_none_match.contains_weak(page.tag)
    answer = current_app.response_class(b"" if fresh else body, 304 if fresh else 200, content_type=page.content_type)
    if page.tag:
        answer.set_etag(page.tag, weak=True)
    return answer


def init_app(app: Flask) -> None:
    app.extensions["kept_pages"] = Memory(app.config["SETTINGS"].page_memory)
    app.extensions["kept_pages_watch"] = Watch()
