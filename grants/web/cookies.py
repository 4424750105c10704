"""What a browser keeps for us, signed: itsdangerous' signatures and Flask's JSON, with less work for each."""

import json
from hashlib import sha1
from typing import Any

from flask.sessions import session_json_serializer
from itsdangerous import Serializer, TimestampSigner, URLSafeTimedSerializer
from itsdangerous.encoding import base64_encode, want_bytes
from itsdangerous.signer import SigningAlgorithm

PACK_FROM = 1_000
"""Bytes from which a cookie is compressed: smaller ones cost more work than they save."""
_write = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_HASH, _BLOCK = sha1, 64  # itsdangerous' choice; HMAC asks no more of it
_PLAIN = {str, int, float, bool, type(None)}


class PlainOrTagged:
    """Flask's JSON of a session, whose tags say what JSON cannot (a tuple, a UUID, markup). Most sessions need none."""

    def dumps(self, value: Any) -> str:
        return _write(value) if _is_plain(value) else session_json_serializer.dumps(value)

    def loads(self, text: str) -> Any:
        """A tag is the one key of an object, and begins with a blank: without one there is nothing to look for."""
        return session_json_serializer.loads(text) if '{" ' in text else json.loads(text)


def _is_plain(value: Any) -> bool:
    """Whether JSON gives it back as it was; a subclass (``Markup``) is not plain."""
    kind = type(value)
    if kind in _PLAIN:
        return True
    if kind is dict:
        return all(type(key) is str and key[:1] != " " for key in value) and all(map(_is_plain, value.values()))
    return kind is list and all(map(_is_plain, value))


class _BegunHmac(SigningAlgorithm):
    """HMAC with SHA-1 (RFC 2104), as itsdangerous makes it, but a key's own two blocks are hashed once."""

    def __init__(self) -> None:
        self._begun: dict[bytes, tuple[Any, Any]] = {}

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        inner, outer = (begun.copy() for begun in self._begun.get(key) or self._begin(key))
        inner.update(value)
        outer.update(inner.digest())
        signature: bytes = outer.digest()
        return signature

    def _begin(self, key: bytes) -> tuple[Any, Any]:
        block = (_HASH(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
        begun = self._begun[key] = _padded(block, 0x36), _padded(block, 0x5C)
        return begun


def _padded(block: bytes, pad: int) -> Any:
    return _HASH(bytes(byte ^ pad for byte in block))


class KeptKeys(TimestampSigner):
    """itsdangerous', which would derive the same key from the same secret at each signature."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.algorithm = _BegunHmac()
        self._derived: dict[bytes, bytes] = {}

    def derive_key(self, secret_key: str | bytes | None = None) -> bytes:
        secret = self.secret_keys[-1] if secret_key is None else want_bytes(secret_key)
        if secret not in self._derived:
            self._derived[secret] = super().derive_key(secret)
        return self._derived[secret]


class Signed(URLSafeTimedSerializer):
    """itsdangerous', with one signer kept, and packed only where that is worth its work."""

    default_signer = KeptKeys
    _kept: Any = None

    def make_signer(self, salt: str | bytes | None = None) -> Any:
        if salt not in (None, self.salt):
            return super().make_signer(salt)
        if self._kept is None:
            self._kept = super().make_signer()
        return self._kept

    def dump_payload(self, obj: Any) -> bytes:
        plain = Serializer.dump_payload(self, obj)
        return super().dump_payload(obj) if len(plain) > PACK_FROM else base64_encode(plain)
