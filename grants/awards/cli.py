"""What the clock does with awards."""

import click
from flask.cli import AppGroup

from grants.awards import service
from grants.web.ticks import ticking
from grants.web.work import clockwork

cli = AppGroup("awards", help="Offers and agreements.")

ticking("offers ended", order=50)(service.lapse_due)
ticking("awards started", order=55)(service.activate_due)


@cli.command("tick")
def tick() -> None:
    """End offers that nobody answered in time, offer their money to the next, and make offers that are missing.

    Safe to run twice.
    """
    with clockwork() as uow:
        ended = service.lapse_due(uow)
        offered = service.offer_missing(uow)
        started = service.activate_due(uow)
    click.echo(f"{ended} offers ended, {offered} made, {started} awards started")
