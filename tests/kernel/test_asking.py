"""What is made ready once holds on to its words, not to the select that they were found from."""

from __future__ import annotations

import gc
import weakref
from typing import Any

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session

from grants.kernel.asking import ForIds, Prepared, Together
from grants.kernel.statements import line_of
from grants.kernel.trail import AuditEvent


class Built:
    """Builds a select, and knows how often it did and which are still there."""

    def __init__(self) -> None:
        self.made: list[weakref.ref[Select[Any]]] = []

    def __call__(self, *_: object) -> Select[Any]:
        query = select(AuditEvent.id, AuditEvent.at).where(AuditEvent.id == bindparam("nothing", None))
        self.made.append(weakref.ref(query))
        return query

    def left(self) -> int:
        gc.collect()
        return sum(one() is not None for one in self.made)


def test_a_select_is_let_go_of_once_its_words_are_found(any_session: Session) -> None:
    alone, together, of_ids = Built(), Built(), Built()
    prepared, many, some = Prepared(alone), Together(lambda: [together(), together()]), ForIds(of_ids)
    line = line_of(any_session.connection())
    for _ in range(2):
        assert prepared.rows(line, {"nothing": None}) == []
        assert many.rows(line, {"nothing": None}) == [[], []]
        assert some.rows(line, [], nothing=None) == []
    assert [len(one.made) for one in (alone, together, of_ids)] == [1, 2, 1]
    assert [one.left() for one in (alone, together, of_ids)] == [0, 0, 0]
