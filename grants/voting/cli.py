"""The clock's part in a vote, and a voter's own check."""

import re

import click
from flask import current_app
from flask.cli import AppGroup

from grants.kernel.errors import RuleBroken, StepRefused
from grants.rounds.rules.ballots import BallotKind
from grants.voting.rules.envelope import commitment_of, tracking_code
from grants.voting.rules.paper import read_marks
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


@cli.command("tracking-code")
@click.argument("number")
@click.argument("choices", nargs=-1)
@click.option("--kind", type=click.Choice([kind.value for kind in BallotKind]), default=BallotKind.APPROVAL.value)
def tracking_code_of(number: str, choices: tuple[str, ...], kind: str) -> None:
    """Work out the tracking code of a ballot from the secret NUMBER of its receipt and its CHOICES.

    The numbers of the projects: 3 7 12; with points 3=5 12=2; ranked, from the 1st choice on. It asks no database, and
    tells nobody.
    """
    nonce = "".join(number.split()).lower()
    if not re.fullmatch(r"[0-9a-f]{64}", nonce):
        raise click.ClickException("The secret number has 64 letters and digits, from 0 to 9 and a to f.")
    try:
        commitment = commitment_of(read_marks(" ".join(choices), kind).items(), nonce)
    except RuleBroken as broken:
        raise click.ClickException(broken.message) from None
    click.echo(tracking_code(commitment))
    click.echo(f"Commitment {commitment}")
