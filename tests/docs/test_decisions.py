"""Each dependency has its reason, and each decision its form."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def package(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9_-]", requirement)[0].lower()


def reasons(part: str) -> set[str]:
    """The packages that a table of decision 2 gives a reason for; ``types-…`` stands for all of its kind."""
    page = (ROOT / "docs" / "decisions" / "0002-dependencies.md").read_text().split(part)[1].split("\n## ")[0]
    names = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", page, re.MULTILINE)
    return {package(name.strip()) for row in names for name in row.split(",")} - {"package", "---"}


@pytest.mark.parametrize(
    ("part", "required"),
    [
        ("## The application", PROJECT["dependencies"]),
        ("## Only where it is used", PROJECT["optional-dependencies"]["s3"]),
        ("## For development only", PROJECT["optional-dependencies"]["dev"]),
    ],
)
def test_every_dependency_has_its_reason_and_every_reason_its_dependency(part: str, required: list[str]) -> None:
    told, wanted = reasons(part), {package(requirement) for requirement in required}
    types = {name for name in wanted if name.startswith("types-")}
    assert sorted(told - {"types-"}) == sorted(wanted - types)
    assert bool(types) == ("types-" in told)


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_has_its_form(page: Path) -> None:
    text = page.read_text()
    assert re.match(r"# \d+\. \S", text)
    assert int(page.name[:4]) == int(re.findall(r"\d+", text)[0])
    assert re.search(r"^Status: (accepted|proposed|superseded)", text, re.MULTILINE)


def test_decisions_have_numbers_of_their_own() -> None:
    numbers = [page.name[:4] for page in DECISIONS]
    assert len(numbers) == len(set(numbers))


WITHOUT_IMPORT = {
    "govuk-frontend-jinja": "templates",
    "granian": "started as a program",
    "psycopg": "named in the database's address",
    "tzdata": "data",
}
IMPORTED_AS = {"pillow": "PIL", "pyyaml": "yaml", "sqlalchemy": "sqlalchemy", "wtforms": "wtforms"}


@pytest.mark.parametrize("name", sorted({package(requirement) for requirement in PROJECT["dependencies"]}))
def test_every_dependency_is_used(name: str) -> None:
    if name in WITHOUT_IMPORT:
        return
    module = IMPORTED_AS.get(name, name.replace("-", "_"))
    used = re.compile(rf"^\s*(from|import) {module}\b", re.MULTILINE)
    assert any(used.search(file.read_text()) for file in (ROOT / "grants").rglob("*.py")), f"nothing imports {module}"
