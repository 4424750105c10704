"""What payments take from an award, and closing it when all is settled."""

from uuid import UUID

from sqlalchemy import update

from grants.awards import queries
from grants.awards.models import Award
from grants.awards.rules import STEPS, AwardAction, AwardState
from grants.awards.service.answers import give_back
from grants.awards.service.standing import ensure_nothing_on_its_way
from grants.kernel.errors import Conflict, RuleBroken, StepRefused
from grants.kernel.money import show_pounds
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork


def take_for_payment(uow: UnitOfWork, award_id: UUID, amount_minor: int) -> None:
    """Count pence of an award as being paid, never above the award: one conditional UPDATE, a CHECK behind it."""
    taken = uow.session.execute(
        update(Award)
        .where(
            Award.id == award_id,
            Award.state == AwardState.ACTIVE,
            Award.disbursing_minor + amount_minor <= Award.amount_minor,
        )
        .values(disbursing_minor=Award.disbursing_minor + amount_minor)
        .returning(Award.id)
        .execution_options(synchronize_session=False)
    ).scalar()
    award = uow.get(Award, award_id, lock=True)
    if taken is not None:
        return
    if award.state is not AwardState.ACTIVE:
        raise StepRefused(f"This award is {award.state.value.replace('_', ' ')}, so nothing can be paid from it.")
    left = award.amount_minor - award.disbursing_minor
    raise RuleBroken(
        f"This payment of {show_pounds(amount_minor)} would go above the award: {show_pounds(left)} is left to pay."
    )


def give_up_payment(uow: UnitOfWork, award_id: UUID, amount_minor: int) -> None:
    """Take back what ``take_for_payment`` counted: the payment failed, was cancelled or came back."""
    given = uow.session.execute(
        update(Award)
        .where(Award.id == award_id, Award.disbursing_minor >= amount_minor)
        .values(disbursing_minor=Award.disbursing_minor - amount_minor)
        .returning(Award.id)
        .execution_options(synchronize_session=False)
    ).scalar()
    if given is None:
        raise Conflict("This payment was taken back already.")
    uow.get(Award, award_id, lock=True)


def complete(uow: UnitOfWork, award_id: UUID, spent_minor: int) -> Award:
    """The report is accepted: what was never paid goes back, and the award closes once paid − returned = spent.

    Called by the stage ``reports``, which has checked who may accept.
    """
    award = uow.get(Award, award_id, lock=True)
    ensure_nothing_on_its_way(uow, award)
    before = award.state
    award.state = next_state(STEPS, before, AwardAction.COMPLETE)
    award.accepted_spend_minor = spent_minor
    released = give_back(uow, award)
    uow.record(
        "award.completed", award, before=before, after=award.state, spent_minor=spent_minor, released_minor=released
    )
    close_if_settled(uow, award.id)
    return award


def close_if_settled(uow: UnitOfWork, award_id: UUID) -> bool:
    """Close a completed award whose money is all accounted for: paid − returned − written off = accepted spend."""
    award = uow.get(Award, award_id, lock=True)
    kept = queries.pockets(uow.session, award_id).paid_minor
    if award.state is not AwardState.COMPLETED or kept - award.written_off_minor != award.accepted_spend_minor:
        return False
    award.state = next_state(STEPS, award.state, AwardAction.CLOSE)
    uow.record("award.closed", award, before=AwardState.COMPLETED, after=award.state, kept_minor=kept)
    return True


def write_off(uow: UnitOfWork, award_id: UUID, amount_minor: int) -> None:
    """Count pence that should have come back as lost. Called by ``disbursements``, where two officers agreed."""
    award = uow.get(Award, award_id, lock=True)
    award.written_off_minor += amount_minor
    uow.record("award.written_off", award, amount_minor=amount_minor)
    uow.session.flush()
    close_if_settled(uow, award_id)
