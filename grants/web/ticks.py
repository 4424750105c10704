"""What the clock does for each stage. Every stage says it for itself; one command runs them all, in order.

A page never waits for this: it asks what time it is. A tick only writes down what is due, and is safe to run twice.
"""

from collections.abc import Callable

from grants.kernel.work import UnitOfWork

Tick = Callable[[UnitOfWork], int]
_ticks: list[tuple[int, str, Tick]] = []


def ticking(name: str, order: int) -> Callable[[Tick], Tick]:
    """Register a service that takes the clock's unit of work and says how many things it did; lower orders first."""

    def register(tick: Tick) -> Tick:
        _ticks.append((order, name, tick))
        return tick

    return register


def all_ticks() -> list[tuple[str, Tick]]:
    """Every stage's ticks, in order, each with what it does in words."""
    return [(name, tick) for _, name, tick in sorted(_ticks, key=lambda one: one[:2])]
