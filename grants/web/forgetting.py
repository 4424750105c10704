"""Forgetting a person everywhere: every stage says what it holds of them, and the person's page asks them all."""

from collections.abc import Callable
from uuid import UUID

from grants.kernel.work import UnitOfWork

Forget = Callable[[UnitOfWork, UUID, str | None], None]
"""Takes the person's id and their address; blanks what the stage holds, in the same transaction. Safe to run twice."""
_forgets: list[Forget] = []


def forgetting(forget: Forget) -> Forget:
    """Register a stage's service that blanks what it holds of a person."""
    _forgets.append(forget)
    return forget


def forget_everywhere(uow: UnitOfWork, person_id: UUID, email: str | None) -> None:
    """Have every stage forget what it holds of this person."""
    for forget in _forgets:
        forget(uow, person_id, email)
