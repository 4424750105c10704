"""Static files by the hash of their content, and where templates come from."""

from __future__ import annotations

import gzip
from functools import cache
from hashlib import sha256
from pathlib import Path

from flask import Flask, Response, request, url_for
from jinja2 import BaseLoader, ChoiceLoader, PackageLoader, PrefixLoader
from werkzeug.wsgi import FileWrapper

YEAR_SECONDS = 31_536_000
PACKED = (".css", ".js", ".svg")


@cache
def _stamp(path: Path, changed_ns: int) -> str:
    """The head of the file's hash; ``changed_ns`` only renews the cache when the file changes."""
    return sha256(path.read_bytes()).hexdigest()[:12]


@cache
def _packed(path: Path, changed_ns: int) -> bytes:
    """The file's bytes, compressed once for each of its versions."""
    return gzip.compress(path.read_bytes(), compresslevel=9, mtime=0)


def _pack(response: Response, path: Path) -> None:
    """Send a text file compressed to a browser that takes it.

    Only files: a page holds both a secret (the token of its forms) and what people typed, so that its compressed size
    could tell on the secret (BREACH).
    """
    response.vary.add("Accept-Encoding")
    if request.accept_encodings["gzip"] <= 0 or "Range" in request.headers:
        return
    etag, _weak = response.get_etag()
    response.direct_passthrough = False
    if isinstance(response.response, FileWrapper):
        response.response.close()
    response.set_data(_packed(path, path.stat().st_mtime_ns))
    response.headers["Content-Encoding"] = "gzip"
    if etag:
        response.set_etag(etag, weak=True)  # the same content, other bytes


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
            name = str((request.view_args or {})["filename"])
            if response.status_code == 200 and name.endswith(PACKED):
                _pack(response, Path(app.static_folder or "static") / name)
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
