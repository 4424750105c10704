"""The public board: commitments that show each voter that their ballot is kept, and nobody what it says."""

from collections.abc import Iterable
from dataclasses import dataclass

from grants.voting.rules.envelope import tracking_code


@dataclass(frozen=True, slots=True)
class BoardLine:
    """One published line."""

    tracking_code: str
    commitment: str


def board_lines(commitments: Iterable[str]) -> tuple[BoardLine, ...]:
    """The lines of the board, sorted by commitment: their order tells nothing about who came when."""
    return tuple(BoardLine(tracking_code(commitment), commitment) for commitment in sorted(set(commitments)))
