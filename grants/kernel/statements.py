"""Statements written by hand, for the few places that are in a hurry."""

from collections.abc import Callable, Mapping
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


def as_usual(error: Any, dialect: Dialect) -> BaseException:
    """A driver's error as SQLAlchemy tells it, so that pages answer to both alike; never with values."""
    told: BaseException = DBAPIError.instance(
        None,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=dialect.is_disconnect(error, None, None),
        dialect=dialect,
    )
    return told


class Turned(dict[str, Any]):
    """Values by name, already as one database's driver takes them: for several statements that share some."""


class Kinds:
    """The column types of values by name."""

    def __init__(self, types: Mapping[str, TypeEngine[Any]]) -> None:
        self.types = dict(types)
        self._turns: dict[str, dict[str, Callable[[Any], Any] | None]] = {}

    def turned(self, dialect: Dialect, values: Mapping[str, Any]) -> Turned:
        """Those values as the driver takes them."""
        turns = self.turns(dialect)
        return Turned({name: turn(value) if (turn := turns[name]) else value for name, value in values.items()})

    def turns(self, dialect: Dialect) -> Mapping[str, Callable[[Any], Any] | None]:
        """How each value is turned for the driver."""
        if dialect.name not in self._turns:
            self._turns[dialect.name] = {
                name: kind.dialect_impl(dialect).bind_processor(dialect) for name, kind in self.types.items()
            }
        return self._turns[dialect.name]


def execute(line: Line, words: str, given: Any) -> Any:
    """Give words to the driver as they are. The driver's cursor."""
    try:
        return line.driver.execute(words, given)
    except line.dialect.loaded_dbapi.Error as error:
        raise as_usual(error, line.dialect) from error


class Statement:
    """A statement in the words of both databases, made ready once for each: SQLAlchemy's ``text`` does so at every run.

    ``words`` name their values as ``:name``; ``types`` says of which column type each is. Rows come as the driver
    gives them.
    """

    def __init__(self, words: str, types: Mapping[str, TypeEngine[Any]]) -> None:
        self.words, self.types = words, dict(types)
        self._kinds = Kinds(types)
        self._ready: dict[str, _Ready] = {}

    def run(self, line: Line, values: Mapping[str, Any]) -> Any:
        """Run it with these values, one for each name at least; others are passed over. The driver's cursor.

        Fetch all rows there are: while SQLite holds one back, its transaction is not over.
        """
        ready = self._ready.get(line.dialect.name) or self._prepare(line.dialect)
        if type(values) is not Turned:
            values = self._kinds.turned(line.dialect, {name: values[name] for name in self.types})
        return execute(line, ready.words, values if ready.order is None else [values[n] for n in ready.order])

    def _prepare(self, dialect: Dialect) -> "_Ready":
        named = (bindparam(name, type_=kind) for name, kind in self.types.items())
        compiled: Any = text(self.words).bindparams(*named).compile(dialect=dialect)
        order = tuple(compiled.positiontup) if compiled.positional else None
        self._ready[dialect.name] = _Ready(str(compiled), order)
        return self._ready[dialect.name]


@dataclass(frozen=True, slots=True)
class _Ready:
    """In one dialect: the words, and the values' order (None: by name)."""

    words: str
    order: tuple[str, ...] | None
