"""The relay that sends what waits in the outbox, a look at what waits, and a broom for files of nobody's."""

import time
from datetime import timedelta

import click
from flask.cli import AppGroup

from grants.home import queries as home
from grants.outbox import queries, service
from grants.ports.storage import StoreAway
from grants.web.db import now, reading
from grants.web.logs import log
from grants.web.outside import files, outbox_handlers
from grants.web.work import clockwork

cli = AppGroup("outbox", help="What is to leave: letters, payments.")


@cli.command("send")
@click.option("--every", type=click.FloatRange(0.1, 3600), help="Go on for ever, with a pause of so many seconds.")
def send(every: float | None) -> None:
    """Send what is due. Safe to run twice, and several at once."""
    while True:
        sent, failed = _pass() if every is None else _pass_and_go_on()
        if sent or failed or every is None:
            click.echo(f"{sent} sent, {failed} failed")
        if every is None:
            return
        time.sleep(every)


def _pass() -> tuple[int, int]:
    sent = failed = 0
    while any(one := service.send_due(clockwork, outbox_handlers())):
        sent, failed = sent + one[0], failed + one[1]
    return sent, failed


def _pass_and_go_on() -> tuple[int, int]:
    """A relay that runs for ever outlives a database that is away for a moment."""
    try:
        return _pass()
    except Exception as error:
        log.error("outbox", extra={"facts": {"error": type(error).__name__}})
        return 0, 0


@cli.command("status")
def status() -> None:
    """Say how much waits, was sent, failed and was given up."""
    found = queries.counts(reading())
    click.echo(
        f"{found.sent} sent, {found.waiting} waiting ({found.failing} of them failed before), {found.given_up} given up"
    )


broom = AppGroup("files", help="What lies in the store of files.")
LEAST_AGE = timedelta(days=1)
"""A file goes into the store before what it belongs to is written: nothing so young is swept."""


@broom.command("sweep")
def sweep() -> None:
    """Take away files that belong to nothing: taken out by their group, or never written down. Safe to run twice."""
    try:
        old = files().names_before(now() - LEAST_AGE)
        gone = sorted(set(old) - home.kept_files(reading()))
        for name in gone:
            files().forget(name)
    except StoreAway as away:
        raise click.ClickException(f"The store of files does not answer: {away}. Run it again later.") from away
    click.echo(f"{len(gone)} files that belonged to nothing were taken away, {len(old) - len(gone)} are kept")
