"""Inserts that know what to do when the row stands already."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from grants.kernel.tables import Base


def insert_into(session: Session, model: type[Base]) -> Any:
    """An insert that can say what to do ON CONFLICT, in the words of this session's database."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    return dialect.insert(_table(model))


def count_up(session: Session, model: type[Base], key: Mapping[str, Any], **more: int) -> None:
    """Add to the numbers of the row with this key, which is made when there is none. Two at once both count."""
    columns = _table(model).c
    put = insert_into(session, model).values(**key, **more)
    added = {name: columns[name] + put.excluded[name] for name in more}
    session.execute(put.on_conflict_do_update(index_elements=[columns[name] for name in key], set_=added))


def _table(model: type[Base]) -> Table:
    table = model.__table__
    assert isinstance(table, Table)
    return table
