"""The sealed envelope: choices that the server keeps and cannot read until the round's key is taken out at the close.

HPKE (RFC 9180) in base mode: X25519, HKDF-SHA256, ChaCha20-Poly1305. The round is bound as HPKE's ``info``: an envelope
of one round does not open in another.
"""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from grants.kernel.sealing import EnvelopeBroken, make_key_pair, unwrap_private_key, wrap_private_key
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
PAYLOAD_LENGTH = 512  # one byte of form, one that is 0, two of count, two per choice, then noughts
NONCE_LENGTH = 32
SEALED_LENGTH = 32 + NONCE_LENGTH + PAYLOAD_LENGTH + 16  # the sender's fresh key, what is sealed, the tag
TRACKING_LENGTH = 16

_FORM = 1
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

    choices: tuple[int, ...]
    nonce: str
    commitment: str


def seal(
    choices: Sequence[int],
    public_key: str,
    round_id: UUID,
    token_bytes: Callable[[int], bytes] = secrets.token_bytes,
) -> Sealed:
    """Seal choices (numbers on the ballot, 1 to 65535, at most 254) into an envelope whose length tells nothing."""
    nonce = token_bytes(NONCE_LENGTH)
    payload = _pack(choices)
    key = X25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
    envelope = _SUITE.encrypt(nonce + payload, key, _about_ballot(round_id))
    return Sealed(envelope, _commit(nonce, payload), nonce.hex())


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


def commitment_of(choices: Sequence[int], nonce: str) -> str:
    """What the public board shows for these choices with this nonce: SHA-256(nonce ‖ payload), 64 hex digits."""
    return _commit(bytes.fromhex(nonce), _pack(choices))


def tracking_code(commitment: str) -> str:
    """The commitment as a person can read it: four groups of four (68 bits), the last letter checks the others.

    The commitment's number, modulo 23¹⁵, in base 23 with the letters of ``letters.ALPHABET``, largest place first.
    """
    number, base = int(commitment, 16), len(ALPHABET)
    values = [number // base**place % base for place in reversed(range(TRACKING_LENGTH - 1))]
    return in_fours(with_check(spell(values)))


def read_tracking_code(text: str) -> str | None:
    """A tracking code as printed, however it was typed; nothing when it cannot be one."""
    letters = read(text, TRACKING_LENGTH)
    return None if letters is None else in_fours(letters)


def _pack(choices: Sequence[int]) -> bytes:
    numbers = sorted(set(choices))
    if len(numbers) > MOST_CHOICES or any(not 1 <= number <= 0xFFFF for number in numbers):
        raise ValueError("a ballot holds at most 254 numbers from 1 to 65535")
    packed = b"".join(number.to_bytes(2, "big") for number in [len(numbers), *numbers])
    return (bytes([_FORM, 0]) + packed).ljust(PAYLOAD_LENGTH, b"\0")


def _unpack(payload: bytes) -> tuple[int, ...]:
    size = int.from_bytes(payload[2:4], "big")
    numbers = tuple(int.from_bytes(payload[at : at + 2], "big") for at in range(4, 4 + 2 * min(size, MOST_CHOICES), 2))
    try:
        known = payload == _pack(numbers)
    except ValueError:
        known = False
    if not known:
        raise EnvelopeBroken("The ballot inside has a form that we do not know.")
    return numbers


def _commit(nonce: bytes, payload: bytes) -> str:
    return hashlib.sha256(nonce + payload).hexdigest()


def _about_ballot(round_id: UUID) -> bytes:
    return b"seedbed ballot v1\n" + round_id.bytes
