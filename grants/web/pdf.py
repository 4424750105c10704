"""Pages for paper: a tagged PDF where the machine can draw one, and the same page, ready to print, where it cannot."""

from __future__ import annotations

from io import BytesIO
from mimetypes import guess_type
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Response, current_app, make_response, render_template

_HOME = "http://printer.invalid"
"""Where a printed page stands: an address of nobody, so that nothing of it is fetched from outside."""


class _OnlyOurs:
    """Gives WeasyPrint our own static files and what a page carries in itself (``data:``), and nothing else."""

    def __init__(self, folder: Path, path: str) -> None:
        self.folder, self.path = folder.resolve(), path.rstrip("/") + "/"

    def __call__(self, url: str) -> Any:
        from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

        if url.startswith("data:"):
            return URLFetcher(allowed_protocols={"data"}).fetch(url)
        parts = urlsplit(url)
        if f"{parts.scheme}://{parts.netloc}" == _HOME and parts.path.startswith(self.path):
            file = (self.folder / parts.path.removeprefix(self.path)).resolve()
            if file.is_relative_to(self.folder) and file.is_file():
                kind = guess_type(file.name)[0] or "application/octet-stream"
                return URLFetcherResponse(url, BytesIO(file.read_bytes()), {"Content-Type": kind})
        raise FatalURLFetchingError(f"a printed page asked for {url}")


def draw(html: str) -> bytes | None:
    """The page as a tagged PDF, or nothing where the machine lacks the libraries that draw text (Pango).

    Whatever the page refers to must be a static file of ours or stand in the page itself; else it is an error.
    """
    try:
        import weasyprint
    except OSError:  # the package is here, and the system's Pango is not
        return None
    folder = Path(current_app.static_folder or "static")
    page = weasyprint.HTML(
        string=html, base_url=_HOME + "/", url_fetcher=_OnlyOurs(folder, current_app.static_url_path or "/static")
    )
    return bytes(page.write_pdf(pdf_tags=True))


def pdf_answer(template: str, filename: str, **context: Any) -> Response:
    """Answer with ``template`` (it extends ``web/print.html``) as a PDF to keep; ``filename`` is ours, never typed.

    Where no PDF can be drawn, the answer is the page itself, which prints on A4 and says how.
    """
    html = render_template(template, **context)
    drawn = draw(html)
    if drawn is None:
        return make_response(html)
    answer = make_response(drawn)
    answer.mimetype = "application/pdf"
    answer.headers.set("Content-Disposition", "attachment", filename=filename)
    return answer
