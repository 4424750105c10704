"""Who may write, sign off, check and read."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from grants.kernel.actors import NOBODY, Actor, Rights, Role
from grants.kernel.errors import NotAllowed
from grants.proposals import access
from grants.proposals.access import Parties
from tests.builders.actors import an_actor

GROUP, HOST, FUND, WRITER = UUID(int=1), UUID(int=2), UUID(int=3), UUID(int=4)
PARTIES = Parties(GROUP, HOST, FUND)


def member(group: UUID = GROUP, *, edit: bool = False, sign_off: bool = False, id: UUID | None = None) -> Actor:
    return an_actor(groups={group: Rights(edit, sign_off)}, id=id or uuid4())


@pytest.mark.parametrize(
    ("actor", "alone", "may"),
    [
        (member(sign_off=True), False, True),
        (member(sign_off=True, id=WRITER), False, False),
        (member(edit=True), False, False),
        (member(HOST, sign_off=True), False, False),
        (member(HOST, sign_off=True), True, True),
        (member(HOST, sign_off=True, id=WRITER), True, False),
        (member(sign_off=True), True, False),
        (an_actor(Role.STEWARD, Role.ADMIN), False, False),
        (NOBODY, False, False),
    ],
)
def test_an_other_person_of_the_group_signs_off_or_for_a_group_of_one_its_host(
    actor: Actor, alone: bool, may: bool
) -> None:
    assert (access.why_not_sign_off(actor, PARTIES, WRITER, alone) is None) is may


@pytest.mark.parametrize(
    ("actor", "may"),
    [
        (an_actor(Role.STEWARD), True),
        (an_actor(Role.STEWARD, scope=FUND), True),
        (an_actor(Role.STEWARD, scope=uuid4()), False),
        (an_actor(Role.ADMIN), False),
        (an_actor(Role.STEWARD, groups={GROUP: Rights(False, False)}), False),
        (an_actor(Role.STEWARD, groups={HOST: Rights(False, False)}), False),
    ],
)
def test_a_steward_without_interest_checks(actor: Actor, may: bool) -> None:
    assert access.may_screen(actor, PARTIES) is may
    if not may:
        with pytest.raises(NotAllowed):
            access.ensure_may_screen(actor, PARTIES)


@pytest.mark.parametrize(
    ("actor", "may"),
    [
        (member(), True),
        (member(HOST), True),
        (member(uuid4(), edit=True), False),
        (an_actor(Role.STEWARD), True),
        (an_actor(Role.FINANCE_OFFICER), True),
        (an_actor(Role.AUDITOR), True),
        (an_actor(Role.PANELLIST), False),
        (an_actor(Role.FUNDER), False),
        (an_actor(Role.STEWARD, scope=uuid4()), False),
        (NOBODY, False),
    ],
)
def test_drafts_and_contact_details_are_for_the_group_its_host_and_officers(actor: Actor, may: bool) -> None:
    assert access.may_read_all(actor, PARTIES) is may
