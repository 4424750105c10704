"""The database behind the pages: one engine, a session per request, one gate before a writing transaction on SQLite."""

import fcntl
import importlib.util
import math
import os
import pkgutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event, select
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError, SQLAlchemyError
from sqlalchemy.orm import Session

import grants
from grants.kernel.actors import Actor
from grants.kernel.clock import Clock
from grants.kernel.statements import AtOnce, Line, as_usual
from grants.kernel.tables import Base
from grants.kernel.work import UnitOfWork

db = SQLAlchemy(metadata=Base.metadata)  # our models stand on a plain declarative base and know no Flask
WRITES = "seedbed_writes"
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF")
IDLE_SECONDS = 10
BUSY_SECONDS = 15
READER_MS = 500
"""How long a page waits for those who read, before the clock is left to empty SQLite's log."""


def engine_options(url: str) -> dict[str, Any]:
    """Options per database. SQLite: we begin transactions ourselves.

    Errors never tell the values of a statement, since they end in the log.
    """
    if url.startswith("sqlite"):
        return {"hide_parameters": True, "connect_args": {"isolation_level": None, "timeout": BUSY_SECONDS}}
    return {"hide_parameters": True, "connect_args": {"connect_timeout": 5}}


def prepare_engine(engine: Engine) -> None:
    """Give SQLite its pragmas and its two kinds of BEGIN; have connections to PostgreSQL tried that lay idle."""
    if engine.dialect.name != "sqlite":
        _try_what_lay_idle(engine)
        return

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: object) -> None:
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN DEFERRED")


def _try_what_lay_idle(engine: Engine) -> None:
    """Ask whether a connection still lives when nobody has used it for a while.

    The pool's own ``pool_pre_ping`` asks every time: a journey more for each request, which under load finds nothing.
    """

    @event.listens_for(engine, "checkin")
    def _put_back(_connection: object, record: Any) -> None:
        record.info["since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _try(connection: Any, record: Any, _proxy: object) -> None:
        if time.monotonic() - record.info.get("since", math.inf) > IDLE_SECONDS:
            try:
                engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error as gone:
                raise DisconnectionError from gone  # the pool throws it away and opens another


@contextmanager
def gate(engine: Engine) -> Iterator[None]:
    """Queue the writers of one SQLite file on a lock file; SQLite's own busy-wait lets some of them starve."""
    name = engine.url.database
    if engine.dialect.name != "sqlite" or not name or name == ":memory:":
        yield
        return
    descriptor = os.open(f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def transaction(
    session: Session, engine: Engine, actor: Actor, now: datetime | Callable[[], datetime]
) -> Iterator[UnitOfWork]:
    """One unit of work on ``session``: committed whole, or nothing of it.

    A clock given as ``now`` is read once the queue is behind us: what waits past a deadline is late.
    """
    session.rollback()
    with gate(engine):
        try:
            session.connection(execution_options={WRITES: True})
            yield UnitOfWork(session, actor, now if isinstance(now, datetime) else now())
            session.commit()
        except BaseException:
            session.rollback()
            raise


@contextmanager
def at_once(engine: Engine, now: Callable[[], datetime], reading: Callable[[], Session]) -> Iterator[AtOnce]:
    """A unit of work of a few statements on the driver's own connection: no session, no objects, no actor.

    On PostgreSQL all that is written must be written in one statement, which commits by itself and so saves two
    journeys; on SQLite it is a transaction like any other. ``now`` is read once the queue is behind us.
    """
    sqlite = engine.dialect.name == "sqlite"
    pooled = engine.raw_connection()
    try:
        line = Line(pooled.driver_connection, engine.dialect)
        with gate(engine):
            if sqlite:
                line.driver.execute("BEGIN IMMEDIATE")
            else:
                line.driver.autocommit = True
            yield AtOnce(line, now(), reading)
            if sqlite:
                line.driver.commit()
    except engine.dialect.loaded_dbapi.Error as bare:
        error = as_usual(bare, engine.dialect)
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            pooled.invalidate(error)
        raise error from bare
    except DBAPIError as error:
        if error.connection_invalidated:
            pooled.invalidate(error)
        raise
    finally:
        if not sqlite and pooled.is_valid:
            line.driver.autocommit = False
        pooled.close()  # and what was not committed is taken back


@contextmanager
def working_as(actor: Actor) -> Iterator[UnitOfWork]:
    """A unit of work for ``actor`` at the moment when its turn comes, by the application's clock."""
    with transaction(db.session(), db.engine, actor, now) as uow:
        yield uow


def give_back_space(*tables: str, tries: int = 1) -> bool:
    """Have the database overwrite or give back what deleted rows of ``tables`` left in its files. Outside transactions.

    SQLite rewrites the whole file and empties its log; PostgreSQL rewrites the tables, holding each for a moment. False
    when somebody who reads kept SQLite from emptying its log: it waits half a second in each of its ``tries``, lets
    others write between them, and else leaves a note for the next run of the clock (``space_is_owed``).
    """
    reading().rollback()
    if db.engine.dialect.name != "sqlite":
        with db.engine.connect() as connection:
            alone = connection.execution_options(isolation_level="AUTOCOMMIT")
            for table in tables:
                alone.exec_driver_sql(f'VACUUM (FULL) "{table}"')
        return True
    note = _owed()
    with db.engine.connect() as connection:
        bare: Any = connection.connection.driver_connection  # it begins nothing by itself
        with gate(db.engine):
            if note:
                note.touch()
            bare.execute("VACUUM").fetchall()
        try:
            bare.execute(f"PRAGMA busy_timeout={READER_MS}").fetchall()
            for _ in range(tries):
                with gate(db.engine):
                    kept_from_it, *_ = bare.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                    if not kept_from_it:
                        if note:
                            note.unlink(missing_ok=True)
                        return True
        finally:
            bare.execute(f"PRAGMA busy_timeout={1000 * BUSY_SECONDS}").fetchall()
    return False


def _owed() -> Path | None:
    """Beside SQLite's file: there while its log is still to be emptied."""
    name = db.engine.url.database
    return None if db.engine.dialect.name != "sqlite" or not name or name == ":memory:" else Path(f"{name}.sweep")


def space_is_owed() -> bool:
    """Whether the database could not give back all that it was asked for, so that it must be asked again."""
    note = _owed()
    return note is not None and note.exists()


def clock() -> Clock:
    chosen: Clock = current_app.extensions["clock"]
    return chosen


def now() -> datetime:
    """The application's present moment."""
    return clock().now()


def reading() -> Session:
    """The request's session, for queries."""
    session: Session = db.session()
    return session


def answers() -> bool:
    """Whether the database answers."""
    try:
        return bool(reading().scalar(select(1)) == 1)
    except SQLAlchemyError:
        return False


def load_models() -> None:
    """Import every stage's tables, so that migrations and tests see them all; by name, since ``web`` knows no stage."""
    for found in pkgutil.iter_modules(grants.__path__):
        if found.ispkg and importlib.util.find_spec(f"grants.{found.name}.models"):
            importlib.import_module(f"grants.{found.name}.models")


def init_app(app: Flask) -> None:
    url = app.config["SQLALCHEMY_DATABASE_URI"]
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(url)
    if url.startswith("sqlite") and (name := make_url(url).database):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
    load_models()
    db.init_app(app)
    with app.app_context():
        prepare_engine(db.engine)
