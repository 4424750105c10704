"""Random lives of a pot, through the services: no penny lost, no restriction broken, the register adds up to the books.

Money is pledged, agreed, arrives in parts or through a provider's page, and is taken back by a payer's bank; awards are
offered, accepted, declined, lapse, grow, shrink, are paid in parts, fail, come back, are completed or ended; groups
give money back, or two officers write it off; unspent money stays by its funder's word, or returns to its funder.
After every step every check of the books must hold.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random
from unittest.mock import patch
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import Engine, create_engine, func, select
from sqlalchemy.orm import Session

from grants.audit.queries import checks as checks_queries
from grants.audit.queries import register as register_queries
from grants.awards import queries as award_queries
from grants.awards.models import Award, ChangeRequest
from grants.awards.rules import AwardState, ChangeKind, ChangeRequestAction, ChangeRequestState, Wanted
from grants.awards.service import amendments, answers, offers, settling, standing
from grants.banking import service as banking
from grants.disbursements.models import Disbursement, Repayment
from grants.disbursements.rules import DisbursementState, Notice, Told
from grants.disbursements.service import heard, paying, returns
from grants.funds import queries as pot
from grants.funds.models import Checkout, Contribution, Receipt, TakenBack
from grants.funds.rules import ContributionDraft, MoneyDraft, Restriction
from grants.funds.service import checkouts, contributions, taken_back, unspent
from grants.kernel.actors import CLOCK, Actor, Role
from grants.kernel.clock import london_day
from grants.kernel.errors import NotAllowed, NotEnoughMoney, RuleBroken
from grants.kernel.tables import Base
from grants.kernel.work import UnitOfWork
from grants.ledger import queries as ledger_queries
from grants.ledger.queries import pockets_of
from grants.people.queries import actor_for
from grants.ports.payments import (
    CheckoutFacts,
    CheckoutStanding,
    DisputeTold,
    RefundStanding,
    RefundTold,
    StatementKind,
    StatementLine,
)
from tests.builders.awards import a_decided_proposal, a_decided_round, a_decision, all_known
from tests.builders.funds import a_fund, a_funder
from tests.builders.people import a_member, a_person
from tests.support.clock import START
from tests.support.schema import load_models
from tests.support.work import work

LIMITS = (
    Restriction(),
    Restriction(imd_deciles=frozenset({1, 2})),
    Restriction(ward_codes=frozenset({"E1"})),
    Restriction(beneficiaries=frozenset({"young"})),
    Restriction(spending="revenue", spend_by=london_day(START + timedelta(days=40))),
)
PLACES: tuple[dict[str, object], ...] = (
    {"imd_deciles": [1]},
    {"imd_deciles": [3], "ward_codes": ["E1"]},
    {"communities": ["young"], "ward_codes": ["E1"], "imd_deciles": [2]},
)
pence = st.integers(1, 40_000)
which = st.integers(0, 10**6)
_engine: list[Engine] = []


def engine() -> Engine:
    """One database in memory for all lives; each is taken back at its end."""
    if not _engine:
        load_models()
        made = create_engine("sqlite://")
        Base.metadata.create_all(made)
        _engine.append(made)
    return _engine[0]


@seed(13)
class Life(RuleBasedStateMachine):
    """One fund's life. What the rules refuse in words leaves nothing behind; any other error is a fault."""

    @initialize()
    def begin(self) -> None:
        # Ids are drawn by chance, and some things happen in their order: the same life must have the same ids.
        self.chance = patch("os.urandom", Random(7).randbytes)
        self.chance.start()
        self.connection = engine().connect()
        self.outer = self.connection.begin()
        self.session = Session(self.connection, join_transaction_mode="create_savepoint")
        self.now, self.number = START, 0
        self.fund = a_fund(self.session)
        self.steward, self.second_steward, self.officer, self.second = (
            self._actor(role) for role in (Role.STEWARD, Role.STEWARD, Role.FINANCE_OFFICER, Role.FINANCE_OFFICER)
        )
        self.given: list[UUID] = []
        self.round = a_decided_round(self.session, self.fund, pot_minor=10**9)
        # A pot in which something goes on already, so that what follows seldom ends in "there is no money".
        for limits in (LIMITS[0], LIMITS[2], LIMITS[0]):
            self._give(90_000, limits, 20_000)
            self._through_a_page(self.given[-1], 20_000)
        self._offer([30_000, 4_001], PLACES[1])
        for award in self._awards(AwardState.OFFERED):
            self._accept(award)
        self._pay_a_part(self._awards(AwardState.ACTIVE)[0], Told.PAID)

    def teardown(self) -> None:
        if hasattr(self, "session"):
            self.session.close()
            self.outer.rollback()
            self.connection.close()
        if hasattr(self, "chance"):
            self.chance.stop()

    def _actor(self, role: Role, scope: UUID | None = None) -> Actor:
        person = a_person(self.session, role, scope_id=scope)
        return actor_for(self.session, person.id, person.name)

    def _try(self, step: Callable[[UnitOfWork], object], actor: Actor) -> bool:
        """Do it in a transaction of its own, or be refused and leave nothing."""
        try:
            with self.session.begin_nested():
                step(work(self.session, actor, self.now))
                self.session.flush()
        except RuleBroken:
            self.session.expire_all()
            return False
        return True

    def _next(self) -> int:
        self.number += 1
        return self.number

    def _awards(self, *states: AwardState) -> list[Award]:
        return list(self.session.scalars(select(Award).where(Award.state.in_(states)).order_by(Award.reference)))

    def _payments(self, *states: DisbursementState) -> list[Disbursement]:
        query = select(Disbursement).where(Disbursement.state.in_(states)).order_by(Disbursement.key)
        return list(self.session.scalars(query))

    # money in

    @rule(amount=pence, limits=st.sampled_from(LIMITS), part=st.integers(1, 4))
    def give(self, amount: int, limits: Restriction, part: int) -> None:
        if limits.spend_by and limits.spend_by < london_day(self.now):
            draft = ContributionDraft(a_funder(self.session).id, amount, limits, {"E1": "Newtown"})
            assert not self._try(lambda uow: contributions.pledge(uow, self.fund.id, draft), self.steward)
            return
        self._give(amount, limits, max(1, amount * part // 4))

    def _give(self, amount: int, limits: Restriction, arrives: int) -> None:
        draft = ContributionDraft(a_funder(self.session).id, amount, limits, {"E1": "Newtown"})
        one = contributions.pledge(work(self.session, self.steward, self.now), self.fund.id, draft)
        contributions.agree(work(self.session, self.steward, self.now), one.id)
        self.given.append(one.id)
        self._arrive(one.id, arrives)

    def _arrive(self, id: UUID, amount: int) -> None:
        draft = MoneyDraft(amount, f"IN {self._next()}", london_day(self.now))
        self._try(lambda uow: contributions.receive(uow, id, draft), self.officer)

    @precondition(lambda self: self.given)
    @rule(at=which, amount=pence)
    def more_arrives(self, at: int, amount: int) -> None:
        self._arrive(self.given[at % len(self.given)], amount)

    @precondition(lambda self: self.given)
    @rule(at=which, amount=pence, back=st.integers(1, 4))
    def comes_through_a_page_and_is_taken_back(self, at: int, amount: int, back: int) -> None:
        name = self._through_a_page(self.given[at % len(self.given)], amount)
        # Often it is money that came before, and that is promised or paid to groups by now.
        came = self.session.scalars(
            select(Checkout).where(Checkout.paid_at.is_not(None)).order_by(Checkout.payment_ref)
        )
        of = (mine := came.all())[at % len(mine)]
        taken = DisputeTold(f"{name}-dispute", of.payment_ref or "", max(1, of.amount_minor * back // 4), False, "lost")
        for _ in range(2):
            self._try(lambda uow: taken_back.dispute_told(uow, "memory", taken), CLOCK)
        self._stated(StatementKind.DISPUTE, -taken.taken_minor, 2_000, taken.payment_ref)
        if back == 1:
            self._refund(name, amount)
        elif back == 2:
            won = DisputeTold(taken.dispute_ref, taken.payment_ref, 0, True, "")
            self._try(lambda uow: taken_back.dispute_told(uow, "memory", won), CLOCK)
        else:
            self._make_good(amount // 2 + 1)

    def _through_a_page(self, id: UUID, amount: int) -> str:
        one = self.session.get_one(Contribution, id)
        name = f"pay{self._next():04}"

        def paid(uow: UnitOfWork) -> None:
            checkout = checkouts.start_checkout(uow, one.id, amount, "memory")
            uow.session.flush()
            told = CheckoutFacts(name, checkout.key, CheckoutStanding.PAID, amount, f"{name}-money")
            for _ in range(2):  # told twice, credited once
                assert checkouts.checkout_told(work(self.session, CLOCK, self.now), "memory", told)

        if self._try(paid, self._actor(Role.FUNDER, one.funder_id)):
            self._stated(StatementKind.MONEY_IN, amount, amount * 15 // 1_000 + 20, f"{name}-money")
        return name

    def _stated(self, kind: StatementKind, amount: int, fee: int, ref: str) -> None:
        """A line of the provider's statement, with what it kept; read twice."""
        line = StatementLine(f"txn{self._next():04}", kind, amount, fee, ref, self.now)
        for again in (1, 0):
            read: list[tuple[int, int]] = []
            take = lambda uow: read.append(banking.take_provider_lines(uow, "memory", [line]))  # noqa: B023, E731
            assert self._try(take, CLOCK)
            assert read == [(again, 0)]

    def _refund(self, name: str, amount: int) -> None:
        """An officer sends some of it back the way it came; the provider may not be able to."""
        one = self.session.scalar(select(Checkout).where(Checkout.payment_ref == f"{name}-money"))
        if one is None:
            return
        asked: list[str] = []
        ask = lambda uow: asked.append(taken_back.refund(uow, one.id, max(1, amount // 5), "Paid twice.").key)  # noqa: E731
        if self._try(ask, self.officer):
            standing = RefundStanding.FAILED if amount % 2 else RefundStanding.DONE
            told = RefundTold(f"{name}-refund", f"{name}-money", asked[0], max(1, amount // 5), standing)
            for _ in range(2):
                assert self._try(lambda uow: taken_back.refund_told(uow, "memory", told), CLOCK)

    def _make_good(self, amount: int) -> None:
        """What is missing behind promises comes from elsewhere, in part."""
        for one in self.session.scalars(select(TakenBack).where(TakenBack.short_minor > 0)).all():
            draft = (one.id, min(amount, one.short_minor), f"GOOD {self._next()}")
            assert self._try(lambda uow, draft=draft: taken_back.make_good(uow, *draft), self.officer)  # type: ignore[misc]

    @precondition(lambda self: self.given)
    @rule(at=which, amount=pence, how=st.sampled_from(("at once", "after a question", "stays")))
    def what_is_free_goes_back_or_stays(self, at: int, amount: int, how: str) -> None:
        id = self.given[at % len(self.given)]
        if how != "at once":
            self._unspent_is_offered_back(id, how == "stays")
            return
        draft = MoneyDraft(amount, f"OUT {self._next()}", london_day(self.now), "Unspent.")
        self._try(lambda uow: contributions.give_back(uow, id, draft), self.officer)

    def _unspent_is_offered_back(self, id: UUID, stays: bool) -> None:
        one = self.session.get_one(Contribution, id)
        asked: list[UUID] = []
        ask = lambda uow: asked.append(unspent.offer_unspent(uow, one.id, "It is idle.").id)  # noqa: E731
        if self._try(ask, self.steward):
            funder = self._actor(Role.FUNDER, one.funder_id)
            if stays:
                assert self._try(lambda uow: unspent.carry_over(uow, asked[0], None), funder)
            else:
                assert self._try(lambda uow: unspent.ask_back(uow, asked[0]), funder)

    # awards

    @rule(amounts=st.lists(pence.map(lambda n: n // 3 + 1), min_size=1, max_size=2), place=st.sampled_from(PLACES))
    def offer(self, amounts: list[int], place: dict[str, object]) -> None:
        self._offer(amounts, place)

    def _offer(self, amounts: list[int], place: dict[str, object]) -> None:
        free = sum(source.available_minor for source in pot.sources(self.session, self.fund.id))
        before = self.session.scalar(select(func.count(Award.id)))
        try:
            with self.session.begin_nested():
                for amount in amounts:
                    bid = a_decided_proposal(self.session, self.round, applied_for_minor=amount, **place)
                    a_decision(self.session, bid, rank=self._next())
                offers.offer_all(work(self.session, self.steward, self.now), self.round.id)
                self.session.flush()
        except NotEnoughMoney:
            self.session.expire_all()
            assert self.session.scalar(select(func.count(Award.id))) == before
            return
        assert sum(amounts) <= free

    @precondition(lambda self: self._awards(AwardState.OFFERED))
    @rule(at=which, yes=st.sampled_from((True, True, False)))
    def answer(self, at: int, yes: bool) -> None:
        offered = self._awards(AwardState.OFFERED)
        award = offered[at % len(offered)]
        if yes:
            self._accept(award)
        else:
            self._try(lambda uow: answers.decline(uow, award.id, "We cannot."), self._member(award))

    def _member(self, award: Award) -> Actor:
        person = a_member(self.session, award.group)
        return actor_for(self.session, person.id, person.name)

    def _accept(self, award: Award) -> None:
        member = self._member(award)
        if self._try(lambda uow: answers.accept(uow, award.id), member):
            # Signing and checking move no money: they have tests of their own.
            award.state = AwardState.ACTIVE
            for part in award.instalments:
                part.due_on, part.condition = london_day(self.now), ""
            all_known(self.session, award)
            self.session.flush()

    @rule(days=st.integers(1, 16))
    def time_goes_by(self, days: int) -> None:
        self.now += timedelta(days=days)
        assert self._try(answers.lapse_due, CLOCK)

    @precondition(lambda self: self._awards(AwardState.ACTIVE))
    @rule(at=which, told=st.sampled_from((Told.PAID, Told.PAID, None)))
    def pay_a_part(self, at: int, told: Told | None) -> None:
        active = self._awards(AwardState.ACTIVE)
        self._pay_a_part(active[at % len(active)], told)

    def _pay_a_part(self, award: Award, told: Told | None) -> None:
        for part in award.instalments:
            if self._try(lambda uow, part=part: paying.request(uow, part.id), self.officer):  # type: ignore[misc]
                asked = self._payments(DisbursementState.REQUESTED)[0]
                if not self._try(lambda uow, id=asked.id: paying.authorise(uow, id), self.second):
                    short = self.session.scalar(select(func.sum(TakenBack.short_minor)))
                    assert short, "refused only when a payer's bank took back what is behind it"
                    assert self._try(lambda uow, id=asked.id: paying.cancel(uow, id, "It is missing."), self.officer)
                    return
                if told is not None:
                    self._told(asked, told)
                return

    @precondition(lambda self: self._payments(DisbursementState.AUTHORISED, DisbursementState.PAID))
    @rule(at=which, told=st.sampled_from(Told))
    def the_bank_tells(self, at: int, told: Told) -> None:
        live = self._payments(DisbursementState.AUTHORISED, DisbursementState.PAID)
        self._told(live[at % len(live)], told)

    def _told(self, one: Disbursement, told: Told) -> None:
        notice = Notice(str(uuid4()), told, one.key, one.amount_minor, reason="The bank said so.")
        for new in (True, False):
            assert heard.handle_event(work(self.session, CLOCK, self.now), "memory", notice) is new
        self.session.flush()

    @precondition(lambda self: self._awards(AwardState.ACTIVE, AwardState.COMPLETED))
    @rule(at=which, amount=pence)
    def the_group_gives_back(self, at: int, amount: int) -> None:
        standing = self._awards(AwardState.ACTIVE, AwardState.COMPLETED)
        award, reference = standing[at % len(standing)], f"BACK {self._next()}"
        on = london_day(self.now)
        self._try(lambda uow: returns.record_return(uow, award.id, amount, reference, on), self.officer)

    @precondition(lambda self: self._awards(AwardState.ACTIVE))
    @rule(at=which, percent=st.integers(40, 180))
    def its_sum_changes(self, at: int, percent: int) -> None:
        active = self._awards(AwardState.ACTIVE)
        award = active[at % len(active)]
        figures = Wanted(amount_minor=max(1, award.amount_minor * percent // 100))
        asked: list[UUID] = []

        def ask(uow: UnitOfWork) -> None:
            asked.append(amendments.ask_change(uow, award.id, ChangeKind.SUM, "Otherwise.", "Plans.", figures).id)

        if not self._try(ask, self._member(award)):
            return
        yes = ChangeRequestAction.APPROVE
        assert self._try(lambda uow: amendments.answer_change(uow, asked[0], yes), self.steward)
        if self._try(lambda uow: amendments.apply_change(uow, asked[0]), self.second_steward):
            assert award.amount_minor == figures.amount_minor
            award.state = AwardState.ACTIVE  # signing anew moves no money
        else:
            change = self.session.get_one(ChangeRequest, asked[0])
            change.state = ChangeRequestState.REJECTED
        self.session.flush()

    @precondition(lambda self: len(self._awards(AwardState.ACTIVE)) > 1)
    @rule(at=which)
    def it_ends_early(self, at: int) -> None:
        active = self._awards(AwardState.ACTIVE)
        award = active[at % len(active)]
        self._try(lambda uow: standing.terminate(uow, award.id, "The hall closed."), self.steward)

    @precondition(lambda self: self._payments(DisbursementState.PAID))
    @rule(at=which, kept=st.integers(0, 4), back=st.integers(0, 2), agreed=st.sampled_from((True, True, False)))
    def it_is_reported(self, at: int, kept: int, back: int, agreed: bool) -> None:
        """If less was spent, the rest is asked back, comes in part or not at all, and may be written off."""
        paid_for = self._payments(DisbursementState.PAID)
        award = paid_for[at % len(paid_for)].award
        paid = award_queries.pockets(self.session, award.id).paid_minor
        spent = paid * kept // 4
        if not self._try(lambda uow: settling.complete(uow, award.id, spent), self.steward) or spent == paid:
            return
        why = "It was not spent."
        assert self._try(lambda uow: returns.raise_repayment(uow, award.id, paid - spent, why), self.steward)
        asked = self.session.scalars(select(Repayment).where(Repayment.award_id == award.id)).all()[-1]
        if part := asked.amount_minor * back // 2:
            on, reference = london_day(self.now), f"OWED {self._next()}"
            assert self._try(lambda uow: returns.record_return(uow, award.id, part, reference, on), self.officer)
        owed = asked.amount_minor - asked.received_minor
        if self._try(lambda uow: returns.ask_write_off(uow, asked.id, "The group is no more."), self.officer):
            with pytest.raises(NotAllowed):
                returns.answer_write_off(work(self.session, self.officer, self.now), asked.id, agreed=True)
            assert self._try(lambda uow: returns.answer_write_off(uow, asked.id, agreed=agreed), self.second)
        closed = not owed or agreed
        assert award.state is (AwardState.CLOSED if closed else AwardState.COMPLETED)
        assert award.written_off_minor == (owed if closed else 0)

    # what holds after every step

    @invariant()
    def everything_holds(self) -> None:
        if not hasattr(self, "session"):
            return
        self.session.flush()
        assert checks_queries.first_break(self.session) is None
        pockets = pockets_of(self.session, self.given)
        came = self.session.scalar(select(func.coalesce(func.sum(Receipt.amount_minor), 0)))
        assert sum(one.received_minor for one in pockets.values()) == came
        for one in pockets.values():
            assert min(one.available_minor, one.committed_minor, one.sending_minor, one.paid_minor) >= 0
        short = self.session.scalar(select(func.coalesce(func.sum(TakenBack.short_minor), 0)))
        sums = register_queries.all_pockets(self.session)
        told = {balance.account.code.rsplit(":", 1)[-1]: balance.balance_minor for balance in self._fund_accounts()}
        held = told.get("bank", 0) + told.get("owed", 0) + told.get("shortfall", 0)
        assert held == sums.received_minor - sums.paid_minor - sums.returned_minor
        assert short == 0 or told["shortfall"] > 0

    def _fund_accounts(self) -> list[ledger_queries.Balance]:
        return [one for one in ledger_queries.trial_balance(self.session, self.fund.id) if one.account.pocket is None]


TestLifeOfAPot = Life.TestCase
TestLifeOfAPot.settings = settings(
    max_examples=8,
    stateful_step_count=25,
    deadline=None,
    phases=[Phase.generate],
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
