"""Selects that are made ready once and run often, and many of them in one journey to the database.

SQLAlchemy works three to ten times as long on a statement as the database does. What every page of somebody signed in
asks is therefore compiled once and then given to the driver as it is (see ``statements``).
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Integer,
    Numeric,
    Select,
    String,
    Text,
    Uuid,
    bindparam,
    cast,
    literal_column,
    null,
    select,
    true,
    union_all,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeDecorator, TypeEngine

from grants.kernel import statements
from grants.kernel.actors import Actor, Role
from grants.kernel.clock import london_day
from grants.kernel.statements import Line, line_of
from grants.kernel.tables import Utc

Turn = Callable[[Any], Any] | None
NOTHING = UUID(int=0)
"""Fills up a list of ids to its size: nobody's."""


class Prepared:
    """A select in each database's own words. Its parameters with a value are fixed; others are given by name.

    It is given as what builds it: once its words are found, the select itself and all that hangs on it are let go.
    """

    def __init__(self, build: Callable[[], Select[Any]]) -> None:
        self._build = build
        self._names: list[str] = []
        self._ready: dict[str, tuple[_Words, list[Turn]]] = {}

    def rows(self, line: Line, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """All its rows for these values; each value as its column's type tells it."""
        words, turns = self._ready.get(line.dialect.name) or self._prepare(line.dialect)
        return [_turned(row, turns) for row in words.run(line, values)]

    def told(self, session: Session, **values: Any) -> list[tuple[Any, ...]]:
        """The same in the transaction of a session, which first writes what it has not yet written."""
        session.flush()
        return self.rows(line_of(session.connection()), values)

    def named(self, session: Session, **values: Any) -> list[Any]:
        """The same, each value also by its column's name."""
        return [self._row(row) for row in self.told(session, **values)]

    @cached_property
    def _row(self) -> Callable[[Iterable[Any]], Any]:
        named: Any = namedtuple("Row", self._names)  # type: ignore[misc]
        made: Callable[[Iterable[Any]], Any] = named._make
        return made

    def _prepare(self, dialect: Dialect) -> "tuple[_Words, list[Turn]]":
        query = self._build()
        self._names = list(query.selected_columns.keys())
        turns = [_turn(column.type, dialect) for column in query.selected_columns]
        ready = self._ready[dialect.name] = _Words(query, dialect), turns
        return ready


class _Words:
    """The words of a select in one dialect, and how the values are turned that are given by name.

    What never changes stands in the words themselves. SQLite would otherwise plan a statement with more than 31
    parameters anew at every run, where it has a partial index to think about: that costs more than to answer it.
    """

    def __init__(self, query: Any, dialect: Dialect) -> None:
        plain: Any = dialect.statement_compiler

        class Fixed(plain):  # type: ignore[misc]
            """SQLAlchemy's compiler, with literals for what has a value."""

            def visit_bindparam(self, bindparam: Any, **told: Any) -> Any:
                if bindparam.value is not None:
                    told["literal_binds"] = True
                return super().visit_bindparam(bindparam, **told)

        compiled = Fixed(_naming(type(dialect)) if dialect.name == "sqlite" else dialect, query)
        self._words = str(compiled)
        self._turns: dict[str, Turn] = {
            name: bound.type.dialect_impl(dialect).bind_processor(dialect) for name, bound in compiled.binds.items()
        }
        self._order = list(compiled.positiontup) if compiled.positional else None

    def run(self, line: Line, values: Mapping[str, Any]) -> list[Sequence[Any]]:
        given = {name: turn(values[name]) if turn else values[name] for name, turn in self._turns.items()}
        found: list[Sequence[Any]] = statements.execute(
            line, self._words, given if self._order is None else [given[name] for name in self._order]
        ).fetchall()
        return found


def _naming(kind: Any) -> Any:
    """A dialect of this kind that binds each name once, however often it stands there."""
    return kind(paramstyle="named")


def _turn(kind: TypeEngine[Any], dialect: Dialect) -> Turn:
    turn: Turn = kind.dialect_impl(dialect).result_processor(dialect, None)
    return turn


def _turned(row: Sequence[Any], turns: Sequence[Turn]) -> tuple[Any, ...]:
    return tuple([turn(value) if turn else value for turn, value in zip(turns, row, strict=True)])


class ForIds:
    """A select about some ids, made ready once for each size of their list, which is filled up to a power of two."""

    def __init__(self, build: Callable[[list[BindParameter[UUID]]], Select[Any]]) -> None:
        self._build = build
        self._made: dict[int, Prepared] = {}

    def rows(self, line: Line, ids: Iterable[UUID], **values: Any) -> list[tuple[Any, ...]]:
        """All its rows for these ids and what else it names."""
        known = _filled_up(ids)
        made = self._made.get(len(known))
        if made is None:
            names = _names(len(known))
            made = self._made[len(known)] = Prepared(lambda: self._build(names))
        return made.rows(line, values | known)


def _names(size: int) -> list[BindParameter[UUID]]:
    return [bindparam(f"id_{at}", None, type_=Uuid()) for at in range(size)]


def _filled_up(ids: Iterable[UUID]) -> dict[str, UUID]:
    known = list(ids)
    known += [NOTHING] * (_size(len(known)) - len(known))
    return {f"id_{at}": id for at, id in enumerate(known)}


class Who:
    """Whoever asks, as parameters of a select: the select fits everybody with the same roles and as many groups.

    Lists of ids are filled up to the next power of two, so that few different selects are ever made.
    """

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._lists: dict[str, tuple[Callable[[Actor], Iterable[UUID]], int]] = {}
        self._days: dict[str, tuple[timedelta, bool]] = {}
        self.me: BindParameter[UUID] = bindparam("me", None, type_=Uuid())
        self.me_in_words: BindParameter[str] = bindparam("me_in_words", None, type_=String())
        self.now: BindParameter[datetime] = bindparam("now", None, type_=Utc())

    @staticmethod
    def shape(actor: Actor) -> tuple[Any, ...]:
        """The same for all for whom the same select does."""
        rights = actor.groups.values()
        return (
            actor.id is None,
            frozenset((role, actor.scopes(role) is None, _size(len(_scopes(actor, role)))) for role in actor.roles),
            _size(len(rights)),
            _size(sum(one.edit for one in rights)),
            _size(sum(one.sign_off for one in rights)),
        )

    def holds(self, *roles: Role) -> bool:
        """Whether one of these roles is held, anywhere."""
        return self._actor.id is not None and any(self._actor.has(role) for role in roles)

    def within(self, column: Any, *roles: Role) -> ColumnElement[bool]:
        """The funds of ``column`` are among those for which one of these roles is held."""
        held = [role for role in roles if self._actor.has(role)]
        if any(self._actor.scopes(role) is None for role in held):
            return true()
        ids = [id for role in held for id in self.scopes(role)]
        result: ColumnElement[bool] = column.in_(ids)
        return result

    def scopes(self, role: Role) -> list[BindParameter[UUID]]:
        """The funds or funders to which the role is limited."""
        return self._list(f"{role.value}_of", lambda actor: _scopes(actor, role))

    @property
    def groups(self) -> list[BindParameter[UUID]]:
        """Groups of which somebody is a member."""
        return self._list("group", lambda actor: actor.groups)

    @property
    def edits(self) -> list[BindParameter[UUID]]:
        """Groups for which somebody writes."""
        return self._list("edits", lambda actor: [id for id, rights in actor.groups.items() if rights.edit])

    @property
    def signs(self) -> list[BindParameter[UUID]]:
        """Groups for which somebody signs off."""
        return self._list("signs", lambda actor: [id for id, rights in actor.groups.items() if rights.sign_off])

    @property
    def today(self) -> BindParameter[Any]:
        """The day in London."""
        return self.day(timedelta())

    def day(self, later: timedelta) -> BindParameter[Any]:
        """A day so much later than today."""
        return self._day(f"day_{later.days}", later, Date())

    def day_in_words(self, later: timedelta) -> BindParameter[Any]:
        """The same as 2026-01-31."""
        return self._day(f"day_in_words_{later.days}", later, String())

    def _day(self, name: str, later: timedelta, kind: TypeEngine[Any]) -> BindParameter[Any]:
        self._days[name] = later, isinstance(kind, String)
        return bindparam(name, None, type_=kind)

    def _list(self, name: str, ids: Callable[[Actor], Iterable[UUID]]) -> list[BindParameter[UUID]]:
        size = _size(len(list(ids(self._actor))))
        self._lists[name] = ids, size
        return [bindparam(f"{name}_{at}", None, type_=Uuid()) for at in range(size)]

    def values(self, actor: Actor, now: datetime) -> dict[str, Any]:
        """The parameters of somebody of the same shape."""
        made: dict[str, Any] = {"me": actor.id, "me_in_words": str(actor.id), "now": now}
        for name, (ids, size) in self._lists.items():
            found = [*ids(actor), *[NOTHING] * size]
            made |= {f"{name}_{at}": found[at] for at in range(size)}
        for name, (later, in_words) in self._days.items():
            day = london_day(now) + later
            made[name] = day.isoformat() if in_words else day
        return made


def _scopes(actor: Actor, role: Role) -> list[UUID]:
    return sorted(grant.scope for grant in actor.grants if grant.role is role and grant.scope is not None)


def _size(count: int) -> int:
    """The next power of two.

    >>> [_size(n) for n in (0, 1, 2, 3, 5)]
    [0, 1, 2, 4, 8]
    """
    return 1 << (count - 1).bit_length() if count else 0


class Together:
    """Many selects asked as one; their rows are told apart again, and are as if each had been asked by itself.

    Given as what builds them, like a ``Prepared``.
    """

    def __init__(self, build: Callable[[], Sequence[Select[Any]]]) -> None:
        self._build = build
        self._ready: dict[str, tuple[_Words | None, list[tuple[list[int], list[Turn]]]]] = {}

    def rows(self, line: Line, values: Mapping[str, Any]) -> list[list[tuple[Any, ...]]]:
        """For each select, in order, its rows."""
        words, parts = self._ready.get(line.dialect.name) or self.prepare(line.dialect)
        found: list[list[tuple[Any, ...]]] = [[] for _ in parts]
        for row in words.run(line, values) if words else ():
            number = row[0]
            places, turns = parts[number]
            found[number].append(_turned([row[at] for at in places], turns))
        return found

    def prepare(self, dialect: Dialect) -> tuple[_Words | None, list[tuple[list[int], list[Turn]]]]:
        """Find the words for one kind of database; ``rows`` does so by itself."""
        queries = self._build()
        kinds = [[column.type for column in query.selected_columns] for query in queries]
        slots = [_slots([_kind(kind) for kind in some]) for some in kinds]
        used = sorted({slot for one in slots for slot in one})
        selects = []
        for number, query in enumerate(queries):
            columns = dict(zip(slots[number], query.subquery().columns, strict=True))
            given = [
                _as(slot[0], columns[slot]) if slot in columns else _gap(slot[0], first=not number) for slot in used
            ]
            named = [value.label(f"{slot[0]}{slot[1]}") for slot, value in zip(used, given, strict=True)]
            selects.append(select(literal_column(str(number), Integer()).label("source"), *named))
        parts = [
            ([1 + used.index(slot) for slot in one], [_turn(kind, dialect) for kind in some])
            for one, some in zip(slots, kinds, strict=True)
        ]
        words = _Words(union_all(*selects), dialect) if selects else None
        ready = self._ready[dialect.name] = words, parts
        return ready


class TogetherForIds:
    """Several selects about the same ids, asked as one; made ready once for each size of their list."""

    def __init__(self, build: Callable[[list[BindParameter[UUID]]], Sequence[Select[Any]]]) -> None:
        self._build = build
        self._made: dict[int, Together] = {}

    def rows(self, line: Line, ids: Iterable[UUID], **values: Any) -> list[list[tuple[Any, ...]]]:
        """For each select, in order, its rows for these ids and what else it names."""
        known = _filled_up(ids)
        made = self._made.get(len(known))
        if made is None:
            names = _names(len(known))
            made = self._made[len(known)] = Together(lambda: self._build(names))
        return made.rows(line, values | known)


_KINDS: dict[str, TypeEngine[Any]] = {
    "bool": Boolean(),
    "day": Date(),
    "id": Uuid(),
    "moment": DateTime(timezone=True),
    "number": BigInteger(),
    "words": Text(),
}


def _kind(kind: TypeEngine[Any]) -> str:
    """Columns of the same kind can stand below each other in a union."""
    plain = kind.impl_instance if isinstance(kind, TypeDecorator) else kind
    for name, known in (("id", Uuid), ("bool", Boolean), ("moment", DateTime), ("day", Date)):
        if isinstance(plain, known):
            return name
    return "number" if isinstance(plain, Integer | Numeric) else "words"


def _slots(kinds: Sequence[str]) -> list[tuple[str, int]]:
    return [(kind, kinds[:at].count(kind)) for at, kind in enumerate(kinds)]


def _as(kind: str, column: ColumnElement[Any]) -> ColumnElement[Any]:
    # words of a state are no text to PostgreSQL, nor are sums whole numbers
    return cast(column, _KINDS[kind]) if kind in ("words", "number") else column


def _gap(kind: str, first: bool) -> ColumnElement[Any]:
    return cast(null(), _KINDS[kind]) if first else null()
