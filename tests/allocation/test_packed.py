"""The packed copy of a round's ballots."""

import random
import zlib

import pytest

from grants.allocation.rules.packed import pack, packed_hash, unpack

CHANCE = random.Random(7)
BALLOTS = [
    tuple(sorted({CHANCE.randint(1, 9): CHANCE.randint(1, 3) for _ in range(CHANCE.randint(0, 4))}.items()))
    for _ in range(300)
]


def test_what_was_packed_comes_out_merged_with_nobody_lost() -> None:
    kinds = unpack(pack(BALLOTS))
    assert len(kinds) == len(set(BALLOTS))
    assert sorted(ballot for ballot, people in kinds for _ in range(people)) == sorted(BALLOTS)


def test_the_order_of_ballots_changes_no_byte() -> None:
    shuffled = CHANCE.sample(BALLOTS, len(BALLOTS))
    assert pack(shuffled) == pack(BALLOTS)
    assert packed_hash(pack(BALLOTS[1:])) != packed_hash(pack(BALLOTS))


@pytest.mark.parametrize("broken", [b"", b"not packed", zlib.compress(b"abc"), zlib.compress(b"\1\0\0\0" * 9)])
def test_other_bytes_are_refused(broken: bytes) -> None:
    with pytest.raises(ValueError, match="not packed ballots"):
        unpack(broken)


def test_a_copy_that_was_cut_is_refused() -> None:
    with pytest.raises(ValueError, match="not packed ballots"):
        unpack(zlib.compress(zlib.decompress(pack(BALLOTS))[:-4]))
