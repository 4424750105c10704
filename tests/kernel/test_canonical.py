"""Facts written down in one form only."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grants.kernel.canonical import canonical_json, fingerprint


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.booleans() | st.none()))
def test_the_order_of_facts_changes_nothing(facts: dict[str, Any]) -> None:
    assert fingerprint(dict(reversed(facts.items()))) == fingerprint(facts)


def test_a_moment_is_written_in_utc_whatever_its_zone() -> None:
    summer = datetime(2026, 7, 1, 9, 0, tzinfo=ZoneInfo("Europe/London"))
    assert canonical_json([summer]) == '["2026-07-01T08:00:00Z"]'
    assert canonical_json(summer.astimezone(UTC)) == canonical_json(summer)


def test_sets_and_ids_are_written_sorted_and_as_text() -> None:
    assert canonical_json({"ids": {UUID(int=2), UUID(int=1)}}) == (
        '{"ids":["00000000-0000-0000-0000-000000000001","00000000-0000-0000-0000-000000000002"]}'
    )


@pytest.mark.parametrize("facts", [0.5, {"a": 1.0}, {1: 2}, b"bytes", datetime(2026, 1, 1), object()])  # noqa: DTZ001
def test_what_has_no_single_form_is_refused(facts: Any) -> None:
    with pytest.raises(TypeError):
        canonical_json(facts)
