"""Error pages in the house's design, each with a reference and what to do next."""

from typing import Any

from flask import Flask, current_app, g, render_template, request
from flask.globals import request_ctx
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from werkzeug.exceptions import HTTPException

from grants.kernel.actors import NOBODY
from grants.kernel.errors import Conflict, NotAllowed, NotFound, RuleBroken
from grants.ports.scanning import ScannerAway
from grants.ports.storage import StoreAway
from grants.web.limits import wait_seconds
from grants.web.logs import log, reference

KNOWN = {400, 401, 403, 404, 409, 413, 422, 429, 500, 503}
BUSY = "Many people are using Seedbed at this moment. Nothing was saved: please try again."
_RETRY_SQLSTATES = {"40001", "40P01", "55P03"}
"""Serialisation failure, deadlock, lock not available (PostgreSQL, appendix A)."""
_AWAY_SQLSTATES = {"53300", "57P01", "57P02", "57P03", None}
"""Too many connections, shut down, crashed, starting up; None: there was no connection."""


def page(status: int, message: str | None = None) -> tuple[str, int]:
    """The page for ``status``; a status without a page of its own gets that of its kind."""
    shown = status if status in KNOWN else (400 if 400 <= status < 500 else 500)
    if request_ctx.url_adapter is None:
        return f"There is no such site here. Reference: {reference()}", status  # asked for under a foreign name
    if status >= 500:
        g.setdefault("actor", NOBODY)  # who it is stands in the database, which may be what broke
    next_path = request.full_path.rstrip("?") if request.method == "GET" else "/"
    body = render_template(
        f"errors/{shown}.html", reference=reference(), message=message, next_path=next_path, status=status
    )
    return body, status


def _later(message: str | None) -> ResponseReturnValue:
    return *page(503, message), {"Retry-After": "10"}


def init_app(app: Flask) -> None:
    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> ResponseReturnValue:
        if error.code is None or error.code < 400:
            return error.get_response()
        body, status = page(error.code)
        headers = [(k, v) for k, v in error.get_headers() if k.lower() not in ("content-type", "content-length")]
        return body, status, headers

    @app.errorhandler(429)
    def _too_often(_error: HTTPException) -> ResponseReturnValue:
        seconds = wait_seconds()
        minutes = -(-seconds // 60)
        when = "a minute" if minutes == 1 else f"{minutes} minutes"
        return *page(429, f"You can try again in {when}."), {"Retry-After": str(seconds)}

    @app.errorhandler(CSRFError)
    def _csrf(error: CSRFError) -> ResponseReturnValue:
        return page(
            400, "This page was open for too long, or was not sent from our form. Go back, reload it and try again."
        )

    @app.errorhandler(NotAllowed)
    def _not_allowed(error: NotAllowed) -> ResponseReturnValue:
        return page(403, error.message)

    @app.errorhandler(NotFound)
    def _not_found(error: NotFound) -> ResponseReturnValue:
        return page(404, error.message)

    @app.errorhandler(Conflict)
    def _conflict(error: Conflict) -> ResponseReturnValue:
        return page(409, error.message)

    @app.errorhandler(RuleBroken)
    def _rule(error: RuleBroken) -> ResponseReturnValue:
        return page(422, error.message)

    @app.errorhandler(NoConnectionFree)
    def _crowded(error: NoConnectionFree) -> ResponseReturnValue:
        log.warning("busy", extra={"facts": {"request_id": reference()}})
        return _later(BUSY)

    @app.errorhandler(OperationalError)
    def _database(error: OperationalError) -> ResponseReturnValue:
        if sqlstate(error) in _RETRY_SQLSTATES or "locked" in str(error.orig):
            log.warning("busy", extra={"facts": {"request_id": reference()}})
            return _later(BUSY)
        if is_away(error):
            log.error("no database", exc_info=error, extra={"facts": {"request_id": reference()}})
            return _later(None)
        return _broken(error)

    @app.errorhandler(StoreAway)
    def _no_files(error: StoreAway) -> ResponseReturnValue:
        log.error("no files", extra={"facts": {"request_id": reference(), "why": str(error)}})
        return _later("We cannot reach our files at this moment. Nothing was saved: please try again.")

    @app.errorhandler(ScannerAway)
    def _no_scanner(error: ScannerAway) -> ResponseReturnValue:
        log.error("no scanner", extra={"facts": {"request_id": reference(), "why": str(error)}})
        return _later("We could not look for viruses in this file yet, so it stays closed. Please try again later.")

    @app.errorhandler(Exception)
    def _broken(error: Exception) -> ResponseReturnValue:
        log.error("error", exc_info=error, extra={"facts": {"request_id": reference()}})
        if current_app.config.get("PROPAGATE_EXCEPTIONS"):
            raise error
        return page(500)


def sqlstate(error: OperationalError) -> Any:
    """PostgreSQL's word for what went wrong, if it said one."""
    return getattr(error.orig, "sqlstate", None)


def is_away(error: OperationalError) -> bool:
    """Whether the database is not there to be asked: a fault of the house, not of the page."""
    if hasattr(error.orig, "sqlstate"):
        return error.connection_invalidated or sqlstate(error) in _AWAY_SQLSTATES
    return "unable to open database" in str(error.orig)
