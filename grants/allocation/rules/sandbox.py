"""A finished round's ballots under another rule: who would have won, and nothing more. It decides nothing.

The counting itself is imported by the first count, as in ``equal_shares``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from grants.allocation.rules.combined import won_by_points
from grants.allocation.rules.equal_shares import gate_of, settings_of
from grants.allocation.rules.greedy import winners_by_votes
from grants.allocation.rules.replay import Inputs
from grants.funds.rules import Restriction, Source
from grants.kernel.errors import RuleBroken
from grants.rounds.rules.sharing import (
    SHARING,
    EqualSharesOptions,
    MostVotesOptions,
    Options,
    PhragmenOptions,
    SharingOptions,
    SharingRule,
)

MOST_CHOICES = 1_000_000
"""Choices on merged ballots that are unpacked while somebody waits: 5 µs each, so some 5 seconds. Łódź 2022 has 134,000
of them, and takes 0.6."""
AT_ONCE = 100_000_000
"""Work of equal shares while somebody waits, in choices and a thousand for each bid, once for each run: 20 to 35 ns
each, so some 3 seconds. Łódź 2022 completed takes 16 million."""
FREE = UUID(int=0)
"""Names money that nobody gave, where a larger pot is tried."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of it, or of the round itself. Pence. ``winners``: in the order bought.

    ``with_one``: how many of the ``voters`` chose at least one winner.
    """

    winners: tuple[UUID, ...]
    pot_minor: int
    spent_minor: int
    voters: int
    with_one: int

    @property
    def left_minor(self) -> int:
        """What nobody got."""
        return self.pot_minor - self.spent_minor


def start_from(own: SharingRule, options: Options, rule: SharingRule) -> dict[str, Any]:
    """Every option that any rule knows, where a try of ``rule`` begins: the round's own where it has them.

    >>> start_from(SharingRule.MOST_VOTES, {"minimum_votes": 5}, SharingRule.PHRAGMEN)["minimum_votes"]
    5
    """
    read = SHARING[own].read(options)
    shares = read if isinstance(read, EqualSharesOptions) else EqualSharesOptions()
    stops: SharingOptions = SHARING[rule]() if rule != own else read
    stop = stops.stop_at_misfit if isinstance(stops, MostVotesOptions | PhragmenOptions) else False
    return {
        "minimum_votes": read.minimum_votes,
        "stop_at_misfit": stop,
        "utility": shares.utility,
        "completion": shares.completion,
        "start": shares.start,
        "step_minor": shares.step_minor,
        "exhaustive_stop": shares.exhaustive_stop,
    }


def options_for(own: SharingRule, options: Options, rule: SharingRule, wanted: Mapping[str, Any]) -> Options:
    """The options that ``rule`` knows, of what is wanted; limits for one group stay as the round has them."""
    read, known = SHARING[own].read(options), SHARING[rule].__dataclass_fields__
    limits = {"group_limit": read.group_limit, "group_cap_minor": read.group_cap_minor}
    return {name: value for name, value in wanted.items() if name in known} | {
        name: value for name, value in limits.items() if value is not None
    }


def try_rule(inputs: Inputs, rule: SharingRule, options: Options, pot_minor: int, at_once: int = AT_ONCE) -> Tried:
    """The round's bids and ballots by ``rule``, with ``pot_minor`` and ``inputs.panel``.

    What would have been enough is not looked for. What the pot holds more than it did is thought of as money for
    anything; the funders' conditions stay. Refuses (``RuleBroken``) options that cannot be followed, and equal shares
    in so many runs that a page must not wait.
    """
    read = SHARING[rule].read(options)
    if pot_minor > inputs.pot_minor:
        more = Source(FREE, pot_minor - inputs.pot_minor, Restriction())
        inputs = replace(inputs, sources=(*inputs.sources, more))
    panel, part = inputs.panel, pot_minor
    bids = sorted(inputs.bids, key=lambda bid: bid.lot)
    if panel is not None:
        bids = bids if panel.splits else panel.tied(bids)
        part = pot_minor - panel.pot(pot_minor)
    costs = {bid.id: bid.cost_minor for bid in bids}
    if isinstance(read, MostVotesOptions):
        won = [bid.id for bid in winners_by_votes(bids, inputs.ballots.votes(), part, read, inputs.fundable())]
    else:
        won = [bids[at].id for at in _counted(replace(inputs, bids=tuple(bids)), read, part, at_once)]
    if panel is not None and panel.splits:
        won += won_by_points(bids, inputs.ballots.votes(), won, pot_minor, panel, read, inputs.fundable())
    return Tried(
        tuple(won), pot_minor, sum(costs[id] for id in won), inputs.ballots.voters, inputs.ballots.reached(set(won))
    )


def _counted(inputs: Inputs, read: EqualSharesOptions | PhragmenOptions, pot_minor: int, at_once: int) -> Sequence[int]:
    from grants.allocation.rules.election import Election
    from grants.allocation.rules.phragmen import share_in_turn
    from grants.allocation.rules.shares import share_equally

    election = Election.of(inputs.bids, inputs.ballots, pot_minor)
    gate = gate_of(election, inputs.bids, inputs.fundable(), read)
    if isinstance(read, PhragmenOptions):
        return share_in_turn(election, gate, read.stop_at_misfit).order
    once, done = len(election.chosen) + 1_000 * len(inputs.bids), 0

    def watch(_spent: int, _pot: int) -> None:
        nonlocal done
        done += once
        if done > at_once:
            raise RuleBroken(
                "With such small steps this takes too long for a page. Let the parts grow by more at a time.",
                field="step_minor",
            )

    return share_equally(election, settings_of(read, election), gate, watch).winners
