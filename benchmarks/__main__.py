"""``python -m benchmarks NAME [--json]``: measure beside a baseline of the same run."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from benchmarks import books, pages, tally, vote

NAMES = {
    "books": lambda given: books.measure(given.rounds, given.entries, given.awards),
    "pages": lambda given: pages.measure(given.rounds, given.quick),
    "tally": lambda given: tally.measure(given.rounds, given.file, given.quick),
    "vote": lambda given: vote.measure(given.rounds, given.ballots, given.threads),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Figures, each with its own baseline.")
    parser.add_argument("name", choices=sorted(NAMES))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=3, help="how often to repeat; medians are told")
    parser.add_argument("--ballots", type=int, default=2_000, help="ballots in each repetition")
    parser.add_argument("--threads", type=int, default=vote.THREADS, help="vote: threads of each of the two workers")
    parser.add_argument("--entries", type=int, default=1_000_000, help="books: entries in the ledger")
    parser.add_argument("--awards", type=int, default=10_000, help="books: awards of one funder")
    parser.add_argument("--file", type=Path, help="tally: a .pb file")
    parser.add_argument(
        "--quick", action="store_true", help="tally: without pabutools, which takes a minute; pages: without memory"
    )
    given = parser.parse_args()
    before = os.getloadavg()[0]
    rows = NAMES[given.name](given)
    noisy = before > 0.5 or any(row.get("spread_of_bare", 0) > 0.2 for row in rows)
    if given.json:
        print(json.dumps({"rows": rows, "load_before": before, "noisy": noisy}, indent=1))
        return 0
    for row in rows:
        print("  ".join(f"{name}: {value}" for name, value in row.items()))
    if noisy:
        print(f"The machine was busy (load {before:.1f} at the start) or its floor moved: do not quote these figures.")
    return 0


sys.exit(main())
