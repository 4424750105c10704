"""The bank of insights."""

from __future__ import annotations

from itertools import count

from sqlalchemy.orm import Session

from grants.insights.models import Insight
from tests.support.clock import START

_numbers = count(1)


def an_insight(session: Session, *, text: str = "", **fields: object) -> Insight:
    """Something that was heard, about no ward in particular."""
    insight = Insight(
        **{
            "text": text or f"People walk more where there is green space, heard {next(_numbers)} times.",
            "how_heard": "Conversations in five areas",
            "recorded_at": START,
            **fields,
        }
    )
    session.add(insight)
    session.flush()
    return insight
