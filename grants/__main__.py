"""``python -m grants`` is the command ``grants``."""

from grants.cli import main

if __name__ == "__main__":
    main()
