"""Several processes that do the same thing at the same moment."""

from __future__ import annotations

import multiprocessing
import queue
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import Any

START_SECONDS = 60
GROUND = ["grants.app", "psycopg", "tests.support.schema"]
"""What every racer needs: read once by one clean process, from which the racers are then forked."""


@dataclass(frozen=True)
class Finish:
    """How one racer came in: what it gave, or the error that stopped it."""

    gave: Any = None
    error: str | None = None


def race(racer: Callable[..., Any], entries: Sequence[tuple[Any, ...]]) -> list[Finish]:
    """Run ``racer(ready, *entry)`` in a process for each entry, and tell how each came in, in the order of entries.

    The racer is a function of a module (it is found by its name). It makes everything ready, calls ``ready()``, which
    returns in all processes at once, and then does what is raced for. What it gives must be picklable.
    """
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(GROUND)
    barrier, finishes = processes.Barrier(len(entries)), processes.Queue()
    running = [
        processes.Process(target=_run, args=(racer, barrier, finishes, lane, entry), daemon=True)
        for lane, entry in enumerate(entries)
    ]
    for process in running:
        process.start()
    try:
        came_in = dict(finishes.get(timeout=2 * START_SECONDS) for _ in running)
    except queue.Empty:
        raise AssertionError("a racer never came in") from None
    finally:
        for process in running:
            process.join(timeout=5)
            if process.is_alive():
                process.kill()
                process.join()
            process.close()
        finishes.close()
        finishes.join_thread()
    return [came_in[lane] for lane in range(len(entries))]


def _run(
    racer: Callable[..., Any], barrier: Barrier, finishes: Queue[tuple[int, Finish]], lane: int, entry: tuple[Any, ...]
) -> None:
    off = False

    def ready() -> None:
        nonlocal off
        barrier.wait(START_SECONDS)
        off = True

    try:
        finishes.put((lane, Finish(gave=racer(ready, *entry))))
    except BaseException:
        if not off:  # nobody need wait for this one; once off, a break would catch those who are still setting out
            barrier.abort()
        finishes.put((lane, Finish(error=traceback.format_exc())))
