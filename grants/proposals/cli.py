"""Commands of the stage ``proposals``."""

import click
from flask.cli import AppGroup

from grants.proposals.service import bids as service
from grants.web.ticks import ticking
from grants.web.work import clockwork

cli = AppGroup("proposals", help="Proposals and what the clock does to them.")

ticking("unfinished proposals closed", order=20)(service.close_drafts)
ticking("questions about proposals closed", order=21)(service.close_questions)


@cli.command("close-drafts")
def close_drafts() -> None:
    """Close what was not put in by its deadline, and send the groups a copy. Safe to run twice."""
    with clockwork() as uow:
        closed = service.close_drafts(uow)
    click.echo(f"{closed} unfinished proposals closed")
