"""Rates are counted once for all workers, by nothing that tells who it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.web import limits
from grants.web.db import db
from grants.web.limits import DatabaseStorage, RateCount
from tests.support.race import race
from tests.support.schema import an_engine
from tests.support.settings import settings_for
from tests.support.statements import statements, writes

HOUR = 3600


@pytest.fixture
def limited(make_app: Callable[..., Flask], sqlite_url: str) -> Flask:
    """The application with its limits on, and no token asked for."""
    app = make_app(sqlite_url, rate_limits=True)
    app.config["WTF_CSRF_ENABLED"] = False
    return app


@pytest.fixture
def storage(make_app: Callable[..., Flask], any_url: str) -> Iterator[DatabaseStorage]:
    """The counts, on both databases."""
    with make_app(any_url).app_context():
        yield DatabaseStorage()


def ask(client: FlaskClient, email: str = "rose@example.org", **kwargs: object) -> int:
    return client.post("/sign-in", data={"email": email}, **kwargs).status_code  # type: ignore[arg-type]


def test_too_many_tries_get_a_page_that_says_wait(limited: Flask) -> None:
    client = limited.test_client()
    assert [ask(client) for _ in range(7)] == [302] * 6 + [429]
    answer = client.post("/sign-in", data={"email": "rose@example.org"})
    assert "You can try again in" in answer.text
    assert 'class="app-header"' in answer.text


def test_the_page_says_when_to_come_back(limited: Flask) -> None:
    client = limited.test_client()
    while ask(client) != 429:
        pass
    answer = client.post("/sign-in", data={"email": "rose@example.org"})
    assert 0 < int(answer.headers["Retry-After"]) <= HOUR + 1


def test_reading_is_never_counted_and_writes_nothing(limited: Flask) -> None:
    client = limited.test_client()
    with statements(limited) as heard:
        assert {client.get("/sign-in").status_code for _ in range(40)} == {200}
    assert writes(heard) == []


def test_a_foreign_page_cannot_use_up_somebodys_tries(limited: Flask) -> None:
    client = limited.test_client()
    limited.config["WTF_CSRF_ENABLED"] = True
    assert {ask(client) for _ in range(10)} == {400}
    limited.config["WTF_CSRF_ENABLED"] = False
    assert ask(client) == 302


def test_two_workers_count_as_one(make_app: Callable[..., Flask], sqlite_url: str) -> None:
    workers = [make_app(sqlite_url, rate_limits=True) for _ in range(2)]
    for app in workers:
        app.config["WTF_CSRF_ENABLED"] = False
    assert [ask(workers[turn % 2].test_client()) for turn in range(7)] == [302] * 6 + [429]


def test_limits_can_be_switched_off(make_app: Callable[..., Flask], sqlite_url: str) -> None:
    app = make_app(sqlite_url, rate_limits=False)
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    assert {ask(client) for _ in range(12)} == {302}


def test_what_is_counted_tells_neither_address_nor_name(limited: Flask) -> None:
    ask(limited.test_client(), environ_base={"REMOTE_ADDR": "203.0.113.7"})
    with limited.app_context():
        keys = db.session.scalars(select(RateCount.key)).all()
    assert len(keys) == 2
    assert not [key for key in keys if "203.0.113" in key or "rose" in key]


def test_everybody_is_counted_apart(limited: Flask) -> None:
    client = limited.test_client()
    while ask(client, "rose@example.org") != 429:
        pass
    assert ask(client, "sam@example.org") == 302


@pytest.mark.parametrize(("proxies", "second"), [(0, 429), (1, 302)])
def test_an_address_is_told_by_as_many_proxies_as_there_are(
    make_app: Callable[..., Flask], sqlite_url: str, proxies: int, second: int
) -> None:
    app = make_app(sqlite_url, rate_limits=True, proxies=proxies)
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    for number in range(30):
        ask(client, f"p{number}@example.org", headers={"X-Forwarded-For": "203.0.113.7"})
    assert ask(client, "last@example.org", headers={"X-Forwarded-For": "203.0.113.8"}) == second


def test_a_forged_proxy_in_front_of_ours_changes_nothing(make_app: Callable[..., Flask], sqlite_url: str) -> None:
    app = make_app(sqlite_url, rate_limits=True, proxies=1)
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    for number in range(30):
        ask(client, f"p{number}@example.org", headers={"X-Forwarded-For": f"198.51.100.{number}, 203.0.113.7"})
    assert ask(client, "last@example.org", headers={"X-Forwarded-For": "198.51.100.77, 203.0.113.7"}) == 429


def test_a_count_starts_again_when_its_window_is_over(
    storage: DatabaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits.time, "time", lambda: 1_000)
    assert [storage.incr("door", 60) for _ in range(3)] == [1, 2, 3]
    assert storage.get("door") == 3
    assert storage.get_expiry("door") == 1_060
    monkeypatch.setattr(limits.time, "time", lambda: 1_059)
    assert storage.incr("door", 60) == 4
    assert storage.get_expiry("door") == 1_060  # a try does not make the window longer
    monkeypatch.setattr(limits.time, "time", lambda: 1_060)
    assert storage.get("door") == 0
    assert storage.incr("door", 60) == 1


def test_what_is_over_is_cleared_away(storage: DatabaseStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits.time, "time", lambda: 1_000)
    for number in range(5):
        storage.incr(f"door {number}", 60)
    monkeypatch.setattr(limits.time, "time", lambda: 1_100)
    storage.incr("another", 60)
    assert db.session.scalars(select(RateCount.key)).all() == ["another"]


def test_counts_can_be_cleared(storage: DatabaseStorage) -> None:
    storage.incr("one", HOUR)
    storage.incr("two", HOUR, 5)
    storage.clear("one")
    assert (storage.get("one"), storage.get("two")) == (0, 5)
    storage.reset()
    assert storage.get("two") == 0


TRIES = 25


def try_often(ready: Callable[[], None], url: str, folder: str) -> list[int]:
    """A racer: a worker of its own, counting at the same door as the others."""
    from grants.app import create_app

    app = create_app(settings_for(url, Path(folder)))
    with app.app_context():
        storage = DatabaseStorage()
        storage.get("door")
        ready()
        return [storage.incr("door", HOUR) for _ in range(TRIES)]


def test_no_try_is_lost_between_workers(any_url: str, tmp_path: Path) -> None:
    finishes = race(try_often, [(any_url, str(tmp_path))] * 3)
    assert [finish.error for finish in finishes] == [None] * 3
    counted = sorted(count for finish in finishes for count in finish.gave)
    assert counted == list(range(1, 3 * TRIES + 1))
    engine = an_engine(any_url)
    with Session(engine) as session:
        assert session.scalar(select(RateCount.hits)) == 3 * TRIES
    engine.dispose()
