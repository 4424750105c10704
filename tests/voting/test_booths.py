"""In person: who may check people in, and one mark on the roll whatever way somebody comes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grants.adapters.packaged_geography import PackagedGeography
from grants.kernel.actors import CLOCK, Role
from grants.kernel.clock import london_day
from grants.kernel.errors import NotAllowed, RuleBroken, StepRefused
from grants.kernel.trail import AuditEvent
from grants.people.models import Person
from grants.rounds.models import Round
from grants.rounds.rules.ballots import PaperPolicy, VotingMethod
from grants.rounds.rules.states import RoundState
from grants.voting import queries
from grants.voting.models import Booth, BoothDay, BoothShift, Envelope, PaperSheet, RollMark, VotingCode
from grants.voting.rules.codes import hash_address, hash_code, hash_person
from grants.voting.rules.serials import read_serial
from grants.voting.rules.states import Channel, CodeState
from grants.voting.rules.voters import Voter
from grants.voting.service import booths, casting, papers
from grants.voting.service import votes as service
from grants.voting.service.booths import Shown
from tests.builders.people import a_person, actor_of
from tests.builders.rounds import a_round
from tests.builders.voting import PEPPER, a_booth, a_code, an_officer
from tests.support.clock import START
from tests.support.work import work
from tests.voting.test_service import HERE, VOTE_KEY, a_steward, a_vote_under_way, count_of

PLACE = PackagedGeography().find(HERE)
ROSE = Shown(name="Rosé Ó Brien", born_on=date(1950, 3, 2), place=PLACE, postcode=HERE)


def a_place(session: Session, **fields: object) -> tuple[Round, Booth, object]:
    """A vote under way, a booth, and its officer."""
    round = a_vote_under_way(session, **fields)
    booth = a_booth(session, round)
    return round, booth, actor_of(session, an_officer(session, round, booth))


def check_in(session: Session, booth: Booth, officer: object, shown: Shown = ROSE, **how: object) -> booths.CheckedIn:
    return booths.check_in(
        work(session, officer),  # type: ignore[arg-type]
        booth.id,
        shown,
        **{"checked": True, "pepper": PEPPER, **how},  # type: ignore[arg-type]
    )


def channels(session: Session) -> list[Channel]:
    return sorted(session.scalars(select(RollMark.channel)))


class TestCheckingIn:
    def test_somebody_who_is_given_a_paper_stands_on_the_roll_without_the_papers_number(
        self, any_session: Session
    ) -> None:
        _, booth, officer = a_place(any_session)
        assert check_in(any_session, booth, officer).done
        mark = any_session.scalars(select(RollMark)).one()
        assert (mark.channel, mark.voted_on, mark.ward_code) == (Channel.PAPER, london_day(START), "E05014880")
        assert {column.name for column in RollMark.__table__.columns} == {
            *("round_id", "voter_key", "channel", "voted_on", "ward_code")
        }
        assert any_session.scalars(select(AuditEvent)).all() == []
        assert any_session.scalars(select(BoothDay.given)).all() == [1]

    def test_nobody_is_given_two_papers(self, any_session: Session) -> None:
        round, booth, officer = a_place(any_session)
        check_in(any_session, booth, officer)
        other = a_booth(any_session, round)
        elsewhere = actor_of(any_session, an_officer(any_session, round, other))
        same = Shown(name="o brien, ROSE", born_on=date(1950, 3, 2), place=PLACE, postcode=HERE.lower())
        with pytest.raises(StepRefused, match="given a paper already"):
            check_in(any_session, other, elsewhere, same)
        assert channels(any_session) == [Channel.PAPER]

    @pytest.mark.parametrize(("policy", "may_void"), [(PaperPolicy.REPLACE, True), (PaperPolicy.REFUSE, False)])
    def test_the_screen_says_that_a_resident_voted_online_and_offers_only_what_policy_allows(
        self, any_session: Session, policy: PaperPolicy, may_void: bool
    ) -> None:
        round, booth, officer = a_place(any_session, paper_policy=policy)
        key = hash_address("rose@example.org", PEPPER, round.id)
        casting.cast(work(any_session), round.id, Voter(key, VotingMethod.EMAIL_POSTCODE), [1, 2, 3])
        shown = Shown(email="rose@example.org", place=PLACE, postcode=HERE)
        first = check_in(any_session, booth, officer, shown)
        assert (first.done, first.voted_online, first.may_void) == (False, True, may_void)
        assert (channels(any_session), count_of(any_session, Envelope)) == ([Channel.ONLINE], 1)
        then = check_in(any_session, booth, officer, shown, void_online=True)
        assert then.done is may_void
        assert channels(any_session) == [Channel.PAPER if may_void else Channel.ONLINE]
        assert count_of(any_session, Envelope) == (0 if may_void else 1)
        assert sum(any_session.scalars(select(BoothDay.voided))) == int(may_void)

    def test_who_was_checked_in_on_paper_is_told_so_online(self, any_session: Session) -> None:
        round, booth, officer = a_place(any_session)
        code = a_code(any_session, round)
        check_in(any_session, booth, officer, Shown(code=code))
        voter = Voter(hash_code(code, PEPPER, round.id), VotingMethod.CODE)
        with pytest.raises(StepRefused, match="already voted on paper"):
            casting.cast(work(any_session), round.id, voter, [1, 2, 3])
        assert (channels(any_session), count_of(any_session, Envelope)) == ([Channel.PAPER], 0)
        assert any_session.scalars(select(VotingCode.state)).all() == [CodeState.USED]

    def test_a_code_that_is_unknown_or_void_gets_no_paper(self, session: Session) -> None:
        round, booth, officer = a_place(session)
        for code, words in (
            (a_code(session, round, state=CodeState.VOID), "worth nothing"),
            (a_code(session, a_vote_under_way(session)), "not for this round"),
        ):
            with pytest.raises(RuleBroken, match=words) as refused:
                check_in(session, booth, officer, Shown(code=code))
            assert refused.value.field == "code"
        assert count_of(session, RollMark) == 0

    @pytest.mark.parametrize(
        ("shown", "field"),
        [
            (Shown(), "postcode"),
            (Shown(place=PLACE, postcode=HERE), "name"),
            (Shown(name="Rose", place=PLACE, postcode=HERE), "born_on"),
        ],
    )
    def test_who_cannot_be_known_is_asked_for_what_is_missing(self, session: Session, shown: Shown, field: str) -> None:
        _, booth, officer = a_place(session)
        with pytest.raises(RuleBroken) as refused:
            check_in(session, booth, officer, shown)
        assert refused.value.field == field

    def test_the_officer_must_have_checked_that_they_may_vote(self, session: Session) -> None:
        _, booth, officer = a_place(session)
        with pytest.raises(RuleBroken, match="tick the box"):
            check_in(session, booth, officer, checked=False)

    def test_only_while_voting_is_open(self, session: Session) -> None:
        round, booth, _ = a_place(session)
        closes = round.voting_closes_at
        officer = actor_of(session, an_officer(session, round, booth, day=london_day(closes)))
        with pytest.raises(StepRefused, match="Voting closed at"):
            booths.check_in(work(session, officer, closes), booth.id, ROSE, checked=True, pepper=PEPPER)

    def test_one_person_has_one_key_however_they_spell_themselves(self) -> None:
        born = date(2000, 1, 1)
        spelt = {
            hash_person(name, born, postcode, PEPPER, UUID(int=1))
            for name, postcode in (("Zoë Ash-Lee", "TS18 1AA"), ("ash lee  ZOE", "ts181aa"))
        }
        assert len(spelt) == 1
        assert hash_person("Zoe Ash Lee", date(2000, 1, 2), "TS18 1AA", PEPPER, UUID(int=1)) not in spelt
        assert hash_person("Зоя", born, "TS18 1AA", PEPPER, UUID(int=1)) != hash_person(
            "Аня", born, "TS18 1AA", PEPPER, UUID(int=1)
        )


class TestUndoing:
    """Somebody was checked in by mistake."""

    def undo(self, session: Session, booth: Booth, officer: object, shown: Shown = ROSE, **how: object) -> None:
        booths.undo_check_in(
            work(session, officer),  # type: ignore[arg-type]
            booth.id,
            shown,
            **{"no_paper": True, "why": "A neighbour of the same name.", "pepper": PEPPER, **how},  # type: ignore[arg-type]
        )

    @pytest.mark.parametrize("same", [True, False])
    def test_the_same_or_another_officer_on_the_shift_takes_the_mark_off_the_roll_and_says_why(
        self, any_session: Session, same: bool
    ) -> None:
        round, booth, officer = a_place(any_session)
        code = a_code(any_session, round)
        check_in(any_session, booth, officer, Shown(code=code))
        other = officer if same else actor_of(any_session, an_officer(any_session, round, booth))
        self.undo(any_session, booth, other, Shown(code=code))
        any_session.expire_all()
        assert channels(any_session) == []
        day = any_session.scalars(select(BoothDay)).one()
        assert (day.given, day.undone) == (1, 1)
        assert any_session.scalars(select(VotingCode.state)).all() == [CodeState.ISSUED]
        event = any_session.scalars(select(AuditEvent)).one()
        assert (event.verb, event.subject_id) == ("voting.check_in_reversed", booth.id)
        assert event.why == "A neighbour of the same name."
        assert hash_code(code, PEPPER, round.id) not in str(event.body)

    def test_afterwards_they_can_vote_online_or_be_given_a_paper(self, any_session: Session) -> None:
        round, booth, officer = a_place(any_session)
        shown = Shown(code=a_code(any_session, round))
        voter = Voter(hash_code(shown.code, PEPPER, round.id), VotingMethod.CODE)
        check_in(any_session, booth, officer, shown)
        self.undo(any_session, booth, officer, shown)
        casting.cast(work(any_session), round.id, voter, [1, 2, 3])
        assert channels(any_session) == [Channel.ONLINE]
        assert check_in(any_session, booth, officer, shown, void_online=True).done

    def test_who_voted_online_meanwhile_stays_on_the_roll(self, any_session: Session) -> None:
        round, booth, officer = a_place(any_session)
        shown = Shown(code=a_code(any_session, round))
        check_in(any_session, booth, officer, shown)
        check_in(any_session, booth, officer)  # somebody else
        self.undo(any_session, booth, officer, shown)
        casting.cast(
            work(any_session), round.id, Voter(hash_code(shown.code, PEPPER, round.id), VotingMethod.CODE), [1, 2, 3]
        )
        with pytest.raises(StepRefused, match="Nobody with these details"):
            self.undo(any_session, booth, officer, shown)
        assert channels(any_session) == [Channel.ONLINE, Channel.PAPER]

    def test_only_an_officer_on_shift_today_with_a_reason_and_no_paper_in_the_box(self, session: Session) -> None:
        round, booth, officer = a_place(session)
        check_in(session, booth, officer)
        for stranger in (a_steward(session), actor_of(session, an_officer(session, round, a_booth(session, round)))):
            with pytest.raises(NotAllowed):
                self.undo(session, booth, stranger)
        for how, field in (({"why": " "}, "why"), ({"no_paper": False}, "no_paper")):
            with pytest.raises(RuleBroken) as refused:
                self.undo(session, booth, officer, **how)
            assert refused.value.field == field
        assert channels(session) == [Channel.PAPER]

    def test_not_on_another_day(self, session: Session) -> None:
        _, booth, officer = a_place(session)
        check_in(session, booth, officer)
        person = session.get_one(Person, officer.id)  # type: ignore[attr-defined]
        session.add(BoothShift(booth_id=booth.id, person_id=person.id, on_day=london_day(START + timedelta(days=1))))
        session.flush()
        with pytest.raises(StepRefused, match="here today"):
            booths.undo_check_in(
                work(session, officer, START + timedelta(days=1)),  # type: ignore[arg-type]
                booth.id,
                ROSE,
                no_paper=True,
                why="By mistake",
                pepper=PEPPER,
            )

    def test_not_once_every_paper_that_was_given_out_there_is_in_an_opened_box(self, any_session: Session) -> None:
        _, booth, officer = a_place(any_session)
        check_in(any_session, booth, officer)
        papers.declare_batch(work(any_session, officer), booth.id, paper_count=1, last=False)  # type: ignore[arg-type]
        with pytest.raises(StepRefused, match="in a box that was opened"):
            self.undo(any_session, booth, officer)
        check_in(any_session, booth, officer, replace(ROSE, name="Jack"))
        self.undo(any_session, booth, officer)
        assert channels(any_session) == [Channel.PAPER]

    def test_a_booth_where_every_check_in_was_undone_is_still_waited_for(self, session: Session) -> None:
        round, booth, officer = a_place(session)
        check_in(session, booth, officer)
        self.undo(session, booth, officer)
        with pytest.raises(StepRefused, match="is not opened"):
            service.close_vote(work(session, CLOCK, round.voting_closes_at), round.id, vote_key=VOTE_KEY)


class TestShifts:
    def test_an_officer_without_a_shift_today_is_refused(self, session: Session) -> None:
        round, booth, _ = a_place(session)
        tomorrow = an_officer(session, round, booth, day=london_day(START) + timedelta(days=1))
        with pytest.raises(NotAllowed, match="no shift at this booth today"):
            check_in(session, booth, actor_of(session, tomorrow))

    def test_an_admin_and_a_steward_who_are_no_officers_are_refused(self, session: Session) -> None:
        _, booth, _ = a_place(session)
        for role in (Role.ADMIN, Role.STEWARD):
            with pytest.raises(NotAllowed, match="Only a booth officer"):
                check_in(session, booth, actor_of(session, a_person(session, role)))

    def test_an_officer_with_two_booths_is_offered_both(self, session: Session) -> None:
        round, booth, _ = a_place(session)
        other = a_booth(session, round)
        steward, officer = a_steward(session), an_officer(session, round)
        for place in (booth, other):
            booths.give_shift(work(session, steward), place.id, officer.id, [london_day(START)])
        today = queries.booths_today(session, officer.id, london_day(START))
        assert {row.id for row in today} == {booth.id, other.id}
        booths.end_shift(work(session, steward), other.id, officer.id, london_day(START))
        assert [row.id for row in queries.booths_today(session, officer.id, london_day(START))] == [booth.id]

    def test_only_officers_are_put_down_and_only_for_days_of_the_vote(self, session: Session) -> None:
        round, booth, _ = a_place(session)
        steward = a_steward(session)
        with pytest.raises(NotAllowed, match="booth officer"):
            booths.give_shift(work(session, steward), booth.id, a_person(session).id, [london_day(START)])
        with pytest.raises(RuleBroken, match="can vote"):
            booths.give_shift(work(session, steward), booth.id, an_officer(session, round).id, [date(2031, 1, 1)])

    def test_a_booth_needs_a_rule_book_that_lets_people_vote_in_person(self, session: Session) -> None:
        round = a_vote_under_way(session, vote_methods=(VotingMethod.CODE,))
        with pytest.raises(StepRefused, match="nobody votes in person"):
            booths.make_booth(work(session, a_steward(session)), round.id, name="Library", place="High Street")


class TestPrinting:
    def test_each_paper_has_a_number_of_its_own_with_a_check_letter(self, any_session: Session) -> None:
        round = a_vote_under_way(any_session)
        run = booths.print_papers(work(any_session, a_steward(any_session)), round.id, sheet_count=40, large_print=True)
        serials = queries.serials(any_session, run.id, first=0, size=100)
        assert len(set(serials)) == 40
        assert [read_serial(serial.lower()) for serial in serials] == serials
        assert queries.serials(any_session, run.id, first=30, size=20) == serials[30:]
        assert any_session.scalar(select(func.count()).select_from(PaperSheet)) == 40

    def test_papers_are_printed_once_the_ballot_is_frozen(self, session: Session) -> None:
        steward = a_steward(session)
        for state in (RoundState.CHECKING, RoundState.PANEL):
            with pytest.raises(StepRefused, match="frozen"):
                booths.print_papers(
                    work(session, steward), a_round(session, state).id, sheet_count=1, large_print=False
                )


def test_nothing_is_counted_while_a_box_is_not_opened(session: Session) -> None:
    round = a_vote_under_way(session)
    a_booth(session, round, name="Thornaby library", given=2)
    with pytest.raises(StepRefused, match="the box of Thornaby library is not opened"):
        service.close_vote(work(session, CLOCK, round.voting_closes_at), round.id, vote_key=VOTE_KEY)
