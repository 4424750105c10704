"""Payments on their way."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from grants.awards.models import Award
from grants.disbursements.models import Disbursement
from grants.disbursements.rules import LIVE, DisbursementState
from grants.ledger import service as ledger
from grants.ledger.queries import award_pockets
from grants.ledger.rules import Line, Pocket, bank_code, grants_code, moved
from tests.builders.awards import an_award
from tests.builders.payees import a_verified_account
from tests.builders.people import a_person
from tests.support.clock import START
from tests.support.work import work

_SENT = (DisbursementState.AUTHORISED, DisbursementState.SENT, DisbursementState.PAID)


def a_disbursement(
    session: Session,
    award: Award | None = None,
    *,
    state: DisbursementState = DisbursementState.REQUESTED,
    instalment: int = 1,
    attempt: int = 1,
    **fields: object,
) -> Disbursement:
    """A payment of an award's instalment (the whole award unless it has several), with its entries in the books.

    The award must draw on one contribution only, or the payment be for all of it.
    """
    award = award or an_award(session)
    part = award.instalments[instalment - 1]
    key = f"pay:{part.id}:{attempt}"
    authorised = state in _SENT
    payment = Disbursement(
        **{
            "award_id": award.id,
            "instalment_id": part.id,
            "attempt": attempt,
            "amount_minor": part.amount_minor,
            "state": state,
            "key": key,
            "account_id": a_verified_account(session, award.payee).id,
            "requested_by_id": a_person(session).id,
            "requested_at": START - timedelta(hours=3),
            "authorised_by_id": a_person(session).id if authorised else None,
            "authorised_at": START - timedelta(hours=2) if authorised else None,
            "sent_at": START - timedelta(hours=1) if state in _SENT[1:] else None,
            "provider_ref": f"mem_{part.id.hex[:16]}" if state in _SENT[1:] else None,
            "paid_at": START if state is DisbursementState.PAID else None,
            **fields,
        }
    )
    session.add(payment)
    if state in LIVE:
        award.disbursing_minor += part.amount_minor
    session.flush()
    if authorised:
        held = {id: pockets.committed_minor for id, pockets in award_pockets(session, [award.id])[award.id].items()}
        shares = {id: min(minor, part.amount_minor) for id, minor in held.items() if minor}
        assert sum(shares.values()) == part.amount_minor, "a builder's payment draws on one contribution, or on all"
        steps = [(Pocket.COMMITTED, Pocket.SENDING, "send")]
        if state is DisbursementState.PAID:
            steps.append((Pocket.SENDING, Pocket.PAID, "paid"))
        for source, target, word in steps:
            lines = [line for id, minor in shares.items() for line in moved(id, minor, source, target, award.id)]
            if word == "paid":
                lines += [
                    Line(grants_code(award.fund_id), part.amount_minor, award.id),
                    Line(bank_code(award.fund_id), -part.amount_minor, award.id),
                ]
            ledger.post(work(session), key=f"{key}:{word}", event=f"payment.{word}", fund_id=award.fund_id, lines=lines)
    return payment
