"""The command ``grants``."""

import sys


def main() -> None:
    """Run it. ``tally`` stands without the application, whose parts take longer to load than it takes to count."""
    if sys.argv[1:2] == ["tally"]:
        from grants.allocation.cli.tally import tally_file

        tally_file(sys.argv[2:], prog_name="grants tally")
    else:
        from grants.app import cli

        cli()
