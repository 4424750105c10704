"""Spreadsheets that hold what was put in, and nothing that a spreadsheet would run."""

from __future__ import annotations

import zipfile
from datetime import date
from io import BytesIO

from grants.web.sheets import Pence, Sheet, workbook


def parts(made: bytes) -> dict[str, str]:
    with zipfile.ZipFile(BytesIO(made)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_amounts_are_numbers_and_text_is_never_a_formula() -> None:
    rows = [["=1+1", Pence(123_456), date(2026, 3, 2), None, 7], ["http://example.org/x", Pence(-5), "", "", 0]]
    made = parts(workbook([Sheet("Awards", ["What", "Pounds", "Day", "", "Count"], rows, ("A note",))], "Awards"))
    sheet = made["xl/worksheets/sheet1.xml"]
    assert "<f>" not in sheet
    assert "hyperlink" not in sheet
    assert "<v>1234.56</v>" in sheet
    assert "<v>-0.05</v>" in sheet
    assert "=1+1" in sheet
    assert not any("rels" in name and "example.org" in text for name, text in made.items())


def test_every_sheet_has_its_notes_heads_and_total() -> None:
    one = Sheet("One", ["Head"], [["Row"]], ("First note", "Second note"), ["Together", Pence(100)])
    made = parts(workbook([one, Sheet("Two" * 20, ["Other"], [])], "Two sheets"))
    words = [made["xl/worksheets/sheet1.xml"].index(word) for word in ("First", "Second", "Head", ">Row<", "Together")]
    assert words == sorted(words)
    assert "Other" in made["xl/worksheets/sheet2.xml"]
