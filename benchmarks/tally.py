"""Equal shares on a whole city's ballots, beside pabutools in fractions and beside one pass over the same ballots."""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from grants.allocation.rules.election import Election, Gate
from grants.allocation.rules.open_file import write_pb
from grants.allocation.rules.pabulib import PbFile, read_pb
from grants.allocation.rules.reasons import tell_shares
from grants.allocation.rules.shares import Settings, run_once, share_equally
from grants.allocation.rules.words import Words

LODZ = Path(__file__).parents[2] / "shared" / "data" / "pabulib" / "Poland_Lodz_2022.pb"
COMMAND = """
import resource, sys
from grants.cli import main
try:
    main()
except SystemExit as ended:
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))  # maxrss would be the parent's
    print(ended.code or 0, used.ru_utime + used.ru_stime, int(peak.split()[1]) // 1024, file=sys.stderr)
"""


def measure(rounds: int, file: Path | None, quick: bool) -> list[dict[str, Any]]:
    """CPU seconds (medians) of each part, with its ratio to pabutools (one run; not if ``quick``) and to one pass.

    ``file``: a ``.pb`` file; else Łódź 2022 where it lies beside the project, else a made-up election of its size.
    """
    file = file or (LODZ if LODZ.exists() else None)
    data = file.read_bytes() if file else made_up()
    read = read_pb(data)
    election, gate = read.election, Gate(read.election)
    settings = Settings(step=read.unit, unit=read.unit)
    share = Fraction(election.pot, election.voters)
    shared = share_equally(election, settings, gate)
    names = list(read.ids)
    words = Words(read.currency, read.unit)
    parts: dict[str, Callable[[], object]] = {
        "one pass over the packed ballots": lambda: one_pass(election),
        "read the file": lambda: read_pb(data),
        "one run on packed ballots": lambda: run_once(election, share, True, gate),
        f"completed: {shared.runs} runs and top-up": lambda: share_equally(election, settings, gate),
        "a reason for every bid": lambda: tell_shares(election, settings, gate, shared, names, words),
    }
    seconds = {name: cpu(part, rounds) for name, part in parts.items()}
    floor = seconds["one pass over the packed ballots"]
    other = None if quick else pabutools(read)
    rows: list[dict[str, Any]] = [
        {"election": file.name if file else "made up", "bids": len(names), "ballots": election.voters}
    ]
    for name, spent in seconds.items():
        row: dict[str, Any] = {"part": name, "cpu_s": round(spent, 6), "passes": round(spent / floor, 1)}
        if other and name.startswith(("one run", "completed")):
            row["times_faster_than_pabutools"] = round(other / spent)
        rows.append(row)
    if other:
        rows.append(
            {"part": "pabutools in fractions, one run", "cpu_s": round(other, 2), "passes": round(other / floor)}
        )
    rows.append(whole_command(data, rounds))
    return rows


def cpu(part: Callable[[], object], rounds: int) -> float:
    """The median of CPU seconds; quick parts are repeated until they can be measured."""
    found = []
    for _ in range(rounds):
        times, began = 0, time.process_time()
        while times == 0 or time.process_time() - began < 0.05:
            part()
            times += 1
        found.append((time.process_time() - began) / times)
    return statistics.median(found)


def one_pass(election: Election) -> object:
    """The least that any count must do: look at every choice once."""
    return np.bincount(election.chosen, minlength=len(election.costs))


def whole_command(data: bytes, rounds: int) -> dict[str, Any]:
    """``grants tally FILE --json`` as a process of its own: start, read, share, explain, print."""
    found = []
    with tempfile.NamedTemporaryFile(suffix=".pb") as file:
        file.write(data)
        file.flush()
        for _ in range(rounds):
            command = [sys.executable, "-c", COMMAND, "tally", file.name, "--json"]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            code, spent, peak = done.stderr.split()[-3:]
            assert code == "0", done.stderr
            found.append((float(spent), int(peak)))
    return {
        "part": "grants tally --json, start to end",
        "cpu_s": round(statistics.median(spent for spent, _ in found), 2),
        "peak_mb": max(peak for _, peak in found),
    }


def pabutools(read: PbFile) -> float:
    """CPU seconds of one run there, ballots merged; checks that both give the same winners."""
    from pabutools.election import ApprovalBallot, ApprovalMultiProfile, Cost_Sat, Instance, Project
    from pabutools.election.ballot import FrozenApprovalBallot
    from pabutools.fractions import frac
    from pabutools.rules import method_of_equal_shares
    from pabutools.tiebreaking import TieBreakingRule

    election = read.election
    projects = [Project(str(at), frac(cost)) for at, cost in enumerate(election.costs)]
    instance = Instance(projects, budget_limit=frac(election.pot))
    profile = ApprovalMultiProfile(instance=instance)
    for kind, people in enumerate(election.people.tolist()):
        ballot = FrozenApprovalBallot(ApprovalBallot([projects[bid] for bid, _ in election.kind(kind)]))
        profile[ballot] = profile.get(ballot, 0) + people
    ties = TieBreakingRule(lambda _, __, project: election.ahead(int(project.name)))
    began = time.process_time()
    found = method_of_equal_shares(instance, profile, Cost_Sat, tie_breaking=ties)
    spent = time.process_time() - began
    mine = run_once(election, Fraction(election.pot, election.voters), True, Gate(election))
    assert [int(project.name) for project in found] == mine.order, "pabutools has other winners"
    return spent


def made_up(bids: int = 160, ballots: int = 90_494) -> bytes:
    """A seeded election of a city's size: few popular bids, many others, up to five choices."""
    chance = random.Random(2022)
    likes = [1 / (rank + 3) for rank in range(bids)]
    projects = [{"project_id": str(n), "cost": str(chance.randint(5, 800) * 1000)} for n in range(bids)]
    votes = [
        {"voter_id": str(n), "vote": ",".join(map(str, sorted(set(chance.choices(range(bids), likes, k=5)))))}
        for n in range(ballots)
    ]
    return write_pb({"budget": "6000000", "vote_type": "approval", "currency": "GBP"}, projects, votes).encode()
