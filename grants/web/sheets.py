"""Tables that people open in a spreadsheet, in which nothing is taken for a formula."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from io import BytesIO, StringIO
from typing import Any

from flask import Response

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def safe_cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula: a leading = + - @, tab or line end gets a quote before it.

    Whole numbers are left as they are. Source: OWASP, CSV Injection.

    >>> safe_cell("=1+1"), safe_cell(" @x"), safe_cell(-3), safe_cell(None)
    ("'=1+1", "' @x", '-3', '')
    """
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value)
    text = str(value).replace("\x00", "")
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def csv_text(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A comma-separated table with its heads, each cell safe."""
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(heads)
    writer.writerows([safe_cell(value) for value in row] for row in rows)
    return out.getvalue()


@dataclass(frozen=True, slots=True)
class Pence:
    """An amount in a spreadsheet: shown in pounds, and summed as a number."""

    minor: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet of a workbook. Cells: text, whole numbers, ``Pence``, days, nothing. ``total``: a last row in bold."""

    title: str
    heads: Sequence[str]
    rows: Iterable[Sequence[object]]
    notes: Sequence[str] = ()
    """Lines above the table: what it is, for whom, of which day."""
    total: Sequence[object] = ()


def workbook(sheets: Sequence[Sheet], title: str) -> bytes:
    """A spreadsheet (XLSX) without formulas and links, whatever its cells say. Rows go to disk as they come."""
    import xlsxwriter  # with the first one, not in every worker

    out = BytesIO()
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(out, options) as book:
        book.set_properties({"title": title})
        plain = {"valign": "top", "text_wrap": True}
        looks = {
            (kind, bold): book.add_format({**plain, **shape, "bold": bold})
            for bold in (False, True)
            for kind, shape in (
                ("text", {}),
                ("money", {"num_format": "#,##0.00", "text_wrap": False}),
                ("day", {"num_format": "d mmm yyyy", "text_wrap": False, "align": "left"}),
            )
        }
        note = book.add_format({"text_wrap": False})
        for sheet in sheets:
            page = book.add_worksheet(sheet.title[:31])
            page.set_landscape()
            page.set_paper(9)  # A4
            page.fit_to_pages(1, 0)
            page.set_column(0, max(len(sheet.heads) - 1, 0), 18)
            at = 0
            for at, line in enumerate(sheet.notes, 1):
                page.write_string(at - 1, 0, line, note)
            at += 1 if sheet.notes else 0
            for column, head in enumerate(sheet.heads):
                page.write_string(at, column, head, looks["text", True])
            page.repeat_rows(at)
            for row in sheet.rows:
                at += 1
                _write(page, at, row, looks, False)
            if sheet.total:
                _write(page, at + 1, sheet.total, looks, True)
    return out.getvalue()


def _write(page: Any, at: int, row: Sequence[object], looks: dict[tuple[str, bool], Any], bold: bool) -> None:
    for column, value in enumerate(row):
        if isinstance(value, Pence):
            page.write_number(at, column, value.minor / 100, looks["money", bold])
        elif isinstance(value, int):
            page.write_number(at, column, value, looks["text", bold])
        elif isinstance(value, date) and not isinstance(value, datetime):
            page.write_datetime(at, column, value, looks["day", bold])
        elif value not in (None, ""):
            page.write_string(at, column, str(value).replace("\x00", "")[:32_000], looks["text", bold])


def xlsx_answer(sheets: Sequence[Sheet], title: str, filename: str) -> Response:
    """Answer with a spreadsheet to keep; ``filename`` is ours, never typed."""
    answer = Response(workbook(sheets, title))
    answer.mimetype = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    answer.headers.set("Content-Disposition", "attachment", filename=filename)
    return answer
