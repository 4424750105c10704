"""The command ``grants``."""

import sys
from typing import TYPE_CHECKING

from grants.allocation.cli.tally import tally_file

if TYPE_CHECKING:
    from flask.cli import FlaskGroup


def command_line() -> "FlaskGroup":
    """The application's commands, and beside them ``db`` and ``tally``: the workers need carry nothing of theirs."""
    from flask_migrate import cli as migrations  # type: ignore[attr-defined] # its stubs leave it out

    from grants.app import cli

    cli.add_command(migrations.db, "db")
    cli.add_command(tally_file)
    return cli


def main() -> None:
    """Run it. ``tally`` stands without the application, whose parts take longer to load than it takes to count."""
    if sys.argv[1:2] == ["tally"]:
        tally_file(sys.argv[2:], prog_name="grants tally")
        return
    from grants.config import SettingsError

    try:
        command_line()()
    except SettingsError as wrong:
        sys.exit(f"Seedbed is not set up rightly. {wrong}")
