"""The lot: an order drawn before voting opens, which breaks every tie the same way for ever."""

import hashlib
from collections.abc import Iterable
from typing import TypeVar
from uuid import UUID

Key = TypeVar("Key", UUID, str)


def draw_lot(seed: str, ids: Iterable[Key]) -> dict[Key, int]:
    """A place from 1 upwards for each id, from a published seed; whoever knows the seed can draw it again.
    Ids are UUIDs, or text where an election comes from elsewhere.

    The order is that of SHA-256 over the UTF-8 text ``seed``, a line feed, and the id in lower case with hyphens
    (``printf '%s\\n%s' "$seed" "$id" | sha256sum``), read as numbers, lowest first. Nobody can steer it without
    choosing the seed, so the seed must be fixed in public before the ids are known, or come from outside.

    >>> draw_lot("2026", [UUID(int=1), UUID(int=2), UUID(int=3)])[UUID(int=2)]
    2
    """
    numbers = {key: hashlib.sha256(f"{seed}\n{key}".encode()).digest() for key in ids}
    return {key: place for place, key in enumerate(sorted(numbers, key=lambda key: numbers[key]), start=1)}
