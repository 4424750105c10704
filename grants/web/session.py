"""Who is signed in. The cookie holds a random token; the row behind it can be revoked."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, Response, g, request, session
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user

from grants.kernel.actors import NOBODY, Actor
from grants.web.db import now

IDLE = timedelta(hours=8)
Loader = Callable[[str, datetime], Actor | None]
"""From a session token to the person, or None when the session has ended."""


class PageSessions(SecureCookieSessionInterface):
    """A signed cookie for pages only: a static file is everybody's, and may be kept by caches on the way."""

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if request.endpoint != "static":
            super().save_session(app, session, response)


class SignedIn(UserMixin):  # type: ignore[misc]
    """Flask-Login's view of a session: its id is the session's token, not the person's."""

    def __init__(self, token: str, actor: Actor) -> None:
        self.token, self.actor = token, actor

    def get_id(self) -> str:
        return self.token


def current_actor() -> Actor:
    """The person behind this request, or ``NOBODY``."""
    if "actor" not in g:
        g.actor = current_user.actor if current_user.is_authenticated else NOBODY
    actor: Actor = g.actor
    return actor


def current_token() -> str | None:
    """The session's token, so that signing out can end it."""
    return current_user.token if current_user.is_authenticated else None


def enter(token: str, actor: Actor) -> None:
    """Start the browser's session afresh for ``actor``; kept are a ballot in hand, and that this is a kiosk."""
    kept = {key: value for key, value in session.items() if key.startswith("ballot:") or key == "kiosk"}
    session.clear()
    session.update(kept)
    session["seen_at"] = now().timestamp()
    login_user(SignedIn(token, actor))
    g.actor = actor


def leave() -> None:
    """End the browser's session."""
    logout_user()
    session.clear()
    g.actor = NOBODY


def init_app(app: Flask, load: Loader) -> None:
    app.session_interface = PageSessions()
    manager = LoginManager(app, add_context_processor=False)  # templates know the actor, and nothing else looks one up
    manager.session_protection = None  # a phone changes its address; the token and its row are the protection

    @manager.user_loader  # type: ignore[untyped-decorator]
    def _load(token: str) -> SignedIn | None:
        seen_at = session.get("seen_at", 0)
        if now().timestamp() - seen_at > IDLE.total_seconds():
            return None
        actor = load(token, now())
        if actor is None:
            return None
        if now().timestamp() - seen_at > 300:
            session["seen_at"] = now().timestamp()
        return SignedIn(token, actor)

    @app.context_processor
    def _actor() -> dict[str, Any]:
        return {"actor": current_actor()}
