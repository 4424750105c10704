"""Writes migrations/versions/0002: the triggers that the models ask for, which Alembic does not see."""

import re
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import DDL, create_mock_engine

sys.path.insert(0, str(Path(__file__).parents[1]))

from grants.kernel.tables import Base
from grants.web.db import load_models

FILE = Path(__file__).parents[1] / "migrations" / "versions" / "0002_what_the_database_refuses.py"
HEAD = '''"""What the database itself refuses, whoever asks: written from the models by .ci/first-migration."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

UP = {up}
DOWN = {down}


def upgrade() -> None:
    for statement in UP[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN[op.get_bind().dialect.name]:
        op.execute(statement)
'''


def guards(address: str) -> list[str]:
    """Every statement of the models' own for this database, in the order in which tables are made."""
    found: list[str] = []

    def hear(statement: Any, *_rest: Any, **_named: Any) -> None:
        if isinstance(statement, DDL):
            found.append(statement.statement.replace("%%", "%"))

    Base.metadata.create_all(create_mock_engine(address, hear), checkfirst=False)
    return found


def undo(statement: str, dialect: str) -> str:
    """The statement that takes a guard back."""
    function = re.match(r"CREATE OR REPLACE FUNCTION (\w+)", statement)
    if function:
        return f"DROP FUNCTION {function[1]}"
    trigger = re.match(r"CREATE TRIGGER (\w+) .*? ON (\w+)", statement)
    assert trigger, statement
    return f"DROP TRIGGER {trigger[1]}" + (f" ON {trigger[2]}" if dialect == "postgresql" else "")


def main() -> None:
    load_models()
    up = {
        dialect: guards(address)
        for dialect, address in (("sqlite", "sqlite://"), ("postgresql", "postgresql+psycopg://"))
    }
    down = {dialect: [undo(statement, dialect) for statement in reversed(made)] for dialect, made in up.items()}
    FILE.write_text(HEAD.format(up=up, down=down))


if __name__ == "__main__":
    main()
