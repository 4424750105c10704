"""How the server begins."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

ASK = "import os; print(os.sched_getscheduler(0))"
BEGIN = (
    "import subprocess, sys; from grants.serve import in_whole_turns; in_whole_turns(); subprocess.run(sys.argv[1:])"
)


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="only Linux lets a process say so")
def test_whatever_the_server_starts_finishes_its_turn_on_a_core() -> None:
    started = [sys.executable, "-c", ASK]
    asked = subprocess.run([sys.executable, "-c", BEGIN, *started], capture_output=True, text=True, check=True)
    assert int(asked.stdout) == os.SCHED_BATCH
