"""What needs a person now. Every stage says it for itself; the home page only lists.

A stage offers selects, and says what their rows mean. All selects of all stages are asked as one: however much waits,
it is one journey to the database.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import current_app
from sqlalchemy import Select
from sqlalchemy.engine import Dialect

from grants.kernel.actors import Actor
from grants.kernel.asking import Together, Who
from grants.kernel.statements import line_of
from grants.web.db import reading


@dataclass(frozen=True, slots=True)
class NeedsYou:
    """One thing to do: what, where, and by when if there is a when."""

    text: str
    href: str
    detail: str = ""
    due_at: datetime | None = None


Rows = Sequence[tuple[Any, ...]]
Asks = Callable[[Who], Select[Any] | None]
"""The select that finds what may wait for such a person; None when nothing ever does. It has an order and a bound."""
Tells = Callable[[Actor, datetime, Rows], Iterable[NeedsYou]]


@dataclass(frozen=True, slots=True)
class Need:
    """What to ask the database, and what its rows mean to whoever looks."""

    asks: Asks
    tells: Tells

    def __call__(self, actor: Actor, now: datetime) -> list[NeedsYou]:
        """This need alone."""
        return list(self.tells(actor, now, rows_for([self.asks], actor, now)[0]))


_needs: list[Need] = []
MOST_SHAPES = 64


def needs_you(asks: Asks) -> Callable[[Tells], Need]:
    """Register what a stage has to say: ``asks`` finds rows, the decorated function tells what they mean.

    Its select must depend on nothing but ``Who``: it is made ready once for all with the same roles. What it returns is
    told with the person, the moment and the rows; a second look at the database is for what seldom waits.
    """

    def register(tells: Tells) -> Need:
        need = Need(asks, tells)
        _needs.append(need)
        return need

    return register


def all_needs(actor: Actor, now: datetime, *more: Asks) -> tuple[list[NeedsYou], list[Rows]]:
    """Everything that waits for this person, the earliest due first, what has no date last; and the rows of ``more``.

    One query.
    """
    found = rows_for([*(need.asks for need in _needs), *more], actor, now)
    told = [one for need, rows in zip(_needs, found, strict=False) if rows for one in need.tells(actor, now, rows)]
    far = datetime.max.replace(tzinfo=now.tzinfo)
    return sorted(told, key=lambda need: (need.due_at or far, need.text)), found[len(_needs) :]


class _Ready:
    """What is asked for all of one shape, and at which places of ``asked`` its rows belong."""

    def __init__(self, asked: Sequence[Asks], actor: Actor, dialect: Dialect) -> None:
        self._asked = asked
        self.who = Who(actor)
        self.places: tuple[int, ...] = ()
        self.together = Together(self._selects)
        self.together.prepare(dialect)  # now, since the lists of ``who`` are not known before

    def _selects(self) -> list[Select[Any]]:
        made = {place: query for place, asks in enumerate(self._asked) if (query := asks(self.who)) is not None}
        self.places = tuple(made)
        return list(made.values())


def rows_for(asked: Sequence[Asks], actor: Actor, now: datetime) -> list[Rows]:
    """The rows of each select, in order, for this person, in one query."""
    kept: dict[Any, _Ready] = current_app.extensions.setdefault("needs", {})
    key = (tuple(asked), Who.shape(actor))
    line = line_of(reading().connection())
    ready = kept.get(key)
    if ready is None:
        while len(kept) >= MOST_SHAPES:
            kept.pop(next(iter(kept)), None)
        ready = kept[key] = _Ready(key[0], actor, line.dialect)
    found: list[Rows] = [()] * len(asked)
    rows = ready.together.rows(line, ready.who.values(actor, now))
    for place, some in zip(ready.places, rows, strict=True):
        found[place] = some
    return found
