"""Static files by the hash of their content, and where templates come from."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path

from flask import Flask, Response, request, url_for
from jinja2 import BaseLoader, ChoiceLoader, PackageLoader, PrefixLoader

YEAR_SECONDS = 31_536_000


@cache
def _stamp(path: Path, changed_ns: int) -> str:
    """The head of the file's hash; ``changed_ns`` only renews the cache when the file changes."""
    return sha256(path.read_bytes()).hexdigest()[:12]


def init_app(app: Flask) -> None:
    """Give templates ``static_url``, cache stamped files for a year, and find the GOV.UK macros."""

    def static_url(name: str) -> str:
        path = Path(app.static_folder or "static") / name
        try:
            stamp = _stamp(path, path.stat().st_mtime_ns)
        except FileNotFoundError:
            return url_for("static", filename=name)
        return url_for("static", filename=name, v=stamp)

    def keep(response: Response) -> Response:
        if request.endpoint == "static" and response.status_code in (200, 304):
            if "v" in request.args:
                response.headers["Cache-Control"] = f"public, max-age={YEAR_SECONDS}, immutable"
            else:
                response.headers["Cache-Control"] = "public, max-age=300"
        return response

    govuk = PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")})
    loaders: list[BaseLoader] = [*([app.jinja_loader] if app.jinja_loader else []), govuk]
    app.jinja_loader = ChoiceLoader(loaders)
    app.jinja_env.globals["static_url"] = static_url
    app.after_request(keep)
