"""Equal shares and Phragmén as the registry holds them: a round's bids in, an outcome for each out.

The counting itself is imported by the first count: numpy costs every worker 16 MB, and hardly any of them ever counts.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from grants.allocation.rules.ballots import Ballots, Bid
from grants.allocation.rules.fundable import Fundable
from grants.allocation.rules.result import Outcome
from grants.allocation.rules.words import POUNDS
from grants.rounds.rules import EqualSharesOptions, Options, PhragmenOptions

if TYPE_CHECKING:
    from grants.allocation.rules.election import Election
    from grants.allocation.rules.reasons import Told


class EqualShares:
    """The Method of Equal Shares: everybody controls an equal part of the pot."""

    name = "equal_shares"
    title = "Equal shares"

    def check_options(self, options: Options) -> None:
        """Refuse (``RuleBroken``) options that this rule does not know or cannot follow."""
        EqualSharesOptions.read(options)

    def share(
        self, bids: Sequence[Bid], ballots: Ballots, pot_minor: int, options: Options, fundable: Fundable
    ) -> tuple[Outcome, ...]:
        """One outcome per bid: the winners in the order bought, then the others by votes."""
        from grants.allocation.rules.election import Election, Gate
        from grants.allocation.rules.reasons import tell_shares
        from grants.allocation.rules.shares import Settings, share_equally

        read, bids = EqualSharesOptions.read(options), sorted(bids, key=lambda bid: bid.lot)
        election = Election.of(bids, ballots, pot_minor)
        gate = Gate(
            election, [bid.id for bid in bids], fundable, read.group_limit, read.group_cap_minor, read.minimum_votes
        )
        settings = Settings(
            by_cost=read.utility == "cost",
            completion=read.completion,
            floor=read.start == "floor",
            step=read.step_minor,
            exhaustive_stop=read.exhaustive_stop,
        )
        shared = share_equally(election, settings, gate)
        names = [f"number {bid.lot} in the lot" for bid in bids]
        return outcomes(bids, election, tell_shares(election, settings, gate, shared, names, POUNDS))


class Phragmen:
    """Sequential Phragmén, for comparison."""

    name = "phragmen"
    title = "Phragmén"

    def check_options(self, options: Options) -> None:
        """Refuse (``RuleBroken``) options that this rule does not know or cannot follow."""
        PhragmenOptions.read(options)

    def share(
        self, bids: Sequence[Bid], ballots: Ballots, pot_minor: int, options: Options, fundable: Fundable
    ) -> tuple[Outcome, ...]:
        """One outcome per bid: the winners in the order bought, then the others by votes."""
        from grants.allocation.rules.election import Election, Gate
        from grants.allocation.rules.phragmen import share_in_turn
        from grants.allocation.rules.reasons import tell_phragmen

        read, bids = PhragmenOptions.read(options), sorted(bids, key=lambda bid: bid.lot)
        election = Election.of(bids, ballots, pot_minor)
        gate = Gate(
            election, [bid.id for bid in bids], fundable, read.group_limit, read.group_cap_minor, read.minimum_votes
        )
        paced = share_in_turn(election, gate, read.stop_at_misfit)
        return outcomes(bids, election, tell_phragmen(election, gate, paced, POUNDS))


def outcomes(bids: Sequence[Bid], election: "Election", told: "Sequence[Told]") -> tuple[Outcome, ...]:
    """As the registry's rules give them; the rank is the place in this order."""
    return tuple(
        Outcome(
            bid_id=bids[one.bid].id,
            votes=election.votes[one.bid],
            rank=rank,
            awarded_minor=election.costs[one.bid] if one.funded else 0,
            reason_code=one.code,
            reason=one.reason,
            left_before_minor=one.left_before,
        )
        for rank, one in enumerate(told, start=1)
    )
