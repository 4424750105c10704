"""How many voted, by channel and by ward, without pointing at anybody."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Turnout:
    """Roll marks of one round. ``by_ward``: by ward code, the empty one for voters whose ward we do not know."""

    total: int
    by_channel: Mapping[str, int]
    by_ward: Mapping[str, int]


def publishable(cells: Mapping[str, int], below: int) -> dict[str, int | None]:
    """The cells, with None for those that count fewer than ``below`` people (but more than none).

    Where just one cell would be hidden, whoever takes the others from the total has it; so the smallest of the others
    is hidden too.

    >>> publishable({"a": 30, "b": 4, "c": 12}, 10)
    {'a': 30, 'b': None, 'c': None}
    """
    hidden = {name for name, size in cells.items() if 0 < size < below}
    if len(hidden) == 1:
        others = [name for name, size in cells.items() if name not in hidden and size]
        hidden |= {min(others, key=lambda name: (cells[name], name))} if others else set()
    return {name: None if name in hidden else size for name, size in cells.items()}
