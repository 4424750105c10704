"""Who may do what to an issue."""

from __future__ import annotations

from uuid import uuid4

import pytest

from grants.issues import access
from grants.kernel.actors import CLOCK, NOBODY, Role
from grants.kernel.errors import NotAllowed
from tests.builders.actors import an_actor


@pytest.mark.parametrize("role", Role)
def test_stewards_and_connectors_take_care(role: Role) -> None:
    assert access.takes_care(an_actor(role)) is (role in (Role.STEWARD, Role.CONNECTOR))


def test_neither_nobody_nor_the_clock_takes_care() -> None:
    assert not access.takes_care(NOBODY)
    assert not access.takes_care(CLOCK)


def test_an_issue_of_nobody_is_nobodys_own() -> None:
    access.ensure_may_look(an_actor(Role.STEWARD), None)


def test_holding_another_role_does_not_make_an_issue_less_ones_own() -> None:
    author = an_actor(Role.STEWARD, Role.CONNECTOR, Role.ADMIN)
    with pytest.raises(NotAllowed, match="somebody else"):
        access.ensure_may_look(author, author.id)


def test_any_resident_supports_what_somebody_else_raised() -> None:
    access.ensure_may_support(an_actor(), uuid4())
    access.ensure_may_support(an_actor(), None)
