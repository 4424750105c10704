"""Holding an award, letting it go on, ending it."""

from uuid import UUID

from grants.awards import access, notices, queries
from grants.awards.models import Award
from grants.awards.rules import STEPS, AwardAction, check_reason
from grants.awards.service.answers import give_back
from grants.kernel.errors import StepRefused
from grants.kernel.money import show_pounds
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork


def hold(uow: UnitOfWork, award_id: UUID, reason: str) -> Award:
    """Stop all payments of an award for now."""
    return _step(uow, award_id, AwardAction.HOLD, "award.held", "is on hold: no payment leaves for now", reason)


def release(uow: UnitOfWork, award_id: UUID, reason: str) -> Award:
    """Let an award that was on hold go on."""
    return _step(uow, award_id, AwardAction.RELEASE, "award.resumed", "goes on", reason)


def terminate(uow: UnitOfWork, award_id: UUID, reason: str) -> Award:
    """End an award early. What was not yet paid goes back to the contributions it came from."""
    award = uow.get(Award, award_id, lock=True)
    ensure_nothing_on_its_way(uow, award)
    award = _step(uow, award_id, AwardAction.TERMINATE, "award.terminated", "has ended early", reason)
    give_back(uow, award)
    return award


def _step(uow: UnitOfWork, award_id: UUID, action: AwardAction, verb: str, words: str, reason: str) -> Award:
    award = uow.get(Award, award_id, lock=True)
    access.ensure_steward(uow.actor, award.fund_id, award.group_id, award.payee_id)
    why = check_reason(reason)
    before = award.state
    award.state = next_state(STEPS, before, action)
    award.reason = why
    event = uow.record(verb, award, before=before, after=award.state, why=why)
    uow.session.flush()
    notices.changed(uow, award, award.proposal.title, words, why, f"{action.value}:{event.id.hex}")
    return award


def ensure_nothing_on_its_way(uow: UnitOfWork, award: Award) -> None:
    """Refuse (``StepRefused``) while money of the award is being sent."""
    sending = queries.pockets(uow.session, award.id).sending_minor
    if sending:
        raise StepRefused(f"{show_pounds(sending)} is on its way. Wait until it has arrived or has come back.")
