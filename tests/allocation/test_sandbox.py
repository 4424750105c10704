"""A finished round's ballots under other rules: the same rules, nothing before the announcement, nothing kept."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from grants.allocation import queries
from grants.allocation.rules.asked import Asked
from grants.allocation.rules.outside import About, round_pb
from grants.allocation.rules.pabulib import read_pb
from grants.allocation.rules.sandbox import options_for, start_from, try_rule
from grants.allocation.rules.states import Departure, Verdict
from grants.allocation.rules.tally import tally
from grants.allocation.views import sandbox
from grants.kernel.actors import Role
from grants.kernel.errors import RuleBroken
from grants.rounds import queries as rounds
from grants.rounds.models import Round
from grants.rounds.rules.ballots import BallotKind
from grants.rounds.rules.sharing import Options, SharingRule
from grants.rounds.rules.states import RoundState
from grants.voting import queries as voting
from tests.allocation.test_views import announced, sound, words_of, worked_out
from tests.builders.allocation import Counted, a_counted_round
from tests.builders.funds import a_contribution, a_fund
from tests.builders.people import a_person
from tests.builders.rounds import a_round
from tests.conftest import SignIn
from tests.support.clock import START
from tests.support.statements import statements, writes

MIXED = tuple(((1, 2), (1, 2, 5), (1, 2), (3, 4), (3,), (4, 5), (1,), ())[n % 8] for n in range(64))
COSTS = (200_000, 150_000, 120_000, 100_000, 60_050)
POINTS = {"ballot_kind": BallotKind.POINTS, "ballot_minimum": 1, "ballot_maximum": 10}
GIVEN = (((1, 7), (2, 3)), ((4, 9),), ((2, 1), (3, 4)), ((5, 6), (1, 2)))
ROUNDS: dict[str, dict[str, Any]] = {
    "ticks": {"amounts": COSTS, "ballots": MIXED},
    "points": {"amounts": COSTS, "ballots": [GIVEN[n % 4] for n in range(9)], **POINTS},
}


def here(round: Round, **asked: object) -> str:
    return f"/rounds/{round.id}/sandbox?" + "&".join(f"{name}={value}" for name, value in asked.items())


def after(counted: Counted) -> Counted:
    """The round as it is once it is announced, without the panel's part."""
    counted.round.state = RoundState.ANNOUNCED
    return counted


# ------------------------------------------------------------------------------------------------------------ the rules


@pytest.mark.parametrize("rule", list(SharingRule))
@pytest.mark.parametrize(
    "fields", [ROUNDS["ticks"], ROUNDS["points"], {"group_limit": 1}], ids=["ticks", "points", "groups"]
)
def test_the_rounds_own_rule_gives_the_stored_result(
    session: Session, fields: dict[str, Any], rule: SharingRule
) -> None:
    counted = a_counted_round(session, rule=rule, **fields)
    run = worked_out(session, counted)
    book, facts = rounds.rule_book(counted.round), queries.facts(run)
    assert facts is not None
    options = options_for(rule, book.rule_options, rule, start_from(rule, book.rule_options, rule))
    tried = try_rule(queries.inputs(session, run), rule, options, run.pot_minor)
    assert tried.winners == tuple(step.bid_id for step in facts.steps)
    assert tried.winners
    assert (tried.spent_minor, tried.with_one, tried.voters) == (run.spent_minor, facts.with_one, facts.voters)
    assert tried.left_minor == run.pot_minor - run.spent_minor


TRIES: list[tuple[SharingRule, Options, Asked]] = [
    (
        SharingRule.MOST_VOTES,
        {"minimum_votes": 9, "stop_at_misfit": stop},
        Asked("most-votes", misfit="stop" if stop else "skip", min_votes=Fraction(9)),
    )
    for stop in (False, True)
] + [
    (
        SharingRule.PHRAGMEN,
        {"minimum_votes": 0, "stop_at_misfit": stop},
        Asked("phragmen", misfit="stop" if stop else "skip", min_votes=Fraction(0)),
    )
    for stop in (False, True)
] + [
    (
        SharingRule.EQUAL_SHARES,
        {
            "minimum_votes": 1,
            "utility": utility,
            "completion": completion,
            "start": start,
            "step_minor": step,
            "exhaustive_stop": stop,
        },
        Asked("equal-shares", utility, completion, start, Fraction(step, 100), stop, min_votes=Fraction(1)),
    )
    for utility in ("cost", "cardinality")
    for completion, start, step, stop in (
        ("none", "exact", 100, True),
        ("none", "floor", 100, True),
        ("add1", "floor", 50, True),
        ("add1", "exact", 100, False),
        ("add1u", "floor", 700, False),
        ("add1u", "floor", 100, True),
    )
]  # fmt: skip


@pytest.mark.parametrize("kind", ROUNDS)
def test_other_rules_give_what_the_command_gives_on_the_rounds_file(session: Session, kind: str) -> None:
    counted = a_counted_round(session, **ROUNDS[kind])
    run = worked_out(session, counted)
    inputs = queries.inputs(session, run)
    numbers = {line.proposal_id: line.number for line in voting.ballot_lines(session, counted.round.id)}
    about = About(numbers, rounds.rule_book(counted.round).ballot)
    ids = {str(number): id for id, number in numbers.items()}
    seen: set[tuple[UUID, ...]] = set()
    for pot in (run.pot_minor, 230_000):
        file = read_pb(
            round_pb(inputs, about, []).replace(f"budget;{run.pot_minor // 100}", f"budget;{pot // 100}").encode()
        )
        for rule, options, ask in TRIES:
            told = tally(file, ask)
            tried = try_rule(inputs, rule, options, pot)
            assert tried.winners == tuple(ids[file.ids[bid]] for bid in told.winners), (pot, ask)
            assert (tried.pot_minor, tried.spent_minor) == (pot, told.cost * 100 // told.file.unit)
            assert tried.with_one == inputs.ballots.reached(set(tried.winners))
            seen.add(tried.winners)
    assert len(seen) > 4


def test_a_larger_pot_is_money_for_anything(session: Session) -> None:
    fund = a_fund(session)
    a_contribution(session, fund, 500_000)
    counted = a_counted_round(session, fund=fund)
    run = worked_out(session, counted)
    inputs = queries.inputs(session, run)
    assert len(try_rule(inputs, SharingRule.MOST_VOTES, {}, 500_000).winners) == 3
    assert len(try_rule(inputs, SharingRule.MOST_VOTES, {}, 570_000).winners) == 4


def test_equal_shares_ends_after_so_much_work(session: Session) -> None:
    counted = a_counted_round(session, amounts=COSTS, ballots=MIXED)
    inputs = queries.inputs(session, worked_out(session, counted))
    with pytest.raises(RuleBroken, match="too long for a page") as broken:
        try_rule(inputs, SharingRule.EQUAL_SHARES, {"step_minor": 1}, 500_000, at_once=20_000)
    assert broken.value.field == "step_minor"


def test_the_page_costs_no_worker_numpy_before_somebody_counts() -> None:
    code = "import sys, grants.allocation.views.sandbox; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --------------------------------------------------------------------------------------------------- who may, and when


@pytest.mark.parametrize("stage", [RoundState.VOTING, RoundState.PANEL, RoundState.DECIDED])
def test_before_the_announcement_nobody_sees_it(
    app_session: Session, client: FlaskClient, as_: SignIn, stage: RoundState
) -> None:
    counted = a_counted_round(app_session)
    worked_out(app_session, counted)
    counted.round.state = stage
    app_session.commit()
    path, told = here(counted.round, rule="phragmen"), {}
    for role in Role:
        answer = as_(role).get(path)
        told[role] = answer.status_code
        assert "Bid 1" not in answer.get_data(as_text=True)
    assert told == {role: 404 if role in (Role.STEWARD, Role.AUDITOR, Role.ADMIN) else 403 for role in Role}
    answer = client.get(path)
    assert answer.status_code in (302, 401)
    assert "Bid 1" not in answer.get_data(as_text=True)


def test_afterwards_stewards_and_auditors_of_its_fund_see_it_and_find_it(
    app_session: Session, client: FlaskClient, as_: SignIn
) -> None:
    counted = a_counted_round(app_session)
    announced(app_session, counted)
    other = a_person(app_session)
    app_session.commit()
    link = f'href="/rounds/{counted.round.id}/sandbox"'
    for role in (Role.STEWARD, Role.AUDITOR, Role.ADMIN):
        visitor = as_(role)
        assert visitor.get(here(counted.round)).status_code == 200
        for path in ("results", "allocation"):
            assert link in visitor.get(f"/rounds/{counted.round.id}/{path}").get_data(as_text=True)
    assert link not in client.get(f"/rounds/{counted.round.id}/results").get_data(as_text=True)
    assert as_(other).get(here(counted.round)).status_code == 403


def test_the_steward_of_another_fund_does_not(app_session: Session, as_: SignIn) -> None:
    counted = after(a_counted_round(app_session))
    own = a_fund(app_session)
    stranger = a_person(app_session, Role.STEWARD, scope_id=own.id)
    app_session.commit()
    assert as_(stranger).get(here(counted.round)).status_code == 403


def test_whoever_drafts_a_round_finds_the_one_announced_last(app_session: Session, as_: SignIn) -> None:
    counted = a_counted_round(app_session, title="The first one")
    draft = a_round(app_session, RoundState.DRAFT)
    app_session.commit()
    steward = as_(counted.steward)
    for path in ("/rounds/new", f"/rounds/{draft.id}/edit"):
        assert "sandbox" not in steward.get(path).get_data(as_text=True)
    announced(app_session, counted)
    for path in ("/rounds/new", f"/rounds/{draft.id}/edit"):
        page = steward.get(path).get_data(as_text=True)
        assert f'href="/rounds/{counted.round.id}/sandbox"' in page
        assert "The first one" in page


def test_the_last_round_of_the_same_fund_comes_first_then_the_last_of_all(any_session: Session) -> None:
    older, newer = a_counted_round(any_session), a_counted_round(any_session)
    for counted in (older, newer):
        worked_out(any_session, counted)
        after(counted)
    older.round.announced_at, newer.round.announced_at = START, START + timedelta(days=1)
    any_session.flush()
    assert older.round.fund_id != newer.round.fund_id
    mine = frozenset({older.round.fund_id})
    assert queries.last_announced(any_session, None, None) is newer.round
    assert queries.last_announced(any_session, None, older.round.fund_id) is older.round
    assert queries.last_announced(any_session, mine, newer.round.fund_id) is older.round
    assert queries.last_announced(any_session, frozenset(), None) is None
    newer.round.imported_from = "elsewhere.pb"
    any_session.flush()
    assert queries.last_announced(any_session, None, None) is older.round


# ------------------------------------------------------------------------------------------------------------ the page


@pytest.fixture
def counted(app_session: Session) -> Counted:
    """Announced; the panel departed from the votes once."""
    counted = a_counted_round(app_session, amounts=COSTS, ballots=MIXED)
    announced(app_session, counted, Departure(counted.proposals[0].id, Verdict.NOT_FUNDED, "The hall burned down."))
    return counted


def test_at_first_it_shows_what_came_out(app_session: Session, as_: SignIn, counted: Counted) -> None:
    won = next(one for one in queries.decisions(app_session, counted.round.id) if one.awarded_minor)
    won.conditions = "Tell the people next door."  # asks for something, and decides nothing otherwise
    app_session.commit()
    page = as_(counted.steward).get(here(counted.round)).get_data(as_text=True)
    told = words_of(page)
    assert "Nothing here decides anything" in told
    assert "The panel decided otherwise, or corrected itself, about 1 project." in told
    assert "What would have come out" not in told
    assert sound(page)


def test_a_try_stands_beside_what_came_out(app_session: Session, as_: SignIn, counted: Counted) -> None:
    run = queries.standing_run(app_session, counted.round.id)
    assert run is not None
    tried = try_rule(queries.inputs(app_session, run), SharingRule.PHRAGMEN, {"stop_at_misfit": True}, run.pot_minor)
    page = as_(counted.steward).get(here(counted.round, rule="phragmen", stop_at_misfit="yes")).get_data(as_text=True)
    told = words_of(page)
    assert "Nothing here decides anything" in told
    facts = queries.facts(run)
    assert facts is not None
    real, titles = [step.bid_id for step in facts.steps], {bid.id: bid.title for bid in counted.proposals}
    parts = told.split("Only in the real result (")[1].split("Only in this try (")
    lists = [parts[0], *parts[1].split("Both ways (")]
    lists[2] = lists[2].split("How this try")[0]
    for text, ids in zip(
        lists,
        (set(real) - set(tried.winners), set(tried.winners) - set(real), set(real) & set(tried.winners)),
        strict=True,
    ):
        assert ids
        assert text.startswith(f"{len(ids)})")
        assert {title for title in titles.values() if title in text} == {titles[id] for id in ids}
    for one in (tried.with_one, facts.with_one):
        assert f"({one} of 64)" in told
    assert "When the next project asks for more than is left in the pot, the sharing ends." in told
    assert f"grants tally results-{counted.round.id}.pb --rule phragmen --misfit stop --min-votes 1" in told
    assert sound(page)


def test_the_address_holds_all_of_a_try(as_: SignIn, counted: Counted) -> None:
    asked = {"rule": "equal_shares", "pot_minor": "3,000", "minimum_votes": 2, "utility": "cardinality"}
    page = (
        as_(counted.steward).get(here(counted.round, **asked, completion="none", start="exact")).get_data(as_text=True)
    )
    for chosen in ("equal_shares", "cardinality", "none", "exact", "yes"):
        assert f'value="{chosen}" checked' in page
    assert 'value="3,000"' in page
    told = words_of(page)
    assert "of £3,000." in told
    assert "A project needs at least 2 votes." in told
    assert "grants tally" not in told  # the file holds the pot of the round


WRONG = [
    ({"rule": "dice"}, "rule", "Choose one from the list"),
    ({"pot_minor": "much"}, "pot_minor", "Enter an amount in pounds"),
    ({"pot_minor": "0"}, "pot_minor", "The amount must be £0.01 or more"),
    ({"minimum_votes": ""}, "minimum_votes", "Enter the votes that a proposal needs at least"),
    ({"minimum_votes": "-1"}, "minimum_votes", "Enter a whole number from 0"),
    ({"stop_at_misfit": "perhaps"}, "stop_at_misfit", "Choose one from the list"),
    ({"rule": "equal_shares", "utility": "joy"}, "utility", "Choose one from the list"),
    ({"rule": "equal_shares", "completion": "x"}, "completion", "Choose one from the list"),
    ({"rule": "equal_shares", "start": "x"}, "start", "Choose one from the list"),
    ({"rule": "equal_shares", "step_minor": "0"}, "step_minor", "The amount must be £0.01 or more"),
    ({"rule": "equal_shares", "exhaustive_stop": "x"}, "exhaustive_stop", "Choose one from the list"),
]


def test_every_field_says_what_is_wrong_with_it(as_: SignIn, counted: Counted) -> None:
    visitor = as_(counted.steward)
    for asked, name, words in WRONG:
        answer = visitor.get(here(counted.round, **asked))
        page = answer.get_data(as_text=True)
        assert answer.status_code == 422, asked
        assert f'id="{name}-error"' in page, asked
        assert words in page, asked
        assert "What would have come out" not in page
        assert sound(page)


def test_what_the_rule_does_not_know_is_passed_over(as_: SignIn, counted: Counted) -> None:
    visitor = as_(counted.steward)
    assert visitor.get(here(counted.round, rule="most_votes", step_minor="", utility="joy")).status_code == 200
    assert visitor.get(here(counted.round, rule="equal_shares", stop_at_misfit="x")).status_code == 200


def test_what_takes_too_long_is_refused_in_words(
    as_: SignIn, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = as_(counted.steward)
    monkeypatch.setattr(sandbox, "MOST_CHOICES", 3)
    answer = visitor.get(here(counted.round, rule="phragmen"))
    assert answer.status_code == 422
    assert "There are too many ballots to share them out again while you wait." in answer.get_data(as_text=True)
    assert visitor.get(here(counted.round)).status_code == 200


def test_where_few_voted_the_pot_stays_and_no_share_of_voters_is_told(app_session: Session, as_: SignIn) -> None:
    few = a_counted_round(app_session)
    announced(app_session, few)
    told = words_of(as_(few.steward).get(here(few.round, rule="phragmen", pot_minor="900")).get_data(as_text=True))
    assert "Fewer than 50 people voted." in told
    assert told.count("of those who voted have at least one project") == 1
    assert "of £900" not in told
    assert "By this try" in told
    assert "grants tally" not in told


def test_it_asks_no_more_when_there_is_more_and_writes_nothing(app: Flask, app_session: Session, as_: SignIn) -> None:
    def asked(size: int) -> list[int]:
        counted = a_counted_round(app_session, (10_000,) * size, [tuple(range(1, size + 1))] * 50)
        announced(app_session, counted)
        visitor, counts = as_(counted.steward), []
        for path in (here(counted.round), here(counted.round, rule="equal_shares"), "/rounds/new"):
            with statements(app) as heard:
                assert visitor.get(path).status_code == 200
            assert not writes(heard)
            counts.append(len(heard))
        return counts

    few, many = asked(2), asked(8)
    assert few == many
    assert max(many) <= 12
