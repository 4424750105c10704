"""Papers: two people key each, nothing is dropped, and they are counted among the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase, digits

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.kernel.actors import CLOCK, Actor, Role
from grants.kernel.errors import NotAllowed, NotFound, RuleBroken, StepRefused
from grants.kernel.sealing import make_key_pair
from grants.kernel.trail import AuditEvent
from grants.rounds.models import Round
from grants.rounds.rules.ballots import BallotKind
from grants.voting import queries
from grants.voting.models import PaperBatch, PaperCorrection, PaperEntry
from grants.voting.rules.letters import ALPHABET
from grants.voting.rules.paper import (
    FIRST,
    Invalid,
    PaperBatchState,
    Sheet,
    judge,
    open_marks,
    read_marks,
    seal_marks,
    show_marks,
)
from grants.voting.rules.serials import make_serial, read_serial
from grants.voting.service import papers
from grants.voting.service import votes as service
from grants.voting.service.papers import Keyed
from tests.builders.people import a_person, actor_of
from tests.builders.voting import a_booth, a_vote, an_officer, some_papers
from tests.support.work import work
from tests.voting.test_service import AFTER, VOTE_KEY, a_vote_under_way

# Numbers of papers.

bare_serials = st.lists(st.integers(0, len(ALPHABET) - 1), min_size=7, max_size=7).map(
    lambda values: make_serial(Drawn(values)).replace("-", "")
)


class Drawn:
    """A source that gives these numbers, one after the other."""

    def __init__(self, values: Sequence[int]) -> None:
        self.values: Iterator[int] = iter(values)

    def __call__(self, below: int) -> int:
        return next(self.values)


def reads(text: str) -> bool:
    try:
        read_serial(text)
    except RuleBroken:
        return False
    return True


@given(bare_serials, st.integers(0, 7), st.sampled_from(ALPHABET))
def test_any_one_wrong_letter_of_a_number_is_caught(serial: str, place: int, letter: str) -> None:
    wrong = serial[:place] + letter + serial[place + 1 :]
    assert reads(wrong) is (wrong == serial)


@given(bare_serials, st.integers(0, 6))
def test_any_two_neighbours_that_changed_places_are_caught(serial: str, place: int) -> None:
    wrong = serial[:place] + serial[place + 1] + serial[place] + serial[place + 2 :]
    assert reads(wrong) is (wrong == serial)


@given(st.text(ascii_uppercase + digits + " -", max_size=12))
def test_whatever_is_read_as_a_number_is_one_as_we_print_it(text: str) -> None:
    if reads(text):
        assert reads(read_serial(text))
        assert len(read_serial(text)) == 9


# What stands on a paper.


@given(st.sampled_from(["approval", "points"]), st.dictionaries(st.integers(1, 99), st.integers(1, 50), max_size=12))
def test_marks_are_read_as_they_are_shown(kind: str, marks: dict[int, int]) -> None:
    marks = marks if kind == "points" else dict.fromkeys(marks, 1)
    assert read_marks(show_marks(marks, kind), kind) == dict(sorted(marks.items()))


@given(st.lists(st.integers(1, 99), unique=True, max_size=12))
def test_a_ranking_is_read_in_the_order_in_which_it_stands(order: list[int]) -> None:
    text = " ".join(map(str, order))
    marks = read_marks(text, "ranked")
    assert sorted(marks, key=lambda number: marks[number]) == order
    assert show_marks(marks, "ranked") == text


@pytest.mark.parametrize(
    ("text", "kind"),
    [("1 x", "approval"), ("3", "points"), ("3=2 3=1", "points"), ("4 4", "ranked"), ("-1", "approval")],
)
def test_what_is_no_list_of_numbers_is_not_read(text: str, kind: str) -> None:
    with pytest.raises(RuleBroken) as refused:
        read_marks(text, kind)
    assert refused.value.field == "marks"


@pytest.mark.parametrize(
    ("said", "marks", "is_ours", "fits", "reason"),
    [
        (None, {1}, True, True, None),
        (None, set(), True, True, None),
        (None, {1}, True, False, Invalid.OVER_LIMIT),
        (None, {9}, True, True, Invalid.UNKNOWN_NUMBER),
        (None, {1}, False, True, Invalid.UNKNOWN_PAPER),
        (Invalid.UNSIGNED, {1}, True, True, Invalid.UNSIGNED),
        (Invalid.LATE, {9}, False, False, Invalid.LATE),
    ],
)
def test_a_paper_that_does_not_count_has_one_reason(
    said: Invalid | None, marks: set[int], is_ours: bool, fits: bool, reason: Invalid | None
) -> None:
    assert judge(said, marks, {1, 2, 3}, is_ours=is_ours, fits=fits) is reason


def test_sealed_marks_are_of_one_length_and_open_with_their_rounds_key_only() -> None:
    public, private = make_key_pair()
    few, many = (seal_marks(text, public, b"round") for text in ("{}", '{"1":1,"2":1}'))
    assert len(few) == len(many)
    assert b'"1"' not in many
    assert open_marks(many, private, b"round") == '{"1":1,"2":1}'
    for key, about in ((make_key_pair()[1], b"round"), (private, b"another")):
        with pytest.raises(Exception, match="does not open"):
            open_marks(many, key, about)


# Batches.


@dataclass
class Desk:
    """A box with papers, two people who key, and a steward's key."""

    session: Session
    round: Round
    batch: PaperBatch
    serials: list[str]
    first: Actor
    second: Actor
    keyed: dict[int, str] = field(default_factory=dict)

    def key(self, actor: Actor, place: int, marks: str = "1 2 3", said: Invalid | None = None) -> Invalid | None:
        return papers.key_paper(
            work(self.session, actor), self.batch.id, place, Keyed(self.serials[place - 1], marks, said)
        )

    def key_all(self, actor: Actor, marks: str = "1 2 3", but: dict[int, str] | None = None) -> None:
        for place in range(1, self.batch.declared_count + 1):
            self.key(actor, place, (but or {}).get(place, marks))

    def close(self, actor: Actor | None = None) -> None:
        papers.close_batch(work(self.session, actor or self.first), self.batch.id)

    def approve(self, actor: Actor | None = None) -> None:
        papers.approve_batch(work(self.session, actor or self.second), self.batch.id, vote_key=VOTE_KEY)

    def count(self) -> object:
        return service.close_vote(work(self.session, CLOCK, AFTER), self.round.id, vote_key=VOTE_KEY)


def a_desk(session: Session, count: int = 3, *, given: int | None = None, **fields: object) -> Desk:
    round = a_vote_under_way(session, **fields)
    booth = a_booth(session, round, name="Library", given=count if given is None else given)
    first, second = (actor_of(session, an_officer(session, round, booth)) for _ in range(2))
    batch = papers.declare_batch(work(session, first), booth.id, paper_count=count, last=True)
    return Desk(session, round, batch, some_papers(session, round, count), first, second)


def counted(session: Session, round: Round) -> list[tuple[int, ...]]:
    """The numbers that each ballot names."""
    return sorted(tuple(number for number, _ in marks) for marks in queries.cast_ballots(session, round.id))


class TestBatches:
    def test_a_batch_of_thirty_of_which_29_are_keyed_cannot_be_closed(self, any_session: Session) -> None:
        desk = a_desk(any_session, 30)
        for place in range(1, 30):
            desk.key(desk.first, place)
        with pytest.raises(RuleBroken, match="29 of 30 papers of batch 1"):
            desk.close()
        desk.key(desk.first, 30)
        desk.close()
        assert desk.batch.state is PaperBatchState.KEYED

    def test_who_keyed_a_batch_cannot_approve_it_and_a_second_persons_approval_makes_it_count(
        self, any_session: Session
    ) -> None:
        desk = a_desk(any_session)
        desk.key_all(desk.first)
        desk.close()
        with pytest.raises(NotAllowed, match="somebody else must check"):
            desk.key(desk.first, 1)
        with pytest.raises(NotAllowed, match="somebody else must check"):
            desk.approve(desk.first)
        with pytest.raises(RuleBroken, match="0 of 3"):
            desk.approve()
        with pytest.raises(StepRefused, match=r"batch 1 \(Library\) waits for the second person"):
            desk.count()
        desk.key_all(desk.second)
        desk.approve()
        desk.count()
        assert counted(any_session, desk.round) == [(1, 2, 3)] * 3

    def test_the_second_person_keys_blindly_and_differences_are_shown(self, session: Session) -> None:
        desk = a_desk(session)
        desk.key_all(desk.first, but={2: "1 2 4"})
        desk.close()
        desk.key(desk.second, 1)
        assert papers.differences(session, desk.round, desk.batch, vote_key=VOTE_KEY) == {}
        desk.key(desk.second, 2)
        desk.key(desk.second, 3)
        apart = papers.differences(session, desk.round, desk.batch, vote_key=VOTE_KEY)
        assert {place: [show_marks(one.marks, "approval") for one in both] for place, both in apart.items()} == {
            2: ["1 2 4", "1 2 3"]
        }
        with pytest.raises(RuleBroken, match=r"do not say the same of: 2\."):
            desk.approve()
        papers.correct_paper(
            work(session, desk.first), desk.batch.id, 2, Keyed(desk.serials[1], "1 2 3"), "I read a 3 as a 4."
        )
        desk.approve()
        assert desk.batch.state is PaperBatchState.APPROVED

    def test_one_person_keys_and_one_person_checks_a_batch(self, session: Session) -> None:
        desk = a_desk(session)
        desk.key(desk.first, 1)
        with pytest.raises(NotAllowed, match="Somebody else keys"):
            desk.key(desk.second, 2)
        third = actor_of(session, an_officer(session, desk.round))
        desk.key(desk.first, 2)
        desk.key(desk.first, 3)
        desk.close()
        desk.key(desk.second, 1)
        with pytest.raises(NotAllowed, match="Somebody else checks"):
            desk.key(third, 2)

    @pytest.mark.parametrize(
        ("marks", "said", "reason"),
        [
            ("1 2 3 4", None, Invalid.OVER_LIMIT),
            ("1 77", None, Invalid.UNKNOWN_NUMBER),
            ("1 2", Invalid.UNSIGNED, Invalid.UNSIGNED),
            ("??", Invalid.UNREADABLE, Invalid.UNREADABLE),
            ("1 2", Invalid.LATE, Invalid.LATE),
        ],
    )
    def test_a_paper_that_does_not_count_is_recorded_with_its_reason_and_never_dropped(
        self, session: Session, marks: str, said: Invalid | None, reason: Invalid
    ) -> None:
        desk = a_desk(session, 2, ballot_minimum=1, ballot_maximum=3)
        for actor, then in ((desk.first, desk.close), (desk.second, desk.approve)):
            assert desk.key(actor, 1, marks, said) is reason
            assert desk.key(actor, 2, "1 2") is None
            then()
        tally = desk.count()
        assert counted(session, desk.round) == [(1, 2)]
        assert (tally.paper_count, tally.paper_given, tally.paper_invalid) == (1, 2, {reason.value: 1})  # type: ignore[attr-defined]
        assert session.scalars(select(PaperEntry.invalid).order_by(PaperEntry.place)).all() == [reason, None]

    def test_a_paper_of_somebody_else_is_recorded_as_not_ours(self, session: Session) -> None:
        desk = a_desk(session, 1)
        desk.serials = [make_serial()]
        assert desk.key(desk.first, 1) is Invalid.UNKNOWN_PAPER

    def test_a_blank_paper_and_one_with_too_few_ticks_count(self, session: Session) -> None:
        desk = a_desk(session, 2, ballot_minimum=3)
        for actor, then in ((desk.first, desk.close), (desk.second, desk.approve)):
            desk.key(actor, 1, "")
            desk.key(actor, 2, "4")
            then()
        assert desk.count().blank_count == 1  # type: ignore[attr-defined]
        assert counted(session, desk.round) == [(), (4,)]

    def test_a_number_that_is_keyed_twice_is_caught(self, any_session: Session) -> None:
        desk = a_desk(any_session)
        desk.key(desk.first, 1)
        desk.serials[1] = desk.serials[0]
        with pytest.raises(RuleBroken, match="Paper 1 of batch 1 was keyed with this number") as refused:
            desk.key(desk.first, 2)
        assert refused.value.field == "serial"
        assert desk.key(desk.first, 2, said=Invalid.COPY) is Invalid.COPY

    def test_of_a_correction_the_old_value_who_and_when_stay_visible(self, session: Session) -> None:
        desk = a_desk(session)
        desk.key(desk.first, 1, "1 2 4")
        uow = work(session, desk.first)
        papers.correct_paper(uow, desk.batch.id, 1, Keyed(desk.serials[0], "", Invalid.UNREADABLE), "It is torn.")
        [(kept, name)] = queries.corrections(session, desk.batch.id)
        was = papers.what_was(session, desk.round, kept, vote_key=VOTE_KEY)
        assert was == Sheet(desk.serials[0], {1: 1, 2: 1, 4: 1}, None)
        assert (kept.why, kept.made_at, kept.made_by_id, name) == (
            *("It is torn.", uow.now, desk.first.id),
            session.get(type(a_person(session)), desk.first.id).name,  # type: ignore[union-attr]
        )
        assert papers.sheets(session, desk.round, desk.batch.id, FIRST, vote_key=VOTE_KEY)[1].invalid is (
            Invalid.UNREADABLE
        )

    def test_a_correction_needs_a_reason_and_ones_own_keying(self, session: Session) -> None:
        desk = a_desk(session)
        desk.key(desk.first, 1)
        with pytest.raises(RuleBroken, match="Say why"):
            papers.correct_paper(work(session, desk.first), desk.batch.id, 1, Keyed(desk.serials[0], "1"), " ")
        with pytest.raises(NotFound, match="not keyed this paper"):
            papers.correct_paper(work(session, desk.second), desk.batch.id, 1, Keyed(desk.serials[0], "1"), "Because")

    def test_a_wrong_count_is_corrected_and_the_old_one_stays(self, session: Session) -> None:
        desk = a_desk(session)
        desk.key(desk.first, 1)
        desk.key(desk.first, 2)
        with pytest.raises(RuleBroken, match="from 2"):
            papers.correct_count(work(session, desk.first), desk.batch.id, 1, "Miscounted.")
        papers.correct_count(work(session, desk.first), desk.batch.id, 2, "Two stuck together.")
        desk.close()
        assert session.scalars(select(PaperCorrection.was_count)).all() == [3]

    def test_an_approved_batch_does_not_change(self, session: Session) -> None:
        desk = a_desk(session, 1)
        desk.key_all(desk.first)
        desk.close()
        desk.key_all(desk.second)
        desk.approve()
        for actor in (desk.first, desk.second):
            with pytest.raises(StepRefused, match="approved"):
                papers.correct_paper(work(session, actor), desk.batch.id, 1, Keyed(desk.serials[0], "1"), "Because")

    def test_only_officers_and_stewards_of_the_fund_work_with_papers(self, session: Session) -> None:
        desk = a_desk(session)
        for role in (Role.ADMIN, Role.CONNECTOR, Role.AUDITOR):
            with pytest.raises(NotAllowed):
                desk.key(actor_of(session, a_person(session, role)), 1)

    def test_the_trail_tells_each_step_and_no_choice(self, session: Session) -> None:
        desk = a_desk(session, 1)
        desk.key_all(desk.first)
        desk.close()
        desk.key_all(desk.second)
        desk.approve()
        events = session.scalars(select(AuditEvent)).all()
        assert {event.verb for event in events} == {
            *("voting.batch_declared", "voting.booth_closed", "voting.batch_keyed", "voting.batch_approved")
        }
        assert {key for event in events for key in event.body} <= {"round_id", "papers"}


class TestTheCount:
    def test_a_round_is_not_counted_while_a_batch_is_open_and_says_which(self, session: Session) -> None:
        desk = a_desk(session, 30)
        for place in range(1, 30):
            desk.key(desk.first, place)
        with pytest.raises(StepRefused, match=r"batch 1 \(Library\) has 29 of 30 papers keyed"):
            desk.count()

    def test_papers_are_counted_with_the_votes_that_came_online(self, any_session: Session) -> None:
        desk = a_desk(any_session, 2)
        a_vote(any_session, desk.round, [2, 3, 4], ward_code="E05014880")
        for actor, then in ((desk.first, desk.close), (desk.second, desk.approve)):
            desk.key_all(actor)
            then()
        tally = desk.count()
        assert counted(any_session, desk.round) == [(1, 2, 3), (1, 2, 3), (2, 3, 4)]
        assert (tally.ballot_count, tally.paper_count) == (3, 2)  # type: ignore[attr-defined]
        turnout = queries.turnout(any_session, desk.round.id)
        assert (turnout.total, dict(turnout.by_channel)) == (3, {"online": 1, "paper": 2})
        assert len(queries.whole_board(any_session, desk.round.id)) == 3

    def test_after_the_count_nothing_of_a_batch_says_what_its_papers_say(self, any_session: Session) -> None:
        desk = a_desk(any_session, 2)
        desk.key(desk.first, 1, "4")
        papers.correct_paper(work(any_session, desk.first), desk.batch.id, 1, Keyed(desk.serials[0], "1 2"), "A slip.")
        desk.key(desk.first, 2)
        desk.close()
        desk.key(desk.second, 1, "1 2")
        desk.key(desk.second, 2)
        desk.approve()
        desk.count()
        any_session.expire_all()
        assert set(any_session.scalars(select(PaperEntry.sealed))) == {None}
        assert set(any_session.scalars(select(PaperCorrection.was_sealed))) == {None}
        [(kept, _)] = queries.corrections(any_session, desk.batch.id)
        assert papers.what_was(any_session, desk.round, kept, vote_key=VOTE_KEY) is None
        assert any_session.scalars(select(PaperEntry.serial).order_by(PaperEntry.place)).all() == desk.serials

    def test_more_papers_than_people_who_were_given_one_are_not_counted(self, session: Session) -> None:
        desk = a_desk(session, 3, given=2)
        for actor, then in ((desk.first, desk.close), (desk.second, desk.approve)):
            desk.key_all(actor)
            then()
        with pytest.raises(StepRefused, match="3 papers that count, and 2 people were given one"):
            desk.count()

    def test_a_paper_that_somebody_took_home_holds_nothing_up(self, session: Session) -> None:
        desk = a_desk(session, 2, given=3)
        for actor, then in ((desk.first, desk.close), (desk.second, desk.approve)):
            desk.key_all(actor)
            then()
        assert desk.count().paper_given == 3  # type: ignore[attr-defined]

    @pytest.mark.parametrize(
        ("kind", "maximum", "marks", "over"),
        [
            (BallotKind.APPROVAL, None, "1 3", None),
            (BallotKind.CHOOSE_ONE, 1, "2", "1 2"),
            (BallotKind.UP_TO_K, 2, "2 4", "1 2 3"),
            (BallotKind.POINTS, 10, "2=7 4=3", "2=7 4=4"),
            (BallotKind.RANKED, 3, "4 2 1", "4 2 1 3"),
        ],
    )
    def test_a_paper_of_each_kind_of_ballot_is_keyed_and_counted(
        self, session: Session, kind: BallotKind, maximum: int | None, marks: str, over: str | None
    ) -> None:
        desk = a_desk(session, 1, ballot_kind=kind, ballot_minimum=1, ballot_maximum=maximum)
        if over is not None:
            assert desk.key(desk.first, 1, over) is Invalid.OVER_LIMIT
            papers.correct_paper(work(session, desk.first), desk.batch.id, 1, Keyed(desk.serials[0], marks), "A slip.")
        else:
            desk.key(desk.first, 1, marks)
        desk.close()
        desk.key(desk.second, 1, marks)
        desk.approve()
        desk.count()
        assert [dict(one) for one in queries.cast_ballots(session, desk.round.id)] == [read_marks(marks, kind)]
