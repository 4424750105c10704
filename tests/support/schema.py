"""Every table there is, whatever the stages that hold them."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event

import grants
from grants.kernel.tables import Base
from grants.web.db import engine_options, prepare_engine

PACKAGE = Path(grants.__file__).parent


def load_models() -> None:
    """Import the tables of all stages, of the trail and of the web kit."""
    import_module("grants.kernel.trail")
    import_module("grants.web.limits")
    for room in sorted(PACKAGE.glob("*/models.py")):
        import_module(f"grants.{room.parent.name}.models")


def an_engine(url: str) -> Engine:
    """An engine as the application makes it, but one that does not wait for the disk."""
    engine = create_engine(url, **engine_options(url))
    prepare_engine(engine)
    do_not_wait_for_the_disk(engine)
    return engine


def do_not_wait_for_the_disk(engine: Engine) -> None:
    """A test's database need not outlive a power cut."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _hurry)


def _hurry(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")


def create_tables(url: str) -> None:
    """Make every table in an empty database, and let go of it."""
    load_models()
    engine = an_engine(url)
    Base.metadata.create_all(engine)
    engine.dispose()
