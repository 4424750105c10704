"""A part that failed for good: somebody other than who asked for it takes it off the award, or plans it anew."""

from datetime import date
from uuid import UUID

from sqlalchemy import select

from grants.awards.models import Award
from grants.awards.service import parts
from grants.disbursements import access
from grants.disbursements.models import Disbursement
from grants.disbursements.rules import GIVEN_UP
from grants.disbursements.service.guards import ensure_active, facts_of, locked, reason_given
from grants.kernel.errors import StepRefused
from grants.kernel.work import UnitOfWork


def take_off(uow: UnitOfWork, disbursement_id: UUID, reason: str) -> Award:
    """Take the part that this payment tried off its award: its money is free again where it came from."""
    payment, award = _given_up(uow, disbursement_id)
    parts.take_off(uow, payment.instalment_id, reason_given(reason))
    return award


def plan_anew(uow: UnitOfWork, disbursement_id: UUID, due_on: date, reason: str) -> Award:
    """Have the part that this payment tried be paid from another day on."""
    payment, award = _given_up(uow, disbursement_id)
    parts.plan_anew(uow, payment.instalment_id, due_on, reason_given(reason))
    return award


def _given_up(uow: UnitOfWork, disbursement_id: UUID) -> tuple[Disbursement, Award]:
    payment, award = locked(uow, disbursement_id)
    access.ensure_may_give_up(uow.actor, facts_of(uow, award, payment=payment))
    ensure_active(award)
    tried = uow.session.scalars(select(Disbursement).where(Disbursement.instalment_id == payment.instalment_id)).all()
    if any(one.state not in GIVEN_UP for one in tried):
        raise StepRefused("This part is being paid, or was paid. It stays in the award.")
    if any(one.problem for one in tried):
        raise StepRefused(
            "The provider says something else of this part than we do: money may have moved. Clear that up first."
        )
    return payment, award
