"""The moment at which the tests stand."""

from __future__ import annotations

from datetime import UTC, datetime

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""A Monday noon in winter time: London and UTC agree, and summer time begins within the month."""
