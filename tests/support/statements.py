"""What reaches the database."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import Connection, Engine, event

from grants.kernel import statements as by_hand
from grants.web.db import db

WRITES = re.compile(r"\s*(insert|update|delete|replace|create|drop|alter)\b", re.IGNORECASE)


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """Every statement that reaches the application's database meanwhile."""
    with app.app_context():
        engine = db.engine
    with heard_by(engine) as heard:
        yield heard


@contextmanager
def heard_by(target: Engine | Connection) -> Iterator[list[str]]:
    """Every statement meanwhile, by SQLAlchemy on ``target`` or by the driver itself."""
    heard: list[str] = []
    usual = by_hand.execute

    def hear(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        heard.append(statement)

    def hear_by_hand(line: by_hand.Line, words: str, given: Any) -> Any:
        heard.append(words)
        return usual(line, words, given)

    event.listen(target, "before_cursor_execute", hear)
    by_hand.execute = hear_by_hand
    try:
        yield heard
    finally:
        by_hand.execute = usual
        event.remove(target, "before_cursor_execute", hear)


def writes(heard: Sequence[str]) -> list[str]:
    """The statements that change something."""
    return [statement for statement in heard if WRITES.match(statement)]
