"""Files in one folder on this machine's disk."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from grants.ports.storage import OURS, StoreAway, new_name


@dataclass(frozen=True, slots=True)
class DiskStore:
    folder: Path

    def put(self, content: bytes, *, suffix: str) -> str:
        name = new_name(suffix)
        partial = self.folder / (name + ".part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(content)
            partial.replace(self.folder / name)
        except OSError as error:
            raise StoreAway(error.strerror) from error
        return name

    def get(self, name: str) -> bytes:
        if not OURS.fullmatch(name):
            raise FileNotFoundError(name)
        return (self.folder / name).read_bytes()

    def names_before(self, moment: datetime) -> list[str]:
        try:
            found = [one for one in self.folder.iterdir() if OURS.fullmatch(one.name)] if self.folder.exists() else []
            return sorted(one.name for one in found if one.stat().st_mtime < moment.timestamp())
        except OSError as error:
            raise StoreAway(error.strerror) from error

    def forget(self, name: str) -> None:
        if not OURS.fullmatch(name):
            return
        try:
            (self.folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise StoreAway(error.strerror) from error
