"""Finding something in the bank of insights."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from grants.insights import queries
from tests.builders.insights import an_insight
from tests.support.clock import START


def test_every_word_must_stand_in_what_was_said_or_how_it_was_heard(any_session: Session) -> None:
    session = any_session
    green = an_insight(session, text="Green space matters", how_heard="A walk")
    an_insight(session, text="Green peas matter", how_heard="A lunch")
    assert queries.search(session, "WALK green").rows == [green]
    assert queries.search(session, "gr_en").rows == []


def test_the_bank_is_read_by_ward_in_pages_the_newest_first(session: Session) -> None:
    old = an_insight(session, ward_code="E05000001", recorded_at=START - timedelta(days=1))
    new = an_insight(session, ward_code="E05000001")
    for _ in range(queries.PER_PAGE):
        an_insight(session)
    assert queries.search(session, ward_code="E05000001").rows == [new, old]
    everything = queries.search(session, page=7)
    assert (everything.page, everything.pages, everything.total) == (2, 2, queries.PER_PAGE + 2)
    assert everything.rows[-1] == old
