"""Granian with its own options, whose workers are forked from an application that stands already.

They share what it holds, and one that takes the place of another is there at once. From the checkout's root:
``python -m grants.serve --interface wsgi --workers 4 wsgi:app``. It leaves away which part of a line a traceback is
about: that is a megabyte.
"""

import contextlib
import importlib
import os
import sys

LEAVE_AWAY = "PYTHONNODEBUGRANGES"


def main() -> None:
    """Begin anew without what is left away, read in the application, and serve it."""
    if LEAVE_AWAY not in os.environ:
        os.environ[LEAVE_AWAY] = "1"
        os.execv(sys.executable, [sys.executable, "-m", "grants.serve", *sys.argv[1:]])  # noqa: S606  (ourselves)

    from granian.cli import cli

    importlib.import_module("wsgi")
    in_whole_turns()
    cli()


def in_whole_turns() -> None:
    """Have this process, and all that it starts, finish its turn on a core before another of them gets one.

    As a rule Linux lets whoever is woken push aside whoever computes: each request that comes in did so, three times
    for each ballot. ``SCHED_BATCH`` wants no rights; a system that has no such thing does without.
    """
    with contextlib.suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


if __name__ == "__main__":
    main()
