"""An award from the offer to its end, and where its money is meanwhile."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.allocation.models import Decision
from grants.allocation.rules.states import DecisionState, Verdict
from grants.awards import queries
from grants.awards.models import Award
from grants.awards.rules import AgreementState, AwardState, Part
from grants.awards.service import agreements, answers, offers, settling, standing
from grants.kernel.actors import CLOCK, Actor, Role
from grants.kernel.errors import NotAllowed, NotEnoughMoney, RuleBroken, StepRefused
from grants.kernel.trail import AuditEvent
from grants.ledger.queries import award_pockets, breaks, pockets_of
from grants.outbox import queries as outbox
from grants.people.models import Group, Hosting, Person
from grants.people.queries import actor_for
from grants.people.rules import HostingState
from grants.proposals.models import Proposal
from grants.proposals.rules.states import ProposalState
from grants.rounds.rules.states import RoundState
from tests.builders.actors import an_actor
from tests.builders.awards import a_decided_proposal, a_decided_round, a_decision, all_known, an_agreement, an_award
from tests.builders.funds import a_contribution, a_fund
from tests.builders.people import a_group, a_member, a_person
from tests.support.clock import START
from tests.support.work import work


def steward(session: Session) -> Actor:
    person = a_person(session, Role.STEWARD)
    return actor_for(session, person.id, person.name)


def as_actor(session: Session, person: Person) -> Actor:
    return actor_for(session, person.id, person.name)


def a_signer(session: Session, group: Group) -> Actor:
    return as_actor(session, a_member(session, group))


def home(number: int) -> str:
    """Where somebody lives, as it is kept."""
    return f"{number:064x}"


def verbs(session: Session) -> list[str]:
    session.flush()
    return list(session.scalars(select(AuditEvent.verb)))


# offers


def test_offers_take_the_most_restricted_money_first_and_commit_it(any_session: Session) -> None:
    session = any_session
    fund = a_fund(session)
    free = a_contribution(session, fund, 200_000)
    round = a_decided_round(session, fund)
    first, second = (a_decided_proposal(session, round, applied_for_minor=90_000, ward_codes=["E1"]) for _ in "ab")
    tied = a_contribution(session, fund, 120_000, ward_codes=["E1"])
    for proposal in (first, second):
        a_decision(session, proposal)
    awards = offers.offer_all(work(session, steward(session)), round.id)
    assert [award.state for award in awards] == [AwardState.OFFERED] * 2
    assert all(award.answer_by == START + timedelta(days=14) for award in awards)
    pockets = pockets_of(session, [free.id, tied.id])
    assert (pockets[tied.id].committed_minor, pockets[tied.id].available_minor) == (120_000, 0)
    assert (pockets[free.id].committed_minor, pockets[free.id].available_minor) == (60_000, 140_000)
    for award in awards:
        assert sum(split.amount_minor for split in award.splits) == 90_000
    assert breaks(session) == []
    assert verbs(session).count("award.offered") == 2


def test_a_round_is_offered_once_however_often_it_is_asked(session: Session) -> None:
    fund = a_fund(session)
    a_contribution(session, fund, 200_000)
    round = a_decided_round(session, fund)
    a_decision(session, a_decided_proposal(session, round))
    actor = steward(session)
    assert len(offers.offer_all(work(session, actor), round.id)) == 1
    assert offers.offer_all(work(session, actor), round.id) == []


def test_what_cannot_be_paid_is_refused_and_the_shortfall_named(session: Session) -> None:
    fund = a_fund(session)
    a_contribution(session, fund, 50_000)
    a_contribution(session, fund, 500_000, ward_codes=["E9"])
    round = a_decided_round(session, fund)
    a_decision(session, a_decided_proposal(session, round, applied_for_minor=90_000, ward_codes=["E1"]))
    with pytest.raises(NotEnoughMoney, match="£400 more without restriction would pay for it") as refused:
        offers.offer_all(work(session, steward(session)), round.id)
    assert refused.value.shortfall_minor == 40_000
    assert queries.of_round(session, round.id) == []


def test_the_letter_goes_to_every_member_with_the_amount_and_the_day(session: Session) -> None:
    fund = a_fund(session)
    a_contribution(session, fund, 200_000)
    round = a_decided_round(session, fund)
    a_decision(session, a_decided_proposal(session, round))
    offers.offer_all(work(session, steward(session)), round.id)
    letters = [row.payload for row in outbox.mail(session)]
    assert len(letters) == 2
    assert all("£900" in letter["text"] and "16 March 2026" in letter["text"] for letter in letters)


def test_a_resident_offers_nothing(session: Session) -> None:
    round = a_decided_round(session)
    with pytest.raises(NotAllowed):
        offers.offer_all(work(session, an_actor()), round.id)


# answers


def test_yes_makes_an_agreement_and_the_parts(session: Session) -> None:
    award = an_award(session, state=AwardState.OFFERED, amount_minor=150_000)
    member = a_signer(session, award.group)
    answers.accept(work(session, member), award.id)
    assert award.state is AwardState.ACCEPTED
    assert [part.amount_minor for part in award.instalments] == [75_000, 75_000]
    agreement = queries.agreement(session, award.id)
    assert agreement is not None
    assert (agreement.version, agreement.state) == (1, AgreementState.SENT)
    assert "£1,500." in agreement.text
    assert award.answered_by_id == member.id


def test_no_returns_the_money_to_the_contributions_it_came_from(any_session: Session) -> None:
    session = any_session
    fund = a_fund(session)
    one, two = a_contribution(session, fund, 100_000), a_contribution(session, fund, 50_000)
    award = an_award(session, state=AwardState.OFFERED, amount_minor=90_001, contributions=[one, two])
    answers.decline(work(session, a_signer(session, award.group)), award.id, "We found the money elsewhere.")
    assert award.state is AwardState.DECLINED
    pockets = pockets_of(session, [one.id, two.id])
    assert [pockets[c.id].available_minor for c in (one, two)] == [100_000, 50_000]
    assert breaks(session) == []


def test_an_answer_after_the_day_is_refused(session: Session) -> None:
    award = an_award(session, state=AwardState.OFFERED)
    member = a_signer(session, award.group)
    late = work(session, member, START + timedelta(days=12, seconds=1))
    with pytest.raises(StepRefused, match="has passed"):
        answers.accept(late, award.id)
    assert answers.accept(work(session, member, START + timedelta(days=12)), award.id).state is AwardState.ACCEPTED


def test_an_offer_is_answered_once(session: Session) -> None:
    award = an_award(session, state=AwardState.OFFERED)
    member = a_signer(session, award.group)
    answers.accept(work(session, member), award.id)
    with pytest.raises(StepRefused):
        answers.decline(work(session, member), award.id, "Changed our minds.")


def test_the_clock_ends_an_unanswered_offer_once(session: Session) -> None:
    contribution = a_contribution(session, amount_minor=100_000)
    award = an_award(session, state=AwardState.OFFERED, contributions=[contribution])
    other = an_award(session, state=AwardState.OFFERED, answer_by=START + timedelta(days=30))
    late = START + timedelta(days=12, seconds=1)
    assert answers.lapse_due(work(session, CLOCK, START + timedelta(days=12))) == 0
    assert answers.lapse_due(work(session, CLOCK, late)) == 1
    assert answers.lapse_due(work(session, CLOCK, late)) == 0
    assert (award.state, other.state) == (AwardState.LAPSED, AwardState.OFFERED)
    assert pockets_of(session, [contribution.id])[contribution.id].available_minor == 100_000
    assert verbs(session).count("award.lapsed") == 1


def a_reserve(session: Session, award: Award, rank: int, **fields: object) -> Proposal:
    proposal = a_decided_proposal(session, award.proposal.round, state=ProposalState.RESERVE, **fields)  # type: ignore[arg-type]
    a_decision(session, proposal, Verdict.RESERVE, state=DecisionState.NOTIFIED, rank=rank)
    return proposal


def test_when_an_offer_lapses_the_next_in_reserve_that_can_be_paid_is_offered(any_session: Session) -> None:
    session = any_session
    tied = a_contribution(session, amount_minor=90_000, ward_codes=["E1"])
    award = an_award(session, state=AwardState.OFFERED, contributions=[tied])
    a_reserve(session, award, 2, ward_codes=["E2"], applied_for_minor=50_000)
    a_reserve(session, award, 3, ward_codes=["E1"], applied_for_minor=95_000)
    right = a_reserve(session, award, 4, ward_codes=["E1"], applied_for_minor=80_000)
    a_reserve(session, award, 5, ward_codes=["E1"], applied_for_minor=10_000)
    answers.lapse_due(work(session, CLOCK, START + timedelta(days=13)))
    offered = session.scalars(select(Award).where(Award.state == AwardState.OFFERED)).one()
    assert offered.proposal_id == right.id
    assert offered.amount_minor == 80_000
    assert breaks(session) == []


def test_the_reserve_is_offered_in_the_rule_s_own_order(session: Session) -> None:
    award = an_award(session, state=AwardState.OFFERED, contributions=[a_contribution(session, amount_minor=900_000)])
    places = {}
    for rank, place in ((2, 3), (3, 1), (4, 2)):
        places[place] = a_reserve(session, award, rank, applied_for_minor=10_000)
        decision = session.scalars(select(Decision).where(Decision.rank == rank)).one()
        decision.details = {"reserve": place}
    answers.lapse_due(work(session, CLOCK, START + timedelta(days=13)))
    offered = session.scalars(select(Award).where(Award.state == AwardState.OFFERED)).one()
    assert offered.proposal_id == places[1].id


def test_a_reserve_never_takes_the_round_above_its_pot(session: Session) -> None:
    contribution = a_contribution(session, amount_minor=900_000)
    round = a_decided_round(session, contribution.fund, state=RoundState.ANNOUNCED, pot_minor=100_000)
    proposal = a_decided_proposal(session, round)
    award = an_award(session, state=AwardState.OFFERED, proposal=proposal, contributions=[contribution])
    a_reserve(session, award, 2, applied_for_minor=100_001)
    assert offers.offer_next(work(session, steward(session)), round) is None


# agreement


def test_two_members_sign_and_a_steward_countersigns(session: Session) -> None:
    award = an_award(session, state=AwardState.ACCEPTED)
    agreement = award.agreements[0]
    first, second = a_signer(session, award.group), a_signer(session, award.group)
    agreements.sign(work(session, first), agreement.id, "Rose Marwood", home=home(1))
    assert agreement.state is AgreementState.SENT
    agreements.sign(work(session, second), agreement.id, "Ali Khan", home=home(2))
    assert agreement.state is AgreementState.SIGNED
    all_known(session, award)
    agreements.countersign(work(session, steward(session)), agreement.id)
    assert (agreement.state, award.state) == (AgreementState.COUNTERSIGNED, AwardState.ACTIVE)
    assert award.active_at == START


def test_one_person_never_signs_twice_nor_countersigns(session: Session) -> None:
    award = an_award(session, state=AwardState.ACCEPTED)
    both = as_actor(session, a_member(session, award.group, a_person(session, Role.STEWARD)))
    agreement = award.agreements[0]
    agreements.sign(work(session, both), agreement.id, "Rose Marwood", home=home(3))
    with pytest.raises(RuleBroken, match="signed already"):
        agreements.sign(work(session, both), agreement.id, "Rosemary Marwood", home=home(4))
    agreements.sign(work(session, a_signer(session, award.group)), agreement.id, "Ali Khan", home=home(5))
    with pytest.raises(NotAllowed, match="Another steward"):
        agreements.countersign(work(session, both), agreement.id)


def test_whoever_signed_and_then_left_the_group_still_cannot_countersign(session: Session) -> None:
    award = an_award(session, state=AwardState.ACCEPTED)
    left = a_person(session, Role.STEWARD)
    an_agreement(session, award, state=AgreementState.SIGNED, version=2, signers=[left, a_person(session)])
    session.expire(award)
    with pytest.raises(NotAllowed, match="you signed for the group"):
        agreements.countersign(work(session, as_actor(session, left)), award.agreements[1].id)


def test_a_hosted_group_needs_a_name_from_its_host(session: Session) -> None:
    host, group = a_group(session, can_host=True), a_group(session, has_bank_account=False)
    award = an_award(session, state=AwardState.ACCEPTED, group=group, payee=host)
    agreement = award.agreements[0]
    agreements.sign(work(session, a_signer(session, group)), agreement.id, "Rose Marwood", home=home(6))
    with pytest.raises(RuleBroken, match="now the host signs"):
        agreements.sign(work(session, a_signer(session, group)), agreement.id, "Bo Lee", home=home(7))
    agreements.sign(work(session, a_signer(session, host)), agreement.id, "Ali Khan", home=home(8))
    assert agreement.state is AgreementState.SIGNED


def test_the_money_of_a_hosted_group_goes_to_its_host(session: Session) -> None:
    host, group = a_group(session, can_host=True), a_group(session, has_bank_account=False)
    hosting = Hosting(
        group_id=group.id,
        host_id=host.id,
        state=HostingState.CONFIRMED,
        asked_by_id=a_person(session).id,
        asked_at=START,
        answered_at=START,
    )
    session.add(hosting)
    fund = a_fund(session)
    a_contribution(session, fund, 200_000)
    round = a_decided_round(session, fund)
    a_decision(session, a_decided_proposal(session, round, group=group))
    [award] = offers.offer_all(work(session, steward(session)), round.id)
    assert award.payee_id == host.id


def test_an_edit_makes_a_new_version_and_voids_the_names(session: Session) -> None:
    award = an_award(session, state=AwardState.ACCEPTED)
    old = award.agreements[0]
    member = a_signer(session, award.group)
    agreements.sign(work(session, member), old.id, "Rose Marwood", home=home(9))
    new = agreements.write_agreement(work(session, steward(session)), award.id, "You share your recipes.")
    assert (old.state, new.state, new.version) == (AgreementState.VOID, AgreementState.SENT, 2)
    assert new.signatures == []
    assert new.sha256 != old.sha256
    with pytest.raises(StepRefused, match="replaced by a newer one"):
        agreements.sign(work(session, a_signer(session, award.group)), old.id, "Ali Khan", home=home(10))


def test_other_parts_make_a_new_version_too(session: Session) -> None:
    award = an_award(session, state=AwardState.ACCEPTED)
    parts = [Part(60_000, START.date()), Part(30_000, START.date() + timedelta(days=30), "You have opened.")]
    agreements.plan_instalments(work(session, steward(session)), award.id, parts)
    assert [part.amount_minor for part in award.instalments] == [60_000, 30_000]
    newest = queries.agreement(session, award.id)
    assert newest is not None
    assert newest.version == 2
    assert "You have opened." in newest.text


def test_a_countersigned_agreement_cannot_be_changed(session: Session) -> None:
    award = an_award(session)
    with pytest.raises(StepRefused, match="before everybody has signed"):
        agreements.write_agreement(work(session, steward(session)), award.id, "More.")


# hold, end, close


def test_hold_and_release_need_a_reason_and_a_steward_of_another_group(session: Session) -> None:
    award = an_award(session)
    with pytest.raises(RuleBroken, match="Say why"):
        standing.hold(work(session, steward(session)), award.id, "  ")
    insider = as_actor(session, a_member(session, award.group, a_person(session, Role.STEWARD)))
    with pytest.raises(NotAllowed):
        standing.hold(work(session, insider), award.id, "Something is odd.")
    session.refresh(award)
    standing.hold(work(session, steward(session)), award.id, "Something is odd.")
    assert award.state is AwardState.ON_HOLD
    standing.release(work(session, steward(session)), award.id, "It is settled.")
    assert award.state is AwardState.ACTIVE


def test_ending_early_returns_what_was_not_paid(session: Session) -> None:
    contribution = a_contribution(session, amount_minor=100_000)
    award = an_award(session, contributions=[contribution])
    standing.terminate(work(session, steward(session)), award.id, "The hall burnt down.")
    assert award.state is AwardState.TERMINATED
    assert pockets_of(session, [contribution.id])[contribution.id].available_minor == 100_000


def test_payments_never_go_above_the_award(any_session: Session) -> None:
    session = any_session
    award = an_award(session, amount_minor=90_000)
    settling.take_for_payment(work(session), award.id, 60_000)
    with pytest.raises(RuleBroken, match="£300 is left to pay"):
        settling.take_for_payment(work(session), award.id, 30_001)
    settling.take_for_payment(work(session), award.id, 30_000)
    assert award.disbursing_minor == 90_000


def test_nothing_is_taken_from_an_award_on_hold(session: Session) -> None:
    award = an_award(session, state=AwardState.ON_HOLD)
    with pytest.raises(StepRefused, match="on hold"):
        settling.take_for_payment(work(session), award.id, 1)


def test_an_unpaid_rest_goes_back_when_the_award_completes(session: Session) -> None:
    contribution = a_contribution(session, amount_minor=100_000)
    award = an_award(session, contributions=[contribution])
    settling.complete(work(session, steward(session)), award.id, 0)
    assert award.state is AwardState.CLOSED
    assert pockets_of(session, [contribution.id])[contribution.id].available_minor == 100_000
    assert award_pockets(session, [award.id])[award.id][contribution.id].committed_minor == 0


def test_there_is_no_award_without_an_id(session: Session) -> None:
    assert queries.award_page(session, uuid4()) is None
