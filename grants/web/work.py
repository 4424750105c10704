"""The unit of work of a request or a command."""

from collections.abc import Iterator
from contextlib import contextmanager

from grants.kernel.actors import CLOCK
from grants.kernel.statements import AtOnce
from grants.kernel.work import UnitOfWork
from grants.web.db import at_once, db, now, reading, working_as
from grants.web.session import current_actor


@contextmanager
def working() -> Iterator[UnitOfWork]:
    """One transaction for the person behind this request: committed whole at the end, or nothing of it."""
    with working_as(current_actor()) as uow:
        yield uow


@contextmanager
def working_at_once() -> Iterator[AtOnce]:
    """The same for the few places that are in a hurry: some statements and nothing else (``web.db.at_once``)."""
    with at_once(db.engine, now, reading) as work:
        yield work


@contextmanager
def clockwork() -> Iterator[UnitOfWork]:
    """One transaction for the clock: commands and jobs."""
    with working_as(CLOCK) as uow:
        yield uow
