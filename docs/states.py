"""Writes docs/states.md from the tables of steps in the rules: ``python docs/states.py``."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import grants  # noqa: E402

HEAD = """# The lives of things

What state each thing can be in, and which step leads from where to where. Written from the tables of steps in the
rules, which the services obey; `python docs/states.py` writes this page anew. Who may take a step, and when, stands in
each stage's `access.py`.
"""
Steps = Mapping[tuple[StrEnum, StrEnum], StrEnum]


def tables() -> Iterator[tuple[str, str, Steps]]:
    """Every table of steps, with the module it stands in and its name, in the order of their names."""
    for found in pkgutil.walk_packages(grants.__path__, "grants."):
        if ".rules" not in found.name:
            continue
        module = importlib.import_module(found.name)
        for name, value in sorted(vars(module).items()):
            if name.endswith("STEPS") and isinstance(value, Mapping) and value:
                state = type(next(iter(value.values())))
                if state.__module__ == found.name:
                    yield found.name, name, value


def words(member: StrEnum) -> str:
    return member.value.replace("_", " ")


def section(module: str, table: str, steps: Steps) -> str:
    """One thing: its states in their order, and its steps. A quick round's things pass through some states only."""
    kind = type(next(iter(steps.values())))
    occurs = {state for (source, _), target in steps.items() for state in (source, target)}
    quick = table.startswith("QUICK_")
    states = [state for state in kind if state in occurs or not quick]
    name = kind.__name__.removesuffix("State")
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
    taken = {source for source, _ in steps}
    ends = [state for state in states if state not in taken]
    rows = [
        f"| {words(source)} | {words(action)} | {words(target)} |"
        for (source, action), target in sorted(steps.items(), key=lambda step: [*states].index(step[0][0]))
    ]
    return "\n".join(
        [
            f"## {spaced.capitalize()}{', in a quick round' if quick else ''}",
            "",
            f"In `{module}`. States: {', '.join(words(state) for state in states)}."
            + (f" It ends as: {', '.join(words(state) for state in ends)}." if ends else ""),
            "",
            "| from | step | to |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    )


def page() -> str:
    return "\n".join([HEAD, *(section(*found) for found in tables())])


if __name__ == "__main__":
    (HERE / "states.md").write_text(page())
