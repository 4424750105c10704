"""Writes the first draft of a migration: what Alembic finds, in operations that both databases can do, and the CHECKs and triggers it does not see."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate.api import AutogenContext
from alembic.operations import MigrateOperation, ops
from altering import OPERATIONS
from sqlalchemy import DDL, create_mock_engine

from grants.kernel.tables import Base

VERSIONS = Path(__file__).parent / "versions"
Steps = list[MigrateOperation]
DIALECTS = {"sqlite": "sqlite://", "postgresql": "postgresql+psycopg://"}


def drafted(context: AutogenContext, script: ops.MigrationScript) -> None:
    """Turn what Alembic found into what the migration is to hold, up and down."""
    assert context.connection is not None
    assert script.upgrade_ops is not None
    assert script.downgrade_ops is not None
    new = {step.table_name for step in script.upgrade_ops.ops if isinstance(step, ops.CreateTableOp)}
    up: Steps = []
    down: Steps = []
    for step in script.upgrade_ops.ops:
        if isinstance(step, ops.ModifyTableOps):
            for change, undo in map(suited, [step.table_name] * len(step.ops), step.ops):
                up += change
                down[:0] = undo
        else:
            up.append(step)
            down.insert(0, step.reverse())
    for change, undo in [*checks(context.connection, new), *guards()]:
        up += change
        down[:0] = undo
    script.upgrade_ops.ops, script.downgrade_ops.ops = up, down


def suited(table: str, step: Any) -> tuple[Steps, Steps]:
    """One change of a standing table, and the way back."""
    if isinstance(step, ops.AddColumnOp):
        column = step.column
        drop = OPERATIONS["drop_columns"](table, column.name)
        for key in column.foreign_keys:
            return [OPERATIONS["add_reference"](table, column.name, key.column.table.name)], [drop]
        if isinstance(column.type, sa.Enum):  # its CHECK follows by itself
            step.column = sa.Column(
                column.name,
                sa.String(column.type.length),
                nullable=column.nullable,
                server_default=column.server_default,
            )
        return [step], [drop]
    if isinstance(step, ops.CreateForeignKeyOp) and step.referent_table:
        return [], []  # written with its column
    if isinstance(step, ops.AlterColumnOp) and step.modify_nullable is not None:
        names = ("make_nullable", "make_required")
        there, back = names if step.modify_nullable else reversed(names)
        return [OPERATIONS[there](table, step.column_name)], [OPERATIONS[back](table, step.column_name)]
    if isinstance(step, ops.AlterColumnOp) and isinstance(step.modify_type, sa.String):
        sizes = step.existing_type.length, step.modify_type.length
        resize = OPERATIONS["resize"]
        return [resize(table, step.column_name, *sizes)], [resize(table, step.column_name, *reversed(sizes))]
    if isinstance(step, ops.DropColumnOp):
        return [OPERATIONS["drop_columns"](table, step.column_name)], [step.reverse()]
    return [step], [step.reverse()]


def checks(connection: sa.Connection, new: set[str]) -> list[tuple[Steps, Steps]]:
    """The CHECKs of standing tables that the models word otherwise."""
    models = sa.create_engine("sqlite://")
    Base.metadata.create_all(models)
    found = []
    now, wanted = sa.inspect(connection), sa.inspect(models)
    for table in sorted(set(wanted.get_table_names()) - new):
        before, after = (
            {str(check["name"]): check["sqltext"] for check in looked_at.get_check_constraints(table)}
            for looked_at in (now, wanted)
        )
        for name in sorted(before.keys() | after.keys()):
            add, drop, replace = (OPERATIONS[f"{verb}_check"] for verb in ("add", "drop", "replace"))
            if name not in before:
                found.append(([add(table, name, after[name])], [drop(table, name)]))
            elif name not in after:
                found.append(([drop(table, name)], [add(table, name, before[name])]))
            elif before[name] != after[name]:
                found.append(([replace(table, name, after[name])], [replace(table, name, before[name])]))
    return found


def statements(address: str) -> list[str]:
    """Every statement of the models' own for one kind of database: triggers, and the functions they call."""
    found: list[str] = []

    def hear(statement: Any, *_rest: Any, **_named: Any) -> None:
        if isinstance(statement, DDL):
            found.append(statement.statement.replace("%%", "%"))

    Base.metadata.create_all(create_mock_engine(address, hear), checkfirst=False)
    return found


def named(statement: str) -> str:
    """What makes a trigger or a function the same: ``FUNCTION x``, or ``TRIGGER x ON table``."""
    found = re.match(r"CREATE (?:OR REPLACE )?(?:(FUNCTION \w+)|(TRIGGER \w+).*? (ON \w+))", statement)
    assert found, statement
    return found[1] or f"{found[2]} {found[3]}"


def alone(name: str, dialect: str) -> str:
    """How a DROP names it: SQLite's triggers are named without their table."""
    return name if dialect == "postgresql" else name.split(" ON ")[0]


def standing(dialect: str) -> dict[str, str]:
    """The triggers and functions that the migrations so far have made, as they were worded last."""
    found: dict[str, str] = {}
    for file in sorted(VERSIONS.glob("[0-9]*.py")):
        body = [at for at in ast.parse(file.read_text()).body if not goes_back(at)]
        words = [word for at in body for word in ast.walk(at) if isinstance(word, ast.Constant)]
        for word in sorted(words, key=lambda word: (word.lineno, word.col_offset)):
            if not isinstance(word.value, str):
                continue
            statement = word.value
            if re.match("CREATE (OR REPLACE )?(TRIGGER|FUNCTION) ", statement):
                if dialect == ("postgresql" if re.search("plpgsql|EXECUTE FUNCTION", statement) else "sqlite"):
                    found[named(statement)] = statement
            elif statement.startswith("DROP "):
                gone = statement.removeprefix("DROP ")
                found = {name: made for name, made in found.items() if alone(name, dialect) != gone}
    return found


def goes_back(part: ast.stmt) -> bool:
    """Whether a part of a migration is about undoing it."""
    if isinstance(part, ast.FunctionDef):
        return part.name == "downgrade"
    return isinstance(part, ast.Assign) and any(isinstance(to, ast.Name) and to.id == "DOWN" for to in part.targets)


def guards() -> list[tuple[Steps, Steps]]:
    """The triggers that are new or worded otherwise, on both databases, and the way back."""
    found = []
    for dialect, address in DIALECTS.items():
        before, wanted = standing(dialect), {named(statement): statement for statement in statements(address)}

        def drop(name: str, dialect: str = dialect) -> MigrateOperation:
            return OPERATIONS["on"](dialect, f"DROP {alone(name, dialect)}")

        def make(statement: str, dialect: str = dialect) -> MigrateOperation:
            return OPERATIONS["on"](dialect, statement)

        for name in [*wanted, *(before.keys() - wanted.keys())]:
            old, new = before.get(name), wanted.get(name)
            if old == new:
                continue
            replaces = name.startswith("FUNCTION") and old and new  # what calls it stays
            there = ([drop(name)] if old and not replaces else []) + ([make(new)] if new else [])
            back = ([drop(name)] if new and not replaces else []) + ([make(old)] if old else [])
            found.append((there, back))
    return found
