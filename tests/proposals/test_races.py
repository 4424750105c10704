"""Two members press at the same moment: one proposal is put in once, no words are lost, no pound is promised twice."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grants.adapters.packaged_geography import PackagedGeography
from grants.kernel.actors import Actor
from grants.kernel.errors import RuleBroken
from grants.kernel.tables import Identified
from grants.kernel.work import UnitOfWork
from grants.people.queries import actor_for
from grants.proposals.models import Proposal, ProposalSnapshot
from grants.proposals.rules.sections import Section
from grants.proposals.rules.states import ProposalState
from grants.proposals.service import bids as service
from grants.web.db import WRITES, transaction
from tests.builders.people import a_group, a_member
from tests.builders.proposals import a_proposal
from tests.support.clock import START
from tests.support.race import race
from tests.support.schema import an_engine, load_models

pytestmark = pytest.mark.race


def act(ready: Callable[[], None], url: str, person_id: UUID, proposal_id: UUID, what: str, guarded: bool) -> str:
    """One racer: put the proposal in, or save a section of it."""
    load_models()
    engine = an_engine(url)
    held, seen = UnitOfWork.get, []  # a session forgets, and reads again, what nobody holds
    try:
        with Session(engine) as session:
            actor: Actor = actor_for(session, person_id, "Racer")
            if guarded:
                ready()
            else:  # a process of its own: nobody else sees this

                def look(self: UnitOfWork, model: type[Identified], id: UUID, *, lock: bool = False) -> Identified:
                    row = held(self, model, id)
                    seen.append(row)
                    ready()
                    return row

                UnitOfWork.get = look  # type: ignore[method-assign, assignment]
            with transaction(session, engine, actor, START) as uow:
                if what == "submit":
                    service.submit(uow, proposal_id)
                else:
                    values = {"title": str(person_id), "summary": "", "what": ""}
                    service.save_section(
                        uow, proposal_id, Section.WHAT, values, version=1, geography=PackagedGeography()
                    )
            return "done"
    except RuleBroken as refused:
        return type(refused).__name__
    finally:
        engine.dispose()


def scene(url: str, state: ProposalState, people: int) -> tuple[UUID, list[UUID]]:
    """A proposal and so many members who may sign off."""
    load_models()
    engine = an_engine(url)
    with Session(engine) as session:
        session.connection(execution_options={WRITES: True})
        group = a_group(session)
        writer = a_member(session, group)
        ids = [a_member(session, group).id for _ in range(people)]
        proposal = a_proposal(session, state=state, group=group, writer=writer)
        session.commit()
        found = proposal.id
    engine.dispose()
    return found, ids


def test_two_who_sign_off_at_once_put_it_in_once(any_url: str) -> None:
    proposal_id, people = scene(any_url, ProposalState.AWAITING_SIGN_OFF, 3)
    came_in = race(act, [(any_url, id, proposal_id, "submit", True) for id in people])
    assert [one.error for one in came_in] == [None] * 3
    assert sorted(one.gave for one in came_in) == ["StepRefused", "StepRefused", "done"]
    engine = an_engine(any_url)
    with Session(engine) as session:
        assert session.scalar(select(func.count(ProposalSnapshot.id))) == 1
        assert session.get_one(Proposal, proposal_id).state is ProposalState.SUBMITTED
    engine.dispose()


def test_two_who_save_one_section_at_once_lose_no_words(any_url: str) -> None:
    proposal_id, people = scene(any_url, ProposalState.DRAFT, 3)
    came_in = race(act, [(any_url, id, proposal_id, "save", True) for id in people])
    assert [one.error for one in came_in] == [None] * 3
    assert sorted(one.gave for one in came_in) == ["SectionConflict", "SectionConflict", "done"]
    winner = people[[one.gave for one in came_in].index("done")]
    engine = an_engine(any_url)
    with Session(engine) as session:
        kept = session.get_one(Proposal, proposal_id)
        assert (kept.title, kept.section_versions["what"]) == (str(winner), 2)
    engine.dispose()


@pytest.mark.postgres
def test_without_the_held_row_both_would_be_told_that_they_saved(postgres_url: str) -> None:
    proposal_id, people = scene(postgres_url, ProposalState.DRAFT, 2)
    came_in = race(act, [(postgres_url, id, proposal_id, "save", False) for id in people])
    assert [one.gave for one in came_in] == ["done", "done"]
