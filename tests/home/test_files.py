"""A store of files that is away leaves nothing half done, and what belongs to nothing is swept."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import BytesIO

import pytest
from flask import Flask
from sqlalchemy import String, func, select
from sqlalchemy.orm import Session

from grants.adapters.memory_storage import MemoryStore
from grants.kernel.tables import Base
from grants.payees.models import BankAccount, GroupCheck
from grants.payees.rules.accounts import BankAccountState
from grants.ports.storage import StoreAway
from grants.reports.models import Picture
from grants.reports.rules import ReportState
from grants.web.db import WRITES, now
from tests.builders.awards import a_group_of_two
from tests.builders.payees import a_bank_account
from tests.builders.people import a_member
from tests.builders.reports import a_report
from tests.conftest import SignIn
from tests.reports.test_service import png
from tests.support.schema import load_models

PDF = b"%PDF-1.7\na statement\n%%EOF\n"


class Away(MemoryStore):
    """A store that does not answer."""

    def put(self, content: bytes, *, suffix: str) -> str:
        raise StoreAway("closed")

    def names_before(self, moment: datetime) -> list[str]:
        raise StoreAway("closed")


@pytest.mark.parametrize("what", ["statement", "picture"])
def test_a_store_that_is_away_leaves_nothing_half_done(
    app: Flask, as_: SignIn, app_session: Session, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    app_session.connection(execution_options={WRITES: True})
    account = a_bank_account(app_session, a_group_of_two(app_session), state=BankAccountState.PROVIDED)
    report = a_report(app_session, state=ReportState.DRAFT)
    group = account.group if what == "statement" else report.award.group
    member = a_member(app_session, group)
    account_id, report_id = account.id, report.id
    app_session.commit()
    client = as_(member)
    monkeypatch.setitem(app.extensions, "files", Away())
    if what == "statement":
        data: dict[str, object] = {"paper": (BytesIO(PDF), "statement.pdf")}
        path = f"/bank-accounts/{account_id}/statement"
    else:
        data = {"picture": (BytesIO(png()), "beans.png"), "alt": "Beans", "consent": "y"}
        path = f"/reports/{report_id}/pictures"
    answer = client.post(path, data=data, content_type="multipart/form-data")
    assert (answer.status_code, "Nothing was saved" in answer.text) == (503, True)
    app_session.rollback()
    assert app_session.get_one(BankAccount, account_id).state is BankAccountState.PROVIDED
    assert app_session.scalar(select(func.count()).select_from(Picture)) == 0


def test_what_belongs_to_nothing_is_swept_after_a_day(
    app: Flask, app_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryStore()
    monkeypatch.setitem(app.extensions, "files", store)
    kept, orphan, young = (store.put(b"x", suffix="pdf") for _ in range(3))
    account = a_bank_account(app_session, a_group_of_two(app_session), state=BankAccountState.EVIDENCED)
    account.paper = kept
    app_session.commit()
    with app.app_context():
        for name in store.at:
            store.at[name] = now() - timedelta(days=2)
        store.at[young] = now() - timedelta(hours=2)
    words = "1 files that belonged to nothing were taken away, 1 are kept\n"
    run = app.test_cli_runner().invoke(args=["files", "sweep"])
    assert (run.output, sorted(store.kept)) == (words, sorted([kept, young]))
    monkeypatch.setitem(app.extensions, "files", Away())
    away = app.test_cli_runner().invoke(args=["files", "sweep"])
    assert (away.exit_code, "does not answer" in away.output) == (1, True)
    assert orphan not in store.kept


def test_the_broom_knows_every_column_that_names_a_file() -> None:
    """A file of a column that it does not know would be swept: name such a column like these, and tell the broom."""
    load_models()
    found = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, String) and column.name in ("paper", "stored_name", "stored", "file_name")
    }
    told = {f"{one.__tablename__}.paper" for one in (BankAccount, GroupCheck)}
    assert found == told | {f"{Picture.__tablename__}.stored_name", "proposal_file.stored_name"}
