"""Who may decide about quick grants, and who may be the second person of an ask."""

from __future__ import annotations

from uuid import uuid4

import pytest

from grants.kernel.actors import NOBODY, Rights, Role
from grants.kernel.errors import NotAllowed
from grants.proposals.access import Parties, ensure_may_second, why_not_second
from grants.quick import access
from tests.builders.actors import an_actor

FUND, GROUP, HOST = uuid4(), uuid4(), uuid4()
NONE, SIGNS = Rights(edit=False, sign_off=False), Rights(edit=False, sign_off=True)


@pytest.mark.parametrize("role", list(Role))
def test_stewards_and_panellists_of_the_fund_decide(role: Role) -> None:
    decides = role in (Role.STEWARD, Role.PANELLIST)
    assert access.may_decide(an_actor(role, scope=FUND), FUND) is decides
    assert not access.may_decide(an_actor(role, scope=uuid4()), FUND)


def test_an_auditor_looks_and_never_decides() -> None:
    auditor = an_actor(Role.AUDITOR, Role.STEWARD)
    assert access.may_look(auditor, FUND)
    assert not access.may_decide(auditor, FUND)


@pytest.mark.parametrize(
    ("interested", "has_said", "words"),
    [(True, False, "somebody else must decide"), (False, True, "somebody else’s turn")],
)
def test_an_interest_or_an_answer_bars(interested: bool, has_said: bool, words: str) -> None:
    with pytest.raises(NotAllowed, match=words):
        access.ensure_may_decide(an_actor(Role.STEWARD), FUND, interested=interested, has_said=has_said)


def test_the_second_person_is_anybody_else_of_the_group_or_who_signs_for_its_host() -> None:
    parties, writer = Parties(GROUP, HOST, FUND), uuid4()
    assert why_not_second(an_actor(groups={GROUP: NONE}), parties, writer) is None
    assert why_not_second(an_actor(groups={HOST: SIGNS}), parties, writer) is None
    for actor in (
        NOBODY,
        an_actor(id=writer, groups={GROUP: SIGNS}),
        an_actor(groups={HOST: NONE}),
        an_actor(groups={uuid4(): SIGNS}),
        an_actor(Role.STEWARD),
    ):
        with pytest.raises(NotAllowed):
            ensure_may_second(actor, parties, writer)
