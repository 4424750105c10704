"""Pages for paper: a tagged PDF of our own words, or the page itself; nothing is fetched from anywhere else."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from jinja2 import ChoiceLoader, FileSystemLoader
from pypdf import PdfReader

from grants.web.pdf import pdf_answer


@pytest.fixture
def printing(app: Flask) -> Iterator[Flask]:
    """The application inside a request, with this folder's templates beside its own."""
    app.jinja_loader = ChoiceLoader([app.jinja_loader, FileSystemLoader(Path(__file__).parent)])  # type: ignore[list-item]
    with app.test_request_context("/"):
        yield app


def words(data: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(data)).pages)


def test_a_letter_is_a_tagged_pdf_with_its_words(printing: Flask) -> None:
    answer = pdf_answer("printed.html", "letter.pdf", words="Well done, Zoë & co.")
    assert answer.mimetype == "application/pdf"
    assert answer.headers["Content-Disposition"] == "attachment; filename=letter.pdf"
    said = words(answer.data)
    assert "Well done, Zoë & co." in said
    assert "£1,200.00" in said
    assert "Round of spring" in said
    assert "Page 1 of 1" in said
    root: Any = PdfReader(BytesIO(answer.data)).trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"


def test_our_own_fonts_are_in_it(printing: Flask) -> None:
    page: Any = PdfReader(BytesIO(pdf_answer("printed.html", "x.pdf", words="ab").data)).pages[0]
    fonts = {str(font.get_object()["/BaseFont"]) for font in page["/Resources"]["/Font"].values()}
    assert any("Public-Sans" in name or "PublicSans" in name for name in fonts), fonts


@pytest.mark.parametrize(
    "picture",
    [
        "https://example.org/x.png",
        "file:///etc/passwd",
        "/static/../pyproject.toml",
        "/static/%2e%2e/pyproject.toml",
        "/x",
    ],
)
def test_nothing_is_fetched_from_anywhere_else(printing: Flask, picture: str) -> None:
    from weasyprint.urls import FatalURLFetchingError

    with pytest.raises(FatalURLFetchingError):
        pdf_answer("printed.html", "x.pdf", words="", picture=picture)


def test_a_picture_of_the_page_itself_is_drawn(printing: Flask) -> None:
    dot = (
        "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHdpZHRoPSIxIiBoZWlnaHQ9IjEiLz4="
    )
    assert pdf_answer("printed.html", "x.pdf", words="", picture=dot).data.startswith(b"%PDF-")


def test_without_the_systems_libraries_the_page_itself_is_sent_to_print(
    printing: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name.split(".")[0] == "weasyprint":
            raise OSError("cannot load library 'pango'")
        return plain(name, *rest, **named)

    monkeypatch.delitem(sys.modules, "weasyprint", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    answer = pdf_answer("printed.html", "letter.pdf", words="<Hello>")
    assert answer.mimetype == "text/html"
    assert "Content-Disposition" not in answer.headers
    assert "&lt;Hello&gt;" in answer.get_data(as_text=True)
    assert "with your browser’s Print" in answer.get_data(as_text=True)


def test_large_print_is_larger(printing: Flask) -> None:
    usual, large = (
        PdfReader(BytesIO(pdf_answer("printed.html", "x.pdf", words="seed " * 900, size=size).data))
        for size in ("usual", "large")
    )
    assert len(large.pages) > len(usual.pages)
