"""Several ballots of one voter at once, and a ballot against the close: one effect, no error, the guards are why."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from grants.kernel.actors import CLOCK, NOBODY
from grants.kernel.errors import StepRefused
from grants.kernel.statements import Line, Statement, Turned
from grants.rounds.models import Round
from grants.rounds.rules.ballots import VotingMethod
from grants.voting.models import Ballot, Envelope, RollMark, UnfinishedBallot, VotingCode
from grants.voting.rules.codes import hash_code
from grants.voting.rules.states import CodeState
from grants.voting.rules.voters import Voter
from grants.voting.service import casting, unfinished
from grants.voting.service import votes as service
from grants.web.db import WRITES, at_once, transaction
from tests.builders.voting import PEPPER, a_code
from tests.support.clock import START
from tests.support.race import Finish, race
from tests.support.schema import an_engine, load_models
from tests.support.settings import KEYS
from tests.voting.test_service import a_vote_under_way

pytestmark = pytest.mark.race


def cast_one(ready: Callable[[], None], url: str, round_id: UUID, key: str, choices: list[int], how: str) -> str:
    """One racer casts.

    ``how``: guarded; naive (look first, then write); awaited (stays until the close waits for it); unlocked.
    """
    load_models()
    engine = an_engine(url)
    # The close writes codes anew, so a vote with a code would be stopped there too, without its lock on the round.
    voter = Voter(key, VotingMethod.EMAIL_POSTCODE if how == "unlocked" else VotingMethod.CODE)
    try:
        with Session(engine) as session:
            sealed = casting.seal_ballot(
                session, round_id, choices
            )  # connected, and the ballot known, before the start
            if how == "naive":
                casting._in_one_statement = _look_then_write(ready)  # a process of its own: nobody else sees this
            elif how == "unlocked":
                casting._ALL_AT_ONCE = {way: without_lock(words) for way, words in casting._ALL_AT_ONCE.items()}
            if how not in ("naive", "awaited"):
                ready()
            if how != "awaited":
                with at_once(engine, lambda: START, lambda: session) as work:
                    casting.hand_in(work, voter, sealed)
                return "cast"
            with transaction(session, engine, NOBODY, START) as uow:
                casting.hand_in(uow, voter, sealed)
                ready()
                until_somebody_waits(session)
        return "cast"
    except StepRefused:
        return "refused"
    finally:
        engine.dispose()


def _look_then_write(ready: Callable[[], None]) -> Any:
    """What a first draft does: ask whether there is a mark, and insert if not. Both ask before either inserts."""

    def in_steps(line: Line, values: Turned, _by_code: bool) -> casting._Told:
        assert casting._LOOK.run(line, values).fetchone()[0] is None
        ready()  # everybody has looked and found nothing
        for statement, guard in ((casting._MARK, casting._ONCE), (casting._SEAL, casting._REPLACE)):
            Statement(statement.words.replace(guard, ""), statement.types).run(line, values)
        return casting._Told(may_vote=True, marked=True, replaced=False)

    return in_steps


def without_lock(words: Statement) -> Statement:
    return Statement(words.words.replace("FOR KEY SHARE OF r", ""), words.types)


def until_somebody_waits(session: Session) -> None:
    """Stand still until another waits for a lock that we hold."""
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))")
    while not session.scalar(waiting):
        time.sleep(0.01)


def close(ready: Callable[[], None], url: str, round_id: UUID, how: str = "") -> str:
    """One racer closes the vote, at the moment it closes. ``how``: before it commits, it waits until a ballot waits."""
    load_models()
    engine = an_engine(url)
    try:
        with Session(engine) as session:
            closes_at = session.scalars(select(Round.voting_closes_at).where(Round.id == round_id)).one()
            if how != "close, awaited":
                ready()
            with transaction(session, engine, CLOCK, closes_at) as uow:
                count = service.close_vote(uow, round_id, vote_key=KEYS["vote_key"]).ballot_count
                if how == "close, awaited":
                    session.flush()
                    ready()
                    until_somebody_waits(session)
        return f"counted {count}"
    except StepRefused:
        return "refused"
    finally:
        engine.dispose()


def cast_or_close(ready: Callable[[], None], url: str, round_id: UUID, key: str, how: str) -> str:
    if how.startswith("close"):
        return close(ready, url, round_id, how)
    return cast_one(ready, url, round_id, key, [1, 2, 3], how)


def keep_one(
    ready: Callable[[], None], url: str, round_id: UUID, key: str, picks: dict[int, int], how: str = ""
) -> str:
    """One racer keeps an unfinished ballot. ``how``: unlocked (the round is looked at and not held)."""
    load_models()
    engine = an_engine(url)
    try:
        with Session(engine) as session:
            round = session.scalars(select(Round).where(Round.id == round_id)).one()
            session.expunge(round)
            session.rollback()
            if how == "unlocked":
                unfinished.hold_open = lambda _uow, _round_id: round  # a process of its own: nobody else sees this
            ready()
            with transaction(session, engine, NOBODY, START) as uow:
                unfinished.keep(uow, round_id, Voter(key, VotingMethod.CODE), picks)
        return "kept"
    except StepRefused:
        return "refused"
    finally:
        engine.dispose()


def keep_or_close(ready: Callable[[], None], url: str, round_id: UUID, key: str, how: str) -> str:
    if how.startswith("close"):
        return close(ready, url, round_id, how)
    return keep_one(ready, url, round_id, key, {1: 1}, how)


def a_stage(url: str, before: tuple[str, ...] = ()) -> tuple[UUID, str]:
    """A vote under way and the key of somebody with a code."""
    load_models()
    engine = an_engine(url)
    with Session(engine) as session:
        session.connection(execution_options={WRITES: True})
        round = a_vote_under_way(session)
        key = hash_code(a_code(session, round), PEPPER, round.id)
        round_id = round.id
        session.commit()
        for statement in before:
            session.execute(text(statement))
        session.commit()
    engine.dispose()
    return round_id, key


def left(url: str) -> dict[str, int]:
    engine = an_engine(url)
    with Session(engine) as session:
        counts = {
            model.__tablename__: session.scalar(select(func.count()).select_from(model)) or 0
            for model in (RollMark, Envelope, Ballot)
        }
        counts["used"] = (
            session.scalar(select(func.count()).select_from(VotingCode).where(VotingCode.state == CodeState.USED)) or 0
        )
    engine.dispose()
    return counts


def gave(finishes: list[Finish]) -> list[str]:
    assert [finish.error for finish in finishes] == [None] * len(finishes)
    return sorted(str(finish.gave) for finish in finishes)


def test_two_ballots_of_one_voter_are_one_mark_and_one_envelope(any_url: str) -> None:
    round_id, key = a_stage(any_url)
    both = [(any_url, round_id, key, choices, "guarded") for choices in ([1, 2, 3], [2, 3, 4])]
    assert gave(race(cast_one, both)) == ["cast", "cast"]
    assert left(any_url) == {"roll": 1, "envelope": 1, "ballot": 0, "used": 1}


def test_ten_first_ballots_of_one_voter_are_one(postgres_url: str) -> None:
    round_id, key = a_stage(postgres_url)
    assert gave(race(cast_one, [(postgres_url, round_id, key, [1, 2, 3], "guarded")] * 10)) == ["cast"] * 10
    assert left(postgres_url) == {"roll": 1, "envelope": 1, "ballot": 0, "used": 1}


WITHOUT_KEYS = ("ALTER TABLE roll DROP CONSTRAINT pk_roll", "ALTER TABLE envelope DROP CONSTRAINT pk_envelope")


def test_without_the_keys_one_voter_votes_twice(postgres_url: str) -> None:
    round_id, key = a_stage(postgres_url, WITHOUT_KEYS)
    both = [(postgres_url, round_id, key, choices, "naive") for choices in ([1, 2, 3], [2, 3, 4])]
    gave(race(cast_one, both))
    assert left(postgres_url)["envelope"] == 2


def test_without_the_upsert_one_racer_gets_an_error(postgres_url: str) -> None:
    round_id, key = a_stage(postgres_url)
    both = [(postgres_url, round_id, key, choices, "naive") for choices in ([1, 2, 3], [2, 3, 4])]
    errors = [finish.error for finish in race(cast_one, both) if finish.error]
    assert len(errors) == 1
    assert "pk_roll" in errors[0]


def test_a_ballot_in_the_last_moment_is_counted_or_refused_and_never_lost(any_url: str) -> None:
    round_id, key = a_stage(any_url)
    voting, closing = race(cast_or_close, [(any_url, round_id, key, "guarded"), (any_url, round_id, "", "close")])
    assert (voting.error, closing.error) == (None, None)
    cast = voting.gave == "cast"
    assert closing.gave == f"counted {int(cast)}"
    assert left(any_url) == {"roll": int(cast), "envelope": 0, "ballot": int(cast), "used": int(cast)}


def test_the_close_waits_for_a_ballot_that_is_being_written(postgres_url: str) -> None:
    round_id, key = a_stage(postgres_url)
    entries = [(postgres_url, round_id, key, "awaited"), (postgres_url, round_id, "", "close")]
    assert gave(race(cast_or_close, entries)) == ["cast", "counted 1"]
    assert left(postgres_url) == {"roll": 1, "envelope": 0, "ballot": 1, "used": 1}


def test_a_ballot_that_comes_during_the_close_waits_and_is_refused(postgres_url: str) -> None:
    round_id, key = a_stage(postgres_url)
    entries = [(postgres_url, round_id, key, "guarded"), (postgres_url, round_id, "", "close, awaited")]
    assert gave(race(cast_or_close, entries)) == ["counted 0", "refused"]
    assert left(postgres_url) == {"roll": 0, "envelope": 0, "ballot": 0, "used": 0}


def test_without_its_lock_a_ballot_that_comes_during_the_close_is_lost(postgres_url: str) -> None:
    round_id, key = a_stage(postgres_url)
    entries = [(postgres_url, round_id, key, "unlocked"), (postgres_url, round_id, "", "close, awaited")]
    assert gave(race(cast_or_close, entries)) == ["cast", "counted 0"]
    assert left(postgres_url)["envelope"] == 1


def test_two_that_close_count_once(any_url: str) -> None:
    round_id, key = a_stage(any_url)
    race(cast_one, [(any_url, round_id, key, [1, 2, 3], "guarded")])
    assert gave(race(close, [(any_url, round_id)] * 2)) == ["counted 1", "refused"]
    assert left(any_url)["ballot"] == 1


def unfinished_left(url: str) -> int:
    engine = an_engine(url)
    with Session(engine) as session:
        size = session.scalar(select(func.count()).select_from(UnfinishedBallot)) or 0
    engine.dispose()
    return size


def test_ten_first_choices_of_one_voter_at_once_are_one_unfinished_ballot(any_url: str) -> None:
    round_id, key = a_stage(any_url)
    each = [(any_url, round_id, key, {number % 4 + 1: 1}) for number in range(10)]
    assert gave(race(keep_one, each)) == ["kept"] * 10
    assert unfinished_left(any_url) == 1


def test_what_is_kept_during_the_close_waits_and_is_refused(postgres_url: str) -> None:
    round_id, key = a_stage(postgres_url)
    entries = [(postgres_url, round_id, key, ""), (postgres_url, round_id, "", "close, awaited")]
    assert gave(race(keep_or_close, entries)) == ["counted 0", "refused"]
    assert unfinished_left(postgres_url) == 0


def test_without_its_lock_what_is_kept_during_the_close_outlives_it(postgres_url: str) -> None:
    round_id, key = a_stage(postgres_url)
    entries = [(postgres_url, round_id, key, "unlocked"), (postgres_url, round_id, "", "close, awaited")]
    assert gave(race(keep_or_close, entries)) == ["counted 0", "kept"]
    assert unfinished_left(postgres_url) == 1
