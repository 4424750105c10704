"""Error pages in the house's design, each with a reference and what to do next."""

from flask import Flask, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from grants.kernel.errors import Conflict, NotAllowed, NotFound, RuleBroken
from grants.web.logs import log, reference

KNOWN = {400, 401, 403, 404, 409, 413, 422, 429, 500, 503}
_RETRY_SQLSTATES = {"40001", "40P01"}


def page(status: int, message: str | None = None) -> tuple[str, int]:
    shown = status if status in KNOWN else (400 if 400 <= status < 500 else 500)
    next_path = request.full_path.rstrip("?") if request.method == "GET" else "/"
    body = render_template(
        f"errors/{shown}.html", reference=reference(), message=message, next_path=next_path, status=status
    )
    return body, status


def init_app(app: Flask) -> None:
    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> ResponseReturnValue:
        if error.code is None or error.code < 400:
            return error.get_response()
        body, status = page(error.code)
        headers = [(k, v) for k, v in error.get_headers() if k.lower() not in ("content-type", "content-length")]
        return body, status, headers

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

    @app.errorhandler(OperationalError)
    def _busy(error: OperationalError) -> ResponseReturnValue:
        if getattr(error.orig, "sqlstate", None) in _RETRY_SQLSTATES or "locked" in str(error.orig):
            log.warning("busy", extra={"facts": {"request_id": reference()}})
            return page(503, "Many people are using Seedbed at this moment. Nothing was saved: please try again.")
        return _broken(error)

    @app.errorhandler(Exception)
    def _broken(error: Exception) -> ResponseReturnValue:
        log.error("error", exc_info=error, extra={"facts": {"request_id": reference()}})
        if current_app.config.get("PROPAGATE_EXCEPTIONS"):
            raise error
        return page(500)
