"""State machines as data: a table of steps that reads like the diagram."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from grants.kernel.errors import StepRefused

S = TypeVar("S", bound=StrEnum)
A = TypeVar("A", bound=StrEnum)


def next_state(steps: Mapping[tuple[S, A], S], state: S, action: A) -> S:
    """The state after ``action``; ``StepRefused`` in plain words when the table has no such step."""
    try:
        return steps[state, action]
    except KeyError:
        word = action.value.replace("_", " ")
        raise StepRefused(f"You cannot {word} this now: it is {state.value.replace('_', ' ')}.") from None


def can(steps: Mapping[tuple[S, A], S], state: S, action: A) -> bool:
    """Whether the table has the step, for buttons; the service checks again."""
    return (state, action) in steps
