"""What the funders' restrictions say to a set of bids, as sharing the pot asks it."""

from collections.abc import Callable, Sequence
from uuid import UUID

Fundable = Callable[[Sequence[UUID]], str | None]
"""Given the bids that would be funded together: nothing when their money can be found, else why not, in plain words.

A part of a fundable set must be fundable too, and the answer must not depend on the order of the ids. Both hold for
``grants.funds.rules.match``.
"""


def always_fundable(bid_ids: Sequence[UUID]) -> str | None:
    """No restrictions at all."""
    return None
