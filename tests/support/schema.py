"""Every table there is, whatever the stages that hold them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from sqlalchemy import Engine, create_engine, event

from grants.kernel.tables import Base
from grants.web.db import engine_options, load_models, prepare_engine


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
    import_module("grants.web.limits")
    engine = an_engine(url)
    Base.metadata.create_all(engine)
    engine.dispose()
