"""A paper and an online vote of one person at the same moment: one mark, one ballot."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from grants.kernel.actors import NOBODY
from grants.kernel.errors import StepRefused
from grants.people.models import Person
from grants.rounds.rules.ballots import VotingMethod
from grants.voting.models import BoothDay, Envelope, RollMark
from grants.voting.rules.codes import hash_address, hash_code
from grants.voting.rules.states import Channel
from grants.voting.rules.voters import Voter
from grants.voting.service import booths, casting
from grants.voting.service.booths import Shown
from grants.web.db import WRITES, transaction
from tests.builders.people import actor_of
from tests.builders.voting import PEPPER, a_booth, a_code, an_officer
from tests.support.clock import START
from tests.support.race import race
from tests.support.schema import an_engine, load_models
from tests.voting.test_booths import PLACE
from tests.voting.test_races import _look_then_write
from tests.voting.test_service import HERE, a_vote_under_way

pytestmark = pytest.mark.race


def vote(
    ready: Callable[[], None],
    url: str,
    round_id: UUID,
    booth_id: UUID,
    officer_id: UUID,
    code: str,
    do: str = "check in",
) -> str:
    """One racer: an officer checks the person in (with ``officer_id``) or undoes that, or the person casts online.

    ``do``: "look, then cast" writes what a first draft would write, once everybody has looked.
    """
    load_models()
    engine = an_engine(url)
    try:
        with Session(engine) as session:
            officer = actor_of(session, session.get_one(Person, officer_id)) if booth_id else NOBODY
            session.rollback()
            if do == "look, then cast":
                casting._in_one_statement = _look_then_write(ready)  # a process of its own: nobody else sees this
            else:
                ready()
            with transaction(session, engine, officer, START + timedelta(minutes=1)) as uow:
                if booth_id:
                    shown = Shown(code=code)
                    if do == "undo":
                        booths.undo_check_in(uow, booth_id, shown, no_paper=True, why="By mistake", pepper=PEPPER)
                        return "undone"
                    done = booths.check_in(uow, booth_id, shown, checked=True, void_online=True, pepper=PEPPER).done
                    return "paper" if done else "not given"
                voter = Voter(hash_code(code, PEPPER, round_id), VotingMethod.CODE)
                casting.cast(uow, round_id, voter, [1, 2, 3])
        return "online"
    except StepRefused as refused:
        return refused.message
    finally:
        engine.dispose()


def a_stage(url: str, booths_count: int = 1) -> tuple[UUID, list[tuple[UUID, UUID]], str]:
    load_models()
    engine = an_engine(url)
    with Session(engine) as session:
        session.connection(execution_options={WRITES: True})
        round = a_vote_under_way(session)
        places = []
        for _ in range(booths_count):
            booth = a_booth(session, round)
            places.append((booth.id, an_officer(session, round, booth).id))
        made = (round.id, places, a_code(session, round))
        session.commit()
    engine.dispose()
    return made


def left(url: str) -> tuple[list[Channel], int, int]:
    engine = an_engine(url)
    with Session(engine) as session:
        found: Any = (
            list(session.scalars(select(RollMark.channel))),
            len(session.scalars(select(Envelope.commitment)).all()),
            sum(session.scalars(select(BoothDay.given))),
        )
    engine.dispose()
    return found  # type: ignore[no-any-return]


def test_a_paper_and_an_online_vote_at_once_are_one_mark_and_no_envelope_stays(any_url: str) -> None:
    """Whoever comes first: the paper counts. Online is refused, or was first and its envelope is destroyed."""
    round_id, [(booth, officer)], code = a_stage(any_url)
    finishes = race(vote, [(any_url, round_id, booth, officer, code), (any_url, round_id, None, None, code)])
    assert [finish.error for finish in finishes] == [None, None]
    assert finishes[0].gave == "paper"
    assert finishes[1].gave == "online" or "already voted on paper" in finishes[1].gave
    assert left(any_url) == ([Channel.PAPER], 0, 1)


WITHOUT_KEY = "ALTER TABLE roll DROP CONSTRAINT pk_roll"


def drop_the_rolls_key(url: str) -> None:
    engine = an_engine(url)
    with Session(engine) as session:
        session.execute(text(WITHOUT_KEY))
        session.commit()
    engine.dispose()


def test_without_the_rolls_key_a_paper_and_an_online_vote_at_once_are_two_marks(postgres_url: str) -> None:
    round_id, [(booth, officer)], code = a_stage(postgres_url)
    drop_the_rolls_key(postgres_url)
    paper = (postgres_url, round_id, booth, officer, code)
    finishes = race(vote, [paper, (postgres_url, round_id, None, None, code, "look, then cast")])
    assert [finish.error for finish in finishes] == [None, None]
    marks, envelopes, given = left(postgres_url)
    assert (sorted(marks), envelopes, given) == ([Channel.ONLINE, Channel.PAPER], 1, 1)


def test_without_the_rolls_key_one_person_is_given_two_papers(postgres_url: str) -> None:
    round_id, places, code = a_stage(postgres_url, 2)
    drop_the_rolls_key(postgres_url)
    finishes = race(vote, [(postgres_url, round_id, booth, officer, code) for booth, officer in places])
    assert [finish.gave for finish in finishes] == ["paper", "paper"]
    assert left(postgres_url) == ([Channel.PAPER, Channel.PAPER], 0, 2)


def test_one_person_at_two_booths_at_once_is_given_one_paper(any_url: str) -> None:
    round_id, places, code = a_stage(any_url, 2)
    finishes = race(vote, [(any_url, round_id, booth, officer, code) for booth, officer in places])
    assert [finish.error for finish in finishes] == [None, None]
    gave = sorted(str(finish.gave) for finish in finishes)
    assert gave[1] == "paper"
    assert "given a paper already" in gave[0]
    assert left(any_url) == ([Channel.PAPER], 0, 1)


# A check-in that is undone, and an online vote of that person.


def check_in_first(url: str, booth_id: UUID, officer_id: UUID, shown: Shown) -> None:
    engine = an_engine(url)
    with Session(engine) as session:
        officer = actor_of(session, session.get_one(Person, officer_id))
        session.rollback()
        with transaction(session, engine, officer, START) as uow:
            assert booths.check_in(uow, booth_id, shown, checked=True, pepper=PEPPER).done
    engine.dispose()


def test_an_undone_check_in_and_an_online_vote_at_once_leave_a_mark_for_every_envelope(any_url: str) -> None:
    round_id, [(booth, officer)], code = a_stage(any_url)
    check_in_first(any_url, booth, officer, Shown(code=code))
    finishes = race(
        vote, [(any_url, round_id, booth, officer, code, "undo"), (any_url, round_id, None, None, code, "cast")]
    )
    assert [finish.error for finish in finishes] == [None, None]
    assert finishes[0].gave == "undone"
    voted = finishes[1].gave == "online"
    assert voted or "already voted on paper" in finishes[1].gave
    assert left(any_url) == ([Channel.ONLINE] if voted else [], int(voted), 1)


def undo_twice(
    ready: Callable[[], None], url: str, round_id: UUID, booth_id: UUID, officer_id: UUID, shown: Shown, how: str
) -> str:
    """Two officers undo one check-in, and the person votes in between.

    ``how``: the "slow" one looks, and writes when the other is through; "by key" it deletes whatever mark is there.
    """
    load_models()
    engine = an_engine(url)
    try:
        with Session(engine) as session:
            officer = actor_of(session, session.get_one(Person, officer_id))
            session.rollback()
            if how == "quick":
                ready()
            else:  # a process of its own: nobody else sees this

                def pause(*_: object) -> None:
                    ready()
                    ready()

                booths._ensure_papers_left = pause
            if how == "by key":
                booths.delete = _by_key_only  # type: ignore[assignment]
            with transaction(session, engine, officer, START + timedelta(minutes=1)) as uow:
                booths.undo_check_in(uow, booth_id, shown, no_paper=True, why="By mistake", pepper=PEPPER)
            if how == "quick":
                with transaction(session, engine, NOBODY, START + timedelta(minutes=2)) as uow:
                    key = hash_address(shown.email, PEPPER, round_id)
                    casting.cast(uow, round_id, Voter(key, VotingMethod.EMAIL_POSTCODE), [1, 2, 3])
                ready()
        return "undone"
    except StepRefused as refused:
        return refused.message
    finally:
        engine.dispose()


class _by_key_only:  # noqa: N801 - it stands for ``delete``
    def __init__(self, table: type) -> None:
        self.table = table

    def where(self, *conditions: Any) -> Any:
        return delete(self.table).where(*conditions[:2])


def both_undo(url: str, slow: str) -> list[Any]:
    """Rose was checked in at one booth, somebody else at another; officers of both undo hers."""
    round_id, [here, there], _ = a_stage(url, 2)
    rose, jack = (Shown(email=f"{name}@example.org", place=PLACE, postcode=HERE) for name in ("rose", "jack"))
    check_in_first(url, *here, rose)
    check_in_first(url, *there, jack)
    entries = [(url, round_id, *here, rose, slow), (url, round_id, *there, rose, "quick")]
    finishes = race(undo_twice, entries)
    assert [finish.error for finish in finishes] == [None, None]
    return [finish.gave for finish in finishes]


def test_who_voted_after_another_officer_undid_the_check_in_stays_on_the_roll(postgres_url: str) -> None:
    assert both_undo(postgres_url, "slow") == [
        "Nobody with these details was given a paper here today. Check each letter.",
        "undone",
    ]
    marks, envelopes, _ = left(postgres_url)
    assert (sorted(marks), envelopes) == ([Channel.ONLINE, Channel.PAPER], 1)


def test_undoing_by_key_alone_would_leave_an_envelope_without_a_mark(postgres_url: str) -> None:
    assert both_undo(postgres_url, "by key") == ["undone", "undone"]
    assert left(postgres_url)[:2] == ([Channel.PAPER], 1)
