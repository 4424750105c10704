"""Equal shares and Phragmén as the registry holds them: a round's bids in, an outcome for each out.

The counting itself is imported by the first count: numpy costs every worker 16 MB, and hardly any of them ever counts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grants.allocation.rules.ballots import Ballots, Bid
from grants.allocation.rules.fundable import Fundable
from grants.allocation.rules.result import WANTING_MONEY, Outcome
from grants.allocation.rules.words import words_for
from grants.rounds.rules.sharing import EqualSharesOptions, Options, PhragmenOptions, SharingOptions

if TYPE_CHECKING:
    from grants.allocation.rules.election import Election, Gate
    from grants.allocation.rules.reasons import Told
    from grants.allocation.rules.shares import Settings


@dataclass(frozen=True)
class EqualShares:
    """The Method of Equal Shares: everybody controls an equal part of the pot.

    ``totals_only``: few people voted, so no reason tells what the supporters of one bid had left.
    """

    totals_only: bool = False
    name = "equal_shares"
    title = "Equal shares"

    def check_options(self, options: Options) -> None:
        """Refuse (``RuleBroken``) options that this rule does not know or cannot follow."""
        EqualSharesOptions.read(options)

    def share(
        self, bids: Sequence[Bid], ballots: Ballots, pot_minor: int, options: Options, fundable: Fundable
    ) -> tuple[Outcome, ...]:
        """One outcome per bid: the winners in the order bought, then the others by votes. So is the reserve list."""
        from grants.allocation.rules.election import Election
        from grants.allocation.rules.reasons import tell_shares
        from grants.allocation.rules.shares import share_equally

        read, bids = EqualSharesOptions.read(options), sorted(bids, key=lambda bid: bid.lot)
        election = Election.of(bids, ballots, pot_minor)
        gate, settings = gate_of(election, bids, fundable, read), settings_of(read, election)
        told = tell_shares(
            election,
            settings,
            gate,
            share_equally(election, settings, gate),
            None,
            words_for(ballots.points is not None),
            self.totals_only,
        )
        return outcomes(bids, election, gate, told, election.by_votes())


@dataclass(frozen=True)
class Phragmen:
    """Sequential Phragmén, for comparison. ``totals_only``: as by equal shares."""

    totals_only: bool = False
    name = "phragmen"
    title = "Phragmén"

    def check_options(self, options: Options) -> None:
        """Refuse (``RuleBroken``) options that this rule does not know or cannot follow."""
        PhragmenOptions.read(options)

    def share(
        self, bids: Sequence[Bid], ballots: Ballots, pot_minor: int, options: Options, fundable: Fundable
    ) -> tuple[Outcome, ...]:
        """One outcome per bid: the winners in the order bought, then the others by votes.

        The reserve list is in the order in which supporters would have had the money, had the pot been larger.
        """
        from grants.allocation.rules.election import Election
        from grants.allocation.rules.phragmen import next_in_turn, share_in_turn
        from grants.allocation.rules.reasons import tell_phragmen

        read, bids = PhragmenOptions.read(options), sorted(bids, key=lambda bid: bid.lot)
        election = Election.of(bids, ballots, pot_minor)
        gate = gate_of(election, bids, fundable, read)
        paced = share_in_turn(election, gate, read.stop_at_misfit)
        told = tell_phragmen(election, gate, paced, words_for(ballots.points is not None), self.totals_only)
        return outcomes(bids, election, gate, told, next_in_turn(election))


def gate_of(election: "Election", bids: Sequence[Bid], fundable: Fundable, read: SharingOptions) -> "Gate":
    """What stands between a bid and its money, by a round's options. ``bids``: by their index in the election."""
    from grants.allocation.rules.election import Gate

    return Gate(
        election,
        [bid.id for bid in bids],
        fundable,
        read.group_limit,
        read.group_cap_minor,
        read.minimum_votes,
        bids if any(bid.sets for bid in bids) else (),
    )


def settings_of(read: EqualSharesOptions, election: "Election") -> "Settings":
    """How equal shares is run by a round's options; where ballots give points, these are what a bid is worth."""
    from grants.allocation.rules.shares import Settings

    return Settings(
        by_cost=read.utility == "cost" and election.points is None,
        completion=read.completion,
        floor=read.start == "floor",
        step=read.step_minor,
        exhaustive_stop=read.exhaustive_stop,
    )


def outcomes(
    bids: Sequence[Bid], election: "Election", gate: "Gate", told: "Sequence[Told]", reserves: Iterable[int]
) -> tuple[Outcome, ...]:
    """As the registry's rules give them; the rank is the place in this order. ``reserves``: who would come next."""
    waits = {
        one.bid
        for one in told
        if one.code in WANTING_MONEY
        and election.supporters[one.bid]
        and election.costs[one.bid] <= election.pot
        and not gate.refuses((), one.bid)
    }
    place = {bid: at for at, bid in enumerate((bid for bid in reserves if bid in waits), start=1)}
    return tuple(
        Outcome(
            bid_id=bids[one.bid].id,
            votes=election.votes[one.bid],
            rank=rank,
            awarded_minor=election.costs[one.bid] if one.funded else 0,
            reason_code=one.code,
            reason=one.reason,
            left_before_minor=one.left_before,
            reserve=place.get(one.bid),
        )
        for rank, one in enumerate(told, start=1)
    )
