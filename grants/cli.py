"""The command ``grants``."""

import sys
from typing import TYPE_CHECKING

from grants.allocation.cli.tally import tally_file

if TYPE_CHECKING:
    from flask.cli import FlaskGroup


def command_line() -> "FlaskGroup":
    """The application's commands, and ``tally`` beside them: its numpy is nothing that the workers need carry."""
    from grants.app import cli

    cli.add_command(tally_file)
    return cli


def main() -> None:
    """Run it. ``tally`` stands without the application, whose parts take longer to load than it takes to count."""
    if sys.argv[1:2] == ["tally"]:
        tally_file(sys.argv[2:], prog_name="grants tally")
    else:
        command_line()()
