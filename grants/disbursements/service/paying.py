"""Payments: asked for, authorised, cancelled, and who may let how much go."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from grants.awards import queries as award_queries
from grants.awards.models import Award, Instalment
from grants.awards.service import parts, settling
from grants.disbursements import access, queries
from grants.disbursements.models import Disbursement, PaymentLimit
from grants.disbursements.rules import STEPS, payment_key
from grants.disbursements.service.guards import (
    A,
    S,
    ensure_active,
    ensure_ready,
    facts_of,
    is_still,
    locked,
    not_ready,
    reason_given,
)
from grants.funds import queries as fund_queries
from grants.funds.models import Fund
from grants.funds.rules import return_split
from grants.kernel.clock import london_day
from grants.kernel.errors import Conflict, NotEnoughMoney, RuleBroken, StepRefused
from grants.kernel.money import show_pounds
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork
from grants.ledger import service as ledger
from grants.ledger.queries import award_pockets
from grants.ledger.rules import Pocket, moved
from grants.outbox import service as outbox
from grants.people import queries as people


def request(uow: UnitOfWork, instalment_id: UUID) -> Disbursement:
    """Ask that an instalment be paid. Counts it against the award, so that all payments stay within it."""
    part = uow.get(Instalment, instalment_id)
    award = uow.get(Award, part.award_id, lock=True)
    part = uow.get(Instalment, instalment_id, lock=True)  # a change of the award may have made it another
    goes_to = award_queries.destination(uow.session, award)
    access.ensure_may_request(uow.actor, facts_of(uow, award, goes_to))
    ensure_active(award)
    if london_day(uow.now) < part.due_on:
        raise StepRefused(f"This part is not to be paid before {part.due_on.day} {part.due_on:%B %Y}.")
    if part.condition and part.met_at is None:
        raise StepRefused(
            f"Something must happen before this part is paid: {part.condition} A steward says when it has."
        )
    ensure_ready(goes_to)
    before = uow.session.scalar(
        select(func.max(Disbursement.attempt)).where(Disbursement.instalment_id == instalment_id)
    )
    attempt = (before or 0) + 1
    parts.part_asked(uow, part.id)
    settling.take_for_payment(uow, award.id, part.amount_minor)
    assert uow.actor.id is not None
    payment = Disbursement(
        award_id=award.id,
        instalment_id=part.id,
        attempt=attempt,
        amount_minor=part.amount_minor,
        state=S.REQUESTED,
        key=payment_key(part.id, attempt),
        account_id=goes_to.account.id if goes_to.account is not None else None,
        requested_by_id=uow.actor.id,
        requested_at=uow.now,
    )
    try:
        with uow.session.begin_nested():
            uow.add(payment)
    except IntegrityError:
        raise Conflict("Somebody has already asked for this payment.") from None
    uow.record(
        "payment.requested",
        payment,
        after=payment.state,
        award=award.id,
        amount_minor=payment.amount_minor,
        attempt=attempt,
    )
    return payment


def authorise(uow: UnitOfWork, disbursement_id: UUID) -> Disbursement:
    """Let a payment go: somebody other than who asked. It leaves after the commit, under its own key.

    Above what this officer may let go alone it stays as it is, and waits for a second officer.
    """
    payment = uow.get(Disbursement, disbursement_id)
    award = uow.get(Award, payment.award_id, lock=True)
    goes_to = award_queries.destination(uow.session, award)
    access.ensure_may_authorise(uow.actor, facts_of(uow, award, goes_to, payment))
    ensure_active(award)
    next_state(STEPS, payment.state, A.AUTHORISE)
    if not goes_to.ready:
        raise StepRefused(f"{not_ready(goes_to)} Put the payment on hold until it is.")
    if not is_still(payment, goes_to):
        raise StepRefused("Where this group is paid has changed since. Put the payment on hold, then let it go on.")
    assert uow.actor.id is not None
    if payment.first_by_id is None and payment.amount_minor > queries.limit_of(uow.session, uow.actor.id):
        _second(uow, payment)
        return payment
    _claim(uow, payment)
    held = {
        id: pockets.committed_minor
        for id, pockets in award_pockets(uow.session, [award.id])[award.id].items()
        if pockets.committed_minor
    }
    shares = return_split(held, payment.amount_minor)
    _ensure_behind(uow, award, shares)
    lines = [
        line for id, minor in shares.items() for line in moved(id, minor, Pocket.COMMITTED, Pocket.SENDING, award.id)
    ]
    ledger.post(uow, key=f"{payment.key}:send", event="payment.authorised", fund_id=award.fund_id, lines=lines)
    outbox.put(uow, "payment", {"disbursement_id": str(payment.id)}, key=payment.key, subject_id=payment.id)
    uow.record(
        "payment.authorised",
        payment,
        before=S.REQUESTED,
        after=payment.state,
        award=award.id,
        amount_minor=payment.amount_minor,
        split={str(id): minor for id, minor in shares.items()},
    )
    return payment


def _ensure_behind(uow: UnitOfWork, award: Award, shares: Mapping[UUID, int]) -> None:
    """Refuse (``NotEnoughMoney``) to send what a payer's bank has taken back meanwhile, and nobody made good.

    Whoever takes money back waits for the fund, as every other who lets money of it go: what is read here stands.
    """
    uow.get(Fund, award.fund_id, lock=True)
    _judge_behind(shares, fund_queries.behind_minor(uow.session, list(shares)))


def _judge_behind(shares: Mapping[UUID, int], behind: Mapping[UUID, int]) -> None:
    missing = sum(max(0, minor - behind[id]) for id, minor in shares.items())
    if missing:
        raise NotEnoughMoney(
            f"{show_pounds(missing)} of this payment is missing: the bank of whoever gave it took it back. A finance "
            "officer writes down, on the page of that contribution, money that makes it good; then authorise this "
            "again. Or take the request back, and let the award change.",
            missing,
        )


def _claim(uow: UnitOfWork, payment: Disbursement) -> None:
    """Of two who authorise at once, one does: a conditional UPDATE on the state."""
    claimed = uow.session.execute(
        update(Disbursement)
        .where(Disbursement.id == payment.id, Disbursement.state == S.REQUESTED)
        .values(state=S.AUTHORISED, authorised_by_id=uow.actor.id, authorised_at=uow.now)
        .returning(Disbursement.id)
        .execution_options(synchronize_session=False)
    ).scalar()
    if claimed is None:
        raise Conflict("Somebody has already dealt with this payment.")
    uow.session.refresh(payment)


def _second(uow: UnitOfWork, payment: Disbursement) -> None:
    """Write down the first of two authorisers: of two at once, one is the first."""
    claimed = uow.session.execute(
        update(Disbursement)
        .where(Disbursement.id == payment.id, Disbursement.state == S.REQUESTED, Disbursement.first_by_id.is_(None))
        .values(first_by_id=uow.actor.id, first_at=uow.now)
        .returning(Disbursement.id)
        .execution_options(synchronize_session=False)
    ).scalar()
    if claimed is None:
        raise Conflict("Somebody has already dealt with this payment.")
    uow.session.refresh(payment)
    uow.record("payment.authorised_first", payment, award=payment.award_id, amount_minor=payment.amount_minor)


def cancel(uow: UnitOfWork, disbursement_id: UUID, reason: str) -> Disbursement:
    """Take back a request that nobody has authorised yet, or a payment that is on hold."""
    payment, award = locked(uow, disbursement_id)
    access.ensure_on_desk(uow.actor, facts_of(uow, award))
    if payment.state not in (S.REQUESTED, S.ON_HOLD):
        raise StepRefused("This payment was authorised already. It can only arrive, fail or come back.")
    why = reason_given(reason)
    before = payment.state
    payment.state = next_state(STEPS, before, A.CANCEL)
    payment.failure = why
    uow.session.flush()
    settling.give_up_payment(uow, award.id, payment.amount_minor)
    uow.record("payment.cancelled", payment, before=before, after=payment.state, why=why, award=award.id)
    return payment


def set_limit(uow: UnitOfWork, person_id: UUID, limit_minor: int) -> PaymentLimit:
    """An admin says how much an officer may authorise alone; above it a second officer is needed."""
    access.ensure_may_set_limit(uow.actor, person_id)
    people.person(uow.session, person_id)
    if limit_minor < 0:
        raise RuleBroken("Enter £0 or more.", field="limit")
    standing = uow.session.scalar(
        select(PaymentLimit)
        .where(PaymentLimit.person_id == person_id, PaymentLimit.ended_at.is_(None))
        .with_for_update()
    )
    if standing is not None:
        standing.ended_at = uow.now
        uow.session.flush()
    assert uow.actor.id is not None
    limit = PaymentLimit(person_id=person_id, limit_minor=limit_minor, set_by_id=uow.actor.id, set_at=uow.now)
    try:
        with uow.session.begin_nested():
            uow.add(limit)
    except IntegrityError:
        raise Conflict("Somebody else set this limit just now. Look at it again.") from None
    uow.record("payment.limit_set", limit, person=person_id, limit_minor=limit_minor)
    return limit
