"""Files in one folder on this machine's disk."""

import re
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

_OURS = re.compile(r"[0-9a-f]{32}\.[a-z0-9]{2,5}")


@dataclass(frozen=True, slots=True)
class DiskStore:
    folder: Path

    def put(self, content: bytes, *, suffix: str) -> str:
        name = f"{token_hex(16)}.{suffix}"
        if not _OURS.fullmatch(name):
            raise ValueError("a suffix is two to five letters or digits")
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / (name + ".part")
        partial.write_bytes(content)
        partial.replace(self.folder / name)
        return name

    def get(self, name: str) -> bytes:
        if not _OURS.fullmatch(name):
            raise FileNotFoundError(name)
        return (self.folder / name).read_bytes()
