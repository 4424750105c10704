"""A ring of named keys: what is sealed says which key opens it, so that keys can be changed without losing anything."""

import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12


class SealBroken(Exception):
    """It does not open: its key is not on the ring, it is about something else, or it was changed."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys of 32 bytes by their names. ``current`` seals; every one of them opens."""

    current: str
    keys: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """A ring from ``name:64 hex digits`` with commas between; the first is the current one. Raises ``ValueError``.

        >>> KeyRing.parse("b:" + "01" * 32 + ", a:" + "02" * 32).current
        'b'
        """
        keys: dict[str, bytes] = {}
        for one in text.split(","):
            name, _, digits = one.strip().partition(":")
            if not name.isalnum() or not name.isascii() or len(name) > 16 or name in keys or len(digits) != 64:
                raise ValueError("a key is a short name, a colon and 64 hex digits; each name once")
            keys[name] = bytes.fromhex(digits)
        return cls(next(iter(keys)), keys)

    def seal(self, plain: bytes, about: bytes) -> str:
        """``name.base64``: AES-256-GCM under the current key, random nonce in front, bound to ``about``."""
        nonce = secrets.token_bytes(_NONCE)
        sealed = AESGCM(self.keys[self.current]).encrypt(nonce, plain, about)
        return f"{self.current}.{b64encode(nonce + sealed).decode()}"

    def mark(self, plain: bytes, about: bytes) -> str:
        """64 hex digits that are the same for the same bytes under the current key, and tell nothing else."""
        key = hmac.new(self.keys[self.current], b"seedbed mark v1\n" + about, sha256).digest()
        return hmac.new(key, plain, sha256).hexdigest()

    def open(self, sealed: str, about: bytes) -> bytes:
        """What was sealed. Raises ``SealBroken``."""
        name, _, coded = sealed.partition(".")
        if name not in self.keys:
            raise SealBroken(f"The key “{name}” is not on the ring. Put it back, behind the current one.")
        try:
            raw = b64decode(coded, validate=True)
            return AESGCM(self.keys[name]).decrypt(raw[:_NONCE], raw[_NONCE:], about)
        except (InvalidTag, ValueError):
            raise SealBroken("It does not open with the key that it names.") from None
