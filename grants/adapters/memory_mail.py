"""A mailer that keeps letters in memory, for tests; the demonstration reads the outbox itself."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class MemoryMailer:
    letters: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    """key → (to, subject, text)"""

    def send(self, *, to: str, subject: str, text: str, key: str) -> None:
        self.letters[key] = (to, subject, text)
