"""Interests that come to light later, by the clock."""

import click
from flask.cli import AppGroup

from grants.review import service
from grants.web.ticks import ticking
from grants.web.work import clockwork

cli = AppGroup("review", help="The panel.")
ticking("panellists with an interest taken off a bid", order=30)(service.find_interests)


@cli.command("find-interests")
def find_interests() -> None:
    """Take panellists off bids in which they turn out to have an interest. Safe to run twice."""
    with clockwork() as uow:
        done = service.find_interests(uow)
    click.echo(f"{done} taken off")
