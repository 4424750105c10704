"""The order of an agenda, and who counts for a bid."""

from __future__ import annotations

from uuid import UUID

import pytest

from grants.kernel.errors import StepRefused
from grants.kernel.states import next_state
from grants.meetings.rules import STEPS, AgendaOrder, MeetingAction, MeetingState, agenda, free_of, lacks

ONE, TWO, THREE = (UUID(int=n) for n in (1, 2, 3))


@pytest.mark.parametrize("state", list(MeetingState))
@pytest.mark.parametrize("action", list(MeetingAction))
def test_only_the_table_s_steps_can_be_taken(state: MeetingState, action: MeetingAction) -> None:
    if (state, action) in STEPS:
        assert next_state(STEPS, state, action) is not state
    else:
        with pytest.raises(StepRefused):
            next_state(STEPS, state, action)


def test_an_agenda_follows_the_result_or_takes_first_what_the_panel_is_far_apart_about() -> None:
    spread = {TWO: 3, THREE: 3}
    assert agenda(AgendaOrder.RESULT, [ONE, TWO, THREE], spread) == (ONE, TWO, THREE)
    assert agenda(AgendaOrder.APART, [ONE, TWO, THREE], spread) == (TWO, THREE, ONE)


def test_only_those_present_without_an_interest_count() -> None:
    assert free_of([ONE, TWO], [TWO, THREE]) == {ONE}
    assert [lacks([ONE, TWO], out, 2) for out in ((), (THREE,), (TWO,), (ONE, TWO))] == [0, 0, 1, 2]
