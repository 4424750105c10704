"""Two of three shares give the secret; one share alone is as likely for every secret."""

from __future__ import annotations

from itertools import combinations
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grants.kernel.sealing import EnvelopeBroken, make_key_pair, public_half, unwrap_share, wrap_share
from grants.kernel.shares import NUMBERS, inverse, join, multiply, share_fingerprint, split

BYTE = st.integers(0, 255)
ROUND, KEY = UUID(int=1), bytes(range(32))


@given(st.binary(max_size=64))
def test_any_two_shares_give_the_secret(secret: bytes) -> None:
    shares = split(secret)
    assert [len(share) for share in shares.values()] == [len(secret)] * 3
    for pair in combinations(NUMBERS, 2):
        assert join({number: shares[number] for number in pair}) == secret


@pytest.mark.parametrize("number", NUMBERS)
def test_one_share_fits_every_secret_equally_often(number: int) -> None:
    """All 256 slopes are equally likely, and for each secret they give each share once: a share alone tells nothing."""
    every = set(range(256))
    for secret in range(256):
        assert {split(bytes([secret]), lambda _, slope=slope: bytes([slope]))[number][0] for slope in every} == every


def test_each_byte_has_a_slope_of_its_own_from_the_system() -> None:
    first, second = split(bytes(32)), split(bytes(32))
    assert first != second
    assert len(set(first[1])) > 8


@given(BYTE, BYTE, BYTE)
def test_multiplying_is_that_of_a_field(a: int, b: int, c: int) -> None:
    assert multiply(a, b) == multiply(b, a)
    assert multiply(a, multiply(b, c)) == multiply(multiply(a, b), c)
    assert multiply(a, b ^ c) == multiply(a, b) ^ multiply(a, c)
    assert 0 <= multiply(a, b) < 256


def test_every_byte_but_nought_has_an_inverse() -> None:
    assert [multiply(byte, inverse(byte)) for byte in range(1, 256)] == [1] * 255
    with pytest.raises(ValueError, match="nothing"):
        inverse(0)


@pytest.mark.parametrize("numbers", [(1,), (1, 2, 3), (0, 1), (2, 4)])
def test_it_takes_two_of_the_three(numbers: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="two shares"):
        join(dict.fromkeys(numbers, b"x"))


def test_a_wrong_share_gives_another_key_and_the_public_half_tells() -> None:
    public, private = make_key_pair()
    shares = split(private)
    assert public_half(join({1: shares[1], 2: shares[2]})) == public
    changed = bytes([shares[2][0], shares[2][1] ^ 1]) + shares[2][2:]
    assert public_half(join({1: shares[1], 2: changed})) != public


def test_a_share_opens_for_its_round_and_number_and_key_only() -> None:
    wrapped = wrap_share(b"s" * 32, KEY, ROUND, 2)
    assert unwrap_share(wrapped, KEY, ROUND, 2) == b"s" * 32
    for key, round_id, number in ((bytes(32), ROUND, 2), (KEY, UUID(int=2), 2), (KEY, ROUND, 3)):
        with pytest.raises(EnvelopeBroken):
            unwrap_share(wrapped, key, round_id, number)


def test_a_fingerprint_knows_share_round_and_number() -> None:
    them = {share_fingerprint(share, UUID(int=n), x) for share in (b"a", b"b") for n in (1, 2) for x in NUMBERS}
    assert len(them) == 12
