"""Who may ask for a payment, let it go, and write down what came back."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from grants.disbursements import access
from grants.disbursements.access import Facts
from grants.kernel.actors import NOBODY, Actor, Rights, Role
from grants.kernel.errors import NotAllowed
from tests.builders.actors import an_actor

FUND, GROUP, HOST, ASKED = uuid4(), uuid4(), uuid4(), uuid4()
FACTS = Facts(FUND, GROUP, HOST, requested_by_id=ASKED)


def inside(role: Role, group_id: UUID) -> Actor:
    return an_actor(role, groups={group_id: Rights(edit=True, sign_off=True)})


@pytest.mark.parametrize("role", [Role.FINANCE_OFFICER, Role.STEWARD])
def test_officers_ask(role: Role) -> None:
    access.ensure_may_request(an_actor(role, scope=FUND), FACTS)


@pytest.mark.parametrize("actor", [NOBODY, an_actor(), an_actor(Role.AUDITOR), an_actor(Role.STEWARD, scope=uuid4())])
def test_others_do_not_ask(actor: Actor) -> None:
    with pytest.raises(NotAllowed, match="finance officer or a steward"):
        access.ensure_may_request(actor, FACTS)


@pytest.mark.parametrize("group_id", [GROUP, HOST])
def test_nobody_of_the_group_or_its_host_has_a_hand_in_its_money(group_id: UUID) -> None:
    officer = inside(Role.FINANCE_OFFICER, group_id)
    for refused in (
        lambda: access.ensure_may_request(officer, FACTS),
        lambda: access.ensure_may_authorise(officer, FACTS),
        lambda: access.ensure_may_record(officer, FACTS),
    ):
        with pytest.raises(NotAllowed, match="you belong to the group"):
            refused()


def test_another_finance_officer_lets_it_go() -> None:
    officer = an_actor(Role.FINANCE_OFFICER, Role.STEWARD)
    access.ensure_may_authorise(officer, FACTS)
    assert officer.id is not None
    with pytest.raises(NotAllowed, match="you asked for it"):
        access.ensure_may_authorise(officer, Facts(FUND, GROUP, HOST, requested_by_id=officer.id))


@pytest.mark.parametrize(
    "actor", [an_actor(Role.STEWARD), an_actor(Role.ADMIN), an_actor(Role.FINANCE_OFFICER, scope=uuid4())]
)
def test_nobody_but_a_finance_officer_of_the_fund_lets_money_go_or_writes_it_down(actor: Actor) -> None:
    with pytest.raises(NotAllowed, match="Only a finance officer of this fund"):
        access.ensure_may_authorise(actor, FACTS)
    with pytest.raises(NotAllowed, match="Only a finance officer of this fund"):
        access.ensure_may_record(actor, FACTS)
