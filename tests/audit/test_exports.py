"""The exported books, checked by tools that we did not write: bean-check and hledger."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from grants.audit.exports.journal import Format, told
from grants.audit.queries import books as books_queries
from grants.audit.rules import ToldBooks
from grants.disbursements.rules import DisbursementState
from grants.funds.models import Contribution
from grants.kernel.clock import london_day
from grants.ledger import service as ledger
from grants.ledger.rules import Line, Pocket, bank_code, moved, refunds_code
from tests.builders.awards import an_award
from tests.builders.disbursements import a_disbursement
from tests.builders.funds import a_contribution, a_fund, a_funder
from tests.conftest import missing
from tests.support.clock import START
from tests.support.work import work

DAY = timedelta(days=1)
Checker = Callable[[str], bool]


def run(command: list[str], text: str, file: Path) -> bool:
    file.write_text(text, encoding="utf-8")
    environ = {**os.environ, "LANG": "C.UTF-8", "BEANCOUNT_DISABLE_LOAD_CACHE": "1"}
    return subprocess.run([*command, str(file)], capture_output=True, env=environ, check=False).returncode == 0


@pytest.fixture
def holds(tmp_path: Path) -> dict[Format, Checker]:
    """Whether the tool of each format takes a text."""
    bean = Path(sys.executable).with_name("bean-check")
    hledger = shutil.which(os.environ.get("HLEDGER", "hledger"))
    if hledger is None:
        missing(FileNotFoundError("no hledger: .ci/hledger fetches it"))
    return {
        Format.BEANCOUNT: lambda text: run([str(bean)], text, tmp_path / "books.beancount"),
        Format.HLEDGER: lambda text: run([hledger, "check", "--strict", "-f"], text, tmp_path / "books.journal"),
    }


def some_money(session: Session) -> tuple[Contribution, Contribution]:
    """Two funders with names that no tool likes: money in, promised, paid, and some given back, over some days."""
    fund = a_fund(session, name='The "Tees"; fund | Größe  two\nlines')
    one = a_contribution(session, fund, 200_000, funder=a_funder(session, name="=A council, with 2  blanks"))
    two = a_contribution(session, fund, 100_001, funder=a_funder(session, name="Ωμέγα"))
    award = an_award(session, amount_minor=1_000, contributions=[one, two])
    a_disbursement(session, award, state=DisbursementState.PAID)
    an_award(session, amount_minor=5_000, contributions=[one])
    ledger.post(
        work(session, now=START + 2 * DAY),
        key="refund:1",
        event="contribution.given_back",
        fund_id=fund.id,
        memo='BACS "7"; a | b @ 5 GBP',
        lines=[
            *moved(two.id, 333, Pocket.AVAILABLE, Pocket.RETURNED, None),
            Line(refunds_code(fund.id), 333),
            Line(bank_code(fund.id), -333),
        ],
    )
    session.flush()
    return one, two


def text_of(books: ToldBooks, format: Format) -> str:
    return "".join(told(books, format))


def every(session: Session, format: Format, **which: object) -> str:
    return text_of(books_queries.books_told(session, START + 9 * DAY, **which), format)  # type: ignore[arg-type]


TOOLS = [Format.BEANCOUNT, Format.HLEDGER]


@pytest.mark.parametrize("format", TOOLS)
def test_the_tools_of_others_agree_with_the_books_and_miss_no_penny(
    any_session: Session, holds: dict[Format, Checker], format: Format
) -> None:
    one, _ = some_money(any_session)
    for ref, amount, fee in (("txn_1", 10_000, 170), ("txn_2", -10_000, 2_000), ("txn_3", 0, 55)):
        ledger.through_provider(
            work(any_session), one.fund_id, provider="stripe", ref=ref, amount_minor=amount, fee_minor=fee, memo="a; b"
        )
    books = every(any_session, format)
    assert "Provider  -22.25 GBP" in books or "Provider  0.00 GBP = -22.25 GBP" in books
    assert holds[format](books)
    one_line = books.replace("  -3.33 GBP\n", "  -3.34 GBP\n", 1)
    refunds = "Expenses:The-Tees-fund-Groe-two-lines:Refunds  3.33"
    assert refunds in books
    whole_entry = one_line.replace(refunds, refunds.replace("3.33", "3.34"), 1)
    asserted = books.replace("2986.68 GBP", "2986.69 GBP", 1)
    for edited in (one_line, whole_entry, asserted):
        assert edited != books
        assert not holds[format](edited)


@pytest.mark.parametrize("format", TOOLS)
def test_a_funder_s_share_is_whole_and_nobody_else_s(
    session: Session, holds: dict[Format, Checker], format: Format
) -> None:
    one, two = some_money(session)
    books = every(session, format, funder_id=two.funder_id)
    assert str(one.id)[:8] not in books
    assert "Funder-" in books
    assert holds[format](books)
    ends = books_queries.books_told(session, START + 9 * DAY, None, two.funder_id).accounts.values()
    stood = {told.name.rsplit(":", 1)[-1]: told.closing_minor for told in ends}
    paid = 333  # of the award of £10, by largest remainder
    assert stood == {
        "Bank": 100_001 - paid - 333, "Grants": paid, "Refunds": 333, "Available": -(100_001 - paid - 333),
        "Committed": 0, "Sending": 0, "Paid": -paid, "Returned": -333,
    }  # fmt: skip


@pytest.mark.parametrize("format", TOOLS)
def test_a_part_of_the_books_begins_where_the_part_before_ended(
    session: Session, holds: dict[Format, Checker], format: Format
) -> None:
    some_money(session)
    before = books_queries.books_told(session, START + DAY)
    after = books_queries.books_told(session, START + 9 * DAY, START + DAY + timedelta(microseconds=1))
    assert {id: one.closing_minor for id, one in before.accounts.items()} == {
        id: one.opening_minor for id, one in after.accounts.items()
    }
    assert [entry.key for entry in after.entries] == ["refund:1"]
    text = every(session, format, since=START + DAY)
    assert holds[format](text)
    edited = text.replace("2990.01 GBP", "2990.02 GBP", 1)
    assert edited != text
    assert not holds[format](edited)


def test_every_entry_names_its_event_in_a_comment(session: Session) -> None:
    some_money(session)
    for format in TOOLS:
        lines = every(session, format).splitlines()
        comments = [line for line in lines if line.startswith("; ") and "." in line.split()[1]]
        assert comments[-1] == "; contribution.given_back refund:1"
        assert len(comments) == len(list(books_queries.books_told(session, START + 9 * DAY).entries)) == 7


def test_the_table_adds_up_for_every_account(any_session: Session) -> None:
    some_money(any_session)
    rows = list(csv.DictReader(StringIO(every(any_session, Format.CSV))))
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        sums[row["Account"]] += Decimal(row["Pounds"]) * (-1 if row["Kind"] == "closing" else 1)
    assert set(sums.values()) == {Decimal(0)}
    assert {row["Kind"] for row in rows} == {"opening", "entry", "closing"}
    assert all(not cell.startswith(("=", "@", "+")) for row in rows for cell in row.values())


def test_the_command_prints_what_the_tools_take(app: Flask, app_session: Session, holds: dict[Format, Checker]) -> None:
    one = a_contribution(app_session, a_fund(app_session), 700, at=START - 5 * DAY)
    a_contribution(app_session, one.fund, 40, at=START - 2 * DAY)
    app_session.commit()
    runner = app.test_cli_runner()

    def export(*words: str) -> str:
        done = runner.invoke(args=["books", "export", *words])
        assert done.exit_code == 0, done.output
        return done.output

    for format in TOOLS:
        assert holds[format](export("--format", format.value))
    past = export("--as-at", str(london_day(START - 3 * DAY)))
    assert "7.40" not in past
    assert "7.00 GBP" in past
    later = export("--since", str(london_day(START - 3 * DAY)))
    assert '"Opening balances"' in later
    assert holds[Format.BEANCOUNT](later)
    assert "7.40" not in export("--funder", str(one.funder_id))
    nobody = runner.invoke(args=["books", "export", "--funder", str(UUID(int=5))])
    assert (nobody.exit_code, "no such funder" in nobody.output) == (2, True)
    assert runner.invoke(args=["books", "export", "--since", "2030-01-01"]).exit_code == 2
