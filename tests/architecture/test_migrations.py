"""The migrations build what the models say, on both databases."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import Engine, create_engine, inspect, text

from grants.kernel.tables import Base
from tests.support.postgres import Server, a_database

MIGRATIONS = Path(__file__).parents[2] / "migrations"
TRIGGERS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname",
}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty_urls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Two empty databases of one kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'migrated.db'}", f"sqlite:///{tmp_path / 'created.db'}"
        return
    server: Server = request.getfixturevalue("postgres_server")
    with a_database(server) as one, a_database(server) as two:
        yield server.url(one), server.url(two)


def test_one_head_and_numbers_without_gaps() -> None:
    script = ScriptDirectory(str(MIGRATIONS))
    assert len(script.get_heads()) == 1
    numbers = sorted(int(re.match(r"(\d{4})_", file.name)[1]) for file in (MIGRATIONS / "versions").glob("*.py"))  # type: ignore[index]
    assert numbers == list(range(1, len(numbers) + 1))


def test_migrations_build_what_the_models_say(empty_urls: tuple[str, str], make_app: Callable[..., Flask]) -> None:
    migrated_url, created_url = empty_urls
    app = make_app(migrated_url)
    with app.app_context():
        upgrade(str(MIGRATIONS))
    created, migrated = create_engine(created_url), create_engine(migrated_url)
    try:
        Base.metadata.create_all(created)
        with migrated.connect() as connection:
            context = MigrationContext.configure(
                connection, opts={"compare_type": True, "compare_server_default": True}
            )
            assert compare_metadata(context, Base.metadata) == []
        assert guards(migrated) == guards(created)
        with app.app_context():
            downgrade(str(MIGRATIONS), revision="base")
        assert set(inspect(migrated).get_table_names()) <= {"alembic_version"}
    finally:
        created.dispose()
        migrated.dispose()


def guards(engine: Engine) -> dict[str, list[str]]:
    """What Alembic does not compare: the CHECKs of every table, and the triggers."""
    looked_at = inspect(engine)
    found = {
        table: sorted(str(check["name"]) for check in looked_at.get_check_constraints(table))
        for table in looked_at.get_table_names()
        if table != "alembic_version"
    }
    with engine.connect() as connection:
        found["triggers"] = list(connection.scalars(text(TRIGGERS[engine.dialect.name])))
    return found
