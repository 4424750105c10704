"""What the README says can be done can be done."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from flask import Flask
from PIL import Image

from grants.cli import command_line
from grants.config import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)#\s]+)")


def test_every_setting_stands_in_the_table_and_the_reverse() -> None:
    told = re.findall(r"^\| `GRANTS_([A-Z0-9_]+)` \|", README, re.MULTILINE)
    assert sorted(told) == sorted(field.name.upper() for field in fields(Settings))


def test_every_setting_is_read_from_the_environment() -> None:
    """A setting that ``from_environ`` forgets would stand in the table and do nothing."""
    source = (ROOT / "grants" / "config.py").read_text()
    assert [field.name for field in fields(Settings) if f'text("{field.name.upper()}"' not in source] == []


def test_the_defaults_in_the_table_are_those_of_the_code() -> None:
    told = dict(re.findall(r"^\| `GRANTS_([A-Z0-9_]+)` \| `([^`]+)` \|", README, re.MULTILINE))
    defaults = {field.name.upper(): field.default for field in fields(Settings)}
    plain = {name: value for name, value in told.items() if name != "FILES_FOLDER"}
    assert plain == {
        name: str(int(value) if isinstance((value := defaults[name]), bool) else getattr(value, "value", value))
        for name in plain
    }


def commands_told() -> list[str]:
    """``grants …`` as the README, the Makefile and the docs write it."""
    sources = [README, (ROOT / "Makefile").read_text(), *(page.read_text() for page in PAGES[1:])]
    found = set()
    for source in sources:
        found |= {
            " ".join(match.split())
            for match in re.findall(r"(?:\bbin/|\$\(BIN\)/|`)grants ((?:[a-z-]+ ?){1,2})", source)
        }
    return sorted(found)


@pytest.mark.parametrize("told", commands_told())
def test_every_command_exists(app: Flask, told: str) -> None:
    group, *rest = told.split()
    commands = {**app.cli.commands, **command_line().commands}
    assert group in commands, f"grants {told}"
    if rest and rest[0].startswith("--"):
        assert rest[0] in {name for option in commands[group].params for name in option.opts}, f"grants {told}"
    elif rest:
        names = commands[group].commands  # type: ignore[attr-defined]
        assert rest[0] in names, f"grants {told}"


def test_the_readme_names_commands() -> None:
    assert {"outbox send", "rounds tick", "voting close-due", "people make-admin", "db upgrade"} <= set(commands_told())


def targets_told() -> list[str]:
    """``make …`` as the README writes it, in a line of its own or in a sentence."""
    fenced = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    sentences = re.sub(r"^```.*?^```", "", README, flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in fenced for line in block.splitlines()] + re.findall(r"`([^`\n]+)`", sentences)
    return sorted({line.split()[1] for line in lines if line.startswith("make ")})


@pytest.mark.parametrize("target", targets_told())
def test_every_make_target_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_the_two_commands_come_first() -> None:
    assert README.index("make demo ") < README.index("make test ") < README.index("## A grant's life in ten lines")


def test_the_journey_has_ten_lines() -> None:
    journey = README.split("## A grant's life in ten lines")[1].split("\n## ")[0]
    assert re.findall(r"^(\d+)\. ", journey, re.MULTILINE) == [str(number) for number in range(1, 11)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()] == []


def test_pictures_are_shown_and_small() -> None:
    shown = re.findall(r"!\[[^\]]{10,}\]\(docs/pictures/([a-z-]+\.png)\)", README)
    assert len(shown) >= 3
    for name in shown:
        file = ROOT / "docs" / "pictures" / name
        assert file.stat().st_size < 150_000, name
        with Image.open(file) as picture:
            assert picture.width in (390, 1280), name


def test_every_page_of_docs_is_listed_in_the_readme() -> None:
    listed = {link for link in LINK.findall(README) if link.startswith("docs/")}
    assert [page.name for page in (ROOT / "docs").glob("*.md") if f"docs/{page.name}" not in listed] == []
