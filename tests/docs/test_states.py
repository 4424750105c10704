"""docs/states.md says what the tables of steps say."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("states", DOCS / "states.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_rules_say(writer: ModuleType) -> None:
    assert (DOCS / "states.md").read_text() == writer.page(), "run: python docs/states.py"


def test_every_table_of_steps_is_found(writer: ModuleType) -> None:
    files = sorted((DOCS.parent / "grants").glob("*/rules*")) + sorted((DOCS.parent / "grants").glob("*/rules/*.py"))
    written = sum(
        line.split("=")[0].split(":")[0].strip().endswith("STEPS")
        for file in files
        if file.suffix == ".py"
        for line in file.read_text().splitlines()
        if "STEPS" in line and "=" in line and not line.startswith((" ", "from", "import"))
    )
    assert written == len(list(writer.tables())) > 10


def test_every_state_can_be_reached_or_is_where_things_begin(writer: ModuleType) -> None:
    for module, table, steps in writer.tables():
        occurs = {state for (source, _), target in steps.items() for state in (source, target)}
        quick = table.startswith("QUICK_")  # what a quick round has no use for does not occur at all
        states = [state for state in type(next(iter(steps.values()))) if state in occurs or not quick]
        reached = set(steps.values())
        begins = [state for state in states if state not in reached]
        assert begins in ([states[0]], []), f"{module}: nothing leads to {begins[1:]}"
