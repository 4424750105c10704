"""What the clock does for quick grants."""

import click
from flask.cli import AppGroup

from grants.quick import service
from grants.web.ticks import ticking
from grants.web.work import clockwork

cli = AppGroup("quick", help="Quick grants.")

ticking("letters about quick asks that wait", order=58)(service.remind)


@cli.command("remind")
def remind() -> None:
    """Write to everybody for whom a quick ask waits, once a working day. Safe to run twice."""
    with clockwork() as uow:
        due = service.remind(uow)
    click.echo(f"{due} letters about quick asks that wait")
