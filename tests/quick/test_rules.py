"""When an ask is decided, by when, and what is counted."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grants.kernel.errors import RuleBroken
from grants.quick import rules
from grants.quick.rules import NO_WORDS, TURN_TO, NoCode, Opinion, Says, Standing, standing
from grants.rounds.rules.quick import working_days_later
from tests.support.clock import START

Y, N = Says.YES, Says.NO


def said(*what: Says, last: NoCode = NoCode.OTHER) -> list[Opinion]:
    """These answers of different people; a no has a kind."""
    return [
        Opinion(
            UUID(int=number), one, (last if number == len(what) else NoCode.OTHER) if one is N else None, f"{number}"
        )
        for number, one in enumerate(what, 1)
    ]


@pytest.mark.parametrize(
    ("what", "others", "where"),
    [
        ((), True, Standing.FIRST),
        ((Y,), True, Standing.SECOND),
        ((N,), True, Standing.SECOND),
        ((Y, Y), True, Standing.FUNDED),
        ((N, N), True, Standing.REFUSED),
        ((Y, N), True, Standing.THIRD),
        ((N, Y), True, Standing.THIRD),
        ((Y, N), False, Standing.REFUSED),
        ((N, Y), False, Standing.REFUSED),
        ((Y, N, Y), True, Standing.FUNDED),
        ((N, Y, N), False, Standing.REFUSED),
    ],
)
def test_where_an_ask_stands(what: tuple[Says, ...], others: bool, where: Standing) -> None:
    assert standing(said(*what), others=others) is where


def test_one_person_alone_never_decides_even_that_the_money_is_gone() -> None:
    assert standing(said(N, last=NoCode.NO_MONEY), others=False) is Standing.SECOND
    assert standing(said(Y, N, last=NoCode.NO_MONEY)) is Standing.REFUSED


def test_the_group_is_told_the_words_of_all_who_said_what_was_decided() -> None:
    assert rules.told(said(Y, N, Y), Standing.FUNDED) == (None, "1\n\n3")
    assert rules.told(said(Y, N), Standing.REFUSED) == (NoCode.OTHER, "2")


def test_every_kind_of_no_has_words_and_somewhere_to_turn() -> None:
    assert set(NO_WORDS) == set(TURN_TO) == set(NoCode)


def test_words_have_an_end() -> None:
    with pytest.raises(RuleBroken) as refused:
        rules.checked_reason(Y, None, "x" * (rules.REASON_AT_MOST + 1), agrees=True)
    assert refused.value.field == "reason"


@given(st.dates(date(2026, 1, 1), date(2027, 12, 31)), st.integers(1, 20))
def test_the_last_day_is_a_working_day_and_so_many_lie_between(day: date, days: int) -> None:
    last = working_days_later(day, days)
    between = [day + timedelta(days=one) for one in range(1, (last - day).days + 1)]
    assert last.weekday() < 5
    assert sum(one.weekday() < 5 for one in between) == days


def test_what_is_put_in_late_at_night_counts_from_its_london_day() -> None:
    summer = START.replace(month=7, day=1, hour=23, minute=30)  # half past midnight in London
    assert rules.answer_by(summer, 1) == date(2026, 7, 3)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=30))
def test_half_of_all_waited_no_longer_than_the_median(days: list[int]) -> None:
    middle = float(rules.median(days) or 0)
    assert 2 * sum(one <= middle for one in days) >= len(days)
    assert 2 * sum(one >= middle for one in days) >= len(days)
