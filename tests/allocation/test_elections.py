"""A round's election as a file that others accept and count alike, and elections elsewhere as rounds here."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pabulib.checker import Checker
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.allocation import queries
from grants.allocation.rules.asked import Asked
from grants.allocation.rules.elsewhere import read_elsewhere
from grants.allocation.rules.open_file import BLANK
from grants.allocation.rules.outside import About, round_pb
from grants.allocation.rules.pabulib import read_pb
from grants.allocation.rules.replay import replay, replay_as_kept
from grants.allocation.rules.states import Verdict
from grants.allocation.rules.tally import tally
from grants.allocation.service import elections, runs
from grants.home import queries as home
from grants.kernel.actors import CLOCK, Role
from grants.kernel.errors import NotAllowed, RuleBroken
from grants.kernel.money import told_in_before
from grants.kernel.trail import AuditEvent
from grants.people.models import Person
from grants.proposals.rules.states import ProposalState
from grants.rounds import queries as rounds
from grants.rounds.models import Round
from grants.rounds.rules.ballots import BallotKind
from grants.rounds.rules.sharing import SharingRule
from grants.rounds.rules.states import RoundState
from grants.voting import queries as voting
from tests.builders.allocation import a_counted_round
from tests.builders.people import actor_of
from tests.conftest import SignIn
from tests.support.clock import START
from tests.support.work import work

KINDS: list[tuple[dict[str, Any], Any]] = [
    ({}, [[1, 2, 3], [2], [1, 4], []]),
    ({"ballot_kind": BallotKind.CHOOSE_ONE, "ballot_minimum": 1, "ballot_maximum": 1}, [[1], [2], [2], [4]]),
    (
        {"ballot_kind": BallotKind.POINTS, "ballot_minimum": 1, "ballot_maximum": 10},
        [[(1, 7), (2, 3)], [(4, 10)], [(2, 1)]],
    ),
    (
        {"ballot_kind": BallotKind.RANKED, "ballot_minimum": 1, "ballot_maximum": 3},
        [[(2, 1), (1, 2), (4, 3)], [(4, 1)], [(1, 2), (3, 1)]],
    ),
]


def shared(session: Session, ballots: Any, **fields: Any) -> Round:
    counted = a_counted_round(session, ballots=ballots, **fields)
    runs.run(work(session, actor_of(session, counted.steward)), counted.round.id)
    session.flush()
    return counted.round


def file_of(session: Session, round: Round) -> str:
    run = queries.standing_run(session, round.id)
    assert run is not None
    about = About(
        {line.proposal_id: line.number for line in voting.ballot_lines(session, round.id)},
        rounds.rule_book(round).ballot,
        round.title,
        "Stockton",
        round.voting_opens_at.date(),
        round.voting_closes_at.date(),
    )
    won = [one.proposal_id for one in queries.decisions(session, round.id) if one.awarded_minor]
    return round_pb(queries.inputs(session, run), about, won)


@pytest.mark.parametrize("rule", list(SharingRule))
@pytest.mark.parametrize(("fields", "ballots"), KINDS)
def test_a_rounds_file_is_accepted_by_pabulib_and_counted_alike(
    session: Session, tmp_path: Path, fields: dict[str, Any], ballots: Any, rule: SharingRule
) -> None:
    round = shared(session, ballots, rule=rule, **fields)
    text = file_of(session, round)
    (tmp_path / "round.pb").write_text(text)
    said = Checker().process_files([str(tmp_path / "round.pb")])
    assert said["metadata"]["valid"] == 1, said
    assert "not sorted" not in str(said), said
    again = tally(read_pb(text.encode()), Asked(rule.value.replace("_", "-")))
    lines = {line.proposal_id: str(line.number) for line in voting.ballot_lines(session, round.id)}
    decisions = queries.decisions(session, round.id)
    awarded = {lines[one.proposal_id] for one in decisions if one.awarded_minor}
    assert {again.file.ids[bid] for bid in again.winners} == awarded
    told = {lines[one.proposal_id]: one.votes for one in decisions}
    assert {id: again.file.election.votes[at] for at, id in enumerate(again.file.ids)} == told


def test_the_files_comment_names_what_no_column_tells(session: Session) -> None:
    counted = a_counted_round(session, ballots=[[1, 2], [2, 3], []], ballot_areas=2, ballot_minimum=0)
    steward = actor_of(session, counted.steward)
    runs.exclude(work(session, steward), counted.round.id, [one.id for one in counted.proposals[:2]], "One meadow.")
    runs.run(work(session, steward), counted.round.id)
    session.flush()
    run = queries.standing_run(session, counted.round.id)
    assert run is not None
    decisions = queries.decisions(session, counted.round.id)
    about = About(
        {line.proposal_id: line.number for line in voting.ballot_lines(session, counted.round.id)},
        rounds.rule_book(counted.round).ballot,
        opened_on=counted.round.voting_opens_at.date(),
        closed_on=counted.round.voting_closes_at.date(),
        passed_over={one.proposal_id: one.reason_code for one in decisions},
    )
    read = read_pb(round_pb(queries.inputs(session, run), about, []).encode())
    told = read.meta["comment"]
    assert "#2: 1 blank ballots are not in this file; they count as voters." in told
    assert "#3: One person's choices were in 2 areas at most." in told
    assert "#4: Only one of 1, 2 could win." in told
    assert "#5: Passed over, since only one of a set could win: 1." in told
    assert (read.election.voters, read_elsewhere(read, START).minimum) == (3, 0)


def test_a_withdrawn_bid_is_left_out_of_the_file(session: Session) -> None:
    counted = a_counted_round(session, ballots=[[1, 2], [2, 3]])
    counted.proposals[1].state = ProposalState.WITHDRAWN
    runs.run(work(session, actor_of(session, counted.steward)), counted.round.id)
    read = read_pb(file_of(session, counted.round).encode())
    assert sorted(read.ids) == ["1", "3", "4"]
    assert sorted(read.election.votes) == [0, 1, 1]


def test_the_command_writes_the_file_and_warns_where_few_voted(
    app: Flask, app_session: Session, tmp_path: Path
) -> None:
    round = shared(app_session, [[1, 2, 3], [2]])
    app_session.commit()
    done = app.test_cli_runner().invoke(args=["round", "export", str(round.id), "--out", str(tmp_path / "it.pb")])
    assert done.exit_code == 0, done.output
    assert "Only 2 people voted" in done.output
    assert read_pb((tmp_path / "it.pb").read_bytes()).election.voters == 2
    nowhere = str(tmp_path / "nowhere" / "it.pb")
    done = app.test_cli_runner().invoke(args=["round", "export", str(round.id), "--out", nowhere])
    assert (done.exit_code, "The file could not be written: No such file" in done.output) == (1, True)


@pytest.mark.parametrize("round_id", ["nonsense", str(UUID(int=5))])
def test_the_command_refuses_a_round_that_is_not_there(app: Flask, app_session: Session, round_id: str) -> None:
    done = app.test_cli_runner().invoke(args=["round", "export", round_id])
    assert done.exit_code == 1
    assert f"There is no round {round_id}" in done.output


def test_the_command_refuses_a_round_that_was_not_shared(app: Flask, app_session: Session) -> None:
    round = a_counted_round(app_session).round
    app_session.commit()
    done = app.test_cli_runner().invoke(args=["round", "export", str(round.id)])
    assert done.exit_code == 1
    assert "was not shared yet" in done.output


# ------------------------------------------------------------------------------------------------ elections elsewhere

ELSEWHERE = """META
key;value
description;A vote by the sea
unit;Elsewhere
instance;2024
budget;1000.50
vote_type;approval
rule;equalshares/add1
currency;EUR
date_begin;01.03.2024
date_end;14.03.2024
PROJECTS
project_id;cost;name;selected
p;600;Pier;1
q;500.50;Quay;0
r;400;Reef;0
VOTES
voter_id;vote
1;p,r
2;p
3;q,r
4;
"""


SAID = "country;Netherlands\nunit;Elsewhere\nsubunit;Harbour\n"
KINDS_ELSEWHERE = [
    ("approval", "", "greedy-no-skip", "most-votes", {"misfit": "stop"}),
    ("choose-1", "", "equalshares", "equal-shares", {"completion": "none"}),
    ("ordinal", "", "phragmen", "phragmen", {}),
    ("cumulative", ";points", "equalshares/add1", "equal-shares", {"completion": "add1"}),
    ("scoring", ";points", "greedy-no-skip", "most-votes", {"misfit": "stop"}),
]


@pytest.mark.parametrize(("kind", "column", "rule", "ours", "options"), KINDS_ELSEWHERE)
def test_what_is_read_in_and_written_out_again_is_the_same_election_of_the_same_place(
    app: Flask, app_session: Session, client: FlaskClient, kind: str, column: str, rule: str, ours: str, options: Any
) -> None:
    text = ELSEWHERE.replace("unit;Elsewhere\n", SAID).replace("approval", kind).replace("equalshares/add1", rule)
    if kind == "choose-1":
        text = text.replace("p,r", "r").replace("q,r", "q")
    if column:
        text = text.replace("voter_id;vote", "voter_id;vote;points").replace("1;p,r", "1;p,r;4,1")
        text = text.replace("2;p\n", "2;p;5\n").replace("3;q,r", "3;q,r;2,3").replace("4;\n", "4;;\n")
    round = imported(app_session, text)
    app_session.commit()
    written = app.test_cli_runner().invoke(args=["round", "export", str(round.id)]).output
    assert client.get(f"/rounds/{round.id}/results.pb").text == written
    read, again = read_pb(text.encode()), read_pb(written.encode())
    asked = Asked(ours, **options)
    assert tally(again, asked).checksum == tally(read, asked).checksum
    assert {name: again.meta.get(name) for name in ("description", "country", "unit", "subunit", "instance")} == {
        "description": "A vote by the sea",
        "country": "Netherlands",
        "unit": "Elsewhere",
        "subunit": "Harbour",
        "instance": "2024",
    }
    assert again.meta["vote_type"] == ("scoring" if kind == "ordinal" else kind)  # places as what they are worth
    assert "language" not in again.meta
    assert read_elsewhere(again, START).book(round.fund_id).sharing == rounds.rule_book(round).sharing


def test_the_command_of_a_round_is_understood_when_its_file_is_read_in(session: Session) -> None:
    options = {"step_minor": 250, "start": "exact", "exhaustive_stop": False, "minimum_votes": 2}
    round = shared(session, [[1, 2], [2, 3], [2]], rule=SharingRule.EQUAL_SHARES, **options)
    found = read_elsewhere(read_pb(file_of(session, round).encode()), START)
    assert found.rule is SharingRule.EQUAL_SHARES
    assert found.options == options | {"utility": "cost", "completion": "add1u"}


def test_an_election_elsewhere_with_few_ballots_is_told_in_full_as_its_file_is_public(
    app_session: Session, client: FlaskClient
) -> None:
    round = imported(app_session)
    app_session.commit()
    assert client.get(f"/rounds/{round.id}/results.json").json["inputs"]["ballots"]  # type: ignore[index]
    assert client.get(f"/rounds/{round.id}/ballots.csv").status_code == 200
    assert "are not published" not in client.get(f"/rounds/{round.id}/results").text


def imported(session: Session, text: str = ELSEWHERE) -> Round:
    round = elections.import_election(work(session, CLOCK), read_elsewhere(read_pb(text.encode()), START), "sea.pb")
    session.flush()
    return round


def test_an_election_elsewhere_becomes_a_finished_round_with_its_ballots_and_facts(any_session: Session) -> None:
    round = imported(any_session)
    assert (round.state, round.title, round.pot_minor) == (RoundState.COMPLETED, "Elsewhere 2024", 1000_50)
    assert (round.imported_from, round.fund.name) == ("sea.pb", "Elections from elsewhere")
    assert (round.currency, rounds.rule_book(round).currency) == ("EUR", "EUR")
    assert sorted(voting.cast_ballots(any_session, round.id)) == [(), ((1, 1),), ((1, 1), (3, 1)), ((2, 1), (3, 1))]
    run = queries.standing_run(any_session, round.id)
    facts = queries.facts(run)
    assert run is not None
    assert facts is not None
    assert (run.rule, facts.voters) == ("equal_shares", 4)
    assert replay_as_kept(queries.inputs(any_session, run), run.checksum).checksum == run.checksum
    verbs = set(any_session.scalars(select(AuditEvent.verb)))
    assert {"round.imported", "proposal.imported", "voting.imported", "round.completed"} <= verbs


def test_where_the_town_decided_otherwise_that_is_what_the_round_shows(session: Session) -> None:
    round = imported(session)
    found = {one.awarded_minor or one.reason_code: one for one in queries.decisions(session, round.id)}
    assert found[600_00].departs is False
    assert found["departs"].verdict is Verdict.NOT_FUNDED
    assert found["departs"].departure_reason == "There it was not funded."


def test_nobody_elsewhere_waits_on_a_reserve_list_of_ours(app_session: Session, client: FlaskClient) -> None:
    file = ELSEWHERE.replace("rule;equalshares/add1", "rule;greedy").replace(";selected", "")
    round = imported(app_session, file.replace("Pier;1", "Pier").replace("Quay;0", "Quay").replace("Reef;0", "Reef"))
    app_session.commit()
    found = {one.verdict for one in queries.decisions(app_session, round.id)}
    assert found == {Verdict.AWARDED, Verdict.NOT_FUNDED}
    page = client.get(f"/rounds/{round.id}/results").text
    assert "4 people voted, and <strong>2 projects</strong> shared" in page
    assert "reserve list" not in page


def test_what_is_told_of_an_election_elsewhere_promises_nothing_of_ours(
    app_session: Session, client: FlaskClient
) -> None:
    round = imported(app_session)
    app_session.commit()
    pages = {page: client.get(f"/rounds/{round.id}{page}").text for page in ("", "/rule-book", "/how", "/vote")}
    assert all("may only be spent" not in text for text in pages.values())
    assert "What it is for" not in pages[""]
    assert "It took place elsewhere." in pages["/vote"]
    assert "your vote is among them" not in pages["/vote"]
    assert f"/rounds/{round.id}/results" in pages["/vote"]
    assert "the lot is the order of the file" in pages["/how"]


def test_everybody_can_read_it(app_session: Session, client: FlaskClient) -> None:
    round = imported(app_session)
    app_session.commit()
    for page in ("", "/results", "/results.json", "/results.csv", "/rule-book"):
        assert client.get(f"/rounds/{round.id}{page}").status_code == 200, page
    bid = queries.decisions(app_session, round.id)[0].proposal_id
    assert client.get(f"/rounds/{round.id}/results/{bid}").status_code == 200


def test_its_money_is_told_in_its_own_currency_on_every_page_and_in_every_file(
    app_session: Session, client: FlaskClient
) -> None:
    round = imported(app_session)
    app_session.commit()
    bids = [one.proposal_id for one in queries.decisions(app_session, round.id)]
    files = ("/results.json", "/results.csv")
    pages = ["", "/results", "/rule-book", "/how", "/vote", "/ballots", *files, *(f"/results/{bid}" for bid in bids)]
    for page in [f"/rounds/{round.id}{page}" for page in pages] + [f"/proposals/{bid}" for bid in bids]:
        text = client.get(page).text
        story = page.endswith("/how")  # its five neighbours are ours
        assert "£" not in text or story, (page, text[max(text.find("£") - 200, 0) : text.find("£") + 40])
    assert "1,000.50 EUR" in client.get(f"/rounds/{round.id}/results").text
    assert "1,000.50 EUR to share" in client.get("/rounds").text
    assert "Asked for (EUR)" in client.get(f"/rounds/{round.id}/results.csv").text
    assert client.get(f"/rounds/{round.id}/results.json").json["inputs"]["currency"] == "EUR"  # type: ignore[index]
    assert read_pb(file_of(app_session, round).encode()).currency == "EUR"


def test_an_election_that_was_imported_when_commas_stood_before_the_currency_is_the_same_when_replayed(
    app_session: Session, client: FlaskClient
) -> None:
    text = ELSEWHERE.replace("rule;equalshares/add1", "rule;greedy").replace("q;500.50", "q;500")
    round = imported(app_session, text)
    run = queries.standing_run(app_session, round.id)
    assert run is not None
    then = replay(queries.inputs(app_session, run), told_in_before)
    assert then.checksum != run.checksum  # or it tells nothing
    words = {one.bid_id: one.reason for one in then.run.outcomes if ", EUR" in one.reason}
    decision = next(one for one in queries.decisions(app_session, round.id) if one.proposal_id in words)
    decision.reason = words[decision.proposal_id]
    run.outcome, run.checksum = then.run.outcome_json(), then.checksum
    app_session.commit()
    assert replay_as_kept(queries.inputs(app_session, run), run.checksum).checksum == run.checksum
    page = client.get(f"/rounds/{round.id}/results/{decision.proposal_id}").text
    assert " EUR, " in page
    assert ", EUR" not in page


def test_an_election_whose_file_names_no_currency_is_told_in_none_unless_somebody_says_it(
    app_session: Session, client: FlaskClient
) -> None:
    file = ELSEWHERE.replace("currency;EUR\n", "")
    assert read_elsewhere(read_pb(file.encode()), START, "PLN").currency == "PLN"
    round = imported(app_session, file)
    app_session.commit()
    bids = [one.proposal_id for one in queries.decisions(app_session, round.id)]
    pages = ["", "/results", "/rule-book", "/results.csv", *(f"/results/{bid}" for bid in bids)]
    for page in [f"/rounds/{round.id}{page}" for page in pages]:
        text = client.get(page).text
        assert "£" not in text, (page, text[max(text.find("£") - 200, 0) : text.find("£") + 40])
        assert "GBP" not in text, page
    assert "Asked for," in client.get(f"/rounds/{round.id}/results.csv").text
    assert "1,000.50 to share" in client.get("/rounds").text
    there = read_pb(file_of(app_session, round).encode())
    assert there.currency == ""
    standing = queries.standing_run(app_session, round.id)
    assert standing is not None
    assert replay_as_kept(queries.inputs(app_session, standing), standing.checksum).checksum == standing.checksum


@pytest.mark.parametrize(
    "asked", ["", "?rule=equal_shares&step_minor=2.50", "?rule=equal_shares&step_minor=x&pot_minor=0"]
)
def test_other_rules_are_tried_on_it_in_its_own_currency(app_session: Session, as_: SignIn, asked: str) -> None:
    round = imported(app_session)
    app_session.commit()
    page = as_(Role.ADMIN).get(f"/rounds/{round.id}/sandbox{asked}").text
    assert "£" not in page
    assert "pounds" not in page
    assert '<div class="govuk-input__suffix" aria-hidden="true">EUR</div>' in page
    if "2.50" in asked:
        assert "all purses grow by 2.50 EUR" in page
    if "=x" in asked:
        assert "Enter an amount in EUR, like 1,200 or 1,234.50" in page
        assert "The amount must be 0.01 EUR or more" in page
    else:
        assert 'value="1,000.50"' in page


def test_its_pages_promise_nothing_and_know_no_dates_but_those_of_its_vote(
    app_session: Session, client: FlaskClient
) -> None:
    round = imported(app_session)
    app_session.commit()
    for page in ("", "/rule-book", "/results"):
        text = client.get(f"/rounds/{round.id}{page}").text
        for false in (
            "Proposals open",
            "before anybody put an idea in",
            "What the panel looks for",
            "If money comes free",
        ):
            assert false not in text, (page, false)
    assert "14 March 2024" in client.get(f"/rounds/{round.id}/rule-book").text
    again = read_pb(client.get(f"/rounds/{round.id}/results.pb").data)
    assert (again.meta["date_begin"], again.meta["date_end"]) == ("01.03.2024", "14.03.2024")
    assert home.figures(app_session).votes == 0
    board = client.get(f"/rounds/{round.id}/ballots").text
    assert "nobody voted here" in board
    assert "tracking code</label>" not in board
    assert "Who voted" not in board
    story = client.get(f"/rounds/{round.id}/how").text
    assert "£" not in story
    assert "They pay 100 EUR each." in story


def test_the_files_of_a_round_by_equal_shares_say_what_would_have_been_enough(
    app_session: Session, client: FlaskClient
) -> None:
    round = imported(app_session, ELSEWHERE.replace("1000.50", "700"))
    app_session.commit()
    told = client.get(f"/rounds/{round.id}/results.json").json["decisions"]  # type: ignore[index]
    table = client.get(f"/rounds/{round.id}/results.csv").text
    assert {one["title"]: bool(one["enough"]) for one in told} == {"Pier": False, "Quay": True, "Reef": False}
    for one in told:
        assert one["enough"] in table
        assert "£" not in one["enough"]


def test_what_was_funded_there_with_other_money_takes_nothing_from_the_pot(
    app_session: Session, client: FlaskClient
) -> None:
    round = imported(app_session, ELSEWHERE.replace("q;500.50;Quay;0", "q;500.50;Quay;2").replace("Reef;0", "Reef;1"))
    app_session.commit()
    spent = sum(one.awarded_minor for one in queries.decisions(app_session, round.id))
    assert spent == 1000_00
    assert "There it was funded with money from outside this pot." in client.get(f"/rounds/{round.id}/results").text
    again = read_pb(client.get(f"/rounds/{round.id}/results.pb").data)
    assert (again.selected, again.other_money) == ((True, True, True), (False, True, False))


def test_a_second_one_shares_fund_and_reader_with_the_first(session: Session) -> None:
    first, second = imported(session), imported(session)
    assert first.fund_id == second.fund_id
    assert len(session.scalars(select(Person).where(Person.email == "elsewhere@seedbed.invalid")).all()) == 1


def test_nobody_but_the_command_line_reads_elections_in(session: Session) -> None:
    counted = a_counted_round(session)
    with pytest.raises(NotAllowed):
        elections.import_election(
            work(session, actor_of(session, counted.steward)), read_elsewhere(read_pb(ELSEWHERE.encode()), START), "x"
        )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("600", "600.005"), "less than a hundredth"),
        (("1000.50", "0"), "no money to share"),
        (("unit;", f'comment;"99999999 {BLANK}"\nunit;'), "more than a million ballots"),
    ],
)
def test_what_cannot_be_kept_to_the_penny_is_refused(change: tuple[str, str], why: str) -> None:
    with pytest.raises(RuleBroken, match=why):
        read_elsewhere(read_pb(ELSEWHERE.replace(*change).encode()), START)


@pytest.mark.parametrize(
    ("old", "new", "kind", "kept"),
    [
        (("approval",), ("choose-1",), BallotKind.CHOOSE_ONE, None),
        (("approval",), ("ordinal",), BallotKind.RANKED, [[1, 1], [3, 2]]),
    ],
)
def test_each_kind_of_vote_is_kept(
    old: tuple[str], new: tuple[str], kind: BallotKind, kept: list[list[int]] | None
) -> None:
    text = ELSEWHERE.replace(old[0], new[0])
    found = read_elsewhere(read_pb(text.encode()), START)
    assert found.kind is kind
    if kept:
        assert kept in found.kept


def test_points_are_kept(session: Session) -> None:
    text = ELSEWHERE.replace("approval", "cumulative").replace("voter_id;vote", "voter_id;vote;points")
    text = text.replace("1;p,r", "1;p,r;4,1").replace("2;p\n", "2;p;5\n").replace("3;q,r", "3;q,r;2,3")
    text = text.replace("4;\n", "4;;\n")
    round = imported(session, text)
    assert ((1, 4), (3, 1)) in voting.cast_ballots(session, round.id)
    votes = {one.votes for one in queries.decisions(session, round.id)}
    assert votes == {9, 2, 4}


def test_a_file_that_cannot_be_read_is_refused_with_its_line(app: Flask, app_session: Session, tmp_path: Path) -> None:
    file = tmp_path / "sea.pb"
    file.write_text(ELSEWHERE.replace("600", "six hundred"))
    done = app.test_cli_runner().invoke(args=["round", "import", str(file)])
    assert done.exit_code == 1
    assert "sea.pb, line 14: the cost of project p is not a number" in done.output


def test_the_command_says_where_the_round_is(app: Flask, app_session: Session, tmp_path: Path) -> None:
    file = tmp_path / "sea.pb"
    file.write_text(ELSEWHERE)
    done = app.test_cli_runner().invoke(args=["round", "import", str(file)])
    round = app_session.scalars(select(Round)).one()
    assert f"/rounds/{round.id}/results" in done.output
    assert "is empty; it counts as a voter" in done.output
