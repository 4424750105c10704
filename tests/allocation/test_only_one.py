"""A steward says that only one of some bids can win: before the ballot is fixed, and until the panel has decided."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.allocation import queries
from grants.allocation.rules.replay import replay_as_kept
from grants.allocation.rules.states import DecisionState, Departure, Verdict
from grants.allocation.service import deciding, runs
from grants.awards.service import offers
from grants.kernel.actors import Role
from grants.kernel.errors import NotAllowed, RuleBroken, StepRefused
from grants.kernel.trail import AuditEvent
from grants.proposals.models import ExclusiveBid, ExclusiveSet
from grants.proposals.queries import lists as proposal_lists
from grants.proposals.queries import only_one
from grants.proposals.rules.states import ProposalState
from grants.rounds.models import Round
from grants.rounds.rules.states import RoundState
from grants.voting import queries as voting
from tests.builders.allocation import Counted, a_counted_round
from tests.builders.funds import a_contribution, a_fund
from tests.builders.people import a_member, a_person, actor_of
from tests.builders.proposals import a_proposal
from tests.builders.rounds import a_round
from tests.builders.voting import a_ballot
from tests.conftest import SignIn
from tests.support.clock import START
from tests.support.crawl import faults
from tests.support.work import work

WHY = "Both want the corner of Hill Street"
V = Verdict


def mark(session: Session, counted: Counted, *numbers: int, reason: str = WHY) -> ExclusiveSet:
    ids = [counted.proposals[number - 1].id for number in numbers]
    made = runs.exclude(work(session, actor_of(session, counted.steward)), counted.round.id, ids, reason)
    session.flush()
    return made


def run(session: Session, counted: Counted) -> None:
    runs.run(work(session, actor_of(session, counted.steward)), counted.round.id)
    session.flush()


def verdicts(session: Session, counted: Counted) -> list[Verdict]:
    by_bid = {one.proposal_id: one.verdict for one in queries.decisions(session, counted.round.id)}
    return [by_bid[bid.id] for bid in counted.proposals]


def test_what_is_set_or_lifted_after_the_vote_is_worked_out_again_and_logged(any_session: Session) -> None:
    session, counted = any_session, a_counted_round(any_session)
    run(session, counted)
    assert verdicts(session, counted) == [V.AWARDED, V.AWARDED, V.AWARDED, V.RESERVE]
    before = queries.standing_run(session, counted.round.id)
    made = mark(session, counted, 1, 2)
    assert made.after_vote
    assert verdicts(session, counted) == [V.AWARDED, V.NOT_FUNDED, V.AWARDED, V.AWARDED]
    lost = queries.decision_for(session, counted.proposals[1].id)
    assert lost is not None
    assert lost.reason_code == "conflict"
    assert "Only one of this and “Bid 1” could be funded, and “Bid 1” had its turn first." in lost.reason
    run_now = queries.standing_run(session, counted.round.id)
    assert run_now is not None
    assert before is not None
    assert run_now.id != before.id
    assert replay_as_kept(queries.inputs(session, run_now), run_now.checksum).checksum == run_now.checksum
    held = {bid["id"]: bid.get("sets") for bid in json.loads(run_now.inputs)["bids"]}
    assert held[str(counted.proposals[0].id)] == [str(made.id)]
    assert held[str(counted.proposals[2].id)] is None
    runs.lift_exclusion(work(session, actor_of(session, counted.steward)), made.id, "There is room for both.")
    session.flush()
    assert verdicts(session, counted) == [V.AWARDED, V.AWARDED, V.AWARDED, V.RESERVE]
    assert made.lifted_after_vote
    said = session.scalars(select(AuditEvent).where(AuditEvent.verb.like("proposal.exclusion%"))).all()
    assert {(one.verb, one.why) for one in said} == {
        ("proposal.exclusion_set", WHY),
        ("proposal.exclusion_lifted", "There is room for both."),
    }
    worked_out = session.scalars(select(AuditEvent).where(AuditEvent.verb == "allocation.worked_out")).all()
    assert len(worked_out) == 3


def test_before_the_first_run_nothing_is_worked_out(session: Session) -> None:
    counted = a_counted_round(session)
    mark(session, counted, 1, 2)
    assert queries.standing_run(session, counted.round.id) is None
    run(session, counted)
    assert verdicts(session, counted)[1] is V.NOT_FUNDED


def test_a_set_whose_other_bid_was_withdrawn_says_nothing(session: Session) -> None:
    counted = a_counted_round(session)
    mark(session, counted, 1, 2)
    counted.proposals[0].state = ProposalState.WITHDRAWN
    session.flush()
    assert only_one.exclusions(session, counted.round.id) == {}
    run(session, counted)
    done = queries.standing_run(session, counted.round.id)
    assert done is not None
    assert "sets" not in done.inputs


@pytest.mark.parametrize(
    "state", [state for state in RoundState if state not in (RoundState.CHECKING, RoundState.PANEL)]
)
def test_nothing_is_set_or_lifted_while_people_vote_or_after_the_decision(session: Session, state: RoundState) -> None:
    counted = a_counted_round(session)
    made = mark(session, counted, 1, 2)
    counted.round.state = state
    session.flush()
    with pytest.raises(StepRefused):
        mark(session, counted, 2, 3)
    with pytest.raises(StepRefused):
        runs.lift_exclusion(work(session, actor_of(session, counted.steward)), made.id, "Why not.")


def test_only_a_steward_without_interest_says_so(session: Session) -> None:
    counted = a_counted_round(session)
    ids = [one.id for one in counted.proposals[:2]]
    for person in (counted.panel[0], a_person(session, Role.AUDITOR)):
        with pytest.raises(NotAllowed):
            runs.exclude(work(session, actor_of(session, person)), counted.round.id, ids, WHY)
    a_member(session, counted.proposals[0].group, counted.steward)
    with pytest.raises(NotAllowed):
        mark(session, counted, 1, 2)
    assert mark(session, counted, 2, 3).bids


def test_it_takes_two_bids_that_take_part_a_reason_and_is_said_once(session: Session) -> None:
    counted, other = a_counted_round(session), a_counted_round(session)
    for numbers, reason in (((1,), WHY), ((1, 2), "  "), ((1, 2), "x" * 501)):
        with pytest.raises(RuleBroken):
            mark(session, counted, *numbers, reason=reason)
    ids = [counted.proposals[0].id, other.proposals[0].id]
    with pytest.raises(RuleBroken, match="take part in this round"):
        runs.exclude(work(session, actor_of(session, counted.steward)), counted.round.id, ids, WHY)
    made = mark(session, counted, 1, 2)
    with pytest.raises(RuleBroken, match="already"):
        mark(session, counted, 2, 1)
    steward = actor_of(session, counted.steward)
    runs.lift_exclusion(work(session, steward), made.id, "Room for both.")
    session.flush()
    with pytest.raises(StepRefused):
        runs.lift_exclusion(work(session, steward), made.id, "Again.")
    assert mark(session, counted, 1, 2).id != made.id


def test_the_panel_cannot_fund_both_either(session: Session) -> None:
    counted = a_counted_round(session)
    mark(session, counted, 1, 2)
    run(session, counted)
    took_part = [one.id for one in counted.panel]
    both = [
        Departure(counted.proposals[n].id, verdict, "We like it.") for n, verdict in ((1, V.AWARDED), (3, V.RESERVE))
    ]
    chair = actor_of(session, counted.panel[0])
    with pytest.raises(RuleBroken, match="Only one of “Bid 1” and “Bid 2” can be funded"):
        deciding.decide(work(session, chair), counted.round.id, both, took_part)
    swapped = [Departure(counted.proposals[0].id, V.NOT_FUNDED, "Bid 2 is further on."), *both[:1]]
    deciding.decide(work(session, chair), counted.round.id, swapped, took_part)
    assert verdicts(session, counted)[:2] == [V.NOT_FUNDED, V.AWARDED]


def test_of_two_on_the_reserve_list_only_one_moves_up(any_session: Session) -> None:
    session, fund = any_session, a_fund(any_session)
    counted = a_counted_round(session, (200_000, 350_000, 40_000, 30_000), ((1, 2), (1, 2), (1, 2)), fund=fund)
    mark(session, counted, 3, 4)
    a_contribution(session, fund, amount_minor=2_000_000)
    for number, bid in enumerate(counted.proposals):
        bid.state = ProposalState.RESERVE if number > 1 else ProposalState.NOT_FUNDED
    run(session, counted)
    for number, one in enumerate(queries.decisions(session, counted.round.id)):
        one.state = DecisionState.NOTIFIED
        reserve = one.proposal_id in {bid.id for bid in counted.proposals[2:]}
        one.verdict, one.awarded_minor = (V.RESERVE if reserve else V.NOT_FUNDED), 0
        one.details = {"reserve": number}
    counted.round.state = RoundState.ANNOUNCED
    session.flush()
    steward = actor_of(session, counted.steward)
    assert offers.offer_next(work(session, steward), counted.round) is not None
    session.flush()
    assert offers.offer_next(work(session, steward), counted.round) is None


# ------------------------------------------------------------------------------------------------------------ the pages


def a_checked_round(session: Session) -> tuple[Round, list[str]]:
    round = a_round(session, RoundState.CHECKING)
    bids = [
        a_proposal(session, round, ProposalState.ELIGIBLE, title=title, summary=f"About {title}.")
        for title in ("A garden", "A car park", "A choir")
    ]
    session.commit()
    return round, [str(bid.id) for bid in bids]


def test_a_steward_says_it_before_the_ballot_is_fixed(app_session: Session, as_: SignIn, client: FlaskClient) -> None:
    round, (garden, cars, _) = a_checked_round(app_session)
    steward, here = as_(a_person(app_session, Role.STEWARD)), f"/rounds/{round.id}/only-one"
    assert here in steward.get(f"/rounds/{round.id}/screening").get_data(as_text=True)
    assert here in steward.get(f"/rounds/{round.id}/desk").get_data(as_text=True)
    short = steward.post(here, data={"bids": [garden], "reason": WHY})
    assert short.status_code == 422
    assert "Choose at least two projects." in short.get_data(as_text=True)
    assert WHY in short.get_data(as_text=True)
    assert steward.post(here, data={"bids": [garden, cars], "reason": WHY}).status_code == 302
    page = steward.get(here).get_data(as_text=True)
    assert WHY in page
    assert [fault for fault in faults(page) if "without its token" not in fault] == []
    assert client.get(f"/proposals/{garden}").status_code == 404
    app_session.rollback()
    assert set(only_one.only_one_words(app_session, round.id)) == {UUID(garden), UUID(cars)}


def test_voters_read_it_on_the_ballot_and_on_each_bid(app_session: Session, as_: SignIn, client: FlaskClient) -> None:
    round = a_round(app_session, RoundState.VOTING)
    bids = [a_proposal(app_session, round, title=title) for title in ("A garden", "A car park", "A choir")]
    a_ballot(app_session, round, bids)
    steward = a_person(app_session, Role.STEWARD)
    pair = [ExclusiveBid(proposal_id=bid.id) for bid in bids[:2]]
    app_session.add(ExclusiveSet(round_id=round.id, reason=WHY, set_by_id=steward.id, set_at=START, bids=pair))
    app_session.commit()
    garden, _, choir = (bid.id for bid in bids)
    told = f"Only one of these can be funded: this or “A car park”. {WHY}."
    assert {one.title: one.only_one for one in voting.entries(app_session, round.id)} == {
        "A garden": told,
        "A car park": f"Only one of these can be funded: this or “A garden”. {WHY}.",
        "A choir": "",
    }
    for path in (f"/proposals/{garden}", f"/rounds/{round.id}/vote/choose"):
        assert told in client.get(path).get_data(as_text=True), path
    assert "Only one of these" not in client.get(f"/proposals/{choir}").get_data(as_text=True)
    assert 'name="bids"' not in as_(steward).get(f"/rounds/{round.id}/only-one").get_data(as_text=True)


def test_the_page_that_explains_the_rule_lists_the_sets_from_the_freeze_on(
    app_session: Session, as_: SignIn, client: FlaskClient
) -> None:
    round, ids = a_checked_round(app_session)
    as_(Role.STEWARD).post(f"/rounds/{round.id}/only-one", data={"bids": ids[:2], "reason": WHY})
    assert WHY not in client.get(f"/rounds/{round.id}/how").text
    app_session.rollback()
    bids = proposal_lists.by_ids(app_session, [UUID(id) for id in ids])
    round.state = RoundState.VOTING
    a_ballot(app_session, round, bids)
    app_session.commit()
    page = client.get(f"/rounds/{round.id}/how").text
    assert "Of these, only one can be funded" in page
    assert WHY in page


def test_what_changes_after_the_vote_is_shown_as_such(app_session: Session, as_: SignIn) -> None:
    counted = a_counted_round(app_session)
    run(app_session, counted)
    app_session.commit()
    steward, here = as_(counted.steward), f"/rounds/{counted.round.id}/only-one"
    ids = [str(one.id) for one in counted.proposals[:2]]
    assert steward.post(here, data={"bids": ids, "reason": WHY}).status_code == 302
    desk = steward.get(f"/rounds/{counted.round.id}/allocation").get_data(as_text=True)
    assert "Passed over: conflict" in desk
    assert "This was set after the vote" in desk
    app_session.rollback()
    made = only_one.exclusive_sets(app_session, counted.round.id)[0]
    assert steward.get(f"{here}/{made.id}/lift").status_code == 200
    assert steward.post(f"{here}/{made.id}/lift", data={"reason": "There is room."}).status_code == 302
    assert steward.get(f"{here}/{made.id}/lift").status_code == 404
    desk = steward.get(f"/rounds/{counted.round.id}/allocation").get_data(as_text=True)
    assert "Passed over: conflict" not in desk
    assert "Lifted after the vote" in desk
