"""A payment from the request to the bank and back, and where its money is meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grants.adapters.memory_payments import MemoryGateway
from grants.awards.models import Award
from grants.awards.rules import AwardState
from grants.disbursements import queries
from grants.disbursements.models import Disbursement, ProviderEvent
from grants.disbursements.rules import (
    STEPS,
    DisbursementAction,
    DisbursementState,
    Notice,
    RepaymentState,
    Told,
    read_notice,
)
from grants.disbursements.service import heard, paying, returns, sending
from grants.kernel.actors import CLOCK, Actor, Role
from grants.kernel.errors import Conflict, NotAllowed, NotFound, RuleBroken, StepRefused
from grants.kernel.states import can
from grants.kernel.trail import AuditEvent
from grants.kernel.work import UnitOfWork
from grants.ledger.models import Entry
from grants.ledger.queries import breaks, pockets_of
from grants.outbox.models import OutboxRow
from grants.people.queries import actor_for
from grants.ports.payments import PayoutReceipt
from tests.builders.awards import an_award
from tests.builders.disbursements import a_disbursement
from tests.builders.funds import a_contribution, a_fund
from tests.builders.people import a_member, a_person
from tests.support.clock import START
from tests.support.work import work

S = DisbursementState


def officer(session: Session, *roles: Role) -> Actor:
    person = a_person(session, *(roles or (Role.FINANCE_OFFICER,)))
    return actor_for(session, person.id, person.name)


def notice(payment: Disbursement, told: Told = Told.PAID, id: str = "", amount_minor: int | None = None) -> Notice:
    amount = payment.amount_minor if amount_minor is None else amount_minor
    return Notice(id or f"event-{uuid4()}", told, payment.key, amount, reason="The account was closed.")


def same(session: Session) -> AbstractContextManager[UnitOfWork]:
    """The relay's unit of work, in the test's own transaction."""

    @contextmanager
    def unit() -> Iterator[UnitOfWork]:
        yield work(session, CLOCK)
        session.flush()

    return unit()


def deliver(session: Session, payment: Disbursement, gateway: object) -> None:
    payload = {"disbursement_id": str(payment.id)}
    sending.deliver(lambda: same(session), gateway, payload, payment.key)  # type: ignore[arg-type]


# asking and authorising


def test_one_asks_another_authorises_and_the_money_is_on_its_way(any_session: Session) -> None:
    session = any_session
    contribution = a_contribution(session, amount_minor=100_000)
    award = an_award(session, contributions=[contribution])
    payment = paying.request(work(session, officer(session, Role.STEWARD)), award.instalments[0].id)
    assert (payment.state, payment.key) == (S.REQUESTED, f"pay:{award.instalments[0].id}:1")
    paying.authorise(work(session, officer(session)), payment.id)
    assert payment.state is S.AUTHORISED
    pockets = pockets_of(session, [contribution.id])[contribution.id]
    assert (pockets.committed_minor, pockets.sending_minor, pockets.paid_minor) == (0, 90_000, 0)
    row = session.scalars(select(OutboxRow).where(OutboxRow.kind == "payment")).one()
    assert (row.key, row.payload) == (payment.key, {"disbursement_id": str(payment.id)})
    assert breaks(session) == []


def test_whoever_asked_cannot_authorise_even_with_both_roles(session: Session) -> None:
    award = an_award(session)
    both = officer(session, Role.FINANCE_OFFICER, Role.STEWARD)
    payment = paying.request(work(session, both), award.instalments[0].id)
    with pytest.raises(NotAllowed, match="you asked for it"):
        paying.authorise(work(session, both), payment.id)


def test_whoever_belongs_to_the_group_neither_asks_nor_authorises(session: Session) -> None:
    award = an_award(session)
    person = a_member(session, award.group, a_person(session, Role.FINANCE_OFFICER))
    insider = actor_for(session, person.id, person.name)
    with pytest.raises(NotAllowed, match="you belong to the group"):
        paying.request(work(session, insider), award.instalments[0].id)
    payment = paying.request(work(session, officer(session)), award.instalments[0].id)
    with pytest.raises(NotAllowed, match="you belong to the group"):
        paying.authorise(work(session, insider), payment.id)


def test_an_officer_of_another_fund_does_neither(session: Session) -> None:
    award = an_award(session)
    person = a_person(session, Role.FINANCE_OFFICER, scope_id=uuid4())
    other = actor_for(session, person.id, person.name)
    payment = a_disbursement(session, award)
    for refused in (
        lambda: paying.request(work(session, other), award.instalments[0].id),
        lambda: paying.authorise(work(session, other), payment.id),
        lambda: returns.record_return(work(session, other), award.id, 1, "R", START.date()),
    ):
        with pytest.raises(NotAllowed, match="of this fund"):
            refused()


def test_a_steward_asks_but_does_not_authorise(session: Session) -> None:
    payment = a_disbursement(session)
    with pytest.raises(NotAllowed, match="finance officer"):
        paying.authorise(work(session, officer(session, Role.STEWARD)), payment.id)


def test_an_instalment_is_asked_for_once(any_session: Session) -> None:
    award = an_award(any_session, amount_minor=90_000)
    asking = officer(any_session)
    paying.request(work(any_session, asking), award.instalments[0].id)
    with pytest.raises(RuleBroken, match="above the award"):
        paying.request(work(any_session, asking), award.instalments[0].id)
    award.disbursing_minor = 0
    any_session.flush()
    with pytest.raises(Conflict, match="already asked"):
        paying.request(work(any_session, asking), award.instalments[0].id)


def test_a_part_is_not_asked_for_before_its_day(session: Session) -> None:
    award = an_award(session)
    award.instalments[0].due_on = START.date() + timedelta(days=1)
    session.flush()
    with pytest.raises(StepRefused, match="not to be paid before 3 March 2026"):
        paying.request(work(session, officer(session)), award.instalments[0].id)
    paying.request(work(session, officer(session), START + timedelta(days=1)), award.instalments[0].id)


@pytest.mark.parametrize(
    "state", [state for state in AwardState if state not in (AwardState.ACTIVE, AwardState.OFFERED)]
)
def test_nothing_is_asked_for_unless_the_award_is_under_way(session: Session, state: AwardState) -> None:
    award = an_award(session, state=state)
    if not award.instalments:
        return
    with pytest.raises(StepRefused):
        paying.request(work(session, officer(session)), award.instalments[0].id)


def test_a_payment_of_an_award_on_hold_can_only_be_read(session: Session) -> None:
    payment = a_disbursement(session)
    payment.award.state = AwardState.ON_HOLD
    session.flush()
    with pytest.raises(StepRefused, match="can only be read"):
        paying.authorise(work(session, officer(session)), payment.id)


def test_a_payment_is_authorised_once(any_session: Session) -> None:
    payment = a_disbursement(any_session)
    paying.authorise(work(any_session, officer(any_session)), payment.id)
    with pytest.raises(StepRefused):
        paying.authorise(work(any_session, officer(any_session)), payment.id)
    count = select(func.count()).select_from(Entry).where(Entry.event == "payment.authorised")
    assert any_session.scalar(count) == 1


def test_a_request_taken_back_can_be_made_again(session: Session) -> None:
    payment = a_disbursement(session)
    asking = officer(session)
    with pytest.raises(RuleBroken, match="Say why"):
        paying.cancel(work(session, asking), payment.id, " ")
    paying.cancel(work(session, asking), payment.id, "The wrong part.")
    assert (payment.state, payment.award.disbursing_minor) == (S.CANCELLED, 0)
    again = paying.request(work(session, asking), payment.instalment_id)
    assert (again.attempt, again.key != payment.key) == (2, True)


def test_an_authorised_payment_is_not_taken_back(session: Session) -> None:
    payment = a_disbursement(session, state=S.AUTHORISED)
    with pytest.raises(StepRefused):
        paying.cancel(work(session, officer(session)), payment.id, "Oh.")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 5_000), min_size=2, max_size=4), st.lists(st.integers(1, 9), min_size=2, max_size=4))
def test_parts_add_up_to_the_split_of_the_award_to_the_penny(
    session: Session, parts: list[int], weights: list[int]
) -> None:
    fund = a_fund(session)
    given_by = [a_contribution(session, fund, weight * 10_000) for weight in weights]
    award = an_award(session, amount_minor=sum(parts), parts=parts, contributions=given_by)
    for part in award.instalments:
        payment = paying.request(work(session, officer(session)), part.id)
        paying.authorise(work(session, officer(session)), payment.id)
        heard.handle_event(work(session, CLOCK), "memory", notice(payment))
    session.refresh(award)
    pockets = pockets_of(session, [one.id for one in given_by])
    split = {one.contribution_id: one.amount_minor for one in award.splits}
    assert {id: pocket.paid_minor for id, pocket in pockets.items() if pocket.paid_minor} == split
    assert breaks(session) == []


# to the bank


def test_the_bank_is_asked_with_our_key_and_the_reference_of_the_award(session: Session) -> None:
    payment = a_disbursement(session, state=S.AUTHORISED)
    gateway = MemoryGateway()
    deliver(session, payment, gateway)
    award = payment.award
    assert gateway.sent == {payment.key: (str(award.payee_id), 90_000, award.reference)}
    assert payment.state is S.SENT
    assert payment.provider_ref is not None


def test_a_second_delivery_asks_nothing(session: Session) -> None:
    payment = a_disbursement(session, state=S.AUTHORISED)
    deliver(session, payment, MemoryGateway())
    again = MemoryGateway()
    deliver(session, payment, again)
    assert again.sent == {}


def test_a_definite_no_ends_the_attempt_and_the_money_is_promised_again(any_session: Session) -> None:
    session = any_session
    contribution = a_contribution(session, amount_minor=100_000)
    payment = a_disbursement(session, an_award(session, contributions=[contribution]), state=S.AUTHORISED)
    deliver(session, payment, MemoryGateway(refuse=True))
    assert (payment.state, payment.award.disbursing_minor) == (S.FAILED, 0)
    assert payment.failure == "The account cannot receive money."
    assert pockets_of(session, [contribution.id])[contribution.id].committed_minor == 90_000
    again = paying.request(work(session, officer(session)), payment.instalment_id)
    paying.authorise(work(session, officer(session)), again.id)
    assert again.key != payment.key
    assert breaks(session) == []


class Silent:
    """A bank that does the work and whose answer is lost, the first time."""

    name = "silent"
    onboards = False

    def __init__(self) -> None:
        self.asked: list[str] = []

    def pay_out(self, *, account_ref: str, amount_minor: int, reference: str, key: str) -> PayoutReceipt:
        self.asked.append(key)
        if len(self.asked) == 1:
            raise TimeoutError
        return PayoutReceipt("ref")

    def find_payout(self, key: str) -> None:
        """It knows of nothing yet."""


def test_when_nobody_knows_the_outcome_the_same_key_is_asked_again(session: Session) -> None:
    payment, bank = a_disbursement(session, state=S.AUTHORISED), Silent()
    with pytest.raises(TimeoutError):
        deliver(session, payment, bank)
    assert payment.state is S.AUTHORISED
    payment.award.state = AwardState.ON_HOLD  # too late to stop it: the money may have left
    session.flush()
    deliver(session, payment, bank)
    assert bank.asked == [payment.key, payment.key]
    assert payment.state is S.SENT


def test_an_award_stopped_before_the_money_left_is_not_paid(session: Session) -> None:
    payment = a_disbursement(session, state=S.AUTHORISED)
    payment.award.state = AwardState.ON_HOLD
    session.flush()
    bank = MemoryGateway()
    deliver(session, payment, bank)
    assert (bank.sent, payment.state) == ({}, S.FAILED)


# what the bank tells


def test_it_is_paid_when_the_bank_says_so(any_session: Session) -> None:
    session = any_session
    contribution = a_contribution(session, amount_minor=100_000)
    award = an_award(session, contributions=[contribution])
    payment = a_disbursement(session, award, state=S.SENT)
    assert heard.handle_event(work(session, CLOCK), "memory", notice(payment))
    assert (payment.state, payment.paid_at) == (S.PAID, START)
    assert pockets_of(session, [contribution.id])[contribution.id].paid_minor == 90_000
    letters = session.scalars(select(OutboxRow).where(OutboxRow.kind == "mail")).all()
    assert len(letters) == 2
    assert breaks(session) == []


def test_the_same_event_twice_is_one_payment(any_session: Session) -> None:
    session = any_session
    payment = a_disbursement(session, state=S.SENT)
    told = notice(payment)
    assert heard.handle_event(work(session, CLOCK), "memory", told)
    assert not heard.handle_event(work(session, CLOCK), "memory", told)
    assert session.scalar(select(func.count()).select_from(ProviderEvent)) == 1
    session.flush()
    assert session.scalars(select(AuditEvent.verb)).all().count("payment.paid") == 1


@pytest.mark.parametrize(
    ("order", "state"),
    [
        ([Told.PAID, Told.PAID], S.PAID),
        ([Told.PAID, Told.CAME_BACK], S.RETURNED),
        ([Told.CAME_BACK, Told.PAID], S.FAILED),
        ([Told.FAILED, Told.PAID, Told.FAILED], S.FAILED),
        ([Told.PAID, Told.FAILED], S.PAID),
    ],
)
@pytest.mark.parametrize("start", [S.AUTHORISED, S.SENT])
def test_events_in_any_order_leave_the_books_whole(session: Session, start: S, order: list[Told], state: S) -> None:
    contribution = a_contribution(session, amount_minor=100_000)
    payment = a_disbursement(session, an_award(session, contributions=[contribution]), state=start)
    for told in order:
        heard.handle_event(work(session, CLOCK), "memory", notice(payment, told))
    assert payment.state is state
    pockets = pockets_of(session, [contribution.id])[contribution.id]
    assert (pockets.paid_minor, pockets.committed_minor) == ((90_000, 0) if state is S.PAID else (0, 90_000))
    assert payment.award.disbursing_minor == (90_000 if state is S.PAID else 0)
    assert breaks(session) == []


def test_an_event_before_the_answer_of_the_bank_is_not_undone_by_it(session: Session) -> None:
    payment = a_disbursement(session, state=S.AUTHORISED)
    heard.handle_event(work(session, CLOCK), "memory", notice(payment))
    deliver(session, payment, MemoryGateway())
    assert payment.state is S.PAID


def test_another_amount_pays_nothing_and_is_kept_for_a_person_to_look_at(any_session: Session) -> None:
    payment = a_disbursement(any_session, state=S.SENT)
    assert heard.handle_event(work(any_session, CLOCK), "memory", notice(payment, amount_minor=1))
    assert (payment.state, payment.problem) == (S.SENT, "The provider tells of £0.01, and we sent £900.")
    assert breaks(any_session) == []


def test_an_event_of_another_payment_is_refused(session: Session) -> None:
    with pytest.raises(NotFound):
        heard.handle_event(work(session, CLOCK), "memory", Notice("e", Told.PAID, "pay:none:1", 5))


def test_no_person_can_say_that_money_arrived(session: Session) -> None:
    payment = a_disbursement(session, state=S.SENT)
    with pytest.raises(NotAllowed):
        heard.handle_event(work(session, officer(session)), "memory", notice(payment))


# money that groups give back


def paid_award(session: Session, minors: tuple[int, ...] = (100_000, 50_000)) -> tuple[Award, list[UUID]]:
    fund = a_fund(session)
    given_by = [a_contribution(session, fund, minor) for minor in minors]
    award = an_award(session, amount_minor=90_000, contributions=given_by)
    a_disbursement(session, award, state=S.PAID)
    return award, [one.id for one in given_by]


def test_what_comes_back_goes_to_the_contributions_it_came_from(any_session: Session) -> None:
    award, (one, two) = paid_award(any_session)
    returns.record_return(work(any_session, officer(any_session)), award.id, 10_001, "RET 1", START.date())
    pockets = pockets_of(any_session, [one, two])
    assert (pockets[one].paid_minor, pockets[two].paid_minor) == (60_000 - 6_667, 30_000 - 3_334)
    assert pockets[one].available_minor == 40_000 + 6_667
    assert queries.returned_minor(any_session, award.id) == 10_001
    assert breaks(any_session) == []


def test_no_more_comes_back_than_was_paid_and_no_reference_counts_twice(session: Session) -> None:
    award, _ = paid_award(session)
    record = officer(session)
    with pytest.raises(RuleBroken, match=r"between £0\.01 and £900"):
        returns.record_return(work(session, record), award.id, 90_001, "RET 1", START.date())
    returns.record_return(work(session, record), award.id, 500, "RET 1", START.date())
    with pytest.raises(Conflict, match="written down already"):
        returns.record_return(work(session, record), award.id, 500, "RET  1", START.date())
    with pytest.raises(RuleBroken, match="today or earlier"):
        returns.record_return(work(session, record), award.id, 500, "RET 2", START.date() + timedelta(days=1))


def test_a_payment_that_comes_back_whole_after_the_group_gave_some_back_is_put_before_a_person(
    any_session: Session,
) -> None:
    award, _ = paid_award(any_session)
    payment = any_session.scalars(select(Disbursement)).one()
    returns.record_return(work(any_session, officer(any_session)), award.id, 500, "RET 1", START.date())
    assert heard.handle_event(work(any_session, CLOCK), "memory", notice(payment, Told.CAME_BACK))
    assert (payment.state, award.disbursing_minor) == (S.PAID, 90_000)
    assert "only £895 of the award was still with it. Nothing was booked." in (payment.problem or "")
    returns.record_return(work(any_session, officer(any_session)), award.id, 89_500, "RET 2", START.date())
    assert breaks(any_session) == []


def test_a_payment_that_comes_back_after_the_award_is_over_counts_against_what_was_asked_back(session: Session) -> None:
    award, _ = paid_award(session)
    payment = session.scalars(select(Disbursement)).one()
    award.state, award.accepted_spend_minor = AwardState.COMPLETED, 0
    session.flush()
    asked = returns.raise_repayment(work(session, officer(session)), award.id, 90_000, "Nothing was spent.")
    heard.handle_event(work(session, CLOCK), "memory", notice(payment, Told.CAME_BACK))
    assert (payment.state, asked.state, award.state) == (S.RETURNED, RepaymentState.RECEIVED, AwardState.CLOSED)


def test_an_award_closes_when_all_is_accounted_for(session: Session) -> None:
    award, _ = paid_award(session)
    award.state, award.accepted_spend_minor = AwardState.COMPLETED, 80_000
    session.flush()
    record = officer(session)
    returns.record_return(work(session, record), award.id, 4_000, "RET 1", START.date())
    assert award.state is AwardState.COMPLETED
    returns.record_return(work(session, record), award.id, 6_000, "RET 2", START.date())
    assert award.state is AwardState.CLOSED


# rules and queries


@pytest.mark.parametrize("state", [S.FAILED, S.RETURNED, S.CANCELLED])
def test_an_ended_payment_takes_no_step(state: S) -> None:
    assert not any(can(STEPS, state, action) for action in DisbursementAction)


@pytest.mark.parametrize(
    "facts",
    [
        None,
        [],
        {},
        {"id": "e", "told": "paid", "key": "k"},
        {"id": "e", "told": "paid", "key": "k", "amount_minor": True},
        {"id": "e", "told": "paid", "key": "k", "amount_minor": "5"},
        {"id": "e", "told": "stolen", "key": "k", "amount_minor": 5},
        {"id": "", "told": "paid", "key": "k", "amount_minor": 5},
        {"id": "e" * 81, "told": "paid", "key": "k", "amount_minor": 5},
        {"id": 7, "told": "paid", "key": "k", "amount_minor": 5},
    ],
)
def test_what_is_no_event_is_refused(facts: object) -> None:
    with pytest.raises(RuleBroken):
        read_notice(facts)


def test_the_desk_lists_what_is_due_and_nothing_that_was_asked_for(session: Session) -> None:
    due, asked = an_award(session), an_award(session)
    a_disbursement(session, asked)
    later = an_award(session)
    later.instalments[0].due_on = START.date() + timedelta(days=1)
    session.flush()
    assert [line.award_id for line in queries.due(session, START.date())] == [due.id]
    assert queries.due_count(session, START.date()) == 1
    assert queries.due_count(session, START.date(), [uuid4()]) == 0
    assert queries.counts(session)[S.REQUESTED] == 1
