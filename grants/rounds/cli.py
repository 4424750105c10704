"""Commands of the stage ``rounds``."""

import click
from flask.cli import AppGroup

from grants.rounds import service
from grants.web.ticks import all_ticks, ticking
from grants.web.work import clockwork

cli = AppGroup("rounds", help="Rounds and what the clock does to them.")

ticking("rounds opened or closed", order=10)(service.tick)


@cli.command("tick")
def tick() -> None:
    """Write down all that is due by now, in every stage but the vote. Safe to run twice: do so every few minutes."""
    for name, one in all_ticks():
        with clockwork() as uow:
            done = one(uow)
        click.echo(f"{done} {name}")
