"""Who may write, read and judge a report."""

from __future__ import annotations

from uuid import uuid4

import pytest

from grants.kernel.actors import NOBODY, Rights, Role
from grants.kernel.errors import NotAllowed
from grants.reports import access
from tests.builders.actors import an_actor

FUND, GROUP, HOST = uuid4(), uuid4(), uuid4()


def test_members_who_may_edit_write() -> None:
    access.ensure_may_write(an_actor(groups={GROUP: Rights(edit=True, sign_off=False)}), GROUP)
    for actor in (NOBODY, an_actor(Role.STEWARD), an_actor(groups={GROUP: Rights(edit=False, sign_off=True)})):
        with pytest.raises(NotAllowed, match="who may edit"):
            access.ensure_may_write(actor, GROUP)


def test_the_host_reads_but_does_not_write() -> None:
    host = an_actor(groups={HOST: Rights(edit=True, sign_off=True)})
    access.ensure_may_read(host, FUND, GROUP, HOST)
    with pytest.raises(NotAllowed):
        access.ensure_may_write(host, GROUP)


@pytest.mark.parametrize("role", [Role.RESIDENT, Role.FUNDER, Role.PANELLIST, Role.CONNECTOR])
def test_others_do_not_read_it_before_everybody_may(role: Role) -> None:
    with pytest.raises(NotAllowed):
        access.ensure_may_read(an_actor(role), FUND, GROUP, HOST)


def test_a_steward_of_the_fund_judges_unless_of_the_group() -> None:
    access.ensure_may_judge(an_actor(Role.STEWARD, scope=FUND), FUND, GROUP, HOST)
    for actor in (
        an_actor(Role.STEWARD, scope=uuid4()),
        an_actor(Role.FINANCE_OFFICER),
        an_actor(Role.STEWARD, groups={HOST: Rights(edit=False, sign_off=False)}),
    ):
        with pytest.raises(NotAllowed):
            access.ensure_may_judge(actor, FUND, GROUP, HOST)
