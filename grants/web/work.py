"""The unit of work of a request or a command."""

from collections.abc import Iterator
from contextlib import contextmanager

from grants.kernel.actors import CLOCK
from grants.kernel.work import UnitOfWork
from grants.web.db import working_as
from grants.web.session import current_actor


@contextmanager
def working(*, at_once: bool = False) -> Iterator[UnitOfWork]:
    """One transaction for the person behind this request: committed whole at the end, or nothing of it.

    ``at_once``: for what is written in a single statement (see ``web.db.transaction``).
    """
    with working_as(current_actor(), at_once=at_once) as uow:
        yield uow


@contextmanager
def clockwork() -> Iterator[UnitOfWork]:
    """One transaction for the clock: commands and jobs."""
    with working_as(CLOCK) as uow:
        yield uow
