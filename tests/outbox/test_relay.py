"""Several relays at once, letters that are forgotten, and what somebody lets be tried again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.kernel.actors import CLOCK, Actor, Role
from grants.kernel.errors import NotAllowed, RuleBroken
from grants.kernel.trail import AuditEvent
from grants.kernel.work import UnitOfWork
from grants.outbox import queries
from grants.outbox.models import OutboxRow
from grants.outbox.service import ATTEMPTS, address, forget, put, put_mail, send_due, try_again
from grants.web.db import transaction
from tests.builders.actors import an_actor
from tests.support.clock import START
from tests.support.race import race
from tests.support.schema import an_engine
from tests.support.work import work

LETTERS = 40


def relay(ready: Callable[[], None], url: str, ledger: str, lane: int) -> int:
    """One racer: a relay that writes down each key that it sends."""
    engine = an_engine(url)

    @contextmanager
    def working() -> Iterator[UnitOfWork]:
        with Session(engine) as session, transaction(session, engine, CLOCK, START) as uow:
            yield uow

    with open(f"{ledger}.{lane}", "a") as sent:
        ready()
        done, failed = send_due(working, {"mail": lambda payload, key: print(key, file=sent)})
    engine.dispose()
    assert failed == 0
    return done


@pytest.mark.race
def test_racing_relays_send_each_letter_once(any_url: str, tmp_path: Path) -> None:
    engine = an_engine(any_url)
    with Session(engine) as session, transaction(session, engine, CLOCK, START) as uow:
        for number in range(LETTERS):
            put_mail(uow, to="ada@example.org", subject="Hello", text="Come in", key=f"hello:{number}")
    finishes = race(relay, [(any_url, str(tmp_path / "sent"), lane) for lane in range(3)])
    assert [f.error for f in finishes if f.error] == []
    sent = Counter(line for file in tmp_path.glob("sent.*") for line in file.read_text().split())
    assert sent == {f"hello:{number}": 1 for number in range(LETTERS)}
    assert sum(f.gave for f in finishes) == LETTERS
    with Session(engine) as session:
        assert queries.counts(session).sent == LETTERS
    engine.dispose()


def a_letter(session: Session, *, to: str = "ada@example.org", **fields: Any) -> OutboxRow:
    number = len(session.scalars(select(OutboxRow.id)).all())
    row = OutboxRow(
        **{
            "kind": "mail",
            "key": f"letter:{number}",
            "payload": {"to": to, "subject": "Hello", "text": "Come in"},
            "created_at": START,
            "due_at": START,
            **fields,
        }
    )
    session.add(row)
    session.flush()
    return row


def test_what_was_given_up_is_tried_again_when_somebody_says_so(any_session: Session) -> None:
    lost = a_letter(any_session, attempts=ATTEMPTS, given_up_at=START, last_error="OSError")
    try_again(work(any_session, an_actor(Role.STEWARD)), lost.id)
    any_session.flush()
    assert (lost.given_up_at, lost.attempts, lost.due_at) == (None, 0, START)
    assert any_session.scalars(select(AuditEvent.verb)).all() == ["outbox.tried_again"]


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.STEWARD, Role.ADMIN)])
def test_nobody_else_lets_it_be_tried_again(session: Session, role: Role) -> None:
    lost = a_letter(session, given_up_at=START)
    with pytest.raises(NotAllowed):
        try_again(work(session, an_actor(role)), lost.id)


def test_what_was_sent_is_not_sent_again(session: Session) -> None:
    sent = a_letter(session, sent_at=START)
    with pytest.raises(RuleBroken, match="sent already"):
        try_again(work(session, an_actor(Role.ADMIN)), sent.id)


def test_letters_to_somebody_who_is_forgotten_are_blanked_and_never_sent(any_session: Session) -> None:
    waiting, other = a_letter(any_session, to="ada@example.org"), a_letter(any_session, to="bob@example.org")
    forget(work(any_session), "ada@example.org")
    any_session.expire_all()
    assert set(waiting.payload.values()) == {""}
    assert other.payload["to"] == "bob@example.org"
    sent: list[str] = []

    @contextmanager
    def working() -> Iterator[UnitOfWork]:
        yield work(any_session, CLOCK)
        any_session.flush()

    send_due(working, {"mail": lambda payload, key: sent.append(payload["to"])})
    assert sent == ["bob@example.org"]
    with pytest.raises(RuleBroken, match="forgotten"):
        try_again(work(any_session, an_actor(Role.ADMIN)), waiting.id)


def test_the_outbox_is_counted(any_session: Session) -> None:
    a_letter(any_session, sent_at=START)
    a_letter(any_session)
    failing = a_letter(any_session, attempts=1, last_error="OSError")
    lost = a_letter(any_session, attempts=ATTEMPTS, given_up_at=START, last_error="OSError")
    assert queries.counts(any_session) == queries.Counts(sent=1, waiting=2, failing=1, given_up=1)
    assert queries.failing(any_session) == [failing, lost]


def test_a_letter_names_our_pages_without_knowing_where_we_stand(session: Session) -> None:
    put(work(session, Actor(id=None)), "mail", {"text": address("/rounds")}, key="k")
    assert session.scalars(select(OutboxRow)).one().payload["text"] == "seedbed:/rounds"
