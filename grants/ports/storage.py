"""Keeping files under names of ours."""

import re
from datetime import datetime
from secrets import token_hex
from typing import Protocol

OURS = re.compile(r"[0-9a-f]{32}\.[a-z0-9]{2,5}")
"""What our names look like. Whatever looks otherwise is not asked for at all."""


class StoreAway(Exception):
    """The store does not answer, or will not let us in. Nothing was kept, and nothing is lost."""


class FileStore(Protocol):
    """Bytes under names of ours. Nobody reaches them but through a page that asks who they are."""

    def put(self, content: bytes, *, suffix: str) -> str:
        """Keep the bytes; returns the name they are kept under, made by us. Raises ``StoreAway``."""

    def get(self, name: str) -> bytes:
        """The bytes. Raises ``FileNotFoundError`` for a name that is not one of ours, ``StoreAway``."""

    def names_before(self, moment: datetime) -> list[str]:
        """The names of what was kept before a moment. Raises ``StoreAway``."""

    def forget(self, name: str) -> None:
        """Take the bytes away, if they are there. Raises ``StoreAway``."""


def new_name(suffix: str) -> str:
    """A name that nobody can guess. Raises ``ValueError`` for a suffix that is none of ours."""
    name = f"{token_hex(16)}.{suffix}"
    if not OURS.fullmatch(name):
        raise ValueError("a suffix is two to five letters or digits")
    return name
