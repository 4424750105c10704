"""How a payment goes on: sent, settled, failed, come back; with the books."""

from uuid import UUID

from grants.awards import queries as award_queries
from grants.awards.models import Award
from grants.awards.rules import AwardState
from grants.awards.service import settling
from grants.disbursements import notices, queries
from grants.disbursements.models import Disbursement, Repayment
from grants.disbursements.rules import REPAYMENT_STEPS, STEPS, RepaymentAction
from grants.disbursements.service.guards import A, note_problem
from grants.funds.rules import return_split
from grants.kernel.money import show_pounds
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork
from grants.ledger import service as ledger
from grants.ledger.queries import award_pockets, lines_of
from grants.ledger.rules import Line, Pocket, grants_code, moved


def mark_sent(uow: UnitOfWork, payment: Disbursement) -> None:
    """The provider has it."""
    before = payment.state
    payment.state = next_state(STEPS, before, A.SEND)
    payment.sent_at = uow.now
    uow.record("payment.sent", payment, before=before, after=payment.state, award=payment.award_id)


def fail(uow: UnitOfWork, payment: Disbursement, award: Award, reason: str) -> None:
    """It did not arrive: its money is promised again, and the part can be asked for anew."""
    before = payment.state
    payment.state = next_state(STEPS, before, A.FAIL)
    payment.failure = reason[:300]
    uow.session.flush()
    reverse(uow, award, f"{payment.key}:send", f"{payment.key}:failed", "payment.failed")
    settling.give_up_payment(uow, award.id, payment.amount_minor)
    uow.record("payment.failed", payment, before=before, after=payment.state, why=payment.failure, award=award.id)


def reverse(uow: UnitOfWork, award: Award, of: str, key: str, event: str) -> None:
    """Undo the entry ``of`` in the books by one with the opposite lines."""
    lines = [Line(line.account, -line.amount_minor, line.award_id) for line in lines_of(uow.session, of)]
    ledger.post(uow, key=key, event=event, fund_id=award.fund_id, lines=lines)


def settle(uow: UnitOfWork, payment: Disbursement, award: Award) -> None:
    """It arrived: from being sent to paid in the books, and the group is written to."""
    before = payment.state
    payment.state = next_state(STEPS, before, A.SETTLE)
    payment.paid_at = uow.now
    shares = _shares(uow, payment)
    lines = [line for id, minor in shares for line in moved(id, minor, Pocket.SENDING, Pocket.PAID, award.id)]
    lines += [
        Line(grants_code(award.fund_id), payment.amount_minor, award.id),
        *ledger.out_of_bank(uow, award.fund_id, payment.amount_minor, award.id),
    ]
    ledger.post(uow, key=f"{payment.key}:paid", event="payment.paid", fund_id=award.fund_id, lines=lines)
    uow.record(
        "payment.paid", payment, before=before, after=payment.state, award=award.id, amount_minor=payment.amount_minor
    )
    notices.paid(uow, award, payment)


def come_back(uow: UnitOfWork, payment: Disbursement, award: Award, reason: str) -> None:
    """The bank sent the whole payment back: the money is promised again, or free again if the award is over.

    When the group had given some of it back already, there is more in the bank than the group ever had: a person looks.
    """
    shares = _still_there(uow, payment)
    if shares is None:
        left = award_queries.pockets(uow.session, award.id).paid_minor
        note_problem(
            uow,
            payment,
            f"All of it came back, and the group had given some back before: only {show_pounds(left)} of the award was "
            "still with it. Nothing was booked. If the bank statement shows both, write that down as money that came "
            "back, and give the rest to the group again.",
        )
        return
    going_on = award.state not in (AwardState.COMPLETED, AwardState.CLOSED, AwardState.TERMINATED)
    target = Pocket.COMMITTED if going_on else Pocket.AVAILABLE
    before = payment.state
    payment.state = next_state(STEPS, before, A.RETURN)
    payment.failure = reason[:300]
    uow.session.flush()
    lines = [line for id, minor in shares.items() for line in moved(id, minor, Pocket.PAID, target, award.id)]
    lines += [
        *ledger.into_bank(uow, award.fund_id, payment.amount_minor, award.id),
        Line(grants_code(award.fund_id), -payment.amount_minor, award.id),
    ]
    ledger.post(uow, key=f"{payment.key}:came_back", event="payment.came_back", fund_id=award.fund_id, lines=lines)
    settling.give_up_payment(uow, award.id, payment.amount_minor)
    uow.record("payment.came_back", payment, before=before, after=payment.state, why=payment.failure, award=award.id)
    if not going_on:
        count_in(uow, award.id, payment.amount_minor)
        settling.close_if_settled(uow, award.id)


def _still_there(uow: UnitOfWork, payment: Disbursement) -> dict[UUID, int] | None:
    """How much of a payment that came back goes to which contribution; None when the group has less than that left."""
    held = {id: one.paid_minor for id, one in award_pockets(uow.session, [payment.award_id])[payment.award_id].items()}
    shares = dict(_shares(uow, payment))
    if all(held.get(id, 0) >= minor for id, minor in shares.items()):
        return shares
    return return_split(held, payment.amount_minor) if sum(held.values()) >= payment.amount_minor else None


def _shares(uow: UnitOfWork, payment: Disbursement) -> list[tuple[UUID, int]]:
    """From which contribution how much of this payment came: what was booked when it was authorised."""
    taken = [line for line in lines_of(uow.session, f"{payment.key}:send") if line.amount_minor > 0]
    return [(UUID(line.account.split(":")[1]), line.amount_minor) for line in taken]


def count_in(uow: UnitOfWork, award_id: UUID, amount_minor: int) -> None:
    """Count money that came back against what was asked back."""
    asked = queries.open_repayment(uow.session, award_id)
    if asked is None:
        return
    asked = uow.get(Repayment, asked.id, lock=True)
    asked.received_minor += min(amount_minor, asked.amount_minor - asked.received_minor)
    if asked.received_minor < asked.amount_minor:
        return
    before = asked.state
    asked.state, asked.ended_at = next_state(REPAYMENT_STEPS, before, RepaymentAction.RECEIVE), uow.now
    uow.record("repayment.received", asked, before=before, after=asked.state, award=award_id)
