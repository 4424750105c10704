"""Sections that a later stage adds to an earlier stage's page.

A stage knows its past, never its future: a priority's page cannot ask for awards. So the page leaves room, and later
stages register what they have to show there. ``app`` imports every stage, which fills the register.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Section:
    """A titled piece of page; ``html`` is rendered from a template of the stage that adds it."""

    id: str
    title: str
    html: Markup


Provider = Callable[[Any], Section | None]
_providers: dict[str, list[tuple[int, str, Provider]]] = defaultdict(list)


def section(page: str, order: int) -> Callable[[Provider], Provider]:
    """Register a provider for ``page``; lower orders first.

    Pages: "priority", "fund", "round", "desk" of a round, "round_form" (a draft, or None), "proposal", "group",
    "home"; and "apply", whose subject is the ids of the visitor's groups: what they are told before they ask for money.

    The provider takes the page's subject (a row) and returns a ``Section``, or None when it has nothing to show.
    """

    def register(provider: Provider) -> Provider:
        _providers[page].append((order, provider.__module__, provider))
        return provider

    return register


def sections_for(page: str, subject: Any) -> list[Section]:
    """Every section that later stages add to this page for this subject, in order."""
    ordered = sorted(_providers[page], key=lambda entry: entry[:2])
    return [made for _, _, provider in ordered if (made := provider(subject)) is not None]
