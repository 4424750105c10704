"""Quick rounds: their rule-book, their steps, their pot."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from grants.kernel.actors import CLOCK, Actor, Role
from grants.kernel.errors import NotEnoughMoney, NotFound, RuleBroken, StepRefused
from grants.rounds import queries, service
from grants.rounds.rules.quick import QuickBook
from grants.rounds.rules.states import QUICK_STEPS, STEPS, RoundKind, RoundState
from tests.builders.funds import a_contribution, a_fund
from tests.builders.people import a_person, actor_of
from tests.builders.quick import a_quick_draft, a_quick_round
from tests.builders.rounds import a_draft, a_round
from tests.support.clock import START
from tests.support.settings import KEYS
from tests.support.work import work

S = RoundState
KEY = KEYS["vote_key"]


@pytest.fixture
def steward(session: Session) -> Actor:
    return actor_of(session, a_person(session, Role.STEWARD))


def test_scheduling_freezes_a_small_rule_book_without_a_key(any_session: Session) -> None:
    steward = actor_of(any_session, a_person(any_session, Role.STEWARD))
    fund = a_fund(any_session)
    a_contribution(any_session, fund, 200_000)
    round = service.draft_round(work(any_session, steward), a_quick_draft(any_session, fund))
    service.schedule(work(any_session, steward), round.id, KEY)
    book = queries.promises(round)
    assert isinstance(book, QuickBook)
    assert (round.kind, round.state, round.rule_book_hash) == (RoundKind.QUICK, S.SCHEDULED, book.sha256)
    assert (round.ballot_public_key, round.ballot_private_key) == (None, None)
    assert round.voting_opens_at == round.voting_closes_at == round.closes_at
    assert QuickBook.from_json(book.to_canonical_json()) == book
    with pytest.raises(NotFound):
        queries.rule_book(round)
    with pytest.raises(NotFound):
        queries.published(any_session, round.id)


@pytest.mark.parametrize(
    "change", ["kind = 'standard'", "pot_minor = 300000", "cap_minor = 1", "rule_book = '{}'", "closes_at = opens_at"]
)
def test_the_database_itself_refuses_to_change_what_was_published(any_session: Session, change: str) -> None:
    a_quick_round(any_session)
    with pytest.raises(DBAPIError, match="frozen"), any_session.begin_nested():
        any_session.execute(text(f"UPDATE round SET {change}"))


def test_a_round_with_a_vote_still_needs_time_to_vote(any_session: Session) -> None:
    round = a_round(any_session, S.DRAFT)
    with pytest.raises(DBAPIError, match="vote_before_decide"), any_session.begin_nested():
        any_session.execute(text("UPDATE round SET voting_opens_at = voting_closes_at"))
    assert round.kind is RoundKind.STANDARD


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("cap_minor", 50_001, "For more, hold a round with a vote"),
        ("cap_minor", 0, "the most that one ask can be for"),
        ("pot_minor", 10_000, "the whole pot"),
        ("decide_days", 0, "working days"),
        ("decide_days", 21, "working days"),
        ("who_may_apply", " ", "who may ask"),
        ("applicant_kinds", (), "which groups"),
        ("closes_at", START, "It must end after it opens"),
    ],
)
def test_what_a_quick_round_could_not_keep_is_refused_at_the_field(
    session: Session, field: str, value: object, words: str
) -> None:
    draft = a_quick_draft(session, a_fund(session), **{field: value})
    with pytest.raises(RuleBroken, match=words) as refused:
        draft.check()
    assert refused.value.field == field if field != "pot_minor" else refused.value.field == "cap_minor"


def test_the_two_kinds_are_not_made_into_each_other(session: Session, steward: Actor) -> None:
    fund = a_fund(session)
    standard, quick = a_round(session, S.DRAFT, fund=fund), a_quick_round(session, S.DRAFT, fund=fund)
    with pytest.raises(RuleBroken, match="not made into each other"):
        service.change_draft(work(session, steward), standard.id, a_quick_draft(session, fund))
    with pytest.raises(RuleBroken, match="not made into each other"):
        service.change_draft(work(session, steward), quick.id, a_draft(session, fund))


def test_a_quick_round_knows_no_check_vote_or_panel() -> None:
    assert {S.CHECKING, S.VOTING, S.PANEL, S.DECIDED, S.ANNOUNCED}.isdisjoint(QUICK_STEPS.values())
    others = {step: after for step, after in QUICK_STEPS.items() if STEPS.get(step) is not after}
    assert [before for before, _ in others] == [S.CLOSED]


def test_the_clock_opens_and_closes_it(session: Session) -> None:
    round = a_quick_round(session, S.SCHEDULED)
    service.tick(work(session, CLOCK, round.opens_at))
    assert round.state is S.OPEN
    service.tick(work(session, CLOCK, round.closes_at))
    assert round.state is S.CLOSED


def test_once_open_it_is_not_called_off_nor_checked_nor_finished_from_here(session: Session, steward: Actor) -> None:
    round, closed = a_quick_round(session), a_quick_round(session, S.CLOSED)
    with pytest.raises(StepRefused):
        service.cancel(work(session, steward), round.id, "We are tired.")
    with pytest.raises(StepRefused):
        service.begin_checking(work(session, steward), closed.id)
    with pytest.raises(StepRefused, match="where its asks are answered"):
        service.complete(work(session, steward), closed.id)


def test_an_end_that_moves_takes_what_hangs_on_it_along(session: Session, steward: Actor) -> None:
    round = a_quick_round(session)
    later = round.closes_at + timedelta(days=30)
    service.extend(work(session, steward), round.id, {"closes_at": later}, "There is money left.")
    assert round.closes_at == round.voting_opens_at == round.voting_closes_at == later
    assert later < round.decide_by < later + timedelta(days=9)
    assert [one.date_name for one in queries.changes(session, round.id)] == ["closes_at"]


def test_the_pot_is_promised_to_the_last_penny_and_no_further(any_session: Session) -> None:
    round = a_quick_round(any_session)
    uow = work(any_session)
    service.take_from_pot(uow, round.id, 150_000)
    with pytest.raises(NotEnoughMoney, match=r"Only £500 of this round’s pot is left") as short:
        service.take_from_pot(uow, round.id, 50_001)
    assert short.value.shortfall_minor == 1
    service.take_from_pot(uow, round.id, 50_000)
    assert queries.left_minor(round) == 0
    service.give_back_to_pot(uow, round.id, 20_000)
    any_session.refresh(round)
    assert queries.left_minor(round) == 20_000


def test_a_round_with_a_vote_counts_nothing_there(session: Session) -> None:
    round = a_round(session)
    service.give_back_to_pot(work(session), round.id, 10)
    session.refresh(round)
    assert round.promised_minor == 0
