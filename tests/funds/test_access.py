"""Who may do what with a fund; the role for one fund opens no other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from grants.funds import access
from grants.funds.rules import ContributionDraft, ContributionState, FundDraft, FunderDraft, MoneyDraft, Restriction
from grants.funds.service import contributions, pots
from grants.kernel.actors import NOBODY, Actor, Role
from grants.kernel.clock import london_day
from grants.kernel.errors import NotAllowed
from grants.kernel.work import UnitOfWork
from tests.builders.actors import an_actor
from tests.builders.funds import a_contribution
from tests.support.clock import START
from tests.support.work import work

HERE, ELSEWHERE, FUNDER, OTHER_FUNDER = (UUID(int=n) for n in range(1, 5))
MONEY = MoneyDraft(100, "BACS 1", london_day(START), "Because.")


@pytest.mark.parametrize("role", [r for r in Role if r not in (Role.STEWARD, Role.ADMIN)])
def test_only_stewards_and_admins_start_funds(role: Role) -> None:
    with pytest.raises(NotAllowed):
        access.ensure_may_start_fund(an_actor(role))


def test_the_steward_of_one_fund_starts_no_other() -> None:
    access.ensure_may_start_fund(an_actor(Role.STEWARD))
    access.ensure_may_start_fund(an_actor(Role.ADMIN))
    with pytest.raises(NotAllowed):
        access.ensure_may_start_fund(an_actor(Role.STEWARD, scope=HERE))


def test_a_role_for_one_fund_opens_no_other() -> None:
    access.ensure_may_steward(an_actor(Role.STEWARD, scope=HERE), HERE)
    access.ensure_may_keep_money(an_actor(Role.FINANCE_OFFICER, scope=HERE), HERE)
    for ensure in (access.ensure_may_steward, access.ensure_may_keep_money):
        for role in (Role.STEWARD, Role.FINANCE_OFFICER):
            with pytest.raises(NotAllowed):
                ensure(an_actor(role, scope=ELSEWHERE), HERE)


def test_a_steward_records_no_money_and_a_finance_officer_promises_none() -> None:
    with pytest.raises(NotAllowed):
        access.ensure_may_keep_money(an_actor(Role.STEWARD, Role.ADMIN), HERE)
    with pytest.raises(NotAllowed):
        access.ensure_may_steward(an_actor(Role.FINANCE_OFFICER), HERE)


@pytest.mark.parametrize(
    "actor",
    [
        an_actor(Role.STEWARD, scope=HERE),
        an_actor(Role.FINANCE_OFFICER),
        an_actor(Role.ADMIN),
        an_actor(Role.AUDITOR),
        an_actor(Role.FUNDER, scope=FUNDER),
    ],
)
def test_a_contribution_is_open_to_those_it_concerns(actor: Actor) -> None:
    access.ensure_may_see_contribution(actor, HERE, FUNDER)


@pytest.mark.parametrize(
    "actor",
    [
        NOBODY,
        an_actor(),
        an_actor(Role.PANELLIST),
        an_actor(Role.STEWARD, scope=ELSEWHERE),
        an_actor(Role.FUNDER, scope=OTHER_FUNDER),
        an_actor(Role.FUNDER),
    ],
)
def test_a_contribution_is_closed_to_others(actor: Actor) -> None:
    with pytest.raises(NotAllowed):
        access.ensure_may_see_contribution(actor, HERE, FUNDER)


STEPS: dict[str, Callable[[UnitOfWork, UUID, UUID, UUID], object]] = {
    "start": lambda uow, fund, funder, one: pots.start_fund(uow, FundDraft("New", "New.")),
    "change": lambda uow, fund, funder, one: pots.change_fund(uow, fund, FundDraft("New", "New.")),
    "add": lambda uow, fund, funder, one: pots.add_funder(uow, FunderDraft("New")),
    "pledge": lambda uow, fund, funder, one: contributions.pledge(uow, fund, ContributionDraft(funder, 100)),
    "agree": lambda uow, fund, funder, one: contributions.agree(uow, one),
    "amount": lambda uow, fund, funder, one: contributions.change_amount(uow, one, 50, "Why."),
    "restriction": lambda uow, fund, funder, one: contributions.change_restriction(uow, one, Restriction(), {}, "Why."),
    "receive": lambda uow, fund, funder, one: contributions.receive(uow, one, MONEY),
    "close": lambda uow, fund, funder, one: pots.close_books(uow, fund, london_day(START - timedelta(days=5))),
    "give back": lambda uow, fund, funder, one: contributions.give_back(uow, one, MONEY),
}


@pytest.mark.parametrize("step", STEPS)
def test_every_step_is_guarded_in_the_service(session: Session, step: str) -> None:
    one = a_contribution(session, state=ContributionState.AGREED)
    for actor in (an_actor(*(set(Role) - {Role.STEWARD, Role.ADMIN, Role.FINANCE_OFFICER})), NOBODY):
        with pytest.raises(NotAllowed):
            STEPS[step](work(session, actor), one.fund_id, one.funder_id, one.id)
    stranger = an_actor(Role.STEWARD, Role.FINANCE_OFFICER, scope=ELSEWHERE)
    with pytest.raises(NotAllowed):
        STEPS[step](work(session, stranger), one.fund_id, one.funder_id, one.id)
