"""Who may read what. Nothing here writes."""

from collections.abc import Collection
from uuid import UUID

from grants.funds.access import speaks_for
from grants.kernel.actors import Actor, Role
from grants.kernel.errors import NotAllowed

CLOSED = "This statement is open to its funder, and to those who keep and check the fund."
_KEEPERS = (Role.STEWARD, Role.FINANCE_OFFICER)


def funds_kept(actor: Actor) -> frozenset[UUID] | None:
    """The funds whose books this person may read; None for all of them."""
    if actor.has(Role.AUDITOR) or actor.has(Role.ADMIN):
        return None
    kept: frozenset[UUID] = frozenset()
    for role in _KEEPERS:
        if actor.has(role):
            scopes = actor.scopes(role)
            if scopes is None:
                return None
            kept |= scopes
    return kept


def funds_in_statement(actor: Actor, funder_id: UUID, given_to: Collection[UUID]) -> frozenset[UUID] | None:
    """Of which funds this person may read what this funder gave; None for all.

    The funder reads everything of its own and nothing of any other. ``given_to``: the funds that the funder gave to.
    """
    if speaks_for(actor, funder_id):
        return None
    kept = funds_kept(actor)
    if kept is None or kept & set(given_to):
        return kept
    raise NotAllowed(CLOSED)


def ensure_may_read_books(actor: Actor, fund_id: UUID) -> None:
    """A finance officer of this fund, or an auditor."""
    if not (actor.has(Role.AUDITOR) or actor.has(Role.FINANCE_OFFICER, fund_id)):
        raise NotAllowed("The books are open to the finance officers of this fund and to the auditor.")


def books_read(actor: Actor) -> frozenset[UUID] | None:
    """The funds whose books are open to this person; None for all."""
    return None if actor.has(Role.AUDITOR) else actor.scopes(Role.FINANCE_OFFICER)
