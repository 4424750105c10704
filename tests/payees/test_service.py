"""Where a group's money goes: two give it, a third verifies it, and its digits stay closed."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from grants.adapters.memory_storage import MemoryStore
from grants.kernel.actors import Actor, Role
from grants.kernel.errors import Conflict, NotAllowed, RuleBroken, StepRefused
from grants.kernel.keyring import KeyRing, SealBroken
from grants.kernel.trail import AuditEvent
from grants.payees import queries, service
from grants.payees.models import BankAccount
from grants.payees.rules.accounts import BankAccountState, NameAnswer
from grants.people.models import Group
from grants.ports.accounts import Modulus
from tests.builders.awards import a_group_of_two
from tests.builders.payees import DETAILS, RING, a_bank_account
from tests.builders.people import a_group, a_member, a_person, actor_of
from tests.support.work import work

S = BankAccountState
PAPER = "0" * 32 + ".pdf"


@dataclass
class Numbers:
    answer: Modulus = Modulus.PASS

    def check(self, sort_code: str, account_number: str) -> Modulus:
        return self.answer


def give(
    session: Session, actor: Actor, group: Group, number: str = "66374958", answer: Modulus = Modulus.PASS
) -> BankAccount:
    return service.give(work(session, actor), RING, Numbers(answer), group.id, "The Tea Table", "99-00-12", number)


def members(session: Session, group: Group) -> tuple[Actor, Actor]:
    return actor_of(session, a_member(session, group)), actor_of(session, a_member(session, group))


def an_officer(session: Session, role: Role = Role.FINANCE_OFFICER) -> Actor:
    return actor_of(session, a_person(session, role))


def checked(session: Session, group: Group) -> tuple[BankAccount, Actor, Actor]:
    """An account whose name was checked, with its giver and its confirmer."""
    one, other = members(session, group)
    account = give(session, one, group)
    service.confirm(work(session, other), account.id)
    service.add_paper(work(session, one), account.id, PAPER)
    service.check_name(work(session, an_officer(session)), account.id, NameAnswer.MATCH)
    return account, one, other


def test_from_the_first_word_to_verified(any_session: Session) -> None:
    session, group = any_session, a_group(any_session)
    account, one, other = checked(session, group)
    assert (account.state, account.last_four, account.version) == (S.NAME_CHECKED, "4958", 1)
    officer = an_officer(session, Role.STEWARD)
    service.verify(work(session, officer), RING, account.id, "990012", "6637 4958")
    assert (account.state, account.verified_by_id) == (S.VERIFIED, officer.id)
    assert (account.given_by_id, account.confirmed_by_id) == (one.id, other.id)
    verbs = session.scalars(select(AuditEvent.verb).where(AuditEvent.subject_id == account.id)).all()
    assert sorted(verbs) == [f"bank.{word}" for word in ("confirmed", "evidenced", "given", "name_checked", "verified")]


def test_two_people_give_the_details(session: Session) -> None:
    group = a_group(session)
    one, _ = members(session, group)
    account = give(session, one, group)
    with pytest.raises(NotAllowed, match="You gave these details yourself"):
        service.confirm(work(session, one), account.id)
    with pytest.raises(NotAllowed, match="Only a member"):
        service.confirm(work(session, an_officer(session)), account.id)


def test_details_that_nobody_else_confirmed_are_not_verified(session: Session) -> None:
    group = a_group(session)
    one, other = members(session, group)
    account = give(session, one, group)
    service.add_paper(work(session, one), account.id, PAPER)
    service.check_name(work(session, an_officer(session)), account.id, NameAnswer.MATCH)
    with pytest.raises(StepRefused, match="Another member of the group must confirm"):
        service.verify(work(session, an_officer(session)), RING, account.id, "990012", "66374958")
    service.confirm(work(session, other), account.id)
    with pytest.raises(Conflict, match="confirmed already"):
        service.confirm(work(session, other), account.id)


def test_an_officer_who_gave_or_confirmed_the_details_does_not_verify_them(session: Session) -> None:
    group = a_group(session)
    insider = a_member(session, group, a_person(session, Role.FINANCE_OFFICER))
    account, *_ = checked(session, group)
    with pytest.raises(NotAllowed, match="Another officer must do this"):
        service.verify(work(session, actor_of(session, insider)), RING, account.id, "990012", "66374958")
    left = a_person(session, Role.FINANCE_OFFICER)
    account.confirmed_by_id = left.id  # of the group when it was confirmed, and of it no longer
    session.flush()
    with pytest.raises(NotAllowed, match="Another officer must do this"):
        service.verify(work(session, actor_of(session, left)), RING, account.id, "990012", "66374958")


def test_the_database_too_refuses_a_verifier_who_gave_the_details(any_session: Session) -> None:
    account = a_bank_account(any_session, a_group(any_session))
    account.verified_by_id = account.given_by_id
    with pytest.raises(IntegrityError):
        any_session.flush()
    any_session.rollback()


def test_only_the_numbers_of_the_statement_verify(session: Session) -> None:
    account, *_ = checked(session, a_group(session))
    with pytest.raises(RuleBroken, match="not the numbers that the group gave"):
        service.verify(work(session, an_officer(session)), RING, account.id, "990012", "66374959")


@pytest.mark.parametrize("answer", [Modulus.PASS, Modulus.NOT_COVERED])
def test_what_the_table_does_not_cover_is_taken_and_said_so(session: Session, answer: Modulus) -> None:
    group = a_group(session)
    assert give(session, members(session, group)[0], group, answer=answer).modulus is answer


def test_numbers_that_do_not_fit_together_are_refused(session: Session) -> None:
    group = a_group(session)
    with pytest.raises(RuleBroken, match="do not fit together") as broken:
        give(session, members(session, group)[0], group, answer=Modulus.FAIL)
    assert broken.value.field == "account_number"
    assert queries.account(session, group.id) is None


def test_every_edit_begins_again_and_the_old_details_stay_as_history(any_session: Session) -> None:
    session, group = any_session, a_group(any_session)
    old = a_bank_account(session, group)
    one, _ = members(session, group)
    new = give(session, one, group, "66374950")
    assert (old.state, new.state, new.version, new.confirmed_by_id) == (S.REPLACED, S.PROVIDED, 2, None)
    assert queries.verified_account(session, group.id) is None
    with pytest.raises(StepRefused, match="replaced"):
        service.confirm(work(session, members(session, group)[1]), old.id)


def test_a_close_match_needs_words_and_no_match_goes_no_further(session: Session) -> None:
    group = a_group(session)
    one, other = members(session, group)
    account = give(session, one, group)
    service.add_paper(work(session, other), account.id, PAPER)
    officer = an_officer(session)
    service.check_name(work(session, officer), account.id, NameAnswer.NO_MATCH)
    assert account.state is S.EVIDENCED
    with pytest.raises(RuleBroken, match="close match is good enough"):
        service.check_name(work(session, officer), account.id, NameAnswer.CLOSE)
    service.check_name(work(session, officer), account.id, NameAnswer.CLOSE, "The Tea Table CIC: the same group.")
    assert account.state is S.NAME_CHECKED
    assert [(one.answer, one.checked_by_id) for one in account.name_checks] == [
        (NameAnswer.NO_MATCH, officer.id),
        (NameAnswer.CLOSE, officer.id),
    ]


def test_a_paper_that_was_not_checked_is_not_kept(session: Session) -> None:
    group = a_group(session)
    one, _ = members(session, group)
    account, files = give(session, one, group), MemoryStore()
    with pytest.raises(RuleBroken):
        service.keep_paper(files, b"%PDF-1.7 /JavaScript %%EOF")
    assert (files.kept, account.state) == ({}, S.PROVIDED)


def test_an_officer_refuses_with_a_reason_that_the_group_reads(session: Session) -> None:
    account = a_bank_account(session, a_group(session), state=S.EVIDENCED)
    officer = an_officer(session)
    with pytest.raises(RuleBroken, match="Say why"):
        service.refuse(work(session, officer), account.id, " ")
    service.refuse(work(session, officer), account.id, "The statement is of another account.")
    assert (account.state, account.reason) == (S.REFUSED, "The statement is of another account.")


def test_a_stranger_does_nothing(session: Session) -> None:
    account = a_bank_account(session, a_group_of_two(session), state=S.EVIDENCED)
    stranger = actor_of(session, a_person(session))
    for refused in (
        lambda: give(session, stranger, account.group),
        lambda: service.confirm(work(session, stranger), account.id),
        lambda: service.add_paper(work(session, stranger), account.id, PAPER),
        lambda: service.check_name(work(session, stranger), account.id, NameAnswer.MATCH),
        lambda: service.verify(work(session, stranger), RING, account.id, "990012", "66374958"),
        lambda: service.refuse(work(session, stranger), account.id, "No."),
    ):
        with pytest.raises(NotAllowed):
            refused()


# Sealed


def test_only_the_last_four_digits_stand_open_in_the_database_and_none_in_the_trail(session: Session) -> None:
    group = a_group(session)
    account, *_ = checked(session, group)
    service.verify(work(session, an_officer(session)), RING, account.id, "990012", "66374958")
    service.payee_details(work(session, an_officer(session)), RING, group.id)
    rows = [*session.execute(text("SELECT * FROM bank_account")), *session.execute(text("SELECT * FROM audit_event"))]
    for digits in ("66374958", "990012", "6637", "Tea Table"):
        assert [row for row in rows if digits in str(tuple(row)).replace(group.name, "")] == []
    assert account.last_four == "4958"


def test_the_details_are_opened_for_an_order_and_each_time_is_in_the_trail(any_session: Session) -> None:
    group = a_group(any_session)
    account = a_bank_account(any_session, group)
    uow = work(any_session, an_officer(any_session))
    payee = service.payee_details(uow, RING, group.id)
    assert (payee.details, payee.account_id) == (DETAILS, account.id)
    any_session.flush()
    event = any_session.scalars(select(AuditEvent).where(AuditEvent.verb == "bank.opened")).one()
    assert (event.subject_id, event.actor_id) == (account.id, uow.actor.id)


@pytest.mark.parametrize("state", [state for state in S if state is not S.VERIFIED])
def test_what_is_not_verified_is_not_opened(session: Session, state: BankAccountState) -> None:
    group = a_group(session)
    a_bank_account(session, group, state=state)
    with pytest.raises(StepRefused, match="no verified bank account"):
        service.payee_details(work(session), RING, group.id)


def test_keys_are_changed_without_losing_an_account(any_session: Session) -> None:
    session, group = any_session, a_group(any_session)
    a_bank_account(session, group)
    a_bank_account(session, a_group(session), state=S.REPLACED)
    new = "new:" + "22" * 32
    both = KeyRing("new", {**RING.keys, **KeyRing.parse(new).keys})
    assert service.rotate(work(session), both) == 2
    session.flush()
    assert service.rotate(work(session), both) == 0
    assert service.payee_details(work(session), KeyRing.parse(new), group.id).details == DETAILS
    with pytest.raises(SealBroken):
        service.payee_details(work(session), RING, group.id)
