"""One structured line for each request: no address, no name, no query string, no form, no voter."""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from time import perf_counter
from uuid import uuid4

from flask import Flask, Response, g, request

_SAFE_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
log = logging.getLogger("seedbed")


class JsonLines(logging.Formatter):
    """A log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def init_app(app: Flask) -> None:
    if not log.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonLines())
        log.addHandler(handler)
        log.propagate = False
    log.setLevel(logging.WARNING if app.testing else logging.INFO)

    @app.before_request
    def _begin() -> None:
        given = request.headers.get("X-Request-ID", "")
        g.reference = given if _SAFE_ID.fullmatch(given) else uuid4().hex[:16]
        g.began = perf_counter()

    @app.after_request
    def _end(response: Response) -> Response:
        response.headers["X-Request-ID"] = reference()
        if request.endpoint != "static":
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


def reference() -> str:
    """The request's id: what an error page asks people to quote."""
    return str(g.get("reference", "none"))
