"""Check a result: run it again from what went in."""

import json
from pathlib import Path
from uuid import UUID

import click
from flask.cli import AppGroup

from grants.allocation import queries
from grants.allocation.rules.replay import Inputs, NotInputs, Replayed, replay_as_kept
from grants.allocation.service import runs
from grants.kernel.errors import NotFound, RuleBroken
from grants.web.db import reading
from grants.web.ticks import ticking

cli = AppGroup("allocation", help="Sharing the pot.")

ticking("results whose what-ifs were tried", order=60)(runs.try_on)


@cli.command("replay")
@click.argument("run")
def replay_run(run: str) -> None:
    """Share the pot again and compare checksums. RUN: a run's id, or a results file downloaded from its page.

    Ends with 1 when the checksum is another one.
    """
    try:
        if Path(run).is_file():
            again, outcome, checksum = _from_file(Path(run))
        else:
            inputs, outcome, checksum = _stored(run)
            again = replay_as_kept(inputs, checksum)
    except (ValueError, RuleBroken) as broken:
        raise click.ClickException(str(broken)) from broken
    click.echo(f"stored    {checksum}\nreplayed  {again.checksum}")
    if again.checksum != checksum or json.loads(again.run.outcome_json()) != outcome:
        raise click.ClickException("Another result came out. What is stored is not what the rule gives.")
    click.echo("The same result came out.")


def _from_file(file: Path) -> tuple[Replayed, object, str]:
    try:
        facts = json.loads(file.read_bytes())
    except (ValueError, RecursionError, OSError):
        facts = None
    if not isinstance(facts, dict) or not {"inputs", "outcome", "checksum"} <= set(facts):
        raise ValueError("this is not a results file that we can read")
    checksum = str(facts["checksum"])
    try:
        return replay_as_kept(Inputs.from_json(json.dumps(facts["inputs"])), checksum), facts["outcome"], checksum
    except NotInputs:
        raise
    except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError) as broken:  # words for numbers
        raise ValueError("something in the inputs of this file was changed, so that nothing can be counted") from broken


def _stored(run: str) -> tuple[Inputs, object, str]:
    try:
        found = queries.run(reading(), UUID(run))
    except (ValueError, NotFound):
        raise ValueError("there is no such run, and no such file") from None
    return queries.inputs(reading(), found), json.loads(found.outcome), found.checksum
