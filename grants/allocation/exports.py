"""Results as open files."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from grants.kernel.money import POUNDS
from grants.web.sheets import csv_text

HEADS = (
    "Place",
    "Number on the ballot",
    "Project",
    "Group",
    "Votes",
    "Asked for (£)",
    "Awarded (£)",
    "Decision",
    "Why",
    "What would have been enough",
    "Why the panel decided otherwise",
    "What the panel asks of the group",
    "Left in the pot at its turn (£)",
    "Identifier",
)


@dataclass(frozen=True, slots=True)
class Line:
    """One bid's result, for a page or a file. Pence."""

    decision_id: UUID
    proposal_id: UUID
    number: int | None
    title: str
    group_name: str
    place: int | None
    votes: int
    asked_minor: int
    awarded_minor: int
    verdict: str
    ruled: str
    reason_code: str
    reason: str
    enough: str
    departure_reason: str
    left_before_minor: int | None
    corrected: str
    """What the decision before said, when this one corrects it."""
    mine: bool = False
    reserve: int | None = None
    conditions: str = ""

    @property
    def next_in_line(self) -> tuple[int, int]:
        """Orders the reserve list: as the rule has it, then who was put there otherwise, by place."""
        return (self.reserve or 10**6, self.place or 10**6)

    @property
    def tell_here(self) -> bool:
        """Whether its reason stands on the results page whatever the number: it was decided otherwise or with terms."""
        return bool(self.departure_reason or self.corrected or self.conditions)


def results_csv(lines: Iterable[Line], currency: str = POUNDS) -> str:
    """One line for each bid, in the order of votes; amounts in pounds, or in the round's own ``currency``."""
    return csv_text(
        HEADS
        if currency == POUNDS
        else [head.replace("(£)", f"({currency})" if currency else "").strip() for head in HEADS],
        (
            (
                line.place,
                line.number,
                line.title,
                line.group_name,
                line.votes,
                pounds(line.asked_minor),
                pounds(line.awarded_minor),
                line.verdict,
                line.reason,
                line.enough,
                line.departure_reason,
                line.conditions,
                pounds(line.left_before_minor),
                line.proposal_id,
            )
            for line in lines
        ),
    )


def pounds(minor: int | None) -> str:
    """Pounds and pence for a column of numbers: "1200.00"; nothing for nothing."""
    return "" if minor is None else f"{minor // 100}.{minor % 100:02d}"


def results_json(
    round_id: UUID, rule_book_hash: str, inputs: Any, outcome: Any, checksum: str | None, told: Any, lines: Any
) -> Any:
    """All that is needed to check the result: what went in, what came out, what was decided.

    ``told``: what the pages tell of the run (``rules.facts.RunFacts``). ``checksum``: None where few people voted.
    """
    return {
        "round_id": str(round_id),
        "rule_book_sha256": rule_book_hash,
        "checksum": checksum,
        "inputs": inputs,
        "outcome": outcome,
        "told": told,
        "decisions": [
            {
                "proposal_id": str(line.proposal_id),
                "title": line.title,
                "group": line.group_name,
                "place": line.place,
                "votes": line.votes,
                "asked_minor": line.asked_minor,
                "awarded_minor": line.awarded_minor,
                "verdict": line.verdict,
                "reason": line.reason,
                "enough": line.enough,
                "departure_reason": line.departure_reason or None,
                "conditions": line.conditions or None,
            }
            for line in lines
        ],
    }
