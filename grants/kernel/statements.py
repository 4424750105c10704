"""Statements written by hand, for the few places that are in a hurry."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine


@dataclass(frozen=True, slots=True)
class Line:
    """An open transaction as the database's own driver has it."""

    driver: Any
    dialect: Dialect


def line_of(connection: Connection) -> Line:
    """The transaction that stands on this connection."""
    return Line(connection.connection.driver_connection, connection.dialect)


@dataclass(frozen=True, slots=True)
class AtOnce:
    """A unit of work of a few statements and nothing else; ``reading`` gives a session to look something up with."""

    line: Line
    now: datetime
    reading: Callable[[], Session]


@contextmanager
def told_as_usual(dialect: Dialect) -> Iterator[None]:
    """The driver's errors as SQLAlchemy tells them, so that pages answer to both alike; never with values."""
    errors = dialect.loaded_dbapi.Error
    try:
        yield
    except errors as error:
        raise DBAPIError.instance(
            None,
            None,
            error,
            errors,
            hide_parameters=True,
            connection_invalidated=dialect.is_disconnect(error, None, None),
            dialect=dialect,
        ) from error


def execute(line: Line, words: str, given: Any) -> Any:
    """Give words to the driver as they are. The driver's cursor."""
    with told_as_usual(line.dialect):
        return line.driver.execute(words, given)


class Statement:
    """A statement in the words of both databases, made ready once for each: SQLAlchemy's ``text`` does so at every run.

    ``words`` name their values as ``:name``; ``types`` says of which column type each is. Rows come as the driver
    gives them.
    """

    def __init__(self, words: str, types: Mapping[str, TypeEngine[Any]]) -> None:
        self.words, self.types = words, dict(types)
        self._ready: dict[str, _Ready] = {}

    def run(self, line: Line, values: Mapping[str, Any]) -> Any:
        """Run it with these values, one for each name at least; others are passed over. The driver's cursor.

        Fetch all rows there are: while SQLite holds one back, its transaction is not over.
        """
        ready = self._ready.get(line.dialect.name) or self._prepare(line.dialect)
        given = {name: turn(values[name]) if turn else values[name] for name, turn in ready.turns}
        return execute(line, ready.words, given if ready.order is None else [given[n] for n in ready.order])

    def _prepare(self, dialect: Dialect) -> "_Ready":
        named = (bindparam(name, type_=kind) for name, kind in self.types.items())
        compiled: Any = text(self.words).bindparams(*named).compile(dialect=dialect)
        turns = {name: kind.dialect_impl(dialect).bind_processor(dialect) for name, kind in self.types.items()}
        order = tuple(compiled.positiontup) if compiled.positional else None
        self._ready[dialect.name] = _Ready(str(compiled), tuple(turns.items()), order)
        return self._ready[dialect.name]


@dataclass(frozen=True, slots=True)
class _Ready:
    """In one dialect: the words, how each value is turned for the driver, and the values' order (None: by name)."""

    words: str
    turns: tuple[tuple[str, Callable[[Any], Any] | None], ...]
    order: tuple[str, ...] | None
