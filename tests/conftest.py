"""Fixtures that every test may use: a database of its own, the application, a browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn, Protocol

import pytest
from _pytest.mark import ParameterSet
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import settings
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import Engine, QueuePool
from sqlalchemy.orm import Session

from grants.config import Env
from grants.kernel.actors import Role
from grants.kernel.clock import SetClock
from grants.people.models import Person
from grants.web.db import WRITES, db
from tests.builders.people import a_person
from tests.support.browser import NoBrowser, launch_browser
from tests.support.clock import START
from tests.support.network import guard_network
from tests.support.pages import a_page
from tests.support.postgres import NoPostgres, Server, a_database, start_server
from tests.support.schema import an_engine, create_tables, do_not_wait_for_the_disk
from tests.support.servers import serving
from tests.support.settings import settings_for
from tests.support.sign_in import signed_in
from tests.support.town import Town, load_town

settings.register_profile("no clock", deadline=None)  # how long an example takes says something of the machine only
settings.load_profile("no clock")
MARKS = {"postgres_server": "postgres", "browser": "browser"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests by what they need, so that ``-m "not browser"`` leaves them out."""
    for item in items:
        for fixture, mark in MARKS.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(mark)


@pytest.fixture(scope="session", autouse=True)
def _no_outside_network() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        guard_network(patch)
        yield


def missing(error: Exception) -> NoReturn:
    """A laptop may lack what continuous integration must have."""
    if os.environ.get("CI"):
        pytest.fail(str(error))
    pytest.skip(str(error))


def both_databases(sqlite: str, postgres: str) -> list[ParameterSet]:
    """Parameters for a fixture that stands for two others."""
    return [pytest.param(sqlite, id="sqlite"), pytest.param(postgres, id="postgres", marks=pytest.mark.postgres)]


# Databases: SQLite copied from a file, PostgreSQL from a template database.


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that holds every table and no row."""
    file = tmp_path_factory.mktemp("sqlite") / "template.db"
    create_tables(f"sqlite:///{file}")
    return file


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """An empty SQLite database of this test's own."""
    return f"sqlite:///{shutil.copyfile(sqlite_template, tmp_path / 'test.db')}"


@pytest.fixture
def engine(sqlite_url: str) -> Iterator[Engine]:
    """An engine on this test's SQLite database, with the application's way of beginning."""
    made = an_engine(sqlite_url)
    yield made
    made.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A session on SQLite; the test may commit."""
    with Session(engine) as opened:
        opened.connection(execution_options={WRITES: True})
        yield opened


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A PostgreSQL where databases can be made."""
    try:
        server = start_server()
    except NoPostgres as error:
        missing(error)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: Server) -> Iterator[str]:
    """The name of a database that holds every table and no row."""
    with a_database(postgres_server) as name:
        create_tables(postgres_server.url(name))
        yield name


@pytest.fixture
def postgres_url(postgres_server: Server, postgres_template: str) -> Iterator[str]:
    """An empty PostgreSQL database of this test's own."""
    with a_database(postgres_server, postgres_template) as name:
        yield postgres_server.url(name)


@pytest.fixture(scope="session")
def shared_postgres_engine(postgres_server: Server, postgres_template: str) -> Iterator[Engine]:
    """For tests whose transaction is taken back; nothing is ever left in this database."""
    with a_database(postgres_server, postgres_template) as name:
        made = an_engine(postgres_server.url(name))
        yield made
        made.dispose()


@pytest.fixture
def pg_session(shared_postgres_engine: Engine) -> Iterator[Session]:
    """A session on PostgreSQL; what the test commits is taken back at its end."""
    with shared_postgres_engine.connect() as connection:
        outer = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint") as opened:
            yield opened
        outer.rollback()


@pytest.fixture(params=both_databases("session", "pg_session"))
def any_session(request: pytest.FixtureRequest) -> Session:
    """The same test on both databases."""
    opened: Session = request.getfixturevalue(request.param)
    return opened


@pytest.fixture(
    params=["sqlite_url", pytest.param("postgres_url", marks=pytest.mark.postgres)], ids=["sqlite", "postgres"]
)
def any_url(request: pytest.FixtureRequest) -> str:
    """A database of this test's own, of both kinds: for tests with several processes."""
    url: str = request.getfixturevalue(request.param)
    return url


# The application.


@pytest.fixture
def make_app(tmp_path: Path) -> Iterator[Callable[..., Flask]]:
    """Applications with settings of the test's own: ``make_app(sqlite_url, env=Env.DEMO)``."""
    from grants.app import create_app

    made: list[Flask] = []

    def make(database_url: str, **settings: object) -> Flask:
        app = create_app(settings_for(database_url, tmp_path, **settings))
        made.append(app)
        return app

    yield make
    for app in made:
        with app.app_context():
            db.engine.dispose()


@pytest.fixture(scope="session")
def _shared_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, Path]]:
    from grants.app import create_app

    folder = tmp_path_factory.mktemp("app")
    file = folder / "app.db"
    app = create_app(settings_for(f"sqlite:///{file}", folder))
    with app.app_context():
        do_not_wait_for_the_disk(db.engine)
    yield app, file
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def clock() -> SetClock:
    """The application's clock: it stands at ``START`` until the test moves it."""
    return SetClock(START)


@pytest.fixture
def app(_shared_app: tuple[Flask, Path], sqlite_template: Path, clock: SetClock) -> Iterator[Flask]:
    """The application on an empty database. It is made once; its database is fresh for every test.

    Every request must have given its connection back: a lent one would go on writing where the next test's file lies.
    """
    made, file = _shared_app
    _fill(made, file, sqlite_template)
    made.extensions["clock"] = clock
    made.config.update(WTF_CSRF_ENABLED=True, PROPAGATE_EXCEPTIONS=False)
    yield made
    with made.app_context():
        lent = db.engine.pool
    assert isinstance(lent, QueuePool)
    assert lent.checkedout() == 0, "a connection to the database was never given back"


def _fill(app: Flask, file: Path, source: Path) -> None:
    with app.app_context():
        db.engine.dispose()
    for ending in ("-wal", "-shm"):
        file.with_name(file.name + ending).unlink(missing_ok=True)
    shutil.copyfile(source, file)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Somebody without an account. Forms need no token here, and errors show where they arose."""
    app.config.update(WTF_CSRF_ENABLED=False, PROPAGATE_EXCEPTIONS=True)
    return app.test_client()


class SignIn(Protocol):
    """``as_(Role.STEWARD)`` or ``as_(person)``: a client of its own, signed in."""

    def __call__(self, *who: Role | Person) -> FlaskClient:
        """Sign in as that person, or as somebody new who holds these roles."""


@pytest.fixture
def as_(app: Flask, client: FlaskClient, app_session: Session) -> SignIn:
    """Sign in as a person or as somebody with roles. Commits what the test has built."""

    def sign_in_as(*who: Role | Person) -> FlaskClient:
        roles = [role for role in who if isinstance(role, Role)]
        person = next((p for p in who if isinstance(p, Person)), None) or a_person(app_session, *roles)
        return signed_in(app, app_session, person)

    return sign_in_as


@pytest.fixture
def app_session(app: Flask) -> Iterator[Session]:
    """A session on the application's database, to set the scene and to look; commit what the pages should see."""
    with app.app_context():  # not around the test: requests would share what belongs to one request
        engine = db.engine
    with Session(engine) as opened:
        yield opened


@pytest.fixture
def live_url(app: Flask) -> Iterator[str]:
    """The application behind a real server."""
    with serving(app) as url:
        yield url


# The demonstration town.


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """The town as it was loaded; copy it before you change it."""
    if not list((Path(__file__).parents[1] / "grants" / "demo").glob("[a-z]*.py")):
        pytest.skip("the town is not built yet")
    base = tmp_path_factory.getbasetemp()
    return load_town(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


@pytest.fixture(scope="module")
def town_app(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The application with a town of this module's own, at the present time."""
    from grants.app import create_app

    folder = tmp_path_factory.mktemp("town")
    mine = town.copy_to(folder)
    made = create_app(settings_for(mine.url, folder, env=Env.DEMO, files_folder=mine.files))
    with made.app_context():
        do_not_wait_for_the_disk(db.engine)
    yield made
    with made.app_context():
        db.engine.dispose()


# The browser.


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for the whole run."""
    with sync_playwright() as playwright:
        try:
            launched = launch_browser(playwright)
        except NoBrowser as error:
            missing(error)
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser, live_url: str) -> Iterator[Page]:
    """A phone's page on the application; what goes wrong in it fails the test."""
    with a_page(browser, live_url) as opened:
        yield opened
