"""What the operator is told of the tables of account numbers, before they are used."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from grants.payees.cli import try_tables

LINE = "089000 089999 MOD10 0 0 0 0 0 0 7 1 3 7 1 3 7 1"


@pytest.mark.parametrize(
    ("weights", "substitutes", "code", "said"),
    [
        (f"{LINE}\n", "938173 938017\n", 0, "1 lines, from sort code 089000 to 089999, and 1 substitutes."),
        (f"{LINE} 15\n", "", 1, "exception 15 is newer than this version of Seedbed"),
        ("089000 089999 MOD12 0\n", "", 1, "cannot be read"),
        ("", "", 1, "there is no line in them"),
        (f"{LINE}\n", None, 1, "scsubtab.txt is missing"),
    ],
)
def test_the_operator_tries_tables_before_they_are_used(
    tmp_path: Path, weights: str, substitutes: str | None, code: int, said: str
) -> None:
    (tmp_path / "valacdos.txt").write_text(weights, "ascii")
    if substitutes is not None:
        (tmp_path / "scsubtab.txt").write_text(substitutes, "ascii")
    answer = CliRunner().invoke(try_tables, [str(tmp_path)])
    assert answer.exit_code == code, answer.output
    assert said in answer.output
