"""Statements written by hand, for the few places that are in a hurry."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, CursorResult, bindparam, text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine


class Statement:
    """A statement in the words of both databases, made ready once for each: SQLAlchemy's ``text`` does so at every run.

    ``words`` name their values as ``:name``; ``types`` says of which column type each is. Rows come as the driver
    gives them.
    """

    def __init__(self, words: str, types: Mapping[str, TypeEngine[Any]]) -> None:
        self.words, self.types = words, dict(types)
        self._ready: dict[str, _Ready] = {}

    def run(self, connection: Connection, values: Mapping[str, Any]) -> CursorResult[Any]:
        """Run it with these values, one for each name at least; others are passed over."""
        ready = self._ready.get(connection.dialect.name) or self._prepare(connection.dialect)
        given = {name: turn(values[name]) if turn else values[name] for name, turn in ready.turns.items()}
        if ready.order is None:
            return connection.exec_driver_sql(ready.words, given)
        return connection.exec_driver_sql(ready.words, tuple(given[name] for name in ready.order))

    def _prepare(self, dialect: Dialect) -> "_Ready":
        named = (bindparam(name, type_=kind) for name, kind in self.types.items())
        compiled: Any = text(self.words).bindparams(*named).compile(dialect=dialect)
        turns = {name: kind.dialect_impl(dialect).bind_processor(dialect) for name, kind in self.types.items()}
        order = tuple(compiled.positiontup) if compiled.positional else None
        self._ready[dialect.name] = _Ready(str(compiled), turns, order)
        return self._ready[dialect.name]


@dataclass(frozen=True, slots=True)
class _Ready:
    """In one dialect: the words, how each value is turned for the driver, and the values' order (None: by name)."""

    words: str
    turns: Mapping[str, Callable[[Any], Any] | None]
    order: tuple[str, ...] | None
