"""A unit of work for tests of services."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from grants.kernel.actors import NOBODY, Actor
from grants.kernel.work import UnitOfWork
from tests.support.clock import START


def work(session: Session, actor: Actor = NOBODY, now: datetime = START) -> UnitOfWork:
    """A unit of work in the test's own transaction; the test decides what becomes of it."""
    return UnitOfWork(session, actor, now)
