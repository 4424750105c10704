"""Devices on which others vote: help that ends and is noted without choices, and a kiosk that wipes itself."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.kernel.actors import Role
from grants.kernel.clock import SetClock
from grants.kernel.errors import NotAllowed, StepRefused
from grants.kernel.trail import AuditEvent
from grants.rounds.models import Round
from grants.voting import queries
from grants.voting.models import Envelope, HelpCount, RollMark
from grants.voting.rules.states import Channel
from grants.voting.service import casting, helping
from grants.voting.views.devices import IDLE_SECONDS
from tests.builders.actors import an_actor
from tests.builders.people import a_person, actor_of
from tests.builders.voting import a_code
from tests.conftest import SignIn
from tests.support.work import work
from tests.voting.test_service import a_vote_under_way, a_voter
from tests.voting.test_views import cast, choose, known_by, text_of, vote


@pytest.fixture
def round(app_session: Session) -> Round:
    made = a_vote_under_way(app_session, bids=8)
    app_session.commit()
    return made


@pytest.fixture
def code(app_session: Session, round: Round) -> str:
    made = a_code(app_session, round)
    app_session.commit()
    return made


def ticked(client: FlaskClient, round: Round) -> list[str]:
    page = client.get(vote(round, "choose")).text
    return sorted(re.findall(r'value="(\d+)" data-choice[^>]* checked', page))


class TestHelp:
    def test_a_banner_shows_help_and_who_helped_is_noted_without_what_was_chosen(
        self, as_: SignIn, app_session: Session, round: Round, code: str
    ) -> None:
        helper = as_(Role.CONNECTOR)
        helper.post(f"/rounds/{round.id}/help")
        assert "is helping a resident to vote" in text_of(helper.get(vote(round, "choose")))
        answer = cast(helper, round, code)
        receipt = text_of(helper.get(answer.location))
        assert "Your tracking code" in receipt
        assert "is helping a resident" in receipt
        app_session.rollback()
        assert app_session.scalars(select(RollMark.channel)).all() == [Channel.ASSISTED]
        [kept] = app_session.scalars(select(HelpCount))
        assert kept.times == 1
        assert {column.name for column in HelpCount.__table__.columns} == {"round_id", "helper_id", "on_day", "times"}
        assert [event.verb for event in app_session.scalars(select(AuditEvent))] == []
        assert [times for _, times in queries.helped(app_session, round.id)] == [1]

    def test_the_session_ends_after_thirty_minutes_and_nothing_is_cast_then(
        self, as_: SignIn, clock: SetClock, app_session: Session, round: Round, code: str
    ) -> None:
        helper = as_(Role.OFFICER)
        helper.post(f"/rounds/{round.id}/help")
        choose(helper, round)
        known_by(helper, round, code)
        clock.advance(timedelta(minutes=30))
        answer = helper.post(vote(round, "check"), data={"do": "cast"}, follow_redirects=True)
        page = text_of(answer)
        assert "The help session has ended" in page
        assert "is helping a resident" not in page
        app_session.rollback()
        assert app_session.scalars(select(Envelope)).all() == []
        assert ticked(helper, round) == []

    def test_the_next_resident_starts_clean(self, as_: SignIn, round: Round, code: str) -> None:
        helper = as_(Role.STEWARD)
        helper.post(f"/rounds/{round.id}/help")
        done = cast(helper, round, code).location
        helper.post("/help/end")
        assert helper.get(done).location == vote(round)
        assert helper.get("/home").status_code == 200

    def test_a_helper_is_not_taken_for_the_voter(self, as_: SignIn, round: Round) -> None:
        helper = as_(Role.CONNECTOR)
        assert "You are signed in as" in helper.get(vote(round, "who")).text
        helper.post(f"/rounds/{round.id}/help")
        assert "You are signed in as" not in helper.get(vote(round, "who")).text

    def test_one_person_helps_only_as_many_as_the_rule_book_says(self, any_session: Session) -> None:
        round = a_vote_under_way(any_session, help_cap=2)
        actor = actor_of(any_session, a_person(any_session, Role.CONNECTOR))

        def help_one() -> None:
            uow = work(any_session, actor)
            until = helping.begin_help(uow, round.id)
            helping.hand_in_with_help(
                uow, round.id, a_voter(), casting.seal_ballot(any_session, round.id, [1, 2, 3]), until
            )

        help_one()
        help_one()
        with pytest.raises(StepRefused, match="may help 2 others"):
            help_one()

    def test_a_rule_book_can_rule_help_out_and_residents_do_not_help(self, session: Session) -> None:
        round = a_vote_under_way(session, help_cap=0)
        with pytest.raises(StepRefused, match="nobody helps"):
            helping.begin_help(work(session, actor_of(session, a_person(session, Role.OFFICER))), round.id)
        for actor in (an_actor(), an_actor(Role.ADMIN)):
            with pytest.raises(NotAllowed, match="may help"):
                helping.begin_help(work(session, actor), round.id)


class TestKiosk:
    def open(self, as_: SignIn, round: Round) -> FlaskClient:
        device = as_(Role.OFFICER)
        answer = device.post(f"/rounds/{round.id}/kiosk")
        assert answer.location == "/kiosk"
        return device

    def test_the_officers_session_is_out_of_reach(self, app: Flask, as_: SignIn, round: Round) -> None:
        officer = as_(Role.OFFICER)
        with officer.session_transaction() as cookie:
            before = dict(cookie)
        officer.post(f"/rounds/{round.id}/kiosk")
        assert officer.get("/home").status_code == officer.get("/booth").status_code == 401
        with officer.session_transaction() as cookie:  # even with the cookie that was there before
            cookie.update(before)
        assert officer.get("/home").status_code == 401

    def test_an_idle_kiosk_is_wiped_and_the_next_person_starts_clean(
        self, as_: SignIn, clock: SetClock, round: Round, code: str
    ) -> None:
        device = self.open(as_, round)
        choose(device, round)
        known_by(device, round, code)
        clock.advance(timedelta(seconds=IDLE_SECONDS - 1))
        assert ticked(device, round) == ["1", "2", "3"]
        clock.advance(timedelta(seconds=IDLE_SECONDS + 1))
        assert device.get(vote(round, "check")).location == "/kiosk"
        assert ticked(device, round) == []
        assert "shared device" in device.get(vote(round)).text

    def test_a_cast_that_comes_too_late_casts_nothing(
        self, as_: SignIn, clock: SetClock, app_session: Session, round: Round, code: str
    ) -> None:
        device = self.open(as_, round)
        choose(device, round)
        known_by(device, round, code)
        clock.advance(timedelta(seconds=IDLE_SECONDS + 1))
        assert device.post(vote(round, "check"), data={"do": "cast"}).location == "/kiosk"
        app_session.rollback()
        assert app_session.scalars(select(Envelope)).all() == []

    def test_finish_and_wipe_forgets_the_receipt_and_keeps_the_kiosk(
        self, as_: SignIn, round: Round, code: str
    ) -> None:
        device = self.open(as_, round)
        done = cast(device, round, code).location
        page = device.get(done)
        assert "Your tracking code" in page.text
        assert page.headers["Cache-Control"] == "no-store"
        device.post("/kiosk/wipe")
        assert device.get(done).location == vote(round)
        assert "shared device" in device.get(vote(round)).text

    def test_without_scripts_a_page_goes_back_to_the_beginning_by_itself(self, as_: SignIn, round: Round) -> None:
        page = self.open(as_, round).get(vote(round, "choose")).text
        assert re.search(r'<noscript><meta http-equiv="refresh" content="182;url=/kiosk"></noscript>', page)

    def test_only_an_officer_who_signs_in_again_takes_the_device_back(
        self, as_: SignIn, client: FlaskClient, app_session: Session, round: Round
    ) -> None:
        device: Any = self.open(as_, round)
        assert device.post("/kiosk/end").status_code == 401
        round_id = str(round.id)
        app_session.rollback()
        officer = as_(Role.OFFICER)
        with officer.session_transaction() as cookie:
            cookie["kiosk"] = {"round": round_id, "seen": cookie["seen_at"]}
        assert "End the kiosk" in officer.get("/rounds").text
        officer.post("/kiosk/end")
        assert "shared device" not in officer.get("/rounds").text
