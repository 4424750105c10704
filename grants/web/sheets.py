"""Tables that people open in a spreadsheet, in which nothing is taken for a formula."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO

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
