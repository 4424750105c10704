"""Papers where officers hold the key: readings are compared by a cover sheet's letters, and nobody opens one."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import combinations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from grants.kernel.actors import Actor, Role
from grants.kernel.clock import london_day
from grants.kernel.errors import NotAllowed, RuleBroken, StepRefused
from grants.kernel.sealing import make_key_pair
from grants.kernel.trail import AuditEvent
from grants.rounds import service as round_service
from grants.rounds.models import KeyShare
from grants.rounds.rules.ballots import KeyKeeping, PaperPolicy, VotingMethod
from grants.rounds.rules.book import RuleBook
from grants.rounds.rules.states import RoundState
from grants.rounds.rules.words import in_words
from grants.voting import queries
from grants.voting.models import (
    Ballot,
    BoothShift,
    Envelope,
    PaperBatch,
    PaperCorrection,
    PaperEntry,
    RollMark,
    Tally,
)
from grants.voting.rules import covers
from grants.voting.rules.codes import hash_code
from grants.voting.rules.covers import (
    SITTING,
    cover_hash,
    cover_key,
    hold_sitting,
    likeness,
    make_cover,
    read_cover,
    sitting_key,
)
from grants.voting.rules.paper import FIRST, SECOND, Invalid, PaperBatchState, Sheet, seal_marks
from grants.voting.rules.states import Channel
from grants.voting.service import booths, keys, papers
from grants.voting.service import votes as service
from grants.voting.service.booths import Shown
from grants.voting.service.papers import Keyed
from grants.web.db import WRITES
from tests.builders.people import a_person, actor_of
from tests.builders.rounds import a_draft
from tests.builders.voting import PEPPER, a_booth, a_code, a_vote, an_officer, give_key_to, some_papers
from tests.support.clock import START
from tests.support.schema import an_engine, load_models
from tests.support.settings import KEYS
from tests.support.work import work
from tests.voting.test_keys import strongly
from tests.voting.test_papers import counted
from tests.voting.test_secrecy import whole
from tests.voting.test_service import VOTE_KEY, a_steward, a_vote_under_way, count_of

WORK = covers._WORK


@pytest.fixture(autouse=True)
def _quick_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a guess costs is looked at once, below."""
    monkeypatch.setattr(covers, "_WORK", 2)


ROUND, BATCH, PERSON = UUID(int=7), UUID(int=8), UUID(int=9)
KEY = bytes(range(32))
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LETTERS = "2222-2222-2222-2222"


class TestLetters:
    @given(st.lists(st.integers(0, 22), min_size=15, max_size=15))
    def test_they_are_read_back_however_they_are_typed(self, drawn: list[int]) -> None:
        values = iter(drawn)
        letters = make_cover(lambda _: next(values))
        assert len(letters) == 19
        assert read_cover(letters) == read_cover(f" {letters.lower().replace('-', ' ')} ") == letters

    @pytest.mark.parametrize(
        ("typed", "says"),
        [("", "Type the 16 letters"), ("2222-2222", "Check the letters"), (LETTERS[:-1] + "3", "one")],
    )
    def test_what_cannot_be_right_is_said_at_the_field(self, typed: str, says: str) -> None:
        with pytest.raises(RuleBroken, match=says) as refused:
            read_cover(typed)
        assert refused.value.field == "cover"

    def test_the_same_letters_make_another_key_for_another_batch_or_round(self) -> None:
        made = {cover_key(LETTERS, *about) for about in ((ROUND, BATCH), (ROUND, PERSON), (BATCH, BATCH))}
        assert len(made) == 3
        assert cover_key(LETTERS, ROUND, BATCH) in made

    def test_letters_are_guessed_slowly(self) -> None:
        assert 128 * 8 * WORK >= 16 * 2**20  # bytes of memory for one guess (RFC 7914)


sheets = st.builds(
    Sheet,
    st.none() | st.sampled_from(["2222-2222", "3333-3333"]),
    st.dictionaries(st.integers(1, 5), st.integers(1, 3), max_size=3),
    st.none() | st.sampled_from(Invalid),
)


class TestLikeness:
    @given(sheets, sheets)
    def test_two_readings_are_alike_when_they_say_the_same_and_only_then(self, one: Sheet, two: Sheet) -> None:
        alike = likeness(KEY, ROUND, BATCH, 1, one) == likeness(KEY, ROUND, BATCH, 1, two)
        assert alike is one.same_as(two)

    def test_the_order_in_which_marks_are_typed_makes_no_difference(self) -> None:
        one, two = Sheet("2222-2222", {1: 1, 4: 1}), Sheet("2222-2222", {4: 1, 1: 1})
        assert likeness(KEY, ROUND, BATCH, 1, one) == likeness(KEY, ROUND, BATCH, 1, two)

    def test_equal_papers_at_two_places_or_under_other_letters_are_not_seen_to_be_equal(self) -> None:
        sheet = Sheet("2222-2222", {1: 1})
        made = [
            likeness(key, round_id, batch_id, place, sheet)
            for key, round_id, batch_id, place in (
                (KEY, ROUND, BATCH, 1),
                (KEY, ROUND, BATCH, 2),
                (KEY, ROUND, PERSON, 1),
                (KEY, PERSON, BATCH, 1),
                (KEY[::-1], ROUND, BATCH, 1),
            )
        ]
        assert len(set(made)) == 5

    def test_what_the_service_keeps_of_the_letters_makes_no_likeness(self) -> None:
        sheet = Sheet("2222-2222", {1: 1})
        kept = cover_hash(KEY)
        for key in (bytes.fromhex(kept), kept.encode()):
            assert likeness(key, ROUND, BATCH, 1, sheet) != likeness(KEY, ROUND, BATCH, 1, sheet)


class TestSitting:
    def held(self, later: timedelta = timedelta(), **about: Any) -> bytes | None:
        token = hold_sitting(KEY, BATCH, PERSON, "secret", NOON)
        assert KEY.hex() not in token
        given = {"batch_id": BATCH, "person_id": PERSON, "secret_key": "secret", **about}
        return sitting_key(token, now=NOON + later, **given)

    def test_the_letters_are_typed_once_for_half_an_hour(self) -> None:
        assert self.held() == self.held(SITTING) == KEY
        assert self.held(SITTING + timedelta(seconds=2)) is None

    def test_it_is_for_one_person_one_batch_and_this_installation(self) -> None:
        for about in ({"batch_id": ROUND}, {"person_id": ROUND}, {"secret_key": "another"}):
            assert self.held(**about) is None
        assert sitting_key("nonsense", BATCH, PERSON, "secret", NOON) is None


class TestRuleBook:
    def test_officers_may_hold_the_key_of_a_round_with_paper(self, session: Session) -> None:
        people = [a_person(session, Role.OFFICER) for _ in range(3)]
        draft = a_draft(session, **{**strongly(people), "vote_methods": tuple(VotingMethod)})
        made = round_service.draft_round(work(session, a_steward(session)), draft)
        assert made.terms["key_keeping"] == KeyKeeping.STRONG

    @pytest.mark.parametrize(
        ("methods", "policy", "says"),
        [
            (tuple(VotingMethod), PaperPolicy.REPLACE, "online or once more on paper at a booth"),
            (tuple(VotingMethod), PaperPolicy.REFUSE, "can vote afresh online until voting closes"),
            ((VotingMethod.CODE,), PaperPolicy.REPLACE, ", and can vote afresh until voting closes"),
            ((VotingMethod.IN_PERSON,), PaperPolicy.REPLACE, "Each person votes once. A paper that is in the box"),
        ],
    )
    def test_its_words_say_what_may_be_changed(
        self, session: Session, methods: tuple[VotingMethod, ...], policy: PaperPolicy, says: str
    ) -> None:
        people = [a_person(session, Role.OFFICER) for _ in range(3)]
        round = a_vote_under_way(session, **{**strongly(people), "vote_methods": methods, "paper_policy": policy})
        assert says in str(in_words(RuleBook.from_json(round.rule_book or "")))


class Pile:
    """A box with papers in a vote whose key three officers hold, two people who key, and the letters of its cover."""

    def __init__(self, session: Session, count: int = 3, *, given: int | None = None, **fields: Any) -> None:
        self.session = session
        self.officers = [a_person(session, Role.OFFICER, name=name) for name in ("Ann Lee", "Bea Roy", "Cem Ak")]
        kept = {**strongly(self.officers), "vote_methods": tuple(VotingMethod), **fields}
        self.round = a_vote_under_way(session, **kept)
        self.shares = give_key_to(session, self.round, self.officers)
        self.booth = a_booth(session, self.round, name="Library", given=count if given is None else given)
        self.first, self.second = (actor_of(session, an_officer(session, self.round, self.booth)) for _ in range(2))
        self.serials = some_papers(session, self.round, count)
        self.batch = papers.declare_batch(work(session, self.first), self.booth.id, paper_count=count, last=True)
        self.cover = b""
        self.letters = self.draw()

    def draw(self) -> str:
        letters = papers.draw_cover(work(self.session, self.first), self.batch.id)
        self.cover = papers.open_cover(self.batch, letters)
        return letters

    def key(self, actor: Actor, place: int, marks: str = "1 2 3", said: Invalid | None = None) -> Invalid | None:
        keyed = Keyed(self.serials[place - 1], marks, said)
        return papers.key_paper(work(self.session, actor), self.batch.id, place, keyed, cover=self.cover)

    def correct(self, actor: Actor, place: int, marks: str, said: Invalid | None = None) -> Invalid | None:
        keyed = Keyed(self.serials[place - 1], marks, said)
        uow = work(self.session, actor)
        return papers.correct_paper(uow, self.batch.id, place, keyed, "I looked again.", cover=self.cover)

    def key_all(self, actor: Actor, but: dict[int, str] | None = None) -> None:
        for place in range(1, self.batch.declared_count + 1):
            self.key(actor, place, (but or {}).get(place, "1 2 3"))

    def close(self) -> None:
        papers.close_batch(work(self.session, self.first), self.batch.id)

    def approve(self, actor: Actor | None = None) -> None:
        papers.approve_batch(work(self.session, actor or self.second), self.batch.id, vote_key=VOTE_KEY)

    def key_twice(self, first: dict[int, str] | None = None, second: dict[int, str] | None = None) -> None:
        self.key_all(self.first, first)
        self.close()
        self.key_all(self.second, second if second is not None else first)

    def hand_in(self, officer: int) -> Tally | None:
        uow = work(self.session, actor_of(self.session, self.officers[officer]), self.round.voting_closes_at)
        return keys.hand_in(uow, self.round.id, self.shares[officer], vote_key=VOTE_KEY)

    def count(self) -> Tally:
        assert self.hand_in(0) is None
        tally = self.hand_in(1)
        assert tally is not None
        return tally


class TestKeying:
    def test_papers_are_counted_with_the_votes_that_came_online(self, any_session: Session) -> None:
        pile = Pile(any_session, 3)
        a_vote(any_session, pile.round, [2, 3, 4], ward_code="E05014880")
        pile.key_twice({1: "1 2 4", 3: "1 99"})
        pile.approve()
        tally = pile.count()
        assert counted(any_session, pile.round) == [(1, 2, 3), (1, 2, 4), (2, 3, 4)]
        assert (tally.ballot_count, tally.paper_count, tally.paper_given) == (3, 2, 3)
        assert tally.paper_invalid == {Invalid.UNKNOWN_NUMBER: 1}
        turnout = queries.turnout(any_session, pile.round.id)
        assert (turnout.total, dict(turnout.by_channel)) == (4, {"online": 1, "paper": 3})
        assert len(queries.whole_board(any_session, pile.round.id)) == 3

    def test_nobody_keys_without_the_letters_of_this_batch(self, session: Session) -> None:
        pile = Pile(session, 1)
        other = cover_key(make_cover(), pile.round.id, pile.batch.id)
        for cover, says in ((None, "Type the 16 letters"), (other, "another cover sheet")):
            pile.cover = cover  # type: ignore[assignment]
            with pytest.raises(RuleBroken, match=says) as refused:
                pile.key(pile.first, 1)
            assert refused.value.field == "cover"
        with pytest.raises(RuleBroken, match="another cover sheet"):
            papers.open_cover(pile.batch, make_cover())
        assert count_of(session, PaperEntry) == 0

    def test_before_the_letters_are_drawn_nobody_keys(self, session: Session) -> None:
        pile = Pile(session, 1)
        pile.batch.cover_hash = None
        with pytest.raises(StepRefused, match="no cover sheet yet"):
            pile.key(pile.first, 1)

    def test_letters_are_drawn_anew_only_while_nothing_is_keyed_and_then_the_old_ones_are_worth_nothing(
        self, any_session: Session
    ) -> None:
        pile = Pile(any_session, 1)
        old = pile.letters
        assert pile.draw() != old
        with pytest.raises(RuleBroken, match="another cover sheet"):
            papers.open_cover(pile.batch, old)
        pile.key(pile.first, 1)
        with pytest.raises(StepRefused, match="declare the batch anew"):
            pile.draw()

    def test_letters_are_drawn_by_who_may_key_and_where_officers_hold_the_key(self, session: Session) -> None:
        pile = Pile(session, 1)
        with pytest.raises(NotAllowed):
            papers.draw_cover(work(session, actor_of(session, a_person(session, Role.AUDITOR))), pile.batch.id)
        open_round = a_vote_under_way(session)
        booth = a_booth(session, open_round, given=1)
        officer = actor_of(session, an_officer(session, open_round, booth))
        batch = papers.declare_batch(work(session, officer), booth.id, paper_count=1, last=True)
        with pytest.raises(StepRefused, match="need no cover sheet"):
            papers.draw_cover(work(session, officer), batch.id)
        papers.key_paper(work(session, officer), batch.id, 1, Keyed(some_papers(session, open_round, 1)[0], "1 2 3"))
        assert session.scalars(select(PaperEntry.likeness)).one() is None

    def test_of_a_difference_the_place_is_told_and_both_can_key_it_again(self, any_session: Session) -> None:
        pile = Pile(any_session)
        pile.key_twice({2: "1 2 4"}, {2: "1 3 4"})
        assert papers.places_apart(any_session, pile.batch) == [2]
        with pytest.raises(RuleBroken, match=r"do not say the same of: 2\."):
            pile.approve()
        pile.correct(pile.first, 2, "2 3 4")
        assert papers.places_apart(any_session, pile.batch) == [2]
        pile.correct(pile.second, 2, "4 3 2")
        assert papers.places_apart(any_session, pile.batch) == []
        pile.approve()
        pile.count()
        assert counted(any_session, pile.round) == [(1, 2, 3), (1, 2, 3), (2, 3, 4)]

    def test_another_reason_or_another_number_is_a_difference_too(self, session: Session) -> None:
        pile = Pile(session, 2)
        pile.key_all(pile.first)
        pile.close()
        pile.key(pile.second, 1, said=Invalid.UNSIGNED)
        pile.serials[1] = some_papers(session, pile.round, 1)[0]
        pile.key(pile.second, 2)
        assert papers.places_apart(session, pile.batch) == [1, 2]

    def test_differences_are_told_only_once_both_have_keyed_all(self, session: Session) -> None:
        pile = Pile(session, 2)
        pile.key_all(pile.first)
        pile.close()
        pile.key(pile.second, 1, "4")
        assert papers.places_apart(session, pile.batch) == []

    def test_who_keyed_does_not_approve_and_a_batch_with_a_paper_missing_does_not_close(self, session: Session) -> None:
        pile = Pile(session, 2)
        pile.key(pile.first, 1)
        with pytest.raises(RuleBroken, match="1 of 2 papers of batch 1"):
            pile.close()
        pile.key(pile.first, 2)
        pile.close()
        with pytest.raises(NotAllowed, match="somebody else must check"):
            pile.approve(pile.first)
        with pytest.raises(RuleBroken, match="0 of 2"):
            pile.approve()

    def test_of_a_correction_the_old_seal_and_likeness_who_and_when_are_kept_and_nobody_reads_it(
        self, any_session: Session
    ) -> None:
        pile = Pile(any_session, 1)
        pile.key(pile.first, 1, "4")
        was = any_session.execute(select(PaperEntry.sealed, PaperEntry.likeness)).one()
        pile.correct(pile.first, 1, "1 2")
        [(kept, name)] = queries.corrections(any_session, pile.batch.id)
        assert (kept.was_sealed, kept.was_likeness) == tuple(was)
        assert (kept.made_by_id, kept.made_at, kept.why) == (pile.first.id, START, "I looked again.")
        assert name
        assert papers.what_was(any_session, pile.round, kept, vote_key=VOTE_KEY) is None
        assert any_session.scalars(select(PaperEntry.likeness)).one() != was.likeness

    def test_a_voter_who_is_on_the_roll_is_caught_at_the_booth(self, session: Session) -> None:
        pile = Pile(session, 1, paper_policy=PaperPolicy.REPLACE)
        booth = a_booth(session, pile.round)
        session.add(BoothShift(booth_id=booth.id, person_id=pile.first.id, on_day=london_day(START)))
        session.flush()
        code = a_code(session, pile.round)
        key = covers_voter_key(pile, code)
        a_vote(session, pile.round, [1, 2, 3], voter_key=key)

        def check_in(void: bool) -> booths.CheckedIn:
            uow = work(session, pile.first)
            return booths.check_in(uow, booth.id, Shown(code=code), checked=True, void_online=void, pepper=PEPPER)

        assert check_in(False).voted_online
        assert check_in(True).done
        assert (count_of(session, Envelope), session.get_one(RollMark, (pile.round.id, key)).channel) == (
            0,
            Channel.PAPER,
        )
        with pytest.raises(StepRefused, match="given a paper already"):
            check_in(False)

    def test_the_trail_tells_each_step_and_no_letter(self, session: Session) -> None:
        pile = Pile(session, 1)
        pile.key_twice()
        pile.approve()
        events = session.scalars(select(AuditEvent)).all()
        verbs = ("batch_declared", "booth_closed", "cover_issued", "batch_keyed", "batch_approved")
        assert {event.verb for event in events} == {f"voting.{verb}" for verb in verbs}
        assert pile.letters not in str([event.body for event in events])


def covers_voter_key(pile: Pile, code: str) -> str:
    return hash_code(code, PEPPER, pile.round.id)


class TestTheCount:
    def test_no_share_is_taken_while_papers_wait(self, any_session: Session) -> None:
        pile = Pile(any_session, 1)
        pile.key_all(pile.first)
        any_session.commit()
        with pytest.raises(StepRefused, match=r"batch 1 \(Library\) has 1 of 1 papers keyed"):
            pile.hand_in(0)
        any_session.rollback()
        assert any_session.scalar(select(func.count(KeyShare.brought))) == 0

    @pytest.mark.parametrize("spoiled", ["other marks", "no seal of this round"])
    def test_readings_that_differ_when_opened_stop_it_with_batch_and_place_and_nothing_is_half_done(
        self, any_session: Session, spoiled: str
    ) -> None:
        pile = Pile(any_session, 3)
        a_vote(any_session, pile.round, [2, 3, 4])
        pile.key_twice()
        pile.approve()
        public = (pile.round.ballot_public_key if spoiled == "other marks" else make_key_pair()[0]) or ""
        seal = seal_marks('{"4":1}', public, pile.round.id.bytes)
        any_session.execute(
            update(PaperEntry).where(PaperEntry.keying == SECOND, PaperEntry.place == 2).values(sealed=seal)
        )
        pile.hand_in(0)
        any_session.commit()
        with pytest.raises(StepRefused, match=r"not the same of batch 1 \(Library\), paper 2\. A steward declares"):
            pile.hand_in(2)
        any_session.rollback()
        assert (pile.round.state, count_of(any_session, Ballot), count_of(any_session, Envelope)) == (
            *(RoundState.VOTING, 0),
            1,
        )
        assert any_session.scalar(select(func.count(KeyShare.brought))) == 1

        with pytest.raises(NotAllowed):
            papers.declare_anew(work(any_session, pile.first), pile.batch.id, "The count stopped.")
        pile.batch = papers.declare_anew(work(any_session, a_steward(any_session)), pile.batch.id, "The count stopped.")
        pile.letters = pile.draw()
        pile.key_twice()
        pile.approve()
        assert pile.hand_in(2) is not None
        assert counted(any_session, pile.round) == [(1, 2, 3)] * 3 + [(2, 3, 4)]

    def test_a_standing_batch_is_compared_once_more_too(self, session: Session) -> None:
        round = a_vote_under_way(session)
        booth = a_booth(session, round, name="Library", given=1)
        actors = [actor_of(session, an_officer(session, round, booth)) for _ in range(2)]
        [serial] = some_papers(session, round, 1)
        batch = papers.declare_batch(work(session, actors[0]), booth.id, paper_count=1, last=True)
        for actor in actors:
            papers.key_paper(work(session, actor), batch.id, 1, Keyed(serial, "1 2 3"))
            if actor is actors[0]:
                papers.close_batch(work(session, actor), batch.id)
        papers.approve_batch(work(session, actors[1]), batch.id, vote_key=VOTE_KEY)
        session.execute(update(PaperEntry).where(PaperEntry.keying == FIRST).values(sealed=None))
        with pytest.raises(StepRefused, match=r"batch 1 \(Library\), paper 1\."):
            service.close_vote(work(session, a_steward(session), round.voting_closes_at), round.id, vote_key=VOTE_KEY)

    def test_after_it_nothing_of_a_batch_says_or_compares_what_its_papers_say(self, any_session: Session) -> None:
        pile = Pile(any_session, 2)
        pile.key(pile.first, 1, "4")
        pile.correct(pile.first, 1, "1 2 3")
        pile.key(pile.first, 2)
        pile.close()
        pile.key_all(pile.second)
        pile.approve()
        pile.count()
        any_session.expire_all()
        for column in (
            *(PaperEntry.sealed, PaperEntry.likeness),
            *(PaperCorrection.was_sealed, PaperCorrection.was_likeness, PaperBatch.cover_hash),
        ):
            assert set(any_session.scalars(select(column))) == {None}
        assert any_session.scalars(select(PaperEntry.serial).order_by(PaperEntry.place)).all() == pile.serials

    def test_calling_the_round_off_destroys_what_papers_said(self, session: Session) -> None:
        pile = Pile(session, 1)
        pile.key_all(pile.first)
        round_service.cancel(work(session, a_steward(session)), pile.round.id, "The hall is flooded.")
        with pytest.raises(StepRefused):
            pile.key(pile.first, 1)
        service.forget_called_off(work(session, a_steward(session)))
        session.expire_all()
        assert session.execute(select(PaperEntry.sealed, PaperEntry.likeness)).one() == (None, None)


class TestDeclaredAnew:
    def test_under_new_letters_the_papers_are_keyed_again_and_what_was_keyed_is_never_counted(
        self, any_session: Session
    ) -> None:
        pile = Pile(any_session, 2)
        pile.key_twice({1: "4"})
        lost, old = pile.letters, pile.batch
        uow = work(any_session, pile.second)
        pile.batch = papers.declare_anew(uow, old.id, "The cover sheet was lost.")
        assert (old.state, old.set_aside_by_id, old.set_aside_at, old.set_aside_why) == (
            *(PaperBatchState.SET_ASIDE, pile.second.id),
            *(uow.now, "The cover sheet was lost."),
        )
        assert (pile.batch.number, pile.batch.declared_count, pile.batch.instead_of_id) == (2, 2, old.id)
        pile.letters = pile.draw()
        with pytest.raises(RuleBroken, match="another cover sheet"):
            papers.open_cover(pile.batch, lost)
        pile.key_twice()  # the same numbers
        pile.approve()
        tally = pile.count()
        assert (tally.paper_count, counted(any_session, pile.round)) == (2, [(1, 2, 3)] * 2)
        events = any_session.scalars(select(AuditEvent).where(AuditEvent.verb == "voting.batch_set_aside")).all()
        assert [(event.subject_id, event.body["keyed"]) for event in events] == [(old.id, {"1": 2, "2": 2})]

    def test_it_holds_the_count_up_until_it_is_keyed(self, session: Session) -> None:
        pile = Pile(session, 1)
        pile.key_twice()
        papers.declare_anew(work(session, pile.first), pile.batch.id, "The cover sheet was lost.")
        assert papers.what_waits(session, pile.round.id) == ["batch 2 (Library) has 0 of 1 papers keyed"]

    def test_it_needs_a_reason_and_is_done_once(self, session: Session) -> None:
        pile = Pile(session, 1)
        with pytest.raises(RuleBroken, match="Say why") as refused:
            papers.declare_anew(work(session, pile.first), pile.batch.id, " ")
        assert refused.value.field == "why"
        papers.declare_anew(work(session, pile.first), pile.batch.id, "Lost.")
        for step in (
            lambda: papers.declare_anew(work(session, pile.first), pile.batch.id, "Lost."),
            lambda: pile.key(pile.first, 1),
            pile.approve,
        ):
            with pytest.raises(StepRefused, match="set aside"):
                step()
        auditor = actor_of(session, a_person(session, Role.AUDITOR))
        with pytest.raises(NotAllowed):
            papers.declare_anew(work(session, auditor), pile.batch.id, "Lost.")

    def test_a_booth_counts_its_papers_once(self, session: Session) -> None:
        pile = Pile(session, 1, given=2)
        papers.declare_anew(work(session, pile.first), pile.batch.id, "Lost.")
        booths._ensure_papers_left(session, pile.booth)  # one of two is in the box, however often it is declared


class TestSecrecy:
    def test_nothing_that_the_service_keeps_tells_what_a_keyed_paper_says(self, any_url: str) -> None:
        """A thief with the whole database and the server's secrets tries every way to fill in every paper."""
        load_models()
        engine = an_engine(any_url)
        with Session(engine) as session:
            session.connection(execution_options={WRITES: True})
            pile = Pile(session, 3)
            pile.key_twice({1: "1 4", 2: "2", 3: ""}, {1: "1 4", 2: "3", 3: ""})
            pile.correct(pile.second, 2, "2")
            pile.approve()
            session.commit()
            serials, letters, cover = pile.serials, pile.letters, pile.cover
            round_id, batch_id, kept = pile.round.id, pile.batch.id, pile.batch.cover_hash or ""
            assert pile.round.ballot_private_key is None
            made = [one for one in session.scalars(select(PaperEntry.likeness)) if one]
            session.rollback()
        dump = whole(any_url)
        engine.dispose()
        bare = letters.replace("-", "")
        assert len(made) == 6
        assert made[0] in dump
        for told in (letters, bare, bare[:8], cover.hex(), '"1":1', '{"1"'):
            assert told.encode() not in dump
        assert cover not in dump
        hints = [kept, *KEYS.values(), str(round_id), str(batch_id), ""]
        guesses = [
            bytes.fromhex(kept),
            *(hint.encode() for hint in hints),
            *(sha256(h.encode()).digest() for h in hints),
        ]
        guesses += [cover_key(hint, round_id, batch_id) for hint in hints[:2]]
        assert not {likeness(key, round_id, batch_id, *one) for key in guesses for one in readings(serials)} & set(made)
        assert not {
            hmac.digest(key, sheet.to_text().encode(), "sha256") for key in guesses for _, sheet in readings(serials)
        } & set(made)
        right = {likeness(cover, round_id, batch_id, *one) for one in readings(serials)}
        assert set(made) <= right  # whoever has the letters, and so the papers, can


def readings(serials: Sequence[str]) -> list[tuple[int, Sheet]]:
    """Every way to tick four bids, on every paper at its place."""
    ticked = [dict.fromkeys(one, 1) for size in range(5) for one in combinations(range(1, 5), size)]
    return [(place, Sheet(serial, marks)) for place, serial in enumerate(serials, start=1) for marks in ticked]
