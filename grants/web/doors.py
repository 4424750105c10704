"""Who may enter a view: exactly one door on each. What they may do inside is said by ``access`` and the service."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import abort, current_app, redirect, request

from grants.kernel.actors import Role, Wanted
from grants.web.session import current_actor, current_presence, still_wanted

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Door:
    """``word`` names it in the table of doors; ``roles`` may enter; ``anonymous`` says that anybody may.

    ``halfway`` lets in who came by a link and has not taken the second step yet.
    """

    word: str
    roles: frozenset[Role] = frozenset()
    anonymous: bool = False
    demo_only: bool = False
    halfway: bool = False


WHERE = {Wanted.NUMBER: "/sign-in/number", Wanted.SET_UP: "/second-step"}
"""Where somebody who came in by a link does what is still wanted of them."""


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
    """404 outside a demonstration for what belongs to one, 401 for nobody, 403 for the wrong role.

    Whoever came in by a link and still has a step to take is led there, and from there to the page they wanted.
    """
    if door.demo_only and not current_app.config["DEMO"]:
        abort(404)
    if door.anonymous:
        return
    if door.halfway:
        if current_presence() is None:
            abort(401)
        return
    actor = current_actor()
    if actor.id is None:
        lead_on()
        abort(401)
    if door.roles and not door.roles & actor.roles:
        abort(403)


def led_to(wanted: Wanted, path: str) -> str:
    """The page where ``wanted`` is done; ``path`` follows it."""
    return f"{WHERE[wanted]}?{urlencode({'next': path})}"


def lead_on(path: str | None = None) -> None:
    """Lead whoever is halfway in to what they still have to do, then to ``path`` or this page; else nothing."""
    wanted = still_wanted()
    if wanted is not None:
        here = request.full_path.rstrip("?") if request.method == "GET" else "/home"
        abort(redirect(led_to(wanted, path or here)))


def halfway(view: F) -> F:
    """Whoever came in by a link, let further or not: for the pages of the second step itself."""
    return _hang(Door("halfway", halfway=True))(view)


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
