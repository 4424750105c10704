"""Put things in the outbox, and relay them once the transaction that wrote them has been committed."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, or_, select, update
from sqlalchemy.exc import IntegrityError

from grants.kernel.actors import Role
from grants.kernel.errors import NotAllowed, RuleBroken
from grants.kernel.work import UnitOfWork
from grants.outbox.models import OutboxRow

CLAIM = timedelta(minutes=5)
ATTEMPTS = 8
HERE = "seedbed:"

Handler = Callable[[dict[str, Any], str], None]
"""Takes a row's payload and its key; the same key twice must have one effect. Raises when it did not work."""
Working = Callable[[], AbstractContextManager[UnitOfWork]]


def address(path: str) -> str:
    """How a letter names a page of ours; the relay puts in front of it where Seedbed stands (``GRANTS_BASE_URL``).

    >>> address("/rounds")
    'seedbed:/rounds'
    """
    return HERE + path


def with_addresses(text: str, base_url: str) -> str:
    """The letter's text with whole addresses.

    >>> with_addresses("Look at seedbed:/rounds", "https://example.org")
    'Look at https://example.org/rounds'
    """
    return text.replace(f"{HERE}/", f"{base_url}/")


def put(uow: UnitOfWork, kind: str, payload: dict[str, Any], *, key: str, subject_id: UUID | None = None) -> None:
    """Ask for something to leave after this transaction. The same ``key`` again is ignored."""
    if _asked(uow, key):
        return
    row = OutboxRow(kind=kind, key=key, payload=payload, subject_id=subject_id, created_at=uow.now, due_at=uow.now)
    try:
        with uow.session.begin_nested():
            uow.add(row)
    except IntegrityError:  # somebody else asked for the same in this moment
        if not _asked(uow, key):
            raise


def _asked(uow: UnitOfWork, key: str) -> bool:
    return uow.session.scalar(select(OutboxRow.id).where(OutboxRow.key == key)) is not None


def put_mail(uow: UnitOfWork, *, to: str, subject: str, text: str, key: str, subject_id: UUID | None = None) -> None:
    """Ask for a letter by e-mail. ``text`` is plain text; a page of ours is named with ``address("/path")``."""
    put(uow, "mail", {"to": to, "subject": subject, "text": text}, key=key, subject_id=subject_id)


def forget(uow: UnitOfWork, email: str) -> None:
    """Blank every letter to this address: somebody has asked to be forgotten. What was not sent yet never is."""
    uow.session.execute(
        update(OutboxRow)
        .where(OutboxRow.kind == "mail", OutboxRow.payload["to"].as_string() == email)
        .values(payload={"to": "", "subject": "", "text": ""}, given_up_at=uow.now)
    )


def try_again(uow: UnitOfWork, row_id: UUID) -> None:
    """Let the relay try what it could not send, from now on, as often as if it were new. Stewards and admins."""
    if not (uow.actor.has(Role.STEWARD) or uow.actor.has(Role.ADMIN)):
        raise NotAllowed("Only a steward or an admin may send mail again.")
    row = uow.get(OutboxRow, row_id, lock=True)
    if row.sent_at is not None:
        raise RuleBroken("This was sent already.")
    if row.kind == "mail" and not row.payload.get("to"):
        raise RuleBroken("This letter was blanked, because its reader asked to be forgotten.")
    row.due_at, row.given_up_at, row.attempts = uow.now, None, 0
    uow.record("outbox.tried_again", row)


def retry(uow: UnitOfWork, key: str) -> None:
    """Let the relay try the row of this key from now on, as often as if it were new; nothing when it was sent."""
    row = uow.session.scalar(select(OutboxRow).where(OutboxRow.key == key).with_for_update())
    if row is not None and row.sent_at is None:
        row.due_at, row.given_up_at, row.attempts = uow.now, None, 0


def drop(uow: UnitOfWork, *, prefix: str, subject_id: UUID) -> None:
    """Delete what was asked for about a subject under keys that begin with ``prefix``, sent or not."""
    uow.session.execute(
        delete(OutboxRow).where(OutboxRow.subject_id == subject_id, OutboxRow.key.startswith(prefix, autoescape=True))
    )


def drop_sent(uow: UnitOfWork, *, prefix: str) -> None:
    """Delete what has left under keys that begin with ``prefix``."""
    uow.session.execute(
        delete(OutboxRow).where(OutboxRow.sent_at.is_not(None), OutboxRow.key.startswith(prefix, autoescape=True))
    )


def send_due(working: Working, handlers: Mapping[str, Handler], *, limit: int = 100) -> tuple[int, int]:
    """Relay what is due: claim in one transaction, send outside any, note the outcome in another.

    Returns how many were sent and how many failed. A relay that dies leaves its claim to run out; the key makes the
    repeated sending harmless. Failures come back later, each time after twice as long, eight times.
    """
    sent = failed = 0
    for _ in range(limit):
        claimed = _claim(working, handlers)
        if claimed is None:
            break
        row_id, kind, key, payload = claimed
        try:
            handlers[kind](payload, key)
        except Exception as error:  # whatever a provider throws must not stop the rest
            failed += 1
            _note_failure(working, row_id, type(error).__name__)
        else:
            sent += 1
            with working() as uow:
                uow.session.execute(
                    update(OutboxRow)
                    .where(OutboxRow.id == row_id)
                    .values(sent_at=uow.now, attempts=OutboxRow.attempts + 1, last_error=None)
                )
    return sent, failed


def _claim(working: Working, handlers: Mapping[str, Handler]) -> tuple[UUID, str, str, dict[str, Any]] | None:
    with working() as uow:
        free = or_(OutboxRow.claimed_until.is_(None), OutboxRow.claimed_until < uow.now)
        row = uow.session.scalar(
            select(OutboxRow)
            .where(
                OutboxRow.sent_at.is_(None),
                OutboxRow.given_up_at.is_(None),
                OutboxRow.due_at <= uow.now,
                OutboxRow.kind.in_(tuple(handlers)),
                free,
            )
            .order_by(OutboxRow.due_at, OutboxRow.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        if row is None:
            return None
        row.claimed_until = uow.now + CLAIM
        return row.id, row.kind, row.key, dict(row.payload)


def _note_failure(working: Working, row_id: UUID, error: str) -> None:
    with working() as uow:
        row = uow.get(OutboxRow, row_id, lock=True)
        row.attempts += 1
        row.claimed_until = None
        row.last_error = error
        row.due_at = uow.now + timedelta(minutes=2**row.attempts)
        if row.attempts >= ATTEMPTS:
            row.given_up_at = uow.now
