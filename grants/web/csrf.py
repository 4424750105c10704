"""Every post carries a token, or is refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex
from typing import Final

from flask import Flask, g
from flask_wtf.csrf import CSRFError, CSRFProtect, generate_csrf

protect = CSRFProtect()


_PLACE: Final = f"kept-for-a-token-{token_hex(16)}"
"""Stands in pages that are kept where each visitor's own token goes; nobody can write it into what they say."""


def token() -> str:
    """The visitor's token, as templates ask for it; in a page that is made to be kept, the place where it goes."""
    if g.get("leaving_places"):
        g.left_places = True
        return _PLACE
    return str(generate_csrf())


@contextmanager
def leaving_places() -> Iterator[None]:
    """Make a page that is for everybody: no visitor's token gets into it (``fill_in``)."""
    g.leaving_places, g.left_places = True, False
    try:
        yield
    finally:
        g.leaving_places = False


def has_places() -> bool:
    """Whether the page that was made last has places for a token."""
    return bool(g.get("left_places"))


def fill_in(page: bytes) -> bytes:
    """The page with this visitor's token in its places."""
    return page.replace(_PLACE.encode(), str(generate_csrf()).encode())


def init_app(app: Flask) -> None:
    protect.init_app(app)
    app.jinja_env.globals["csrf_token"] = token
    app.context_processor(lambda: {"csrf_token": token})


__all__ = ["CSRFError", "fill_in", "has_places", "init_app", "leaving_places", "protect", "token"]
