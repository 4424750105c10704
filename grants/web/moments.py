"""When a page that is being made will read differently, though nobody does anything (``web.kept``)."""

from datetime import datetime

from flask import g


def good_until(*moments: datetime | None) -> None:
    """Say that what is made now reads differently from these moments on; those that are past, or None, say nothing."""
    if (look := g.get("look")) is not None:
        g.good_until = min((one for one in (*moments, g.good_until) if one and one > look.moment), default=g.good_until)
