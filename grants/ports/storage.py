"""Keeping files under names of ours."""

from typing import Protocol


class FileStore(Protocol):
    def put(self, content: bytes, *, suffix: str) -> str:
        """Keep the bytes; returns the name they are kept under, made by us."""

    def get(self, name: str) -> bytes:
        """The bytes. Raises ``FileNotFoundError`` for a name that is not one of ours."""
