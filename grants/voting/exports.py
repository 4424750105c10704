"""What leaves as a file: codes once, ballots and board after the close."""

import csv
import json
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Any

from grants.rounds.rules.ballots import BallotKind, BallotRules
from grants.voting.queries import Entry
from grants.voting.rules.ballots import Marks
from grants.voting.rules.board import BoardLine


def codes_csv(codes: Iterable[str], round_title: str, address: str) -> str:
    """One code a line, with what a mail merge needs. Cells that a spreadsheet could run are defused."""
    rows = [["code", "round", "address"], *([code, defused(round_title), address] for code in codes)]
    return _csv(rows)


def defused(text: str) -> str:
    """Text that a spreadsheet will not take for a formula.

    >>> defused("=1+1"), defused("Seeds")
    ("'=1+1", 'Seeds')
    """
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def ballots_csv(ballots: Iterable[Marks], entries: Sequence[Entry], rules: BallotRules) -> str:
    """A line for each ballot, a column for each line of it. Sorted: no order tells who.

    In a column stands 1 where it was ticked and else 0; its points and else 0; or its place and else nothing.
    """
    numbers = [entry.number for entry in entries]
    head = [defused(f"{entry.number} {entry.title}") for entry in entries]
    at = {number: place for place, number in enumerate(numbers)}
    blank = ["" if rules.kind is BallotKind.RANKED else "0"] * len(numbers)
    rows = []
    for marks in sorted(ballots):  # numbers need no quotes, and a city's ballots are millions of cells
        cells = blank.copy()
        for number, value in marks:
            cells[at[number]] = str(value)
        rows.append(",".join(cells) or '""')
    return _csv([head]) + "".join(f"{row}\r\n" for row in rows)


IN_WORDS = {
    BallotKind.POINTS: "[number of the line, points]",
    BallotKind.RANKED: "[number of the line, place]; the first place is 1",
}
"""What stands in a published ballot, where it is not just the numbers that were ticked."""


def ballots_json(
    kept: Iterable[list[Any]], entries: Sequence[Entry], tally: Any, rule_book: str, rules: BallotRules
) -> str:
    """The ballots with all that is needed to check their hash and count them again."""
    facts: dict[str, Any] = {
        "ballot_kind": rules.kind,
        "a_ballot_is": f"a list of {IN_WORDS.get(rules.kind, 'the numbers of the lines that were ticked')}",
        "round": str(tally.round_id),
        "rule_book_sha256": rule_book,
        "closed_at": tally.closed_at.isoformat(),
        "lines": [
            {
                "number": entry.number,
                "proposal": str(entry.proposal_id),
                "title": entry.title,
                "cost_minor": entry.cost_minor,
            }
            for entry in entries
        ],
        "ballot_count": tally.ballot_count,
        "ballots_sha256": tally.ballots_hash,
        "ballots_sha256_is_of": "the value of `ballots` as JSON without blanks, in UTF-8",
        "ballots": sorted(kept),
    }
    if rules.kind is BallotKind.RANKED:
        standing = sum(1 for entry in entries if not entry.withdrawn)
        facts["points_of_places"] = rules.place_points(standing)
    return json.dumps(facts, ensure_ascii=False, indent=1)


def board_csv(lines: Iterable[BoardLine]) -> str:
    """The whole board: a line for each ballot that was counted."""
    return _csv([["tracking code", "commitment"], *([line.tracking_code, line.commitment] for line in lines)])


def _csv(rows: Iterable[Sequence[object]]) -> str:
    out = StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()
