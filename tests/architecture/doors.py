"""Who may enter each view. A view that stands here with another door than it wears, or not at all, fails.

``public``: anybody. ``signed_in``: whoever has an account. ``demo_only``: anybody, in a demonstration only.
Otherwise the roles that may enter, in alphabetical order, with ``+`` between them.
"""

from __future__ import annotations

DOORS: dict[str, str] = {
    # home
    "home.healthz": "public",
    # people
    "people.enter": "public",
    "people.enter_as": "demo_only",
    "people.link": "public",
    "people.link_sent": "public",
    "people.sign_in": "public",
    "people.sign_out": "public",
}
