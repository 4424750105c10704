"""What services write in the trail: one form of words, and nothing about a person."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
VERB = re.compile(r"[a-z][a-z_]*\.[a-z][a-z_]*")
PERSONAL = {"name", "email", "phone", "address", "postcode", "choices", "ballot", "text", "token", "code", "ip"}
NOT_BODY = {"before", "after", "why", "role"}


def records() -> Iterator[tuple[str, ast.Call]]:
    """Every call of ``uow.record``, and where it stands."""
    for file in sorted((ROOT / "grants").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "record"
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "uow"
            ):
                yield f"{file.relative_to(ROOT)}:{node.lineno}", node


def test_a_verb_is_thing_and_past_tense() -> None:
    odd = []
    for where, call in records():
        verb = call.args[0] if call.args else None
        if isinstance(verb, ast.Constant) and not (isinstance(verb.value, str) and VERB.fullmatch(verb.value)):
            odd.append(f"{where}: {verb.value!r}")
    assert odd == []


def test_the_body_names_nothing_personal() -> None:
    personal = [
        f"{where}: {word.arg}"
        for where, call in records()
        for word in call.keywords
        if word.arg in PERSONAL and word.arg not in NOT_BODY
    ]
    assert personal == []
