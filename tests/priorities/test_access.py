"""Who may do what to a priority."""

from __future__ import annotations

import pytest

from grants.kernel.actors import CLOCK, NOBODY, Role
from grants.kernel.errors import NotAllowed
from grants.priorities import access
from tests.builders.actors import an_actor


@pytest.mark.parametrize("role", Role)
def test_stewards_and_connectors_suggest_and_stewards_keep(role: Role) -> None:
    actor = an_actor(role)
    assert access.suggests(actor) is (role in (Role.STEWARD, Role.CONNECTOR))
    if role is Role.STEWARD:
        access.ensure_keeps_priorities(actor)
    else:
        with pytest.raises(NotAllowed):
            access.ensure_keeps_priorities(actor)


def test_whoever_is_signed_in_chooses_and_nobody_else() -> None:
    resident = an_actor()
    assert access.ensure_may_choose(resident) == resident.id
    for actor in (NOBODY, CLOCK):
        with pytest.raises(NotAllowed):
            access.ensure_may_choose(actor)
