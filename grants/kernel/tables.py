"""The base of every table, and the column types that make both databases agree."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar
from uuid import UUID, uuid4

from sqlalchemy import DDL, BigInteger, DateTime, Enum, MetaData, Table, UniqueConstraint, Uuid, event, text
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class Utc(TypeDecorator[datetime]):
    """An aware moment, stored as UTC. SQLite drops the zone, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Minor = Annotated[int, mapped_column(BigInteger)]
"""Pence."""


class Base(DeclarativeBase):
    """Every row has a random id: an order of ids must never tell an order of events (ballot secrecy)."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {UUID: Uuid(), datetime: Utc()}


class Identified(Base):
    """A table whose key is one random UUID."""

    __abstract__ = True

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)


def state_column(states: type[StrEnum], **kwargs: Any) -> Any:
    """A state as its word, with a CHECK that knows every word."""
    kind = Enum(
        states,
        native_enum=False,
        create_constraint=True,
        length=32,
        values_callable=lambda enum: [member.value for member in enum],
        name=f"{states.__name__.lower()}_known",
    )
    return mapped_column(kind, **kwargs)


def append_only_ddl(table: Table) -> dict[str, tuple[str, ...]]:
    """Statements per dialect that make the database refuse to change, to take away and to replace rows of ``table``.

    SQLite does not call a trigger for the row that ``INSERT OR REPLACE`` puts aside, so a row whose key stands already
    (or whose hidden ``rowid`` does) is refused before it is looked at.
    """
    name = table.name
    keys: list[list[str]] = [[column.name for column in table.primary_key], ["rowid"]]
    keys += sorted([c.name for c in one.columns] for one in table.constraints if isinstance(one, UniqueConstraint))
    stands = " OR ".join(
        f"EXISTS (SELECT 1 FROM {name} WHERE {' AND '.join(f'{column} = NEW.{column}' for column in key)})"  # noqa: S608
        for key in keys
    )
    refuses = f"BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END"
    return {
        "sqlite": (
            *(
                f"CREATE TRIGGER {name}_no_{verb.lower()} BEFORE {verb} ON {name} {refuses}"
                for verb in ("UPDATE", "DELETE")
            ),
            f"CREATE TRIGGER {name}_no_replace BEFORE INSERT ON {name} WHEN {stands} {refuses}",
        ),
        "postgresql": (
            f"CREATE OR REPLACE FUNCTION {name}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{name} is append-only'; END $$",
            f"CREATE TRIGGER {name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {name} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {name}_refuse()",
        ),
    }


def make_append_only(table: Table) -> None:
    """Install the append-only triggers whenever ``table`` is created from the metadata."""
    table.info["append_only"] = True
    for dialect, statements in append_only_ddl(table).items():
        for statement in statements:
            event.listen(table, "after_create", DDL(statement.replace("%", "%%")).execute_if(dialect=dialect))


def guards_gone(connection: Connection) -> list[tuple[str, str]]:
    """Append-only tables whose triggers somebody has dropped, switched off or reworded: table and trigger, in order."""
    sqlite = connection.dialect.name == "sqlite"
    rows = connection.execute(text(_SQLITE_TRIGGERS if sqlite else _POSTGRESQL_TRIGGERS)).tuples()
    standing = {str(name): str(body) for name, body in rows}
    found = []
    for table in sorted((one for one in Base.metadata.tables.values() if "append_only" in one.info), key=str):
        ddl = append_only_ddl(table)
        if sqlite:
            wanted = {statement.split()[2]: statement for statement in ddl["sqlite"]}
        else:
            wanted = {f"{table.name}_append_only": ddl["postgresql"][0].split("$$")[1]}
        found += [(table.name, name) for name, body in wanted.items() if standing.get(name) != body]
    return found


_SQLITE_TRIGGERS = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
_POSTGRESQL_TRIGGERS = """
    SELECT t.tgname, p.prosrc FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
    WHERE t.tgenabled IN ('O', 'A') AND t.tgqual IS NULL AND t.tgtype & 58 = 58
    AND t.tgrelid = to_regclass(replace(t.tgname, '_append_only', ''))
"""
"""58: before UPDATE, DELETE and TRUNCATE (https://www.postgresql.org/docs/current/catalog-pg-trigger.html)."""
