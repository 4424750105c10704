"""What must hold before a payment moves, and what it is judged by."""

from uuid import UUID

from grants.awards.models import Award
from grants.awards.rules import AwardState
from grants.disbursements.access import Facts
from grants.disbursements.models import Disbursement
from grants.disbursements.rules import DisbursementAction, DisbursementState
from grants.kernel.errors import RuleBroken, StepRefused
from grants.kernel.money import show_pounds
from grants.kernel.work import UnitOfWork
from grants.payees.queries import Destination
from grants.review import queries as review

NO_ACCOUNT = "The bank account of this payee is not verified, so nothing can be paid to it."
NO_RECIPIENT = "The payee's account with the payment company is not ready, so nothing can be paid into it."
S, A = DisbursementState, DisbursementAction


def facts_of(
    uow: UnitOfWork, award: Award, goes_to: Destination | None = None, payment: Disbursement | None = None
) -> Facts:
    """Who did what in this payment's history, and who has an interest in the bid behind it."""
    proposal = award.proposal
    declared = review.recused(uow.session, award.round_id)
    pairs = review.interested(uow.session, [proposal]) | {pair for pair in declared if pair[0] == proposal.id}
    return Facts(
        award.fund_id,
        award.group_id,
        award.payee_id,
        goes_to.verified_by_id if goes_to is not None else None,
        frozenset(person_id for _, person_id in pairs),
        payment.requested_by_id if payment is not None else None,
        payment.first_by_id if payment is not None else None,
    )


def reason_given(reason: str) -> str:
    """The reason in one line of 300 characters at the most; refuses (``RuleBroken``) none at all."""
    why = " ".join(reason.split())[:300]
    if not why:
        raise RuleBroken("Say why.", field="reason")
    return why


def ensure_ready(goes_to: Destination) -> None:
    """Refuse (``StepRefused``) while nobody could be paid there."""
    if not goes_to.ready:
        raise StepRefused(not_ready(goes_to))


def not_ready(goes_to: Destination) -> str:
    """Why nobody can be paid there: no account was given, or the provider does not know it so far."""
    return NO_ACCOUNT if goes_to.provider is None else NO_RECIPIENT


def is_still(payment: Disbursement, goes_to: Destination) -> bool:
    """Whether the payment goes where it went when it was asked for, and that can be paid."""
    account_id = goes_to.account.id if goes_to.account is not None else None
    return goes_to.ready and payment.account_id == account_id


def ensure_active(award: Award) -> None:
    """Refuse (``StepRefused``) payments of an award that is not under way."""
    if award.state is AwardState.ON_HOLD:
        raise StepRefused("This award is on hold, so its payments can only be read.")
    if award.state is not AwardState.ACTIVE:
        raise StepRefused("This award is not under way, so nothing can be paid from it.")


def locked(uow: UnitOfWork, disbursement_id: UUID) -> tuple[Disbursement, Award]:
    """The payment and its award, the award locked first: everybody takes the two in this order."""
    payment = uow.get(Disbursement, disbursement_id)
    award = uow.get(Award, payment.award_id, lock=True)
    return uow.get(Disbursement, disbursement_id, lock=True), award


def note_problem(uow: UnitOfWork, payment: Disbursement, words: str) -> None:
    """What an officer must look at before this payment goes on."""
    payment.problem = words[:300]
    uow.record("payment.questioned", payment, before=payment.state, after=payment.state, award=payment.award_id)


def shown(minor: int) -> str:
    """Pence in words. What a provider told in another currency came as less than nothing."""
    return show_pounds(minor) if minor >= 0 else "money that is not pounds"
