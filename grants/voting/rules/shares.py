"""A returning officer's share as it stands on paper: fourteen groups of four, checksum and all."""

import hashlib
from uuid import UUID

from grants.kernel.errors import RuleBroken
from grants.kernel.shares import NUMBERS

SHARE_LENGTH = 32
GROUPS, GROUP = 14, 4
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # five bits each; no I, L, O, U
_READ_AS = str.maketrans("OIL", "011")
_CHECK_LENGTH = 2


def write_share(number: int, share: bytes, round_id: UUID) -> str:
    """The share in groups: its number, its 32 bytes and two bytes of checksum, which also knows the round.

    >>> write_share(1, bytes(32), UUID(int=7))
    '0400 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0KRB'
    """
    if number not in NUMBERS or len(share) != SHARE_LENGTH:
        raise ValueError("a share is 32 bytes, and its number 1, 2 or 3")
    body = bytes([number]) + share
    value = int.from_bytes(body + _check(body, round_id), "big")
    letters = "".join(_LETTERS[value >> 5 * place & 31] for place in reversed(range(GROUPS * GROUP)))
    return " ".join(letters[at : at + GROUP] for at in range(0, len(letters), GROUP))


def read_share(text: str, round_id: UUID) -> tuple[int, bytes]:
    """(number, share) as typed: blanks, hyphens, small letters do not matter, and O is 0, I and L are 1.

    Refuses (``RuleBroken``, field ``share``) what is too short or long, has other letters, a typing mistake, or is of
    another round.
    """
    letters = "".join(text.split()).replace("-", "").upper().translate(_READ_AS)
    if len(letters) != GROUPS * GROUP:
        raise RuleBroken(
            f"A share has {GROUPS} groups of {GROUP} letters and figures, {GROUPS * GROUP} in all. "
            f"You typed {len(letters)}.",
            field="share",
        )
    if wrong := sorted(set(letters) - set(_LETTERS)):
        raise RuleBroken(f"A share has no {' and no '.join(wrong)}. Look at it again.", field="share")
    value = 0
    for letter in letters:
        value = value << 5 | _LETTERS.index(letter)
    raw = value.to_bytes(1 + SHARE_LENGTH + _CHECK_LENGTH, "big")
    body, check = raw[:-_CHECK_LENGTH], raw[-_CHECK_LENGTH:]
    if check != _check(body, round_id) or body[0] not in NUMBERS:
        raise RuleBroken(
            "Something is mistyped, or this is a share for another round. Compare group by group.", "share"
        )
    return body[0], body[1:]


def _check(body: bytes, round_id: UUID) -> bytes:
    return hashlib.sha256(b"seedbed share checksum v1\n" + round_id.bytes + body).digest()[:_CHECK_LENGTH]
