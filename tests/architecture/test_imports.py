"""The contracts of the tree hold, and no stage escapes them."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
WITHOUT_ROOMS = {"adapters", "demo", "kernel", "ports", "web"}


def test_the_import_contracts_hold() -> None:
    lint = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    done = subprocess.run([*lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_stage_keeps_to_the_rooms() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    rooms = next(c for c in contracts if c["name"].startswith("The rooms of a stage"))
    stages = {file.parent.name for file in (ROOT / "grants").glob("*/__init__.py")} - WITHOUT_ROOMS
    assert {f"grants.{stage}" for stage in stages} == set(rooms["containers"])


def test_an_init_holds_a_docstring_and_nothing_else() -> None:
    for file in (ROOT / "grants").rglob("__init__.py"):
        body = ast.parse(file.read_text()).body
        assert len(body) == 1, f"{file.relative_to(ROOT)} holds more than a docstring"
        assert ast.get_docstring(ast.parse(file.read_text())), f"{file.relative_to(ROOT)} holds no docstring"


def test_no_room_is_a_ragbag() -> None:
    names = {"helpers", "utils", "util", "common", "misc"}
    assert [str(f.relative_to(ROOT)) for f in (ROOT / "grants").rglob("*.py") if f.stem in names] == []


def test_no_service_commits() -> None:
    committing = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in (ROOT / "grants").rglob("*.py")
        if "service" in (file.stem, file.parent.name)
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("commit", "rollback")
    ]
    assert committing == []
