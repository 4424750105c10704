"""Each kind of ballot through the pages, without JavaScript, from the first mark to what is published."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from grants.kernel.actors import CLOCK
from grants.kernel.clock import SetClock
from grants.proposals.models import Proposal
from grants.proposals.rules.states import ProposalState
from grants.rounds.models import Round
from grants.rounds.rules.ballots import BallotKind, Connection, VotingMethod
from grants.voting import queries
from grants.voting.rules.ballots import as_marks, ballots_hash
from grants.voting.rules.codes import hash_code
from grants.voting.rules.envelope import commitment_of, tracking_code
from grants.voting.rules.voters import Voter
from grants.voting.service import unfinished
from grants.voting.service import votes as service
from tests.builders.voting import PEPPER, a_code, a_count
from tests.support.work import work
from tests.voting.test_service import AFTER, VOTE_KEY, a_vote_under_way
from tests.voting.test_views import known_by, text_of, vote

KINDS: dict[str, dict[str, Any]] = {
    "choose one": {"ballot_kind": BallotKind.CHOOSE_ONE, "ballot_minimum": 1, "ballot_maximum": 1},
    "up to five": {"ballot_kind": BallotKind.UP_TO_K, "ballot_minimum": 2, "ballot_maximum": 5},
    "points": {"ballot_kind": BallotKind.POINTS, "ballot_minimum": 1, "ballot_maximum": 10, "ballot_each": 6},
    "ranked": {
        "ballot_kind": BallotKind.RANKED,
        "ballot_minimum": 1,
        "ballot_maximum": 3,
        "ballot_weights": (3, 2, 1),
    },
}
GIVEN: dict[str, dict[str, Any]] = {
    "choose one": {"choices": ["4"]},
    "up to five": {"choices": ["2", "4", "7"]},
    "points": {"mark_4": "6", "mark_2": "3"},
    "ranked": {"mark_7": "1", "mark_2": "2", "mark_4": "3"},
}
SAYS = {
    "choose one": ("1 of 1 chosen", "You choose 1 project"),
    "up to five": ("3 of 5 chosen", "You choose 3 projects"),
    "points": ("1 of 10 points left", "You have 1 point left."),
    "ranked": ("3 of 3 places given", "Your 1st choice counts 3 points, your 2nd 2 and your 3rd 1."),
}
CAST: dict[str, list[tuple[int, int]]] = {
    "choose one": [(4, 1)],
    "up to five": [(2, 1), (4, 1), (7, 1)],
    "points": [(2, 3), (4, 6)],
    "ranked": [(2, 2), (4, 3), (7, 1)],
}


def a_round_of(session: Session, kind: str, **fields: Any) -> tuple[Round, str]:
    round = a_vote_under_way(session, bids=8, **KINDS[kind], **fields)
    code = a_code(session, round)
    session.commit()
    return round, code


def give(client: FlaskClient, round: Round, marks: dict[str, Any], **more: Any) -> Any:
    shown = [str(line) for line in range(1, 9)]
    return client.post(vote(round, "choose"), data={"shown": shown, **marks, **more})


@pytest.mark.parametrize("kind", KINDS)
def test_a_ballot_of_this_kind_is_cast_without_scripts_and_stands_as_it_was_meant(
    app: Flask, client: FlaskClient, app_session: Session, kind: str
) -> None:
    round, code = a_round_of(app_session, kind)
    answer = give(client, round, GIVEN[kind], do="total")
    assert SAYS[kind][0] in text_of(client.get(answer.location))
    assert give(client, round, GIVEN[kind]).location == vote(round, "who")
    assert known_by(client, round, code).location == vote(round, "check")
    assert SAYS[kind][1] in text_of(client.get(vote(round, "check")))
    client.post(vote(round, "check"), data={"do": "cast"})
    with client.session_transaction() as cookie:
        told = cookie[f"receipt:{round.id}"]
    assert tracking_code(commitment_of(CAST[kind], told["nonce"])) == told["tracking_code"]

    later = app.test_client()
    known_by(later, round, code)
    with later.session_transaction() as cookie:
        assert as_marks(cookie[f"ballot:{round.id}"]["c"]) == tuple(CAST[kind])
    assert SAYS[kind][0] in text_of(later.get(vote(round, "choose")))


def test_points_keep_what_was_typed_and_say_at_the_field_what_is_wrong(
    client: FlaskClient, app_session: Session
) -> None:
    round, _ = a_round_of(app_session, "points")
    page = give(client, round, {"mark_3": "a few", "mark_1": "2"})
    assert page.status_code == 422
    assert 'id="mark_3" name="mark_3" value="a few"' in page.text
    assert 'id="mark_1" name="mark_1" value="2"' in page.text
    assert "8 of 10 points left" in text_of(page)
    assert 'href="#mark_3"' in page.text
    page = give(client, round, {"mark_3": "7"})
    assert "You gave 7 points here. One project can get 6 at most." in text_of(page)
    assert 'value="7"' in page.text
    page = give(client, round, {"mark_3": "6", "mark_1": "6"})
    assert "You gave 12 points, and you have 10: take 2 back." in text_of(page)
    assert "2 points too many: take 2 back" in text_of(page)
    assert re.search(r'href="#mark_[13]"', page.text)  # the first of them, in the voter's own order


def test_one_place_for_two_projects_is_told_at_the_second(client: FlaskClient, app_session: Session) -> None:
    round, _ = a_round_of(app_session, "ranked")
    page = give(client, round, {"mark_3": "1", "mark_5": "1"})
    assert page.status_code == 422
    assert "Two projects are your 1st choice. Give each place to one project." in text_of(page)
    assert 'href="#mark_5"' in page.text
    assert re.findall(r'<option value="(\d)" selected', page.text) == ["1", "1"]
    assert "Two are your 1st choice: change one" in text_of(page)


def test_the_project_chosen_last_is_the_one(client: FlaskClient, app_session: Session) -> None:
    round, _ = a_round_of(app_session, "choose one")
    give(client, round, {"choices": ["4"]})
    client.post(vote(round, "choose"), data={"shown": ["1", "2"], "choices": ["2"]})  # a filter hid number 4
    with client.session_transaction() as cookie:
        assert cookie[f"ballot:{round.id}"]["c"] == [2]
    give(client, round, {"choices": ["2"]}, do="clear")
    with client.session_transaction() as cookie:
        assert cookie[f"ballot:{round.id}"]["c"] == []


def test_the_review_lists_the_best_liked_first_and_bars_what_cannot_be_cast(
    client: FlaskClient, app_session: Session
) -> None:
    round, code = a_round_of(app_session, "points")
    give(client, round, {"mark_1": "2", "mark_2": "6"})
    known_by(client, round, code)
    page = text_of(client.get(vote(round, "check")))
    assert page.index("6 points") < page.index("2 points")
    give(client, round, {"mark_1": "6", "mark_2": "6"}, do="total")
    page = client.get(vote(round, "check"))
    assert "You gave 12 points, and you have 10: take 2 back. Then you can cast your vote." in text_of(page)
    assert re.search(r"<button[^>]* disabled", page.text)
    client.post(vote(round, "check"), data={"do": "cast"})
    assert queries.turnout(app_session, round.id).total == 0


@pytest.mark.parametrize(
    ("kind", "left"), [("points", {2: 3}), ("ranked", {7: 1, 2: 2})], ids=["points come back", "places move up"]
)
def test_what_a_withdrawn_bid_held_can_be_used_again(
    client: FlaskClient, app_session: Session, kind: str, left: dict[int, int]
) -> None:
    round, _ = a_round_of(app_session, kind)
    give(client, round, GIVEN[kind] if kind == "points" else {"mark_7": "1", "mark_4": "2", "mark_2": "3"})
    line = next(line for line in queries.ballot_lines(app_session, round.id) if line.number == 4)
    app_session.get(Proposal, line.proposal_id).state = ProposalState.WITHDRAWN  # type: ignore[union-attr]
    app_session.commit()
    page = text_of(client.get(vote(round, "choose")))
    assert "withdrawn by the group" in page
    assert {"points": "7 of 10 points left", "ranked": "2 of 3 places given"}[kind] in page
    with client.session_transaction() as cookie:
        assert dict(as_marks(cookie[f"ballot:{round.id}"]["c"])) == left


@pytest.mark.parametrize("kind", ["points", "ranked"])
def test_points_and_places_are_published_and_match_their_fingerprint(
    app: Flask, client: FlaskClient, app_session: Session, clock: SetClock, kind: str
) -> None:
    round = a_vote_under_way(app_session, bids=3, **KINDS[kind])
    ballots = [[(1, 1), (3, 2)], [(2, 1)], []] * 20
    tally = a_count(app_session, round, ballots)
    round.announced_at = clock.now() - timedelta(hours=1)
    app_session.commit()
    facts = json.loads(client.get(f"/rounds/{round.id}/ballots.json").text)
    assert ballots_hash(facts["ballots"]) == facts["ballots_sha256"] == tally.ballots_hash
    assert [[1, 1], [3, 2]] in facts["ballots"]
    sheet = list(csv.reader(io.StringIO(client.get(f"/rounds/{round.id}/ballots.csv").text)))[1:]
    nothing = {"points": "0", "ranked": ""}[kind]
    assert sorted(set(map(tuple, sheet))) == sorted(
        {("1", nothing, "2"), (nothing, "1", nothing), (nothing, nothing, nothing)}
    )
    assert facts.get("points_of_places") == {"points": None, "ranked": [3, 2, 1]}[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_the_clock_counts_ballots_of_every_kind(
    app: Flask, client: FlaskClient, app_session: Session, clock: SetClock, kind: str
) -> None:
    round, code = a_round_of(app_session, kind)
    give(client, round, GIVEN[kind])
    known_by(client, round, code)
    client.post(vote(round, "check"), data={"do": "cast"})
    clock.set(round.voting_closes_at)
    app_session.rollback()  # somebody who reads would keep SQLite from tidying up, and the count waits for that
    assert "1 counted" in app.test_cli_runner().invoke(args=["voting", "close-due"]).output
    app_session.rollback()
    assert queries.cast_ballots(app_session, round.id) == [tuple(CAST[kind])]


def test_who_has_voted_is_told_of_a_withdrawn_bid_when_they_return_and_can_use_what_is_freed(
    app: Flask, client: FlaskClient, app_session: Session
) -> None:
    round, code = a_round_of(app_session, "points")
    give(client, round, GIVEN["points"])
    known_by(client, round, code)
    client.post(vote(round, "check"), data={"do": "cast"})
    app_session.rollback()
    line = queries.ballot_lines(app_session, round.id)[3]
    app_session.get(Proposal, line.proposal_id).state = ProposalState.WITHDRAWN  # type: ignore[union-attr]
    app_session.commit()
    later = app.test_client()
    page = text_of(later.get(known_by(later, round, code).location))
    assert "withdrawn by the group, so it is no longer among your choices. You can choose another." in page
    assert "7 of 10 points left" in page
    give(later, round, {"mark_2": "3", "mark_5": "6"})
    assert "Your new vote is cast" in text_of(later.get(later.post(vote(round, "check"), data={"do": "cast"}).location))


def pick(client: FlaskClient, round: Round, number: int) -> str:
    """Press "Add it to my ballot" on a project's page; what is said then."""
    answer = client.post(vote(round, "add"), data={"number": number})
    assert answer.location == f"{vote(round, 'choose')}#bid-{number}"
    return text_of(client.get(answer.location))


def held(client: FlaskClient, round: Round) -> dict[int, int]:
    with client.session_transaction() as cookie:
        return dict(as_marks(cookie[f"ballot:{round.id}"]["c"]))


class TestAddingFromAProjectsPage:
    def test_counter_remainder_and_state_change_in_one_answer_and_lead_back_to_it(
        self, client: FlaskClient, app_session: Session
    ) -> None:
        round, code = a_round_of(app_session, "up to five")
        line = queries.ballot_lines(app_session, round.id)[2]
        app_session.rollback()
        assert "Add it to my ballot" in client.get(f"/proposals/{line.proposal_id}").text
        page = pick(client, round, 3)
        assert "1 of 5 chosen: choose 1 more" in page
        assert 'value="3" data-choice data-cost="120000" checked' in client.get(vote(round, "choose")).text
        assert "It is on your ballot." in text_of(client.get(f"/proposals/{line.proposal_id}"))
        give(client, round, {"choices": ["3", "4"]})
        assert known_by(client, round, code).location == vote(round, "check")  # and nothing is lost on the way
        assert held(client, round) == {3: 1, 4: 1}

    def test_the_same_one_twice_is_one_line_and_a_clear_refusal(
        self, client: FlaskClient, app_session: Session
    ) -> None:
        round, _ = a_round_of(app_session, "up to five")
        pick(client, round, 3)
        assert "This project is on your ballot already." in pick(client, round, 3)
        assert held(client, round) == {3: 1}

    @pytest.mark.parametrize(
        ("kind", "full", "says"),
        [
            ("up to five", dict.fromkeys(range(1, 6), 1), "You chose 5 of 5 already. Take one out first."),
            ("choose one", {1: 1}, "You chose 1 of 1 already. Take one out first."),
            ("points", {1: 6, 2: 4}, "You have 0 of 10 points left. Take one back from another project first."),
            ("ranked", {1: 1, 2: 2, 3: 3}, "You chose 3 of 3 already. Take one out first."),
        ],
    )
    def test_what_does_not_fit_is_refused_with_the_numbers_and_nothing_changes(
        self, client: FlaskClient, app_session: Session, kind: str, full: dict[int, int], says: str
    ) -> None:
        round, _ = a_round_of(app_session, kind)
        marks = (
            {"choices": list(full)}
            if kind in ("up to five", "choose one")
            else {f"mark_{n}": v for n, v in full.items()}
        )
        give(client, round, marks, do="total")
        assert says in pick(client, round, 8)
        assert held(client, round) == full

    def test_of_two_added_at_once_that_are_too_many_together_one_is_stored(
        self, client: FlaskClient, app_session: Session
    ) -> None:
        """Both presses leave with the cookie of before; the browser keeps one answer's, the server one sealed row."""
        round, code = a_round_of(app_session, "up to five")
        voter = Voter(hash_code(code, PEPPER, round.id), VotingMethod.CODE)
        known_by(client, round, code)
        give(client, round, {"choices": ["1", "2", "3", "4"]})
        with client.session_transaction() as cookie:
            before = dict(cookie)
        for number in (5, 6):
            with client.session_transaction() as cookie:
                cookie.update(before)
            client.post(vote(round, "add"), data={"number": number})
        assert held(client, round) == {1: 1, 2: 1, 3: 1, 4: 1, 6: 1}
        app_session.rollback()
        kept = unfinished.kept_choices(app_session, app_session.get_one(Round, round.id), voter, vote_key=VOTE_KEY)
        assert dict(kept or ()) == held(client, round)
        app_session.rollback()
        assert client.post(vote(round, "check"), data={"do": "cast"}).location == vote(round, "done")

    def test_what_is_withdrawn_or_of_another_round_is_refused(self, client: FlaskClient, app_session: Session) -> None:
        round, _ = a_round_of(app_session, "up to five")
        line = queries.ballot_lines(app_session, round.id)[3]
        app_session.get(Proposal, line.proposal_id).state = ProposalState.WITHDRAWN  # type: ignore[union-attr]
        app_session.commit()
        for number in (4, 99):
            assert "This project cannot be chosen" in pick(client, round, number)
        assert held(client, round) == {}

    def test_a_closed_vote_takes_nothing(self, client: FlaskClient, app_session: Session, clock: SetClock) -> None:
        round, _ = a_round_of(app_session, "up to five")
        clock.set(round.voting_closes_at)
        assert client.post(vote(round, "add"), data={"number": 3}).location == vote(round)


def test_a_cost_that_changed_after_the_freeze_changes_no_ballot(client: FlaskClient, app_session: Session) -> None:
    round, _ = a_round_of(app_session, "points")
    line = queries.ballot_lines(app_session, round.id)[0]
    app_session.get(Proposal, line.proposal_id).applied_for_minor = 190_000  # type: ignore[union-attr]  # by raw hand
    app_session.commit()
    give(client, round, {"mark_1": "2"})
    assert "They cost £1,200 together." in text_of(client.get(vote(round, "choose")))


def test_who_lacks_something_is_told_the_step_that_is_missing(
    client: FlaskClient, app_session: Session, clock: SetClock
) -> None:
    round, code = a_round_of(app_session, "up to five")
    give(client, round, {"choices": ["1", "2"]})
    answer = client.post(vote(round, "check"), data={"do": "cast"})
    assert answer.location == vote(round, "who")
    assert "Your vote is not cast yet. First show that you may vote." in text_of(client.get(answer.location))
    said = {"connection": "lives", "old_enough": "y"}
    for given, missing in [
        ({"code": code, "connection": "lives"}, "You can vote from the age of 11."),
        ({"code": code, "old_enough": "y"}, "Say what ties you to this place"),
        ({"code": "2222-2222-2222", **said}, "This code is not for this round."),
        ({"email": "ann@residents.example", "postcode": "SW1A 1AA", **said}, "This postcode is not in the area"),
        ({"email": "ann@residents.example", **said}, "Enter your postcode"),
    ]:
        assert missing in text_of(client.post(vote(round, "who"), data=given))
    assert known_by(client, round, code).location == vote(round, "check")
    clock.advance(timedelta(hours=2))
    answer = client.post(vote(round, "check"), data={"do": "cast"})
    assert "Show once more who you are: that holds for two hours." in text_of(client.get(answer.location))
    assert queries.turnout(app_session, round.id).total == 0


def test_where_the_minimum_is_nought_a_blank_ballot_is_cast_after_a_warning_and_counts_as_turnout_only(
    app: Flask, client: FlaskClient, app_session: Session
) -> None:
    round = a_vote_under_way(app_session, bids=8, ballot_minimum=0)
    code = a_code(app_session, round)
    app_session.commit()
    page = client.get(vote(round, "choose"))
    assert "Go on with a blank ballot" in text_of(page)
    assert "more" not in text_of(page).split("chosen")[-1][:20]
    assert give(client, round, {}, do="blank").location == vote(round, "who")
    known_by(client, round, code)
    assert "Your ballot is blank: you have chosen no project." in text_of(client.get(vote(round, "check")))
    assert client.post(vote(round, "check"), data={"do": "cast"}).status_code == 422  # not without the tick
    assert client.post(vote(round, "check"), data={"do": "cast", "blank": "y"}).location == vote(round, "done")
    app_session.rollback()
    tally = service.close_vote(work(app_session, CLOCK, AFTER), round.id, vote_key=VOTE_KEY)
    assert (tally.ballot_count, tally.blank_count, tally.approvals) == (1, 1, {})


def test_of_two_votes_of_which_one_is_unfinished_the_message_names_it_and_links_to_it(
    client: FlaskClient, app_session: Session
) -> None:
    done, begun = (a_vote_under_way(app_session, bids=8, title=title) for title in ("Norton", "Thornaby"))
    code = a_code(app_session, done)
    app_session.commit()
    give(client, begun, {"choices": ["4"]})
    give(client, done, {"choices": ["1", "2", "3"]})
    known_by(client, done, code)
    page = client.get(client.post(vote(done, "check"), data={"do": "cast"}).location)
    assert "Your ballot in Thornaby is begun, and not cast yet." in text_of(page)
    assert f'href="{vote(begun, "choose")}"' in page.text
    client.post(vote(begun, "leave"))
    assert "not cast yet" not in text_of(client.get(vote(done, "done")))


def test_somebody_of_twelve_votes_where_the_rule_book_says_so_and_counts_in_the_turnout_like_everybody(
    client: FlaskClient, app_session: Session
) -> None:
    round = a_vote_under_way(app_session, bids=8, vote_min_age=12, vote_connections=tuple(Connection))
    code = a_code(app_session, round)
    app_session.commit()
    assert "aged 12 or over" in text_of(client.get(vote(round)))
    give(client, round, {"choices": ["1", "2", "3"]})
    page = client.get(vote(round, "who"))
    assert "I am 12 or older" in text_of(page)
    assert "You need nobody’s leave to vote." in text_of(page)
    assert "birth" not in re.findall(r'name="([^"]+)"', page.text)
    known_by(client, round, code)
    client.post(vote(round, "check"), data={"do": "cast"})
    app_session.rollback()
    turnout = queries.turnout(app_session, round.id)
    assert (turnout.total, dict(turnout.by_channel)) == (1, {"online": 1})
