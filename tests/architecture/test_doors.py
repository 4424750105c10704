"""Every view wears exactly one door, and the table of doors tells which."""

from __future__ import annotations

from flask import Flask

from grants.web.doors import Door
from tests.architecture.doors import DOORS

WITHOUT_DOOR = {"static"}


def doors_worn(app: Flask) -> dict[str, Door | None]:
    """The door of every view, by its endpoint."""
    return {
        endpoint: getattr(view, "door", None)
        for endpoint, view in app.view_functions.items()
        if endpoint not in WITHOUT_DOOR
    }


def test_every_view_wears_a_door(app: Flask) -> None:
    assert [endpoint for endpoint, door in doors_worn(app).items() if door is None] == []


def test_the_table_tells_every_door(app: Flask) -> None:
    worn = {endpoint: door.word for endpoint, door in doors_worn(app).items() if door}
    missing = [f'"{endpoint}": "{word}",' for endpoint, word in sorted(worn.items()) if endpoint not in DOORS]
    assert not missing, "add to tests/architecture/doors.py:\n    " + "\n    ".join(missing)
    assert {endpoint: word for endpoint, word in DOORS.items() if worn.get(endpoint) != word} == {}


def test_no_view_wears_two_doors(app: Flask) -> None:
    doubled = []
    for endpoint, view in app.view_functions.items():
        inner = getattr(view, "__wrapped__", None)
        if hasattr(view, "door") and getattr(inner, "door", None) not in (None, view.door):
            doubled.append(endpoint)
    assert doubled == []
