"""People as the services see them."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID, uuid4

from grants.kernel.actors import Actor, Grant, Rights, Role


def an_actor(
    *roles: Role,
    id: UUID | None = None,
    name: str = "Sam Okafor",
    scope: UUID | None = None,
    groups: Mapping[UUID, Rights] | None = None,
) -> Actor:
    """Somebody signed in who holds ``roles``, everywhere or only for ``scope``."""
    return Actor(
        id=id or uuid4(), name=name, grants=frozenset(Grant(role, scope) for role in roles), groups=dict(groups or {})
    )
