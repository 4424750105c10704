"""Commands that check the money, and hand the books to those who check them with tools of their own."""

import sys
from datetime import datetime
from itertools import islice
from uuid import UUID

import click
from flask.cli import AppGroup

from grants.audit import rules
from grants.audit.exports.journal import Format, told
from grants.audit.queries import books as books_queries
from grants.audit.queries import checks as checks_queries
from grants.kernel.clock import day_begins
from grants.kernel.errors import NotFound
from grants.ledger.queries import hold_still
from grants.web.db import now, reading

books = AppGroup("books", help="The books: check that they hold, hand them out.")
DAY = click.DateTime(["%Y-%m-%d"])


@books.command("check")
def check() -> None:
    """Try every rule that the money must keep; name the first that is broken and end with 1."""
    checks = checks_queries.checks(reading())
    for one in checks:
        click.echo(f"{'holds ' if one.holds else 'BROKEN'}  {one.says}")
    first = next((words for one in checks for words in one.breaks), None)
    if first is not None:
        count = sum(len(one.breaks) for one in checks)
        click.echo(f"The first of {count}: {first}", err=True)
        sys.exit(1)
    click.echo("The books hold.")


@books.command("export")
@click.option("--format", "format_", type=click.Choice([one.value for one in Format]), default="beancount")
@click.option("--since", type=DAY, help="First day (London); what was there before becomes opening balances.")
@click.option("--as-at", type=DAY, help="Last day (London). Without it: now.")
@click.option("--funder", type=click.UUID, help="Only this funder's share, by its id.")
def export(format_: str, since: datetime | None, as_at: datetime | None, funder: UUID | None) -> None:
    """Print the books for bean-check, for hledger check --strict, or as a table."""
    session, moment = reading(), now()
    hold_still(session)
    until = rules.end_of_day(as_at.date(), moment) if as_at else moment
    begin = day_begins(since.date()) if since else None
    if begin is not None and begin > until:
        raise click.UsageError("The first day must not be after the last.")
    try:
        shown = books_queries.books_told(session, until, begin, funder)
    except NotFound as missing:
        raise click.UsageError(str(missing)) from missing
    pieces = told(shown, Format(format_))
    while batch := "".join(islice(pieces, 2_000)):
        click.echo(batch, nl=False)
