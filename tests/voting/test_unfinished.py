"""An unfinished ballot is there on another device and never counts; reminders go to who asked, and tell nobody."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.adapters.packaged_geography import PackagedGeography
from grants.allocation.service.runs import pack_ballots as packed_of
from grants.insights.models import Insight
from grants.kernel.actors import CLOCK, Actor, Role
from grants.kernel.clock import SetClock
from grants.kernel.errors import NotAllowed, StepRefused
from grants.kernel.sealing import EnvelopeBroken
from grants.kernel.trail import AuditEvent
from grants.outbox.models import OutboxRow
from grants.rounds.models import Round
from grants.rounds.rules.ballots import BallotKind
from grants.voting import queries
from grants.voting.models import Ballot, EmailCheck, ReminderPlan, RollMark, UnfinishedBallot, VoteReminder
from grants.voting.rules.envelope import SEALED_LENGTH as BALLOT_LENGTH
from grants.voting.rules.reminders import SEALED_LENGTH, how_many, open_address, seal_address, why_not_now
from grants.voting.rules.voters import Voter
from grants.voting.service import casting, unfinished
from grants.voting.service import votes as service
from tests.builders.actors import an_actor
from tests.builders.voting import PEPPER, a_code
from tests.conftest import SignIn
from tests.support.clock import START
from tests.support.work import work
from tests.voting.test_service import (
    HERE,
    SAID,
    VOTE_KEY,
    a_steward,
    a_vote_under_way,
    a_voter,
    count_of,
    ticks,
)
from tests.voting.test_views import cast, choose, known_by, text_of, vote

GEOGRAPHY = PackagedGeography()
ROUND = UUID(int=5)


class TestUnfinished:
    def test_what_was_begun_is_there_on_another_device(self, app: Flask, app_session: Session) -> None:
        round = a_vote_under_way(app_session, bids=8)
        code = a_code(app_session, round)
        app_session.commit()
        phone, desk = app.test_client(), app.test_client()
        app.config["WTF_CSRF_ENABLED"] = False
        choose(phone, round, ["1", "2"], do="total")
        known_by(phone, round, code)
        choose(phone, round, ["1", "2", "5"], do="total")
        assert known_by(desk, round, code).location == vote(round, "choose")
        page = desk.get(vote(round, "choose"))
        assert "This is the ballot that you began. It is not cast yet." in text_of(page)
        assert sorted(re.findall(r'value="(\d+)" data-choice[^>]* checked', page.text)) == ["1", "2", "5"]
        assert "saved" in text_of(phone.get(vote(round)))

    def test_a_vote_that_is_being_changed_counts_as_it_was_cast_until_it_is_cast_again(
        self, app: Flask, client: FlaskClient, app_session: Session
    ) -> None:
        round = a_vote_under_way(app_session, bids=8)
        code = a_code(app_session, round)
        app_session.commit()
        cast(client, round, code)
        known_by(client, round, code)
        choose(client, round, ["4", "5", "6"], do="total")
        later = app.test_client()
        known_by(later, round, code)
        page = text_of(later.get(vote(round, "choose")))
        assert "not cast yet. The vote that you cast before counts until you do." in page
        app_session.rollback()
        service.close_vote(work(app_session, CLOCK, round.voting_closes_at), round.id, vote_key=VOTE_KEY)
        assert queries.cast_ballots(app_session, round.id) == [ticks(1, 2, 3)]

    def test_an_unfinished_ballot_never_counts_and_does_not_outlive_the_close(self, any_session: Session) -> None:
        round = a_vote_under_way(any_session)
        casting.cast(work(any_session), round.id, a_voter(), [1, 2, 3])
        for key in ("a" * 64, "b" * 64):
            unfinished.keep(work(any_session), round.id, a_voter(key), {1: 1, 2: 1, 4: 1})
        assert queries.turnout(any_session, round.id).total == 1
        tally = service.close_vote(work(any_session, CLOCK, round.voting_closes_at), round.id, vote_key=VOTE_KEY)
        assert (tally.ballot_count, tally.approvals) == (1, {"1": 1, "2": 1, "3": 1})
        assert (count_of(any_session, Ballot), count_of(any_session, UnfinishedBallot)) == (1, 0)
        # What goes out is made of these two and nothing else: the ballots that were cast, and the roll.
        assert queries.cast_ballots(any_session, round.id) == [ticks(1, 2, 3)]
        assert len(queries.whole_board(any_session, round.id)) == 1
        made = packed_of(work(any_session, CLOCK, round.voting_closes_at), round)
        assert made.voters == 1
        assert any_session.scalars(select(Insight)).all() == []

    def test_it_is_one_sealed_row_of_one_length_for_each_voter(self, any_session: Session) -> None:
        round = a_vote_under_way(any_session)
        voter, other = a_voter(), a_voter()
        for picks in ({1: 1}, {1: 1, 2: 1, 3: 1}):
            unfinished.keep(work(any_session), round.id, voter, picks)
        unfinished.keep(work(any_session), round.id, other, {4: 1})
        lengths = any_session.scalars(select(UnfinishedBallot.sealed)).all()
        assert [len(sealed) for sealed in lengths] == [BALLOT_LENGTH] * 2
        assert unfinished.kept_choices(any_session, round, voter, vote_key=VOTE_KEY) == ticks(1, 2, 3)
        assert unfinished.kept_choices(any_session, round, other, vote_key=VOTE_KEY) == ticks(4)
        unfinished.keep(work(any_session), round.id, voter, {})
        assert unfinished.kept_choices(any_session, round, voter, vote_key=VOTE_KEY) is None

    def test_points_and_places_that_do_not_hold_yet_are_kept_too(self, session: Session) -> None:
        round = a_vote_under_way(
            session, ballot_kind=BallotKind.POINTS, ballot_minimum=1, ballot_maximum=10, ballot_each=5
        )
        voter = a_voter()
        unfinished.keep(work(session), round.id, voter, {1: 7, 2: 9})
        unfinished.keep(work(session), round.id, voter, {1: -7})  # no envelope can hold that: the last one stays
        assert unfinished.kept_choices(session, round, voter, vote_key=VOTE_KEY) == ((1, 7), (2, 9))

    def test_nothing_is_kept_once_voting_is_closed(self, session: Session) -> None:
        round = a_vote_under_way(session)
        with pytest.raises(StepRefused, match="Voting closed"):
            unfinished.keep(work(session, now=round.voting_closes_at), round.id, a_voter(), {1: 1})
        assert count_of(session, UnfinishedBallot) == 0


class TestRules:
    def test_nobody_is_reminded_in_the_last_six_hours(self) -> None:
        closes = START + timedelta(days=2)
        assert why_not_now(closes, closes - timedelta(hours=6)) is None
        assert why_not_now(closes, closes - timedelta(hours=5, minutes=59)) is not None

    def test_a_vote_without_an_end_has_no_last_hours(self) -> None:
        assert why_not_now(None, START) is None

    def test_an_address_is_kept_so_that_only_this_installation_reads_it_and_its_length_tells_nothing(self) -> None:
        sealed = [seal_address(address, PEPPER, ROUND) for address in ("a@b.uk", "somebody.long@residents.example")]
        assert {len(one) for one in sealed} == {SEALED_LENGTH}
        assert open_address(sealed[0], PEPPER, ROUND) == "a@b.uk"
        assert seal_address("a@b.uk", PEPPER, ROUND) != sealed[0]
        for pepper, round_id in ((b"q" * 32, ROUND), (PEPPER, UUID(int=6))):
            with pytest.raises(EnvelopeBroken):
                open_address(sealed[0], pepper, round_id)
        with pytest.raises(ValueError, match="long"):
            seal_address("x" * 256, PEPPER, ROUND)


class TestReminders:
    def asks(self, session: Session, round: Round, email: str, *, remind: bool = True, now: datetime = START) -> Voter:
        """Somebody shows that they read this address, and asks to be reminded (or not any more)."""
        place = GEOGRAPHY.find(HERE)
        check_id = service.start_email_check(
            work(session, now=now), round.id, email, place, SAID, pepper=PEPPER, remind=remind
        )
        assert isinstance(check_id, UUID)
        letter = session.scalars(select(OutboxRow).where(OutboxRow.key == f"vote-number:{check_id}")).one()
        number = re.search(r"\b\d{6}\b", letter.payload["text"])
        assert number is not None
        voter = service.confirm_email(work(session, now=now), round.id, check_id, number[0], pepper=PEPPER)
        assert isinstance(voter, Voter)
        return voter

    def letters(self, session: Session) -> list[str]:
        rows = session.scalars(select(OutboxRow).where(OutboxRow.key.startswith("vote-reminder:")))
        return sorted(row.payload["to"] for row in rows)

    def sends(self, session: Session, steward: Actor, round: Round, now: datetime = START) -> int:
        """Count and send; how many letters went out in this moment."""
        before = len(self.letters(session))
        unfinished.plan_reminders(work(session, steward, now), round.id)
        assert unfinished.remind(work(session, steward, now), round.id, pepper=PEPPER)[1]
        return len(self.letters(session)) - before

    def test_the_number_shown_before_is_the_number_sent_and_none_goes_to_who_has_finished(
        self, any_session: Session
    ) -> None:
        session, steward = any_session, a_steward(any_session)
        round = a_vote_under_way(session)
        asked = [self.asks(session, round, f"r{at}@residents.example") for at in range(8)]
        casting.cast(work(session), round.id, asked[0], [1, 2, 3])
        self.asks(session, round, "dan@residents.example", remind=False)
        plan = unfinished.plan_reminders(work(session, steward), round.id)
        assert how_many(plan.letters) == "5 to 9 reminders"
        assert self.letters(session) == []  # nothing is sent by looking
        casting.cast(work(session), round.id, asked[1], [1, 2, 3])  # after the count
        self.asks(session, round, "new@residents.example")  # after it too
        plan, sent = unfinished.remind(work(session, steward), round.id, pepper=PEPPER)
        assert (how_many(plan.letters), sent) == ("5 to 9 reminders", True)
        assert self.letters(session) == [f"r{at}@residents.example" for at in range(2, 8)]
        told = session.scalars(select(AuditEvent).where(AuditEvent.verb == "voting.reminded")).one()
        assert told.body["letters"] == "5 to 9 reminders"
        assert "residents" not in str(told.body)

    def test_when_so_many_finish_that_the_number_would_be_wrong_nothing_goes_out_before_it_is_looked_at_again(
        self, any_session: Session
    ) -> None:
        session, steward = any_session, a_steward(any_session)
        round = a_vote_under_way(session)
        asked = [self.asks(session, round, f"r{at}@residents.example") for at in range(5)]
        assert unfinished.plan_reminders(work(session, steward), round.id).letters == 5
        casting.cast(work(session), round.id, asked[0], [1, 2, 3])
        plan, sent = unfinished.remind(work(session, steward), round.id, pepper=PEPPER)
        assert (how_many(plan.letters), sent, self.letters(session)) == ("fewer than 5 reminders", False, [])
        assert unfinished.remind(work(session, steward), round.id, pepper=PEPPER)[1]
        assert len(self.letters(session)) == 4

    def test_the_number_stands_still_for_a_day_whoever_votes_meanwhile(self, session: Session) -> None:
        steward, round = a_steward(session), a_vote_under_way(session)
        asked = [self.asks(session, round, f"r{at}@residents.example") for at in range(5)]
        assert unfinished.plan_reminders(work(session, steward), round.id).letters == 5
        casting.cast(work(session), round.id, asked[0], [1, 2, 3])
        later = START + timedelta(hours=23)
        assert unfinished.plan_reminders(work(session, steward, later), round.id).letters == 5
        assert unfinished.plan_reminders(work(session, steward, START + timedelta(hours=24)), round.id).letters == 0

    def test_nothing_is_sent_that_was_not_counted_and_nothing_twice(self, session: Session) -> None:
        steward, round = a_steward(session), a_vote_under_way(session)
        self.asks(session, round, "ann@residents.example")
        with pytest.raises(StepRefused, match="First count"):
            unfinished.remind(work(session, steward), round.id, pepper=PEPPER)
        assert self.sends(session, steward, round) == 1
        with pytest.raises(StepRefused, match="have gone out"):
            unfinished.remind(work(session, steward), round.id, pepper=PEPPER)

    def test_none_within_a_day_of_the_last(self, session: Session) -> None:
        steward, round = a_steward(session), a_vote_under_way(session)
        self.asks(session, round, "ann@residents.example")
        assert self.sends(session, steward, round) == 1
        soon, then = START + timedelta(hours=23), START + timedelta(hours=24)
        self.asks(session, round, "bob@residents.example", now=soon)
        with pytest.raises(StepRefused, match="have gone out"):
            unfinished.remind(work(session, steward, soon), round.id, pepper=PEPPER)
        assert self.sends(session, steward, round, then) == 2
        assert self.letters(session) == ["ann@residents.example"] * 2 + ["bob@residents.example"]

    def test_none_in_the_last_six_hours_and_none_after_the_close(self, session: Session) -> None:
        steward, round = a_steward(session), a_vote_under_way(session)
        self.asks(session, round, "ann@residents.example")
        late = round.voting_closes_at - timedelta(hours=5)
        with pytest.raises(StepRefused, match="less than six hours"):
            unfinished.plan_reminders(work(session, steward, late), round.id)
        unfinished.plan_reminders(work(session, steward, late - timedelta(hours=2)), round.id)
        with pytest.raises(StepRefused, match="less than six hours"):
            unfinished.remind(work(session, steward, late), round.id, pepper=PEPPER)
        with pytest.raises(StepRefused, match="Voting closed"):
            unfinished.remind(work(session, steward, round.voting_closes_at), round.id, pepper=PEPPER)
        assert self.letters(session) == []

    def test_the_letter_does_not_say_whether_its_reader_has_voted(self, session: Session) -> None:
        steward, round = a_steward(session), a_vote_under_way(session)
        self.asks(session, round, "ann@residents.example")
        self.sends(session, steward, round)
        letter = session.scalars(select(OutboxRow).where(OutboxRow.key.startswith("vote-reminder:"))).one()
        text = letter.payload["subject"] + letter.payload["text"]
        assert "If you have voted meanwhile, there is nothing to do." in text
        assert "not voted" not in text
        assert "Idea" not in text

    def test_who_does_not_ask_any_more_is_forgotten(self, session: Session) -> None:
        round = a_vote_under_way(session)
        self.asks(session, round, "ann@residents.example")
        assert count_of(session, VoteReminder) == 1
        self.asks(session, round, "ann@residents.example", remind=False, now=START + timedelta(hours=2))
        assert count_of(session, VoteReminder) == 0

    def test_addresses_and_letters_are_destroyed_at_the_close(self, any_session: Session) -> None:
        session, steward = any_session, a_steward(any_session)
        round = a_vote_under_way(session)
        self.asks(session, round, "ann@residents.example")
        place = GEOGRAPHY.find(HERE)
        service.start_email_check(
            work(session), round.id, "bob@residents.example", place, SAID, pepper=PEPPER, remind=True
        )
        self.sends(session, steward, round)
        service.close_vote(work(session, CLOCK, round.voting_closes_at), round.id, vote_key=VOTE_KEY)
        assert [
            count_of(session, table) for table in (VoteReminder, ReminderPlan, EmailCheck, OutboxRow, RollMark)
        ] == [0] * 5

    def test_a_letter_that_has_left_is_deleted_so_that_nothing_shows_who_was_written_to(self, session: Session) -> None:
        steward, round = a_steward(session), a_vote_under_way(session)
        for name in ("ann", "bob"):
            self.asks(session, round, f"{name}@residents.example")
        self.sends(session, steward, round)
        first = session.scalars(select(OutboxRow).where(OutboxRow.key.startswith("vote-reminder:"))).first()
        assert first is not None
        first.sent_at = START
        session.flush()
        for _ in range(2):
            unfinished.tidy(work(session, CLOCK))
        assert len(self.letters(session)) == 1

    def test_only_a_steward_of_the_fund_reminds(self, session: Session) -> None:
        round = a_vote_under_way(session)
        for role in (Role.AUDITOR, Role.FUNDER):
            with pytest.raises(NotAllowed):
                unfinished.plan_reminders(work(session, an_actor(role)), round.id)
            with pytest.raises(NotAllowed):
                unfinished.remind(work(session, an_actor(role)), round.id, pepper=PEPPER)

    def test_the_desk_shows_the_number_before_anything_is_sent_and_the_same_one_after(
        self, as_: SignIn, client: FlaskClient, app_session: Session, clock: SetClock
    ) -> None:
        round = a_vote_under_way(app_session)
        for at in range(6):
            self.asks(app_session, round, f"r{at}@residents.example")
        app_session.commit()
        steward = as_(Role.STEWARD)
        assert "Count who would be reminded" in steward.get(vote(round, "desk")).text
        page = text_of(steward.get(steward.post(vote(round, "remind/count")).location))
        assert "5 to 9 reminders would go out" in page
        assert "Send 5 to 9 reminders" in page
        assert self.letters(app_session) == []
        page = text_of(steward.get(steward.post(vote(round, "remind")).location))
        assert "5 to 9 reminders go out." in page
        assert "5 to 9 reminders went out" in page
        app_session.rollback()
        assert len(self.letters(app_session)) == 6
        page = text_of(steward.get(steward.post(vote(round, "remind")).location))
        assert "These reminders have gone out." in page
        clock.set(round.voting_closes_at - timedelta(hours=2))
        app_session.rollback()
        assert "Nobody is reminded so late." in text_of(as_(Role.STEWARD).get(vote(round, "desk")))

    def test_the_tick_on_the_way_is_all_it_takes(self, client: FlaskClient, app_session: Session) -> None:
        round = a_vote_under_way(app_session)
        app_session.commit()
        form: dict[str, Any] = {"email": "ann@residents.example", "postcode": HERE, "connection": "lives"}
        client.post(vote(round, "who"), data={**form, "old_enough": "y", "remind": "y"})
        app_session.rollback()
        number = re.search(r"\b\d{6}\b", app_session.scalars(select(OutboxRow)).one().payload["text"])
        assert number is not None
        client.post(vote(round, "number"), data={"number": number[0]})
        app_session.rollback()
        kept = app_session.scalars(select(VoteReminder)).one()
        assert b"ann" not in kept.address
        assert open_address(kept.address, PEPPER, round.id) == "ann@residents.example"
