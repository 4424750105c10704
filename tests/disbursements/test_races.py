"""Two finance officers authorise one payment at the same moment: one does, one is told, and the guard is why."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grants.awards.models import Award
from grants.disbursements.models import Disbursement
from grants.disbursements.rules import DisbursementState
from grants.disbursements.service import heard, paying
from grants.funds.queries import behind_minor
from grants.kernel.actors import CLOCK, Role
from grants.kernel.clock import SetClock
from grants.kernel.errors import SeedbedError
from grants.kernel.trail import AuditEvent
from grants.kernel.work import UnitOfWork
from grants.ledger.models import Entry
from grants.ledger.queries import award_pockets, breaks, pockets_of
from grants.outbox.models import OutboxRow
from grants.people.queries import actor_for
from grants.web.db import WRITES, transaction
from grants.web.session import IDLE
from tests.builders.awards import an_award
from tests.builders.disbursements import a_disbursement
from tests.builders.funds import a_contribution, a_taken_back
from tests.builders.people import a_person, a_sign_in
from tests.support.clock import START
from tests.support.race import race
from tests.support.schema import an_engine, load_models
from tests.support.settings import settings_for

pytestmark = pytest.mark.race


def post(
    ready: Callable[[], None], url: str, folder: str, token: str, path: str, data: dict[str, Any], how: str
) -> tuple[int, str]:
    """One racer: a browser of its own that posts. Gives the status and what the page says of the row."""
    from grants.app import create_app

    app = create_app(settings_for(url, Path(folder)), SetClock(START))
    app.config.update(WTF_CSRF_ENABLED=False)
    client = app.test_client()
    with client.session_transaction() as cookie:
        cookie.update({"_user_id": token, "_fresh": True, "seen_at": START.timestamp() + IDLE.total_seconds() / 2})
    assert client.get("/payments").status_code == 200  # connected, templates read
    if how == "naive":
        paying._claim = _look_then_write(ready)  # a process of its own: nobody else sees this
        UnitOfWork.get = _without_lock  # type: ignore[method-assign]
    else:
        ready()
    answer = client.post(path, data=data)
    return answer.status_code, " ".join(re.findall(r">(Done|Refused)<", answer.text))


_get = UnitOfWork.get


def _without_lock(self: UnitOfWork, model: Any, id: Any, *, lock: bool = False) -> Any:
    return _get(self, model, id, lock=False)


def _look_then_write(ready: Callable[[], None]) -> Callable[[UnitOfWork, Disbursement], None]:
    """What a first draft does: read all it needs, find it right, write. Both racers look before either writes."""

    def claim(uow: UnitOfWork, payment: Disbursement) -> None:
        held = award_pockets(uow.session, [payment.award_id])
        paying.award_pockets = lambda *_: held
        ready()
        payment.state = DisbursementState.AUTHORISED
        payment.authorised_by_id = uow.actor.id
        payment.authorised_at = uow.now
        uow.session.flush()

    return claim


def run(url: str, folder: Path, how: str) -> tuple[list[Any], dict[str, int], list[str]]:
    """Race two officers; gives how they came in, the effects counted, and what the check of the books says."""
    load_models()
    engine = an_engine(url)
    with Session(engine) as session:
        session.connection(execution_options={WRITES: True})
        payment = a_disbursement(session, an_award(session))
        tokens = [a_sign_in(session, a_person(session, Role.FINANCE_OFFICER)) for _ in range(2)]
        id = str(payment.id)
        session.commit()
    entries = [(url, str(folder), token, "/payments/authorise", {"ids": id}, how) for token in tokens]
    finishes = race(post, entries)
    with Session(engine) as session:
        counts = {
            "authorised": session.scalar(
                select(func.count()).select_from(AuditEvent).where(AuditEvent.verb == "payment.authorised")
            ),
            "entries": session.scalar(
                select(func.count()).select_from(Entry).where(Entry.event == "payment.authorised")
            ),
            "orders": session.scalar(select(func.count()).select_from(OutboxRow).where(OutboxRow.kind == "payment")),
        }
        said = breaks(session)
    engine.dispose()
    assert [finish.error for finish in finishes] == [None, None]
    return [finish.gave for finish in finishes], {key: int(value or 0) for key, value in counts.items()}, said


def test_two_authorisations_of_one_payment(any_url: str, tmp_path: Path) -> None:
    came_in, counts, said = run(any_url, tmp_path, "guarded")
    assert sorted(came_in) == [(200, "Done"), (422, "Refused")]
    assert counts == {"authorised": 1, "entries": 1, "orders": 1}
    assert said == []


def test_without_its_guard_both_authorise(postgres_url: str, tmp_path: Path) -> None:
    came_in, counts, _ = run(postgres_url, tmp_path, "naive")
    assert came_in == [(200, "Done"), (200, "Done")]
    assert counts["authorised"] == 2


def let_go(ready: Callable[[], None], url: str, payment_id: UUID, officer_id: UUID, how: str) -> str:
    """One racer: an officer lets a payment go behind which money was taken back."""
    load_models()
    engine = an_engine(url)
    if how == "naive":
        paying._ensure_behind = _look_then_judge(ready)  # a process of its own: nobody else sees this
    try:
        with Session(engine) as session:
            actor = actor_for(session, officer_id, "")
            session.rollback()
            if how != "naive":
                ready()
            with transaction(session, engine, actor, START) as uow:
                paying.authorise(uow, payment_id)
        return "let go"
    except SeedbedError as refused:
        return refused.message.split(" of this payment")[0]
    finally:
        engine.dispose()


def _look_then_judge(ready: Callable[[], None]) -> Callable[[UnitOfWork, Award, Mapping[UUID, int]], None]:
    """What a first draft does: nobody waits for the fund, and both look before either writes."""

    def ensure(uow: UnitOfWork, award: Award, shares: Mapping[UUID, int]) -> None:
        behind = behind_minor(uow.session, list(shares))
        ready()
        paying._judge_behind(shares, behind)

    return ensure


def race_for_the_rest(url: str, how: str) -> tuple[list[str], int]:
    """Two payments of £300 of one contribution of £600, of which a payer's bank took £300 back; what is on its way."""
    load_models()
    engine = an_engine(url)
    with Session(engine) as session:
        session.connection(execution_options={WRITES: True})
        given = a_contribution(session, amount_minor=60_000)
        asked = [
            a_disbursement(session, an_award(session, amount_minor=30_000, contributions=[given])).id for _ in range(2)
        ]
        a_taken_back(session, given, 30_000)
        officers = [a_person(session, Role.FINANCE_OFFICER).id for _ in range(2)]
        given_id = given.id
        session.commit()
    finishes = race(let_go, [(url, id, officer, how) for id, officer in zip(asked, officers, strict=True)])
    with Session(engine) as session:
        sending = pockets_of(session, [given_id])[given_id].sending_minor
    engine.dispose()
    assert [finish.error for finish in finishes] == [None, None]
    return sorted(finish.gave for finish in finishes), sending


def test_two_payments_race_for_what_a_chargeback_left_and_one_is_told_what_is_missing(any_url: str) -> None:
    assert race_for_the_rest(any_url, "guarded") == (["let go", "£300"], 30_000)


def test_without_waiting_for_the_fund_both_are_sent(postgres_url: str) -> None:
    assert race_for_the_rest(postgres_url, "naive") == (["let go", "let go"], 60_000)


def request(ready: Callable[[], None], url: str, folder: str, token: str, part_id: str) -> tuple[int, str]:
    """One racer asks for an instalment."""
    return post(ready, url, folder, token, "/payments/ask", {"ids": part_id}, "guarded")


def test_two_requests_of_one_instalment(any_url: str, tmp_path: Path) -> None:
    load_models()
    engine = an_engine(any_url)
    with Session(engine) as session:
        session.connection(execution_options={WRITES: True})
        award = an_award(session)
        tokens = [a_sign_in(session, a_person(session, Role.FINANCE_OFFICER)) for _ in range(2)]
        award_id, part_id = award.id, str(award.instalments[0].id)
        session.commit()
    finishes = race(request, [(any_url, str(tmp_path), token, part_id) for token in tokens])
    assert sorted(str(finish.gave) for finish in finishes) == ["(200, 'Done')", "(422, 'Refused')"]
    with Session(engine) as session:
        payments = session.scalars(select(Disbursement).where(Disbursement.award_id == award_id)).all()
        assert [payment.award.disbursing_minor for payment in payments] == [90_000]
    engine.dispose()


def tell(ready: Callable[[], None], url: str, key: str) -> str:
    """One racer: the provider tells the same event."""
    from grants.disbursements.rules import Notice, Told
    from grants.web.db import transaction

    load_models()
    engine = an_engine(url)
    try:
        with Session(engine) as session:
            session.scalar(select(func.count(Disbursement.id)))
            ready()
            with transaction(session, engine, CLOCK, START) as uow:
                new = heard.handle_event(uow, "memory", Notice("evt_1", Told.PAID, key, 90_000))
        return "new" if new else "known"
    except SeedbedError as refused:
        return refused.message
    finally:
        engine.dispose()


def test_one_event_told_twice_at_once_is_one_payment(any_url: str) -> None:
    load_models()
    engine = an_engine(any_url)
    with Session(engine) as session:
        session.connection(execution_options={WRITES: True})
        key = a_disbursement(session, state=DisbursementState.SENT).key
        session.commit()
    finishes = race(tell, [(any_url, key)] * 3)
    assert sorted(str(finish.gave or finish.error) for finish in finishes) == ["known", "known", "new"]
    with Session(engine) as session:
        settled = select(func.count()).select_from(Entry).where(Entry.event == "payment.paid")
        assert session.scalar(settled) == 1
        assert breaks(session) == []
    engine.dispose()
