"""Every post carries a token, or is refused."""

import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex
from typing import Any, Final

from flask import Flask, g
from flask.globals import app_ctx, request_ctx
from flask_wtf.csrf import CSRFError, CSRFProtect, generate_csrf, logger, same_origin
from itsdangerous import BadData, SignatureExpired

from grants.web.cookies import Signed

METHODS = ("POST", "PUT", "PATCH", "DELETE")
FIELD = "csrf_token"


class Protection(CSRFProtect):  # type: ignore[misc]
    """Flask-WTF's check of the same token, with its signer kept: a vote's last minute is all posts.

    Refuses a post without a token that we signed for this very session within the last hours; and over HTTPS one that
    does not name a page of ours as where it comes from.
    """

    _kept: tuple[Any, Signed] | None = None

    def protect(self, apply_exemptions: bool = False) -> None:
        asked = request_ctx.request
        if asked.method not in METHODS or (apply_exemptions and (not asked.endpoint or self._is_exempt())):
            return
        if broken := self._what_is_wrong(asked):
            logger.info(broken)
            self._error_response(broken)
        if asked.is_secure:
            if not asked.referrer:
                self._error_response("The referrer header is missing.")
            if not same_origin(asked.referrer, f"https://{asked.host}/"):
                self._error_response("The referrer does not match the host.")
        g.csrf_valid = True  # so that forms need not look again

    def _what_is_wrong(self, asked: Any) -> str | None:
        given = asked.form.get(FIELD) or self._get_csrf_token()
        if not given:
            return "The CSRF token is missing."
        held = request_ctx.session.get(FIELD)
        if held is None:
            return "The CSRF session token is missing."
        try:
            token = self._tokens().loads(given, max_age=app_ctx.app.config["WTF_CSRF_TIME_LIMIT"])
        except SignatureExpired:
            return "The CSRF token has expired."
        except BadData:
            return "The CSRF token is invalid."
        return None if hmac.compare_digest(held, token) else "The CSRF tokens do not match."

    def _tokens(self) -> Signed:
        """Reads what ``flask_wtf.csrf.generate_csrf`` has signed."""
        secret = app_ctx.app.secret_key
        assert secret
        if self._kept is None or self._kept[0] != secret:
            self._kept = secret, Signed(secret, salt="wtf-csrf-token")
        return self._kept[1]


protect = Protection()


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
