"""``python -m grants`` is the command ``grants``."""

from grants.app import cli

if __name__ == "__main__":
    cli()
