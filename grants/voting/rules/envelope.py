"""The sealed envelope: choices that the server keeps and cannot read until the round's key is taken out at the close.

HPKE (RFC 9180) in base mode: X25519, HKDF-SHA256, ChaCha20-Poly1305. The round is bound as HPKE's ``info``: an envelope
of one round does not open in another.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from grants.kernel.sealing import EnvelopeBroken, make_key_pair, unwrap_private_key, wrap_private_key
from grants.voting.rules.ballots import Mark, Marks, as_marks
from grants.voting.rules.letters import ALPHABET, in_fours, read, spell, with_check

__all__ = [
    "EnvelopeBroken",
    "Opened",
    "Sealed",
    "commitment_of",
    "make_key_pair",
    "open_envelope",
    "read_tracking_code",
    "seal",
    "tracking_code",
    "unwrap_private_key",
    "wrap_private_key",
]

MOST_CHOICES = 254
PAYLOAD_LENGTH = 512
"""One byte of form, one that is 0, two of count; then, of form 1, two for each number that is ticked, or, of form 2,
two for each number and two for its points or place; then noughts."""
NONCE_LENGTH = 32
SEALED_LENGTH = 32 + NONCE_LENGTH + PAYLOAD_LENGTH + 16  # the sender's fresh key, what is sealed, the tag
TRACKING_LENGTH = 16

_TICKS, _PAIRS = 1, 2
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed ballot. ``envelope`` and ``commitment`` are kept; ``nonce`` is told to the voter once and forgotten."""

    envelope: bytes
    commitment: str
    nonce: str


@dataclass(frozen=True, slots=True)
class Opened:
    """What was in an envelope."""

    choices: Marks
    nonce: str
    commitment: str


def seal(
    choices: Iterable[Mark],
    public_key: str,
    round_id: UUID,
    token_bytes: Callable[[int], bytes] = secrets.token_bytes,
) -> Sealed:
    """Seal choices into an envelope whose length tells nothing: at most 254 ticks, or 127 with points or places.

    Numbers, points and places are 1 to 65535; else ``ValueError``.
    """
    nonce = token_bytes(NONCE_LENGTH)
    payload = _pack(choices)
    envelope = _SUITE.encrypt(nonce + payload, _read_key(public_key), _about_ballot(round_id))
    return Sealed(envelope, _commit(nonce, payload), nonce.hex())


@lru_cache(maxsize=32)
def _read_key(public_key: str) -> X25519PublicKey:
    return X25519PublicKey.from_public_bytes(bytes.fromhex(public_key))


def open_envelope(envelope: bytes, private: bytes, round_id: UUID, commitment: str | None = None) -> Opened:
    """What was sealed. Raises ``EnvelopeBroken``; also when it is not what ``commitment`` (if given) promised."""
    if len(envelope) != SEALED_LENGTH:
        raise EnvelopeBroken("The envelope has not the length of an envelope.")
    try:
        inside = _SUITE.decrypt(envelope, X25519PrivateKey.from_private_bytes(private), _about_ballot(round_id))
    except InvalidTag as broken:
        raise EnvelopeBroken("The envelope does not open with this round's key.") from broken
    nonce, payload = inside[:NONCE_LENGTH], inside[NONCE_LENGTH:]
    found = _commit(nonce, payload)
    if commitment is not None and not secrets.compare_digest(found, commitment):
        raise EnvelopeBroken("The envelope is not the one that was promised on the board.")
    return Opened(_unpack(payload), nonce.hex(), found)


def commitment_of(choices: Iterable[Mark], nonce: str) -> str:
    """What the public board shows for these choices with this nonce: SHA-256(nonce ‖ payload), 64 hex digits."""
    return _commit(bytes.fromhex(nonce), _pack(choices))


def tracking_code(commitment: str) -> str:
    """The commitment as a person can read it: four groups of four (68 bits), the last letter checks the others.

    The commitment's number, modulo 23¹⁵, in base 23 with the letters of ``letters.ALPHABET``, largest place first.
    """
    base = len(ALPHABET)
    left, values = int(commitment, 16) % base ** (TRACKING_LENGTH - 1), []
    for _ in range(TRACKING_LENGTH - 1):
        left, value = divmod(left, base)
        values.append(value)
    return in_fours(with_check(spell(values[::-1])))


def read_tracking_code(text: str) -> str | None:
    """A tracking code as printed, however it was typed; nothing when it cannot be one."""
    letters = read(text, TRACKING_LENGTH)
    return None if letters is None else in_fours(letters)


def _pack(choices: Iterable[Mark]) -> bytes:
    marks = as_marks(choices)
    ticks = all(value == 1 for _, value in marks)
    words = [number for number, _ in marks] if ticks else [word for mark in marks for word in mark]
    if len(words) > MOST_CHOICES or len(dict(marks)) < len(marks) or any(not 1 <= word <= 0xFFFF for word in words):
        raise ValueError("a ballot holds at most 254 ticks, or 127 points or places, each from 1 to 65535")
    packed = b"".join(word.to_bytes(2, "big") for word in [len(marks), *words])
    return (bytes([_TICKS if ticks else _PAIRS, 0]) + packed).ljust(PAYLOAD_LENGTH, b"\0")


def _unpack(payload: bytes) -> Marks:
    size = min(int.from_bytes(payload[2:4], "big"), MOST_CHOICES)
    if payload[0] == _TICKS:
        marks = tuple((number, 1) for number in _words(payload, size))
    else:
        words = _words(payload, min(2 * size, MOST_CHOICES))
        marks = tuple(zip(words[::2], words[1::2], strict=True))
    try:
        known = payload == _pack(marks)
    except ValueError:
        known = False
    if not known:
        raise EnvelopeBroken("The ballot inside has a form that we do not know.")
    return marks


def _words(payload: bytes, size: int) -> list[int]:
    return [int.from_bytes(payload[at : at + 2], "big") for at in range(4, 4 + 2 * size, 2)]


def _commit(nonce: bytes, payload: bytes) -> str:
    return hashlib.sha256(nonce + payload).hexdigest()


def _about_ballot(round_id: UUID) -> bytes:
    return b"seedbed ballot v1\n" + round_id.bytes
