"""The public board: commitments that show each voter that their ballot is kept, and nobody what it says."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from grants.voting.rules.envelope import tracking_code

BATCH = 20


@dataclass(frozen=True, slots=True)
class BoardLine:
    """One published line."""

    tracking_code: str
    commitment: str


def board_lines(commitments: Iterable[str]) -> tuple[BoardLine, ...]:
    """The lines of the board, sorted by commitment: their order tells nothing about who came when."""
    return tuple(BoardLine(tracking_code(commitment), commitment) for commitment in sorted(set(commitments)))


def next_board(published: Collection[str], kept: Collection[str], closed: bool, batch: int = BATCH) -> frozenset[str]:
    """The commitments the board should show now: all of ``kept``, but only when enough of them are new.

    While voting is open the board moves in steps of at least ``batch`` new commitments, so that a line cannot be tied
    to the moment somebody voted. At the close it shows all. A commitment that was replaced leaves with the next step.
    """
    fresh = set(kept) - set(published)
    return frozenset(kept) if closed or len(fresh) >= batch else frozenset(published)
