"""Planned by a steward, run by the chair, closed with the decision."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.allocation import queries as allocation
from grants.allocation.rules.states import DecisionState, Verdict
from grants.allocation.service import runs
from grants.kernel.actors import Role
from grants.kernel.errors import NotAllowed, NotFound, RuleBroken, StepRefused
from grants.kernel.work import UnitOfWork
from grants.meetings import queries, service
from grants.meetings.rules import AgendaOrder, MeetingState, Settled
from grants.outbox.models import OutboxRow
from grants.people.models import Person
from grants.rounds.rules.states import RoundState
from tests.builders.allocation import Counted, a_counted_round
from tests.builders.meetings import PLACE, a_planned_meeting, an_open_meeting
from tests.builders.people import a_member, a_person, actor_of
from tests.review.test_service import events
from tests.support.clock import START
from tests.support.work import work

V = Verdict


def by(session: Session, person: Person) -> UnitOfWork:
    return work(session, actor_of(session, person))


def settle_all(session: Session, counted: Counted, but: tuple[int, ...] = ()) -> None:
    """Every bid as the votes have it."""
    meeting = queries.of_round(session, counted.round.id)
    assert meeting is not None
    for item in queries.agenda(session, counted.round, meeting):
        if item.row.position not in but and item.decision is not None:
            said = Settled("Agreed.", item.decision.verdict)
            service.settle(by(session, counted.panel[0]), counted.round.id, item.row.position, said)
    session.flush()


def test_a_meeting_ends_in_the_decision_with_departures_and_conditions(any_session: Session) -> None:
    counted, meeting = an_open_meeting(any_session)
    settle_all(any_session, counted, but=(1, 2))
    chair = counted.panel[0]
    service.settle(by(any_session, chair), counted.round.id, 1, Settled("", V.AWARDED, "", "Ask the neighbours first."))
    service.settle(by(any_session, chair), counted.round.id, 2, Settled("Long talk.", V.NOT_FUNDED, "The hall is let."))
    service.close(by(any_session, chair), counted.round.id)
    assert meeting.state is MeetingState.CLOSED
    assert counted.round.state is RoundState.DECIDED
    decided = {one.proposal_id: one for one in allocation.decisions(any_session, counted.round.id)}
    first, second = (decided[bid.id] for bid in counted.proposals[:2])
    assert (first.verdict, first.departs, first.conditions) == (V.AWARDED, False, "Ask the neighbours first.")
    assert (second.verdict, second.departure_reason) == (V.NOT_FUNDED, "The hall is let.")
    assert {one.state for one in decided.values()} == {DecisionState.RATIFIED}
    assert [one.verb for one in (*events(any_session, "meeting.closed"), *events(any_session, "allocation.decided"))]
    kept = allocation.meeting(any_session, counted.round.id)
    assert kept is not None
    assert kept.took_part == sorted(str(one.id) for one in counted.panel)


def test_given_recusals_below_quorum_the_decision_cannot_be_taken(any_session: Session) -> None:
    counted, meeting = an_open_meeting(any_session)
    for person in counted.panel[1:]:
        a_member(any_session, counted.proposals[1].group, person)
    any_session.flush()
    item = queries.agenda(any_session, counted.round, meeting)[1]
    assert (len(item.present), item.lacking) == (1, 1)
    with pytest.raises(StepRefused, match="1 have no interest in bid 2, and 2 are needed"):
        service.settle(by(any_session, counted.panel[0]), counted.round.id, 2, Settled("", V.AWARDED))
    settle_all(any_session, counted, but=(2,))
    with pytest.raises(StepRefused):
        service.close(by(any_session, counted.panel[0]), counted.round.id)
    assert counted.round.state is RoundState.PANEL


def test_an_interest_that_comes_to_light_after_a_bid_was_settled_sends_it_back(session: Session) -> None:
    counted, _ = an_open_meeting(session)
    settle_all(session, counted)
    for person in counted.panel[1:]:
        a_member(session, counted.proposals[2].group, person)
    with pytest.raises(StepRefused, match="came to light"):
        service.close(by(session, counted.panel[0]), counted.round.id)


def test_who_left_after_a_bid_still_took_part_in_it(session: Session) -> None:
    counted, meeting = an_open_meeting(session)
    settle_all(session, counted)
    chair, _, left = counted.panel
    service.attend(by(session, chair), counted.round.id, [counted.panel[1].id])
    service.close(by(session, chair), counted.round.id)
    assert str(left.id) in meeting.present
    assert meeting.members_count == 3


def test_a_member_who_is_out_for_a_bid_can_neither_note_nor_settle_it(session: Session) -> None:
    counted, _ = an_open_meeting(session)
    a_member(session, counted.proposals[0].group, counted.panel[0])
    a_member(session, counted.proposals[0].group, counted.steward)
    with pytest.raises(NotFound):
        service.settle(by(session, counted.panel[0]), counted.round.id, 1, Settled("Mine.", V.AWARDED))


def test_the_chairs_own_bid_stays_as_the_votes_have_it(session: Session) -> None:
    counted, meeting = an_open_meeting(session)
    a_member(session, counted.proposals[0].group, counted.panel[0])
    settle_all(session, counted, but=(1,))
    service.close(by(session, counted.panel[0]), counted.round.id)
    row = queries.rows(session, meeting.id)[0]
    assert (row.verdict, len(row.took_part)) == (None, 2)
    decision = allocation.decision_for(session, counted.proposals[0].id)
    assert decision is not None
    assert (decision.verdict, decision.departs) == (V.AWARDED, False)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        (Settled("", V.NOT_FUNDED), "reason"),
        (Settled("", V.NOT_FUNDED, "x" * 1001), "reason"),
        (Settled("", V.NOT_FUNDED, "No.", "Do this."), "conditions"),
        (Settled("x" * 2001, V.AWARDED), "note"),
    ],
)
def test_what_cannot_be_recommended_is_refused_at_its_field(session: Session, said: Settled, field: str) -> None:
    counted, _ = an_open_meeting(session)
    with pytest.raises(RuleBroken) as refused:
        service.settle(by(session, counted.panel[0]), counted.round.id, 1, said)
    assert refused.value.field == field


def test_a_steward_takes_notes_and_only_the_chair_settles(session: Session) -> None:
    counted, meeting = an_open_meeting(session)
    service.settle(by(session, counted.steward), counted.round.id, 1, Settled("They ask about rain."))
    assert queries.rows(session, meeting.id)[0].note == "They ask about rain."
    with pytest.raises(NotAllowed):
        service.settle(by(session, counted.steward), counted.round.id, 1, Settled("", V.AWARDED))
    for person in (counted.panel[1], a_person(session, Role.AUDITOR)):
        with pytest.raises(NotAllowed):
            service.settle(by(session, person), counted.round.id, 1, Settled("Mine."))
    for step in (service.begin, service.close):
        with pytest.raises((NotAllowed, StepRefused)):
            step(by(session, counted.steward), counted.round.id)


def test_only_members_are_there_and_the_chair_always_is(session: Session) -> None:
    counted, meeting = an_open_meeting(session)
    with pytest.raises(RuleBroken) as refused:
        service.attend(by(session, counted.panel[0]), counted.round.id, [a_person(session).id])
    assert refused.value.field == "present"
    service.attend(by(session, counted.steward), counted.round.id, [])
    assert meeting.present == [str(counted.panel[0].id)]


def test_every_bid_is_gone_through_before_the_meeting_closes_and_then_it_stands(session: Session) -> None:
    counted, _ = an_open_meeting(session)
    chair = counted.panel[0]
    settle_all(session, counted, but=(3,))
    with pytest.raises(StepRefused, match="Bid 3 is not settled"):
        service.close(by(session, chair), counted.round.id)
    settle_all(session, counted)
    service.close(by(session, chair), counted.round.id)
    for again in (
        lambda: service.settle(by(session, chair), counted.round.id, 1, Settled("Late.")),
        lambda: service.attend(by(session, chair), counted.round.id, []),
        lambda: service.close(by(session, chair), counted.round.id),
    ):
        with pytest.raises(StepRefused):
            again()


def test_planned_anew_notes_stay_with_their_bids_and_all_are_written_to(session: Session) -> None:
    counted, meeting = an_open_meeting(session)
    service.settle(by(session, counted.panel[0]), counted.round.id, 4, Settled("About the fourth."))
    bid = queries.rows(session, meeting.id)[3].proposal_id
    findings = queries.review.findings(session, counted.round.id)
    findings[bid].by_criterion = {"truth": {"average": "1.5", "counted": 2, "spread": 3}}
    runs.run(by(session, counted.steward), counted.round.id)
    session.flush()
    service.plan(by(session, counted.steward), counted.round.id, START, "The library", AgendaOrder.APART)
    first = queries.rows(session, meeting.id)[0]
    assert (first.proposal_id, first.note, meeting.place) == (bid, "About the fourth.", "The library")
    letters = [row for row in session.scalars(select(OutboxRow)) if row.key.startswith("meeting:")]
    assert len(letters) == 6


def test_worked_out_anew_without_a_new_agenda_cannot_be_closed(session: Session) -> None:
    counted, meeting = an_open_meeting(session)
    settle_all(session, counted)
    session.delete(queries.rows(session, meeting.id)[3])
    session.flush()
    with pytest.raises(StepRefused, match="plan the meeting anew"):
        service.close(by(session, counted.panel[0]), counted.round.id)


def test_only_a_steward_plans_and_only_when_the_votes_are_worked_out(session: Session) -> None:
    counted = a_counted_round(session)
    with pytest.raises(StepRefused):
        service.plan(by(session, counted.steward), counted.round.id, START, PLACE, AgendaOrder.RESULT)
    counted, _ = a_planned_meeting(session, counted)
    with pytest.raises(NotAllowed):
        service.plan(by(session, counted.panel[0]), counted.round.id, START, PLACE, AgendaOrder.RESULT)
    with pytest.raises(RuleBroken) as refused:
        service.plan(by(session, counted.steward), counted.round.id, START, "  ", AgendaOrder.RESULT)
    assert refused.value.field == "place"
