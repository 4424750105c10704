"""Commands that check the money."""

import sys

import click
from flask.cli import AppGroup

from grants.audit import queries
from grants.web.db import reading

books = AppGroup("books", help="The books: check that they hold.")


@books.command("check")
def check() -> None:
    """Try every rule that the money must keep; name the first that is broken and end with 1."""
    checks = queries.checks(reading())
    for one in checks:
        click.echo(f"{'holds ' if one.holds else 'BROKEN'}  {one.says}")
    first = next((words for one in checks for words in one.breaks), None)
    if first is not None:
        count = sum(len(one.breaks) for one in checks)
        click.echo(f"The first of {count}: {first}", err=True)
        sys.exit(1)
    click.echo("The books hold.")
