"""Working out, deciding, announcing and correcting, each with its guards, its trail and its letters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from grants.allocation import queries
from grants.allocation.models import AllocationRun, Correction, Decision, PackedBallots
from grants.allocation.rules.explained import tell_facts
from grants.allocation.rules.packed import pack
from grants.allocation.rules.replay import Inputs, replay, replay_as_kept
from grants.allocation.rules.states import DecisionState, Departure, Verdict
from grants.allocation.service import afterwards, announcing, deciding, runs
from grants.kernel.actors import CLOCK, Actor, Role
from grants.kernel.errors import NotAllowed, NotEnoughMoney, RuleBroken, StepRefused
from grants.kernel.trail import AuditEvent
from grants.outbox.models import OutboxRow
from grants.people.models import Person
from grants.proposals.rules.states import ProposalState
from grants.review.rules import ReviewState
from grants.rounds.rules.ballots import BallotKind, BallotRules
from grants.rounds.rules.sharing import SharingRule
from grants.rounds.rules.states import RoundState
from grants.voting.models import Ballot
from tests.builders.allocation import Counted, a_counted_round
from tests.builders.funds import a_contribution, a_fund
from tests.builders.people import a_member, a_person, actor_of
from tests.builders.review import a_panellist, a_review
from tests.support.work import work

V = Verdict


def as_(session: Session, person: Person) -> Actor:
    return actor_of(session, person)


def run_it(session: Session, counted: Counted) -> AllocationRun:
    run = runs.run(work(session, as_(session, counted.steward)), counted.round.id)
    session.flush()
    return run


def decide_it(
    session: Session, counted: Counted, departures: Sequence[Departure] = (), took_part: Sequence[Person] | None = None
) -> list[Decision]:
    people = counted.panel if took_part is None else took_part
    chair = as_(session, counted.panel[0])
    return deciding.decide(work(session, chair), counted.round.id, departures, [one.id for one in people])


def announce_it(session: Session, counted: Counted) -> list[Decision]:
    return announcing.announce(work(session, as_(session, counted.steward)), counted.round.id)


def verdicts(session: Session, counted: Counted) -> list[Verdict]:
    by_bid = {one.proposal_id: one.verdict for one in queries.decisions(session, counted.round.id)}
    return [by_bid[bid.id] for bid in counted.proposals]


def verbs(session: Session) -> list[str]:
    return list(session.scalars(select(AuditEvent.verb)))


# ------------------------------------------------------------------------------------------------------------- the run


def test_the_pot_goes_by_votes_and_every_bid_has_its_reason(any_session: Session) -> None:
    counted = a_counted_round(any_session)
    run = run_it(any_session, counted)
    # £2,000 and £1,500 fit the £5,000, and so does £1,200 with 3 votes; £300 is left for the last, which asks £1,000.
    assert verdicts(any_session, counted) == [V.AWARDED, V.AWARDED, V.AWARDED, V.RESERVE]
    assert (run.pot_minor, run.spent_minor) == (500_000, 470_000)
    decisions = queries.decisions(any_session, counted.round.id)
    assert [one.votes for one in decisions] == [5, 4, 3, 2]
    assert all(one.state is DecisionState.RECOMMENDED and one.reason for one in decisions)
    assert "£300 was left" in decisions[3].reason
    assert "With 1 more vote" in decisions[3].details["enough"]
    assert "allocation.worked_out" in verbs(any_session)


def test_a_tie_goes_to_the_cheaper_then_to_the_lot(session: Session) -> None:
    counted = a_counted_round(session, (200_000, 150_000, 200_000), ((1, 2, 3),))
    run_it(session, counted)
    ranked = [one.proposal_id for one in queries.decisions(session, counted.round.id)]
    assert ranked == [counted.proposals[1].id, counted.proposals[0].id, counted.proposals[2].id]


def test_a_bid_that_the_funders_money_may_not_pay_is_passed_over_with_the_reason(session: Session) -> None:
    fund = a_fund(session)
    a_contribution(session, fund, 300_000)
    a_contribution(session, fund, 300_000, imd_deciles=[9])
    counted = a_counted_round(session, fund=fund)
    run_it(session, counted)
    # Only £3,000 may be spent on neighbourhoods in decile 1.
    assert verdicts(session, counted) == [V.AWARDED, V.RESERVE, V.RESERVE, V.AWARDED]
    second = queries.decision_for(session, counted.proposals[1].id)
    assert second is not None
    assert "may be spent on them" in second.reason


def test_a_withdrawn_bid_takes_no_part(session: Session) -> None:
    counted = a_counted_round(session)
    counted.proposals[0].state = ProposalState.WITHDRAWN
    run_it(session, counted)
    assert queries.decision_for(session, counted.proposals[0].id) is None
    assert len(queries.decisions(session, counted.round.id)) == 3


def test_what_can_never_be_funded_is_not_on_the_reserve_list(session: Session) -> None:
    counted = a_counted_round(session, (600_000, 100_000, 100_000, 100_000))
    run_it(session, counted)
    assert verdicts(session, counted)[0] is V.NOT_FUNDED


def test_running_again_before_the_decision_supersedes(session: Session) -> None:
    counted = a_counted_round(session)
    first = run_it(session, counted)
    counted.proposals[0].state = ProposalState.WITHDRAWN
    second = run_it(session, counted)
    states = [one.state for one in session.scalars(select(Decision).where(Decision.run_id == first.id))]
    assert states == [DecisionState.SUPERSEDED] * 4
    standing = queries.standing_run(session, counted.round.id)
    assert standing is not None
    assert standing.id == second.id
    assert first.checksum != second.checksum


def test_the_same_facts_have_the_same_checksum(session: Session) -> None:
    counted = a_counted_round(session)
    first, second = run_it(session, counted), run_it(session, counted)
    assert first.checksum == second.checksum
    assert first.inputs == second.inputs


def test_a_stored_run_replays_to_its_checksum_and_a_changed_one_does_not(any_session: Session) -> None:
    run = run_it(any_session, a_counted_round(any_session))
    again = replay_as_kept(queries.inputs(any_session, run), run.checksum)
    assert (again.checksum, again.run.outcome_json()) == (run.checksum, run.outcome)
    changed = queries.inputs(any_session, run).to_public_json(with_ballots=True)
    changed["pot_minor"] += 1
    assert replay(Inputs.from_json(json.dumps(changed))).checksum != run.checksum


def test_inputs_without_ballots_cannot_be_replayed(session: Session) -> None:
    inputs = queries.inputs(session, run_it(session, a_counted_round(session)))
    public = inputs.to_public_json(with_ballots=False)
    assert (public["ballots"], public["ballots_sha256"]) == (None, None), (
        "a few ballots could be guessed from their hash"
    )
    with pytest.raises(ValueError, match="too few people voted"):
        Inputs.from_json(json.dumps(public))
    assert replay(Inputs.from_json(json.dumps(inputs.to_public_json(with_ballots=True)))).checksum


@pytest.mark.parametrize("state", [state for state in RoundState if state is not RoundState.PANEL])
def test_nothing_is_worked_out_in_another_state(session: Session, state: RoundState) -> None:
    counted = a_counted_round(session)
    if state is RoundState.DRAFT:
        counted.round.state = RoundState.CANCELLED
    else:
        counted.round.state = state
    with pytest.raises(StepRefused):
        run_it(session, counted)


def test_nothing_is_worked_out_before_the_count(session: Session) -> None:
    counted = a_counted_round(session)
    from grants.voting.models import Tally

    session.delete(session.get_one(Tally, counted.round.id))
    session.flush()
    with pytest.raises(StepRefused):
        run_it(session, counted)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.STEWARD])
def test_only_a_steward_works_it_out(session: Session, role: Role) -> None:
    counted = a_counted_round(session)
    with pytest.raises(NotAllowed):
        runs.run(work(session, as_(session, a_person(session, role))), counted.round.id)


def test_a_steward_of_another_fund_may_not(session: Session) -> None:
    counted = a_counted_round(session)
    other = a_person(session, Role.STEWARD, scope_id=uuid4())
    with pytest.raises(NotAllowed):
        runs.run(work(session, as_(session, other)), counted.round.id)


# --------------------------------------------------------------------------------------------------------- the decision


def test_the_chair_decides_what_the_rule_recommends(any_session: Session) -> None:
    counted = a_counted_round(any_session)
    run_it(any_session, counted)
    decide_it(any_session, counted)
    assert counted.round.state is RoundState.DECIDED
    decisions = queries.decisions(any_session, counted.round.id)
    assert {one.state for one in decisions} == {DecisionState.RATIFIED}
    assert {one.decided_by_id for one in decisions} == {counted.panel[0].id}
    meeting = queries.meeting(any_session, counted.round.id)
    assert meeting is not None
    assert set(meeting.took_part) == {str(one.id) for one in counted.panel}
    assert verbs(any_session).count("decision.ratified") == 4
    assert "allocation.decided" in verbs(any_session)


def test_a_departure_needs_a_reason_and_leaves_the_rule_s_word_visible(session: Session) -> None:
    counted = a_counted_round(session)
    run_it(session, counted)
    third, fourth = counted.proposals[2], counted.proposals[3]
    with pytest.raises(RuleBroken) as refused:
        decide_it(session, counted, [Departure(third.id, V.NOT_FUNDED, "  ")])
    assert refused.value.field == deciding.reason_field(third.id)
    decide_it(
        session,
        counted,
        [Departure(third.id, V.NOT_FUNDED, "The hall burned down."), Departure(fourth.id, V.AWARDED, "Money is free.")],
    )
    assert verdicts(session, counted) == [V.AWARDED, V.AWARDED, V.NOT_FUNDED, V.AWARDED]
    new = queries.decision_for(session, third.id)
    assert new is not None
    assert (new.departs, new.departure_reason, new.awarded_minor) == (True, "The hall burned down.", 0)
    assert new.details["ruled"] == "awarded"
    old = session.get_one(Decision, new.follows_id)
    assert (old.state, old.verdict) == (DecisionState.SUPERSEDED, V.AWARDED)


def test_choosing_what_the_rule_says_is_no_departure(session: Session) -> None:
    counted = a_counted_round(session)
    run_it(session, counted)
    made = decide_it(session, counted, [Departure(counted.proposals[0].id, V.AWARDED, "")])
    assert not any(one.departs for one in made)


def test_more_than_the_pot_is_refused_with_the_shortfall(session: Session) -> None:
    counted = a_counted_round(session)
    run_it(session, counted)
    with pytest.raises(NotEnoughMoney, match="£700 too much") as refused:
        decide_it(session, counted, [Departure(counted.proposals[3].id, V.AWARDED, "We like it.")])
    assert refused.value.shortfall_minor == 70_000


def test_more_than_the_restrictions_bear_is_refused_with_the_shortfall(session: Session) -> None:
    fund = a_fund(session)
    a_contribution(session, fund, 300_000)
    a_contribution(session, fund, 300_000, imd_deciles=[9])
    counted = a_counted_round(session, fund=fund)
    run_it(session, counted)
    with pytest.raises(NotEnoughMoney, match="£500 is missing") as refused:
        decide_it(
            session,
            counted,
            [
                Departure(counted.proposals[1].id, V.AWARDED, "We like it."),
                Departure(counted.proposals[3].id, V.RESERVE, "It can wait."),
            ],
        )
    assert refused.value.shortfall_minor == 50_000
    assert counted.round.state is RoundState.PANEL


def test_only_the_chair_decides(session: Session) -> None:
    counted = a_counted_round(session)
    run_it(session, counted)
    for person in (counted.panel[1], counted.steward, a_person(session, Role.ADMIN)):
        with pytest.raises(NotAllowed):
            deciding.decide(
                work(session, as_(session, person)), counted.round.id, (), [one.id for one in counted.panel]
            )


def test_a_chair_who_became_a_steward_may_not_decide(session: Session) -> None:
    counted = a_counted_round(session)
    run_it(session, counted)
    chair = as_(session, counted.panel[0])
    both = Actor(chair.id, grants=chair.grants | as_(session, counted.steward).grants)
    with pytest.raises(NotAllowed):
        deciding.decide(work(session, both), counted.round.id, (), [one.id for one in counted.panel])


def test_below_the_quorum_nothing_is_decided(session: Session) -> None:
    counted = a_counted_round(session)
    run_it(session, counted)
    with pytest.raises(RuleBroken, match="At least 2 panellists"):
        decide_it(session, counted, took_part=[])


def test_interests_count_against_the_quorum(session: Session) -> None:
    counted = a_counted_round(session)
    run_it(session, counted)
    a_review(session, counted.proposals[1], counted.panel[1], ReviewState.RECUSED)
    with pytest.raises(RuleBroken, match=r"Bid 2.*only 1"):
        decide_it(session, counted, took_part=counted.panel[:2])
    a_member(session, counted.proposals[2].group, counted.panel[2])
    with pytest.raises(RuleBroken, match=r"Bid 3.*only 1"):
        decide_it(session, counted, took_part=[counted.panel[0], counted.panel[2]])
    decide_it(session, counted)


def test_a_stranger_cannot_take_part(session: Session) -> None:
    counted = a_counted_round(session)
    run_it(session, counted)
    with pytest.raises(RuleBroken, match="sit on this panel"):
        decide_it(session, counted, took_part=[*counted.panel, a_person(session, Role.PANELLIST)])


def test_the_chair_cannot_depart_where_they_have_an_interest(session: Session) -> None:
    counted = a_counted_round(session)
    run_it(session, counted)
    a_panellist(session, counted.round)
    a_review(session, counted.proposals[3], counted.panel[0], ReviewState.RECUSED)
    with pytest.raises(NotAllowed, match="interest"):
        decide_it(session, counted, [Departure(counted.proposals[3].id, V.NOT_FUNDED, "No.")])


def test_a_bid_withdrawn_after_the_run_asks_for_a_new_run(session: Session) -> None:
    counted = a_counted_round(session)
    run_it(session, counted)
    counted.proposals[0].state = ProposalState.WITHDRAWN
    with pytest.raises(StepRefused, match="work the results out again"):
        decide_it(session, counted)


def test_a_round_whose_bids_were_all_withdrawn_is_decided_with_nothing(session: Session) -> None:
    counted = a_counted_round(session)
    for bid in counted.proposals:
        bid.state = ProposalState.WITHDRAWN
    run = run_it(session, counted)
    assert (run.spent_minor, decide_it(session, counted), announce_it(session, counted)) == (0, [], [])
    assert counted.round.state is RoundState.ANNOUNCED


def test_nothing_is_decided_twice_or_before_the_run(session: Session) -> None:
    counted = a_counted_round(session)
    with pytest.raises(StepRefused):
        decide_it(session, counted)
    run_it(session, counted)
    decide_it(session, counted)
    with pytest.raises(StepRefused):
        decide_it(session, counted)
    with pytest.raises(StepRefused):
        run_it(session, counted)


# ----------------------------------------------------------------------------------------------------- the announcement


def decided(session: Session) -> Counted:
    counted = a_counted_round(session)
    run_it(session, counted)
    decide_it(session, counted)
    return counted


def letters(session: Session) -> list[OutboxRow]:
    return list(session.scalars(select(OutboxRow).where(OutboxRow.key.like("decision:%"))))


def test_everybody_is_told_at_once(any_session: Session) -> None:
    counted = decided(any_session)
    assert letters(any_session) == []
    announce_it(any_session, counted)
    any_session.flush()
    assert counted.round.state is RoundState.ANNOUNCED
    states = [bid.state for bid in counted.proposals]
    assert states == [ProposalState.AWARDED] * 3 + [ProposalState.RESERVE]
    assert len(letters(any_session)) == 8  # two members in each of four groups
    assert {one.state for one in queries.decisions(any_session, counted.round.id)} == {DecisionState.NOTIFIED}


def test_a_letter_tells_the_reason_the_votes_what_would_do_and_the_panel_s_words(session: Session) -> None:
    counted = a_counted_round(session)
    run_it(session, counted)
    a_review(session, counted.proposals[3], counted.panel[1], ReviewState.LOCKED)
    decide_it(session, counted)
    announce_it(session, counted)
    mine = [one.payload for one in letters(session) if one.subject_id == counted.proposals[3].id]
    text = mine[0]["text"]
    assert mine[0]["subject"] == "“Bid 4” is on the reserve list"
    for words in (
        "2 votes",
        "£300 was left",
        "With 1 more person who chooses",
        "We read about listening.",
        "You have 20 days",
    ):
        assert words in text
    assert f"/rounds/{counted.round.id}/results" in text
    assert "Bid 1" not in text
    assert counted.panel[1].name not in text


def test_who_took_part_in_deciding_cannot_announce(session: Session) -> None:
    counted = decided(session)
    panellist = as_(session, counted.panel[1])
    both = Actor(panellist.id, grants=panellist.grants | as_(session, counted.steward).grants)
    with pytest.raises(NotAllowed, match="another steward"):
        announcing.announce(work(session, both), counted.round.id)


def test_only_a_steward_announces_and_only_once_after_the_decision(session: Session) -> None:
    counted = a_counted_round(session)
    with pytest.raises(StepRefused):
        announce_it(session, counted)
    run_it(session, counted)
    decide_it(session, counted)
    for role in (role for role in Role if role is not Role.STEWARD):
        with pytest.raises(NotAllowed):
            announcing.announce(work(session, as_(session, a_person(session, role))), counted.round.id)
    announce_it(session, counted)
    with pytest.raises(StepRefused):
        announce_it(session, counted)


def test_a_bid_withdrawn_after_the_decision_gets_no_letter(session: Session) -> None:
    counted = decided(session)
    counted.proposals[0].state = ProposalState.WITHDRAWN
    announce_it(session, counted)
    assert counted.proposals[0].id not in {one.subject_id for one in letters(session)}
    assert queries.decision_for(session, counted.proposals[0].id) is None


# ---------------------------------------------------------------------------------------------------------- corrections


def announced(session: Session, amounts: Sequence[int] = (200_000, 150_000, 120_000, 20_000)) -> Counted:
    """All four bids fit, but the panel kept the last back."""
    counted = a_counted_round(session, amounts)
    run_it(session, counted)
    decide_it(session, counted, [Departure(counted.proposals[3].id, V.NOT_FUNDED, "They have no host.")])
    announce_it(session, counted)
    session.flush()
    return counted


def ask(session: Session, counted: Counted, bid: int, verdict: Verdict, reason: str = "They do.") -> Correction:
    decision = queries.decision_for(session, counted.proposals[bid].id)
    assert decision is not None
    return afterwards.ask_correction(work(session, as_(session, counted.steward)), decision.id, verdict, reason)


def answer(session: Session, counted: Counted, asked: UUID, agreed: bool = True) -> Decision | None:
    return afterwards.answer_correction(work(session, as_(session, counted.panel[0])), asked, agreed)


def test_a_correction_supersedes_and_only_that_group_is_written_to(any_session: Session) -> None:
    counted = announced(any_session)
    before = {one.key for one in letters(any_session)}
    asked = ask(any_session, counted, 3, V.AWARDED)
    new = answer(any_session, counted, asked.id)
    assert new is not None
    assert (new.verdict, new.awarded_minor, new.reason) == (V.AWARDED, 20_000, "They do.")
    old = any_session.get_one(Decision, new.follows_id)
    assert old.state is DecisionState.SUPERSEDED
    assert old.id in {row.id for row in queries.lines(any_session, counted.round.id)}
    assert counted.proposals[3].state is ProposalState.AWARDED
    fresh = [one for one in letters(any_session) if one.key not in before]
    assert {one.subject_id for one in fresh} == {counted.proposals[3].id}
    assert fresh[0].payload["subject"].startswith("Corrected: ")
    assert "decision.corrected" in verbs(any_session)


def test_the_reason_alone_can_be_corrected(session: Session) -> None:
    counted = announced(session)
    new = answer(session, counted, ask(session, counted, 3, V.NOT_FUNDED, "Their host said no.").id)
    assert new is not None
    assert (new.verdict, new.reason) == (V.NOT_FUNDED, "Their host said no.")
    assert counted.proposals[3].state is ProposalState.NOT_FUNDED


def test_a_correction_that_the_chair_does_not_agree_to_changes_nothing(session: Session) -> None:
    counted = announced(session)
    asked = ask(session, counted, 3, V.AWARDED)
    assert answer(session, counted, asked.id, agreed=False) is None
    assert counted.proposals[3].state is ProposalState.NOT_FUNDED
    with pytest.raises(StepRefused):
        answer(session, counted, asked.id)


def test_promised_money_is_not_taken_back_by_a_correction(session: Session) -> None:
    counted = announced(session)
    with pytest.raises(RuleBroken, match="End the award"):
        ask(session, counted, 0, V.NOT_FUNDED)


def test_a_correction_needs_money(session: Session) -> None:
    counted = a_counted_round(session)
    run_it(session, counted)
    decide_it(session, counted)
    announce_it(session, counted)
    asked = ask(session, counted, 3, V.AWARDED)
    with pytest.raises(NotEnoughMoney, match="£700"):
        answer(session, counted, asked.id)


def test_a_correction_takes_a_steward_and_the_chair(session: Session) -> None:
    counted = announced(session)
    decision = queries.decision_for(session, counted.proposals[3].id)
    assert decision is not None
    with pytest.raises(NotAllowed):
        afterwards.ask_correction(work(session, as_(session, counted.panel[0])), decision.id, V.AWARDED, "x")
    asked = ask(session, counted, 3, V.AWARDED)
    for person in (counted.steward, counted.panel[1]):
        with pytest.raises(NotAllowed):
            afterwards.answer_correction(work(session, as_(session, person)), asked.id, True)


def test_a_correction_needs_a_reason_and_waits_alone(session: Session) -> None:
    counted = announced(session)
    with pytest.raises(RuleBroken):
        ask(session, counted, 3, V.AWARDED, " ")
    ask(session, counted, 3, V.AWARDED)
    with pytest.raises(StepRefused):
        ask(session, counted, 3, V.RESERVE)


def test_what_was_not_told_is_not_corrected(session: Session) -> None:
    counted = decided(session)
    with pytest.raises(StepRefused):
        ask(session, counted, 3, V.AWARDED)


# ------------------------------------------------------------------------------------------ every rule and every kind


@pytest.mark.parametrize("rule", list(SharingRule))
def test_every_rule_gives_verdicts_reasons_and_facts(session: Session, rule: SharingRule) -> None:
    counted = a_counted_round(session, rule=rule)
    run = run_it(session, counted)
    decisions = queries.decisions(session, counted.round.id)
    assert all(one.reason for one in decisions)
    assert run.spent_minor == sum(one.awarded_minor for one in decisions) > 0
    facts = queries.facts(run)
    assert facts is not None
    assert {bid.bid_id for bid in facts.bids if not bid.tried} == set()
    assert (facts.voters, run.untried_count) == (6, 0)
    assert run.took_ms > 0
    reserves = sorted(one.details["reserve"] for one in decisions if one.verdict is V.RESERVE)
    assert reserves == list(range(1, len(reserves) + 1))


def test_places_on_ranked_ballots_become_the_rule_books_points(session: Session) -> None:
    ballots = [[(2, 1), (1, 2)], [(2, 1)], [(3, 1), (1, 2), (2, 3)]]
    counted = a_counted_round(
        session,
        ballots=ballots,  # type: ignore[arg-type]
        ballot_kind=BallotKind.RANKED,
        ballot_minimum=1,
        ballot_maximum=3,
        ballot_weights=(3, 2, 1),
    )
    run_it(session, counted)
    votes = {one.proposal_id: one.votes for one in queries.decisions(session, counted.round.id)}
    assert [votes[bid.id] for bid in counted.proposals] == [4, 7, 3, 0]
    counted.proposals[2].state = ProposalState.WITHDRAWN
    run_it(session, counted)
    votes = {one.proposal_id: one.votes for one in queries.decisions(session, counted.round.id)}
    assert [votes.get(bid.id) for bid in counted.proposals] == [5, 8, None, 0]


def test_ballots_are_packed_once_and_later_runs_count_the_copy(any_session: Session) -> None:
    counted = a_counted_round(any_session)
    first = run_it(any_session, counted)
    any_session.execute(delete(Ballot).where(Ballot.round_id == counted.round.id))
    again = run_it(any_session, counted)
    assert again.checksum == first.checksum
    assert verbs(any_session).count("allocation.ballots_packed") == 1


def test_ballots_that_are_not_those_that_were_counted_are_not_shared_by(session: Session) -> None:
    counted = a_counted_round(session)
    ballot = session.scalars(select(Ballot).where(Ballot.round_id == counted.round.id)).first()
    assert ballot is not None
    ballot.choices = [4]
    session.flush()
    with pytest.raises(StepRefused, match="not those that were counted"):
        run_it(session, counted)


def test_a_packed_copy_cannot_be_changed_and_another_one_is_refused(any_session: Session) -> None:
    run = run_it(any_session, a_counted_round(any_session))
    kept = any_session.get_one(PackedBallots, run.round_id)
    any_session.commit()
    kept.voters += 1
    with pytest.raises(DBAPIError):
        any_session.flush()
    any_session.rollback()
    kept = any_session.get_one(PackedBallots, run.round_id)
    any_session.expunge(kept)
    kept.ballots = pack([((1, 1),)])
    with pytest.raises(ValueError, match="not those that were packed"):
        queries.counted(kept, BallotRules(), {1: uuid4()})


def test_the_clock_tries_what_a_run_left_untried(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "tell_facts", partial(tell_facts, at_once=-1))
    monkeypatch.setattr(runs, "AT_ONCE", 0)
    counted = a_counted_round(session, (200_000, 300_000, 200_000, 200_000), rule=SharingRule.EQUAL_SHARES)
    run = run_it(session, counted)
    before, looked = run.untried_count, 0
    while runs.try_on(work(session, CLOCK)):
        looked += 1
    assert looked == before > 1
    facts = queries.facts(run)
    assert facts is not None
    assert all(bid.tried for bid in facts.bids)
    inputs = queries.inputs(session, run)
    assert replace(facts, outside=None) == tell_facts(inputs, replay(inputs).run.outcomes)
