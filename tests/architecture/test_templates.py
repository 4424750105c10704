"""Templates import what they use, and nothing else; each is used, and so is each style of ours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "templates"
Trees = dict[str, nodes.Template]


@pytest.fixture(scope="module")
def trees() -> Trees:
    """Every template, read as Jinja reads it, by its name."""
    files = sorted(TEMPLATES.rglob("*.html"))
    return {file.relative_to(TEMPLATES).as_posix(): Environment().parse(file.read_text()) for file in files}


@pytest.fixture(scope="module")
def words() -> str:
    """All that can name a template or a style: the templates, the code, and our scripts."""
    files = [*TEMPLATES.rglob("*.html"), *(ROOT / "grants").rglob("*.py"), *(ROOT / "static/js").glob("*.js")]
    return "\n".join(file.read_text() for file in files)


def imported(tree: nodes.Template) -> set[str]:
    names = [name for found in tree.find_all(nodes.FromImport) for name in found.names]
    whole = {found.target for found in tree.find_all(nodes.Import)}
    return whole | {name if isinstance(name, str) else name[1] for name in names}


def read(trees: Trees, name: str) -> set[str]:
    """Names that a template, or one that it includes, looks up."""
    tree = trees[name]
    own = {found.name for found in tree.find_all(nodes.Name) if found.ctx == "load"}
    parts = [found.template for found in tree.find_all(nodes.Include)]
    return own.union(*(read(trees, part.value) for part in parts if isinstance(part, nodes.Const)))


def test_no_template_imports_what_it_does_not_use(trees: Trees) -> None:
    idle = {name: imported(tree) - read(trees, name) for name, tree in trees.items()}
    assert {name: gone for name, gone in idle.items() if gone} == {}


def test_every_shared_macro_that_a_template_uses_is_imported(trees: Trees) -> None:
    shared = {macro.name for macro in trees["web/layout.html"].find_all(nodes.Macro)}
    includes = {part: name for name, tree in trees.items() for part in _included(tree)}
    missing = {}
    for name, tree in trees.items():
        if name == "web/layout.html":
            continue
        calls = {call.node.name for call in tree.find_all(nodes.Call) if isinstance(call.node, nodes.Name)}
        own = {macro.name for macro in tree.find_all(nodes.Macro)}
        known = imported(tree) | own | (imported(trees[includes[name]]) if name in includes else set())
        if gone := (calls & shared) - known:
            missing[name] = gone
    assert missing == {}


def test_every_template_is_named_somewhere(trees: Trees, words: str) -> None:
    """Those of a form's sections and of errors are named by their folder and a word: that word is looked for."""
    named = {name for name in trees if name in words}
    made = re.compile(r"errors/\d{3}\.html|proposals/section_\w+\.html|priorities/(?:agree|revise|retire)\.html")
    assert [name for name in trees if name not in named and not made.fullmatch(name)] == []


def test_every_style_of_ours_is_worn(words: str) -> None:
    """A class with a modifier that is put together on the page (``app-x--{{ kind }}``) is known by its start."""
    idle = []
    for sheet in sorted((ROOT / "static/css").glob("*.css")):
        selectors = re.sub(r"/\*.*?\*/|\{[^{}]*\}", " ", sheet.read_text(), flags=re.DOTALL)
        for name in sorted(set(re.findall(r"\.((?:app|p)-[\w-]+)", selectors))):
            start = name.split("--")[0] + "--" if "--" in name else name
            if name not in words and f"{start}{{" not in words and f'{start}"' not in words:
                idle.append(f"{sheet.name}: .{name}")
    assert idle == []


def _included(tree: nodes.Template) -> set[str]:
    return {found.template.value for found in tree.find_all(nodes.Include) if isinstance(found.template, nodes.Const)}
