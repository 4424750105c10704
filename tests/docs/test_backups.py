"""The backups that the README describes can be restored: the copy is whole, and the books in it hold."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.engine import make_url

from grants.config import Env
from grants.kernel.tables import Base
from grants.web.db import db
from tests.support.postgres import Server, a_database, find_programs
from tests.support.town import Town

README = (Path(__file__).parents[2] / "README.md").read_text()


def counts(app: Flask) -> dict[str, int]:
    with app.app_context():
        return {
            name: db.session.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one()
            for name in sorted(Base.metadata.tables)
        }


def books(app: Flask) -> str:
    return app.test_cli_runner().invoke(args=["books", "check"]).output


def test_an_sqlite_copy_is_whole_while_somebody_writes(
    make_app: Callable[..., Flask], town: Town, tmp_path: Path
) -> None:
    assert "VACUUM INTO" in README
    mine = town.copy_to(tmp_path / "town")
    app = make_app(mine.url, env=Env.DEMO)
    before = counts(app)
    with app.app_context():
        engine = db.engine
    with engine.connect() as writer:
        writer.execution_options(seedbed_writes=True).begin()
        writer.execute(text("UPDATE person SET name = 'unfinished'"))
        keeper = sqlite3.connect(mine.database)
        keeper.execute("VACUUM INTO ?", (str(tmp_path / "copy.sqlite3"),))
        keeper.close()
        writer.rollback()
    restored = make_app(f"sqlite:///{tmp_path / 'copy.sqlite3'}", env=Env.DEMO)
    assert counts(restored) == before
    assert "The books hold." in books(restored)
    with restored.app_context():
        assert db.session.execute(text("SELECT count(*) FROM person WHERE name = 'unfinished'")).scalar_one() == 0


def test_a_postgres_dump_is_whole(
    make_app: Callable[..., Flask], postgres_server: Server, postgres_url: str, tmp_path: Path
) -> None:
    programs = find_programs()
    dump = shutil.which("pg_dump") or (programs and shutil.which("pg_dump", path=str(programs)))
    restore = shutil.which("pg_restore") or (programs and shutil.which("pg_restore", path=str(programs)))
    if not dump or not restore:
        pytest.skip("no pg_dump here")
    app = make_app(postgres_url)
    made = app.test_cli_runner().invoke(args=["people", "make-admin", "ada@example.org", "Ada Admin"])
    assert made.exit_code == 0, made.output
    with a_database(postgres_server) as name:
        target = postgres_server.url(name)
        file = tmp_path / "seedbed.dump"
        subprocess.run([dump, "--format=custom", f"--file={file}", plain(postgres_url)], check=True)
        subprocess.run([restore, "--clean", "--if-exists", f"--dbname={plain(target)}", str(file)], check=True)
        restored = make_app(target)
        assert counts(restored) == counts(app)
        assert counts(restored)["person"] == 1
        assert "The books hold." in books(restored)
        with restored.app_context():
            with pytest.raises(Exception, match="append-only"):
                db.session.execute(text("DELETE FROM audit_event"))
            db.session.rollback()
            db.engine.dispose()


def plain(url: str) -> str:
    """The address as PostgreSQL's own programs take it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
