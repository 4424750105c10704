"""Votes and panel together: exact to the penny, whatever the order, and each part keeps what the funders ask."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from uuid import UUID

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from grants.allocation import queries
from grants.allocation.cli.results import replay_run
from grants.allocation.rules.ballots import Ballots, Bid
from grants.allocation.rules.combined import BY_POINTS, Panel
from grants.allocation.rules.explained import tell_facts
from grants.allocation.rules.facts import Way
from grants.allocation.rules.replay import Inputs, replay
from grants.allocation.rules.result import Outcome, Reason
from grants.allocation.rules.sandbox import try_rule
from grants.funds.rules import Names, Need, Restriction, Source, match
from grants.kernel.errors import RuleBroken
from grants.rounds import queries as rounds
from grants.rounds.rules.panel import PanelPart
from grants.rounds.rules.sharing import SharingRule
from tests.allocation.test_explained import at_cost, facts_of, made, with_more, won
from tests.allocation.test_views import MANY, announced, decided, sound, words_of
from tests.builders.allocation import a_counted_round
from tests.conftest import SignIn

RULES = [rule.value for rule in SharingRule]


def split(share: int, scores: dict[int, tuple[int, int]]) -> Panel:
    return Panel(PanelPart.SPLIT_POT, share, _scores(scores))


def breaks(scores: dict[int, tuple[int, int]]) -> Panel:
    return Panel(PanelPart.TIE_BREAK, None, _scores(scores))


def _scores(scores: dict[int, tuple[int, int]]) -> tuple[tuple[UUID, int, int], ...]:
    return tuple((UUID(int=bid), *score) for bid, score in sorted(scores.items()))


def inputs_of(
    costs: list[int],
    ballots: list[tuple[int, ...]],
    pot: int,
    panel: Panel | None,
    rule: str = "most_votes",
    sources: tuple[Source, ...] | None = None,
    **options: int | bool,
) -> Inputs:
    """Bids 1, 2 …; ballots by these numbers; each bid is in a ward of its own number."""
    bids = tuple(Bid(UUID(int=at), cost, at, UUID(int=900 + at % 3), f"Bid {at}") for at, cost in enumerate(costs, 1))
    return Inputs(
        round_id=UUID(int=99),
        rule_book_sha256="0" * 64,
        rule=rule,
        options=options,
        pot_minor=pot,
        bids=bids,
        ballots=Ballots.merged([UUID(int=bid) for bid in ballot] for ballot in ballots),
        needs=tuple(Need(bid.id, bid.cost_minor, frozenset({str(bid.id.int)})) for bid in bids),
        sources=sources or (Source(UUID(int=1), pot, Restriction()),),
        names=Names(),
        panel=panel,
    )


def outcomes_of(inputs: Inputs) -> dict[int, Outcome]:
    return {one.bid_id.int: one for one in replay(inputs).run.outcomes}


# -------------------------------------------------------------------------------------------------------- a split pot

VOTES = [(1, 2), (1, 2), (1, 2), (1, 3), (1,), (2,)]
"""5, 4, 1 and no votes for the fourth."""


def test_the_panel_s_part_goes_to_the_most_points_of_what_the_votes_did_not_fund() -> None:
    scores = {1: (9, 10), 2: (3, 10), 3: (6, 10), 4: (5, 10)}
    found = outcomes_of(
        inputs_of([400_00, 500_00, 150_00, 100_00], VOTES, 1_000_00, split(20, scores), minimum_votes=0)
    )
    # £800 by votes: bid 1 for £400, not bid 2; bid 3 fits at place 3, bid 4 at place 4. £350 is left for the panel.
    assert [bid for bid, one in found.items() if one.awarded_minor] == [1, 3, 4]
    scores[2] = (8, 10)
    votes = [(1, 2), (1, 2), (1, 2), (1,), (1,), (2,), (4,)]
    found = outcomes_of(
        inputs_of([400_00, 450_00, 150_00, 100_00], votes, 1_000_00, split(20, scores), minimum_votes=0)
    )
    assert [(bid, one.part) for bid, one in found.items() if one.awarded_minor] == [(1, None), (4, None), (3, None)]
    assert found[2].reason_code is Reason.DOES_NOT_FIT
    assert "8 of 10 points (80%)" in found[2].reason


def test_what_the_votes_leave_goes_on_to_the_panel_s_points_and_the_reason_says_so_to_the_penny() -> None:
    scores = {1: (5, 10), 2: (2, 10), 3: (9, 10)}
    votes = [(1, 2), (1, 2), (1,), (3,)]
    found = outcomes_of(inputs_of([500_00, 350_00, 350_01], votes, 1_000_01, split(25, scores)))
    # A quarter is £250.00 (the odd penny stays with the votes); £750.01 by votes pays bid 1, and £250.01 goes on.
    assert (found[1].awarded_minor, found[2].awarded_minor, found[3].awarded_minor) == (500_00, 0, 350_01)
    assert found[3].part == BY_POINTS
    assert found[3].reason == (
        "Funded by the panel's points: place 1 of those that were left, with 9 of 10 points (90%). £500.01 was left "
        "when its turn came, and it asks for £350.01. By votes it was not funded: place 3 with 1 vote. It asks for "
        "£350.01, and £250.01 was left when its turn came."
    )
    assert found[1].reason.endswith("It is paid from the £750.01 that goes by votes.")
    assert found[2].reason == (
        "Not funded. By votes, from £750.01: place 2 with 2 votes. It asks for £350, and £250.01 was left when its "
        "turn came. By the panel's points: place 2 of those that were left, with 2 of 10 points (20%). It asks for "
        "£350, and £150 was left when its turn came."
    )
    assert (found[2].left_before_minor, found[2].reserve) == (150_00, 1)


def test_what_the_panel_could_not_judge_comes_last_and_by_votes() -> None:
    scores = {1: (9, 10), 3: (1, 10)}
    found = outcomes_of(inputs_of([500_00, 300_00, 300_00], [(1, 2), (1, 2), (1, 3)], 900_00, split(50, scores)))
    # Nothing fits by votes but bids 2 and 3 (£450): bid 2 first. Then £600: bid 1.
    assert [bid for bid, one in found.items() if one.awarded_minor] == [2, 1]
    found = outcomes_of(inputs_of([500_00, 500_00, 500_00], [(1, 2), (1, 2), (1, 3)], 600_00, split(50, {3: (1, 10)})))
    assert [bid for bid, one in found.items() if one.awarded_minor] == [3]
    assert "since the panel could not judge it" in found[1].reason


def test_the_funders_conditions_and_the_limit_of_a_group_hold_over_both_parts() -> None:
    scores = {1: (5, 10), 2: (8, 10), 3: (9, 10), 4: (7, 10)}
    tied = (Source(UUID(int=1), 500_00, Restriction(ward_codes=frozenset({"1", "2"}))), Source(UUID(int=2), 200_00))
    votes = [(1, 4)] * 3 + [(1,), (2, 3)]
    found = outcomes_of(inputs_of([400_00, 300_00, 300_00, 250_00], votes, 800_00, split(50, scores), sources=tied))
    assert [bid for bid, one in found.items() if one.awarded_minor] == [1, 2]
    assert found[3].reason_code is Reason.NOT_FUNDABLE
    found = outcomes_of(
        inputs_of([400_00, 300_00, 300_00, 250_00], votes, 800_00, split(50, scores), group_limit=1, sources=tied)
    )
    assert found[4].reason_code is Reason.GROUP_FULL  # of bid 1's group
    assert "Only 1 bid of the same group can win" in found[4].reason


def test_a_bid_without_the_fewest_votes_is_not_funded_by_points_either() -> None:
    found = outcomes_of(inputs_of([100_00, 100_00], [(1,), (1,)], 500_00, split(50, {2: (10, 10)}), minimum_votes=1))
    assert found[2].reason_code is Reason.TOO_FEW_VOTES
    assert found[2].reason.count("asks for at least 1") == 1


@st.composite
def split_rounds(draw: st.DrawFn) -> Inputs:
    size = draw(st.integers(1, 6))
    costs = [draw(st.integers(1, 60)) for _ in range(size)]
    ballots = draw(st.lists(st.frozensets(st.integers(1, size)).map(lambda one: tuple(sorted(one))), max_size=7))
    scores = {
        bid: (draw(st.integers(0, most)), most)
        for bid in range(1, size + 1)
        if (most := draw(st.sampled_from((0, 5, 6))))
    }
    pot = draw(st.integers(0, 160))
    allowed = draw(st.frozensets(st.integers(1, size)))
    tied = Restriction(ward_codes=frozenset(map(str, allowed)) or frozenset("x"))
    part = draw(st.integers(0, pot))
    return inputs_of(
        costs,
        ballots,
        pot,
        draw(st.sampled_from((split(draw(st.integers(1, 99)), scores), breaks(scores)))),
        draw(st.sampled_from(RULES)),
        (Source(UUID(int=1), part), Source(UUID(int=2), pot - part, tied)),
        minimum_votes=draw(st.integers(0, 2)),
        group_limit=draw(st.none() | st.integers(1, 2)),
    )


@settings(max_examples=50)
@given(split_rounds(), st.randoms())
def test_nothing_is_overspent_all_is_fundable_and_the_order_of_what_comes_in_is_irrelevant(
    inputs: Inputs, chance: object
) -> None:
    done = replay(inputs)
    found = {one.bid_id: one for one in done.run.outcomes}
    costs = {bid.id: bid.cost_minor for bid in inputs.bids}
    winners = [one.bid_id for one in done.run.outcomes if one.awarded_minor]
    assert sorted(found) == sorted(costs)
    assert all(one.awarded_minor in (0, costs[one.bid_id]) for one in found.values())
    assert done.run.awarded_minor <= inputs.pot_minor
    needs = {need.id: need for need in inputs.needs}
    assert match([needs[id] for id in winners], inputs.sources).shortfall is None
    assert [one.rank for one in done.run.outcomes] == list(range(1, len(costs) + 1))
    assert inputs.panel is not None
    by_votes = sum(costs[id] for id in winners if found[id].part is None)
    assert by_votes <= inputs.pot_minor - inputs.panel.pot(inputs.pot_minor)
    chance.shuffle(bids := list(inputs.bids))  # type: ignore[attr-defined]
    chance.shuffle(scores := list(inputs.panel.scores))  # type: ignore[attr-defined]
    again = replay(replace(inputs, bids=tuple(bids), panel=replace(inputs.panel, scores=tuple(scores))))
    assert again.checksum == done.checksum


@settings(max_examples=40)
@given(split_rounds())
def test_with_a_split_pot_nothing_that_still_fits_is_left_out_and_what_is_told_adds_up(inputs: Inputs) -> None:
    assert inputs.panel is not None
    if not inputs.panel.splits:
        return
    run = replay(inputs).run
    left = run.left_minor
    for one in run.outcomes:
        cost = next(bid.cost_minor for bid in inputs.bids if bid.id == one.bid_id)
        assert one.awarded_minor or one.reason_code is not Reason.DOES_NOT_FIT or cost > left
    facts = tell_facts(inputs, run.outcomes, at_once=None)
    assert [step.bid_id for step in facts.steps] == won(inputs)
    pot = inputs.pot_minor
    for step in facts.steps:
        pot -= step.cost_minor
        assert step.left_minor == pot
    by_points = {one.bid_id for one in run.outcomes if one.part == BY_POINTS}
    assert {step.bid_id for step in facts.steps if step.way is Way.PANEL} == by_points
    tried = try_rule(inputs, SharingRule(inputs.rule), inputs.options, inputs.pot_minor)
    assert set(tried.winners) == set(won(inputs))


@pytest.mark.parametrize("points", [False, True])
@pytest.mark.parametrize("rule", RULES)
def test_with_a_split_pot_what_would_have_been_enough_wins_and_a_penny_or_a_person_less_does_not(
    rule: str, points: bool
) -> None:
    scores = {1: (4, 9), 2: (8, 9), 4: (5, 9), 5: (5, 9), 6: (1, 9), 7: (9, 9), 8: (2, 9), 9: (6, 9)}
    inputs, tried = replace(made(rule, 0, points), panel=split(30, scores)), 0
    for bid in facts_of(inputs).bids:
        if bid.bid_id in won(inputs):
            continue
        tried += 1
        if bid.enough_cost_minor is not None:
            assert bid.bid_id in won(at_cost(inputs, bid.bid_id, bid.enough_cost_minor))
            assert bid.bid_id not in won(at_cost(inputs, bid.bid_id, bid.enough_cost_minor + 1))
        if bid.enough_supporters is not None:
            assert bid.bid_id in won(with_more(inputs, bid.bid_id, bid.enough_supporters))
            if bid.enough_supporters > 1:
                assert bid.bid_id not in won(with_more(inputs, bid.bid_id, bid.enough_supporters - 1))
    assert tried
    assert any(one.part == BY_POINTS for one in replay(inputs).run.outcomes)


# ------------------------------------------------------------------------------------------------------------- ties


@pytest.mark.parametrize("rule", RULES)
def test_the_panel_s_points_break_a_tie_before_the_cost_and_the_lot(rule: str) -> None:
    votes = [(1, 2), (1, 2)]
    plain = inputs_of([300_00, 300_00], votes, 300_00, None, rule)
    assert won(plain) == [UUID(int=1)]  # by the lot
    assert won(replace(plain, panel=breaks({1: (3, 9), 2: (4, 9)}))) == [UUID(int=2)]
    assert won(replace(plain, panel=breaks({1: (4, 9)}))) == [UUID(int=1)]  # bid 2 was not judged
    assert won(replace(plain, panel=breaks({2: (1, 9)}))) == [UUID(int=2)]
    assert won(replace(plain, panel=breaks({1: (2, 6), 2: (3, 9)}))) == [UUID(int=1)]  # equal parts: the lot


def test_the_panel_s_points_never_move_a_bid_past_one_with_more_votes() -> None:
    inputs = inputs_of([300_00, 300_00], [(1, 2), (1,)], 300_00, breaks({1: (0, 9), 2: (9, 9)}))
    assert won(inputs) == [UUID(int=1)]


def test_a_broken_tie_is_told_to_both() -> None:
    panel = breaks({1: (3, 9), 2: (6, 9)})
    found = outcomes_of(inputs_of([200_00, 300_00], [(1, 2), (1, 2)], 300_00, panel))
    assert found[2].reason.endswith(
        "Its votes are equal with those of “Bid 1”: the panel gave this one 6 of 9 points (66%) and that one 3 of 9 "
        "points (33%), so it went first."
    )
    assert found[1].reason.endswith("so it went second.")


# ---------------------------------------------------------------------------------------------------------- replaying


@pytest.mark.parametrize("panel", [split(40, {1: (1, 3), 2: (2, 3)}), breaks({1: (1, 3), 2: (2, 3)})])
def test_stored_ballots_and_scores_replayed_offline_give_the_same_result(panel: Panel) -> None:
    inputs = inputs_of([300_00, 300_00, 200_00], [(1, 2), (1, 2), (3,)], 500_00, panel)
    text = json.dumps(inputs.to_public_json(with_ballots=True))
    again = Inputs.from_json(text)
    assert replay(again).checksum == replay(inputs).checksum
    changed = json.loads(text)
    changed["panel"]["scores"][0][1] += 1
    assert replay(Inputs.from_json(json.dumps(changed))).checksum != replay(inputs).checksum


def test_a_run_in_which_the_panel_has_no_say_is_told_as_before() -> None:
    inputs = inputs_of([300_00, 300_00], [(1,), (2,)], 500_00, None)
    assert "panel" not in json.loads(inputs.to_json())
    assert "part" not in replay(inputs).run.outcome_json()


def test_points_are_compared_exactly() -> None:
    third = Fraction(333_333_333_333, 1_000_000_000_000)
    panel = breaks({1: (third.numerator, third.denominator), 2: (1, 3)})
    assert won(inputs_of([300_00, 300_00], [(1, 2)], 300_00, panel)) == [UUID(int=2)]


# --------------------------------------------------------------------------------------- in a round, and on its pages

SPLIT = {"panel_part": PanelPart.SPLIT_POT, "panel_share": 30, "points": (20, 21, 22, 29), "ballots": MANY}
"""£3,500 by votes: bids 1 and 2 (£2,000, £1,500). £1,500 by points: bid 4 (£1,000) before bid 3 (£1,200)."""


def test_a_split_pot_is_told_on_every_page_and_can_be_replayed_from_its_file(
    app: Flask, app_session: Session, client: FlaskClient, tmp_path: Path
) -> None:
    counted = a_counted_round(app_session, **SPLIT)  # type: ignore[arg-type]
    announced(app_session, counted)
    here, last = f"/rounds/{counted.round.id}", counted.proposals[3].id
    page = client.get(f"{here}/results").get_data(as_text=True)
    told = words_of(page)
    assert "£3,500 goes by votes" in told
    assert "£1,500 (30% of the pot) goes by the panel's points" in told
    assert "By the panel’s points" in told
    assert "grants tally" not in told
    assert sound(page)
    why = words_of(client.get(f"{here}/results/{last}").get_data(as_text=True))
    assert "Funded by the panel's points: place 1 of those that were left, with 29 of 30 points (96%)." in why
    assert "£3,500 went by votes, and £1,500 by the panel’s points" in why
    for path in (f"{here}/how", f"{here}/rule-book"):
        page = client.get(path).get_data(as_text=True)
        assert "£1,500 (30% of the pot) goes by the panel&#39;s points" in page
        assert sound(page)
    file = tmp_path / "results.json"
    file.write_bytes(client.get(f"{here}/results.json").data)
    done = CliRunner().invoke(replay_run, [str(file)])
    assert (done.exit_code, "The same result came out." in done.output) == (0, True)
    changed = json.loads(file.read_text())
    changed["inputs"]["panel"]["scores"][0][1] += 1
    file.write_text(json.dumps(changed))
    assert CliRunner().invoke(replay_run, [str(file)]).exit_code == 1
    run = queries.standing_run(app_session, counted.round.id)
    assert run is not None
    with app.app_context():
        assert "The same result" in app.test_cli_runner().invoke(args=["allocation", "replay", str(run.id)]).output


def test_the_desk_tells_how_the_pot_is_split(app_session: Session, as_: SignIn) -> None:
    counted = a_counted_round(app_session, **SPLIT)  # type: ignore[arg-type]
    decided(app_session, counted)
    app_session.commit()
    page = as_(counted.steward).get(f"/rounds/{counted.round.id}/allocation").get_data(as_text=True)
    assert "£1,500 (30% of the pot) goes by the panel" in page
    assert sound(page)


def test_a_tie_that_the_panel_breaks_is_told(app_session: Session, client: FlaskClient) -> None:
    counted = a_counted_round(
        app_session, (300_000, 300_000), [(1, 2)] * 50, points=(16, 25), panel_part=PanelPart.TIE_BREAK
    )
    announced(app_session, counted)
    won = queries.decision_for(app_session, counted.proposals[1].id)
    assert won is not None
    assert won.awarded_minor == 300_000
    told = words_of(client.get(f"/rounds/{counted.round.id}/results").get_data(as_text=True))
    assert "the panel gave this one 25 of 30 points (83%) and that one 16 of 30 points (53%), so it went first" in told
    assert "larger part of the points goes first" in told


@pytest.mark.parametrize(("share", "wins"), [("30", "Bid 4"), ("1", "Bid 3")])
def test_the_sandbox_tries_another_part_for_the_panel(app_session: Session, as_: SignIn, share: str, wins: str) -> None:
    counted = a_counted_round(app_session, points=(20, 21, 22, 29), ballots=MANY)
    announced(app_session, counted)
    here = f"/rounds/{counted.round.id}/sandbox?panel_part=split_pot&panel_share={share}"
    page = as_(counted.steward).get(here).get_data(as_text=True)
    assert f"({share}% of the pot) goes by the panel" in page
    assert wins in page.split("Both ways")[1 if share == "1" else 0]
    assert sound(page)


def test_the_rule_book_of_a_gate_keeps_its_text_and_a_split_says_its_share(session: Session) -> None:
    gate, parted = a_counted_round(session), a_counted_round(session, **SPLIT)  # type: ignore[arg-type]
    assert "panel_share" not in json.loads(gate.round.rule_book or "")
    book = rounds.rule_book(parted.round)
    assert (book.panel_share, book.panel_pot_minor) == (30, 150_000)
    with pytest.raises(RuleBroken, match="1 to 99"):
        replace(book, panel_share=100).check()
    with pytest.raises(RuleBroken, match="1 to 99"):
        replace(book, panel_part=PanelPart.GATE).check()
    with pytest.raises(RuleBroken, match="1 to 99"):
        replace(book, panel_share=None).check()
