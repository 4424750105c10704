"""What is asked of ``grants tally``."""

from dataclasses import dataclass
from fractions import Fraction

RULE_NAMES = ("most-votes", "equal-shares", "phragmen")


@dataclass(frozen=True, slots=True)
class Asked:
    """How to share. Amounts in the file's currency; nothing: the rule's own habit.

    ``start``: the share is rounded down to whole units of the currency by default when it is completed, and exact when
    it is not. ``min_votes``: most votes takes the file's own threshold. ``lot``: a seed; the file's order by default.
    ``misfit``: ``skip`` by most votes and ``stop`` by Phragmén by default.
    """

    rule: str = "equal-shares"
    utility: str = "cost"
    completion: str = "add1u"
    start: str | None = None
    step: Fraction = Fraction(1)
    exhaustive_stop: bool = True
    misfit: str | None = None
    min_votes: Fraction | None = None
    lot: str | None = None
