"""Who may enter a view: exactly one door on each. What they may do inside is said by ``access`` and the service."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from flask import abort, current_app

from grants.kernel.actors import Role
from grants.web.session import current_actor

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Door:
    """``word`` names it in the table of doors; ``roles`` may enter; ``anonymous`` says that anybody may."""

    word: str
    roles: frozenset[Role] = frozenset()
    anonymous: bool = False
    demo_only: bool = False


def _hang(door: Door) -> Callable[[F], F]:
    def wear(view: F) -> F:
        @wraps(view)
        def entered(*args: Any, **kwargs: Any) -> Any:
            check(door)
            return view(*args, **kwargs)

        entered.door = door  # type: ignore[attr-defined]
        return entered  # type: ignore[return-value]

    return wear


def check(door: Door) -> None:
    """404 outside a demonstration for what belongs to one, 401 for nobody, 403 for the wrong role."""
    if door.demo_only and not current_app.config["DEMO"]:
        abort(404)
    if door.anonymous:
        return
    actor = current_actor()
    if actor.id is None:
        abort(401)
    if door.roles and not door.roles & actor.roles:
        abort(403)


def public(view: F) -> F:
    """Anybody."""
    return _hang(Door("public", anonymous=True))(view)


def demo_only(view: F) -> F:
    """Anybody, in a demonstration; elsewhere there is no such page."""
    return _hang(Door("demo_only", anonymous=True, demo_only=True))(view)


def signed_in(*roles: Role) -> Callable[[F], F]:
    """Whoever is signed in, and holds one of ``roles`` when any are named. Use: ``@signed_in()``."""
    word = "+".join(sorted(role.value for role in roles)) or "signed_in"
    return _hang(Door(word, roles=frozenset(roles)))
