"""What migrations do to a table that stands, as operations which both databases can do.

``op.add_check`` ``op.drop_check`` ``op.replace_check`` ``op.make_nullable`` ``op.make_required`` ``op.resize`` ``op.add_reference``
``op.drop_columns`` ``op.on``

Alembic's batch mode makes an SQLite table anew from what it can reflect, and loses CHECKs and triggers on the way. Here the table's own
words are kept but for the one part that changes, and its indexes and triggers are put back as they were (the steps of
https://www.sqlite.org/lang_altertable.html#otheralter). Foreign keys rest meanwhile: see ``env.py``.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import sqlalchemy as sa
from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import MigrateOperation, Operations

Definitions = list[str]


class Altering(MigrateOperation):
    """One of the operations below: its name and the words it was given."""

    name = ""

    def __init__(self, *words: object) -> None:
        self.words = words

    @classmethod
    def change(cls, operations: Operations, *words: object) -> None:
        operations.invoke(cls(*words))


OPERATIONS: dict[str, type[Altering]] = {}


def operation(do: Callable[..., None]) -> Callable[..., None]:
    """Make ``op.<name>(…)`` of a function of the connection and the words."""
    made = type(do.__name__, (Altering,), {"name": do.__name__})
    OPERATIONS[do.__name__] = made
    Operations.register_operation(do.__name__, "change")(made)
    Operations.implementation_for(made)(lambda operations, asked: do(operations.get_bind(), *asked.words))

    @renderers.dispatch_for(made)
    def render(_context: AutogenContext, asked: Altering) -> str:
        return f"op.{asked.name}({', '.join(map(repr, asked.words))})"

    return do


def parts(sql: str) -> tuple[str, Definitions, str]:
    """A CREATE TABLE statement as what stands before its definitions, these, and what stands after.

    >>> parts("CREATE TABLE a (b INTEGER, CONSTRAINT c CHECK (b IN (1, 2) AND d <> '),'), d TEXT)")[1]
    ['b INTEGER', "CONSTRAINT c CHECK (b IN (1, 2) AND d <> '),')", 'd TEXT']
    """
    start = sql.index("(") + 1
    found, begun, depth, quote = [], start, 1, ""
    for at in range(start, len(sql)):
        mark = sql[at]
        if quote:
            quote = "" if mark == quote else quote
        elif mark in "'\"":
            quote = mark
        else:
            depth += {"(": 1, ")": -1}.get(mark, 0)
            if not depth or (depth == 1 and mark == ","):
                found.append(sql[begun:at].strip())
                begun = at + 1
            if not depth:
                return sql[:start], found, sql[at:]
    raise ValueError("a CREATE TABLE statement without an end")


def find(definitions: Definitions, start: str) -> int:
    for at, definition in enumerate(definitions):
        if re.match(rf"{start}(?!\w)", definition):
            return at
    raise LookupError(f"no definition begins with {start}")


def rewrite(connection: sa.Connection, table: str, change: Callable[[Definitions], object]) -> None:
    """Make an SQLite table anew with its definitions changed; its rows, indexes and triggers are kept."""

    def words(kinds: str) -> list[str]:
        asked = sa.text(
            f"SELECT sql FROM sqlite_master WHERE type IN ({kinds}) AND tbl_name = :name AND sql IS NOT NULL ORDER BY rowid"
        )
        return list(connection.scalars(asked, {"name": table}))

    def columns(name: str) -> list[str]:
        return list(connection.scalars(sa.text(f"SELECT name FROM pragma_table_info('{name}')")))

    (sql,), beside = words("'table'"), words("'index', 'trigger'")
    _, definitions, end = parts(sql)
    change(definitions)
    run = connection.exec_driver_sql
    run("PRAGMA legacy_alter_table=ON")  # else the renaming would read the triggers of other tables that name this one
    run(f"CREATE TABLE {table}_anew (\n\t" + ", \n\t".join(definitions) + "\n" + end)
    kept = ", ".join(f'"{name}"' for name in columns(f"{table}_anew"))
    run(f"INSERT INTO {table}_anew ({kept}) SELECT {kept} FROM {table}")
    run(f"DROP TABLE {table}")
    run(f"ALTER TABLE {table}_anew RENAME TO {table}")
    for statement in beside:
        run(statement)
    run("PRAGMA legacy_alter_table=OFF")


def alter(
    connection: sa.Connection, table: str, on_postgresql: str, on_sqlite: Callable[[Definitions], object]
) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"ALTER TABLE {table} {on_postgresql}".replace("%", "%%"))
    else:
        rewrite(connection, table, on_sqlite)


def reworded(definitions: Definitions, column: str, old: str, new: str) -> None:
    at = find(definitions, f'"?{column}"?')
    if old not in definitions[at]:
        raise LookupError(f"{definitions[at]} holds no {old}")
    definitions[at] = definitions[at].replace(old, new, 1)


@operation
def add_check(connection: sa.Connection, table: str, name: str, condition: str) -> None:
    clause = f"CONSTRAINT {name} CHECK ({condition})"
    alter(connection, table, f"ADD {clause}", lambda definitions: definitions.append(clause))


@operation
def drop_check(connection: sa.Connection, table: str, name: str) -> None:
    alter(
        connection,
        table,
        f"DROP CONSTRAINT {name}",
        lambda definitions: definitions.pop(find(definitions, f"CONSTRAINT {name}")),
    )


@operation
def replace_check(connection: sa.Connection, table: str, name: str, condition: str) -> None:
    clause = f"CONSTRAINT {name} CHECK ({condition})"

    def change(definitions: Definitions) -> None:
        definitions[find(definitions, f"CONSTRAINT {name}")] = clause

    alter(connection, table, f"DROP CONSTRAINT {name}, ADD {clause}", change)


@operation
def make_nullable(connection: sa.Connection, table: str, column: str) -> None:
    alter(
        connection, table, f"ALTER COLUMN {column} DROP NOT NULL", lambda kept: reworded(kept, column, " NOT NULL", "")
    )


@operation
def make_required(connection: sa.Connection, table: str, column: str) -> None:
    def change(definitions: Definitions) -> None:
        definitions[find(definitions, f'"?{column}"?')] += " NOT NULL"

    alter(connection, table, f"ALTER COLUMN {column} SET NOT NULL", change)


@operation
def resize(connection: sa.Connection, table: str, column: str, before: int, after: int) -> None:
    """Let a VARCHAR column hold ``after`` characters instead of ``before``."""
    alter(
        connection,
        table,
        f"ALTER COLUMN {column} TYPE VARCHAR({after})",
        lambda kept: reworded(kept, column, f"VARCHAR({before})", f"VARCHAR({after})"),
    )


@operation
def add_reference(connection: sa.Connection, table: str, column: str, target: str) -> None:
    """Add a column, empty so far, that names a row of ``target`` by its id."""
    kind = "UUID" if connection.dialect.name == "postgresql" else "CHAR(32)"
    connection.exec_driver_sql(
        f"ALTER TABLE {table} ADD COLUMN {column} {kind} CONSTRAINT fk_{table}_{column} REFERENCES {target} (id)"
    )


@operation
def drop_columns(connection: sa.Connection, table: str, *columns: str) -> None:
    """Drop columns; a CHECK or an index that names one is dropped before."""

    def change(definitions: Definitions) -> None:
        for column in columns:
            definitions.pop(find(definitions, f'"?{column}"?'))

    alter(connection, table, ", ".join(f"DROP COLUMN {column}" for column in columns), change)


@operation
def on(connection: sa.Connection, dialect: str, statement: str) -> None:
    """Run a statement on one kind of database only: triggers are written differently for each."""
    if connection.dialect.name == dialect:
        connection.exec_driver_sql(statement.replace("%", "%%") if dialect == "postgresql" else statement)
