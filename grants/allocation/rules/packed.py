"""All ballots of a closed round in a few bytes: written once, read whenever the pot is shared, never by a page.

A merged ballot is pairs (number on the ballot, points), as in ``BallotRules``. The bytes are whole numbers of four
bytes, deflated: a mark, how many merged ballots, how many pairs, and then column by column people, lengths, numbers,
points.
"""

import zlib
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import islice
from sys import byteorder

Pairs = tuple[tuple[int, int], ...]
MARK = 0x53424231
"""Seedbed's ballots, first form."""


def pack(ballots: Iterable[Sequence[tuple[int, int]]]) -> bytes:
    """The ballots, merged and in an order of their own: the same ballots give the same bytes in whatever order.

    >>> pack([((1, 1),), (), ((1, 1),)]) == pack([(), ((1, 1),), ((1, 1),)])
    True
    """
    kinds = sorted(Counter(tuple(sorted(ballot)) for ballot in ballots).items())
    pairs = [pair for kind, _ in kinds for pair in kind]
    columns = [
        [MARK, len(kinds), len(pairs)],
        [people for _, people in kinds],
        [len(kind) for kind, _ in kinds],
        [number for number, _ in pairs],
        [points for _, points in pairs],
    ]
    return zlib.compress(b"".join(_bytes(column) for column in columns), 6)


def unpack(packed: bytes) -> list[tuple[Pairs, int]]:
    """Each different ballot, and how many people cast it. Refuses (``ValueError``) anything else.

    >>> unpack(pack([((2, 1), (1, 3)), (), ()]))
    [((), 2), (((1, 3), (2, 1)), 1)]
    """
    try:
        words = _words(zlib.decompress(packed))
        mark, kinds, pairs = words[:3]
    except (zlib.error, ValueError) as broken:
        raise ValueError("these are not packed ballots") from broken
    if mark != MARK or len(words) != 3 + 2 * kinds + 2 * pairs:
        raise ValueError("these are not packed ballots")
    people, lengths = words[3 : 3 + kinds], words[3 + kinds : 3 + 2 * kinds]
    columns = words[3 + 2 * kinds :]
    numbers = iter(zip(columns[:pairs], columns[pairs:], strict=True))
    return [(tuple(islice(numbers, length)), size) for size, length in zip(people, lengths, strict=True)]


def size(packed: bytes) -> int:
    """How much there is to unpack, without doing it: different ballots, and choices on them.

    >>> size(pack([((2, 1), (1, 3)), (), ()]))
    4
    """
    _, kinds, pairs = _words(zlib.decompressobj().decompress(packed, 12))
    return kinds + pairs


def packed_hash(packed: bytes) -> str:
    """SHA-256 (64 hex digits) of what is packed, however it was deflated."""
    return sha256(zlib.decompress(packed)).hexdigest()


def _bytes(column: Sequence[int]) -> bytes:
    words = array("I", column)
    if byteorder == "big":
        words.byteswap()
    return words.tobytes()


def _words(data: bytes) -> list[int]:
    words = array("I")
    words.frombytes(data)
    if byteorder == "big":
        words.byteswap()
    return words.tolist()
