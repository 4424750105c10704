"""Every view wears exactly one door, and the table of doors tells which."""

from __future__ import annotations

from flask import Flask

from grants.web.doors import Door
from tests.architecture.doors import DOORS, MONEY, STOPS_MONEY

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


def test_every_view_that_moves_money_asks_for_a_number_again(app: Flask) -> None:
    asking = {endpoint for endpoint, view in app.view_functions.items() if getattr(view, "asks_number", False)}
    assert asking == MONEY


def test_no_view_of_a_money_stage_that_changes_something_is_left_out(app: Flask) -> None:
    posts = {rule.endpoint for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    stages = ("grants.banking.", "grants.disbursements.")
    inside = {one for one in posts if app.view_functions[one].__module__.startswith(stages)}
    money = {one for one in inside if DOORS[one] not in ("demo_only", "public")}  # public: what providers tell
    assert money - MONEY == STOPS_MONEY, "hang @number_again below the door, and put it into MONEY in doors.py"
