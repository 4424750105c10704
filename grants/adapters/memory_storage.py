"""Files in memory, for tests: gone with the process."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from grants.ports.storage import new_name


@dataclass(frozen=True, slots=True)
class MemoryStore:
    kept: dict[str, bytes] = field(default_factory=dict)
    at: dict[str, datetime] = field(default_factory=dict)

    def put(self, content: bytes, *, suffix: str) -> str:
        name = new_name(suffix)
        self.kept[name], self.at[name] = content, datetime.now(UTC)
        return name

    def get(self, name: str) -> bytes:
        if name not in self.kept:
            raise FileNotFoundError(name)
        return self.kept[name]

    def names_before(self, moment: datetime) -> list[str]:
        return sorted(name for name in self.kept if self.at[name] < moment)

    def forget(self, name: str) -> None:
        self.kept.pop(name, None)
