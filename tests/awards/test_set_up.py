"""What must be known before money can leave, and what may change after."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.adapters.memory_storage import MemoryStore
from grants.allocation.models import Decision
from grants.allocation.rules.states import DecisionState, Verdict
from grants.awards import queries
from grants.awards.models import Award
from grants.awards.rules import (
    FIRST_TEMPLATE,
    AgreementState,
    AwardState,
    ChangeKind,
    ChangeRequestAction,
    ChangeRequestState,
    check_template,
)
from grants.awards.service import agreements, amendments, answers, readiness, standing
from grants.kernel.actors import CLOCK, Actor, Role
from grants.kernel.errors import NotAllowed, RuleBroken, StepRefused
from grants.payees import service as payees
from grants.payees.rules.accounts import BankAccountState
from grants.payees.rules.checks import CheckKind, GroupCheckState
from grants.proposals.rules.states import ProposalState
from tests.builders.awards import (
    a_decided_proposal,
    a_decision,
    a_group_of_two,
    all_known,
    an_agreement,
    an_award,
)
from tests.builders.payees import DETAILS, RING, a_bank_account, a_check
from tests.builders.people import a_group, a_member, a_person, actor_of
from tests.support.clock import START
from tests.support.work import work

K, S = CheckKind, GroupCheckState


def officer(session: Session, role: Role = Role.STEWARD) -> Actor:
    return actor_of(session, a_person(session, role))


def signed(session: Session, award: Award) -> Award:
    """The award with an agreement that everybody has signed."""
    agreement = an_agreement(
        session, award, version=2, state=AgreementState.SIGNED, signers=[a_person(session), a_person(session)]
    )
    agreements.countersign(work(session, officer(session)), agreement.id)
    return award


def waiting(session: Session, amount_minor: int = 90_000, **fields: object) -> Award:
    """An award that everybody has signed and for which nothing else is known."""
    return signed(session, an_award(session, state=AwardState.ACCEPTED, amount_minor=amount_minor, **fields))  # type: ignore[arg-type]


# before it is under way


def test_an_award_waits_in_set_up_until_everything_is_known(any_session: Session) -> None:
    award = waiting(any_session)
    assert award.state is AwardState.IN_SET_UP
    assert queries.lacking(any_session, award, START.date()) == [
        "Your rules",
        "Two people who are not related",
        "Keeping people safe",
        "The bank account",
    ]
    assert readiness.activate_due(work(any_session, CLOCK)) == 0
    all_known(any_session, award)
    assert readiness.activate_due(work(any_session, CLOCK)) == 1
    assert (award.state, award.active_at) == (AwardState.ACTIVE, START)


def test_the_last_answer_that_an_officer_passes_starts_the_award(session: Session) -> None:
    award = waiting(session, 50_000)
    a_bank_account(session, award.group)
    member = actor_of(session, a_member(session, award.group))
    given = payees.give_answer(work(session, member), K.SAFEGUARDING, award.group_id, award.id, "Rose leads.")
    assert award.state is AwardState.IN_SET_UP
    readiness.judge_check(work(session, officer(session)), given.id, passed=True)
    assert award.state is AwardState.ACTIVE


def test_the_bank_account_that_is_verified_last_starts_the_award(session: Session) -> None:
    award = waiting(session, 50_000)
    a_check(session, award.group, K.SAFEGUARDING)
    account = a_bank_account(session, award.group, state=BankAccountState.NAME_CHECKED)
    readiness.verify_account(
        work(session, officer(session)), RING, account.id, DETAILS.sort_code, DETAILS.account_number
    )
    assert award.state is AwardState.ACTIVE


def test_a_hosted_group_needs_the_word_and_the_rules_of_its_host(session: Session) -> None:
    host, group = a_group(session, can_host=True), a_group(session, has_bank_account=False)
    award = an_award(session, state=AwardState.ACCEPTED, group=group, payee=host)
    whom = {need.kind: need.group_id for need in queries.needs(session, award, START.date())}
    assert whom == {K.CONSTITUTION: host.id, K.HOST: host.id, K.TWO_PEOPLE: group.id, K.SAFEGUARDING: group.id}
    editor = actor_of(session, a_member(session, host, sign_off=False))
    with pytest.raises(NotAllowed, match="host who can sign off"):
        payees.give_answer(work(session, editor), K.HOST, host.id, award.id, "We hold it.")


def test_what_was_given_last_round_counts_while_it_is_in_date(session: Session) -> None:
    group = a_group_of_two(session)
    a_check(session, group, K.CONSTITUTION, expires_on=START.date())
    a_check(session, group, K.TWO_PEOPLE, expires_on=START.date() - timedelta(days=1))
    a_check(session, group, K.SAFEGUARDING, award_ref=uuid4())
    award = an_award(session, state=AwardState.ACCEPTED, group=group)
    held = {need.kind: need.holds for need in queries.needs(session, award, START.date())}
    assert held == {K.CONSTITUTION: True, K.TWO_PEOPLE: False, K.SAFEGUARDING: False}


def test_a_later_no_takes_back_an_earlier_yes_and_an_open_answer_does_not(session: Session) -> None:
    award = an_award(session, state=AwardState.ACCEPTED, amount_minor=50_000)
    a_check(session, award.group, K.SAFEGUARDING)
    a_check(session, award.group, K.SAFEGUARDING, state=S.GIVEN, given_at=START - timedelta(days=2))
    assert [need.holds for need in queries.needs(session, award, START.date())] == [True]
    a_check(session, award.group, K.SAFEGUARDING, state=S.FAILED, given_at=START - timedelta(days=1), reason="Old.")
    assert [need.holds for need in queries.needs(session, award, START.date())] == [False]


def test_a_no_needs_a_reason_and_insurance_needs_its_last_day(session: Session) -> None:
    group = a_group(session)
    given = a_check(session, group, K.INSURANCE, state=S.GIVEN)
    with pytest.raises(RuleBroken, match="Say why"):
        readiness.judge_check(work(session, officer(session)), given.id, passed=False)
    with pytest.raises(RuleBroken, match="day on which the insurance ends"):
        readiness.judge_check(work(session, officer(session)), given.id, passed=True)
    over = START.date() - timedelta(days=1)
    with pytest.raises(RuleBroken, match="has run out"):
        readiness.judge_check(work(session, officer(session)), given.id, passed=True, expires_on=over)
    readiness.judge_check(
        work(session, officer(session)), given.id, passed=True, expires_on=START.date() + timedelta(days=4000)
    )
    assert given.expires_on == START.date() + timedelta(days=365)


def test_nobody_judges_what_they_gave_or_their_own_group(session: Session) -> None:
    group = a_group(session)
    insider = a_member(session, group, a_person(session, Role.STEWARD))
    left = a_person(session, Role.STEWARD)
    given = a_check(session, group, state=S.GIVEN, given_by_id=left.id)
    for one in (insider, left):
        with pytest.raises(NotAllowed, match="Another officer"):
            readiness.judge_check(work(session, actor_of(session, one)), given.id, passed=True)


def test_a_check_is_waived_only_by_another_person_with_a_reason_and_for_one_award(any_session: Session) -> None:
    session = any_session
    award = waiting(session, 50_000)
    a_bank_account(session, award.group)
    one, other = officer(session), officer(session, Role.FINANCE_OFFICER)
    with pytest.raises(RuleBroken, match="Say why"):
        payees.ask_waiver(work(session, one), K.SAFEGUARDING, award.group_id, award.id, " ")
    asked = payees.ask_waiver(work(session, one), K.SAFEGUARDING, award.group_id, award.id, "A bench: nobody meets.")
    with pytest.raises(NotAllowed, match="You asked for this yourself"):
        readiness.answer_waiver(work(session, one), asked.id, agreed=True)
    assert award.state is AwardState.IN_SET_UP
    readiness.answer_waiver(work(session, other), asked.id, agreed=True)
    assert (asked.state, award.state) == (S.WAIVED, AwardState.ACTIVE)
    later = an_award(session, state=AwardState.ACCEPTED, group=award.group, amount_minor=40_000)
    assert [need.holds for need in queries.needs(session, later, START.date())] == [False]


def test_a_waiver_that_is_refused_changes_nothing(session: Session) -> None:
    award = waiting(session, 50_000)
    a_bank_account(session, award.group)
    asked = payees.ask_waiver(work(session, officer(session)), K.SAFEGUARDING, award.group_id, award.id, "Small.")
    readiness.answer_waiver(work(session, officer(session)), asked.id, agreed=False)
    assert (asked.state, award.state) == (S.NOT_WAIVED, AwardState.IN_SET_UP)


def test_a_paper_that_holds_a_script_is_not_kept() -> None:
    files = MemoryStore()
    with pytest.raises(RuleBroken, match="more than a page"):
        payees.keep_paper(files, b"%PDF-1.7\n/JavaScript\n%%EOF\n")
    assert files.kept == {}


# two signers at one address


def test_two_signers_at_one_address_are_refused_unless_waived(session: Session) -> None:
    award = an_award(session, state=AwardState.ACCEPTED)
    agreement = award.agreements[0]
    first, second = (actor_of(session, a_member(session, award.group)) for _ in "ab")
    agreements.sign(work(session, first), agreement.id, "Rose Marwood", home="1" * 64, request_address="192.0.2.7")
    with pytest.raises(RuleBroken, match="Somebody at your address has signed") as broken:
        agreements.sign(work(session, second), agreement.id, "Ali Khan", home="1" * 64)
    assert broken.value.field == "house"
    asked = payees.ask_waiver(work(session, officer(session)), K.TWO_PEOPLE, award.group_id, award.id, "A lighthouse.")
    readiness.answer_waiver(work(session, officer(session)), asked.id, agreed=True)
    agreements.sign(work(session, second), agreement.id, "Ali Khan", home="1" * 64)
    assert agreement.state is AgreementState.SIGNED
    assert {one.request_address for one in agreement.signatures} == {"192.0.2.7", None}


def test_an_agreement_edited_after_sending_voids_earlier_signatures_and_says_so(session: Session) -> None:
    award = an_award(session, state=AwardState.ACCEPTED)
    member = a_member(session, award.group)
    agreements.sign(work(session, actor_of(session, member)), award.agreements[0].id, "Rose Marwood", home="1" * 64)
    new = agreements.write_agreement(work(session, officer(session)), award.id, "You share your recipes.")
    assert (award.agreements[0].state, new.signatures) == (AgreementState.VOID, [])
    from grants.outbox.models import OutboxRow

    letters = session.scalars(select(OutboxRow).where(OutboxRow.subject_id == award.id)).all()
    assert any("Names under that one no longer count" in row.payload["text"] for row in letters)


# templates


def test_a_new_template_holds_for_later_agreements_and_signed_ones_keep_theirs(any_session: Session) -> None:
    session = any_session
    award = an_award(session, state=AwardState.ACCEPTED)
    old = agreements.write_agreement(work(session, officer(session)), award.id)
    body = FIRST_TEMPLATE.replace("Keep people safe.", "Keep people safe, and dry.")
    agreements.add_template(work(session, officer(session)), body, "Rain")
    new = agreements.write_agreement(work(session, officer(session)), award.id, "A kettle.")
    assert (old.template, new.template) == (1, 2)
    assert "and dry" in new.text
    assert "7. What else we agreed" in new.text
    assert "and dry" not in old.text
    assert [one.version for one in queries.templates(session)] == [2, 1]
    with pytest.raises(NotAllowed):
        agreements.add_template(work(session, officer(session, Role.FINANCE_OFFICER)), FIRST_TEMPLATE, "Back")
    with pytest.raises(RuleBroken, match="words of the newest version"):
        agreements.add_template(work(session, officer(session)), body, "The same")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (FIRST_TEMPLATE.replace("{amount}", "a lot"), "{amount} is missing"),
        (FIRST_TEMPLATE + " {secret}", "do not know the blank {secret}"),
        (FIRST_TEMPLATE + " {0.__class__}", "stands alone"),
        (FIRST_TEMPLATE + " }", "stands alone"),
    ],
)
def test_a_template_has_the_blanks_that_we_know_and_no_others(body: str, words: str) -> None:
    with pytest.raises(RuleBroken, match=words):
        check_template(body)


# conditions and changes


def test_a_condition_is_met_when_a_steward_says_how_they_know(session: Session) -> None:
    award = an_award(session)
    award.instalments[0].condition = "You have opened."
    session.flush()
    part = award.instalments[0]
    with pytest.raises(NotAllowed):
        readiness.meet_condition(work(session, officer(session, Role.FINANCE_OFFICER)), part.id, "I saw it.")
    with pytest.raises(RuleBroken, match="how you know"):
        readiness.meet_condition(work(session, officer(session)), part.id, " ")
    readiness.meet_condition(work(session, officer(session)), part.id, "I saw it.")
    assert (part.met_at, part.met_note) == (START, "I saw it.")


def test_a_change_is_asked_questioned_agreed_and_holds_as_a_new_version(any_session: Session) -> None:
    session = any_session
    award = an_award(session)
    member, steward = actor_of(session, a_member(session, award.group)), officer(session)
    asked = amendments.ask_change(work(session, member), award.id, ChangeKind.DAYS, "Meet on Tuesdays.", "The hall.")
    with pytest.raises(StepRefused, match="not settled yet"):
        amendments.ask_change(work(session, member), award.id, ChangeKind.PLAN, "More.", "Because.")
    with pytest.raises(RuleBroken, match="Say why"):
        amendments.answer_change(work(session, steward), asked.id, ChangeRequestAction.QUERY)
    amendments.answer_change(work(session, steward), asked.id, ChangeRequestAction.QUERY, "Every Tuesday?")
    amendments.change_again(work(session, member), asked.id, ChangeKind.PLAN, "Meet every Tuesday.", "Free hall.")
    amendments.answer_change(work(session, steward), asked.id, ChangeRequestAction.APPROVE)
    version = amendments.apply_change(work(session, steward), asked.id)
    assert asked.state is ChangeRequestState.APPLIED
    assert (version.version, version.words) == (2, "Meet every Tuesday.")
    again = amendments.ask_change(work(session, member), award.id, ChangeKind.PLAN, "Add cake.", "Hunger.")
    amendments.answer_change(work(session, steward), again.id, ChangeRequestAction.APPROVE)
    assert amendments.apply_change(work(session, steward), again.id).version == 3


def test_a_member_of_the_group_does_not_answer_its_change(session: Session) -> None:
    award = an_award(session)
    both = actor_of(session, a_member(session, award.group, a_person(session, Role.STEWARD)))
    asked = amendments.ask_change(work(session, both), award.id, ChangeKind.PLAN, "Cake.", "Hunger.")
    with pytest.raises(NotAllowed, match="Another steward"):
        amendments.answer_change(work(session, both), asked.id, ChangeRequestAction.APPROVE)


def test_the_changes_of_an_award_on_hold_are_read_only(session: Session) -> None:
    award = an_award(session)
    member, steward = actor_of(session, a_member(session, award.group)), officer(session)
    asked = amendments.ask_change(work(session, member), award.id, ChangeKind.PLAN, "Cake.", "Hunger.")
    standing.hold(work(session, steward), award.id, "We ask what happened.")
    for refused in (
        lambda: amendments.ask_change(work(session, member), award.id, ChangeKind.PLAN, "More cake.", "Hunger."),
        lambda: amendments.answer_change(work(session, steward), asked.id, ChangeRequestAction.APPROVE),
        lambda: amendments.change_again(work(session, member), asked.id, ChangeKind.PLAN, "a", "b"),
        lambda: amendments.apply_change(work(session, steward), asked.id),
    ):
        with pytest.raises(StepRefused, match="on hold, so its changes can only be read"):
            refused()


# the reserve


def test_a_reserve_that_moves_up_gets_a_decision_of_its_own_and_the_old_one_stays(any_session: Session) -> None:
    session = any_session
    group = a_group_of_two(session)
    award = an_award(session, state=AwardState.OFFERED, group=group)
    reserve = a_decided_proposal(session, award.proposal.round, state=ProposalState.RESERVE, applied_for_minor=50_000)
    old = a_decision(session, reserve, Verdict.RESERVE, state=DecisionState.NOTIFIED, rank=2, awarded_minor=0)
    answers.decline(work(session, actor_of(session, a_member(session, group))), award.id, "No kitchen.")
    new = session.scalars(select(Decision).where(Decision.follows_id == old.id)).one()
    assert (old.state, old.verdict, old.awarded_minor) == (DecisionState.SUPERSEDED, Verdict.RESERVE, 0)
    assert (new.state, new.verdict, new.awarded_minor) == (DecisionState.NOTIFIED, Verdict.AWARDED, 50_000)
    assert "Money came free" in new.reason
    assert reserve.state is ProposalState.AWARDED
    offered = session.scalars(select(Award).where(Award.proposal_id == reserve.id)).one()
    assert (offered.state, offered.amount_minor) == (AwardState.OFFERED, 50_000)


@pytest.mark.parametrize("step", [standing.hold, standing.terminate])
def test_letters_about_a_stop_fit_into_the_outbox_of_both_databases(any_session: Session, step: object) -> None:
    award = an_award(any_session, group=a_group_of_two(any_session))
    step(work(any_session, officer(any_session)), award.id, "We ask what happened.")  # type: ignore[operator]
    any_session.flush()
