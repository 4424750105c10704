"""Thousands of random elections beside pabutools in fractions: ``python -m tests.allocation.many [HOW_MANY] [FIRST]``.

Each test of ``test_equal_shares`` that takes a seed runs with as many seeds. Ends at the first that fails.
"""

from __future__ import annotations

import inspect
import sys
import time

import click

from tests.allocation import test_equal_shares as tests


def main(how_many: int = 3_000, first: int = 1_000_000) -> int:
    """Run them; how many tests passed."""
    seeded = [
        test for name, test in inspect.getmembers(tests, inspect.isfunction)
        if name.startswith("test_") and list(inspect.signature(test).parameters) == ["seed"]
    ]  # fmt: skip
    began, passed = time.monotonic(), 0
    for seed in range(first, first + how_many):
        for test in seeded:
            try:
                test(seed)
            except AssertionError:
                click.echo(f"{test.__name__}({seed}) failed")
                raise
            passed += 1
    click.echo(
        f"{passed:,} passed: {len(seeded)} tests on {how_many:,} elections each, {time.monotonic() - began:.0f} s"
    )
    return passed


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
