"""The table of an issue's life."""

from __future__ import annotations

from collections import deque

from grants.issues.rules import LISTED, PUBLIC, STEPS, IssueState


def test_every_state_can_be_reached_from_the_first() -> None:
    seen, waiting = {IssueState.RAISED}, deque([IssueState.RAISED])
    while waiting:
        here = waiting.popleft()
        for (state, _), after in STEPS.items():
            if state is here and after not in seen:
                seen.add(after)
                waiting.append(after)
    assert seen == set(IssueState)


def test_only_what_is_merged_or_closed_goes_nowhere() -> None:
    assert set(IssueState) - {state for state, _ in STEPS} == {IssueState.MERGED, IssueState.CLOSED}


def test_what_was_not_looked_at_or_is_hidden_is_not_public() -> None:
    assert set(IssueState) - PUBLIC == {IssueState.RAISED, IssueState.HIDDEN}
    assert IssueState.MERGED not in LISTED
