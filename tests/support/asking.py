"""What a select of the work lists finds for somebody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Select
from sqlalchemy.orm import Session

from grants.kernel.actors import Actor
from grants.kernel.asking import Prepared, Who
from grants.kernel.statements import line_of
from tests.support.clock import START


def asked(
    session: Session, asks: Callable[[Who], Select[Any] | None], actor: Actor, now: datetime = START
) -> list[tuple[Any, ...]]:
    """The rows of ``asks`` for this person at this moment; none where it does not concern them."""
    session.flush()
    who = Who(actor)
    query = asks(who)
    if query is None:
        return []
    return Prepared(lambda: query).rows(line_of(session.connection()), who.values(actor, now))
