"""What the clock does with awards."""

import click
from flask.cli import AppGroup

from grants.awards.service import answers, offers, readiness
from grants.web.ticks import ticking
from grants.web.work import clockwork

cli = AppGroup("awards", help="Offers and agreements.")

ticking("offers ended", order=50)(answers.lapse_due)
ticking("awards started", order=55)(readiness.activate_due)


@cli.command("tick")
def tick() -> None:
    """End offers that nobody answered in time, offer their money to the next, and make offers that are missing.

    Safe to run twice.
    """
    with clockwork() as uow:
        ended = answers.lapse_due(uow)
        offered = offers.offer_missing(uow)
        started = readiness.activate_due(uow)
    click.echo(f"{ended} offers ended, {offered} made, {started} awards started")
