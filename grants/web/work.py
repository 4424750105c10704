"""The unit of work of a request or a command."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from grants.kernel.actors import CLOCK
from grants.kernel.errors import RuleBroken
from grants.kernel.statements import AtOnce
from grants.kernel.work import UnitOfWork
from grants.web.db import at_once, db, now, reading, working_as
from grants.web.forms import Form
from grants.web.session import current_actor


@contextmanager
def working() -> Iterator[UnitOfWork]:
    """One transaction for the person behind this request: committed whole at the end, or nothing of it."""
    with working_as(current_actor()) as uow:
        yield uow


def carried_out(form: Form, act: Callable[[UnitOfWork], object]) -> bool:
    """Whether ``form`` came in sound and ``act`` was done with it, in one transaction; a refusal shows at its field."""
    if not form.accepted():
        return False
    try:
        with working() as uow:
            act(uow)
    except RuleBroken as broken:
        form.show(broken)
        return False
    return True


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
