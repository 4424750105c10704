"""The migrations build what the models say, on both databases."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import Column, Connection, Engine, MetaData, Table, Uuid, create_engine, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from grants.awards.rules import ChangeKind, ChangeRequestAction, Wanted
from grants.awards.service import amendments
from grants.disbursements.rules import DisbursementState
from grants.disbursements.service import unpayable
from grants.kernel.actors import Role
from grants.kernel.tables import Base, append_only_ddl
from grants.ledger import service as ledger
from grants.people.models import Group
from tests.builders.awards import an_award
from tests.builders.disbursements import a_disbursement
from tests.builders.funds import a_contribution
from tests.builders.people import a_member, a_person, actor_of
from tests.support.postgres import Server, a_database
from tests.support.work import work

MIGRATIONS = Path(__file__).parents[2] / "migrations"
TRIGGERS = {
    "sqlite": "SELECT sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name",
    "postgresql": """
        SELECT pg_get_triggerdef(t.oid) || ' ' || p.prosrc FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
        WHERE NOT t.tgisinternal ORDER BY t.tgname
    """,
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


def test_the_way_back_is_open_when_there_is_data_and_so_is_the_way_up_again(
    empty_urls: tuple[str, str], make_app: Callable[..., Flask]
) -> None:
    """An award whose group asked for another sum, was asked about it, and of which a part was taken off."""
    url, _ = empty_urls
    app, engine = make_app(url), create_engine(url)
    try:
        with app.app_context():
            upgrade(str(MIGRATIONS))
        with Session(engine) as session:
            award = an_award(session, contributions=[a_contribution(session)], parts=[50_000, 40_000])
            group = actor_of(session, a_member(session, session.get_one(Group, award.group_id)))
            asked = amendments.ask_change(
                work(session, group), award.id, ChangeKind.SUM, "More.", "Rain.", Wanted(amount_minor=100_000)
            )
            steward = actor_of(session, a_person(session, Role.STEWARD))
            amendments.answer_change(work(session, steward), asked.id, ChangeRequestAction.QUERY, "How much?")
            amendments.change_again(
                work(session, group), asked.id, ChangeKind.SUM, "Much more.", "Snow.", Wanted(amount_minor=120_000)
            )
            failed = a_disbursement(session, award, state=DisbursementState.FAILED, instalment=2)
            unpayable.take_off(work(session, steward), failed.id, "Closed.")
            ledger.through_provider(
                work(session), award.fund_id, provider="stripe", ref="1", amount_minor=500, fee_minor=20, memo=""
            )
            session.commit()
        with app.app_context():
            downgrade(str(MIGRATIONS), revision="0009")
        with engine.connect() as connection:
            changes = connection.execute(text("SELECT kind, wish FROM change_request")).all()
            parts = connection.scalar(text("SELECT count(*) FROM instalment"))
        assert ([tuple(one) for one in changes], parts) == ([("money", "Much more.")], 2)
        with app.app_context():
            upgrade(str(MIGRATIONS))
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM ledger_entry WHERE event = 'provider.moved'")) == 1
    finally:
        engine.dispose()


def guards(engine: Engine) -> dict[str, list[str]]:
    """What Alembic does not compare: the CHECKs of every table, and the triggers."""
    looked_at = inspect(engine)
    found = {
        table: sorted(f"{check['name']} {check['sqltext']}" for check in looked_at.get_check_constraints(table))
        for table in looked_at.get_table_names()
        if table != "alembic_version"
    }
    with engine.connect() as connection:
        found["triggers"] = list(connection.scalars(text(TRIGGERS[engine.dialect.name])))
    return found


def test_a_table_that_stands_keeps_its_rows_and_guards_when_altered(empty_urls: tuple[str, str]) -> None:
    engine = create_engine(empty_urls[0])
    try:
        with engine.begin() as connection:
            for statement in STANDING:
                connection.exec_driver_sql(statement)
            make_append_only(engine.dialect.name, connection)
            op = loaded_operations(connection)
            op.add_check("pot", "ck_pot_whole", "pence % 5 = 0 AND word <> '),('")
            op.replace_check("pot", "ck_pot_positive", "pence > 9")
            op.drop_check("pot", "ck_pot_word")
            op.make_nullable("pot", "word")
            op.make_required("pot", "spare")
            op.resize("pot", "word", 9, 20)
            op.add_reference("pot", "of_id", "pot")
            op.drop_columns("pot", "gone", "gone_too")
        looked_at = inspect(engine)
        columns = {column["name"]: column for column in looked_at.get_columns("pot")}
        assert set(columns) == {"id", "pence", "word", "spare", "of_id"}
        assert columns["word"]["nullable"]
        assert not columns["spare"]["nullable"]
        assert columns["word"]["type"].length == 20  # type: ignore[attr-defined]
        assert {index["name"] for index in looked_at.get_indexes("pot")} == {"ix_pot_pence"}
        assert [key["constrained_columns"] for key in looked_at.get_foreign_keys("pot")] == [["of_id"]]
        assert {check["name"] for check in looked_at.get_check_constraints("pot")} == {
            "ck_pot_whole",
            "ck_pot_positive",
        }
        with engine.connect() as connection:
            assert connection.execute(text("SELECT pence, word, spare FROM pot")).all() == [(10, "ten, (x)", "kept")]
        for refused in (
            "INSERT INTO pot (id, pence, spare) VALUES ('00000000000000000000000000000002', 5, 's')",
            "INSERT INTO pot (id, pence, spare) VALUES ('00000000000000000000000000000002', 12, 's')",
            "UPDATE pot SET pence = 20",
            "INSERT OR REPLACE INTO pot (id, pence, spare) VALUES ('00000000000000000000000000000001', 20, 's')",
        ):
            with pytest.raises(DBAPIError), engine.begin() as connection:
                connection.execute(text(refused))
    finally:
        engine.dispose()


STANDING = (
    """CREATE TABLE pot (
        id UUID PRIMARY KEY, pence INTEGER NOT NULL, word VARCHAR(9) NOT NULL, gone TEXT, spare TEXT, gone_too TEXT,
        CONSTRAINT ck_pot_positive CHECK (pence > 0), CONSTRAINT ck_pot_word CHECK (word <> 'a, (b')
    )""",
    "CREATE INDEX ix_pot_pence ON pot (pence)",
    "INSERT INTO pot VALUES ('00000000000000000000000000000001', 10, 'ten, (x)', 'x', 'kept', 'y')",
)


def make_append_only(dialect: str, connection: Connection) -> None:
    for statement in append_only_ddl(Table("pot", MetaData(), Column("id", Uuid(), primary_key=True)))[dialect]:
        connection.exec_driver_sql(statement)


def test_a_draft_finds_no_trigger_to_make_where_none_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(MIGRATIONS))
    described = spec_from_file_location("drafting", MIGRATIONS / "drafting.py")
    assert described is not None
    assert described.loader is not None
    drafting = module_from_spec(described)
    described.loader.exec_module(drafting)
    assert len(drafting.standing("sqlite")) == len(drafting.statements("sqlite://")) > 0
    assert drafting.guards() == []


def loaded_operations(connection: Connection) -> Any:
    """Alembic's operations with ours, as a migration has them."""
    described = spec_from_file_location("altering", MIGRATIONS / "altering.py")
    assert described is not None
    assert described.loader is not None
    described.loader.exec_module(module_from_spec(described))
    return Operations(MigrationContext.configure(connection))
