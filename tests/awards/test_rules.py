"""The words and the arithmetic of awards."""

from __future__ import annotations

from datetime import date
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grants.awards.rules import (
    AGREEMENT_STEPS,
    STEPS,
    AgreementState,
    AwardAction,
    AwardState,
    Part,
    Signer,
    Terms,
    agreement_text,
    check_parts,
    check_signer,
    default_parts,
    home_mark,
    reference_of,
    signed_by_all,
    tidy_name,
)
from grants.kernel.errors import RuleBroken, StepRefused
from grants.kernel.states import next_state

FIRST = date(2026, 3, 2)


@pytest.mark.parametrize("state", AwardState)
@pytest.mark.parametrize("action", AwardAction)
def test_an_award_takes_only_the_steps_of_the_table(state: AwardState, action: AwardAction) -> None:
    if (state, action) in STEPS:
        assert next_state(STEPS, state, action) is STEPS[state, action]
    else:
        with pytest.raises(StepRefused):
            next_state(STEPS, state, action)


def test_an_ended_award_takes_no_step_and_a_void_agreement_none_either() -> None:
    ended = {AwardState.DECLINED, AwardState.LAPSED, AwardState.CLOSED, AwardState.TERMINATED}
    assert not {state for state, _ in STEPS} & ended
    assert AgreementState.VOID not in {state for state, _ in AGREEMENT_STEPS}


@given(st.integers(1, 10**9))
def test_default_parts_always_add_up(amount: int) -> None:
    parts = default_parts(amount, FIRST)
    check_parts(parts, amount)
    assert len(parts) == (1 if amount <= 100_000 else 2)
    assert parts[0].amount_minor >= parts[-1].amount_minor


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([], "more than £0"),
        ([Part(100, FIRST), Part(0, FIRST)], "more than £0"),
        ([Part(60, FIRST), Part(50, FIRST)], "£0.10 more than the award"),
        ([Part(60, FIRST)], "£0.40 less than the award"),
        ([Part(60, date(2026, 5, 1)), Part(40, FIRST)], "order of their days"),
    ],
)
def test_parts_that_do_not_fit_are_refused_with_the_difference(parts: list[Part], words: str) -> None:
    with pytest.raises(RuleBroken, match=words):
        check_parts(parts, 100)


@given(st.uuids())
def test_a_reference_fits_a_bank_statement(id: UUID) -> None:
    assert len(reference_of(id)) <= 18
    assert not set(reference_of(id)) & set("ILOU")


def terms(**changed: object) -> Terms:
    return Terms(
        **{  # type: ignore[arg-type]
            "reference": "SB-0000-0001",
            "version": 2,
            "fund": "The town's pot",
            "group": "Soup Circle",
            "payee": "",
            "title": "Soup and seeds",
            "summary": "We cook together.",
            "priority": "Good food",
            "amount_minor": 150_000,
            "parts": default_parts(150_000, FIRST),
            **changed,
        }
    )


def test_the_agreement_says_what_how_much_when_and_what_is_asked() -> None:
    text = agreement_text(terms(extra="You share your recipes."))
    for words in (
        "SB-0000-0001, version 2",
        "Soup and seeds. We cook together.",
        "£1,500.",
        "Part 1: £750, on 2 March 2026",
        "Part 2: £750, on 31 May 2026",
        "Give back what you do not spend",
        "You share your recipes.",
    ):
        assert words in text


def test_the_agreement_names_who_holds_the_money() -> None:
    assert "The Hall Trust holds the money" in agreement_text(terms(payee="The Hall Trust"))
    assert "holds the money" not in agreement_text(terms())


def signer(name: str, *, group: bool = True, host: bool = False) -> Signer:
    return Signer(uuid4(), name, group, host)


def test_two_members_sign_but_never_one_twice() -> None:
    rose = signer("Rose Marwood")
    assert not signed_by_all([rose], hosted=False)
    assert not signed_by_all([rose, rose], hosted=False)
    assert signed_by_all([rose, signer("Ali Khan")], hosted=False)
    with pytest.raises(RuleBroken, match="signed already"):
        check_signer(rose, [rose], hosted=False)


def test_the_same_typed_name_is_not_a_second_person() -> None:
    with pytest.raises(RuleBroken, match="That name is there already"):
        check_signer(signer("rose marwood"), [signer("Rose Marwood")], hosted=False)


def test_a_hosted_group_signs_with_one_name_from_each_side() -> None:
    member, host = signer("Rose Marwood"), signer("Ali Khan", group=False, host=True)
    assert signed_by_all([member, host], hosted=True)
    with pytest.raises(RuleBroken, match="now the host signs"):
        check_signer(signer("Bo Lee"), [member], hosted=True)
    with pytest.raises(RuleBroken, match="now the group signs"):
        check_signer(signer("Bo Lee", group=False, host=True), [host], hosted=True)


@pytest.mark.parametrize("house", ["12 ", "No. 12", "number 12", "12, High Street", "012", "\uff11\uff12", "House 12"])
def test_one_door_is_one_door_however_it_is_written(house: str) -> None:
    one = home_mark("k", UUID(int=1), "12", "TS18 1AB")
    assert home_mark("k", UUID(int=1), house, "ts181ab") == one
    for other in ("12a", "1 and 2", "Flat 1, 2", "112", "Rose Cottage"):
        assert home_mark("k", UUID(int=1), other, "TS18 1AB") != one


@pytest.mark.parametrize("typed", ["", "  ", "7", "--", "x" * 121])
def test_what_is_no_name_is_refused(typed: str) -> None:
    with pytest.raises(RuleBroken, match="full name"):
        tidy_name(typed)
