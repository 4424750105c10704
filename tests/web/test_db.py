"""A unit of work is kept whole or not at all, and writers of one SQLite file queue."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, func, select, text
from sqlalchemy.orm import Session

from grants.kernel.actors import CLOCK
from grants.kernel.trail import AuditEvent
from grants.people.models import Person
from grants.web.db import db, engine_options, gate, prepare_engine, transaction, working_as
from tests.builders.people import a_person
from tests.support.clock import START
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
