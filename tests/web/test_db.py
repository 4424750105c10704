"""A unit of work is kept whole or not at all, and writers of one SQLite file queue."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, String, create_engine, func, insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from grants.kernel.actors import CLOCK
from grants.kernel.statements import Statement
from grants.kernel.trail import AuditEvent
from grants.people.models import Person
from grants.web.db import at_once, db, engine_options, gate, prepare_engine, transaction, working_as
from grants.web.limits import RateCount
from tests.builders.people import a_person
from tests.support.clock import START
from tests.support.schema import an_engine
from tests.support.statements import statements


def events(app: Flask) -> int | None:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(AuditEvent))


def test_what_is_done_in_a_unit_of_work_is_kept(app: Flask) -> None:
    with app.app_context(), working_as(CLOCK) as uow:
        uow.record("person.joined", a_person(uow.session))
    assert events(app) == 1


def test_what_breaks_leaves_nothing(app: Flask) -> None:
    def half_done() -> None:
        with working_as(CLOCK) as uow:
            uow.record("person.joined", a_person(uow.session))
            uow.session.flush()
            raise RuntimeError

    with app.app_context(), pytest.raises(RuntimeError):
        half_done()
    assert events(app) == 0


def test_only_what_writes_begins_as_a_writer(app: Flask) -> None:
    with app.app_context():
        with statements(app) as heard:
            db.session.scalars(select(Person)).all()
            with working_as(CLOCK) as uow:
                uow.session.scalars(select(Person)).all()
        assert [s for s in heard if s.startswith("BEGIN")] == ["BEGIN DEFERRED", "BEGIN IMMEDIATE"]


def test_a_unit_of_work_sees_what_others_have_committed_meanwhile(app: Flask, app_session: Session) -> None:
    with app.app_context():
        person = db.session.get(Person, _committed(app_session, "Before"))
        assert person is not None
        app_session.execute(text("UPDATE person SET name = 'After'"))
        app_session.commit()
        with working_as(CLOCK) as uow:
            assert uow.get(Person, person.id).name == "After"


def _committed(session: Session, name: str) -> object:
    person = a_person(session, name=name)
    session.commit()
    return person.id


def test_the_second_writer_waits_for_the_first(engine: Engine) -> None:
    entered = threading.Event()

    def second() -> None:
        with Session(engine) as session, transaction(session, engine, CLOCK, START):
            entered.set()

    with Session(engine) as session, transaction(session, engine, CLOCK, START):
        waiting = threading.Thread(target=second)
        waiting.start()
        assert not entered.wait(0.2)
    assert entered.wait(5)
    waiting.join()


def test_the_gate_opens_again_after_a_failure(engine: Engine) -> None:
    with pytest.raises(ValueError, match="fell"), gate(engine):
        raise ValueError("fell")
    with gate(engine):
        pass


def test_sqlite_keeps_its_promises(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'kept.db'}"
    engine = create_engine(url, **engine_options(url))
    prepare_engine(engine)
    with engine.connect() as connection:
        told = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "trusted_schema")
        }
    engine.dispose()
    assert told == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "trusted_schema": 0}


_COUNT = Statement("INSERT INTO rate_count (key, hits, expires) VALUES (:key, 1, 1)", {"key": String()})


def test_what_is_written_at_once_is_kept(any_url: str) -> None:
    engine = an_engine(any_url)
    with Session(engine) as session:
        with at_once(engine, lambda: START, lambda: session) as work:
            _COUNT.run(work.line, {"key": "one"})
        with transaction(session, engine, CLOCK, START) as uow:  # and the next unit of work can be taken back again
            uow.session.connection().execute(insert(RateCount).values(key="two", hits=1, expires=1))
            uow.session.rollback()
    with Session(engine) as session:
        assert session.scalars(select(RateCount.key)).all() == ["one"]
    engine.dispose()


def half_done_at_once(engine: Engine, session: Session) -> None:
    with at_once(engine, lambda: START, lambda: session) as work:
        if engine.dialect.name == "sqlite":  # PostgreSQL commits each statement by itself
            _COUNT.run(work.line, {"key": "two"})
        raise RuntimeError


def test_what_breaks_at_once_leaves_nothing_and_says_so_as_usual(any_url: str) -> None:
    engine = an_engine(any_url)
    with Session(engine) as session:
        with at_once(engine, lambda: START, lambda: session) as work:
            _COUNT.run(work.line, {"key": "one"})
        with at_once(engine, lambda: START, lambda: session) as work, pytest.raises(IntegrityError) as refused:
            _COUNT.run(work.line, {"key": "one"})
        assert "'one'" not in str(refused.value)
        with pytest.raises(RuntimeError):
            half_done_at_once(engine, session)
        with transaction(session, engine, CLOCK, START) as uow:  # nothing is left open, and the queue moves on
            assert uow.session.scalars(select(RateCount.key)).all() == ["one"]
    engine.dispose()


@pytest.mark.parametrize(("idle", "asked"), [(1, 0), (60, 1)])
def test_a_connection_is_tried_when_it_lay_idle(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, idle: int, asked: int
) -> None:
    engine = an_engine(postgres_url)
    asks: list[object] = []
    ping = engine.dialect.do_ping
    monkeypatch.setattr(engine.dialect, "do_ping", lambda connection: asks.append(connection) or ping(connection))
    moment = [1_000.0]
    monkeypatch.setattr("grants.web.db.time.monotonic", lambda: moment[0])
    for _ in range(2):
        with engine.connect():
            moment[0] += 5
        moment[0] += idle
    assert len(asks) == asked
    engine.dispose()


def test_a_connection_that_died_in_its_sleep_is_replaced(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, other = an_engine(postgres_url), an_engine(postgres_url)
    monkeypatch.setattr("grants.web.db.IDLE_SECONDS", -1)
    with engine.connect() as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
    with other.connect() as connection:
        assert connection.scalar(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT pg_backend_pid()")) != pid
    engine.dispose()
    other.dispose()
