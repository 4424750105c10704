"""What goes into sharing the pot: bids, and ballots merged so that equal ones are counted once."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from grants.kernel.canonical import fingerprint


@dataclass(frozen=True, slots=True)
class Bid:
    """One proposal on the ballot. ``lot``: its place in the order drawn before the vote (lower wins a tie).

    ``group_id``: bids of one group may be limited together, by number or by pence.
    """

    id: UUID
    cost_minor: int
    lot: int
    group_id: UUID | None = None

    def __post_init__(self) -> None:
        if self.cost_minor <= 0:
            raise ValueError("a bid costs more than nothing")


@dataclass(frozen=True, slots=True)
class Ballots:
    """Approval ballots, merged: each different set of choices once, with the number of people who made it.

    A blank ballot is the empty set of choices; it counts as a voter and for nobody.
    """

    approvals: tuple[tuple[tuple[UUID, ...], int], ...] = ()

    @classmethod
    def merged(cls, choices: Iterable[Iterable[UUID]]) -> "Ballots":
        """From one set of choices per person, in any order. Something chosen twice on a ballot counts once.

        >>> a, b = UUID(int=1), UUID(int=2)
        >>> Ballots.merged([[a, b], [b, a, a], []]).voters
        3
        """
        return cls(tuple(sorted(Counter(tuple(sorted(set(chosen))) for chosen in choices).items())))

    @property
    def voters(self) -> int:
        """How many people cast a ballot, blank ones too."""
        return sum(people for _, people in self.approvals)

    def votes(self) -> dict[UUID, int]:
        """How many people chose each bid; bids that nobody chose are absent."""
        votes: Counter[UUID] = Counter()
        for chosen, people in self.approvals:
            for bid_id in chosen:
                votes[bid_id] += people
        return dict(votes)

    @property
    def sha256(self) -> str:
        """A fingerprint of the ballots that does not depend on the order in which they came."""
        return fingerprint(self.approvals)
