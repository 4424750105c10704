"""Work out what pages tell of a run (``facts``), once when it is made, so that no page ever counts again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID

from grants.allocation.rules.ballots import Bid
from grants.allocation.rules.combined import BY_POINTS, won_by_points
from grants.allocation.rules.equal_shares import gate_of, settings_of
from grants.allocation.rules.facts import BidFacts, RunFacts, Step, Way
from grants.allocation.rules.fundable import Fundable
from grants.allocation.rules.greedy import winners_by_votes
from grants.allocation.rules.replay import Inputs
from grants.allocation.rules.result import Outcome
from grants.rounds.rules.sharing import (
    SHARING,
    EqualSharesOptions,
    MostVotesOptions,
    PhragmenOptions,
    SharingOptions,
    SharingRule,
)

if TYPE_CHECKING:
    from grants.allocation.rules.election import Election, Gate
    from grants.allocation.rules.enough import Enough
    from grants.allocation.rules.phragmen import Paced
    from grants.allocation.rules.shares import Pass, Paths, Shared
    from grants.allocation.rules.tries import Tries

AT_ONCE = 10_000_000
"""How much work a run does about "what would have been enough" while somebody waits, in choices looked at (some ten
seconds); the clock does what is left."""


def tell_facts(inputs: Inputs, outcomes: Sequence[Outcome], at_once: int | None = AT_ONCE) -> RunFacts:
    """What is told of a run. ``at_once``: how much work may be done now (None: all of it); see ``tried``."""
    told = _telling(inputs, outcomes)
    by_votes = [bid.id for bid in told.most_votes()]
    shares = isinstance(told.options, EqualSharesOptions)
    facts = RunFacts(
        voters=inputs.ballots.voters,
        steps=tuple(told.steps()),
        most_votes=tuple(by_votes),
        with_one=inputs.ballots.reached(told.won),
        with_one_by_votes=inputs.ballots.reached(set(by_votes)),
        bids=tuple(told.bid(one) for one in outcomes),
        share_minor=int(told.shared.final.share) if shares else None,
        runs=told.shared.runs if shares else None,
    )
    return _work_out(told, facts, at_once)


def work_out(inputs: Inputs, outcomes: Sequence[Outcome], facts: RunFacts, at_once: int | None = None) -> RunFacts:
    """The facts with what would have been enough for bids of which it was not tried: at least one, and then as many as
    ``at_once`` allows, in the order of the outcomes."""
    return _work_out(_telling(inputs, outcomes), facts, at_once)


def _telling(inputs: Inputs, outcomes: Sequence[Outcome]) -> "_Telling":
    """Where the pot is split, all that is told of votes is told of their part."""
    if inputs.panel is None or not inputs.panel.splits:
        return _Telling(inputs, outcomes, inputs.pot_minor)
    part = inputs.pot_minor - inputs.panel.pot(inputs.pot_minor)
    return _Telling(replace(inputs, pot_minor=part), outcomes, inputs.pot_minor)


def _work_out(told: "_Telling", facts: RunFacts, at_once: int | None) -> RunFacts:
    outcomes, done, bids = {one.bid_id: one for one in told.outcomes}, 0, list[BidFacts]()
    for bid in facts.bids:
        if not bid.tried and (at_once is None or done <= at_once):
            found = told.enough(outcomes[bid.bid_id])
            bid = replace(bid, enough_cost_minor=found.cost, enough_supporters=found.supporters, tried=True)
            done += told.work
        bids.append(bid)
    return replace(facts, bids=tuple(bids))


@dataclass
class _Telling:
    inputs: Inputs
    outcomes: Sequence[Outcome]
    whole_pot_minor: int

    @property
    def splits(self) -> bool:
        """Whether a part of the pot goes by the panel's points."""
        return self.inputs.panel is not None and self.inputs.panel.splits

    @cached_property
    def won(self) -> list[UUID]:
        """In the order bought."""
        return [one.bid_id for one in self.outcomes if one.awarded_minor]

    @cached_property
    def options(self) -> SharingOptions:
        return SHARING[SharingRule(self.inputs.rule)].read(self.inputs.options)

    @cached_property
    def bids(self) -> list[Bid]:
        panel = self.inputs.panel
        bids = self.inputs.bids if panel is None or panel.splits else panel.tied(self.inputs.bids)
        return sorted(bids, key=lambda bid: bid.lot)

    @cached_property
    def index(self) -> dict[UUID, int]:
        return {bid.id: at for at, bid in enumerate(self.bids)}

    @cached_property
    def votes(self) -> dict[UUID, int]:
        return self.inputs.ballots.votes()

    @cached_property
    def election(self) -> "Election":
        from grants.allocation.rules.election import Election

        return Election.of(self.bids, self.inputs.ballots, self.inputs.pot_minor)

    @cached_property
    def fundable(self) -> Fundable:
        return self.inputs.fundable()

    def gate(self, election: "Election") -> "Gate":
        """In an election where some bids cost something else, they ask the funders for something else too."""
        changed = {bid.id: cost for bid, cost in zip(self.bids, election.costs, strict=True) if cost != bid.cost_minor}
        fundable = self.inputs.fundable(changed) if changed else self.fundable
        return gate_of(election, self.bids, fundable, self.options)

    @cached_property
    def shared(self) -> "Shared":
        from grants.allocation.rules.shares import share_equally

        assert isinstance(self.options, EqualSharesOptions)
        return share_equally(self.election, settings_of(self.options, self.election), self.gate(self.election))

    @cached_property
    def tries(self) -> "Tries":
        from grants.allocation.rules.tries import Tries

        assert isinstance(self.options, EqualSharesOptions)
        return Tries(self.election, settings_of(self.options, self.election), self.gate, self.shared)

    @cached_property
    def work(self) -> int:
        """About how much one bid takes to work out: choices looked at."""
        choices = sum(len(chosen) for chosen, _ in self.inputs.ballots.approvals)
        if isinstance(self.options, EqualSharesOptions):
            return (choices + 1_000) * (40 if self.splits else 6) * self.shared.runs
        return (choices + 1_000) * 40 if isinstance(self.options, PhragmenOptions) else len(self.bids) * 40

    def most_votes(self) -> list[Bid]:
        """Who would have won by most votes."""
        read = self.options
        options = MostVotesOptions(
            minimum_votes=read.minimum_votes,
            stop_at_misfit=read.stop_at_misfit if isinstance(read, MostVotesOptions) else False,
            group_limit=read.group_limit,
            group_cap_minor=read.group_cap_minor,
        )
        return winners_by_votes(self.bids, self.votes, self.whole_pot_minor, options, self.fundable)

    def steps(self) -> list[Step]:
        """The money, bid by bid."""
        points = {one.bid_id for one in self.outcomes if one.part == BY_POINTS}
        return [replace(step, way=Way.PANEL) if step.bid_id in points else step for step in self._steps()]

    def _steps(self) -> list[Step]:
        way = Way.PACE if isinstance(self.options, PhragmenOptions) else Way.VOTES
        steps = [
            Step(one.bid_id, way, one.awarded_minor, one.left_before_minor - one.awarded_minor)
            for one in self.outcomes
            if one.awarded_minor
        ]
        if isinstance(self.options, EqualSharesOptions):
            bought = {self.bids[one.bid].id: one for one in self._followed[0].purchases}
            paths, people = self._followed[1], self.election.people
            return [
                replace(
                    step,
                    way=Way.SHARES,
                    price_minor=int(bought[step.bid_id].price),
                    paying=paths.payers[self.index[step.bid_id]],
                    emptied=int(people[bought[step.bid_id].emptied].sum()),
                )
                if step.bid_id in bought
                else step
                for step in steps
            ]
        if isinstance(self.options, PhragmenOptions):
            moments = {self.bids[bid].id: at for bid, at in zip(self.paced.order, self.paced.moments, strict=True)}
            return [
                replace(step, price_minor=int(moments[step.bid_id])) if step.bid_id in moments else step
                for step in steps
            ]
        return steps

    @cached_property
    def _followed(self) -> "tuple[Pass, Paths]":
        from grants.allocation.rules.reasons import kept
        from grants.allocation.rules.shares import follow

        assert isinstance(self.options, EqualSharesOptions)
        done = kept(self.election, settings_of(self.options, self.election), self.gate(self.election), self.shared)
        return done, follow(self.election, done)

    @cached_property
    def paced(self) -> "Paced":
        from grants.allocation.rules.phragmen import share_in_turn

        assert isinstance(self.options, PhragmenOptions)
        return share_in_turn(self.election, self.gate(self.election), self.options.stop_at_misfit)

    def bid(self, one: Outcome) -> BidFacts:
        """What is known of one bid, but for what would have been enough."""
        at = self.index[one.bid_id]
        spent, kept = self._spent
        return BidFacts(
            bid_id=one.bid_id,
            supporters=self.election.supporters[at],
            with_one=self._together[1][at],
            left_before_minor=one.left_before_minor,
            also_chose=tuple((won, self._together[0][won][at]) for won in self.won if self._together[0][won][at]),
            spent=tuple((other, spent[at][other]) for other in self.won if other in spent[at]) if kept else (),
            kept_minor=kept[at] if kept else None,
            tried=bool(one.awarded_minor),
        )

    @cached_property
    def _spent(self) -> tuple[list[dict[UUID, int]], list[int]]:
        """By index: what a bid's supporters spent on each bid bought, and what they had left; nothing by votes."""
        if isinstance(self.options, EqualSharesOptions):
            paths = self._followed[1]
        elif isinstance(self.options, PhragmenOptions):
            from grants.allocation.rules.phragmen import follow_in_turn

            paths = follow_in_turn(self.election, self.paced)
        else:
            return [{} for _ in self.bids], []
        return [{self.bids[other].id: int(amount) for other, amount in mine.items()} for mine in paths.spent], [
            int(left) for left in paths.left
        ]

    @cached_property
    def _together(self) -> tuple[dict[UUID, list[int]], list[int]]:
        """How many people chose each bid (by index) and also one that won; and how many chose any that won."""
        import numpy as np

        election, any_won = self.election, np.zeros(len(self.election.people), bool)

        def count(kinds: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> list[int]:
            rows, at = election.entries(kinds)
            people = election.people[kinds][rows].astype(np.float64)
            counted: list[int] = (
                np.bincount(election.chosen[at], weights=people, minlength=len(self.bids)).astype(np.int64).tolist()
            )
            return counted

        with_each = {}
        for id in self.won:
            kinds = election.by_bid[self.index[id]][0]
            any_won[kinds] = True
            with_each[id] = count(kinds)
        return with_each, count(np.flatnonzero(any_won))

    def enough(self, one: Outcome) -> "Enough":
        """What would have been enough for a bid that was not funded."""
        bid, points = self.index[one.bid_id], self.election.most_given
        if self.splits:
            from grants.allocation.rules.enough import try_out

            guess = (one.left_before_minor, 1)
            if isinstance(self.options, EqualSharesOptions):  # what would do by votes alone is near
                near = self.tries.enough(bid, 0, points)
                guess = (max(near.cost or 0, one.left_before_minor), near.supporters or 1)
            return try_out(self.election, bid, self._split, guess, points)
        if isinstance(self.options, EqualSharesOptions):
            return self.tries.enough(bid, one.left_before_minor, points)
        from grants.allocation.rules.enough import try_out, what_would_do

        if isinstance(self.options, PhragmenOptions):
            return try_out(self.election, bid, self._in_turn, (one.left_before_minor, 1), points)
        more = one.votes_enough - one.votes if one.votes_enough is not None else 1
        return what_would_do(
            self.bids[bid].cost_minor,
            max(self.inputs.ballots.voters, more),
            lambda cost: self._by_votes(bid, cost, 0),
            lambda number: self._by_votes(bid, self.bids[bid].cost_minor, number * points),
            (one.left_before_minor, -(-more // points)),
        )

    def _in_turn(self, election: "Election") -> list[int]:
        from grants.allocation.rules.phragmen import share_in_turn

        assert isinstance(self.options, PhragmenOptions)
        return share_in_turn(election, self.gate(election), self.options.stop_at_misfit).order

    def _split(self, election: "Election") -> list[int]:
        """Who wins, by votes and then by points, in an election where a bid costs less or more people chose it."""
        panel, options = self.inputs.panel, self.options
        assert panel is not None
        bids = [replace(bid, cost_minor=cost) for bid, cost in zip(self.bids, election.costs, strict=True)]
        votes = {bid.id: number for bid, number in zip(bids, election.votes, strict=True)}
        gate = self.gate(election)
        if isinstance(options, MostVotesOptions):
            won = [bid.id for bid in winners_by_votes(bids, votes, election.pot, options, gate.fundable)]
        elif isinstance(options, EqualSharesOptions):
            from grants.allocation.rules.shares import share_equally

            won = [bids[at].id for at in share_equally(election, settings_of(options, election), gate).winners]
        else:
            from grants.allocation.rules.phragmen import share_in_turn

            won = [bids[at].id for at in share_in_turn(election, gate, options.stop_at_misfit).order]
        more = won_by_points(bids, votes, won, self.whole_pot_minor, panel, options, gate.fundable)
        return [self.index[id] for id in (*won, *more)]

    def _by_votes(self, bid: int, cost: int, more: int) -> bool:
        assert isinstance(self.options, MostVotesOptions)
        mine = self.bids[bid]
        changed = replace(mine, cost_minor=cost)
        bids = [changed if one.id == mine.id else one for one in self.bids]
        votes = {**self.votes, mine.id: self.votes.get(mine.id, 0) + more}
        fundable = self.fundable if cost == mine.cost_minor else self.inputs.fundable({mine.id: cost})
        return changed in winners_by_votes(bids, votes, self.inputs.pot_minor, self.options, fundable)
