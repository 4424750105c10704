"""What is to leave waits for the commit, leaves once, and is tried again when it could not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from grants.kernel.actors import CLOCK
from grants.kernel.clock import SetClock
from grants.kernel.work import UnitOfWork
from grants.outbox.models import OutboxRow
from grants.outbox.service import ATTEMPTS, CLAIM, put, put_mail, send_due
from grants.web.db import transaction
from tests.builders.people import a_person
from tests.support.clock import START
from tests.support.race import race
from tests.support.schema import an_engine

Working = Callable[[], Any]


@pytest.fixture
def outbox_engine(any_url: str) -> Iterator[Engine]:
    engine = an_engine(any_url)
    yield engine
    engine.dispose()


@pytest.fixture
def working(outbox_engine: Engine, clock: SetClock) -> Working:
    """Units of work of the clock, each in a transaction of its own."""

    @contextmanager
    def begin() -> Iterator[UnitOfWork]:
        with (
            Session(outbox_engine, expire_on_commit=False) as session,
            transaction(session, outbox_engine, CLOCK, clock.now()) as uow,
        ):
            yield uow

    return begin


def rows(working: Working) -> list[OutboxRow]:
    with working() as uow:
        return list(uow.session.scalars(select(OutboxRow).order_by(OutboxRow.key)))


def test_a_letter_leaves_once(working: Working) -> None:
    sent: list[tuple[str, str]] = []
    with working() as uow:
        put_mail(uow, to="ada@example.org", subject="Hello", text="Come in", key="hello:1")
    handlers = {"mail": lambda payload, key: sent.append((payload["to"], key))}
    assert send_due(working, handlers) == (1, 0)
    assert send_due(working, handlers) == (0, 0)
    assert sent == [("ada@example.org", "hello:1")]


def test_the_same_key_is_asked_for_once(working: Working) -> None:
    for text in ("first", "second"):
        with working() as uow:
            put_mail(uow, to="ada@example.org", subject="Hello", text=text, key="hello:1")
    assert [row.payload["text"] for row in rows(working)] == ["first"]


def test_what_is_taken_back_never_leaves(working: Working) -> None:
    def half_done() -> None:
        with working() as uow:
            put_mail(uow, to="ada@example.org", subject="Hello", text="Come in", key="hello:1")
            a_person(uow.session)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half_done()
    assert rows(working) == []


def test_nothing_is_open_while_a_letter_is_on_its_way(working: Working) -> None:
    def look(_payload: dict[str, Any], _key: str) -> None:
        with working() as inner:  # would wait for ever behind a transaction that is still open
            put(inner, "note", {}, key="meanwhile")

    with working() as uow:
        put(uow, "mail", {}, key="hello:1")
    assert send_due(working, {"mail": look}) == (1, 0)


def test_a_failure_is_tried_again_later_each_time_after_longer(working: Working, clock: SetClock) -> None:
    def refuse(_payload: dict[str, Any], _key: str) -> None:
        raise ConnectionRefusedError("ada@example.org is a secret")

    with working() as uow:
        put(uow, "mail", {}, key="hello:1")
    for attempt in range(1, ATTEMPTS + 1):
        assert send_due(working, {"mail": refuse}) == (0, 1)
        [row] = rows(working)
        assert (row.attempts, row.last_error) == (attempt, "ConnectionRefusedError")
        assert send_due(working, {"mail": refuse}) == (0, 0)
        clock.set(row.due_at)
    assert rows(working)[0].given_up_at is not None
    clock.advance(timedelta(days=30))
    assert send_due(working, {"mail": refuse}) == (0, 0)


def test_one_failure_does_not_stop_the_rest(working: Working) -> None:
    def some(_payload: dict[str, Any], key: str) -> None:
        if key == "b":
            raise OSError

    for key in "abc":
        with working() as uow:
            put(uow, "mail", {}, key=key)
    assert send_due(working, {"mail": some}) == (2, 1)


def test_what_a_dead_relay_had_claimed_is_free_again_in_time(working: Working, clock: SetClock) -> None:
    with working() as uow:
        put(uow, "mail", {}, key="hello:1")

    def die(_payload: dict[str, Any], _key: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        send_due(working, {"mail": die})
    assert send_due(working, {"mail": lambda *_: None}) == (0, 0)
    clock.advance(CLAIM + timedelta(seconds=1))
    assert send_due(working, {"mail": lambda *_: None}) == (1, 0)


def test_what_has_no_carrier_waits(working: Working) -> None:
    with working() as uow:
        put(uow, "payment", {}, key="pay:1")
    assert send_due(working, {"mail": lambda *_: None}) == (0, 0)
    assert rows(working)[0].attempts == 0


def ask(ready: Callable[[], None], url: str) -> None:
    """One racer: ask for the same letter in a process of its own."""
    engine = an_engine(url)
    with Session(engine) as session:
        ready()
        with transaction(session, engine, CLOCK, START) as uow:
            put(uow, "mail", {}, key="hello:1")
    engine.dispose()


@pytest.mark.race
def test_what_is_asked_for_twice_at_once_leaves_once(any_url: str, working: Working) -> None:
    assert [finish.error for finish in race(ask, [(any_url,)] * 4)] == [None] * 4
    assert len(rows(working)) == 1
