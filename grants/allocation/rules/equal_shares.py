"""Equal shares and Phragmén as the registry holds them: a round's bids in, an outcome for each out.

The counting itself is imported by the first count: numpy costs every worker 16 MB, and hardly any of them ever counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from grants.allocation.rules.ballots import Ballots, Bid
from grants.allocation.rules.fundable import Fundable
from grants.allocation.rules.greedy import whole
from grants.allocation.rules.result import Options, Outcome
from grants.allocation.rules.words import POUNDS
from grants.kernel.errors import RuleBroken

if TYPE_CHECKING:
    from grants.allocation.rules.election import Election
    from grants.allocation.rules.reasons import Told

COMPLETIONS = ("none", "add1", "add1u")
UTILITIES = ("cost", "cardinality")
STARTS = ("floor", "exact")


@dataclass(frozen=True, slots=True)
class EqualSharesOptions:
    """How a round uses the rule; the defaults are those of equalshares.net. Pence.

    ``utility``: what a bid is worth to those who chose it, its ``cost`` or the same for all (``cardinality``).
    ``completion``, ``start``, ``step_minor``, ``exhaustive_stop``: see ``shares.share_equally``; ``floor`` is to whole
    pounds. ``minimum_votes``, ``group_limit``, ``group_cap_minor``: as for most votes.
    """

    utility: str = "cost"
    completion: str = "add1u"
    start: str = "floor"
    step_minor: int = 100
    exhaustive_stop: bool = True
    minimum_votes: int = 1
    group_limit: int | None = None
    group_cap_minor: int | None = None

    @classmethod
    def read(cls, options: Options) -> "EqualSharesOptions":
        """From a rule-book's options; refuses (``RuleBroken``) unknown names and impossible values."""
        refuse_unknown(options, {field.name for field in fields(cls)}, "equal shares")
        exhaustive = options.get("exhaustive_stop", True)
        if not isinstance(exhaustive, bool):
            raise RuleBroken("Say yes or no to stopping when nothing more would fit.", field="exhaustive_stop")
        return cls(
            utility=_one_of(options, "utility", UTILITIES, "cost"),
            completion=_one_of(options, "completion", COMPLETIONS, "add1u"),
            start=_one_of(options, "start", STARTS, "floor"),
            step_minor=whole(options, "step_minor", 1, 100) or 100,
            exhaustive_stop=exhaustive,
            minimum_votes=whole(options, "minimum_votes", 0, 1) or 0,
            group_limit=whole(options, "group_limit", 1, None),
            group_cap_minor=whole(options, "group_cap_minor", 1, None),
        )


def refuse_unknown(options: Options, known: set[str], rule: str) -> None:
    if unknown := sorted(set(options) - known):
        raise RuleBroken(f"The rule “{rule}” has no option called {', '.join(unknown)}.")


def _one_of(options: Options, name: str, choices: Sequence[str], default: str) -> str:
    value = options.get(name, default)
    if value not in choices:
        raise RuleBroken(f"Choose one of: {', '.join(choices)}.", field=name)
    return str(value)


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
        self._read(options)

    def _read(self, options: Options) -> tuple[bool, int, int | None, int | None]:
        known = {"stop_at_misfit", "minimum_votes", "group_limit", "group_cap_minor"}
        refuse_unknown(options, known, "Phragmén")
        stop = options.get("stop_at_misfit", True)
        if not isinstance(stop, bool):
            raise RuleBroken("Say yes or no to stopping at the first bid that does not fit.", field="stop_at_misfit")
        least = whole(options, "minimum_votes", 0, 1) or 0
        return stop, least, whole(options, "group_limit", 1, None), whole(options, "group_cap_minor", 1, None)

    def share(
        self, bids: Sequence[Bid], ballots: Ballots, pot_minor: int, options: Options, fundable: Fundable
    ) -> tuple[Outcome, ...]:
        """One outcome per bid: the winners in the order bought, then the others by votes."""
        from grants.allocation.rules.election import Election, Gate
        from grants.allocation.rules.phragmen import share_in_turn
        from grants.allocation.rules.reasons import tell_phragmen

        stop, least, limit, cap = self._read(options)
        bids = sorted(bids, key=lambda bid: bid.lot)
        election = Election.of(bids, ballots, pot_minor)
        gate = Gate(election, [bid.id for bid in bids], fundable, limit, cap, least)
        return outcomes(bids, election, tell_phragmen(election, gate, share_in_turn(election, gate, stop), POUNDS))


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
