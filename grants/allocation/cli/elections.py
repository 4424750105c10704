"""A round's election as a file that others can count, and elections elsewhere as rounds here."""

from errno import EPIPE
from pathlib import Path
from uuid import UUID

import click
from flask import current_app
from flask.cli import AppGroup

from grants.allocation import queries
from grants.allocation.rules.outside import round_pb
from grants.allocation.service import elections
from grants.kernel.errors import NotFound, RuleBroken
from grants.rounds import queries as rounds
from grants.web.db import now, reading
from grants.web.work import clockwork

cli = AppGroup("round", help="A round's election as a file, and elections elsewhere.")


@cli.command("export")
@click.argument("round_id", metavar="ROUND")
@click.option("--format", "format_", type=click.Choice(["pb"]), default="pb", show_default=True, help="Pabulib's .pb")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="[default: print it]")
def export(round_id: str, format_: str, out: Path | None) -> None:
    """Write the election of a round whose pot was shared. ROUND: its id, as in the address of its page.

    The file's order is the lot, so grants tally gives the same result from it, but for restrictions of the funders.
    """
    del format_
    try:
        round = rounds.published(reading(), UUID(round_id))
    except (ValueError, NotFound):
        raise click.ClickException(f"There is no round {round_id}.") from None
    book, run = rounds.rule_book(round), queries.standing_run(reading(), round.id)
    if run is None:
        raise click.ClickException("The pot of this round was not shared yet.")
    inputs, decisions = queries.inputs(reading(), run), queries.decisions(reading(), round.id)
    won = [one.proposal_id for one in decisions if one.awarded_minor]
    text = round_pb(inputs, queries.about(reading(), round, current_app.config["SETTINGS"].place_name), won)
    if inputs.ballots.voters < book.totals_only_below:
        click.echo(
            f"Only {inputs.ballots.voters} people voted. Below {book.totals_only_below}, only totals are published: "
            "keep this file to yourselves.",
            err=True,
        )
    try:
        if out is None:
            click.echo(text, nl=False)
        else:
            out.write_text(text, encoding="utf-8", newline="")
    except OSError as broken:
        if broken.errno == EPIPE:  # whoever reads has read enough
            raise
        raise click.ClickException(f"The file could not be written: {broken.strerror}.") from broken


@cli.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--currency", default="", metavar="CODE", help="Like PLN. [default: the file's own, or none if it has none]"
)
def import_(file: Path, currency: str) -> None:
    """Make a finished round from an election elsewhere. FILE: a .pb file.

    Everybody can read its results, the reason for each project, and the comparison with most votes. Nothing is paid.
    """
    from grants.allocation.cli.files import opened
    from grants.allocation.rules.elsewhere import read_elsewhere

    read = opened(file)
    try:
        with clockwork() as uow:
            round = elections.import_election(uow, read_elsewhere(read, now(), currency), file.name)
            address, named = f"/rounds/{round.id}/results", bool(round.currency)
    except RuleBroken as broken:
        raise click.ClickException(f"{file.name}: {broken}") from broken
    if not named:
        click.echo(f"{file.name} names no currency, so amounts stand without one. --currency CODE says it.", err=True)
    click.echo(address)
