"""One structured line for each request: no address, no name, no query string, no form, no voter."""

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from secrets import token_hex
from time import perf_counter
from typing import Any

from flask import Blueprint, Flask, Response, g, request

_SAFE_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
log = logging.getLogger("seedbed")


class JsonLines(logging.Formatter):
    """A log record as one line of JSON.

    A trace names files, lines and kinds of error. What an error says may hold what somebody typed, so it is told only
    where ``told`` is set: on a developer's machine.
    """

    def __init__(self, *, told: bool = False) -> None:
        super().__init__()
        self.told = told

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info and record.exc_info[1]:
            line["trace"] = self.formatException(record.exc_info) if self.told else trace(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False)


def trace(error: BaseException) -> list[str]:
    """Where an error arose, cause first, and of which kind each was; not what it said."""
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    frames = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]
    return [*(trace(earlier) if earlier else []), *frames, type(error).__qualname__]


def init_app(app: Flask) -> None:
    if not log.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonLines(told=app.config["SETTINGS"].env == "development"))
        for logger in (log, logging.getLogger(app.name)):  # Flask's own words too
            logger.addHandler(handler)
            logger.propagate = False
    log.setLevel(logging.WARNING if app.testing else logging.INFO)
    app.log_exception = _log_last  # type: ignore[method-assign]  # Flask's own would tell the path, and a path may be a key

    @app.before_request
    def _begin() -> None:
        given = request.environ.get("HTTP_X_REQUEST_ID", "")
        g.reference = given if given and _SAFE_ID.fullmatch(given) else token_hex(8)
        g.began = perf_counter()

    @app.after_request
    def _end(response: Response) -> Response:
        response.headers["X-Request-ID"] = reference()
        if request.endpoint != "static" and not _is_quiet(response):
            log.info(
                "request",
                extra={
                    "facts": {
                        "request_id": reference(),
                        "method": request.method,
                        "endpoint": request.endpoint,
                        "status": response.status_code,
                        "ms": round((perf_counter() - g.get("began", perf_counter())) * 1000, 1),
                    }
                },
            )
        return response


def quiet(blueprint: Blueprint) -> Blueprint:
    """Write no line for answers of this stage that went well: its lines would tell how many vote, and when."""
    _quiet.add(blueprint.name)
    return blueprint


_quiet: set[str] = set()


def _is_quiet(response: Response) -> bool:
    return request.blueprint in _quiet and response.status_code < 500


def _log_last(exc_info: Any) -> None:
    """What no page could be made of: an error while an answer was being finished."""
    log.error("error", exc_info=exc_info, extra={"facts": {"request_id": reference()}})


def reference() -> str:
    """The request's id: what an error page asks people to quote."""
    return str(g.get("reference", "none"))
