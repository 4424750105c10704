"""Static files by the hash of their content, and where templates come from."""

from __future__ import annotations

import gzip
import os
import re
from functools import cache
from hashlib import sha256
from pathlib import Path

from flask import Flask, Response, has_request_context, request, url_for
from jinja2 import BaseLoader, ChoiceLoader, PackageLoader, PrefixLoader
from werkzeug.wsgi import FileWrapper

YEAR_SECONDS = 31_536_000
PACKED = (".css", ".js", ".svg")
NAMING = (".css", ".js")
NAMES = re.compile(rb"""(url\(["']?|\bfrom\s*["']|\bimport\(["'])(\.{1,2}/[^"')?#\s]+)""")


@cache
def _stamp(path: Path, changed_ns: int) -> str:
    """The head of the hash of what is sent; ``changed_ns`` only renews the cache when the file changes."""
    return sha256(_told(path, changed_ns)).hexdigest()[:12]


@cache
def _told(path: Path, changed_ns: int) -> bytes:
    """What is sent of a file: its bytes, in which every file that it names (a font, a picture, a module) is stamped.

    So these are kept for a year too, and when one of them changes, what names it changes its name as well.
    """

    def stamped(found: re.Match[bytes]) -> bytes:
        other = (path.parent / found[2].decode()).resolve()
        if not other.is_file():
            return found[0]
        return found[1] + found[2] + b"?v=" + _stamp(other, other.stat().st_mtime_ns).encode()

    held = path.read_bytes()
    return NAMES.sub(stamped, held) if path.suffix in NAMING else held


@cache
def _packed(path: Path, changed_ns: int) -> bytes:
    """The same, compressed once for each of its versions."""
    return gzip.compress(_told(path, changed_ns), compresslevel=9, mtime=0)


def _pack(response: Response, path: Path) -> None:
    """Send a text file compressed to a browser that takes it.

    Only files: a page holds both a secret (the token of its forms) and what people typed, so that its compressed size
    could tell on the secret (BREACH).
    """
    response.vary.add("Accept-Encoding")
    if "Range" in request.headers:
        return
    etag, _weak = response.get_etag()
    response.direct_passthrough = False
    if isinstance(response.response, FileWrapper):
        response.response.close()
    packed = request.accept_encodings["gzip"] > 0
    response.set_data((_packed if packed else _told)(path, path.stat().st_mtime_ns))
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    if etag:
        response.set_etag(etag, weak=True)  # the same content, other bytes


def init_app(app: Flask) -> None:
    """Give templates ``static_url``, cache stamped files for a year, and find the GOV.UK macros."""

    folder = app.static_folder or "static"

    def static_url(name: str) -> str:
        try:
            changed_ns = os.stat(f"{folder}/{name}").st_mtime_ns
        except FileNotFoundError:
            return url_for("static", filename=name)
        return stamped(name, changed_ns, request.script_root if has_request_context() else None)

    @cache
    def stamped(name: str, changed_ns: int, _root: str | None) -> str:
        return url_for("static", filename=name, v=_stamp(Path(folder) / name, changed_ns))

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
