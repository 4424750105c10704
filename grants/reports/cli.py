"""What the clock does with reports."""

import click
from flask.cli import AppGroup

from grants.reports import service
from grants.web.ticks import ticking
from grants.web.work import clockwork

cli = AppGroup("reports", help="Outcome reports.")

ticking("reports scheduled or reminded of", order=60)(lambda uow: sum(service.tick(uow)))


@cli.command("tick")
def tick() -> None:
    """Schedule reports, and remind groups of those that are due. Safe to run twice."""
    with clockwork() as uow:
        scheduled, due = service.tick(uow)
    click.echo(f"{scheduled} scheduled, {due} due")
