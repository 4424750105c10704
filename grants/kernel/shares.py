"""Shamir's secret sharing, two of three: any two shares give the secret, and one alone tells nothing of it.

Each byte is shared by itself: with a byte ``slope`` drawn by chance, share number x (1, 2 or 3) is
``secret + slope · x`` in GF(256), the field of AES. Two points fix a line, and with it where the line meets x = 0. One
point lies on a line through every secret, one for each of the 256, so one share is as likely for any secret as for any
other. Source: A. Shamir, "How to share a secret", Communications of the ACM 22 (1979).
"""

import hashlib
import secrets
from collections.abc import Callable
from uuid import UUID

NUMBERS = (1, 2, 3)
NEEDED = 2
_POLYNOMIAL = 0x11B  # x⁸ + x⁴ + x³ + x + 1


def split(secret: bytes, chance: Callable[[int], bytes] = secrets.token_bytes) -> dict[int, bytes]:
    """Three shares of ``secret``, by number, each as long as it. ``chance(n)`` gives n random bytes.

    >>> shares = split(b"open sesame")
    >>> join({1: shares[1], 3: shares[3]})
    b'open sesame'
    """
    slopes = chance(len(secret))
    return {x: bytes(byte ^ multiply(slope, x) for byte, slope in zip(secret, slopes, strict=True)) for x in NUMBERS}


def join(shares: dict[int, bytes]) -> bytes:
    """The secret that two shares, by number, were split from. What was never split together joins to nonsense.

    At x = 0 the line through (a, p) and (b, q) stands at (p·b + q·a) / (a + b); adding is XOR.
    Refuses (``ValueError``) more or fewer than two, other numbers, and shares of different lengths.
    """
    if len(shares) != NEEDED or any(number not in NUMBERS for number in shares):
        raise ValueError("it takes two shares of the three")
    (a, first), (b, second) = sorted(shares.items())
    divisor = inverse(a ^ b)
    return bytes(multiply(multiply(p, b) ^ multiply(q, a), divisor) for p, q in zip(first, second, strict=True))


def multiply(a: int, b: int) -> int:
    """The product of two bytes in GF(256).

    >>> hex(multiply(0x57, 0x83))  # the example of FIPS 197, 4.2
    '0xc1'
    """
    product = 0
    for _ in range(8):
        product ^= a * (b & 1)
        a = (a << 1) ^ _POLYNOMIAL * (a >> 7)
        b >>= 1
    return product


def inverse(a: int) -> int:
    """What times ``a`` is 1: a to the power of 254.

    >>> multiply(3, inverse(3))
    1
    """
    if a == 0:
        raise ValueError("nothing times 0 is 1")
    found = 1
    for _ in range(254):
        found = multiply(found, a)
    return found


def share_fingerprint(share: bytes, round_id: UUID, number: int) -> str:
    """By which a share is known again and which does not tell it: SHA-256 over 32 bytes of chance, 64 hex digits."""
    return hashlib.sha256(b"seedbed key share v1\n" + round_id.bytes + bytes([number]) + share).hexdigest()
