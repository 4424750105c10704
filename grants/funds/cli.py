"""What the clock does with funds."""

import click
from flask.cli import AppGroup

from grants.funds.service import unspent
from grants.web.ticks import ticking
from grants.web.work import clockwork

cli = AppGroup("funds", help="The pot.")

ticking("last days warned of", order=70)(unspent.warn_of_last_days)


@cli.command("tick")
def tick() -> None:
    """Warn stewards of money that must soon be promised, once for each last day. Safe to run twice."""
    with clockwork() as uow:
        warned = unspent.warn_of_last_days(uow)
    click.echo(f"{warned} warned of")
