"""Nothing that is published tells of one machine or holds a secret."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MACHINE = re.compile(r"(?<![\w.:/-])/(?:work|home/\w|Users/\w|root)/")
SECRET = re.compile(
    r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----|\b[sr]k_live_\w{8}|\bwhsec_\w{16}|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_\w{30}"
)


@pytest.fixture(scope="module")
def tracked() -> dict[str, str]:
    """The text of every tracked file that is text."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    texts = {}
    for name in filter(None, listed.stdout.split("\0")):
        file = ROOT / name
        if not file.is_file() or name.startswith("static/vendor/"):
            continue
        try:
            texts[name] = file.read_text()
        except UnicodeDecodeError:
            continue
    return texts


def test_no_file_names_a_place_on_one_machine(tracked: dict[str, str]) -> None:
    assert [name for name, text in tracked.items() if MACHINE.search(text) and name != _own()] == []


def test_no_file_holds_a_secret(tracked: dict[str, str]) -> None:
    assert [name for name, text in tracked.items() if SECRET.search(text) and name != _own()] == []


def test_no_template_styles_or_scripts_inline(tracked: dict[str, str]) -> None:
    inline = re.compile(r"<style\b|\sstyle=|<script(?![^>]*\bsrc=)|\son[a-z]+=\"", re.IGNORECASE)
    templates = {name: text for name, text in tracked.items() if name.startswith("templates/")}
    assert [name for name, text in templates.items() if inline.search(text)] == []


def _own() -> str:
    return str(Path(__file__).relative_to(ROOT))
