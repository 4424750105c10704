"""The race that race tests stand on is one: the racers run at the same time, and a fall is told."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest

from tests.support.race import race


def hold(ready: Callable[[], None], seconds: float) -> tuple[int, float, float]:
    ready()
    began = time.monotonic()
    time.sleep(seconds)
    return os.getpid(), began, time.monotonic()


def fall(ready: Callable[[], None], falls: bool) -> str:
    ready()
    if falls:
        raise ValueError("the racer fell")
    return "home"


@pytest.mark.race
def test_racers_are_processes_that_run_at_the_same_time() -> None:
    finishes = [finish.gave for finish in race(hold, [(0.3,)] * 3)]
    assert len({pid for pid, _, _ in finishes} | {os.getpid()}) == 4
    assert max(began for _, began, _ in finishes) < min(ended for _, _, ended in finishes)


@pytest.mark.race
def test_a_racer_that_falls_says_why() -> None:
    home, fallen = race(fall, [(False,), (True,)])
    assert home.gave == "home"
    assert "the racer fell" in (fallen.error or "")
