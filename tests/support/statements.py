"""What reaches the database."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import event

from grants.kernel import statements as by_hand
from grants.web.db import db

WRITES = re.compile(r"\s*(insert|update|delete|replace|create|drop|alter)\b", re.IGNORECASE)


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """Every statement that reaches the application's database meanwhile, by SQLAlchemy or by the driver itself."""
    heard: list[str] = []
    usual = by_hand.execute

    def hear(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        heard.append(statement)

    def hear_by_hand(line: by_hand.Line, words: str, given: Any) -> Any:
        heard.append(words)
        return usual(line, words, given)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", hear)
    by_hand.execute = hear_by_hand
    try:
        yield heard
    finally:
        by_hand.execute = usual
        event.remove(engine, "before_cursor_execute", hear)


def writes(heard: Sequence[str]) -> list[str]:
    """The statements that change something."""
    return [statement for statement in heard if WRITES.match(statement)]
