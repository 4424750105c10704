"""What is told of a run beside its outcome, counted once when the run is made (``facts.RunFacts``)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from uuid import UUID

import numpy as np

from grants.allocation.rules.ballots import Bid
from grants.allocation.rules.election import Election, Gate, Whole
from grants.allocation.rules.facts import BidFacts, RunFacts, Step, Way
from grants.allocation.rules.greedy import share_by_votes
from grants.allocation.rules.phragmen import Paced, share_in_turn
from grants.allocation.rules.reasons import what_would_do
from grants.allocation.rules.replay import Inputs
from grants.allocation.rules.result import Outcome
from grants.allocation.rules.shares import Settings, follow, run_once, share_equally
from grants.rounds.rules import SHARING, EqualSharesOptions, MostVotesOptions, PhragmenOptions, SharingRule

Enough = Callable[[UUID], tuple[int | None, int | None] | None]
"""For a bid that was not funded: the cost, and how many more supporters, that would have done; nothing: not tried."""


def tell(inputs: Inputs, outcomes: Sequence[Outcome], enough: Enough) -> RunFacts:
    """The facts of a run. ``outcomes``: what it gave; what the rule did with the money is followed once more."""
    bids = sorted(inputs.bids, key=lambda bid: bid.lot)
    index = {bid.id: at for at, bid in enumerate(bids)}
    election, read = (
        Election.of(bids, inputs.ballots, inputs.pot_minor),
        SHARING[SharingRule(inputs.rule)].read(inputs.options),
    )
    fundable = inputs.fundable()
    gate = Gate(
        election, [bid.id for bid in bids], fundable, read.group_limit, read.group_cap_minor, read.minimum_votes
    )
    winners = [index[one.bid_id] for one in outcomes if one.awarded_minor]
    spent: list[dict[int, Fraction]] | None = None
    kept: Sequence[Fraction] = ()
    share, runs = None, None
    if isinstance(read, EqualSharesOptions):
        settings = _settings(read, election)
        shared = share_equally(election, settings, gate)
        done = run_once(election, shared.final.share, settings.by_cost, gate, keep=True)
        assert shared.winners == winners
        paths, share, runs = follow(election, done), shared.final.share, shared.runs
        spent, kept = list(paths.spent), paths.left
        prices = {
            one.bid: (int(one.price), paths.payers[one.bid], int(election.people[one.emptied].sum()))
            for one in done.purchases
        }
        steps = [(bid, Way.SHARES, *prices[bid]) if bid in prices else (bid, Way.VOTES, None, 0, 0) for bid in winners]
    elif isinstance(read, PhragmenOptions):
        paced = share_in_turn(election, gate, read.stop_at_misfit)
        assert paced.order == winners
        spent, kept = earned_and_spent(election, paced)
        steps = [(bid, Way.PACE, int(moment), 0, 0) for bid, moment in zip(winners, paced.moments, strict=True)]
    else:
        steps = [(bid, Way.VOTES, None, 0, 0) for bid in winners]
    by_votes = _by_votes(
        inputs, bids, election, MostVotesOptions(read.minimum_votes, False, read.group_limit, read.group_cap_minor)
    )
    both, reached = _together(election, winners), _reached(election, winners)
    with_one = np.bincount(
        election.chosen,
        weights=_people_of_entries(election) * np.repeat(reached, np.diff(election.starts)),
        minlength=len(bids),
    )
    before = {index[one.bid_id]: one.left_before_minor for one in outcomes}
    told = []
    for at, bid in enumerate(bids):
        tried = (None, None) if at in winners else enough(bid.id)
        told.append(
            BidFacts(
                bid.id,
                election.supporters[at],
                int(with_one[at]),
                before[at],
                tuple((bids[other].id, int(both[place][at])) for place, other in enumerate(winners) if both[place][at]),
                ()
                if spent is None
                else tuple((bids[other].id, int(amount)) for other, amount in spent[at].items() if amount),
                None if spent is None else int(kept[at]),
                *(tried or (None, None)),
                tried is not None,
            )
        )
    return RunFacts(
        voters=election.voters,
        steps=_steps(bids, inputs.pot_minor, steps),
        most_votes=tuple(bids[at].id for at in by_votes),
        with_one=int(election.people[reached].sum()),
        with_one_by_votes=int(election.people[_reached(election, by_votes)].sum()),
        bids=tuple(told),
        share_minor=None if share is None else int(share),
        runs=runs,
    )


SMALL = 5_000
"""So many different ballots times bids are tried again and again while somebody waits."""


def tried_out(inputs: Inputs) -> Enough:
    """What would have been enough, each tried by sharing the whole pot again; not in a large election."""
    bids = sorted(inputs.bids, key=lambda bid: bid.lot)
    index = {bid.id: at for at, bid in enumerate(bids)}
    election, read = (
        Election.of(bids, inputs.ballots, inputs.pot_minor),
        SHARING[SharingRule(inputs.rule)].read(inputs.options),
    )

    def wins(changed: Election, bid: UUID) -> bool:
        cost = changed.costs[index[bid]]
        asked = replace(
            inputs, needs=tuple(replace(need, amount_minor=cost) if need.id == bid else need for need in inputs.needs)
        )
        gate = Gate(
            changed,
            [bid.id for bid in bids],
            asked.fundable(),
            read.group_limit,
            read.group_cap_minor,
            read.minimum_votes,
        )
        if isinstance(read, EqualSharesOptions):
            return index[bid] in share_equally(changed, _settings(read, changed), gate).winners
        if isinstance(read, PhragmenOptions):
            return index[bid] in share_in_turn(changed, gate, read.stop_at_misfit).order
        priced = [replace(one, cost_minor=changed.costs[at]) for at, one in enumerate(bids)]
        votes = {one.id: changed.votes[at] for at, one in enumerate(bids)}
        told = share_by_votes(priced, votes, inputs.pot_minor, read, asked.fundable())
        return any(one.bid_id == bid and one.awarded_minor for one in told)

    def enough(bid: UUID) -> tuple[int | None, int | None] | None:
        if len(election.people) * len(bids) > SMALL:
            return None
        found = what_would_do(election, index[bid], lambda changed: [index[bid]] if wins(changed, bid) else [])
        return found.cost, found.supporters

    return enough


def _settings(read: EqualSharesOptions, election: Election) -> Settings:
    return Settings(
        by_cost=read.utility == "cost" and election.points is None,
        completion=read.completion,
        floor=read.start == "floor",
        step=read.step_minor,
        exhaustive_stop=read.exhaustive_stop,
    )


def _steps(bids: Sequence[Bid], pot: int, bought: Sequence[tuple[int, Way, int | None, int, int]]) -> tuple[Step, ...]:
    made, left = [], pot
    for at, way, price, paying, emptied in bought:
        left -= bids[at].cost_minor
        made.append(Step(bids[at].id, way, bids[at].cost_minor, left, price, paying, emptied))
    return tuple(made)


def _by_votes(inputs: Inputs, bids: Sequence[Bid], election: Election, options: MostVotesOptions) -> list[int]:
    index = {bid.id: at for at, bid in enumerate(bids)}
    votes = {bid.id: election.votes[at] for at, bid in enumerate(bids)}
    told = share_by_votes(bids, votes, inputs.pot_minor, options, inputs.fundable())
    return [index[one.bid_id] for one in told if one.awarded_minor]


def _people_of_entries(election: Election) -> Whole:
    """For each choice on a kind of ballot, how many people cast that kind."""
    return np.repeat(election.people, np.diff(election.starts))


def _reached(election: Election, bids: Sequence[int]) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """The kinds of ballot that chose at least one of these bids."""
    reached = np.zeros(len(election.people), bool)
    for bid in bids:
        reached[election.by_bid[bid][0]] = True
    return reached


def _together(election: Election, bids: Sequence[int]) -> list[Whole]:
    """For each of these bids: how many people chose it and each other bid."""
    found = []
    for bid in bids:
        kinds = election.by_bid[bid][0]
        rows, at = election.entries(kinds)
        weights = election.people[kinds][rows].astype(np.float64)
        found.append(np.bincount(election.chosen[at], weights=weights, minlength=len(election.costs)).astype(np.int64))
    return found


def earned_and_spent(election: Election, paced: Paced) -> tuple[list[dict[int, Fraction]], list[Fraction]]:
    """By Phragmén: what each bid's supporters spent on each bid bought, and what they had left after the last.

    Whoever pays has earned since their own last purchase; so each purchase is a sum of whole numbers of people times
    the difference of two moments.
    """
    size, places = len(election.costs), len(paced.order) + 1
    moments = [Fraction(0), *paced.moments]
    last = np.zeros(len(election.people), np.int64)
    spent: list[dict[int, Fraction]] = [{} for _ in range(size)]
    for place, bought in enumerate(paced.order, start=1):
        kinds = election.by_bid[bought][0]
        counts = _since(election, kinds, last, places)
        for bid in range(size):
            paid = sum((int(n) * (moments[place] - moments[at]) for at, n in enumerate(counts[bid]) if n), Fraction(0))
            if paid:
                spent[bid][bought] = paid
        last[kinds] = place
    counts = _since(election, np.arange(len(election.people)), last, places)
    kept = [
        sum((int(n) * (moments[-1] - moments[at]) for at, n in enumerate(counts[bid]) if n), Fraction(0))
        for bid in range(size)
    ]
    return spent, kept


def _since(election: Election, kinds: Whole, last: Whole, places: int) -> Whole:
    """Of the people who cast these kinds: for each bid how many chose it, by the place of their last purchase."""
    rows, at = election.entries(kinds)
    cells = election.chosen[at] * places + last[kinds][rows]
    weights = election.people[kinds][rows].astype(np.float64)
    counted = np.bincount(cells, weights=weights, minlength=len(election.costs) * places)
    return counted.astype(np.int64).reshape(len(election.costs), places)
