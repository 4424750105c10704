"""Key pairs of rounds: the public half is published, the private half is kept under the installation's own key."""

import secrets
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_WRAP_NONCE = 12


class EnvelopeBroken(Exception):
    """It does not open: another key, another round, or not as it was sealed."""


def make_key_pair() -> tuple[str, bytes]:
    """A round's key pair (X25519): the public half as 64 hex digits; the private half (32 bytes), to be wrapped."""
    private = X25519PrivateKey.generate()
    return private.public_key().public_bytes_raw().hex(), private.private_bytes_raw()


def wrap_private_key(private: bytes, wrapping_key: bytes, round_id: UUID) -> str:
    """The private half, sealed under the installation's key (32 bytes, kept outside the database): 120 hex digits.

    AES-256-GCM, random nonce in front, bound to the round.
    """
    nonce = secrets.token_bytes(_WRAP_NONCE)
    return (nonce + AESGCM(_strong(wrapping_key)).encrypt(nonce, private, _about_key(round_id))).hex()


def unwrap_private_key(wrapped: str, wrapping_key: bytes, round_id: UUID) -> bytes:
    """The private half again. Raises ``EnvelopeBroken`` with another key, for another round, or when it was changed."""
    try:
        raw = bytes.fromhex(wrapped)
        return AESGCM(_strong(wrapping_key)).decrypt(raw[:_WRAP_NONCE], raw[_WRAP_NONCE:], _about_key(round_id))
    except InvalidTag as broken:
        raise EnvelopeBroken("The round's key does not unwrap with this installation's key.") from broken


def wrap_share(share: bytes, wrapping_key: bytes, round_id: UUID, number: int) -> bytes:
    """One returning officer's share of a private half, sealed like it: nonce first, bound to round and number."""
    nonce = secrets.token_bytes(_WRAP_NONCE)
    return nonce + AESGCM(_strong(wrapping_key)).encrypt(nonce, share, _about_share(round_id, number))


def unwrap_share(wrapped: bytes, wrapping_key: bytes, round_id: UUID, number: int) -> bytes:
    """The share again. Raises ``EnvelopeBroken`` with another key, for another round or number, or when changed."""
    nonce, sealed = wrapped[:_WRAP_NONCE], wrapped[_WRAP_NONCE:]
    try:
        return AESGCM(_strong(wrapping_key)).decrypt(nonce, sealed, _about_share(round_id, number))
    except InvalidTag as broken:
        raise EnvelopeBroken("A share of the round's key does not unwrap with this installation's key.") from broken


def public_half(private: bytes) -> str:
    """The public half that belongs to a private one (32 bytes): 64 hex digits."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw().hex()


def _strong(wrapping_key: bytes) -> bytes:
    if len(wrapping_key) != 32:
        raise ValueError("the key that wraps round keys has 32 bytes")
    return wrapping_key


def _about_key(round_id: UUID) -> bytes:
    return b"seedbed round key v1\n" + round_id.bytes


def _about_share(round_id: UUID, number: int) -> bytes:
    return b"seedbed key share v1\n" + round_id.bytes + bytes([number])
