"""Granian with its own options, whose workers are forked from an application that stands already.

They share what it holds, and one that takes the place of another is there at once: ``python serve.py --interface wsgi
--workers 4 wsgi:app``. It leaves away which part of a line a traceback is about: that is a megabyte.
"""

import os
import sys

LEAVE_AWAY = "PYTHONNODEBUGRANGES"

if __name__ == "__main__":
    if LEAVE_AWAY not in os.environ:
        os.environ[LEAVE_AWAY] = "1"
        os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606  (ourselves)

    from granian.cli import cli

    import wsgi as wsgi

    cli()
