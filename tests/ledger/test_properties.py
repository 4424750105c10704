"""Whatever happens in whatever order: no penny is lost, none is invented, nothing stands below nought."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from grants.kernel.errors import NotEnoughMoney
from grants.kernel.tables import Base
from grants.ledger import queries
from grants.ledger.rules import Line, Pocket, bank_code, grants_code, moved, pocket_code, refunds_code
from grants.ledger.service import open_contribution, open_fund, post
from tests.support.schema import load_models
from tests.support.work import work

FUND, GIVEN = UUID(int=1), (UUID(int=2), UUID(int=3))
STEPS = ("receive", "commit", "release", "send", "fail", "pay", "return", "give back")

steps = st.lists(
    st.tuples(st.sampled_from(STEPS), st.sampled_from(GIVEN), st.integers(1, 400)), min_size=1, max_size=40
)


def lines_of(step: str, one: UUID, minor: int) -> list[Line]:
    """What each step of a grant's life does to the books."""
    bank, award = bank_code(FUND), UUID(int=9)
    return {
        "receive": [Line(bank, minor), Line(pocket_code(one, Pocket.AVAILABLE), -minor)],
        "commit": moved(one, minor, Pocket.AVAILABLE, Pocket.COMMITTED, award),
        "release": moved(one, minor, Pocket.COMMITTED, Pocket.AVAILABLE, award),
        "send": moved(one, minor, Pocket.COMMITTED, Pocket.SENDING, award),
        "fail": moved(one, minor, Pocket.SENDING, Pocket.COMMITTED, award),
        "pay": [
            *moved(one, minor, Pocket.SENDING, Pocket.PAID, award),
            Line(grants_code(FUND), minor),
            Line(bank, -minor),
        ],
        "return": [
            *moved(one, minor, Pocket.PAID, Pocket.AVAILABLE, award),
            Line(bank, minor),
            Line(grants_code(FUND), -minor),
        ],
        "give back": [
            *moved(one, minor, Pocket.AVAILABLE, Pocket.RETURNED, None),
            Line(refunds_code(FUND), minor),
            Line(bank, -minor),
        ],
    }[step]


MOVES = {  # step: from which pocket of the model, to which
    "receive": (None, "available"),
    "commit": ("available", "committed"),
    "release": ("committed", "available"),
    "send": ("committed", "sending"),
    "fail": ("sending", "committed"),
    "pay": ("sending", "paid"),
    "return": ("paid", "available"),
    "give back": ("available", "returned"),
}


@pytest.fixture(scope="module")
def books() -> Iterator[Engine]:
    load_models()
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(happenings=steps)
def test_no_penny_is_lost_and_none_is_spent_twice(books: Engine, happenings: list[tuple[str, UUID, int]]) -> None:
    with books.connect() as connection, connection.begin() as outer, Session(connection) as session:
        uow = work(session)
        open_fund(uow, FUND)
        model = {one: dict.fromkeys((p.value for p in Pocket), 0) for one in GIVEN}
        received = 0
        for one in GIVEN:
            open_contribution(uow, FUND, one)
        for number, (step, one, minor) in enumerate(happenings):
            source, target = MOVES[step]
            held = minor if source is None else model[one][source]
            short = 0
            try:
                for _ in range(2):  # the same event twice is one entry
                    post(uow, key=f"{number}", event=step, fund_id=FUND, lines=lines_of(step, one, minor))
            except NotEnoughMoney as refused:
                short = refused.shortfall_minor
            assert short == max(0, minor - held), f"{step} of {minor} with {model[one]}"
            if short:
                continue
            if source:
                model[one][source] -= minor
            else:
                received += minor
            model[one][target] += minor
        pockets = queries.pockets_of(session, GIVEN)
        for one in GIVEN:
            assert {p.value: getattr(pockets[one], f"{p.value}_minor") for p in Pocket} == model[one]
        assert queries.added_up(list(pockets.values())).received_minor == received
        balances = {b.account.code: b.balance_minor for b in queries.trial_balance(session, FUND)}
        assert sum(balances.values()) == 0
        assert balances[bank_code(FUND)] == received - sum(m["paid"] + m["returned"] for m in model.values())
        assert balances[grants_code(FUND)] == sum(m["paid"] for m in model.values())
        assert queries.breaks(session) == []
        outer.rollback()
