"""From the panel's decision to the offers, in one step."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.allocation.queries import decision_for
from grants.allocation.rules.states import Departure, Verdict
from grants.allocation.service import afterwards, deciding, runs
from grants.awards import queries
from grants.awards.models import Award
from grants.awards.rules import AwardState
from grants.awards.service import answers, offers
from grants.funds.models import Fund
from grants.funds.queries import contributions
from grants.kernel.actors import CLOCK, Rights, Role
from grants.kernel.errors import NotAllowed, NotEnoughMoney
from grants.ledger.queries import breaks
from grants.outbox.models import OutboxRow
from grants.proposals.rules.states import ProposalState
from grants.rounds.rules.states import RoundState
from tests.builders.actors import an_actor
from tests.builders.allocation import Counted, a_counted_round
from tests.builders.awards import an_award
from tests.builders.funds import a_contribution, a_fund
from tests.conftest import SignIn
from tests.support.clock import START
from tests.support.work import work


def decided(session: Session, fund: Fund, **fields: object) -> Counted:
    """Four bids of which three are funded; the fourth is in reserve, by the pot or by the panel."""
    counted = a_counted_round(session, fund=fund, **fields)
    runs.run(work(session, counted.actor(session, counted.steward)), counted.round.id)
    session.flush()
    chair = counted.actor(session, counted.panel[0])
    departures = [Departure(counted.proposals[3].id, Verdict.RESERVE, "It can wait a little.")] if fields else []
    deciding.decide(work(session, chair), counted.round.id, departures, [one.id for one in counted.panel])
    session.flush()
    return counted


def a_rich_fund(session: Session, amount_minor: int = 500_000) -> Fund:
    fund = a_fund(session)
    a_contribution(session, fund, amount_minor)
    return fund


def test_everybody_is_told_and_every_award_offered_in_one_step(any_session: Session) -> None:
    session = any_session
    counted = decided(session, a_rich_fund(session))
    steward = counted.actor(session, counted.steward)
    awards = offers.announce_and_offer(work(session, steward), counted.round.id)
    assert [award.amount_minor for award in awards] == [200_000, 150_000, 120_000]
    assert counted.round.state is RoundState.ANNOUNCED
    assert counted.proposals[3].state is ProposalState.RESERVE
    assert queries.awarded_minor(session, counted.round.id) == 470_000
    assert queries.unoffered_count(session, counted.round.id) == 0
    assert breaks(session) == []


def test_when_the_money_has_gone_nobody_is_told_anything(session: Session) -> None:
    fund = a_rich_fund(session)
    counted = decided(session, fund)
    an_award(session, amount_minor=100_000, contributions=contributions(session, fund.id))
    with pytest.raises(NotEnoughMoney, match="£700 more"), session.begin_nested():
        offers.announce_and_offer(work(session, counted.actor(session, counted.steward)), counted.round.id)
    session.expire_all()
    assert counted.round.state is RoundState.DECIDED
    assert session.scalars(select(OutboxRow).where(OutboxRow.key.like("decision:%"))).all() == []
    assert queries.of_round(session, counted.round.id) == []


def test_a_panellist_who_is_a_steward_too_does_not_announce(session: Session) -> None:
    counted = decided(session, a_rich_fund(session))
    with pytest.raises(NotAllowed):
        offers.announce_and_offer(work(session, an_actor(Role.STEWARD, id=counted.panel[0].id)), counted.round.id)


def test_a_no_moves_the_reserve_up_as_far_as_pot_and_money_go(any_session: Session) -> None:
    session = any_session
    counted = decided(session, a_rich_fund(session))
    steward = counted.actor(session, counted.steward)
    awards = offers.announce_and_offer(work(session, steward), counted.round.id)
    session.flush()
    member = an_actor(id=counted.steward.id, groups={awards[2].group_id: Rights(edit=True, sign_off=True)})
    answers.decline(work(session, member), awards[2].id, "We found the money elsewhere.")
    session.flush()
    moved_up = session.scalars(select(Award).where(Award.proposal_id == counted.proposals[3].id)).one()
    assert (moved_up.state, moved_up.amount_minor) == (AwardState.OFFERED, 100_000)
    assert counted.proposals[3].state is ProposalState.AWARDED
    assert offers.offer_all(work(session, steward), counted.round.id) == []
    assert breaks(session) == []


def test_what_a_correction_funds_is_offered_by_the_clock_once(session: Session) -> None:
    counted = decided(session, a_rich_fund(session, 900_000), pot_minor=900_000)
    steward = counted.actor(session, counted.steward)
    offers.announce_and_offer(work(session, steward), counted.round.id)
    session.flush()
    standing = decision_for(session, counted.proposals[3].id)
    assert standing is not None
    asked = afterwards.ask_correction(work(session, steward), standing.id, Verdict.AWARDED, "Two votes were lost.")
    afterwards.answer_correction(work(session, counted.actor(session, counted.panel[0])), asked.id, True)
    session.flush()
    assert offers.offer_missing(work(session, CLOCK)) == 1
    session.flush()
    assert offers.offer_missing(work(session, CLOCK)) == 0


def test_money_of_an_offer_that_was_declined_has_room_for_a_correction(any_session: Session) -> None:
    session = any_session
    counted = decided(session, a_rich_fund(session))
    steward = counted.actor(session, counted.steward)
    awards = offers.announce_and_offer(work(session, steward), counted.round.id)
    session.flush()
    standing = decision_for(session, counted.proposals[3].id)
    assert standing is not None
    asked = afterwards.ask_correction(work(session, steward), standing.id, Verdict.AWARDED, "Two votes were lost.")
    chair = counted.actor(session, counted.panel[0])
    with pytest.raises(NotEnoughMoney), session.begin_nested():
        afterwards.answer_correction(work(session, chair), asked.id, True)
    session.expire_all()
    # Nobody moves up meanwhile.
    declined = max(awards, key=lambda award: award.amount_minor)
    member = an_actor(id=counted.steward.id, groups={declined.group_id: Rights(edit=True, sign_off=True)})
    counted.proposals[3].state, was = ProposalState.NOT_FUNDED, counted.proposals[3].state
    answers.decline(work(session, member), declined.id, "We found the money elsewhere.")
    counted.proposals[3].state = was
    afterwards.answer_correction(work(session, chair), asked.id, True)
    session.flush()
    assert [award.proposal_id for award in offers.offer_all(work(session, steward), counted.round.id)] == [
        counted.proposals[3].id
    ]
    assert breaks(session) == []


def test_a_steward_announces_from_the_round(as_: SignIn, app_session: Session) -> None:
    counted = decided(app_session, a_rich_fund(app_session))
    steward = as_(counted.steward)
    answer = steward.post(f"/rounds/{counted.round.id}/offers")
    assert answer.status_code == 302
    assert answer.location.endswith(f"/rounds/{counted.round.id}/results")
    app_session.rollback()
    lines = queries.of_round(app_session, counted.round.id)
    assert [line.answer_by - line.offered_at for line in lines] == [timedelta(days=14)] * 3
    assert {line.offered_at for line in lines} == {START}
