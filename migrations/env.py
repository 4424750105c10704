"""Runs the migrations in the application's own database, one transaction for all of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.migration import MigrationContext
from alembic.operations import MigrationScript
from alembic.script import ScriptDirectory
from flask import current_app
from sqlalchemy.engine import Connection

from grants.kernel.tables import Base, Utc
from grants.web.db import WRITES, db, gate

sys.path.insert(0, str(Path(__file__).parent))

import altering  # noqa: F401  (registers the operations that migrations use)


def numbered(found: MigrationContext, _revision: Any, directives: list[MigrationScript]) -> None:
    """Number migrations 0001, 0002 …, and write none when nothing has changed."""
    from drafting import drafted

    script = directives[0]
    drafted(AutogenContext(found), script)
    if script.upgrade_ops is not None and script.upgrade_ops.is_empty():
        directives.clear()
        return
    head = ScriptDirectory.from_config(context.config).get_current_head()
    script.rev_id = f"{int(head or 0) + 1:04d}"


def render(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """A migration outlives the package's types, so it names the library's."""
    if kind == "type" and isinstance(item, Utc):
        return "sa.DateTime(timezone=True)"
    return False


@contextmanager
def without_foreign_keys(connection: Connection) -> Iterator[None]:
    """SQLite rebuilds a table to alter it; its foreign keys must rest meanwhile, and the pragma works outside only."""
    if connection.dialect.name != "sqlite":
        yield
        return
    raw = connection.connection.cursor()
    raw.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
        broken = connection.execute(sa.text("PRAGMA foreign_key_check")).first()
        if broken is not None:
            raise RuntimeError(f"a migration left a row that points at nothing: {broken}")
    finally:
        connection.rollback()
        raw.execute("PRAGMA foreign_keys=ON")
        raw.close()


def migrate() -> None:
    """Bring the database to where it was asked to be."""
    engine = db.engine
    with (
        gate(engine),
        engine.connect().execution_options(**{WRITES: True}) as connection,
        without_foreign_keys(connection),
    ):
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            process_revision_directives=numbered,
            render_item=render,
            **current_app.extensions["migrate"].configure_args,
        )
        with context.begin_transaction():
            context.run_migrations()


migrate()
