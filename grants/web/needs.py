"""What needs a person now. Every stage says it for itself; the home page only lists."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from grants.kernel.actors import Actor


@dataclass(frozen=True, slots=True)
class NeedsYou:
    """One thing to do: what, where, and by when if there is a when."""

    text: str
    href: str
    detail: str = ""
    due_at: datetime | None = None


Provider = Callable[[Actor, datetime], Iterable[NeedsYou]]
_providers: list[Provider] = []


def needs_you(provider: Provider) -> Provider:
    """Register a stage's provider: it takes the person and the moment, runs a bounded number of queries, and yields."""
    _providers.append(provider)
    return provider


def all_needs(actor: Actor, now: datetime) -> list[NeedsYou]:
    """Everything that waits for this person, the earliest due first, what has no date last."""
    found = [need for provider in _providers for need in provider(actor, now)]
    far = datetime.max.replace(tzinfo=now.tzinfo)
    return sorted(found, key=lambda need: (need.due_at or far, need.text))
