"""Who may do what with an award."""

from __future__ import annotations

from uuid import uuid4

import pytest

from grants.awards import access
from grants.kernel.actors import CLOCK, NOBODY, Rights, Role
from grants.kernel.errors import NotAllowed
from tests.builders.actors import an_actor

FUND, GROUP, HOST = uuid4(), uuid4(), uuid4()


def test_only_a_member_who_may_sign_off_answers() -> None:
    access.ensure_may_answer(an_actor(groups={GROUP: Rights(edit=False, sign_off=True)}), GROUP)
    for actor in (NOBODY, an_actor(Role.STEWARD), an_actor(groups={GROUP: Rights(edit=True, sign_off=False)})):
        with pytest.raises(NotAllowed, match="sign off"):
            access.ensure_may_answer(actor, GROUP)


def test_the_group_and_its_host_sign_and_nobody_else() -> None:
    for group in (GROUP, HOST):
        access.ensure_may_sign(an_actor(groups={group: Rights(True, False)}), GROUP, HOST)
    for actor in (NOBODY, an_actor(Role.STEWARD), an_actor(groups={uuid4(): Rights(True, True)})):
        with pytest.raises(NotAllowed):
            access.ensure_may_sign(actor, GROUP, HOST)


@pytest.mark.parametrize("group", [GROUP, HOST])
def test_a_steward_who_belongs_to_the_group_or_its_host_does_not_decide(group: object) -> None:
    steward = an_actor(Role.STEWARD, groups={group: Rights(True, True)})  # type: ignore[dict-item]
    with pytest.raises(NotAllowed, match="Another steward"):
        access.ensure_steward(steward, FUND, GROUP, HOST)


def test_a_steward_of_another_fund_does_not_decide() -> None:
    access.ensure_steward(an_actor(Role.STEWARD, scope=FUND), FUND, GROUP, HOST)
    with pytest.raises(NotAllowed, match="steward of this fund"):
        access.ensure_steward(an_actor(Role.STEWARD, scope=uuid4()), FUND, GROUP, HOST)


def test_whoever_signed_for_the_group_does_not_countersign() -> None:
    steward = an_actor(Role.STEWARD)
    access.ensure_may_countersign(steward, FUND, GROUP, HOST, [])
    with pytest.raises(NotAllowed, match="you signed for the group"):
        access.ensure_may_countersign(steward, FUND, GROUP, HOST, [steward.id])  # type: ignore[list-item]


def test_the_clock_and_stewards_offer() -> None:
    access.ensure_may_offer(CLOCK, FUND)
    access.ensure_may_offer(an_actor(Role.STEWARD), FUND)
    with pytest.raises(NotAllowed):
        access.ensure_may_offer(an_actor(Role.FINANCE_OFFICER), FUND)


def test_the_group_its_host_and_officers_look_inside_and_funders_do_not() -> None:
    inside = [
        an_actor(groups={GROUP: Rights(False, False)}),
        an_actor(groups={HOST: Rights(False, False)}),
        an_actor(Role.STEWARD),
        an_actor(Role.FINANCE_OFFICER, scope=FUND),
        an_actor(Role.AUDITOR),
    ]
    assert all(access.may_look_inside(actor, FUND, GROUP, HOST) for actor in inside)
    outside = [NOBODY, an_actor(), an_actor(Role.FUNDER), an_actor(Role.STEWARD, scope=uuid4())]
    assert not any(access.may_look_inside(actor, FUND, GROUP, HOST) for actor in outside)
