"""The clock's part in a vote."""

import click
from flask import current_app
from flask.cli import AppGroup

from grants.kernel.errors import StepRefused
from grants.voting.service import unfinished
from grants.voting.service import votes as service
from grants.web.db import give_back_space, now, reading, space_is_owed
from grants.web.limits import forget_past
from grants.web.work import clockwork

cli = AppGroup("voting", help="Votes.")
SWEEPS = 30
"""Half a second each: who reads a page is through by then."""


@cli.command("close-due")
def close_due() -> None:
    """Count votes that have closed, and destroy what tied voters to them. Safe to run twice."""
    vote_key = current_app.config["SETTINGS"].vote_key
    counted = 0
    for round_id in service.due(reading(), now()):
        try:
            with clockwork() as uow:
                service.close_vote(uow, round_id, vote_key=vote_key)
            counted += 1
        except StepRefused:  # a steward, or another run, was quicker
            continue
    with clockwork() as uow:
        called_off = service.forget_called_off(uow)
        unfinished.tidy(uow)
    forget_past()
    click.echo(f"{counted} counted, {called_off} forgotten")
    if counted or called_off or space_is_owed():
        _sweep()


@cli.command("sweep")
def sweep() -> None:
    """Overwrite in the database's files what was deleted at a close. Safe to run twice."""
    _sweep()


def _sweep() -> None:
    if not give_back_space(*service.HELD_SECRETS, tries=SWEEPS):
        raise click.ClickException(
            "Somebody was reading all the while, so the database could not empty its log, where envelopes may linger. "
            "Run “grants voting sweep” soon."
        )
