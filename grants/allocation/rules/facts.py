"""What is told of one sharing of the pot beside its outcome: kept with the run, so that no page counts again."""

import json
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any
from uuid import UUID

from grants.kernel.canonical import canonical_json

VERSION = 1


class Way(StrEnum):
    """How a bid was bought: by its supporters' shares, in order of votes, as they earned its cost, or by the panel's
    points."""

    SHARES = "shares"
    VOTES = "votes"
    PACE = "pace"
    PANEL = "panel"


@dataclass(frozen=True, slots=True)
class Step:
    """One bid bought, in the order bought. Pence; parts of a penny are dropped.

    ``way``: most votes takes all by ``VOTES``, Phragmén by ``PACE``, equal shares by ``SHARES`` and what it adds from
    the rest of the pot by ``VOTES``. ``left_minor``: in the pot afterwards. ``price_minor``: by shares, what each of
    ``paying`` people paid (with points, for each point), while ``emptied`` people paid all they had left; by pace, what
    everybody had earned at that moment.
    """

    bid_id: UUID
    way: Way
    cost_minor: int
    left_minor: int
    price_minor: int | None = None
    paying: int = 0
    emptied: int = 0


@dataclass(frozen=True, slots=True)
class BidFacts:
    """What is told of one bid. Pence; parts of a penny are dropped.

    ``supporters``: how many people chose it; ``with_one``: how many of them chose something that was funded.
    ``also_chose``: how many of them chose each bid that was funded, in the order bought (itself too).
    ``spent``: what its supporters spent on each bid bought, in the order bought (itself too), and ``kept_minor`` what
    they had left after the last: equal shares before what is left is shared by votes, and Phragmén; nothing by votes.
    ``left_before_minor``: in the pot when its turn came, or at the end when it never came.
    ``enough_cost_minor``: funded at this cost and not at a penny more, ``enough_supporters``: funded with so many more
    people who choose nothing else and not with one fewer; each tried by running the rule again, nothing where nothing
    would have been enough. Both are nothing for a funded bid. ``tried`` is False where a large election was not tried.
    ``withheld``: few people voted, so what its supporters had left is not told, nor the cost that shows it.
    """

    bid_id: UUID
    supporters: int
    with_one: int
    left_before_minor: int
    also_chose: tuple[tuple[UUID, int], ...] = ()
    spent: tuple[tuple[UUID, int], ...] = ()
    kept_minor: int | None = None
    enough_cost_minor: int | None = None
    enough_supporters: int | None = None
    tried: bool = True
    withheld: bool = False

    def totals_only(self) -> "BidFacts":
        """Without what a reader could work out from it. What would have been enough is a total by votes alone."""
        hides = self.kept_minor is not None and self.supporters > 0
        return replace(
            self,
            with_one=0,
            also_chose=(),
            spent=(),
            kept_minor=None,
            enough_cost_minor=None if hides else self.enough_cost_minor,
            withheld=hides,
        )


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is told of a run. Pence.

    ``share_minor``: what each voter controlled in the run that counts (equal shares; parts of a penny dropped);
    ``runs``: how often equal shares was run to find it. ``steps``: the money, bid by bid as bought. ``most_votes``: who
    would have won by most votes with the round's minimum votes and group limits, in order of votes. ``with_one``: how
    many voters chose at least one bid that is funded, ``with_one_by_votes``: the same for ``most_votes``; nothing where
    few people voted, since beside the votes of two winners it counts who chose both.
    ``voters``: ballots, blank ones too. ``bids``: one for each bid that stood. ``outside``: the checksum that ``grants
    tally`` gives for the round's ``.pb`` file; nothing where that file alone does not give the same winners.
    """

    voters: int
    steps: tuple[Step, ...]
    most_votes: tuple[UUID, ...]
    with_one: int | None
    with_one_by_votes: int | None
    bids: tuple[BidFacts, ...]
    share_minor: int | None = None
    runs: int | None = None
    outside: str | None = None

    def of(self, bid_id: UUID) -> BidFacts | None:
        """What is told of one bid."""
        return next((bid for bid in self.bids if bid.bid_id == bid_id), None)

    def totals_only(self) -> "RunFacts":
        """What may be told where few people voted: nothing from which a reader could work out what somebody chose."""
        return replace(
            self,
            steps=tuple(replace(step, price_minor=None, paying=0, emptied=0) for step in self.steps),
            bids=tuple(bid.totals_only() for bid in self.bids),
            with_one=None,
            with_one_by_votes=None,
            outside=None,
        )

    def to_json(self) -> str:
        """Canonical text."""
        facts = asdict(self) | {"version": VERSION}
        for bid in facts["bids"]:
            if not bid["withheld"]:  # nor in what was kept before there was such a thing
                del bid["withheld"]
        return canonical_json(facts)

    @classmethod
    def from_json(cls, text: str) -> "RunFacts":
        """What ``to_json`` wrote. Refuses (``ValueError``) another version."""
        facts = json.loads(text)
        if facts.pop("version", None) != VERSION:
            raise ValueError("these are not the facts of a run that we can read")
        facts["steps"] = tuple(
            Step(**one | {"bid_id": UUID(one["bid_id"]), "way": Way(one["way"])}) for one in facts["steps"]
        )
        facts["most_votes"] = tuple(map(UUID, facts["most_votes"]))
        facts["bids"] = tuple(_bid(one) for one in facts["bids"])
        return cls(**facts)


def _bid(one: dict[str, Any]) -> BidFacts:
    pairs = {name: tuple((UUID(id), number) for id, number in one[name]) for name in ("also_chose", "spent")}
    return BidFacts(**one | {"bid_id": UUID(one["bid_id"])} | pairs)
