"""The desk, the decision, the announcement and the public results; and that nothing leaks before."""

from __future__ import annotations

import json
import re
import shlex
from html import unescape
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from pabulib.checker import Checker
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.allocation import queries
from grants.allocation.cli.tally import tally_file
from grants.allocation.models import AllocationRun, Correction, Decision
from grants.allocation.rules.ballots import Bid
from grants.allocation.rules.states import DecisionState, Departure, Verdict
from grants.allocation.service import announcing, deciding, runs
from grants.kernel.actors import Role
from grants.kernel.words import plural
from grants.people.models import Person
from grants.proposals.models import Proposal
from grants.proposals.rules.states import ProposalState
from grants.review.rules import ReviewState
from grants.rounds import queries as rounds
from grants.rounds.models import Round
from grants.rounds.rules.ballots import BallotKind
from grants.rounds.rules.sharing import SharingRule
from grants.rounds.rules.states import RoundState
from grants.voting import queries as voting
from grants.voting.models import RollMark
from grants.voting.rules.states import Channel
from grants.web.filters import money
from grants.web.outside import geography
from tests.builders.allocation import Counted, a_counted_round
from tests.builders.funds import a_contribution, a_fund
from tests.builders.people import a_person, actor_of
from tests.builders.proposals import a_proposal
from tests.builders.review import a_finding, a_review
from tests.builders.rounds import a_round
from tests.conftest import SignIn
from tests.support.clock import START
from tests.support.crawl import faults
from tests.support.recount import recount
from tests.support.statements import statements
from tests.support.work import work

MANY = tuple((1, 2, 3) if n % 3 else (1, 4) for n in range(60))
"""Enough ballots to be published."""


def sound(page: str) -> bool:
    """Whether the page is sound HTML; forms have no token in these tests."""
    return [fault for fault in faults(page) if "without its token" not in fault] == []


def words_of(page: str) -> str:
    """What a page says, without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def worked_out(session: Session, counted: Counted) -> AllocationRun:
    run = runs.run(work(session, actor_of(session, counted.steward)), counted.round.id)
    session.flush()
    return run


def decided(session: Session, counted: Counted, *departures: Departure) -> None:
    worked_out(session, counted)
    chair = actor_of(session, counted.panel[0])
    deciding.decide(work(session, chair), counted.round.id, departures, [one.id for one in counted.panel])
    session.flush()


def announced(session: Session, counted: Counted, *departures: Departure) -> None:
    decided(session, counted, *departures)
    announcing.announce(work(session, actor_of(session, counted.steward)), counted.round.id)
    session.commit()


# ---------------------------------------------------------------------------------------------------- nothing leaks


PUBLIC_PATHS = tuple(f"/rounds/{{round}}/results{end}" for end in ("", ".json", ".csv", ".pb"))


@pytest.mark.parametrize("stage", [RoundState.VOTING, RoundState.PANEL, RoundState.DECIDED])
def test_before_the_announcement_there_is_no_results_page(
    app_session: Session, app: Flask, client: FlaskClient, stage: RoundState
) -> None:
    counted = a_counted_round(app_session)
    if stage is RoundState.DECIDED:
        decided(app_session, counted)
    elif stage is RoundState.PANEL:
        worked_out(app_session, counted)
    else:
        counted.round.state = stage
    app_session.commit()
    for path in (*PUBLIC_PATHS, f"/rounds/{{round}}/results/{counted.proposals[0].id}"):
        answer = client.get(path.format(round=counted.round.id))
        assert answer.status_code == 404
        assert "ETag" not in answer.headers


@pytest.mark.parametrize(
    "role", [None, *(role for role in Role if role not in (Role.STEWARD, Role.AUDITOR, Role.ADMIN))]
)
def test_nobody_but_those_at_the_desk_sees_anything_before(
    app_session: Session, client: FlaskClient, as_: SignIn, role: Role | None
) -> None:
    counted = a_counted_round(app_session)
    departure = Departure(counted.proposals[2].id, Verdict.NOT_FUNDED, "Secret thoughts.")
    decided(app_session, counted, departure)
    app_session.commit()
    visitor = as_(role) if role else client
    for path in (*PUBLIC_PATHS, f"/rounds/{{round}}/results/{counted.proposals[2].id}"):
        assert visitor.get(path.format(round=counted.round.id)).status_code == 404
    assert visitor.get(f"/rounds/{counted.round.id}/allocation").status_code in (401, 403)
    bid = counted.proposals[2].id
    for path in (
        f"/rounds/{counted.round.id}",
        f"/proposals/{bid}",
        f"/rounds/{counted.round.id}/proposals",
        "/rounds",
    ):
        page = visitor.get(path).get_data(as_text=True)
        assert "Secret thoughts." not in page
        assert "Not funded" not in page
        assert "votes)" not in page


def test_the_group_itself_learns_nothing_early(app_session: Session, as_: SignIn) -> None:
    counted = a_counted_round(app_session)
    decided(app_session, counted)
    member = app_session.get_one(Person, counted.proposals[0].writer_id)
    visitor = as_(member)
    assert visitor.get(f"/rounds/{counted.round.id}/results").status_code == 404
    assert "What was decided" not in visitor.get(f"/proposals/{counted.proposals[0].id}").get_data(as_text=True)
    assert "Funded" not in visitor.get("/home").get_data(as_text=True)


def test_the_desk_may_look_at_the_results_page_but_not_download_it(app_session: Session, as_: SignIn) -> None:
    counted = a_counted_round(app_session)
    decided(app_session, counted)
    app_session.commit()
    visitor = as_(counted.steward)
    page = visitor.get(f"/rounds/{counted.round.id}/results").get_data(as_text=True)
    assert "This is not public yet" in page
    assert visitor.get(f"/rounds/{counted.round.id}/results.json").status_code == 404


# ------------------------------------------------------------------------------------------------------------ the desk


def test_a_steward_works_it_out_the_chair_decides(app_session: Session, as_: SignIn) -> None:
    counted = a_counted_round(app_session)
    steward, chair = as_(counted.steward), as_(counted.panel[0])
    here = f"/rounds/{counted.round.id}/allocation"
    assert "Work it out" in steward.get(here).get_data(as_text=True)
    page = steward.post(f"{here}/run", follow_redirects=True).get_data(as_text=True)
    assert "would be funded" in page
    assert "Passed over: it asks for more than was left" in page
    assert sound(page)
    assert "Decide with your panel" in chair.get(here).get_data(as_text=True)
    assert sound(chair.get(f"{here}/decide").get_data(as_text=True))
    third = counted.proposals[2].id
    form = {deciding.verdict_field(bid.id): "awarded" for bid in counted.proposals[:3]}
    form |= {deciding.verdict_field(counted.proposals[3].id): "reserve", deciding.verdict_field(third): "not_funded"}
    took_part = [str(one.id) for one in counted.panel[1:]]
    answer = chair.post(f"{here}/decide", data={**form, "took_part": took_part})
    assert answer.status_code == 422
    assert "Say why the panel decides otherwise about “Bid 3”" in answer.get_data(as_text=True)
    form[deciding.reason_field(third)] = "The hall burned down."
    answer = chair.post(f"{here}/decide", data={**form, "took_part": took_part})
    assert answer.location == here
    app_session.rollback()
    assert app_session.get_one(Round, counted.round.id).state is RoundState.DECIDED
    page = steward.get(f"{here}/announce").get_data(as_text=True)
    assert "The hall burned down." in page
    assert f'action="/rounds/{counted.round.id}/offers"' in page


def test_the_decision_page_is_the_chair_s_alone(app_session: Session, as_: SignIn) -> None:
    counted = a_counted_round(app_session)
    worked_out(app_session, counted)
    here = f"/rounds/{counted.round.id}/allocation/decide"
    other, officer = as_(counted.panel[1]), as_(counted.steward)
    for visitor in (other, officer):
        assert visitor.get(here).status_code == 403
        assert visitor.post(here, data={}).status_code == 403


def test_too_much_is_refused_on_the_page_with_the_shortfall(app_session: Session, as_: SignIn) -> None:
    counted = a_counted_round(app_session)
    worked_out(app_session, counted)
    form: dict[str, object] = {deciding.verdict_field(bid.id): "awarded" for bid in counted.proposals}
    form |= {deciding.reason_field(counted.proposals[3].id): "We like it."}
    form["took_part"] = [str(one.id) for one in counted.panel[1:]]
    answer = as_(counted.panel[0]).post(f"/rounds/{counted.round.id}/allocation/decide", data=form)
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    assert "£700 too much" in page
    assert "We like it." in page


def test_a_chair_with_an_interest_leaves_that_bid_alone(app_session: Session, as_: SignIn) -> None:
    counted = a_counted_round(app_session)
    worked_out(app_session, counted)
    a_review(app_session, counted.proposals[1], counted.panel[0], ReviewState.RECUSED)
    visitor, here = as_(counted.panel[0]), f"/rounds/{counted.round.id}/allocation/decide"
    page = visitor.get(here).get_data(as_text=True)
    assert "you have an interest in it" in page
    assert counted.proposals[1].title not in page
    assert counted.proposals[1].title not in visitor.get(f"/rounds/{counted.round.id}/allocation").get_data(
        as_text=True
    )
    assert deciding.verdict_field(counted.proposals[1].id) not in page
    verdicts = ("awarded", "awarded", "awarded", "reserve")
    form: dict[str, object] = {
        deciding.verdict_field(bid.id): verdict for bid, verdict in zip(counted.proposals, verdicts, strict=True)
    }
    form[deciding.verdict_field(counted.proposals[1].id)] = "not_funded"  # typed by hand: passed over
    form["took_part"] = [str(one.id) for one in counted.panel[1:]]
    assert visitor.post(here, data=form).status_code == 302
    app_session.rollback()
    standing = queries.decision_for(app_session, counted.proposals[1].id)
    assert standing is not None
    assert standing.verdict is Verdict.AWARDED


def test_there_is_no_desk_before_the_count(app_session: Session, as_: SignIn) -> None:
    counted = a_counted_round(app_session)
    counted.round.state, counted.round.votes_counted_at = RoundState.VOTING, None
    visitor = as_(counted.steward)
    assert visitor.get(f"/rounds/{counted.round.id}/allocation").status_code == 404
    assert visitor.post(f"/rounds/{counted.round.id}/allocation/run").status_code == 422


def test_a_panellist_of_another_round_has_no_desk_here(app_session: Session, as_: SignIn) -> None:
    counted, other = a_counted_round(app_session), a_counted_round(app_session)
    assert as_(other.panel[0]).get(f"/rounds/{counted.round.id}/allocation").status_code == 403


# --------------------------------------------------------------------------------------------------- before the vote


RULE_WORDS = {
    "most_votes": "It asks for more than is left",
    "equal_shares": "With <strong>£220</strong> in each purse",
    "phragmen": "When each neighbour has earned <strong>£80</strong>",
}


@pytest.mark.parametrize("rule", RULE_WORDS)
def test_before_the_vote_everybody_can_read_how_votes_become_money(
    app_session: Session, app: Flask, client: FlaskClient, rule: str
) -> None:
    round = a_round(app_session, RoundState.VOTING, rule=SharingRule(rule), minimum_votes=7)
    app_session.commit()
    with statements(app) as heard:
        page = client.get(f"/rounds/{round.id}/how").get_data(as_text=True)
    assert len(heard) <= 12
    assert RULE_WORDS[rule] in page
    assert "A project needs at least 7 votes." in page
    assert f'href="/rounds/{round.id}/vote"' in page
    assert sound(page)
    for path in (f"/rounds/{round.id}", f"/rounds/{round.id}/rule-book", f"/rounds/{round.id}/vote"):
        assert f'href="/rounds/{round.id}/how"' in client.get(path).get_data(as_text=True)


def test_a_round_that_is_not_published_explains_nothing(app_session: Session, client: FlaskClient) -> None:
    round = a_round(app_session, RoundState.DRAFT)
    app_session.commit()
    assert client.get(f"/rounds/{round.id}/how").status_code == 404


# -------------------------------------------------------------------------------------------------------- the results


def test_the_results_explain_themselves(app_session: Session, client: FlaskClient) -> None:
    counted = a_counted_round(app_session, ballots=MANY)
    off = a_proposal(app_session, counted.round, ProposalState.NOT_FUNDED, title="A goose", number=None)
    a_finding(app_session, off, passed=False)
    gone = a_proposal(app_session, counted.round, ProposalState.WITHDRAWN, title="A swan", number=9)
    departure = Departure(counted.proposals[2].id, Verdict.NOT_FUNDED, "The hall burned down.")
    announced(app_session, counted, departure)
    page = client.get(f"/rounds/{counted.round.id}/results").get_data(as_text=True)
    run = queries.standing_run(app_session, counted.round.id)
    assert run is not None
    for words in (
        "60 neighbours voted",
        "2 projects",
        "The hall burned down.",
        "By the votes: to be funded.",
        "The panel did not pass this bid",
        gone.title,
        run.checksum,
        f"grants allocation replay results-{counted.round.id}.json",
        "3 panellists took part",
    ):
        assert words in page
    assert sound(page)
    assert not any(person.name in page for person in counted.panel)


def test_the_turnout_shows_no_small_number_alone(app: Flask, app_session: Session, client: FlaskClient) -> None:
    counted = a_counted_round(app_session, ballots=MANY)
    with app.app_context():
        big, middle, small = sorted(geography().wards(), key=lambda ward: ward.name)[:3]
    marks = app_session.scalars(select(RollMark).where(RollMark.round_id == counted.round.id)).all()
    for place, mark in enumerate(marks):
        mark.ward_code = small.code if place < 4 else middle.code if place < 18 else big.code
        mark.channel = Channel.PAPER if place < 15 else Channel.ONLINE
    announced(app_session, counted)
    told = words_of(client.get(f"/rounds/{counted.round.id}/results").get_data(as_text=True))
    assert f"{big.name} People 42" in told
    assert f"{', '.join(sorted((middle.name, small.name)))}: together People 18" in told
    assert "On paper People 15" in told
    assert "Together People 60" in told
    assert "People 4 " not in told


def test_the_turnout_adds_up_where_a_paper_did_not_come_back(app_session: Session, client: FlaskClient) -> None:
    counted = a_counted_round(app_session, ballots=MANY)
    took_it_home = {"voter_key": "c" * 64, "channel": Channel.PAPER, "voted_on": START.date()}
    app_session.add(RollMark(round_id=counted.round.id, **took_it_home))
    announced(app_session, counted)
    told = words_of(client.get(f"/rounds/{counted.round.id}/results").get_data(as_text=True))
    assert told.count("Together People 61") == 2
    assert "Of these 61 people, 60 cast a ballot that counts. The other was given a paper" in told


def test_with_few_ballots_only_totals_are_told(app_session: Session, client: FlaskClient) -> None:
    counted = a_counted_round(app_session)
    announced(app_session, counted)
    page = client.get(f"/rounds/{counted.round.id}/results").get_data(as_text=True)
    assert "so only totals are published" in page
    assert "By way of voting" not in page
    assert "it is not told how many of them have a project that they chose" in page
    assert "of those who voted have at least one" not in page


def test_where_nobody_voted_the_pages_say_so(app_session: Session, client: FlaskClient) -> None:
    counted = a_counted_round(app_session, ballots=(), rule=SharingRule.EQUAL_SHARES)
    announced(app_session, counted)
    page = f"/rounds/{counted.round.id}/results"
    told = words_of(client.get(page).text)
    assert "Nobody voted. No project could be funded this time." in told
    assert "purse" not in told
    why = words_of(client.get(f"{page}/{counted.proposals[0].id}").text)
    assert "How many chose it Nobody voted ." in why.replace("voted.", "voted .")
    assert "0 people" not in why
    assert "purse" not in why


def test_whoever_is_level_with_another_is_told_what_decides(app_session: Session, client: FlaskClient) -> None:
    counted = a_counted_round(app_session, (200_000, 200_000, 150_000), [(1, 2)] * 30 + [(3,)] * 30)
    announced(app_session, counted)
    page = f"/rounds/{counted.round.id}/results"
    told = words_of(client.get(f"{page}/{counted.proposals[1].id}").text)
    assert "“ Bid 3 ” and “ Bid 1 ” got just as many. The cheaper proposal goes first. If they cost the same" in told
    alone = a_counted_round(app_session, ballots=MANY, rule=SharingRule.EQUAL_SHARES)
    announced(app_session, alone)  # votes make no order there
    assert "just as many" not in client.get(f"/rounds/{alone.round.id}/results/{alone.proposals[1].id}").text


MIXED = tuple(((1, 2), (1, 2, 5), (3, 4), (3,), (4, 5), (1,), ())[n % 7] for n in range(60))
"""Votes that the rules take differently."""
ASKED = (180_000, 170_000, 160_000, 110_000, 95_000)


@pytest.mark.parametrize("rule", SharingRule)
def test_each_project_has_a_page_that_is_true_to_the_penny(
    app_session: Session, client: FlaskClient, rule: SharingRule
) -> None:
    counted = a_counted_round(app_session, ASKED, MIXED, rule=rule)
    announced(app_session, counted)
    bids = [Bid(bid.id, cost, lot) for lot, (bid, cost) in enumerate(zip(counted.proposals, ASKED, strict=True), 1)]
    options = rounds.rule_book(counted.round).rule_options
    box = [frozenset(number - 1 for number in ballot) for ballot in MIXED]
    facts = recount(bids, box, counted.round.pot_minor, rule, options)
    assert 0 < len(facts.steps) < len(bids)
    for bid in facts.bids:
        page = client.get(f"/rounds/{counted.round.id}/results/{bid.bid_id}").get_data(as_text=True)
        told = words_of(page)
        assert f"{bid.supporters} people of 60 who voted" in told
        if facts.share_minor is not None:
            assert f"a purse of {money(facts.share_minor)} , in the count that decided" in told
        for other, amount in bid.spent:
            title = counted.proposals[[one.id for one in bids].index(other)].title
            assert f"{title}{' (this one)' if other == bid.bid_id else ''} {money(amount)}" in told
        if bid.kept_minor is not None:
            assert f"{money(bid.kept_minor)}" in told
        if bid.bid_id in {step.bid_id for step in facts.steps}:
            assert f"{money(bid.left_before_minor)} was in the pot" in told
            assert "What would have been enough" not in told
        else:
            assert f"For {money(bid.enough_cost_minor)} it would have been funded. For £0.01 more" in told
            assert f"With {plural(bid.enough_supporters or 0, 'more person', 'more people')} who choose" in told
        assert sound(page)
    page = words_of(client.get(f"/rounds/{counted.round.id}/results").get_data(as_text=True))
    assert f"({facts.with_one} of 60)" in page
    if rule is not SharingRule.MOST_VOTES:
        assert f"({facts.with_one_by_votes} of 60)" in page
        assert "If only the most votes counted" in page


@pytest.mark.parametrize("rule", SharingRule)
def test_the_printed_command_repeats_the_result_from_the_downloaded_file(
    app_session: Session, client: FlaskClient, rule: SharingRule, tmp_path: Path
) -> None:
    counted = a_counted_round(app_session, ASKED, MIXED, rule=rule)
    announced(app_session, counted)
    page = words_of(client.get(f"/rounds/{counted.round.id}/results").get_data(as_text=True))
    file = tmp_path / f"results-{counted.round.id}.pb"
    file.write_bytes(client.get(f"/rounds/{counted.round.id}/results.pb").data)
    found = re.search(
        r"and run: grants tally (\S+) (.+?) The same projects win, and this checksum comes out: (\w{64})", page
    )
    assert found is not None
    assert found[1] == file.name
    done = CliRunner().invoke(tally_file, [str(file), *shlex.split(found[2]), "--json"])
    result = json.loads(done.stdout)
    won = {bid.number for bid in counted.proposals if bid.state is ProposalState.AWARDED}
    assert {int(id) for id in result["winners"]} == won
    assert result["checksum"] == found[3]
    assert Checker().process_files([str(file)])["metadata"]["valid"] == 1


def test_where_the_funders_conditions_had_a_say_no_command_is_promised(
    app_session: Session, client: FlaskClient
) -> None:
    fund = a_fund(app_session)
    a_contribution(app_session, fund, 300_000)
    a_contribution(app_session, fund, 300_000, imd_deciles=[9])
    counted = a_counted_round(app_session, ballots=MANY, fund=fund)
    announced(app_session, counted)
    page = client.get(f"/rounds/{counted.round.id}/results").get_data(as_text=True)
    assert "Passed over: the funders’ conditions do not allow it" in page
    assert "had a say in this result" in page
    assert "grants tally" not in page
    assert f"grants allocation replay results-{counted.round.id}.json" in page


@pytest.mark.parametrize("rule", SharingRule)
def test_where_people_give_points_the_results_tell_of_points(
    app_session: Session, client: FlaskClient, rule: SharingRule, tmp_path: Path
) -> None:
    points = [((1, 7), (2, 3)), ((3, 5), (4, 5)), ((2, 10),)] * 20
    fields = {"ballot_kind": BallotKind.POINTS, "ballot_minimum": 1, "ballot_maximum": 10, "rule": rule}
    counted = a_counted_round(app_session, ballots=points, **fields)
    announced(app_session, counted)
    page = client.get(f"/rounds/{counted.round.id}/results").get_data(as_text=True)
    told = words_of(page)
    assert "260 points" in told
    assert "260 votes" not in told
    assert "Points" in told
    assert sound(page)
    bid = client.get(f"/rounds/{counted.round.id}/results/{counted.proposals[1].id}").get_data(as_text=True)
    assert "40 people of 60 who voted (67%), with 260 points between them." in words_of(bid).replace(" ,", ",")
    assert "(260 points)" in words_of(client.get(f"/rounds/{counted.round.id}").get_data(as_text=True))
    file = tmp_path / "points.pb"
    file.write_bytes(client.get(f"/rounds/{counted.round.id}/results.pb").data)
    found = re.search(r"and run: grants tally \S+ (.+?) The same projects win, .+? (\w{64})", told)
    assert found is not None
    done = CliRunner().invoke(tally_file, [str(file), *shlex.split(found[1]), "--json"])
    assert json.loads(done.stdout)["checksum"] == found[2]


def test_few_ballots_are_no_file_for_other_tools(app_session: Session, client: FlaskClient) -> None:
    counted = a_counted_round(app_session, rule=SharingRule.EQUAL_SHARES)
    announced(app_session, counted)
    assert client.get(f"/rounds/{counted.round.id}/results.pb").status_code == 404
    page = client.get(f"/rounds/{counted.round.id}/results/{counted.proposals[3].id}").get_data(as_text=True)
    assert "so this is not told: somebody’s choices might be guessed from it." in page


def test_a_long_list_of_results_leaves_the_reasons_to_their_own_pages(
    app_session: Session, client: FlaskClient
) -> None:
    counted = a_counted_round(app_session, (15_000,) * 31, ((1, 2, 3), (4, 5)))
    departure = Departure(counted.proposals[1].id, Verdict.NOT_FUNDED, "The hall burned down.")
    announced(app_session, counted, departure)
    page = client.get(f"/rounds/{counted.round.id}/results").get_data(as_text=True)
    assert page.count("<article") == 1
    assert "The hall burned down." in page
    assert page.count(">Why?<") == 31
    assert sound(page)


def test_a_round_and_a_bid_tell_their_result(app_session: Session, client: FlaskClient) -> None:
    counted = a_counted_round(app_session)
    announced(app_session, counted)
    assert "3 of 4 projects on the ballot" in client.get(f"/rounds/{counted.round.id}").get_data(as_text=True)
    page = client.get(f"/proposals/{counted.proposals[3].id}").get_data(as_text=True)
    assert "What was decided, and why" in page
    assert "With 1 more vote" in page
    assert sound(page)


def test_the_table_is_safe_in_a_spreadsheet(app_session: Session, client: FlaskClient) -> None:
    counted = a_counted_round(app_session)
    counted.proposals[0].title = "=HYPERLINK(1)"
    announced(app_session, counted)
    text = client.get(f"/rounds/{counted.round.id}/results.csv").get_data(as_text=True)
    assert "'=HYPERLINK(1)" in text
    assert ",=HYPERLINK" not in text
    assert ",2000.00," in text


def test_few_ballots_are_not_published_nor_what_they_could_be_guessed_from(
    app_session: Session, as_: SignIn, client: FlaskClient
) -> None:
    counted = a_counted_round(app_session)
    announced(app_session, counted)
    (checksum,) = app_session.scalars(select(AllocationRun.checksum))
    page = f"/rounds/{counted.round.id}/results"
    assert checksum in as_(counted.steward).get(page).get_data(as_text=True)
    for path in (page, f"{page}.json", f"/rounds/{counted.round.id}/ballots"):
        text = client.get(path).get_data(as_text=True)
        assert checksum not in text
        assert hash_of(app_session, counted) not in text
    facts = client.get(f"/rounds/{counted.round.id}/results.json").get_json()
    assert facts["inputs"]["ballots"] is None
    assert not any(bid["also_chose"] or bid["spent"] for bid in facts["told"]["bids"])
    assert facts["inputs"]["votes"][str(counted.proposals[0].id)] == 5


@pytest.mark.parametrize("rule", [SharingRule.EQUAL_SHARES, SharingRule.PHRAGMEN])
def test_few_ballots_tell_nowhere_what_the_supporters_of_one_project_had_left(
    app_session: Session, client: FlaskClient, rule: SharingRule
) -> None:
    counted = a_counted_round(app_session, ASKED, MIXED[:20], rule=rule)
    announced(app_session, counted)
    run = app_session.scalars(select(AllocationRun)).one()
    facts = queries.facts(run)
    assert facts is not None
    lost = [bid for bid in facts.bids if bid.enough_cost_minor and bid.kept_minor is not None]
    totals = {*ASKED, counted.round.pot_minor, *(bid.left_before_minor for bid in facts.bids)}
    secret = {amount for bid in lost for amount in (bid.kept_minor, bid.enough_cost_minor) if amount} - totals
    secret |= {step.price_minor for step in facts.steps if step.price_minor} - totals
    assert secret  # or it tells nothing
    page = f"/rounds/{counted.round.id}/results"
    told = [words_of(client.get(page).text), client.get(f"{page}.csv").text, client.get(f"{page}.json").text]
    told += [words_of(client.get(f"{page}/{bid.bid_id}").text) for bid in facts.bids]
    told += [json.dumps(one.letter) for one in queries.decisions(app_session, counted.round.id)]
    for amount in secret:
        assert not [text for text in told if money(amount) in text or f":{amount}," in text], amount
    assert f"{lost[0].supporters} people of 20 who voted" in " ".join(told)
    assert told[1].count("is not told: few people voted") == len(lost)


def hash_of(session: Session, counted: Counted) -> str:
    tally = voting.tally(session, counted.round.id)
    assert tally is not None
    return tally.ballots_hash


def test_the_published_file_replays(app_session: Session, client: FlaskClient, app: Flask, tmp_path: Path) -> None:
    counted = a_counted_round(app_session, ballots=MANY)
    announced(app_session, counted)
    file = tmp_path / "results.json"
    file.write_bytes(client.get(f"/rounds/{counted.round.id}/results.json").data)
    runner = app.test_cli_runner()
    done = runner.invoke(args=["allocation", "replay", str(file)])
    assert (done.exit_code, "The same result came out." in done.output) == (0, True)
    facts = json.loads(file.read_text())
    facts["inputs"]["ballots"][0][1] += 1
    file.write_text(json.dumps(facts))
    assert runner.invoke(args=["allocation", "replay", str(file)]).exit_code == 1
    for change in ({"pot_minor": "much"}, {"bids": [{**facts["inputs"]["bids"][0], "id": "one"}]}, {"ballots": [[1]]}):
        file.write_text(json.dumps(facts | {"inputs": facts["inputs"] | change}))
        done = runner.invoke(args=["allocation", "replay", str(file)])
        assert "something in the inputs of this file was changed" in done.output, done.output
    file.write_bytes("{".encode("utf-16"))
    assert "Error: this is not a results file" in runner.invoke(args=["allocation", "replay", str(file)]).output


def test_a_stored_run_replays_and_a_changed_row_is_found(app_session: Session, app: Flask) -> None:
    run = worked_out(app_session, a_counted_round(app_session))
    app_session.commit()
    runner = app.test_cli_runner()
    assert runner.invoke(args=["allocation", "replay", str(run.id)]).exit_code == 0
    run.outcome = run.outcome.replace('"awarded_minor":200000', '"awarded_minor":0')
    app_session.commit()
    assert runner.invoke(args=["allocation", "replay", str(run.id)]).exit_code == 1
    assert runner.invoke(args=["allocation", "replay", "nothing"]).exit_code == 1


def test_the_button_tells_everybody_and_opens_the_results(
    app_session: Session, as_: SignIn, client: FlaskClient
) -> None:
    counted = a_counted_round(app_session)
    decided(app_session, counted)
    officer, panellist = as_(counted.steward), as_(counted.panel[1])
    assert panellist.get(f"/rounds/{counted.round.id}/allocation/announce").status_code == 403
    assert officer.post(f"/rounds/{counted.round.id}/offers").location == f"/rounds/{counted.round.id}/results"
    page = client.get(f"/rounds/{counted.round.id}/results").get_data(as_text=True)
    assert "These projects will be funded" in page
    assert officer.get(f"/rounds/{counted.round.id}/allocation/announce").status_code == 302


# -------------------------------------------------------------------------------------------------------- corrections


def test_a_correction_is_asked_agreed_and_both_stay_visible(
    app_session: Session, as_: SignIn, client: FlaskClient
) -> None:
    counted = a_counted_round(app_session)
    announced(app_session, counted)
    bid = counted.proposals[3]
    decision = queries.decision_for(app_session, bid.id)
    assert decision is not None
    steward, chair = as_(counted.steward), as_(counted.panel[0])
    page = steward.get(f"/decisions/{decision.id}/correct").get_data(as_text=True)
    assert sound(page)
    blank = steward.post(f"/decisions/{decision.id}/correct", data={"verdict": "not_funded"})
    assert blank.status_code == 422
    steward.post(f"/decisions/{decision.id}/correct", data={"verdict": "not_funded", "reason": "It left the area."})
    app_session.rollback()
    asked = queries.open_corrections(app_session, [counted.round.id])[0]
    desk = chair.get(f"/rounds/{counted.round.id}/allocation").get_data(as_text=True)
    assert "It left the area." in desk
    assert "Answer whether a decision is to be corrected" in chair.get("/home").get_data(as_text=True)
    assert steward.post(f"/rounds/{counted.round.id}/corrections/{asked.id}", data={"agreed": "yes"}).status_code == 403
    chair.post(f"/rounds/{counted.round.id}/corrections/{asked.id}", data={"agreed": "yes"})
    page = client.get(f"/rounds/{counted.round.id}/results").get_data(as_text=True)
    assert "This was corrected." in page
    assert "It left the area." in page
    assert "£300 was left" in page  # what it said before
    app_session.rollback()
    assert app_session.get_one(Decision, decision.id).state is DecisionState.SUPERSEDED
    assert app_session.get_one(Proposal, bid.id).state is ProposalState.NOT_FUNDED
    assert app_session.get_one(Correction, asked.id).agreed is True


# ------------------------------------------------------------------------------------------------------- what needs you


def test_each_is_told_when_it_is_their_turn(app_session: Session, as_: SignIn) -> None:
    counted = a_counted_round(app_session)
    steward, chair = as_(counted.steward), as_(counted.panel[0])

    def home(visitor: FlaskClient) -> str:
        return str(visitor.get("/home").get_data(as_text=True))

    assert "Work out the results" in home(steward)
    assert "with your panel" not in home(chair)
    worked_out(app_session, counted)
    app_session.commit()
    assert "Work out the results" not in home(steward)
    assert "with your panel" in home(chair)
    chair_actor = actor_of(app_session, counted.panel[0])
    deciding.decide(work(app_session, chair_actor), counted.round.id, (), [one.id for one in counted.panel])
    app_session.commit()
    assert "with your panel" not in home(chair)
    assert "Announce the results" in home(steward)


# -------------------------------------------------------------------------------------------------------------- budget


def test_the_results_ask_no_more_when_there_is_more(app: Flask, app_session: Session, client: FlaskClient) -> None:
    def asked(size: int) -> list[int]:
        ballots = [tuple(range(1, size + 1))] * 50
        counted = a_counted_round(app_session, (10_000,) * size, ballots)
        announced(app_session, counted)
        counts = []
        paths = [path.format(round=counted.round.id) for path in PUBLIC_PATHS]
        bid = counted.proposals[0].id
        for path in (*paths, f"/rounds/{counted.round.id}", f"/rounds/{counted.round.id}/results/{bid}"):
            with statements(app) as heard:
                assert client.get(path).status_code == 200
            counts.append(len(heard))
        return counts

    a_person(app_session)
    few, many = asked(2), asked(8)
    assert few == many
    assert max(many) <= 12
