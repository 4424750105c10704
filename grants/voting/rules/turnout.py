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

    Whoever takes the shown cells from the total has what the hidden ones count together. So these are never just one,
    and never fewer than ``below`` people: the smallest of the others are hidden too, until that holds.

    >>> publishable({"a": 30, "b": 4, "c": 12}, 10)
    {'a': 30, 'b': None, 'c': None}
    >>> publishable({"a": 30, "b": 1, "c": 1, "d": 0}, 10)
    {'a': None, 'b': None, 'c': None, 'd': 0}
    """
    hidden = {name for name, size in cells.items() if 0 < size < below}
    others = sorted((name for name, size in cells.items() if size >= below), key=lambda name: (cells[name], name))
    for name in others:
        if not hidden or (len(hidden) > 1 and sum(cells[one] for one in hidden) >= below):
            break
        hidden.add(name)
    return {name: None if name in hidden else size for name, size in cells.items()}
