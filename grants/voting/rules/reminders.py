"""When voters who asked for it are reminded, and how their address is kept until the vote closes."""

import hmac
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from grants.kernel.sealing import EnvelopeBroken

REST = timedelta(hours=24)
"""Nobody is reminded again sooner."""
QUIET = timedelta(hours=6)
"""Nobody is reminded in the last hours: it would come too late for many, and press the others."""

FIVES = 5
"""Numbers of reminders are told in fives: from one look to the next nobody sees that one person voted."""

_LENGTH = 256
_NONCE = 12
SEALED_LENGTH = _NONCE + _LENGTH + 16


def why_not_now(closes_at: datetime | None, now: datetime) -> str | None:
    """Why no reminders go out at this moment; nothing when they may. A vote without an end has no last hours.

    >>> why_not_now(None, datetime(2026, 3, 1)) is None
    True
    """
    if closes_at is not None and now > closes_at - QUIET:
        return "Voting closes in less than six hours. Nobody is reminded so late."
    return None


def in_fives(letters: int) -> int:
    """How many letters, as it is shown, kept and compared: rounded down to fives."""
    return letters - letters % FIVES


def how_many(fives: int) -> str:
    """What stewards are told of ``in_fives``.

    >>> how_many(in_fives(3)), how_many(in_fives(37))
    ('fewer than 5 reminders', '35 to 39 reminders')
    """
    return f"{fives} to {fives + FIVES - 1} reminders" if fives else f"fewer than {FIVES} reminders"


def seal_address(address: str, pepper: bytes, round_id: UUID) -> bytes:
    """An address, sealed under the installation's secret and bound to the round; its length tells nothing.

    AES-256-GCM, random nonce in front. Refuses (``ValueError``) what is longer than an address can be.
    """
    raw = address.strip().encode()
    if len(raw) >= _LENGTH:
        raise ValueError("no address is that long")
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(_key(pepper)).encrypt(nonce, raw.ljust(_LENGTH, b"\0"), round_id.bytes)


def open_address(sealed: bytes, pepper: bytes, round_id: UUID) -> str:
    """The address again. Raises ``EnvelopeBroken`` with another secret, or for another round."""
    try:
        raw = AESGCM(_key(pepper)).decrypt(sealed[:_NONCE], sealed[_NONCE:], round_id.bytes)
    except InvalidTag as broken:
        raise EnvelopeBroken("The address does not open with this installation's secret.") from broken
    return raw.rstrip(b"\0").decode()


def _key(pepper: bytes) -> bytes:
    return hmac.digest(pepper, b"seedbed reminders v1", "sha256")
