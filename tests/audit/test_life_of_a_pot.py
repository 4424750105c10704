"""Random lives of a pot, through the services: no penny lost, no restriction broken, the register adds up to the books.

Money is pledged, agreed, arrives in parts or through a provider's page, and is taken back by a payer's bank; awards are
offered, accepted, declined, lapse, are paid in parts, fail, come back, are completed or ended; groups give money back;
unspent money returns to its funder. After every step every check of the books must hold.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random
from unittest.mock import patch
from uuid import UUID, uuid4

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import Engine, create_engine, func, select
from sqlalchemy.orm import Session

from grants.audit.queries import checks as checks_queries
from grants.audit.queries import register as register_queries
from grants.awards import service as awards
from grants.awards.models import Award, Instalment
from grants.awards.rules import AwardState
from grants.disbursements import service as payments
from grants.disbursements.models import Disbursement
from grants.disbursements.rules import DisbursementState, Notice, Told
from grants.funds import queries as pot
from grants.funds.models import Contribution, Receipt, TakenBack
from grants.funds.rules import ContributionDraft, MoneyDraft, Restriction
from grants.funds.service import checkouts, contributions, taken_back, unspent
from grants.kernel.actors import CLOCK, Actor, Role
from grants.kernel.clock import london_day
from grants.kernel.errors import NotEnoughMoney, RuleBroken
from grants.kernel.tables import Base
from grants.kernel.work import UnitOfWork
from grants.ledger import queries as ledger_queries
from grants.ledger.queries import pockets_of
from grants.people.queries import actor_for
from grants.ports.payments import CheckoutFacts, CheckoutStanding, DisputeTold
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
        self.steward, self.officer, self.second = (
            self._actor(role) for role in (Role.STEWARD, Role.FINANCE_OFFICER, Role.FINANCE_OFFICER)
        )
        self.given: list[UUID] = []
        self.round = a_decided_round(self.session, self.fund, pot_minor=10**9)

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
        draft = ContributionDraft(a_funder(self.session).id, amount, limits, {"E1": "Newtown"})
        if limits.spend_by and limits.spend_by < london_day(self.now):
            assert not self._try(lambda uow: contributions.pledge(uow, self.fund.id, draft), self.steward)
            return
        one = contributions.pledge(work(self.session, self.steward, self.now), self.fund.id, draft)
        contributions.agree(work(self.session, self.steward, self.now), one.id)
        self.given.append(one.id)
        self._arrive(one.id, max(1, amount * part // 4))

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
        one = self.session.get_one(Contribution, self.given[at % len(self.given)])
        funder = self._actor(Role.FUNDER, one.funder_id)
        name = f"pay{self._next()}"

        def paid(uow: UnitOfWork) -> None:
            checkout = checkouts.start_checkout(uow, one.id, amount, "memory")
            uow.session.flush()
            told = CheckoutFacts(name, checkout.key, CheckoutStanding.PAID, amount, f"{name}-money")
            for _ in range(2):  # told twice, credited once
                assert checkouts.checkout_told(work(self.session, CLOCK, self.now), "memory", told)

        if self._try(paid, funder):
            taken = DisputeTold(f"{name}-dispute", f"{name}-money", max(1, amount * back // 4), False, "unknown")
            for _ in range(2):
                self._try(lambda uow: taken_back.dispute_told(uow, "memory", taken), CLOCK)
            if back == 2:
                won = DisputeTold(taken.dispute_ref, taken.payment_ref, 0, True, "")
                self._try(lambda uow: taken_back.dispute_told(uow, "memory", won), CLOCK)

    @precondition(lambda self: self.given)
    @rule(at=which, amount=pence)
    def goes_back_to_its_funder(self, at: int, amount: int) -> None:
        id = self.given[at % len(self.given)]
        draft = MoneyDraft(amount, f"OUT {self._next()}", london_day(self.now), "Unspent.")
        self._try(lambda uow: contributions.give_back(uow, id, draft), self.officer)

    @precondition(lambda self: self.given)
    @rule(at=which, stays=st.booleans())
    def unspent_is_offered_back(self, at: int, stays: bool) -> None:
        one = self.session.get_one(Contribution, self.given[at % len(self.given)])
        asked: list[UUID] = []
        ask = lambda uow: asked.append(unspent.offer_unspent(uow, one.id, "It is idle.").id)  # noqa: E731
        if self._try(ask, self.steward):
            funder = self._actor(Role.FUNDER, one.funder_id)
            if stays:
                assert self._try(lambda uow: unspent.carry_over(uow, asked[0], None), funder)
            else:
                assert self._try(lambda uow: unspent.ask_back(uow, asked[0]), funder)

    # awards

    @rule(amounts=st.lists(pence, min_size=1, max_size=3), place=st.sampled_from(PLACES))
    def offer(self, amounts: list[int], place: dict[str, object]) -> None:
        free = sum(source.available_minor for source in pot.sources(self.session, self.fund.id))
        before = self.session.scalar(select(func.count(Award.id)))
        try:
            with self.session.begin_nested():
                for amount in amounts:
                    bid = a_decided_proposal(self.session, self.round, applied_for_minor=amount, **place)
                    a_decision(self.session, bid, rank=self._next())
                awards.offer_all(work(self.session, self.steward, self.now), self.round.id)
                self.session.flush()
        except NotEnoughMoney:
            self.session.expire_all()
            assert self.session.scalar(select(func.count(Award.id))) == before
            return
        assert sum(amounts) <= free

    @precondition(lambda self: self._awards(AwardState.OFFERED))
    @rule(at=which, yes=st.booleans())
    def answer(self, at: int, yes: bool) -> None:
        offered = self._awards(AwardState.OFFERED)
        award = offered[at % len(offered)]
        person = a_member(self.session, award.group)
        member = actor_for(self.session, person.id, person.name)
        if not yes:
            self._try(lambda uow: awards.decline(uow, award.id, "We cannot."), member)
        elif self._try(lambda uow: awards.accept(uow, award.id), member):
            # Signing and checking move no money: they have tests of their own.
            award.state = AwardState.ACTIVE
            all_known(self.session, award)
            self.session.flush()

    @rule(days=st.integers(1, 16))
    def time_goes_by(self, days: int) -> None:
        self.now += timedelta(days=days)
        assert self._try(awards.lapse_due, CLOCK)

    @precondition(lambda self: self._awards(AwardState.ACTIVE))
    @rule(at=which)
    def pay_a_part(self, at: int) -> None:
        active = self._awards(AwardState.ACTIVE)
        award = active[at % len(active)]
        parts = self.session.scalars(
            select(Instalment).where(Instalment.award_id == award.id).order_by(Instalment.number)
        ).all()
        for part in parts:
            if self._try(lambda uow, part=part: payments.request(uow, part.id), self.officer):  # type: ignore[misc]
                asked = self._payments(DisbursementState.REQUESTED)[0]
                assert self._try(lambda uow, id=asked.id: payments.authorise(uow, id), self.second)
                return

    @precondition(lambda self: self._payments(DisbursementState.AUTHORISED, DisbursementState.PAID))
    @rule(at=which, told=st.sampled_from(Told))
    def the_bank_tells(self, at: int, told: Told) -> None:
        live = self._payments(DisbursementState.AUTHORISED, DisbursementState.PAID)
        one = live[at % len(live)]
        notice = Notice(str(uuid4()), told, one.key, one.amount_minor, reason="The bank said so.")
        for new in (True, False):
            assert payments.handle_event(work(self.session, CLOCK, self.now), "memory", notice) is new
        self.session.flush()

    @precondition(lambda self: self._awards(AwardState.ACTIVE, AwardState.COMPLETED))
    @rule(at=which, amount=pence)
    def the_group_gives_back(self, at: int, amount: int) -> None:
        standing = self._awards(AwardState.ACTIVE, AwardState.COMPLETED)
        award, reference = standing[at % len(standing)], f"BACK {self._next()}"
        on = london_day(self.now)
        self._try(lambda uow: payments.record_return(uow, award.id, amount, reference, on), self.officer)

    @precondition(lambda self: self._awards(AwardState.ACTIVE))
    @rule(at=which, early=st.booleans())
    def it_ends(self, at: int, early: bool) -> None:
        active = self._awards(AwardState.ACTIVE)
        award = active[at % len(active)]
        if early:
            self._try(lambda uow: awards.terminate(uow, award.id, "The hall closed."), self.steward)
        else:
            paid = ledger_queries.award_pockets(self.session, [award.id])[award.id]
            spent = sum(one.paid_minor for one in paid.values())
            self._try(lambda uow: awards.complete(uow, award.id, spent), self.steward)

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
    max_examples=10,
    stateful_step_count=25,
    deadline=None,
    phases=[Phase.generate],
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
