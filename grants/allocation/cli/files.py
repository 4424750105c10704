"""Open somebody else's election: refused with its line, or read with what had to be put right told."""

import sys
from pathlib import Path

import click

from grants.allocation.rules.pabulib import LARGEST_FILE, PbFile, Unreadable, read_pb

TOLD = 20
"""So many repairs are told one by one; ``--json`` has them all."""


def opened(file: Path) -> PbFile:
    """The election in a file ("-": what comes in). Ends the command (``ClickException``) where it cannot be read."""
    name = "input" if str(file) == "-" else file.name
    try:
        if str(file) == "-":
            data = sys.stdin.buffer.read(LARGEST_FILE + 1)
        else:
            with file.open("rb") as stream:  # not more than we would read, of whatever it is
                data = stream.read(LARGEST_FILE + 1)
        read = read_pb(data)
    except OSError as broken:
        raise click.ClickException(f"{name} cannot be read: {broken.strerror}.") from broken
    except Unreadable as broken:
        raise click.ClickException(f"{name}, {broken}.") from broken
    for repair in read.repairs[:TOLD]:
        click.echo(f"{name}, {repair}.", err=True)
    if more := len(read.repairs[TOLD:]):
        click.echo(f"{name}: {more:,} more like these. grants tally --json lists them all.", err=True)
    return read
