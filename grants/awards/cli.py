"""What the clock does with awards."""

import click
from flask.cli import AppGroup

from grants.awards import service
from grants.web.work import clockwork

cli = AppGroup("awards", help="Offers and agreements.")


@cli.command("tick")
def tick() -> None:
    """End offers that nobody answered in time, and offer their money to the next. Safe to run twice."""
    with clockwork() as uow:
        ended = service.lapse_due(uow)
    click.echo(f"{ended} offers ended")
