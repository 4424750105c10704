"""Files in memory, for tests: gone with the process."""

from dataclasses import dataclass, field

from grants.ports.storage import new_name


@dataclass(frozen=True, slots=True)
class MemoryStore:
    kept: dict[str, bytes] = field(default_factory=dict)

    def put(self, content: bytes, *, suffix: str) -> str:
        name = new_name(suffix)
        self.kept[name] = content
        return name

    def get(self, name: str) -> bytes:
        if name not in self.kept:
            raise FileNotFoundError(name)
        return self.kept[name]
