"""docs/personal-data.md tells every table, and docs/money.md every entry."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from grants.kernel.tables import Base
from grants.ledger.rules import Pocket
from grants.web.db import load_models
from grants.web.limits import RateCount

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| `([^`]+)` \| (.+) \|$", re.MULTILINE)
TELLING = {"email", "contact_email", "contact_phone", "contact_name", "typed_name", "voter_key", "owner_name"}
"""Columns that tell, by their names alone, something about a person."""


def test_every_table_is_told_and_none_that_is_not_there() -> None:
    load_models()
    told = [name for name, _ in ROW.findall((ROOT / "docs" / "personal-data.md").read_text())]
    assert RateCount.__tablename__ in Base.metadata.tables  # it stands beside the web kit, not among the stages' models
    assert sorted(told) == sorted(Base.metadata.tables)


def test_each_says_why_and_how_long() -> None:
    rows = ROW.findall((ROOT / "docs" / "personal-data.md").read_text())
    assert [name for name, rest in rows if len([cell for cell in rest.split(" | ") if cell.strip()]) != 3] == []


def test_no_table_with_something_about_a_person_is_said_to_hold_none() -> None:
    load_models()
    rows = ROW.findall((ROOT / "docs" / "personal-data.md").read_text())
    harmless = {name for name, rest in rows if rest.startswith("none")}
    telling = {
        table.name
        for table in Base.metadata.tables.values()
        for column in table.columns
        if column.name in TELLING or any(key.column.table.name == "person" for key in column.foreign_keys)
    }
    assert sorted(harmless & telling) == []


def entries_in_the_code() -> set[str]:
    found = set()
    for file in sorted([*(ROOT / "grants").rglob("service.py"), *(ROOT / "grants").rglob("service/*.py")]):
        for call in ast.walk(ast.parse(file.read_text())):
            if not isinstance(call, ast.Call):
                continue
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            told = [word.value for word in call.keywords if word.arg == "event"] + (
                call.args[-1:] if name == "reverse" else []
            )
            found |= {value.value for value in told if isinstance(value, ast.Constant)}
    return {str(event) for event in found}


def test_every_entry_of_the_books_is_told() -> None:
    page = (ROOT / "docs" / "money.md").read_text().split("## Entries, by event")[1].split("\n## ")[0]
    assert sorted(name for name, _ in ROW.findall(page)) == sorted(entries_in_the_code())


def test_every_pocket_is_told() -> None:
    page = (ROOT / "docs" / "money.md").read_text()
    assert [pocket for pocket in Pocket if f"`contribution:<id>:{pocket.value}`" not in page] == []
