"""Each step of a round: what it changes, what it leaves behind, what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from grants.kernel.actors import CLOCK, Actor, Role
from grants.kernel.errors import NotAllowed, RuleBroken, StepRefused
from grants.kernel.sealing import unwrap_private_key
from grants.kernel.trail import AuditEvent
from grants.kernel.work import UnitOfWork
from grants.priorities.rules import PriorityState
from grants.rounds import queries, service
from grants.rounds.models import Round, RoundChange, RoundPriority
from grants.rounds.rules.states import RoundState
from grants.rounds.rules.words import in_words
from tests.builders.actors import an_actor
from tests.builders.funds import a_contribution, a_fund
from tests.builders.people import a_person, actor_of
from tests.builders.priorities import a_priority
from tests.builders.rounds import a_draft, a_round
from tests.support.clock import START
from tests.support.settings import KEYS
from tests.support.work import work

S = RoundState
KEY = KEYS["vote_key"]
SECOND = timedelta(seconds=1)


def a_steward(session: Session) -> Actor:
    return actor_of(session, a_person(session, Role.STEWARD))


def verbs(session: Session, round: Round) -> list[str]:
    query = select(AuditEvent.verb).where(AuditEvent.subject_id == round.id).order_by(AuditEvent.at, AuditEvent.verb)
    return list(session.scalars(query))


def test_scheduling_freezes_hashes_and_gives_the_round_its_key(any_session: Session) -> None:
    steward, fund = a_steward(any_session), a_fund(any_session)
    a_contribution(any_session, fund, 500_000)
    round = service.draft_round(work(any_session, steward), a_draft(any_session, fund, pot_minor=500_000))
    assert (round.state, round.rule_book, len(round.preview_token)) == (S.DRAFT, None, 43)
    service.schedule(work(any_session, steward), round.id, KEY)
    book = queries.rule_book(round)
    assert (round.state, round.rule_book_hash) == (S.SCHEDULED, book.sha256)
    assert (book.pot_minor, book.ballot_public_key) == (500_000, round.ballot_public_key)
    assert round.ballot_private_key
    private = unwrap_private_key(round.ballot_private_key, bytes.fromhex(KEY), round.id)
    assert len(private) == 32
    assert verbs(any_session, round) == ["round.drafted", "round.scheduled"]


def test_two_rounds_cannot_promise_the_same_pounds(session: Session) -> None:
    steward, fund = a_steward(session), a_fund(session)
    a_contribution(session, fund, 700_000)
    a_contribution(session, fund, 900_000, state=None, received_minor=0)
    for pot in (1_000_000, 600_000):
        round = service.draft_round(work(session, steward), a_draft(session, fund, pot_minor=pot))
        service.schedule(work(session, steward), round.id, KEY)
    third = service.draft_round(work(session, steward), a_draft(session, fund, pot_minor=200_000))
    with pytest.raises(RuleBroken, match="There is £0 that funders have agreed to give") as refused:
        service.schedule(work(session, steward), third.id, KEY)
    assert refused.value.field == "pot_minor"


@pytest.mark.parametrize("state", [s for s in PriorityState if s is not PriorityState.AGREED])
def test_only_agreed_priorities_can_be_funded(session: Session, state: PriorityState) -> None:
    draft = a_draft(session, priority_ids=(a_priority(session, state=state).id,))
    with pytest.raises(RuleBroken, match="agreed") as refused:
        service.draft_round(work(session, a_steward(session)), draft)
    assert refused.value.field == "priority_ids"


def test_a_round_that_closes_in_the_past_cannot_be_scheduled(session: Session) -> None:
    round = a_round(session, S.DRAFT)
    with pytest.raises(RuleBroken, match="in the past"):
        service.schedule(work(session, a_steward(session), round.closes_at), round.id, KEY)


@pytest.mark.parametrize("state", [s for s in RoundState if s is not S.DRAFT])
def test_no_service_changes_what_is_promised(session: Session, state: RoundState) -> None:
    round = a_round(session, state)
    before = (round.rule_book, round.rule_book_hash, round.pot_minor, dict(round.terms))
    draft = a_draft(session, round.fund, pot_minor=1_000_000, ballot_minimum=1)
    with pytest.raises(service.Frozen, match="Nothing was changed"):
        service.change_draft(work(session, a_steward(session)), round.id, draft)
    assert (round.rule_book, round.rule_book_hash, round.pot_minor, dict(round.terms)) == before


@pytest.mark.parametrize(
    "change",
    [
        {"pot_minor": 1},
        {"cap_minor": 200_001},
        {"floor_minor": 9_999},
        {"title": "Another"},
        {"rule_book": "{}"},
        {"rule_book_hash": "0" * 64},
        {"terms": {}},
        {"ballot_public_key": "ab" * 32},
        {"ballot_private_key": "another"},
        {"closes_at": START},
        {"voting_closes_at": START + timedelta(days=30)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_database_itself_refuses_to_change_a_scheduled_round(
    any_session: Session, change: dict[str, object]
) -> None:
    round = a_round(any_session, S.OPEN)
    with pytest.raises(DBAPIError, match="frozen"), any_session.begin_nested():
        any_session.execute(update(Round).where(Round.id == round.id).values(**change))


def test_the_database_itself_keeps_the_priorities_of_a_scheduled_round(any_session: Session) -> None:
    round = a_round(any_session, S.OPEN)
    another = a_priority(any_session)
    with pytest.raises(DBAPIError, match="frozen"), any_session.begin_nested():
        any_session.execute(text("DELETE FROM round_priority"))
    with pytest.raises(DBAPIError, match="frozen"), any_session.begin_nested():
        any_session.execute(insert(RoundPriority).values(round_id=round.id, priority_id=another.id))


def test_a_draft_may_change_and_the_private_key_may_be_destroyed(any_session: Session) -> None:
    steward = a_steward(any_session)
    draft = a_round(any_session, S.DRAFT)
    service.change_draft(work(any_session, steward), draft.id, a_draft(any_session, draft.fund, pot_minor=400_000))
    any_session.flush()
    assert draft.pot_minor == 400_000
    round = a_round(any_session, S.VOTING)
    service.mark_counted(work(any_session, steward, round.voting_closes_at), round)
    any_session.flush()
    assert (round.state, round.ballot_private_key) == (S.PANEL, None)


STEPS: dict[str, tuple[Callable[[UnitOfWork, Round], object], frozenset[RoundState]]] = {
    "schedule": (lambda u, r: service.schedule(u, r.id, KEY), frozenset({S.DRAFT})),
    "open_early": (lambda u, r: service.open_early(u, r.id, "We are ready."), frozenset({S.SCHEDULED})),
    "begin_checking": (lambda u, r: service.begin_checking(u, r.id), frozenset({S.CLOSED})),
    "lock": (service.mark_panel_locked, frozenset({S.CHECKING})),
    "counted": (service.mark_counted, frozenset()),
    "decide": (service.mark_decided, frozenset({S.PANEL})),
    "announce": (service.mark_announced, frozenset({S.DECIDED})),
    "complete": (lambda u, r: service.complete(u, r.id), frozenset({S.ANNOUNCED})),
    "cancel": (
        lambda u, r: service.cancel(u, r.id, "The hall is flooded."),
        frozenset({S.DRAFT, S.SCHEDULED, S.OPEN, S.CLOSED, S.CHECKING, S.VOTING, S.PANEL}),
    ),
}


@pytest.mark.parametrize("state", list(RoundState))
def test_every_other_step_is_refused_and_leaves_nothing(session: Session, state: RoundState) -> None:
    round, steward = a_round(session, state), a_steward(session)
    for act in [act for act, allowed in STEPS.values() if state not in allowed]:
        with pytest.raises(StepRefused):
            act(work(session, steward), round)
    assert (round.state, verbs(session, round)) == (state, [])


@pytest.mark.parametrize(("step", "state"), [(step, state) for step, (_, ok) in STEPS.items() for state in sorted(ok)])
def test_each_step_leaves_one_entry_in_the_trail(session: Session, step: str, state: RoundState) -> None:
    round = a_round(session, state)
    STEPS[step][0](work(session, a_steward(session)), round)
    session.flush()
    assert len(verbs(session, round)) == 1


def test_the_vote_opens_only_when_the_panel_is_locked_and_in_time(session: Session) -> None:
    round = a_round(session, S.CHECKING)
    with pytest.raises(StepRefused, match="before the panel's scores are locked"):
        service.mark_voting(work(session), round)
    service.mark_panel_locked(work(session), round)
    with pytest.raises(StepRefused, match="Put that off first"):
        service.mark_voting(work(session, now=round.voting_closes_at), round)
    service.mark_voting(work(session), round)
    assert queries.phase(round, START) is S.CHECKING  # frozen early: it waits for the published hour
    assert queries.phase(round, round.voting_opens_at) is S.VOTING


def test_nothing_is_counted_before_voting_closes(session: Session) -> None:
    round = a_round(session, S.VOTING)
    with pytest.raises(StepRefused, match="Nothing is counted before"):
        service.mark_counted(work(session, now=round.voting_closes_at - SECOND), round)


@pytest.mark.parametrize("step", ["schedule", "open_early", "begin_checking", "complete", "cancel"])
@pytest.mark.parametrize("role", [role for role in Role if role is not Role.STEWARD])
def test_only_stewards_run_a_round(session: Session, step: str, role: Role) -> None:
    act, allowed = STEPS[step]
    round = a_round(session, next(iter(allowed)))
    with pytest.raises(NotAllowed):
        act(work(session, an_actor(role)), round)


def test_a_steward_of_another_fund_does_not_run_it(session: Session) -> None:
    round = a_round(session, S.SCHEDULED)
    elsewhere = an_actor(Role.STEWARD, scope=a_fund(session).id)
    with pytest.raises(NotAllowed):
        service.cancel(work(session, elsewhere), round.id, "Mine.")


def test_a_date_moves_later_with_a_reason_and_both_are_kept(any_session: Session) -> None:
    round, steward = a_round(any_session, S.OPEN), a_steward(any_session)
    promised, later = round.closes_at, round.closes_at + timedelta(days=2)
    service.extend(work(any_session, steward), round.id, {"closes_at": later}, "The site was down.")
    any_session.flush()
    change = any_session.scalars(select(RoundChange)).one()
    assert (change.before_at, change.after_at, change.reason) == (promised, later, "The site was down.")
    assert queries.rule_book(round).dates.closes_at == promised
    assert queries.phase(round, promised) is S.OPEN
    assert queries.phase(round, later) is S.CLOSED


@pytest.mark.parametrize(
    ("moved", "reason", "words"),
    [
        ({"closes_at": timedelta(-1)}, "Haste.", "It can only be later"),
        ({"closes_at": timedelta(0)}, "Nothing.", "Choose a later date"),
        ({"closes_at": timedelta(1)}, "  ", "Give a reason"),
        ({"closes_at": timedelta(8)}, "Rain.", "Voting must open when applications have closed"),
        ({"opens_at": timedelta(8)}, "Rain.", "This is past"),
    ],
)
def test_a_date_is_never_sooner_nor_over_its_neighbour(
    session: Session, moved: dict[str, timedelta], reason: str, words: str
) -> None:
    round = a_round(session, S.OPEN)
    later = {name: getattr(round, name) + by for name, by in moved.items()}
    with pytest.raises(RuleBroken, match=words):
        service.extend(work(session, a_steward(session)), round.id, later, reason)


def test_the_clock_writes_down_what_is_due_once(any_session: Session) -> None:
    round = a_round(any_session, S.SCHEDULED)
    assert service.tick(work(any_session, CLOCK, round.opens_at - SECOND)) == 0
    assert service.tick(work(any_session, CLOCK, round.opens_at)) == 1
    assert service.tick(work(any_session, CLOCK, round.opens_at)) == 0
    assert service.tick(work(any_session, CLOCK, round.closes_at)) == 1
    assert round.state is S.CLOSED
    roles = any_session.scalars(select(AuditEvent.actor_role).where(AuditEvent.subject_id == round.id))
    assert set(roles) == {"clock"}
    assert verbs(any_session, round) == ["round.opened", "round.closed"]


def test_a_step_first_writes_down_what_the_clock_has_done(session: Session) -> None:
    round = a_round(session, S.SCHEDULED)
    service.begin_checking(work(session, a_steward(session), round.closes_at), round.id)
    assert round.state is S.CHECKING
    assert sorted(verbs(session, round)) == ["round.checking_begun", "round.closed", "round.opened"]


def test_the_rules_read_as_plain_words(session: Session) -> None:
    round = a_round(session, S.OPEN, ballot_minimum=3, ballot_maximum=5, minimum_votes=7, stop_at_misfit=True)
    said = dict(in_words(queries.rule_book(round)))
    assert said["How you vote"] == "You choose at least 3 proposals, and at most 5."
    assert "needs at least 7 votes" in said["Who gets the money"]
    assert "the sharing ends" in said["Who gets the money"]
    assert said["Who may vote"] == "Everybody aged 11 or over who lives, works, studies or volunteers here."
