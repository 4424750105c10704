"""What is in the outbox."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from grants.kernel.actors import Role
from grants.kernel.asking import Who
from grants.outbox.models import OutboxRow


def mail(session: Session, *, limit: int = 100, offset: int = 0, few_of: str = "", few: int = 3) -> list[OutboxRow]:
    """Letters, newest first: for the demonstration's mailbox.

    ``few_of``: of letters whose key begins so, only the ``few`` newest, or they would be nearly all that one sees.
    """
    return list(
        session.scalars(
            select(OutboxRow)
            .where(*_letters(few_of, few))
            .order_by(OutboxRow.created_at.desc(), OutboxRow.key)
            .limit(limit)
            .offset(offset)
        )
    )


def letter(session: Session, id: UUID) -> OutboxRow | None:
    """One letter, sent or not, or nothing."""
    return session.scalar(select(OutboxRow).where(OutboxRow.id == id, OutboxRow.kind == "mail"))


def row_by_key(session: Session, key: str) -> OutboxRow | None:
    """The row that was put in under this key."""
    return session.scalar(select(OutboxRow).where(OutboxRow.key == key))


def unsent(session: Session, keys: Collection[str]) -> dict[str, OutboxRow]:
    """Of what was put in under these keys, what has not left yet."""
    found = session.scalars(select(OutboxRow).where(OutboxRow.key.in_(keys), OutboxRow.sent_at.is_(None)))
    return {row.key: row for row in found}


def failing(session: Session, *, limit: int = 100) -> list[OutboxRow]:
    """What could not be sent yet or at all, oldest first."""
    return list(
        session.scalars(
            select(OutboxRow)
            .where(OutboxRow.sent_at.is_(None), OutboxRow.last_error.is_not(None))
            .order_by(OutboxRow.created_at, OutboxRow.key)
            .limit(limit)
        )
    )


@dataclass(frozen=True, slots=True)
class Counts:
    """How much was sent and waits; ``failing`` are those waiting that failed before; ``given_up`` wait no more."""

    sent: int
    waiting: int
    failing: int
    given_up: int


def counts(session: Session) -> Counts:
    """How the outbox stands, in one query."""
    waits = OutboxRow.sent_at.is_(None) & OutboxRow.given_up_at.is_(None)
    row = session.execute(
        select(
            func.count().filter(OutboxRow.sent_at.is_not(None)),
            func.count().filter(waits),
            func.count().filter(waits & OutboxRow.last_error.is_not(None)),
            func.count().filter(OutboxRow.sent_at.is_(None) & OutboxRow.given_up_at.is_not(None)),
        ).select_from(OutboxRow)
    ).one()
    return Counts(*row)


def given_up(who: Who) -> Select[Any] | None:
    """For stewards and admins: how much could not be sent, where there is such."""
    if not who.holds(Role.STEWARD, Role.ADMIN):
        return None
    lost = OutboxRow.sent_at.is_(None) & OutboxRow.given_up_at.is_not(None)
    return select(func.count()).select_from(OutboxRow).where(lost).having(func.count() > 0)


def mail_count(session: Session, *, few_of: str = "", few: int = 3) -> int:
    """How many letters ``mail`` gives without a limit."""
    return session.scalar(select(func.count(OutboxRow.id)).where(*_letters(few_of, few))) or 0


def _letters(few_of: str, few: int) -> list[ColumnElement[bool]]:
    letters = [OutboxRow.kind == "mail"]
    if few_of:
        many = OutboxRow.key.startswith(few_of, autoescape=True)
        newest = select(OutboxRow.id).where(OutboxRow.kind == "mail", many)
        newest = newest.order_by(OutboxRow.created_at.desc(), OutboxRow.key).limit(few)
        letters.append(or_(~many, OutboxRow.id.in_(newest)))
    return letters
