"""Sharing the pot by most votes: nothing overspent, a true reason for everyone, the same on every machine."""

import csv
import hashlib
import json
import random
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grants.allocation.rules.ballots import Ballots, Bid
from grants.allocation.rules.fundable import Fundable, always_fundable
from grants.allocation.rules.greedy import share_by_votes
from grants.allocation.rules.registry import RULES, rule_named
from grants.allocation.rules.result import Outcome, Reason, Run, run_rule
from grants.funds.rules import Need, Restriction, Source, match
from grants.kernel.errors import RuleBroken
from grants.rounds.rules.sharing import MostVotesOptions
from grants.voting.rules.lot import draw_lot

GOLDEN = Path(__file__).parents[2].parent / "shared" / "data" / "pabulib"
MOST_VOTES = rule_named("most_votes")


def bid(number: int, cost: int, group: int | None = None) -> Bid:
    return Bid(UUID(int=number), cost, number, None if group is None else UUID(int=900 + group))


@st.composite
def elections(draw: st.DrawFn) -> tuple[list[Bid], dict[UUID, int], int, MostVotesOptions]:
    size = draw(st.integers(1, 8))
    groups = st.none() | st.integers(1, 3)
    bids = [bid(n + 1, draw(st.integers(1, 50)), draw(groups)) for n in range(size)]
    votes = {b.id: draw(st.integers(0, 8)) for b in bids}
    options = MostVotesOptions(
        minimum_votes=draw(st.integers(0, 4)),
        stop_at_misfit=draw(st.booleans()),
        group_limit=draw(st.none() | st.integers(1, 2)),
        group_cap_minor=draw(st.none() | st.integers(1, 80)),
    )
    return bids, votes, draw(st.integers(0, 150)), options


@st.composite
def restrictions(draw: st.DrawFn) -> Fundable:
    """A real fundable check: two sources, one of them only for some bids."""
    allowed = frozenset(str(n) for n in draw(st.frozensets(st.integers(1, 8))))
    free, tied = draw(st.integers(0, 100)), draw(st.integers(0, 100))
    sources = [Source(UUID(int=1), free), Source(UUID(int=2), tied, Restriction(ward_codes=allowed or frozenset("x")))]

    def fundable(ids: Sequence[UUID]) -> str | None:
        needs = [Need(key, 10 + key.int, frozenset([str(key.int)])) for key in ids]
        return None if match(needs, sources).fundable else "The money may not be spent on it."

    return fundable


@given(elections(), restrictions())
def test_nothing_is_overspent_and_every_bid_has_one_outcome_with_a_reason(
    election: tuple[list[Bid], dict[UUID, int], int, MostVotesOptions], fundable: Fundable
) -> None:
    bids, votes, pot, options = election
    outcomes = share_by_votes(bids, votes, pot, options, fundable)
    costs = {b.id: b.cost_minor for b in bids}
    assert sum(outcome.awarded_minor for outcome in outcomes) <= pot
    assert sorted(outcome.bid_id for outcome in outcomes) == sorted(costs)
    assert [outcome.rank for outcome in outcomes] == list(range(1, len(bids) + 1))
    assert [outcome.votes for outcome in outcomes] == sorted(votes.values(), reverse=True)
    left = pot
    for outcome in outcomes:
        assert outcome.left_before_minor == left
        assert outcome.awarded_minor in (0, costs[outcome.bid_id])
        assert (outcome.awarded_minor > 0) == (outcome.reason_code is Reason.FUNDED)
        assert outcome.reason.startswith("Funded" if outcome.awarded_minor else "Not funded")
        assert bool(outcome.enough) != bool(outcome.awarded_minor)
        left -= outcome.awarded_minor
    winners = [outcome.bid_id for outcome in outcomes if outcome.awarded_minor]
    assert not winners or fundable(winners) is None
    for group in {b.group_id for b in bids if b.group_id}:
        kin = [costs[b.id] for b in bids if b.group_id == group and b.id in winners]
        assert options.group_limit is None or len(kin) <= options.group_limit
        assert options.group_cap_minor is None or sum(kin) <= options.group_cap_minor


@given(elections(), restrictions())
def test_the_votes_said_to_be_enough_are_enough_and_one_fewer_is_not(
    election: tuple[list[Bid], dict[UUID, int], int, MostVotesOptions], fundable: Fundable
) -> None:
    bids, votes, pot, options = election

    def wins(bid_id: UUID, with_votes: int) -> bool:
        again = share_by_votes(bids, {**votes, bid_id: with_votes}, pot, options, fundable)
        return any(o.awarded_minor for o in again if o.bid_id == bid_id)

    for outcome in share_by_votes(bids, votes, pot, options, fundable):
        if outcome.awarded_minor:
            continue
        if outcome.votes_enough is None:
            assert not wins(outcome.bid_id, 1000)
            assert outcome.enough.startswith("No number of votes")
        else:
            assert outcome.votes_enough > outcome.votes
            assert wins(outcome.bid_id, outcome.votes_enough)
            assert not wins(outcome.bid_id, outcome.votes_enough - 1)


@given(elections(), st.randoms())
def test_the_order_of_bids_and_ballots_changes_nothing(
    election: tuple[list[Bid], dict[UUID, int], int, MostVotesOptions], chance: random.Random
) -> None:
    bids, votes, pot, _ = election
    papers = [[b.id for b in bids if votes[b.id] > voter] for voter in range(8)]

    def run(order: random.Random | None) -> Run:
        some_bids = order.sample(bids, len(bids)) if order else bids
        some_papers = [order.sample(p, len(p)) for p in order.sample(papers, len(papers))] if order else papers
        return run_rule(MOST_VOTES, some_bids, Ballots.merged(some_papers), pot, {}, always_fundable)

    assert run(chance) == run(None)
    assert run(chance).checksum == run(None).checksum


def outcome_of(outcomes: tuple[Outcome, ...], number: int) -> Outcome:
    return next(outcome for outcome in outcomes if outcome.bid_id.int == number)


def test_equal_votes_go_to_the_cheaper_then_to_the_lower_lot() -> None:
    bids = [bid(1, 60), bid(2, 50), bid(3, 50)]
    outcomes = share_by_votes(bids, {b.id: 5 for b in bids}, 100, MostVotesOptions(), always_fundable)
    assert [(o.bid_id.int, o.awarded_minor) for o in outcomes] == [(2, 50), (3, 50), (1, 0)]


def test_a_bid_that_does_not_fit_is_told_what_was_left_and_what_would_do() -> None:
    bids = [bid(1, 70_000), bid(2, 40_000), bid(3, 20_000)]
    votes = {UUID(int=1): 9, UUID(int=2): 5, UUID(int=3): 2}
    outcomes = share_by_votes(bids, votes, 100_000, MostVotesOptions(), always_fundable)
    second = outcome_of(outcomes, 2)
    assert second.reason == (
        "Not funded: place 2 with 5 votes. It asks for £400, and £300 was left when its turn came."
    )
    # With 9 votes too it would go first, because it is the cheaper of the two.
    assert second.enough == (
        "With 4 more votes (9 in all) it would have been funded. With the same votes, £300 or less would have fitted."
    )
    assert outcome_of(outcomes, 3).awarded_minor == 20_000


def test_stopping_at_the_first_misfit_leaves_the_rest_unfunded() -> None:
    bids = [bid(1, 70), bid(2, 40), bid(3, 20)]
    votes = {UUID(int=1): 9, UUID(int=2): 5, UUID(int=3): 2}
    outcomes = share_by_votes(bids, votes, 100, MostVotesOptions(stop_at_misfit=True), always_fundable)
    assert [o.reason_code for o in outcomes] == [Reason.FUNDED, Reason.DOES_NOT_FIT, Reason.AFTER_STOP]
    assert outcome_of(outcomes, 3).votes_enough == 5


def test_too_few_votes_are_told_how_many_are_needed() -> None:
    outcomes = share_by_votes([bid(1, 10)], {UUID(int=1): 3}, 100, MostVotesOptions(minimum_votes=5), always_fundable)
    assert outcomes[0].reason == "Not funded: 3 votes; this round asks for at least 5."
    assert outcomes[0].enough == "With 2 more votes (5 in all) it would have been funded."


def test_only_one_bid_of_an_exclusive_group_wins() -> None:
    bids = [bid(1, 10, group=1), bid(2, 10, group=1), bid(3, 10)]
    votes = {UUID(int=1): 3, UUID(int=2): 2, UUID(int=3): 1}
    outcomes = share_by_votes(bids, votes, 100, MostVotesOptions(group_limit=1), always_fundable)
    assert [o.reason_code for o in outcomes] == [Reason.FUNDED, Reason.GROUP_FULL, Reason.FUNDED]
    capped = share_by_votes(bids, votes, 100, MostVotesOptions(group_cap_minor=15), always_fundable)
    assert [o.reason_code for o in capped] == [Reason.FUNDED, Reason.GROUP_CAP, Reason.FUNDED]


def test_a_bid_the_funders_money_cannot_pay_is_skipped_with_their_reason() -> None:
    def only_first(ids: Sequence[UUID]) -> str | None:
        return "This money is only for Newtown." if UUID(int=2) in ids else None

    votes = {UUID(int=1): 1, UUID(int=2): 3}
    outcomes = share_by_votes([bid(1, 10), bid(2, 10)], votes, 100, MostVotesOptions(), only_first)
    assert outcomes[0].reason == "Not funded: place 1 with 3 votes. This money is only for Newtown."
    assert outcomes[0].enough == (
        "No number of votes would have been enough: even on its own, the funders' money may not be spent on it."
    )
    assert outcomes[1].awarded_minor == 10


@pytest.mark.parametrize(
    "options",
    [{"points": 3}, {"minimum_votes": -1}, {"minimum_votes": True}, {"stop_at_misfit": "yes"}, {"group_limit": 0}],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(RuleBroken):
        MOST_VOTES.check_options(options)


def test_an_unknown_rule_is_refused_by_name() -> None:
    assert set(RULES) == {"most_votes", "equal_shares", "phragmen"}
    with pytest.raises(RuleBroken, match="no rule called dice"):
        rule_named("dice")


def test_a_choice_made_twice_counts_once_and_a_blank_ballot_counts_as_a_voter() -> None:
    one, two = UUID(int=1), UUID(int=2)
    ballots = Ballots.merged([[one, one], [two, one], [], [one, two]])
    assert ballots.voters == 4
    assert ballots.votes() == {one: 3, two: 2}
    assert len(ballots.approvals) == 3
    assert Ballots.merged([[one]]).sha256 != ballots.sha256


def test_a_run_refuses_votes_for_what_is_not_on_the_ballot_and_bids_that_share_a_lot() -> None:
    with pytest.raises(ValueError, match="not on the ballot"):
        run_rule(MOST_VOTES, [bid(1, 10)], Ballots.merged([[UUID(int=2)]]), 10, {}, always_fundable)
    with pytest.raises(ValueError, match="a lot of its own"):
        run_rule(MOST_VOTES, [bid(1, 10), Bid(UUID(int=2), 10, 1)], Ballots(), 10, {}, always_fundable)


def test_the_checksum_of_a_run_is_a_known_number_and_moves_with_every_fact() -> None:
    bids, ballots = [bid(1, 60), bid(2, 50)], Ballots.merged([[UUID(int=1)], [UUID(int=1), UUID(int=2)]])
    run = run_rule(MOST_VOTES, bids, ballots, 100, {"minimum_votes": 1}, always_fundable)
    text = f'{{"inputs":{run.inputs_json()},"outcome":{run.outcome_json()}}}'
    assert run.checksum == hashlib.sha256(text.encode()).hexdigest()
    assert run.checksum == "0f399661fde72417f24eb94e8dec6ef3877cd4320dbf1cdfad2b1a732eb5161d"
    assert (run.awarded_minor, run.left_minor) == (60, 40)
    others = [
        run_rule(MOST_VOTES, bids, ballots, 101, {"minimum_votes": 1}, always_fundable),
        run_rule(MOST_VOTES, bids, ballots, 100, {"minimum_votes": 0}, always_fundable),
        run_rule(MOST_VOTES, bids[:1], Ballots.merged([[UUID(int=1)]] * 2), 100, {"minimum_votes": 1}, always_fundable),
    ]
    assert run.checksum not in {other.checksum for other in others}


def test_the_lot_can_be_drawn_again_by_hand_from_the_seed() -> None:
    ids = [UUID(int=n) for n in range(1, 30)]
    lot = draw_lot("a seed", reversed(ids))
    assert sorted(lot.values()) == list(range(1, 30))
    digests = {key: hashlib.sha256(b"a seed\n" + str(key).encode()).hexdigest() for key in ids}
    assert sorted(ids, key=lambda key: lot[key]) == sorted(ids, key=lambda key: digests[key])
    assert draw_lot("another", ids) != lot


def read_election(path: Path) -> tuple[dict[str, str], list[tuple[str, Fraction]], Counter[str]]:
    """A `.pb` file: its facts, its projects with their costs, and the votes (or points) of each."""
    meta: dict[str, str] = {}
    projects: list[tuple[str, Fraction]] = []
    votes: Counter[str] = Counter()
    part = ""
    head: list[str] = []
    with path.open(encoding="utf-8-sig", newline="") as lines:
        for row in csv.reader(lines, delimiter=";"):
            if len(row) == 1 and row[0].strip() in ("META", "PROJECTS", "VOTES"):
                part, head = row[0].strip(), []
            elif not head:
                head = [name.strip() for name in row]
            elif part == "META":
                meta[row[0].strip()] = row[1].strip()
            elif part == "PROJECTS":
                line = dict(zip(head, row, strict=False))
                projects.append((line["project_id"].strip(), Fraction(line["cost"].replace(",", "."))))
            elif row:
                line = dict(zip(head, row, strict=False))
                chosen = [key.strip() for key in line["vote"].split(",") if key.strip()]
                if meta["vote_type"] == "cumulative":
                    points = [int(part) for part in line["points"].split(",")]
                elif meta["vote_type"] == "ordinal":
                    points = [int(meta["max_length"]) - place for place in range(len(chosen))]
                else:
                    chosen, points = list(dict.fromkeys(chosen)), [1] * len(set(chosen))
                for key, number in zip(chosen, points, strict=True):
                    votes[key] += number
    return meta, projects, votes


@pytest.mark.skipif(
    not GOLDEN.exists(), reason=f"real elections are not at {GOLDEN}: most votes is NOT checked on them"
)
@pytest.mark.parametrize("stop", [False, True], ids=["skip", "stop"])
@pytest.mark.parametrize("name", sorted(path.name for path in GOLDEN.glob("*.pb")))
def test_real_elections_have_the_winners_known_for_most_votes(name: str, stop: bool) -> None:
    golden = json.loads((GOLDEN / "golden.json").read_text(encoding="utf-8"))[name]
    meta, projects, votes = read_election(GOLDEN / name)
    bids = [Bid(UUID(int=n), int(cost * 100), n) for n, (_, cost) in enumerate(projects, start=1)]
    names = {UUID(int=n): key for n, (key, _) in enumerate(projects, start=1)}
    options = MostVotesOptions(int(meta.get("min_project_score_threshold", 0)), stop)
    pot = Fraction(meta["budget"].replace(",", ".")) * 100
    outcomes = share_by_votes(bids, {b.id: votes[names[b.id]] for b in bids}, int(pot), options, always_fundable)
    winners = [names[outcome.bid_id] for outcome in outcomes if outcome.awarded_minor]
    known = golden["greedy_noskip" if stop else "greedy_skip"]
    assert winners == known["ids"]
    assert sum(outcome.awarded_minor for outcome in outcomes) == Fraction(known["cost"]) * 100
