"""``python -m benchmarks NAME [--json]``: measure beside a baseline of the same run."""

from __future__ import annotations

import argparse
import json
import os
import sys

from benchmarks import cast

NAMES = {"cast": cast.measure}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Figures, each with its own baseline.")
    parser.add_argument("name", choices=sorted(NAMES))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=3, help="how often to repeat; medians are told")
    parser.add_argument("--ballots", type=int, default=2_000, help="ballots in each repetition")
    given = parser.parse_args()
    before = os.getloadavg()[0]
    rows = NAMES[given.name](given.rounds, given.ballots)
    noisy = before > 0.5
    if given.json:
        print(json.dumps({"rows": rows, "load_before": before, "noisy": noisy}, indent=1))
        return 0
    for row in rows:
        print("  ".join(f"{name}: {value}" for name, value in row.items()))
    if noisy:
        print(f"The machine was busy before the start (load {before:.1f}): do not quote these figures.")
    return 0


sys.exit(main())
