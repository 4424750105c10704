"""A resident votes through the pages, without JavaScript; a steward runs the desk; the count is there to check."""

from __future__ import annotations

import csv
import io
import json
import logging
import re
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import html5lib
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from grants.kernel.actors import Role
from grants.kernel.clock import SetClock
from grants.outbox.models import OutboxRow
from grants.proposals.models import Proposal
from grants.proposals.rules.states import ProposalState
from grants.rounds.models import Round
from grants.rounds.rules.states import RoundState
from grants.voting import queries
from grants.voting.models import Ballot, Envelope, HelpCount, RollMark, Tally, VotingCode
from grants.voting.rules.ballots import ballots_hash
from grants.voting.rules.codes import hash_code
from grants.voting.rules.states import Channel, Refusal
from grants.web.db import db, space_is_owed
from grants.web.limits import RateCount
from tests.builders.people import a_person
from tests.builders.proposals import a_proposal
from tests.builders.rounds import a_round
from tests.builders.voting import PEPPER, a_ballot, a_code, a_count, a_vote
from tests.conftest import SignIn
from tests.support.statements import statements, writes
from tests.voting.test_service import AFTER, HERE, a_vote_under_way

SAID = {"connection": "lives", "old_enough": "y"}
THREE = ["1", "2", "3"]


def vote(round: Round, step: str = "") -> str:
    return f"/rounds/{round.id}/vote{'/' if step else ''}{step}"


def choose(client: FlaskClient, round: Round, choices: Sequence[str] = THREE, **more: Any) -> Any:
    shown = [str(line) for line in range(1, 9)]
    return client.post(vote(round, "choose"), data={"choices": choices, "shown": shown, **more})


def known_by(client: FlaskClient, round: Round, code: str) -> Any:
    return client.post(vote(round, "who"), data={"code": code, **SAID})


def cast(client: FlaskClient, round: Round, code: str, choices: Sequence[str] = THREE) -> Any:
    choose(client, round, choices)
    known_by(client, round, code)
    return client.post(vote(round, "check"), data={"do": "cast"})


def text_of(answer: Any) -> str:
    """What the page says, with one blank between pieces."""
    words = " ".join(" ".join(html5lib.parse(answer.text, namespaceHTMLElements=False).itertext()).split())
    return re.sub(r" ([.,;:)])", r"\1", words)


def count_of(session: Session, model: type) -> int:
    session.rollback()
    return session.scalar(select(func.count()).select_from(model)) or 0


@pytest.fixture
def round(app_session: Session) -> Round:
    """A round whose vote is open, with eight bids; committed, so that the pages see it."""
    made = a_vote_under_way(app_session, bids=8)
    app_session.commit()
    return made


@pytest.fixture
def code(app_session: Session, round: Round) -> str:
    made = a_code(app_session, round)
    app_session.commit()
    return made


class TestChoosing:
    def test_one_page_says_what_how_much_and_until_when(self, client: FlaskClient, round: Round) -> None:
        text = text_of(client.get(vote(round)))
        assert "to share out £5,000" in text
        assert "9 March 2026 at midday" in text
        assert "at least 3" in text

    def test_two_voters_see_two_orders_and_each_keeps_theirs(
        self, app: Flask, client: FlaskClient, round: Round
    ) -> None:
        def order(visitor: FlaskClient) -> list[str]:
            return re.findall(r'name="choices" value="(\d+)"', visitor.get(vote(round, "choose")).text)

        orders = [order(app.test_client()) for _ in range(6)]
        assert len({tuple(one) for one in orders}) > 1
        assert {tuple(sorted(one)) for one in orders} == {tuple(str(n) for n in range(1, 9))}
        first = order(client)
        client.get(vote(round))
        choose(client, round, ["4"], do="total")
        assert order(client) == first

    def test_choices_are_kept_before_anybody_asks_who_one_is(self, client: FlaskClient, round: Round) -> None:
        answer = choose(client, round)
        assert answer.location == vote(round, "who")
        page = client.get(vote(round, "choose")).text
        assert sorted(re.findall(r'value="(\d+)" data-choice[^>]* checked', page)) == THREE

    def test_a_filter_loses_no_choice(self, client: FlaskClient, app_session: Session, round: Round) -> None:
        line = queries.ballot_lines(app_session, round.id)[0]
        app_session.get(Proposal, line.proposal_id).ward_codes = ["E05014880"]  # type: ignore[union-attr]
        app_session.commit()
        answer = choose(client, round, ["4", "5"], do="filter", ward="E05014880")
        page = client.get(answer.location)
        assert re.findall(r'name="choices" value="(\d+)"', page.text) == ["1"]
        assert "2 projects that you chose are not shown here" in text_of(page)
        answer = client.post(vote(round, "choose"), data={"choices": ["1"], "shown": ["1"], "ward": "E05014880"})
        assert answer.location == vote(round, "who")
        with client.session_transaction() as cookie:
            assert cookie[f"ballot:{round.id}"]["c"] == [1, 4, 5]

    def test_the_choices_are_worked_out_without_a_script(self, client: FlaskClient, round: Round) -> None:
        answer = choose(client, round, ["1", "2"], do="total")
        text = text_of(client.get(answer.location))
        assert "2 of at least 3 chosen: choose 1 more" in text
        assert "They cost £2,400 together. The pot is £5,000." in text

    def test_too_few_choices_name_what_is_missing(self, client: FlaskClient, round: Round) -> None:
        answer = choose(client, round, ["1", "2"])
        assert answer.status_code == 422
        assert "Choose at least 1 more." in text_of(answer)
        assert 'href="#choices"' in answer.text
        assert answer.text.count('id="choices"') == 1

    def test_a_number_that_is_not_on_the_ballot_is_refused(self, client: FlaskClient, round: Round) -> None:
        answer = choose(client, round, [*THREE, "77"])
        assert answer.status_code == 422

    def test_a_bid_withdrawn_meanwhile_leaves_the_hand_and_says_so(
        self, client: FlaskClient, app_session: Session, round: Round
    ) -> None:
        choose(client, round)
        line = queries.ballot_lines(app_session, round.id)[0]
        bid = app_session.get(Proposal, line.proposal_id)
        assert bid is not None
        bid.state = ProposalState.WITHDRAWN
        app_session.commit()
        page = client.get(vote(round, "choose"))
        assert f"{bid.title} was withdrawn by the group" in text_of(page)
        assert 'name="choices" value="1"' not in page.text
        assert choose(client, round, ["1", "2", "3", "4"]).location == vote(round, "who")

    def test_before_the_hour_the_ballot_is_there_to_read_only(
        self, client: FlaskClient, clock: SetClock, round: Round
    ) -> None:
        clock.set(round.voting_opens_at - timedelta(seconds=1))
        page = client.get(vote(round))
        assert "Voting is not open yet" in text_of(page)
        assert "Grow your own" in page.text
        assert "<input" not in page.text.split("<main")[1]
        for step in ("choose", "who", "number", "check", "done"):
            assert client.get(vote(round, step)).location == vote(round)

    def test_a_draft_has_no_vote(self, client: FlaskClient, app_session: Session) -> None:
        draft = a_round(app_session, RoundState.DRAFT)
        app_session.commit()
        for step in ("", "choose", "who", "check"):
            assert client.get(vote(draft, step)).status_code == 404

    def test_the_list_takes_as_many_queries_for_thirty_bids_as_for_eight(
        self, app: Flask, client: FlaskClient, app_session: Session, round: Round
    ) -> None:
        big = a_vote_under_way(app_session, bids=30)
        app_session.commit()
        heard = []
        for one in (round, big):
            client.get(vote(one, "choose"))
            with statements(app) as said:
                assert client.get(vote(one, "choose")).status_code == 200
            heard.append(len(said))
        assert heard[0] == heard[1] <= 6


class TestShowingWhoOneIs:
    def test_a_code_leads_back_to_the_same_ballot(self, client: FlaskClient, round: Round, code: str) -> None:
        choose(client, round)
        assert known_by(client, round, code.lower().replace("-", " ")).location == vote(round, "check")

    def test_with_empty_hands_it_leads_to_the_projects(self, client: FlaskClient, round: Round, code: str) -> None:
        assert known_by(client, round, code).location == vote(round, "choose")

    def test_what_is_missing_is_named(self, client: FlaskClient, round: Round) -> None:
        answer = client.post(vote(round, "who"), data={})
        assert answer.status_code == 422
        assert "Enter your voting code, or your e-mail address and postcode" in text_of(answer)
        assert "Say what ties you to this place" in text_of(answer)
        assert "Tick the box if you are 11 or older" in text_of(answer)
        answer = client.post(vote(round, "who"), data={"email": "rose@example.org", **SAID})
        assert "Enter your postcode" in text_of(answer)
        answer = client.post(vote(round, "who"), data={"code": "2345", "connection": "lives"})
        assert "Check your code and type it again" in text_of(answer)

    def test_a_code_of_another_round_is_refused(self, client: FlaskClient, app_session: Session, round: Round) -> None:
        other = a_code(app_session, a_vote_under_way(app_session))
        app_session.commit()
        answer = known_by(client, round, other)
        assert (answer.status_code, "not for this round" in text_of(answer)) == (422, True)

    def test_the_number_from_the_mail_does_it(self, client: FlaskClient, app_session: Session, round: Round) -> None:
        choose(client, round)
        asked = client.post(vote(round, "who"), data={"email": "rose@example.org", "postcode": HERE, **SAID})
        assert asked.location == vote(round, "number")
        app_session.rollback()
        letter = app_session.scalars(select(OutboxRow)).one().payload
        number = letter["subject"][:6]
        assert vote(round, "number") in letter["text"]  # for who has closed that page meanwhile
        wrong = client.post(vote(round, "number"), data={"number": "000000" if number != "000000" else "1"})
        assert (wrong.status_code, "You can try 4 more times" in text_of(wrong)) == (422, True)
        assert client.post(vote(round, "number"), data={"number": number}).location == vote(round, "check")
        assert client.post(vote(round, "check"), data={"do": "cast"}).location == vote(round, "done")
        app_session.rollback()
        mark = app_session.scalars(select(RollMark)).one()
        assert mark.ward_code is not None
        assert "rose" not in mark.voter_key

    def test_the_number_works_only_where_it_was_asked_for(
        self, app: Flask, client: FlaskClient, app_session: Session, round: Round
    ) -> None:
        client.post(vote(round, "who"), data={"email": "rose@example.org", "postcode": HERE, **SAID})
        app_session.rollback()
        number = app_session.scalars(select(OutboxRow)).one().payload["subject"][:6]
        elsewhere = app.test_client()
        assert elsewhere.post(vote(round, "number"), data={"number": number}).location == vote(round)

    def test_a_postcode_outside_the_area_is_named(self, client: FlaskClient, round: Round) -> None:
        answer = client.post(vote(round, "who"), data={"email": "rose@example.org", "postcode": "SW1A 1AA", **SAID})
        assert "not in the area" in text_of(answer)

    def test_who_is_signed_in_gives_a_postcode_only(self, as_: SignIn, round: Round) -> None:
        visitor = as_(Role.RESIDENT)
        choose(visitor, round)
        assert 'name="email"' not in visitor.get(vote(round, "who")).text
        answer = visitor.post(vote(round, "who"), data={"postcode": HERE, **SAID})
        assert answer.location == vote(round, "check")

    def test_signing_in_on_the_way_keeps_the_ballot(
        self, app: Flask, round: Round, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from flask_login import UserMixin

        from grants.web.session import enter

        somebody = UserMixin()
        somebody.id = "token"
        monkeypatch.setitem(app.extensions, "signed_in", lambda _token: somebody)
        with app.test_request_context():
            from flask import session

            session[f"ballot:{round.id}"] = {"s": "a", "t": "b", "c": [1]}
            enter("token")
            assert session[f"ballot:{round.id}"]["c"] == [1]

    @pytest.mark.parametrize(
        ("wrong", "reason"),
        [
            ({"code": "2222-2222-2222"}, Refusal.UNKNOWN_CODE),
            ({"email": "ann@residents.example", "postcode": "SW1A 1AA"}, Refusal.OUTSIDE_AREA),
        ],
        ids=["code", "residence"],
    )
    def test_the_sixth_wrong_try_from_one_browser_is_stopped_and_staff_see_it(
        self, make_app: Any, sqlite_url: str, clock: SetClock, wrong: dict[str, str], reason: Refusal
    ) -> None:
        from grants.web.db import db

        app = make_app(sqlite_url, rate_limits=True)
        app.extensions["clock"] = clock
        app.config["WTF_CSRF_ENABLED"] = False
        with app.app_context(), Session(db.engine) as session:
            round = a_vote_under_way(session)
            session.commit()
            round_id, good = round.id, a_code(session, round)
            session.commit()
        visitor = app.test_client()
        address = f"/rounds/{round_id}/vote/who"
        visitor.get(f"/rounds/{round_id}/vote")
        tries = [visitor.post(address, data={**wrong, **SAID}).status_code for _ in range(6)]
        assert tries == [422] * 5 + [429]
        assert visitor.post(address, data={"code": good, **SAID}).status_code == 429
        with app.app_context():
            told = queries.refusals(db.session(), round_id)  # type: ignore[arg-type]
            keys = db.session.scalars(select(RateCount.key)).all()
        assert told == {reason: 5, Refusal.TOO_MANY: 2}
        for bare in (f"127.0.0.1 {round_id}  False", f"127.0.0.1 {round_id}  True"):  # all addresses can be tried
            assert not [key for key in keys if sha256(bare.encode()).hexdigest()[:32] in key]
        with app.app_context():
            db.session.rollback()
            db.session.execute(update(RateCount).values(expires=1))
            db.session.commit()
            assert app.test_cli_runner().invoke(args=["voting", "close-due"]).exit_code == 0
            db.session.rollback()
            assert db.session.scalars(select(RateCount.key)).all() == []  # though nobody posts anything more

    def test_a_crowd_behind_one_address_is_not_stopped_by_the_mistakes_of_others(
        self, make_app: Any, sqlite_url: str, clock: SetClock
    ) -> None:
        from grants.web.db import db

        app = make_app(sqlite_url, rate_limits=True)
        app.extensions["clock"] = clock
        app.config["WTF_CSRF_ENABLED"] = False
        with app.app_context(), Session(db.engine) as session:
            round = a_vote_under_way(session)
            session.commit()
            round_id, good = round.id, a_code(session, round)
            session.commit()
        address = f"/rounds/{round_id}/vote/who"
        for n in range(62):  # a library, a school, a mobile network: one address for all
            visitor = app.test_client()
            visitor.get(f"/rounds/{round_id}/vote")
            code = good if n == 61 else "2222-2222-2222"
            status = visitor.post(address, data={"code": code, **SAID}).status_code
            assert status == (302 if n == 61 else 422), n


class TestCasting:
    def test_the_whole_way_ends_with_a_tracking_code_and_no_choices(
        self, client: FlaskClient, app_session: Session, round: Round, code: str
    ) -> None:
        assert cast(client, round, code).location == vote(round, "done")
        page = client.get(vote(round, "done"))
        found = re.search(r"[0-9A-Z]{4}(-[0-9A-Z]{4}){3}", text_of(page).replace("- ", "-"))
        assert found
        assert "You can change it until 9 March 2026 at midday" in text_of(page)
        titles = [entry.title for entry in queries.entries(app_session, round.id)]
        assert not any(title in page.text for title in titles)
        assert (count_of(app_session, RollMark), count_of(app_session, Envelope)) == (1, 1)

    def test_a_reload_casts_nothing(self, client: FlaskClient, app: Flask, round: Round, code: str) -> None:
        cast(client, round, code)
        with statements(app) as heard:
            client.get(vote(round, "done"))
            again = client.post(vote(round, "check"), data={"do": "cast"})
        assert again.location == vote(round, "done")
        assert writes(heard) == []

    def test_who_goes_back_after_casting_is_told_that_the_vote_counts(
        self, client: FlaskClient, clock: SetClock, round: Round, code: str
    ) -> None:
        cast(client, round, code)
        assert client.get(vote(round, "check")).location == vote(round, "done")
        for page in (vote(round), vote(round, "choose")):
            assert "Your vote is cast, and it counts." in text_of(client.get(page))
        choose(client, round, ["4", "5"], do="total")
        assert "it counts" not in text_of(client.get(vote(round, "choose")))
        assert client.get(vote(round, "check")).location == vote(round, "who")
        client.post(vote(round, "leave"))
        assert "it counts" not in text_of(client.get(vote(round)))
        cast(client, round, code)
        clock.advance(timedelta(minutes=16))
        assert "it counts" not in text_of(client.get(vote(round, "choose")))  # the next person at this screen

    def test_a_bid_withdrawn_between_check_and_cast_is_named_and_nothing_is_cast(
        self, client: FlaskClient, app_session: Session, round: Round, code: str
    ) -> None:
        choose(client, round, ["1", "2", "3", "4"])
        known_by(client, round, code)
        assert "Cast my vote" in client.get(vote(round, "check")).text
        app_session.rollback()
        line = queries.ballot_lines(app_session, round.id)[1]
        gone = app_session.get_one(Proposal, line.proposal_id)
        gone.state, title = ProposalState.WITHDRAWN, gone.title
        app_session.commit()
        answer = client.post(vote(round, "check"), data={"do": "cast"})
        text = text_of(answer)
        assert answer.status_code == 422
        assert "Nothing was cast: a project that you chose has just been withdrawn." in text
        assert f"{title} was withdrawn by the group" in text
        assert "You choose 3 projects" in text
        assert count_of(app_session, RollMark) == 0
        assert client.post(vote(round, "check"), data={"do": "cast"}).location == vote(round, "done")

    def test_no_receipt_for_who_wants_none(self, client: FlaskClient, round: Round, code: str) -> None:
        choose(client, round)
        known_by(client, round, code)
        client.post(vote(round, "check"), data={"do": "cast", "no_receipt": "y"})
        page = client.get(vote(round, "done"))
        assert "Your vote is cast" in text_of(page)
        assert "app-receipt" not in page.text
        with client.session_transaction() as cookie:
            assert "tracking_code" not in cookie[f"receipt:{round.id}"]

    def test_the_receipt_is_gone_after_a_while(
        self, client: FlaskClient, clock: SetClock, round: Round, code: str
    ) -> None:
        cast(client, round, code)
        clock.advance(timedelta(minutes=16))
        assert client.get(vote(round, "done")).location == vote(round)

    def test_a_vote_can_be_changed_from_where_it_stood(
        self, app: Flask, client: FlaskClient, app_session: Session, round: Round, code: str
    ) -> None:
        cast(client, round, code)
        later = app.test_client()
        assert known_by(later, round, code).location == vote(round, "choose")
        page = later.get(vote(round, "choose")).text
        assert sorted(re.findall(r'value="(\d+)" data-choice[^>]* checked', page)) == THREE
        choose(later, round, ["2", "3", "4", "5"])
        assert "You have voted before" in text_of(later.get(vote(round, "check")))
        later.post(vote(round, "check"), data={"do": "cast"})
        assert "Your new vote is cast" in text_of(later.get(vote(round, "done")))
        assert (count_of(app_session, RollMark), count_of(app_session, Envelope)) == (1, 1)

    def test_new_choices_can_be_given_up_for_those_cast_before(
        self, app: Flask, client: FlaskClient, round: Round, code: str
    ) -> None:
        cast(client, round, code)
        later = app.test_client()
        choose(later, round, ["6", "7", "8"])
        assert known_by(later, round, code).location == vote(round, "check")
        assert later.post(vote(round, "check"), data={"do": "earlier"}).location == vote(round, "choose")
        with later.session_transaction() as cookie:
            assert cookie[f"ballot:{round.id}"]["c"] == [1, 2, 3]

    def test_a_blank_ballot_needs_two_clear_steps(
        self, client: FlaskClient, app_session: Session, round: Round, code: str
    ) -> None:
        empty = choose(client, round, [])
        assert "Go on with a blank ballot" in text_of(empty)
        assert choose(client, round, [], do="blank").location == vote(round, "who")
        known_by(client, round, code)
        assert "Your ballot is blank" in text_of(client.get(vote(round, "check")))
        refused = client.post(vote(round, "check"), data={"do": "cast"})
        assert refused.status_code == 422
        assert count_of(app_session, RollMark) == 0
        client.post(vote(round, "check"), data={"do": "cast", "blank": "y"})
        assert count_of(app_session, Envelope) == 1

    def test_an_unfinished_ballot_cannot_be_cast_and_says_why(
        self, client: FlaskClient, app_session: Session, round: Round, code: str
    ) -> None:
        choose(client, round, ["1", "2"], do="total")
        known_by(client, round, code)
        page = client.get(vote(round, "check"))
        assert "Something is missing. Choose at least 1 more. Then you can cast your vote." in text_of(page)
        assert re.search(r"<button[^>]* disabled[^>]*>Cast my vote", page.text)
        assert client.post(vote(round, "check"), data={"do": "cast"}).status_code == 422
        assert count_of(app_session, RollMark) == 0

    def test_one_second_late_is_late(
        self, client: FlaskClient, app_session: Session, clock: SetClock, round: Round, code: str
    ) -> None:
        choose(client, round)
        clock.set(round.voting_closes_at - timedelta(seconds=1))
        known_by(client, round, code)
        clock.set(round.voting_closes_at)
        answer = client.post(vote(round, "check"), data={"do": "cast"}, follow_redirects=True)
        assert "Voting has closed, so this ballot was not cast. If you cast one before, that one counts." in text_of(
            answer
        )
        assert count_of(app_session, RollMark) == 0

    def test_nobody_casts_without_showing_who_they_are(
        self, client: FlaskClient, app_session: Session, round: Round
    ) -> None:
        choose(client, round)
        assert client.post(vote(round, "check"), data={"do": "cast"}).location == vote(round, "who")
        assert count_of(app_session, RollMark) == 0

    def test_who_was_known_two_hours_ago_is_asked_again(
        self, client: FlaskClient, clock: SetClock, round: Round, code: str
    ) -> None:
        choose(client, round)
        known_by(client, round, code)
        clock.advance(timedelta(hours=2))
        assert client.get(vote(round, "check")).location == vote(round, "who")

    def test_a_device_can_be_wiped(self, client: FlaskClient, round: Round, code: str) -> None:
        cast(client, round, code)
        client.post(vote(round, "leave"))
        with client.session_transaction() as cookie:
            assert not [key for key in cookie if key.startswith(("ballot:", "receipt:"))]

    def test_who_voted_on_paper_is_told_so(
        self, client: FlaskClient, app_session: Session, round: Round, code: str
    ) -> None:
        choose(client, round, ["2", "3", "4"])
        known_by(client, round, code)
        app_session.rollback()
        key = hash_code(code, PEPPER, round.id)
        a_vote(app_session, round, [1, 2, 3], voter_key=key)
        app_session.get(RollMark, (round.id, key)).channel = Channel.PAPER  # type: ignore[union-attr]
        app_session.commit()
        assert "already voted on paper" in text_of(client.post(vote(round, "check"), data={"do": "cast"}))
        assert "already voted on paper" in text_of(known_by(client, round, code))

    def test_the_path_of_a_vote_leaves_no_line_in_the_log(
        self, client: FlaskClient, round: Round, code: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        log = logging.getLogger("seedbed")
        log.setLevel(logging.INFO)
        log.addHandler(caplog.handler)
        try:
            client.get("/about")
            cast(client, round, code)
        finally:
            log.removeHandler(caplog.handler)
            log.setLevel(logging.WARNING)
        assert [record.facts["endpoint"] for record in caplog.records] == ["home.about"]  # type: ignore[attr-defined]


class TestHiddenCounts:
    def test_no_page_tells_how_the_vote_stands(
        self, as_: SignIn, client: FlaskClient, app_session: Session, round: Round, code: str
    ) -> None:
        steward = as_(Role.STEWARD)
        pages = [vote(round), f"/rounds/{round.id}", f"{vote(round)}/desk", f"/rounds/{round.id}/desk"]
        before = [self.seen(steward, page) for page in pages]
        for choices in ([1, 2, 3], [1, 2, 3], [1, 4, 5]):
            a_vote(app_session, round, choices)
        app_session.commit()
        cast(client, round, code)
        assert [self.seen(steward, page) for page in pages] == before
        for path in ("ballots", "ballots.csv", "ballots.json", "board.csv"):
            for visitor in (client, steward):
                assert visitor.get(f"/rounds/{round.id}/{path}").status_code == 404

    @staticmethod
    def seen(visitor: FlaskClient, page: str) -> str:
        answer = visitor.get(page)
        assert answer.status_code == 200
        return re.sub(r'(value="[^"]*"|\?v=\w+)', "", answer.text)


class TestDesk:
    def test_a_steward_freezes_the_ballot(self, as_: SignIn, app_session: Session) -> None:
        round = a_round(app_session, RoundState.CHECKING, panel_locked_at=AFTER - timedelta(days=9))
        a_proposal(app_session, round, ProposalState.ELIGIBLE)
        app_session.commit()
        steward = as_(Role.STEWARD)
        assert "Freeze the ballot and open the vote" in text_of(steward.get(vote(round, "desk")))
        steward.post(vote(round, "open"))
        assert "Voting opens by itself" in text_of(steward.get(vote(round, "desk")))

    def test_what_keeps_the_vote_shut_is_named(self, as_: SignIn, app_session: Session) -> None:
        round = a_round(app_session, RoundState.CHECKING)
        a_proposal(app_session, round, ProposalState.SUBMITTED)
        app_session.commit()
        steward = as_(Role.STEWARD)
        page = text_of(steward.get(vote(round, "desk")))
        assert "1 proposal still waits" in page
        assert "Lock the panel" in page
        answer = steward.post(vote(round, "open"), follow_redirects=True)
        assert "1 proposal still waits" in text_of(answer)

    def test_codes_are_shown_once_as_cards(self, as_: SignIn, app_session: Session, round: Round) -> None:
        steward = as_(Role.STEWARD)
        answer = steward.post(vote(round, "codes"), data={"label": "Library", "code_count": "3", "form_of": "cards"})
        codes = re.findall(r'app-codes__code">([^<]+)<', answer.text)
        assert len(set(codes)) == 3
        assert answer.text.count("data:image/png") == 3
        assert answer.headers["Cache-Control"] == "no-store"
        app_session.rollback()
        stored = set(app_session.scalars(select(VotingCode.code_hash)))
        assert stored == {hash_code(code, PEPPER, round.id) for code in codes}
        assert not any(code in steward.get(vote(round, "desk")).text for code in codes)

    @pytest.mark.parametrize("form_of", ["sheets", "letters"])
    def test_codes_are_drawn_once_as_cards_and_letters_with_a_qr_code_for_each(
        self, as_: SignIn, app_session: Session, round: Round, monkeypatch: pytest.MonkeyPatch, form_of: str
    ) -> None:
        told: list[str] = []
        monkeypatch.setattr("grants.voting.views.desk.qr_picture", lambda text: told.append(text) or "data:,")
        monkeypatch.setattr("grants.web.pdf.draw", lambda html: html.encode())
        fields = {"label": "Library", "code_count": "3", "form_of": form_of}
        answer = as_(Role.STEWARD).post(vote(round, "codes"), data=fields)
        codes = re.findall(r'class="c-code[^"]*">([^<]+)<', answer.text)
        assert (answer.mimetype, len(set(codes))) == ("application/pdf", 3)
        assert [one.partition("#code=")[2] for one in told] == codes
        assert all(one.startswith("http") and vote(round) in one.partition("#")[0] for one in told)
        app_session.rollback()
        assert {hash_code(code, PEPPER, round.id) for code in codes} == set(
            app_session.scalars(select(VotingCode.code_hash))
        )

    def test_too_many_codes_for_one_pdf_are_refused_before_any_is_made(
        self, as_: SignIn, app_session: Session, round: Round
    ) -> None:
        fields = {"label": "Library", "code_count": "101", "form_of": "letters"}
        answer = as_(Role.STEWARD).post(vote(round, "codes"), data=fields)
        assert (answer.status_code, "at most 48 at once" in answer.text) == (422, True)
        assert count_of(app_session, VotingCode) == 0

    def test_it_is_written_down_who_has_a_batch_of_codes(self, as_: SignIn, app_session: Session, round: Round) -> None:
        a_code(app_session, round, batch="Warm table")
        batch = queries.batches(app_session, round.id)[0].id
        app_session.commit()
        steward = as_(Role.STEWARD)
        page = vote(round, f"codes/{batch}/hand-over")
        steward.post(page, data={"handed_to": "Carl Connor", "handed_on": "2026-02-27"})
        assert "with Carl Connor, since 27 February 2026" in text_of(steward.get(vote(round, "desk")))
        late = steward.post(page, data={"handed_to": "Carl Connor", "handed_on": "2031-01-01"})
        assert (late.status_code, "today or earlier" in late.text) == (422, True)

    def test_codes_are_downloaded_once_as_a_spreadsheet(self, as_: SignIn, client: FlaskClient, round: Round) -> None:
        answer = as_(Role.STEWARD).post(
            vote(round, "codes"), data={"label": "Library", "code_count": "5", "form_of": "csv"}
        )
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert len(rows) == 5
        assert rows[0]["address"].endswith(vote(round))
        assert cast(client, round, rows[4]["code"]).location == vote(round, "done")

    def test_a_lost_batch_is_made_void(
        self, as_: SignIn, client: FlaskClient, app_session: Session, round: Round
    ) -> None:
        code = a_code(app_session, round)
        app_session.commit()
        steward = as_(Role.STEWARD)
        batch = queries.batches(app_session, round.id)[0]
        address = vote(round, f"codes/{batch.id}/void")
        assert "Say why" in text_of(steward.post(address, data={}))
        steward.post(address, data={"reason": "The box was stolen."})
        assert "worth nothing any more" in text_of(known_by(client, round, code))

    def test_a_steward_counts_after_the_close(
        self, as_: SignIn, app_session: Session, clock: SetClock, round: Round
    ) -> None:
        for choices in ([1, 2, 3], [2, 3, 4]):
            a_vote(app_session, round, choices)
        app_session.commit()
        early = as_(Role.STEWARD).post(vote(round, "count"), follow_redirects=True)
        assert "Voting is open until" in text_of(early)
        clock.set(round.voting_closes_at)
        steward, address = as_(Role.STEWARD), vote(round, "count")
        app_session.rollback()  # a reader would keep the database from emptying its log, and be waited for
        answer = steward.post(address, follow_redirects=True)
        assert "The votes are counted" in text_of(answer)
        assert (count_of(app_session, Ballot), count_of(app_session, Envelope)) == (2, 0)

    def test_who_reads_meanwhile_keeps_nobody_waiting_and_the_clock_wipes_what_is_left(
        self, app: Flask, as_: SignIn, app_session: Session, clock: SetClock, round: Round
    ) -> None:
        a_vote(app_session, round, [1, 2, 3])
        app_session.commit()
        sealed = app_session.scalars(select(Envelope.sealed)).one()
        clock.set(round.voting_closes_at)
        steward, address = as_(Role.STEWARD), vote(round, "count")
        app_session.rollback()
        assert count_of(app_session, Ballot) == 0  # somebody reads on, and so holds fast what the log says
        assert "within the next minutes" in text_of(steward.post(address, follow_redirects=True))
        with app.app_context():
            log = Path(f"{db.engine.url.database}-wal")
            assert space_is_owed()
        app_session.rollback()
        assert app.test_cli_runner().invoke(args=["voting", "close-due"]).exit_code == 0
        with app.app_context():
            assert not space_is_owed()
        assert log.stat().st_size == 0
        assert sealed not in Path(str(log).removesuffix("-wal")).read_bytes()

    @pytest.mark.parametrize("role", [Role.PANELLIST, Role.CONNECTOR, Role.FUNDER])
    def test_the_desk_is_not_for(self, as_: SignIn, round: Round, role: Role) -> None:
        assert as_(role).get(vote(round, "desk")).status_code == 403

    def test_an_auditor_reads_the_desk_and_changes_nothing(self, as_: SignIn, round: Round) -> None:
        auditor = as_(Role.AUDITOR)
        page = auditor.get(vote(round, "desk"))
        assert page.status_code == 200
        assert "Make new codes" not in page.text
        for step in ("open", "count", "codes"):
            assert auditor.post(vote(round, step)).status_code == 403

    def test_a_steward_of_another_fund_stays_out(self, as_: SignIn, app_session: Session, round: Round) -> None:
        stranger = as_(a_person(app_session, Role.STEWARD, scope_id=uuid4()))
        assert stranger.get(vote(round, "desk")).status_code == 403
        for step in ("open", "count", "codes"):
            data = {"label": "L", "code_count": "1", "form_of": "csv"}
            assert stranger.post(vote(round, step), data=data).status_code == 403

    def test_home_says_what_waits(self, as_: SignIn, app_session: Session, clock: SetClock, round: Round) -> None:
        ready = a_round(app_session, RoundState.CHECKING, panel_locked_at=AFTER - timedelta(days=9))
        app_session.commit()
        clock.set(round.voting_closes_at)
        page = text_of(as_(Role.STEWARD).get("/home"))
        assert f"Open the vote of {ready.title}" in page
        assert f"Count the votes of {round.title}" in page

    def test_the_clock_counts_by_command_and_twice_is_once(
        self, app: Flask, app_session: Session, clock: SetClock, round: Round
    ) -> None:
        a_vote(app_session, round, [1, 2, 3])
        app_session.commit()
        run = app.test_cli_runner().invoke
        assert run(args=["voting", "close-due"]).output.strip() == "0 counted, 0 forgotten"
        clock.set(round.voting_closes_at)
        app_session.rollback()  # a reader would keep the database from emptying its log, and be waited for
        assert run(args=["voting", "close-due"]).output.strip() == "1 counted, 0 forgotten"
        assert run(args=["voting", "close-due"]).output.strip() == "0 counted, 0 forgotten"
        assert count_of(app_session, Ballot) == 1


class TestAfterTheClose:
    def counted(self, session: Session, state: RoundState, votes: int = 60, **fields: Any) -> Round:
        round = a_round(session, RoundState.PANEL, **fields)
        a_ballot(session, round, [a_proposal(session, round, ProposalState.ELIGIBLE) for _ in range(4)])
        ballots = [[1, 2, 3], [2, 3, 4], []]
        a_count(
            session,
            round,
            [ballots[n % 3] for n in range(votes)],
            ward_codes=["E05014880"] * 50 + ["E05014882"] * 10,
        )
        round.state = state
        if state is RoundState.ANNOUNCED:
            round.announced_at = round.decide_by
        session.commit()
        return round

    def at(self, round: Round, what: str = "ballots") -> str:
        return f"/rounds/{round.id}/{what}"

    def test_the_board_and_the_turnout_come_with_the_count_but_ballots_with_the_results(
        self, client: FlaskClient, app_session: Session
    ) -> None:
        round = self.counted(app_session, RoundState.PANEL)
        text = text_of(client.get(self.at(round)))
        assert "people voted 60" in text
        assert "published together with the results" in text
        for path in ("ballots.csv", "ballots.json"):
            assert client.get(self.at(round, path)).status_code == 404
        assert len(client.get(self.at(round, "board.csv")).text.splitlines()) == 61

    def test_a_voter_finds_their_own_tracking_code(self, client: FlaskClient, app_session: Session) -> None:
        round = self.counted(app_session, RoundState.PANEL)
        rows = list(csv.DictReader(io.StringIO(client.get(self.at(round, "board.csv")).text)))
        code = rows[57]["tracking code"]
        answer = client.get(self.at(round), query_string={"code": code.lower().replace("-", "")})
        assert f"Yes. {code} is on the board" in text_of(answer)
        assert rows[57]["commitment"] in answer.text
        assert "The code does not say what you chose" in text_of(answer)
        assert "grants voting tracking-code your secret number 3 7 12" in text_of(answer)
        other = client.get(self.at(round), query_string={"code": "2222-2222-2222-2222"})
        assert "is not on the board" in text_of(other)
        assert "cannot be a tracking code" in text_of(client.get(self.at(round), query_string={"code": "O"}))

    def test_a_voter_works_out_offline_that_the_code_says_what_they_chose(
        self, app: Flask, client: FlaskClient, app_session: Session, clock: SetClock
    ) -> None:
        round = a_vote_under_way(app_session, bids=8)
        code = a_code(app_session, round)
        app_session.commit()
        cast(client, round, code, ["2", "5", "7"])
        page = client.get(vote(round, "done")).text
        number = re.search(r'<span class="app-code">([0-9a-f]{64})<', page)
        assert number
        run = app.test_cli_runner().invoke
        shown = "".join(re.findall(r'app-receipt__half">([^<]+)<', page))
        with statements(app) as heard:
            assert run(args=["voting", "tracking-code", number[1], "2", "5", "7"]).output.split()[0] == shown
            assert run(args=["voting", "tracking-code", number[1], "2", "5", "8"]).output.split()[0] != shown
        assert heard == []
        assert "64 letters and digits" in run(args=["voting", "tracking-code", "ab", "2"]).output
        assert "like 3=5 12=2" in run(args=["voting", "tracking-code", number[1], "2", "--kind", "points"]).output

    def test_published_ballots_match_their_hash(self, client: FlaskClient, app_session: Session) -> None:
        round = self.counted(app_session, RoundState.ANNOUNCED)
        facts = json.loads(client.get(self.at(round, "ballots.json")).text)
        assert ballots_hash(facts["ballots"]) == facts["ballots_sha256"]
        assert facts["ballots_sha256"] in client.get(self.at(round)).text
        rows = list(csv.reader(io.StringIO(client.get(self.at(round, "ballots.csv")).text)))
        assert len(rows) == 61
        assert sum(int(row[1]) for row in rows[1:]) == 40

    def test_few_ballots_are_published_as_totals_only(self, client: FlaskClient, app_session: Session) -> None:
        round = self.counted(app_session, RoundState.ANNOUNCED, votes=49)
        text = text_of(client.get(self.at(round)))
        assert "Fewer than 50 people voted" in text
        assert "By ward" not in text
        assert client.get(self.at(round, "ballots.csv")).status_code == 404

    def test_small_cells_point_at_nobody(self, client: FlaskClient, app_session: Session) -> None:
        round = self.counted(app_session, RoundState.PANEL, votes=59)  # 50 in one ward, 9 in the other
        text = text_of(client.get(self.at(round)))
        assert "too few to show" in text
        assert "Ballots 50" not in text
        assert "Ballots 9" not in text

    def test_papers_that_do_not_count_are_explained_to_all_and_told_by_reason_at_the_desk(
        self, client: FlaskClient, as_: SignIn, app_session: Session
    ) -> None:
        round = self.counted(app_session, RoundState.PANEL)
        for mark in app_session.scalars(select(RollMark).where(RollMark.round_id == round.id).limit(15)):
            mark.channel = Channel.PAPER
        tally = app_session.get_one(Tally, round.id)
        tally.paper_given, tally.paper_count, tally.paper_invalid = 15, 12, {"unsigned": 2}
        helper = a_person(app_session, Role.STEWARD)
        app_session.add(HelpCount(round_id=round.id, helper_id=helper.id, on_day=round.voting_opens_at.date(), times=3))
        app_session.commit()
        assert "15 people were given a ballot paper, and 12 papers count." in text_of(client.get(self.at(round)))
        desk = text_of(as_(Role.STEWARD).get(self.at(round, "vote/desk")))
        assert "2: the slip that came with it is not signed" in desk
        assert f"{helper.name}: 3 people" in desk

    def test_a_page_of_the_board_that_nobody_reaches_is_no_error(
        self, client: FlaskClient, app_session: Session
    ) -> None:
        round = self.counted(app_session, RoundState.PANEL)
        assert client.get(self.at(round), query_string={"page": "9" * 30}).status_code == 200

    def test_a_line_set_aside_says_why(self, client: FlaskClient, app_session: Session) -> None:
        round = self.counted(app_session, RoundState.PANEL)
        queries.ballot_lines(app_session, round.id)[0].set_aside_reason = "The group withdrew it."
        app_session.commit()
        assert "The group withdrew it." in text_of(client.get(self.at(round)))

    def test_the_round_leads_to_the_count(self, client: FlaskClient, app_session: Session) -> None:
        round = self.counted(app_session, RoundState.PANEL)
        assert self.at(round) in client.get(f"/rounds/{round.id}").text


def test_ids_in_addresses_belong_together(as_: SignIn, app_session: Session, round: Round) -> None:
    other = a_vote_under_way(app_session)
    a_code(app_session, other)
    app_session.commit()
    batch: UUID = queries.batches(app_session, other.id)[0].id
    assert as_(Role.STEWARD).get(vote(round, f"codes/{batch}/void")).status_code == 404
