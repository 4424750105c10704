"""Every verb of the trail is told in docs/trail.md, and none that is not in the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
VERB = re.compile(r"[a-z]+\.[a-z]+(_[a-z]+)*")
DONE = {
    *(
        "begun",
        "came",
        "forgotten",
        "found",
        "frozen",
        "given",
        "held",
        "hidden",
        "kept",
        "left",
        "made",
        "met",
        "written",
        "paid",
        "put",
    ),
    *("sent", "set", "taken", "withdrawn"),
}
"""Irregular words for what is done; the others end in -ed."""
STATES = {"proposal.awarded", "proposal.not_funded", "proposal.reserve"}
"""Verbs that are made of a state: what the panel decided about a proposal."""


def in_the_docs() -> list[str]:
    return re.findall(r"^\| `([^`]+)` \|", (ROOT / "docs" / "trail.md").read_text(), re.MULTILINE)


def in_the_code() -> set[str]:
    """What ``record`` is given, and in its modules what is handed to a function as its ``verb``."""
    found = set(STATES)
    for file in sorted([*(ROOT / "grants").rglob("service.py"), *(ROOT / "grants").rglob("service/*.py")]):
        tree = ast.parse(file.read_text())
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        if not any(isinstance(call.func, ast.Attribute) and call.func.attr == "record" for call in calls):
            continue
        events = {id(word.value) for call in calls for word in call.keywords if word.arg in ("event", "event_name")}
        keys = {id(call.args[0]) for call in calls if call.args and _name(call) == "_flash"}
        found |= {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and VERB.fullmatch(node.value)
            and id(node) not in events | keys
        }
    return found


def _name(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def test_the_page_tells_every_verb() -> None:
    missing = sorted(in_the_code() - set(in_the_docs()))
    assert missing == [], "add to docs/trail.md what these mean"


def test_the_page_tells_no_verb_that_nobody_writes() -> None:
    assert sorted(set(in_the_docs()) - in_the_code()) == []


def test_no_verb_is_told_twice() -> None:
    told = in_the_docs()
    assert sorted({verb for verb in told if told.count(verb) > 1}) == []


def test_a_verb_says_what_was_done() -> None:
    def done(verb: str) -> bool:
        return any(word in DONE or word.endswith("ed") for word in verb.partition(".")[2].split("_"))

    assert sorted(verb for verb in in_the_code() - STATES if not done(verb)) == []
