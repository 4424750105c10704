"""An insight as it is written down, and the words of a search."""

from dataclasses import dataclass
from datetime import date

from grants.kernel.errors import RuleBroken
from grants.kernel.words import words_given


@dataclass(frozen=True, slots=True)
class InsightDraft:
    """What was heard. ``ward_code`` None: no one place."""

    text: str
    how_heard: str
    ward_code: str | None = None
    heard_on: date | None = None


def checked(draft: InsightDraft, today: date) -> InsightDraft:
    """The draft, if it says what was heard and how, and nothing was heard in the future. Raises ``RuleBroken``."""
    words_given(draft.text, "text", "Write what was heard")
    words_given(draft.how_heard, "how_heard", "Say where or how it was heard")
    if draft.heard_on is not None and draft.heard_on > today:
        raise RuleBroken("The day it was heard must be today or in the past", field="heard_on")
    return draft


def search_words(text: str, most: int = 6) -> list[str]:
    """The words of a search, at most ``most``, each once and in order.

    >>> search_words("green  space, green walks")
    ['green', 'space', 'walks']
    """
    return [word for word in dict.fromkeys(part.strip(".,;:!?\"'()").lower() for part in text.split()) if word][:most]
