"""Who is signed in. The cookie holds a random token; the row behind it can be revoked."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, Response, current_app, g, request, session
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from itsdangerous import URLSafeTimedSerializer

from grants.kernel.actors import NOBODY, Actor, Presence, Wanted
from grants.web.cookies import PlainOrTagged, Signed
from grants.web.db import now

IDLE = timedelta(hours=8)
Loader = Callable[[str, datetime], Presence | None]
"""From a session token to the person, or None when the session has ended."""
Asker = Callable[[Presence], Wanted | None]
"""What the person still has to do before they are let further than the door."""


class PageSessions(SecureCookieSessionInterface):
    """A signed cookie for pages only: a static file is everybody's, and may be kept by caches on the way."""

    serializer: Any = PlainOrTagged()

    def __init__(self) -> None:
        self._signing: tuple[list[Any], Signed] | None = None

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Flask's, made anew only when the keys are others: a request needs it twice."""
        keys = [app.secret_key, app.config["SECRET_KEY_FALLBACKS"]]
        if self._signing is None or self._signing[0] != keys:
            usual = super().get_signing_serializer(app)
            if usual is None:
                return None
            made = Signed(
                usual.secret_keys, usual.salt, self.serializer, signer_kwargs={"key_derivation": self.key_derivation}
            )
            self._signing = keys, made
        return self._signing[1]

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if request.endpoint != "static":
            super().save_session(app, session, response)


class SignedIn(UserMixin):  # type: ignore[misc]
    """Flask-Login's view of a session: its id is the session's token, not the person's."""

    def __init__(self, token: str, presence: Presence, wanted: Wanted | None) -> None:
        self.token, self.presence, self.wanted = token, presence, wanted

    def get_id(self) -> str:
        return self.token


def current_actor() -> Actor:
    """The person behind this request, or ``NOBODY``: who has not taken the second step is nobody yet."""
    if "actor" not in g:
        here = current_presence()
        g.actor = here.actor if here is not None and still_wanted() is None else NOBODY
    actor: Actor = g.actor
    return actor


def current_presence() -> Presence | None:
    """Who came in by a link, let further or not; None for nobody."""
    # without a token in the cookie there is nobody to look for
    found: Presence | None = current_user.presence if "_user_id" in session and current_user.is_authenticated else None
    return found


def still_wanted() -> Wanted | None:
    """What whoever came in by a link still has to do."""
    wanted: Wanted | None = None if current_presence() is None else current_user.wanted
    return wanted


def current_token() -> str | None:
    """The session's token, so that signing out can end it."""
    return current_user.token if current_user.is_authenticated else None


def enter(token: str) -> None:
    """Start the browser's session afresh; kept are a ballot in hand, and that this is a kiosk."""
    kept = {key: value for key, value in session.items() if key.startswith("ballot:") or key == "kiosk"}
    session.clear()
    session.update(kept)
    session["seen_at"] = now().timestamp()
    renew(token)


def renew(token: str) -> None:
    """The same person goes on under a new token, or somebody new under their first."""
    g.pop("actor", None)
    found = current_app.extensions["signed_in"](token)
    assert found is not None, "a session that was just made is there"
    login_user(found)


def leave() -> None:
    """End the browser's session."""
    logout_user()
    session.clear()
    g.actor = NOBODY


class Visits(LoginManager):  # type: ignore[misc]
    """Flask-Login's, without its cookie that outlives a visit: ours end with the browser."""

    def _update_remember_cookie(self, response: Response) -> Response:
        return response


def init_app(app: Flask, load: Loader, ask: Asker) -> None:
    app.session_interface = PageSessions()
    manager = Visits(app, add_context_processor=False)  # templates know the actor, and nothing else looks one up
    manager.session_protection = None  # a phone changes its address; the token and its row are the protection

    def signed_in(token: str) -> SignedIn | None:
        presence = load(token, now())
        return SignedIn(token, presence, ask(presence)) if presence is not None else None

    app.extensions["signed_in"] = signed_in

    @manager.user_loader  # type: ignore[untyped-decorator]
    def _load(token: str) -> SignedIn | None:
        seen_at = session.get("seen_at", 0)
        if now().timestamp() - seen_at > IDLE.total_seconds():
            return None
        found = signed_in(token)
        if found is None:
            return None
        if now().timestamp() - seen_at > 300:
            session["seen_at"] = now().timestamp()
        return found

    @app.context_processor
    def _actor() -> dict[str, Any]:
        return {"actor": current_actor()}
