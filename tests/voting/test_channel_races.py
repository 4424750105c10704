"""A paper and an online vote of one person at the same moment: one mark, one ballot."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.kernel.actors import NOBODY
from grants.kernel.errors import StepRefused
from grants.people.models import Person
from grants.rounds.rules import VotingMethod
from grants.voting.models import BoothDay, Envelope, RollMark
from grants.voting.rules.codes import hash_code
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
from tests.voting.test_service import a_vote_under_way

pytestmark = pytest.mark.race


def vote(ready: Callable[[], None], url: str, round_id: UUID, booth_id: UUID, officer_id: UUID, code: str) -> str:
    """One racer: an officer checks the person in (with ``officer_id``), or the person casts online."""
    load_models()
    engine = an_engine(url)
    try:
        with Session(engine) as session:
            officer = actor_of(session, session.get_one(Person, officer_id)) if booth_id else NOBODY
            session.rollback()
            ready()
            with transaction(session, engine, officer, START + timedelta(minutes=1)) as uow:
                if booth_id:
                    shown = Shown(code=code)
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


def test_one_person_at_two_booths_at_once_is_given_one_paper(any_url: str) -> None:
    round_id, places, code = a_stage(any_url, 2)
    finishes = race(vote, [(any_url, round_id, booth, officer, code) for booth, officer in places])
    assert [finish.error for finish in finishes] == [None, None]
    gave = sorted(str(finish.gave) for finish in finishes)
    assert gave[1] == "paper"
    assert "given a paper already" in gave[0]
    assert left(any_url) == ([Channel.PAPER], 0, 1)
