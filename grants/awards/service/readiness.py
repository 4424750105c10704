"""What must stand before money can leave: checks, accounts, conditions."""

from datetime import date
from uuid import UUID

from grants.awards import access, queries
from grants.awards.models import Award, Instalment
from grants.awards.rules import STEPS, AwardAction, AwardState
from grants.kernel.clock import london_day
from grants.kernel.errors import NotAllowed, RuleBroken, StepRefused
from grants.kernel.keyring import KeyRing
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork
from grants.payees import service as payees
from grants.payees.models import BankAccount, GroupCheck
from grants.ports.payments import AccountStanding


def activate_if_ready(uow: UnitOfWork, award: Award) -> bool:
    """Start an award that everybody has signed, once every check of its tier holds and money can go where it is due."""
    if award.state is not AwardState.IN_SET_UP or queries.lacking(uow.session, award, london_day(uow.now)):
        return False
    award.state = next_state(STEPS, award.state, AwardAction.ACTIVATE)
    award.active_at = award.active_at or uow.now
    uow.record("award.activated", award, before=AwardState.IN_SET_UP, after=award.state)
    return True


def _activate_ready(uow: UnitOfWork, group_id: UUID) -> None:
    uow.session.flush()
    for award_id in queries.in_set_up(uow.session, group_id):
        activate_if_ready(uow, uow.get(Award, award_id, lock=True))


def activate_due(uow: UnitOfWork) -> int:
    """Start every award for which nothing is missing any more. Safe to run twice; gives how many."""
    if not uow.actor.is_clock:
        raise NotAllowed("The clock starts awards.")
    return sum(
        activate_if_ready(uow, uow.get(Award, award_id, lock=True)) for award_id in queries.all_in_set_up(uow.session)
    )


def judge_check(
    uow: UnitOfWork, check_id: UUID, *, passed: bool, reason: str = "", expires_on: date | None = None
) -> GroupCheck:
    """An officer passes or fails a check; what waited only for it is under way."""
    judged = payees.judge(uow, check_id, passed=passed, reason=reason, expires_on=expires_on)
    _activate_ready(uow, judged.group_id)
    return judged


def answer_waiver(uow: UnitOfWork, check_id: UUID, *, agreed: bool) -> GroupCheck:
    """Another officer waives a check for one award, or does not; what waited only for it is under way."""
    answered = payees.answer_waiver(uow, check_id, agreed=agreed)
    _activate_ready(uow, answered.group_id)
    return answered


def verify_account(uow: UnitOfWork, keys: KeyRing, account_id: UUID, sort_code: str, number: str) -> BankAccount:
    """An officer verifies where the money goes; what waited only for it is under way."""
    account = payees.verify(uow, keys, account_id, sort_code, number)
    _activate_ready(uow, account.group_id)
    return account


def recipient_stands(uow: UnitOfWork, account_id: UUID, standing: AccountStanding) -> None:
    """A provider says how the account of a group stands; what waited only for it is under way.

    Call ``disbursements.service.account_stands``, which also stops what cannot be paid any more.
    """
    account = payees.account_stands(uow, account_id, standing)
    _activate_ready(uow, account.group_id)


def meet_condition(uow: UnitOfWork, instalment_id: UUID, note: str) -> Instalment:
    """A steward finds that what had to happen before a part is paid has happened, and says how they know."""
    part = uow.get(Instalment, instalment_id, lock=True)
    award = uow.get(Award, part.award_id)
    access.ensure_steward(uow.actor, award.fund_id, award.group_id, award.payee_id)
    if award.state is not AwardState.ACTIVE:
        raise StepRefused("Conditions are met while the award is under way.")
    if not part.condition or part.met_at is not None:
        raise StepRefused("Nothing has to happen before this part is paid.")
    words = " ".join(note.split())
    if not words or len(words) > 300:
        raise RuleBroken("Say how you know, in 300 characters or fewer.", field="note")
    part.met_at, part.met_by_id, part.met_note = uow.now, uow.actor.id, words
    uow.record("award.condition_met", award, instalment=part.id, part=part.number)
    return part
