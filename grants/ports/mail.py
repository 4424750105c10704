"""Sending a letter by e-mail."""

from typing import Protocol


class Mailer(Protocol):
    def send(self, *, to: str, subject: str, text: str, key: str) -> None:
        """Hand the letter over. The same ``key`` is the same letter. Raises when it could not be handed over."""
