"""Equal shares and Phragmén: exact, beside pabutools in fractions, and never more than the pot."""

import random
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from pabutools.election import (
    Additive_Cardinal_Sat,
    ApprovalBallot,
    ApprovalProfile,
    Cardinality_Sat,
    Cost_Sat,
    CumulativeBallot,
    CumulativeProfile,
    Instance,
    Project,
)
from pabutools.fractions import frac
from pabutools.rules import exhaustion_by_budget_increase, method_of_equal_shares, sequential_phragmen
from pabutools.tiebreaking import TieBreakingRule

from grants.allocation.rules.ballots import Ballots, Bid
from grants.allocation.rules.election import Election, Gate
from grants.allocation.rules.enough import at_cost, with_more
from grants.allocation.rules.fundable import always_fundable
from grants.allocation.rules.phragmen import share_in_turn
from grants.allocation.rules.registry import rule_named
from grants.allocation.rules.result import Reason, Run, run_rule
from grants.allocation.rules.shares import Settings, follow, run_once, share_equally
from grants.allocation.rules.tries import Tries
from grants.kernel.errors import RuleBroken

Papers = list[dict[int, int]]
"""One ballot per person: bid → points."""


class Made:
    """A random election, small enough for the other program; many ties."""

    def __init__(self, seed: int, points: bool = False, bids: int = 7, people: int = 14) -> None:
        chance = random.Random(seed)
        self.chance = chance
        size = chance.randint(1, bids)
        dear = chance.choice([3, 10, 40, 1000])
        self.costs = [chance.randint(1, dear) * chance.choice([1, 1, 6]) for _ in range(size)]
        self.pot = chance.randint(1, sum(self.costs) + 3)
        likes = chance.uniform(0.1, 0.9)
        self.papers: Papers = [
            {bid: chance.randint(1, 5) if points else 1 for bid in range(size) if chance.random() < likes}
            for _ in range(chance.randint(1, people))
        ]
        self.points = points

    def election(self, pot: int | None = None, papers: Papers | None = None) -> Election:
        kinds = [(list(paper), list(paper.values()) if self.points else None, 1) for paper in papers or self.papers]
        return Election.packed(self.costs, range(len(self.costs)), self.pot if pot is None else pot, kinds)


class Other:
    """The same election for pabutools, with our order of ties: the cheaper, then more votes, then the lot."""

    def __init__(self, made: Made) -> None:
        self.projects = [Project(str(at), frac(cost)) for at, cost in enumerate(made.costs)]
        self.instance = Instance(self.projects, budget_limit=frac(made.pot))
        self.pot, self.papers = made.pot, made.papers
        self.profile: Any = CumulativeProfile if made.points else ApprovalProfile
        ballots = [
            CumulativeBallot({self.projects[at]: points for at, points in paper.items()})
            if made.points
            else ApprovalBallot([self.projects[at] for at in paper])
            for paper in made.papers
        ]
        self.profile = self.profile(ballots, instance=self.instance)
        votes = made.election().votes
        self.ties = TieBreakingRule(lambda _, __, project: (project.cost, -votes[int(project.name)], int(project.name)))

    def plain(self, sat: Any, increment: int | None = None) -> list[int]:
        return self.ids(
            method_of_equal_shares(
                self.instance, self.profile, sat, tie_breaking=self.ties, voter_budget_increment=increment
            )
        )

    def until_overspent(self, sat: Any, step: int) -> list[int]:
        return self.ids(
            exhaustion_by_budget_increase(
                self.instance,
                self.profile,
                method_of_equal_shares,
                {"sat_class": sat, "tie_breaking": self.ties},
                exhaustive_stop=False,
                budget_step=frac(step * self.profile.num_ballots()),
                # Above the pot, or the other program gives nothing at all; and high enough for everybody to pay alone.
                budget_bound=frac(self.pot + sum(project.cost for project in self.projects) * (1 + len(self.papers))),
            )
        )

    @staticmethod
    def ids(projects: Any) -> list[int]:
        return [int(project.name) for project in projects]


def ours(election: Election, **settings: Any) -> list[int]:
    return share_equally(election, Settings(unit=1, **{"floor": False, "step": 1} | settings), Gate(election)).winners


@pytest.mark.parametrize("seed", range(150))
def test_one_run_gives_what_fractions_give(seed: int) -> None:
    made = Made(seed)
    other = Other(made)
    assert ours(made.election(), completion="none") == other.plain(Cost_Sat)
    assert ours(made.election(), completion="none", by_cost=False) == other.plain(Cardinality_Sat)


@pytest.mark.parametrize("seed", range(80))
def test_points_are_what_a_bid_is_worth_as_fractions_have_it(seed: int) -> None:
    made = Made(seed, points=True)
    other = Other(made)
    assert ours(made.election(), completion="none", by_cost=False) == other.plain(Additive_Cardinal_Sat)
    assert ours(made.election(), completion="add1", by_cost=False) == other.plain(Additive_Cardinal_Sat, 1)


@pytest.mark.parametrize("seed", range(120))
def test_completed_runs_give_what_fractions_give(seed: int) -> None:
    made = Made(seed + 1000, bids=6, people=9)
    other, step = Other(made), made.chance.choice([1, 1, 7])
    assert ours(made.election(), completion="add1", step=step) == other.plain(Cost_Sat, step)
    assert ours(made.election(), completion="add1", step=step, by_cost=False) == other.plain(Cardinality_Sat, step)


@pytest.mark.parametrize("seed", range(40))
def test_runs_until_the_next_would_overspend_give_what_fractions_give(seed: int) -> None:
    made = Made(seed + 2000, bids=5, people=6)
    step = max(1, max(made.costs) // 10)
    assert sorted(ours(made.election(), completion="add1", step=step, exhaustive_stop=False)) == sorted(
        Other(made).until_overspent(Cost_Sat, step)
    )


@pytest.mark.parametrize("seed", range(150))
def test_phragmen_gives_what_fractions_give(seed: int) -> None:
    made = Made(seed + 3000)
    election = made.election()
    found = [
        bid for bid in Other.ids(sequential_phragmen(*_phragmen(made))) if election.supporters[bid]
    ]  # the other program adds what nobody chose when it fits
    assert sorted(share_in_turn(election, Gate(election)).order) == sorted(found)


def _phragmen(made: Made) -> tuple[Any, ...]:
    other = Other(made)
    return other.instance, other.profile, None, None, None, other.ties


@pytest.mark.parametrize("seed", range(100))
def test_nothing_is_overspent_and_after_the_top_up_nothing_is_left_that_fits(seed: int) -> None:
    made = Made(seed + 4000, points=seed % 3 == 0, bids=12, people=30)
    election = made.election()
    for floor in (False, True):
        for by_cost in (False, True):
            shared = share_equally(election, Settings(by_cost, "add1u", floor, 1, 1), Gate(election))
            left = election.pot - sum(election.costs[bid] for bid in shared.winners)
            assert left >= 0
            assert len(set(shared.winners)) == len(shared.winners)
            assert all(cost > left for bid, cost in enumerate(election.costs) if bid not in shared.winners)


@pytest.mark.parametrize("seed", range(60))
def test_order_merging_and_scale_change_nothing(seed: int) -> None:
    made = Made(seed + 5000, points=seed % 2 == 0, bids=10, people=25)
    wanted = ours(made.election(), completion="add1u")
    mixed = made.chance.sample(made.papers, len(made.papers))
    assert ours(made.election(papers=mixed), completion="add1u") == wanted
    merged: dict[tuple[tuple[int, int], ...], int] = {}
    for paper in made.papers:
        key = tuple(sorted(paper.items()))
        merged[key] = merged.get(key, 0) + 1
    kinds = [([b for b, _ in key], [p for _, p in key] if made.points else None, n) for key, n in merged.items()]
    assert ours(Election.packed(made.costs, range(len(made.costs)), made.pot, kinds), completion="add1u") == wanted
    by = made.chance.choice([3, 100, 10**9 + 7])
    larger = replace(made.election(), costs=tuple(cost * by for cost in made.costs), pot=made.pot * by)
    assert ours(larger, completion="add1u", step=by) == wanted
    new = made.chance.sample(range(len(made.costs)), len(made.costs))  # bid at place i is new[i]
    where = {bid: place for place, bid in enumerate(new)}
    moved = Election.packed(
        [made.costs[bid] for bid in new],
        new,
        made.pot,
        [([where[b] for b in p], list(p.values()) if made.points else None, 1) for p in made.papers],
    )
    assert [new[place] for place in ours(moved, completion="add1u")] == wanted
    assert [new[at] for at in share_in_turn(moved, Gate(moved)).order] == share_in_turn(
        made.election(), Gate(made.election())
    ).order


def naive(made: Made, share: Fraction, by_cost: bool) -> tuple[list[int], list[dict[int, Fraction]]]:
    """The definition, word for word: the winners in order, and what each person paid for each."""
    held, paid = [share for _ in made.papers], [dict[int, Fraction]() for _ in made.papers]
    votes, order = made.election().votes, list[int]()
    while True:
        best: tuple[Any, ...] | None = None
        for bid, cost in enumerate(made.costs):
            fans = [(at, Fraction(p[bid] * (cost if by_cost else 1))) for at, p in enumerate(made.papers) if bid in p]
            if bid in order or sum(held[at] for at, _ in fans) < cost:
                continue
            rest, worth = Fraction(cost), sum(value for _, value in fans)
            for at, value in sorted(fans, key=lambda fan: held[fan[0]] / fan[1]):
                if held[at] / value >= rest / worth:
                    break
                rest, worth = rest - held[at], worth - value
            found = (rest / worth, cost, -votes[bid], bid, fans)
            best = min(best, found, key=lambda one: one[:4]) if best else found
        if best is None:
            return order, paid
        for at, value in best[4]:
            paid[at][best[3]] = min(held[at], best[0] * value)
            held[at] -= paid[at][best[3]]
        order.append(best[3])


@pytest.mark.parametrize("seed", range(40))
def test_leaving_out_runs_that_are_certain_changes_no_answer(seed: int) -> None:
    made = Made(seed, points=seed % 2 == 1)
    election, chance = made.election(), made.chance
    settings = Settings(
        by_cost=seed % 4 == 0,
        completion=chance.choice(["none", "add1", "add1u", "add1u"]),
        floor=chance.random() < 0.7,
        step=chance.choice([1, 1, 2]),
        unit=1,
        exhaustive_stop=chance.random() < 0.7,
    )
    shared = share_equally(election, settings, Gate(election))
    tries = Tries(election, settings, Gate, shared)
    for bid in set(range(len(made.costs))) - set(shared.winners):
        for cost in {1, chance.randint(1, made.costs[bid]), made.costs[bid] - 1} - {0}:
            changed = at_cost(election, bid, cost)
            assert tries.wins_at(bid, cost) == (bid in share_equally(changed, settings, Gate(changed)).winners)
        for number in (1, chance.randint(1, 9)):
            changed = with_more(election, bid, number)
            assert tries.wins_with(bid, number) == (bid in share_equally(changed, settings, Gate(changed)).winners)


@pytest.mark.parametrize("seed", range(100))
def test_the_money_is_followed_to_the_last_fraction(seed: int) -> None:
    made = Made(seed + 6000, points=seed % 2 == 0, bids=10, people=20)
    election, share = made.election(pot=10**9), Fraction(made.pot * made.chance.randint(1, 3), len(made.papers))
    for by_cost in (False, True):
        order, paid = naive(made, share, by_cost)
        done = run_once(election, share, by_cost, Gate(election), keep=True)
        assert done.order == order
        paths = follow(election, done)
        for bid in range(len(made.costs)):
            mine = [at for at, paper in enumerate(made.papers) if bid in paper]
            spent = {b: sum((paid[at].get(b, Fraction(0)) for at in mine), Fraction(0)) for b in order}
            assert paths.spent[bid] == {b: amount for b, amount in spent.items() if amount}
            assert paths.left[bid] == share * len(mine) - sum(spent.values())


def test_amounts_that_floating_point_cannot_tell_apart_are_decided_exactly() -> None:
    # Two bids whose prices differ by one part in 10**17: each has 3 supporters, one of whom holds a little less.
    base = 10**17
    costs = [3 * base + 1, 3 * base, 3 * base + 2]
    papers: Papers = [{at: 1} for at in (0, 1, 2) for _ in range(3)]
    kinds = [(list(paper), None, 1) for paper in papers]
    election = Election.packed(costs, [1, 2, 3], 9 * (base + 1), kinds)
    assert ours(election, completion="none", by_cost=False) == [1, 0, 2]
    just_short = replace(election, pot=9 * base + 1)  # a share of 10**17 + 1/9: bid 0 wants 10**17 + 1/3
    assert ours(just_short, completion="none", by_cost=False) == [1]


def test_somebody_who_is_one_part_in_a_million_billions_short_of_a_price_gives_all_and_the_others_pay_more() -> None:
    # The first holds 6 × 10**17 − 1 when the price would be 6 × 10**17, so the second pays one more, and is one short.
    part = 10**17
    kinds = [([0, 1], None, 1), ([1, 2], None, 1), ([2], None, 1)]
    election = Election.packed([4 * part + 1, 12 * part, 14 * part], [1, 2, 3], 100 * part, kinds)
    done = run_once(election, Fraction(10 * part), False, Gate(election), keep=True)
    assert [(one.bid, one.price) for one in done.purchases] == [(0, 4 * part + 1), (1, 6 * part + 1)]
    one_less = replace(election, costs=(4 * part + 1, 12 * part, 14 * part - 1))
    assert run_once(one_less, Fraction(10 * part), False, Gate(one_less)).order == [0, 1, 2]


def bid(number: int, cost: int, group: int | None = None) -> Bid:
    return Bid(UUID(int=number), cost, number, None if group is None else UUID(int=900 + group))


def run(
    bids: Sequence[Bid], papers: Sequence[Sequence[int]], pot: int, fundable: Any = always_fundable, **options: Any
) -> Run:
    ballots = Ballots.merged([[UUID(int=n) for n in paper] for paper in papers])
    return run_rule(rule_named(options.pop("rule", "equal_shares")), bids, ballots, pot, options, fundable)


def funded(done: Run) -> list[int]:
    return [outcome.bid_id.int for outcome in done.outcomes if outcome.awarded_minor]


def test_equal_shares_gives_a_minority_its_part_where_most_votes_does_not() -> None:
    bids = [bid(n, 30_00) for n in range(1, 7)]
    papers = [[1, 2, 3]] * 7 + [[4, 5, 6]] * 3
    assert funded(run(bids, papers, 90_00, rule="most_votes")) == [1, 2, 3]
    assert funded(run(bids, papers, 100_00)) == [1, 2, 4]


def test_every_bid_is_told_why_in_pounds_and_pence() -> None:
    done = run([bid(1, 60_00), bid(2, 50_00), bid(3, 20_00)], [[1]] * 6 + [[2, 3]] * 4, 100_00, completion="none")
    assert [outcome.reason for outcome in done.outcomes] == [
        "Funded: 6 people chose it, and each person controlled £10. Together they could pay the £60 that it asks for: "
        "6 people paid all that they had left.",
        "Funded: 4 people chose it, and each person controlled £10. Together they could pay the £20 that it asks for: "
        "4 people with enough left paid £5 each.",
        "Not funded: it asks for £50. 4 people chose it; each controlled £10, £40 between them. Of this, £20 had "
        "gone to others that they chose too. £20 was left.",
    ]
    assert done.outcomes[2].reason_code is Reason.SUPPORTERS_SHORT


def test_where_few_voted_every_bid_is_told_why_by_totals() -> None:
    bids, papers = [bid(1, 60_00), bid(2, 35_00), bid(3, 20_00), bid(4, 11_00)], [[1]] * 6 + [[2, 3]] * 3 + [[2, 4]]
    ballots = Ballots.merged([[UUID(int=n) for n in paper] for paper in papers])
    by_totals = rule_named("equal_shares", totals_only=True)
    done = by_totals.share(bids, ballots, 100_00, {"completion": "none"}, always_fundable)
    assert [outcome.reason for outcome in done] == [
        "Funded: 6 people chose it, and each person controlled £10. Together they could pay the £60 that it asks for.",
        "Funded: 4 people chose it, and each person controlled £10. Together they could pay the £35 that it asks for.",
        "Not funded: it asks for £20. 3 people chose it; each controlled £10, £30 between them. Too much of this had "
        "gone to others that they chose too, so they could not pay for it.",
        "Not funded: it asks for £11. 1 person chose it, and controlled £10. That is less than it asks for.",
    ]


@pytest.mark.parametrize("rule", ["equal_shares", "phragmen"])
def test_what_the_funders_cannot_pay_is_skipped_with_their_words_and_the_next_gets_its_turn(rule: str) -> None:
    def fundable(ids: Sequence[UUID]) -> str | None:
        return "the money is for parks." if UUID(int=1) in ids else None

    done = run([bid(1, 50_00), bid(2, 50_00), bid(3, 40_00)], [[1, 2, 3]] * 5 + [[1]], 100_00, fundable, rule=rule)
    assert sorted(funded(done)) == [2, 3]
    refused = next(outcome for outcome in done.outcomes if outcome.bid_id.int == 1)
    assert (refused.reason_code, refused.reason) == (Reason.NOT_FUNDABLE, "Not funded: the money is for parks.")


@pytest.mark.parametrize("rule", ["equal_shares", "phragmen"])
def test_a_group_wins_no_more_than_its_part(rule: str) -> None:
    bids, papers = [bid(1, 30_00, 1), bid(2, 30_00, 1), bid(3, 30_00)], [[1, 2, 3]] * 9 + [[1, 2]]
    assert sorted(funded(run(bids, papers, 90_00, rule=rule, group_limit=1))) in ([1, 3], [2, 3])
    done = run(bids, papers, 90_00, rule=rule, group_cap_minor=50_00)
    assert {outcome.reason_code for outcome in done.outcomes if not outcome.awarded_minor} == {Reason.GROUP_CAP}


def test_a_bid_with_too_few_votes_is_left_out() -> None:
    done = run([bid(1, 10_00), bid(2, 10_00)], [[1], [1], [2]], 100_00, minimum_votes=2)
    assert funded(done) == [1]
    assert done.outcomes[1].reason == "Not funded: 1 vote; this round asks for at least 2."


@pytest.mark.parametrize("rule", ["equal_shares", "phragmen"])
def test_no_ballots_and_no_bids_are_no_trouble(rule: str) -> None:
    assert run([], [], 100_00, rule=rule).outcomes == ()
    assert funded(run([bid(1, 10_00)], [], 100_00, rule=rule)) == []
    assert funded(run([bid(1, 10_00)], [[]], 100_00, rule=rule)) == []
    assert funded(run([bid(1, 10_00)], [[1]], 0, rule=rule)) == []


@pytest.mark.parametrize(
    ("rule", "options"),
    [
        ("equal_shares", {"utility": "fame"}),
        ("equal_shares", {"completion": "add2"}),
        ("equal_shares", {"start": 3}),
        ("equal_shares", {"step_minor": 0}),
        ("equal_shares", {"exhaustive_stop": "yes"}),
        ("equal_shares", {"stop_at_misfit": True}),
        ("phragmen", {"utility": "cost"}),
        ("phragmen", {"stop_at_misfit": 1}),
    ],
)
def test_options_that_cannot_be_followed_are_refused(rule: str, options: dict[str, Any]) -> None:
    with pytest.raises(RuleBroken):
        run([bid(1, 10_00)], [[1]], 100_00, rule=rule, **options)
