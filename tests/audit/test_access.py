"""Who may read what; one funder never reads another's statement."""

from __future__ import annotations

from uuid import UUID

import pytest

from grants.audit import access
from grants.kernel.actors import NOBODY, Actor, Role
from grants.kernel.errors import NotAllowed
from tests.builders.actors import an_actor

MINE, THEIRS, HERE, ELSEWHERE = (UUID(int=n) for n in range(1, 5))


@pytest.mark.parametrize(
    ("actor", "kept"),
    [
        (an_actor(Role.FUNDER, scope=MINE), None),
        (an_actor(Role.AUDITOR), None),
        (an_actor(Role.ADMIN), None),
        (an_actor(Role.STEWARD), None),
        (an_actor(Role.FINANCE_OFFICER, scope=HERE), frozenset({HERE})),
        (an_actor(Role.STEWARD, scope=HERE), frozenset({HERE})),
    ],
)
def test_a_statement_is_open_to_its_funder_and_the_keepers(actor: Actor, kept: frozenset[UUID] | None) -> None:
    assert access.funds_in_statement(actor, MINE, {HERE}) == kept


@pytest.mark.parametrize(
    "actor",
    [
        NOBODY,
        an_actor(),
        an_actor(Role.PANELLIST, Role.CONNECTOR),
        an_actor(Role.FUNDER, scope=THEIRS),
        an_actor(Role.FUNDER),
        an_actor(Role.STEWARD, scope=ELSEWHERE),
        an_actor(Role.STEWARD, scope=MINE),
    ],
)
def test_a_statement_is_closed_to_others(actor: Actor) -> None:
    with pytest.raises(NotAllowed):
        access.funds_in_statement(actor, MINE, {HERE})


def test_the_books_are_open_to_who_keeps_or_checks_them() -> None:
    access.ensure_may_read_books(an_actor(Role.AUDITOR), HERE)
    access.ensure_may_read_books(an_actor(Role.FINANCE_OFFICER, scope=HERE), HERE)
    assert access.books_read(an_actor(Role.FINANCE_OFFICER, scope=HERE)) == {HERE}
    assert access.books_read(an_actor(Role.FINANCE_OFFICER)) is None
    assert access.books_read(an_actor(Role.AUDITOR)) is None
    for actor in (an_actor(Role.FINANCE_OFFICER, scope=ELSEWHERE), an_actor(Role.STEWARD), an_actor(Role.FUNDER)):
        with pytest.raises(NotAllowed):
            access.ensure_may_read_books(actor, HERE)
