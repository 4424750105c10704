"""A batch's cover sheet, where officers hold the round's key: letters by which two keyings of a paper are compared.

Nothing here can open what was keyed, so each keyed paper carries a likeness beside its seal: a keyed hash of what it
says, under a key that is made from the letters. Equal likenesses: both people read the same. Whoever has the letters
has the papers they lie on, so a likeness tells nobody more than they can see. The server keeps a hash of the key.
"""

import hashlib
import hmac
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken

from grants.kernel.errors import RuleBroken
from grants.voting.rules.letters import ALPHABET, in_fours, read, spell, with_check
from grants.voting.rules.paper import Sheet

COVER_LENGTH = 16
SITTING = timedelta(minutes=30)
"""For how long after a paper the next one can be keyed without the letters."""
_WORK, _MEMORY = 2**14, 2**25  # scrypt: 16 MiB and some 50 ms for each guess


def make_cover(randbelow: Callable[[int], int] = secrets.randbelow) -> str:
    """New letters as they are printed: four groups of four, the last letter checks the others.

    Fifteen free letters are 2.7 × 10²⁰, and each guess costs scrypt. ``randbelow(n)`` gives a whole number from 0 to
    n - 1; anything but the default is for tests.
    """
    return in_fours(with_check(spell(randbelow(len(ALPHABET)) for _ in range(COVER_LENGTH - 1))))


def read_cover(text: str) -> str:
    """The letters as printed, however they were typed. Refuses (``RuleBroken``, field ``cover``) what cannot be any.

    >>> read_cover(" 2222 2222-2222 2222 ")
    '2222-2222-2222-2222'
    """
    if not text.strip():
        raise RuleBroken("Type the 16 letters on the batch’s cover sheet.", field="cover")
    letters = read(text, COVER_LENGTH)
    if letters is None:
        raise RuleBroken(
            "Check the letters of the cover sheet and type them again. There are 16 letters and figures, like "
            "2345-6789-CDFH-2345, and one of them is not right.",
            field="cover",
        )
    return in_fours(letters)


def cover_key(letters: str, round_id: UUID, batch_id: UUID) -> bytes:
    """The key (32 bytes) that a cover's letters, as printed, make for one batch: slowly, so that nobody tries them all.

    scrypt (RFC 7914), N = 2¹⁴, r = 8, p = 1; the salt is the round and the batch.
    """
    salt = b"seedbed cover v1\n" + round_id.bytes + batch_id.bytes
    return hashlib.scrypt(letters.encode(), salt=salt, n=_WORK, r=8, p=1, maxmem=_MEMORY, dklen=32)


def cover_hash(key: bytes) -> str:
    """What the service keeps, to know the letters again: 64 hex digits."""
    return hmac.digest(key, b"seedbed cover known again v1", "sha256").hex()


def cover_fits(key: bytes, kept: str | None) -> bool:
    """Whether a key was made from the letters of which ``kept`` is kept."""
    return kept is not None and hmac.compare_digest(cover_hash(key), kept)


def likeness(key: bytes, round_id: UUID, batch_id: UUID, place: int, sheet: Sheet) -> bytes:
    """By which two readings of one paper are compared (HMAC-SHA256, 32 bytes): number, marks and reason, in one form.

    Bound to round, batch and place, so that equal papers at two places are not seen to be equal.
    """
    marks_key = hmac.digest(key, b"seedbed likeness v1", "sha256")
    says = json.dumps([sheet.serial, sorted(sheet.marks.items()), sheet.invalid], separators=(",", ":"))
    about = round_id.bytes + batch_id.bytes + place.to_bytes(4, "big")
    return hmac.digest(marks_key, about + says.encode(), "sha256")


def hold_sitting(key: bytes, batch_id: UUID, person_id: UUID, secret_key: str, now: datetime) -> str:
    """A batch's key for one person's sitting, for their own browser to keep: sealed, and it ends by itself."""
    inside = batch_id.bytes + person_id.bytes + key
    return _box(secret_key).encrypt_at_time(inside, int(now.timestamp())).decode()


def sitting_key(held: str, batch_id: UUID, person_id: UUID, secret_key: str, now: datetime) -> bytes | None:
    """The key that ``hold_sitting`` held; nothing when it is another person's or batch's, or the sitting has ended."""
    try:
        inside = _box(secret_key).decrypt_at_time(
            held.encode(), ttl=int(SITTING.total_seconds()), current_time=int(now.timestamp())
        )
    except InvalidToken:
        return None
    about, key = inside[:32], inside[32:]
    return key if hmac.compare_digest(about, batch_id.bytes + person_id.bytes) else None


def _box(secret_key: str) -> Fernet:
    return Fernet(urlsafe_b64encode(hmac.digest(secret_key.encode(), b"seedbed keying sitting v1", "sha256")))
