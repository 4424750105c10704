"""Looking for malware in what people send, in our own words."""

from typing import Protocol


class ScannerAway(Exception):
    """Nobody could look: not found, not answering, or none is set up. The file stays closed, and is tried again."""


class Scanner(Protocol):
    def is_clean(self, content: bytes) -> bool:
        """Whether nothing was found in the bytes. Raises ``ScannerAway``."""
